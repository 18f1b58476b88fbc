/* test_netstring - frames: whole, cut at every octet, at the bound and one over it, and what is none. */
#include <check.h>
#include <stdlib.h>

#include "netstring.h"

static const struct {
	const char *bytes;
	size_t max;
	enum netstring_result result;
	const char *payload;
	size_t used;
} table[] = {
	{ "0:,", 10, NETSTRING_COMPLETE, "", 3 },
	{ "5:hello,", 10, NETSTRING_COMPLETE, "hello", 8 },
	{ "5:hello,rest", 5, NETSTRING_COMPLETE, "hello", 8 },
	{ "10:0123456789,", 10, NETSTRING_COMPLETE, "0123456789", 14 },
	{ "11:0123456789a,", 10, NETSTRING_TOO_LONG, NULL, 0 },
	{ "11", 10, NETSTRING_TOO_LONG, NULL, 0 },
	{ "99999999999999999999999999999999", 16384, NETSTRING_TOO_LONG, NULL, 0 },
	{ "", 10, NETSTRING_MORE, NULL, 0 },
	{ "5", 10, NETSTRING_MORE, NULL, 0 },
	{ "5:", 10, NETSTRING_MORE, NULL, 0 },
	{ "5:hello", 10, NETSTRING_MORE, NULL, 0 },
	{ "5:hello;", 10, NETSTRING_NO_COMMA, NULL, 0 },
	{ "4:hello,", 10, NETSTRING_NO_COMMA, NULL, 0 },
	{ ":,", 10, NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "05:hello,", 10, NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "00:,", 10, NETSTRING_BAD_LENGTH, NULL, 0 },
	{ " 5:hello,", 10, NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "-1:,", 10, NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "5 hello,", 10, NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "get / HTTP", 10, NETSTRING_BAD_LENGTH, NULL, 0 },
};

START_TEST(scans)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct span payload;
		size_t used;

		ck_assert_msg(netstring_scan(span_cstr(table[i].bytes), table[i].max, &payload,
				  &used) == table[i].result,
		    "%s", table[i].bytes);
		ck_assert_uint_eq(used, table[i].used);
		if (table[i].payload != NULL)
			ck_assert(span_eq(payload, span_cstr(table[i].payload)));
		ck_assert_ptr_nonnull(netstring_result_text(table[i].result));
	}
	ck_assert_str_eq(netstring_result_text((enum netstring_result)99), "unknown");
}
END_TEST

START_TEST(cuts)
{
	struct span all = SPAN("12:hello, world,"), payload;
	size_t used;

	for (size_t n = 0; n < all.n; n++)
		ck_assert_int_eq(
		    netstring_scan(span_head(all, n), 12, &payload, &used), NETSTRING_MORE);
	ck_assert_int_eq(netstring_scan(all, 12, &payload, &used), NETSTRING_COMPLETE);
}
END_TEST

START_TEST(writes)
{
	struct buf b = BUF_INIT(64), small = BUF_INIT(4);

	netstring_put(&b, SPAN("OK smtp:"));
	netstring_put(&b, SPAN(""));
	ck_assert_str_eq(buf_cstr(&b), "8:OK smtp:,0:,");
	netstring_put(&small, SPAN("abc"));
	ck_assert(!buf_ok(&small));
	buf_free(&b);
	buf_free(&small);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netstring");
	TCase *tests = tcase_create("netstring");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, scans);
	tcase_add_test(tests, cuts);
	tcase_add_test(tests, writes);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
