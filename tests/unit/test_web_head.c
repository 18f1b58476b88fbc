/* test_web_head - heads of requests: what goes on and with which status the others are refused, the
 * fields that are kept, and each bound. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "head.h"

/* fields: "Name:value" lines. */
static void read_head(struct head *h, const char *method, struct span target,
    const char *version, struct span fields)
{
	struct span rest = fields, line;

	head_begin(h, span_cstr(method), target, span_cstr(version));
	while (span_next(&rest, '\n', &line)) {
		size_t colon = span_find(line, ':', 0);

		head_field(h, span_head(line, colon), span_from(line, colon + 1));
	}
}

#define H1 "HTTP/1.1"

static const struct {
	const char *method, *target, *version, *fields;
	unsigned status;
} rows[] = {
	{ "GET", "/", H1, "Host:a.example", 0 },
	{ "GET", "/", "HTTP/1.0", "Host:a.example", 0 },
	{ "BREW", "/", H1, "Host:a.example", 0 }, /* the route says 405 */
	{ "GET", "/", "HTTP/1.2", "Host:a.example", 400 },
	{ "GET", "/", "HTTP/2.0", "Host:a.example", 400 },
	{ "GET", "/", "http/1.1", "Host:a.example", 400 },
	{ "GET", "/", "", "Host:a.example", 400 },
	/* Targets. */
	{ "GET", "", H1, "Host:a.example", 400 },
	{ "GET", "*", H1, "Host:a.example", 400 },
	{ "GET", "a.example:80", H1, "Host:a.example", 400 },
	{ "GET", "http://a.example/", H1, "Host:a.example", 400 },
	{ "GET", "/a b", H1, "Host:a.example", 400 },
	{ "GET", "/a\tb", H1, "Host:a.example", 400 },
	{ "GET", "/\x7f", H1, "Host:a.example", 400 },
	{ "GET", "/\xc3\xa4", H1, "Host:a.example", 400 },
	{ "GET", "/~!%41;?x", H1, "Host:a.example", 0 },
	/* Host. */
	{ "GET", "/", H1, "", 400 },
	{ "GET", "/", H1, "Host:", 400 },
	{ "GET", "/", H1, "Host:a.example\nHost:a.example", 400 },
	{ "GET", "/", H1, "HOST:a.example\nhost:b.example", 400 },
	{ "GET", "/", H1, "Host:a.example:8025", 0 },
	{ "GET", "/", H1, "Host:[2001:db8::1]:80", 0 },
	{ "GET", "/", H1, "Host:a_b-c.example", 0 },
	{ "GET", "/", H1, "Host:a.example/x", 400 },
	{ "GET", "/", H1, "Host:a.example, b.example", 400 },
	{ "GET", "/", H1, "Host:u@a.example", 400 },
	{ "GET", "/", H1, "Host:a%41.example", 400 },
	{ "GET", "/", H1, "Host:\xc3\xa4.example", 0 },
	/* Names and values. */
	{ "GET", "/", H1, "Host:a.example\n:x", 400 },
	{ "GET", "/", H1, "Host:a.example\nX Y:z", 400 },
	{ "GET", "/", H1, "Host:a.example\nX :z", 400 },
	{ "GET", "/", H1, "Host:a.example\nX(Y:z", 400 },
	{ "GET", "/", H1, "Host:a.example\nX\xc3:z", 400 },
	{ "GET", "/", H1, "Host:a.example\n!#$%&'*+-.^_`|~09azAZ:\t~\xff ", 0 },
	{ "GET", "/", H1, "Host:a.example\nX:a\rb", 400 },
	{ "GET", "/", H1, "Host:a.example\nX:\x01", 400 },
	{ "GET", "/", H1, "Host:a.example\nX:\x7f", 400 },
	/* How long is the body? */
	{ "POST", "/", H1, "Host:a\nContent-Length:0", 0 },
	{ "POST", "/", H1, "Host:a\nContent-Length:26", 0 },
	{ "POST", "/", H1, "Host:a", 411 },
	{ "POST", "/", H1, "Host:a\nContent-Length:4096", 0 },
	{ "POST", "/", H1, "Host:a\nContent-Length:4097", 413 },
	{ "POST", "/", H1, "Host:a\nContent-Length:18446744073709551615", 413 },
	{ "POST", "/", H1, "Host:a\nContent-Length:18446744073709551616", 400 },
	{ "POST", "/", H1, "Host:a\nContent-Length:", 400 },
	{ "POST", "/", H1, "Host:a\nContent-Length:+1", 400 },
	{ "POST", "/", H1, "Host:a\nContent-Length:-1", 400 },
	{ "POST", "/", H1, "Host:a\nContent-Length:0x1", 400 },
	{ "POST", "/", H1, "Host:a\nContent-Length:1 ", 400 },
	{ "POST", "/", H1, "Host:a\nContent-Length:1,1", 400 },
	{ "POST", "/", H1, "Host:a\nContent-Length:1\nContent-Length:1", 400 },
	{ "POST", "/", H1, "Host:a\ncontent-length:1\nCONTENT-LENGTH:2", 400 },
	{ "POST", "/", H1, "Host:a\nTransfer-Encoding:chunked", 411 },
	{ "POST", "/", H1, "Host:a\ntransfer-encoding:identity", 411 },
	{ "POST", "/", H1, "Host:a\nTransfer-Encoding:", 411 },
	{ "POST", "/", H1, "Host:a\nTransfer-Encoding:chunked\nContent-Length:1", 400 },
	{ "GET", "/", H1, "Host:a\nTransfer-Encoding:chunked", 411 },
	{ "GET", "/", H1, "Host:a\nContent-Length:0", 0 },
	{ "GET", "/", H1, "Host:a\nContent-Length:1", 400 },
	{ "HEAD", "/", H1, "Host:a\nContent-Length:1", 400 },
	{ "PUT", "/", H1, "Host:a\nContent-Length:1", 400 },
	{ "POST", "/", H1, "Host:a\nContent-Length:1\nContent-Type:x\nContent-Type:x", 400 },
};

