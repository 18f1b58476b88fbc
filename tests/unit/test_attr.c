/* test_attr - requests as Postfix sends them, malformed ones, and every bound at n and n + 1. Each
 * case runs whole and as every prefix: the cut must not matter. */
#include <check.h>

#include "attr.h"

#define LINE 8192

static const struct attr_limits small = { .line = 16, .request = 64, .count = 4 };

static const char policy_request[] = "request=smtpd_access_policy\nprotocol_state=RCPT\n"
				     "protocol_name=ESMTP\nclient_address=192.0.2.1\n"
				     "sender=a@acme.example\nrecipient=b@example.org\n"
				     "recipient_count=0\nsasl_username=acme\nsasl_method=\n\n";

/* Whole, then as each prefix from a block of exactly its size, so that reading on is seen. */
static enum attr_result scan_everywhere(struct span s, const struct attr_limits *limits,
    struct attr_request *request_r, size_t *used_r)
{
	enum attr_result whole = attr_scan(s, limits, request_r, used_r), part;
	size_t step = s.n > 2000 ? s.n / 300 : 1;
	struct attr_request r;
	size_t used;

	for (size_t n = 0; n < s.n; n += step) {
		char *copy = malloc(n > 0 ? n : 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, s.p, n);
		part = attr_scan(span_make(copy, n), limits, &r, &used);
		if (whole == ATTR_MORE || (whole == ATTR_COMPLETE && n < *used_r))
			ck_assert_int_eq(part, ATTR_MORE);
		else
			ck_assert(part == ATTR_MORE || part == whole);
		ck_assert(part == ATTR_COMPLETE ? used == *used_r : used == 0);
		free(copy);
	}
	return whole;
}

START_TEST(postfix_request)
{
	struct attr_request r;
	size_t used;
	struct span s = SPAN(policy_request);

	ck_assert_int_eq(scan_everywhere(s, &attr_limits_policy, &r, &used), ATTR_COMPLETE);
	ck_assert_uint_eq(used, s.n);
	ck_assert_uint_eq(r.count, 9);
	ck_assert(span_eq(attr_get(&r, SPAN("sasl_username")), SPAN("acme")));
	ck_assert(attr_get(&r, SPAN("sasl_method")).p != NULL);
	ck_assert_uint_eq(attr_get(&r, SPAN("sasl_method")).n, 0);
	ck_assert_ptr_null(attr_get(&r, SPAN("sasl")).p);
}
END_TEST

#define S(text)                                                                                \
	{                                                                                      \
		(text), sizeof(text) - 1                                                       \
	}

