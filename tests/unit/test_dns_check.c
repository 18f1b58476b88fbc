/* test_dns_check - one state out of the views of the resolver and of each server; points; names of
 * addresses in reverse zones; lines of a zone file. */
#include <check.h>
#include <stdlib.h>

#include "dns_check.h"
#include "dns_ours.h"
#include "dns_plan.h"
#include "unit_dns.h"

#define SERVERS                                                                                \
	"a.test NS n1.test\na.test NS n2.test\nn1.test A 127.0.0.1\nn2.test A 127.0.0.2\n"

static const struct dns_ours ours = {
	.host = "mx.test", .spf = "a:mx.test", .target = "", .reports = "", .tls_reports = ""
};

/* In a line without "@" everybody says so: resolver and servers. */
static const struct {
	const char *zone;
	enum record_state state;
	const char *advice;
} rows[] = {
	{ SERVERS "a.test MX 10 mx.test", RECORD_GOOD, "" },
	{ SERVERS "a.test MX 10 other.test", RECORD_WRONG, "does not reach us" },
	{ SERVERS, RECORD_MISSING, "" },
	{ SERVERS "@127.0.0.1 a.test MX 10 mx.test", RECORD_PROPAGATING,
	    "right on n1.test, not yet on n2.test" },
	{ SERVERS "@127.0.0.1 a.test MX 10 mx.test\n@127.0.0.2 a.test MX 10 mx.test",
	    RECORD_PROPAGATING, "right on all servers; the resolver keeps its old answer" },
	{ SERVERS "a.test MX !servfail", RECORD_UNKNOWN, "server failure" },
	{ SERVERS "@127.0.0.1 a.test MX !refused\n@127.0.0.2 a.test MX 10 mx.test",
	    RECORD_PROPAGATING, "right on all servers" },
	{ "a.test MX 10 mx.test", RECORD_GOOD, "" }, /* its zone is not known */
};

START_TEST(views)
{
	struct dns_book *book = dns_book_new();
	const struct expected e = { .kind = RECORD_MX,
		.type = DNS_MX,
		.name = SPAN("a.test"),
		.domain = SPAN("a.test"),
		.ours = &ours };
	struct verdict v;

	verdict_init(&v);
	do {
		verdict_deinit(&v);
		verdict_init(&v);
		dns_check(book, &e, &v);
	} while (unit_dns_answer(book, rows[_i].zone));
	ck_assert(!v.pending);
	ck_assert_str_eq(record_state_text(v.state), record_state_text(rows[_i].state));
	ck_assert_msg(
	    strstr(buf_cstr(&v.advice), rows[_i].advice) != NULL, "%s", buf_cstr(&v.advice));
	verdict_deinit(&v);
	dns_book_free(&book);
}
END_TEST

START_TEST(points)
{
	static const struct {
		enum record_state state;
		enum record_need need;
		bool warn;
		unsigned points, of;
		enum dns_trouble trouble;
	} table[] = {
		{ RECORD_GOOD, RECORD_REQUIRED, false, 20, 20, DNS_TROUBLE_NONE },
		{ RECORD_GOOD, RECORD_REQUIRED, true, 15, 20, DNS_TROUBLE_WARNING },
		{ RECORD_PROPAGATING, RECORD_REQUIRED, false, 10, 20, DNS_TROUBLE_WARNING },
		{ RECORD_MISSING, RECORD_REQUIRED, false, 0, 20, DNS_TROUBLE_ERROR },
		{ RECORD_MISSING, RECORD_ADVISED, false, 0, 20, DNS_TROUBLE_WARNING },
		{ RECORD_MISSING, RECORD_OPTIONAL, false, 0, 0, DNS_TROUBLE_NONE },
		{ RECORD_WRONG, RECORD_OPTIONAL, false, 0, 20, DNS_TROUBLE_WARNING },
		{ RECORD_WRONG, RECORD_REQUIRED, false, 0, 20, DNS_TROUBLE_ERROR },
		{ RECORD_UNKNOWN, RECORD_REQUIRED, false, 0, 0, DNS_TROUBLE_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct expected e = { .kind = RECORD_SPF, .need = table[i].need };
		const struct verdict v = { .state = table[i].state, .warn = table[i].warn };
		unsigned got, of;

		dns_points(&e, &v, &got, &of);
		ck_assert_uint_eq(got, table[i].points);
		ck_assert_uint_eq(of, table[i].of);
		ck_assert_int_eq(dns_trouble(&e, &v), table[i].trouble);
	}
}
END_TEST

START_TEST(plans)
{
	struct network addresses[2] = { { { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 }, 128 },
		{ { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x1f }, 128 } };
	struct dns_ours with = ours;
	struct arena *arena = arena_new((size_t)1 << 20);
	struct buf line = BUF_INIT(65536);
	char text[600];
	struct dns_plan plan;
	struct expected e = { .type = DNS_TXT, .name = SPAN("a.test") };

	with.addresses = addresses;
	with.address_count = 2;
	ck_assert_int_eq(dns_plan_host(&with, arena, &plan), ERR_OK);
	ck_assert_uint_eq(plan.count, 5);
	ck_assert(span_eq(plan.at[3].name, SPAN("1.2.0.192.in-addr.arpa")));
	ck_assert(span_eq(plan.at[4].name,
	    SPAN("f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa")));
	/* Texts are cut after 255 octets, and not before. */
	memset(text, 'x', sizeof text);
	for (size_t n = 255; n <= 256; n++) {
		size_t quotes = 0;

		e.text = span_make(text, n);
		buf_reset(&line);
		dns_plan_line(&e, &line);
		for (size_t i = 0; i < line.n; i++)
			quotes += line.p[i] == '"';
		ck_assert_uint_eq(quotes, n == 255 ? 2 : 4);
	}
	buf_free(&line);
	arena_free(&arena);
}
END_TEST

START_TEST(book_bounds)
{
	struct dns_book *book = dns_book_new();
	const struct dns_answer *a;
	char name[32];

	ck_assert_int_eq(dns_book_ask(book, NULL, SPAN("a..b"), DNS_A)->status, DNS_NO_NAME);
	ck_assert_int_eq(dns_book_ask(book, NULL, SPAN("a\\000b"), DNS_A)->status, DNS_NO_NAME);
	ck_assert(!dns_book_waits(book));
	for (unsigned i = 0; i <= DNS_BOOK_QUESTIONS_MAX; i++) {
		(void)snprintf(name, sizeof name, "n%u.test", i);
		a = dns_book_ask(book, NULL, span_cstr(name), DNS_A);
		ck_assert_int_eq(a == NULL, i < DNS_BOOK_QUESTIONS_MAX);
	}
	ck_assert_int_eq(a->status, DNS_REFUSED);
	ck_assert(dns_book_waits(book));
	dns_book_free(&book);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_check");
	TCase *tests = tcase_create("dns_check");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, views, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, points);
	tcase_add_test(tests, plans);
	tcase_add_test(tests, book_bounds);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