START_TEST(judged)
{
	struct head h;

	read_head(&h, rows[_i].method, span_cstr(rows[_i].target), rows[_i].version,
	    span_cstr(rows[_i].fields));
	ck_assert_uint_eq(head_judge(&h), rows[_i].status);
}
END_TEST

static void is(struct span got, const char *want)
{
	ck_assert_msg(span_eq(got, span_cstr(want)), "'%.*s' is not '%s'", SPAN_ARG(got), want);
}

START_TEST(kept)
{
	struct head h;

	read_head(&h, "POST", SPAN("/u/x?y?z"), H1,
	    SPAN("hOST:a\nUser-Agent:one\nuser-agent:two\nAccept-Language:de\nReferer:r\n"
		 "Sec-Purpose:prefetch\nPurpose:other\nContent-Type:t\nContent-Length:3\n"
		 "Sec-GPC:1"));
	ck_assert_int_eq(h.request.method, METHOD_POST);
	is(h.request.path, "/u/x");
	is(h.request.host, "a");
	is(h.request.agent, "one");
	is(h.request.accept_language, "de");
	is(h.request.referer, "r");
	is(h.request.purpose, "prefetch");
	is(h.request.content_type, "t");
	is(h.content_length, "3");
	is(h.request.privacy, "1");
	ck_assert(!h.request.via_proxy);
	ck_assert_uint_eq(h.fields, 10);

	/* What our proxy wrote stands last. */
	read_head(&h, "GET", SPAN("/"), H1,
	    SPAN("Host:a\nX-Forwarded-For:one\nX-FORWARDED-FOR:two\nX-Forwarded-Host:h\n"
		 "X-Forwarded-Host:i\nSec-GPC:0"));
	ck_assert(h.request.via_proxy);
	is(h.request.privacy, "0");
	is(h.request.forwarded_for, "two");
	is(h.request.forwarded_host, "i");
	ck_assert_int_eq(h.request.method, METHOD_GET);
}
END_TEST

static const char *const by_proxy[] = { "X-Forwarded-For", "X-Forwarded-Host",
	"X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via", "vIA" };