START_TEST(cases)
{
	static const struct {
		struct span in;
		enum attr_result result;
		size_t used, count;
		struct span a; /* value of attribute "a" */
	} table[] = {
		{ S(""), ATTR_MORE, 0, 0, S("") },
		{ S("\n"), ATTR_EMPTY, 0, 0, S("") },
		{ S("\n\n"), ATTR_EMPTY, 0, 0, S("") },
		{ S("\na=1\n\n"), ATTR_EMPTY, 0, 0, S("") },
		{ S("a"), ATTR_MORE, 0, 0, S("") },
		{ S("a=1"), ATTR_MORE, 0, 0, S("") },
		{ S("a=1\n"), ATTR_MORE, 0, 1, S("1") },
		{ S("a=1\n\n"), ATTR_COMPLETE, 5, 1, S("1") },
		{ S("a=\n\n"), ATTR_COMPLETE, 4, 1, S("") },
		{ S("a=b=c\n\n"), ATTR_COMPLETE, 7, 1, S("b=c") },
		{ S("a= 1 \n\n"), ATTR_COMPLETE, 7, 1, S(" 1 ") },
		{ S("a=1\n\nb=2\n\n"), ATTR_COMPLETE, 5, 1, S("1") },
		{ S("a=1\n\n\n"), ATTR_COMPLETE, 5, 1, S("1") },
		{ S("a=1\n\nrubbish\n"), ATTR_COMPLETE, 5, 1, S("1") },
		{ S("a=1\na=2\n\n"), ATTR_COMPLETE, 9, 2, S("1") },
		{ S("b=1\na=2\n\n"), ATTR_COMPLETE, 9, 2, S("2") },
		{ S("a=1\r\n\n"), ATTR_COMPLETE, 6, 1, S("1\r") },
		{ S("a=1\r\n\r\n"), ATTR_NO_EQUALS, 0, 0, S("") },
		{ S("a=1\rb=2\n\n"), ATTR_COMPLETE, 9, 1, S("1\rb=2") },
		{ S("rubbish\n"), ATTR_NO_EQUALS, 0, 0, S("") },
		{ S("a=1\nrubbish\n\n"), ATTR_NO_EQUALS, 0, 0, S("") },
		{ S(" \n"), ATTR_NO_EQUALS, 0, 0, S("") },
		{ S("=v\n\n"), ATTR_NO_NAME, 0, 0, S("") },
		{ S("=\n\n"), ATTR_NO_NAME, 0, 0, S("") },
		{ S("a\0=1\n\n"), ATTR_NUL, 0, 0, S("") },
		{ S("a=1\0\n\n"), ATTR_NUL, 0, 0, S("") },
		{ S("\0\n"), ATTR_NUL, 0, 0, S("") },
		{ S("a=1\nb=\0\nrubbish\n"), ATTR_NUL, 0, 0, S("") },
		{ S("a=\0"), ATTR_MORE, 0, 0, S("") },
		{ S("a=1\n\n\0"), ATTR_COMPLETE, 5, 1, S("1") },
		{ S("a=\x1b[31m%n%s\n\n"), ATTR_COMPLETE, 13, 1, S("\x1b[31m%n%s") },
		{ S("a=\xff\xc3\x28\n\n"), ATTR_COMPLETE, 7, 1, S("\xff\xc3\x28") },
		{ S("a=1234567890abcd\n\n"), ATTR_COMPLETE, 18, 1, S("1234567890abcd") },
		{ S("a=1234567890abcde\n\n"), ATTR_LINE_TOO_LONG, 0, 0, S("") },
		{ S("a=1234567890abcde"), ATTR_LINE_TOO_LONG, 0, 0, S("") },
		{ S("a=1234567890abcd"), ATTR_MORE, 0, 0, S("") },
		{ S("12345678901234567\0\n"), ATTR_LINE_TOO_LONG, 0, 0, S("") },
		{ S("\0a34567890123456789"), ATTR_LINE_TOO_LONG, 0, 0, S("") },
		{ S("a=1\nb=2\nc=3\nd=4\n\n"), ATTR_COMPLETE, 17, 4, S("1") },
		{ S("a=1\nb=2\nc=3\nd=4\ne=5\n\n"), ATTR_TOO_MANY, 0, 0, S("") },
		{ S("a=1\nb=2\nc=3\nd=4\ne=5"), ATTR_MORE, 0, 4, S("1") },
		/* 64 octets with the empty line, then 65. */
		{ S("a=1234567890abcd\nb=1234567890abcd\nc=1234567890abcd\nd=123456789\n\n"),
		    ATTR_COMPLETE, 64, 4, S("1234567890abcd") },
		{ S("a=1234567890abcd\nb=1234567890abcd\nc=1234567890abcd\nd=1234567890\n\n"),
		    ATTR_REQUEST_TOO_LONG, 0, 0, S("") },
		{ S("a=1234567890abcd\nb=1234567890abcd\nc=1234567890abcd\nd=12345678901"),
		    ATTR_REQUEST_TOO_LONG, 0, 0, S("") },
		{ S("a=1234567890abcd\nb=1234567890abcd\nc=1234567890abcd\nd=1234567890"),
		    ATTR_MORE, 0, 3, S("1234567890abcd") },
		/* The line's limit ends first. */
		{ S("a=1234567890abcd\nb=1234567890abcd\nc=1234567890\nd=1234567890abcde\n\n"),
		    ATTR_LINE_TOO_LONG, 0, 0, S("") },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct attr_request r;
		size_t used = 77;
		enum attr_result result = scan_everywhere(table[i].in, &small, &r, &used);

		ck_assert_msg(
		    result == table[i].result, "case %zu: %s", i, attr_result_text(result));
		ck_assert_msg(used == table[i].used, "case %zu: used %zu", i, used);
		if (result != ATTR_COMPLETE && result != ATTR_MORE)
			continue;
		ck_assert_msg(r.count == table[i].count, "case %zu: %zu", i, r.count);
		ck_assert_msg(
		    span_eq(attr_get(&r, SPAN("a")), table[i].a), "case %zu: value", i);
	}
}
END_TEST

/* count lines of n octets each, then an empty line. */
static void fill(struct buf *b, size_t count, size_t n)
{
	buf_reset(b);
	for (size_t i = 0; i < count; i++) {
		ck_assert(buf_reserve(b, n + 1));
		memset(b->p + b->n, 'x', n);
		b->p[b->n + 1] = '=';
		b->p[b->n + n] = '\n';
		b->n += n + 1;
	}
	attr_end(b);
	ck_assert(buf_ok(b));
}

START_TEST(policy_bounds)
{
	static const struct {
		size_t count, line;
		enum attr_result result;
	} table[] = {
		{ 1, LINE, ATTR_COMPLETE },
		{ 1, LINE + 1, ATTR_LINE_TOO_LONG },
		{ 1, 1 << 20, ATTR_LINE_TOO_LONG },
		{ 128, 10, ATTR_COMPLETE },
		{ 129, 10, ATTR_TOO_MANY },
		{ 10000, 3, ATTR_TOO_MANY },
		{ 15, 4368, ATTR_COMPLETE },         /* 15 * 4369 + 1 = 65536 */
		{ 16, 4095, ATTR_REQUEST_TOO_LONG }, /* 16 * 4096 + 1 = 65537 */
		{ 100, 1000, ATTR_REQUEST_TOO_LONG },
	};
	struct buf b = BUF_INIT(4 << 20);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct attr_request r;
		size_t used;

		fill(&b, table[i].count, table[i].line);
		ck_assert_msg(scan_everywhere(buf_span(&b), &attr_limits_policy, &r, &used) ==
				  table[i].result,
		    "case %zu", i);
	}
	buf_free(&b);
}
END_TEST

START_TEST(put_round_trip)
{
	struct buf b = BUF_INIT(4096);
	struct attr_request r;
	size_t used;

	attr_put(&b, "text", SPAN("a = b"));
	attr_put(&b, "empty", SPAN(""));
	attr_put_u64(&b, "most", UINT64_MAX);
	attr_put_u64(&b, "none", 0);
	attr_put_i64(&b, "least", INT64_MIN);
	attr_put_i64(&b, "high", INT64_MAX);
	attr_put_i64(&b, "minus", -1);
	attr_end(&b);
	ck_assert(buf_ok(&b));
	ck_assert_str_eq(buf_cstr(&b),
	    "text=a = b\nempty=\nmost=18446744073709551615\nnone=0\n"
	    "least=-9223372036854775808\nhigh=9223372036854775807\nminus=-1\n\n");
	ck_assert_int_eq(
	    attr_scan(buf_span(&b), &attr_limits_control, &r, &used), ATTR_COMPLETE);
	ck_assert_uint_eq(used, b.n);
	ck_assert_uint_eq(r.count, 7);
	buf_free(&b);
}
END_TEST

START_TEST(put_refuses_what_would_start_a_line)
{
	static const struct span bad[] = { S("x\naction=OK"), S("\n"), S("a\0b"), S("\0") };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct buf b = BUF_INIT(4096);

		attr_put(&b, "ok", SPAN("1"));
		attr_put(&b, "bad", bad[i]);
		ck_assert(!buf_ok(&b));
		ck_assert(span_eq(buf_span(&b), SPAN("ok=1\n")));
		buf_free(&b);
	}
}
END_TEST

START_TEST(put_over_the_cap_leaves_no_half_line)
{
	struct buf b = BUF_INIT(9);

	attr_put(&b, "a", SPAN("1"));
	attr_put(&b, "b", SPAN("123"));
	ck_assert(!buf_ok(&b));
	ck_assert(span_eq(buf_span(&b), SPAN("a=1\n")));
	buf_reset(&b);
	attr_put(&b, "abcd", SPAN("123"));
	ck_assert(buf_ok(&b) && b.n == 9);
	buf_free(&b);
}
END_TEST

START_TEST(every_result_has_words)
{
	for (int r = ATTR_MORE; r <= ATTR_REQUEST_TOO_LONG; r++)
		ck_assert_str_ne(attr_result_text((enum attr_result)r), "unknown result");
	ck_assert_str_eq(
	    attr_result_text((enum attr_result)(ATTR_REQUEST_TOO_LONG + 1)), "unknown result");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("attr");
	TCase *all = tcase_create("attr");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_test(all, postfix_request);
	tcase_add_test(all, cases);
	tcase_add_test(all, policy_bounds);
	tcase_add_test(all, put_round_trip);
	tcase_add_test(all, put_refuses_what_would_start_a_line);
	tcase_add_test(all, put_over_the_cap_leaves_no_half_line);
	tcase_add_test(all, every_result_has_words);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