static const char *const by_nobody[] = { "X-Forwarded-Foo", "X-Real-I", "Viaa", "Vi", "V",
	"Forwarde", "User-Agen7", "Hos", "Hosts", "ost", "X-Forwarded-Fo\xf2" };

START_TEST(names)
{
	struct head h;

	for (size_t i = 0; i < ARRAY_SIZE(by_proxy); i++) {
		head_begin(&h, SPAN("GET"), SPAN("/"), SPAN(H1));
		head_field(&h, span_cstr(by_proxy[i]), SPAN("x"));
		ck_assert(h.request.via_proxy);
	}
	for (size_t i = 0; i < ARRAY_SIZE(by_nobody); i++) {
		head_begin(&h, SPAN("GET"), SPAN("/"), SPAN(H1));
		head_field(&h, span_cstr(by_nobody[i]), SPAN("x"));
		ck_assert(!h.request.via_proxy && h.hosts == 0);
		ck_assert_uint_eq(h.request.agent.n, 0);
	}
}
END_TEST

/* Every octet in a name, a value, a target, a host. */
START_TEST(octets)
{
	static const char tchar[] = "!#$%&'*+-.^_`|~";

	for (int i = 0; i < 256; i++) {
		char c = (char)i, target[2] = { '/', c };
		bool alnum = ascii_alpha(c) || ascii_digit(c);
		struct head h;

		head_begin(&h, SPAN("GET"), SPAN("/"), SPAN(H1));
		head_field(&h, span_make(&c, 1), SPAN(""));
		ck_assert_int_eq(
		    h.malformed, !alnum && (i == 0 || memchr(tchar, c, sizeof tchar) == NULL));
		head_begin(&h, SPAN("GET"), SPAN("/"), SPAN(H1));
		head_field(&h, SPAN("x"), span_make(&c, 1));
		ck_assert_int_eq(h.malformed, (i < 32 && i != '\t') || i == 127);
		head_begin(&h, SPAN("GET"), span_make(target, 2), SPAN(H1));
		ck_assert_int_eq(h.malformed, i <= 32 || i >= 127);
		head_begin(&h, SPAN("GET"), SPAN("/"), SPAN(H1));
		head_field(&h, SPAN("Host"), span_make(&c, 1));
		ck_assert_int_eq(head_judge(&h) == 0,
		    alnum || i >= 128 || (i != 0 && strchr("-._:[]", c) != NULL));
	}
}
END_TEST

START_TEST(bounds)
{
	struct buf text = BUF_INIT(65536);
	struct head h;

	for (size_t over = 0; over < 2; over++) {
		/* "GET / HTTP/1.1" and "Host: a", each with its line end, are 16 + 9 octets. */
		buf_reset(&text);
		while (text.n < HEAD_OCTETS_MAX - 16 - 9 - 5 + over)
			buf_add_char(&text, 'x');
		read_head(&h, "GET", SPAN("/"), H1, SPAN("Host:a"));
		head_field(&h, SPAN("X"), buf_span(&text));
		ck_assert_uint_eq(h.octets, HEAD_OCTETS_MAX + over);
		ck_assert_uint_eq(head_judge(&h), over ? 431 : 0);

		read_head(&h, "GET", SPAN("/"), H1, SPAN("Host:a"));
		for (size_t i = 1; i < HEAD_FIELDS_MAX + over; i++)
			head_field(&h, SPAN("X"), SPAN(""));
		ck_assert_uint_eq(head_judge(&h), over ? 431 : 0);

		buf_reset(&text);
		while (text.n < 300 + over)
			buf_add_char(&text, 'a');
		head_begin(&h, SPAN("GET"), SPAN("/"), SPAN(H1));
		head_field(&h, SPAN("Host"), buf_span(&text));
		ck_assert_uint_eq(head_judge(&h), over ? 400 : 0);
	}
	buf_free(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("web_head");
	TCase *tests = tcase_create("web_head");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, judged, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, kept);
	tcase_add_test(tests, names);
	tcase_add_test(tests, octets);
	tcase_add_test(tests, bounds);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
