/* test_buf - appending up to the cap, the failure that sticks, consuming. */
#include <check.h>

#include "buf.h"

START_TEST(append)
{
	struct buf b;

	buf_init(&b, 1000);
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_add(&b, "ab", 2);
	buf_add(&b, NULL, 0);
	buf_add_cstr(&b, "cd");
	buf_add_char(&b, 'e');
	buf_add_span(&b, SPAN("f\0g"));
	buf_printf(&b, "-%d-%s", 7, "x");
	ck_assert(buf_ok(&b));
	ck_assert(span_eq(buf_span(&b), SPAN("abcdef\0g-7-x")));
	ck_assert_int_eq(buf_cstr(&b)[b.n], '\0');
	buf_consume(&b, 6);
	ck_assert(span_eq(buf_span(&b), SPAN("\0g-7-x")));
	buf_consume(&b, 99);
	ck_assert_uint_eq(b.n, 0);
	buf_free(&b);
	ck_assert(buf_span(&b).p != NULL && buf_span(&b).n == 0);
	buf_add_cstr(&b, "usable");
	ck_assert_uint_eq(b.n, 6);
	buf_free(&b);
	buf_free(&b);
}
END_TEST

START_TEST(cap)
{
	struct buf b = BUF_INIT(300);
	char block[301];

	memset(block, 'x', sizeof block);
	buf_add(&b, block, 300);
	ck_assert(buf_ok(&b) && b.n == 300);
	ck_assert(buf_reserve(&b, 0));
	buf_add_char(&b, 'y');
	ck_assert(!buf_ok(&b) && b.n == 300);
	/* Failure sticks, also for what would fit. */
	buf_consume(&b, 200);
	buf_add_char(&b, 'y');
	ck_assert(!buf_ok(&b) && b.n == 100);
	ck_assert(!buf_reserve(&b, 1));
	buf_reset(&b);
	ck_assert(buf_ok(&b) && b.n == 0);
	buf_add(&b, block, sizeof block);
	ck_assert(!buf_ok(&b) && b.n == 0);
	buf_reset(&b);
	ck_assert(!buf_reserve(&b, SIZE_MAX));
	buf_reset(&b);
	buf_add_char(&b, 'a');
	ck_assert(!buf_reserve(&b, SIZE_MAX));
	buf_free(&b);
}
END_TEST

START_TEST(printf_at_the_cap)
{
	struct buf b = BUF_INIT(8);

	/* One octet of the cap is for printf's NUL. */
	buf_printf(&b, "%s", "1234567");
	ck_assert(buf_ok(&b) && b.n == 7);
	buf_reset(&b);
	buf_printf(&b, "%s", "12345678");
	ck_assert(!buf_ok(&b) && b.n == 0);
	buf_free(&b);
}
END_TEST

START_TEST(grows_by_many_small_pieces)
{
	struct buf b = BUF_INIT(1 << 20);

	for (size_t i = 0; i < 1 << 20; i++)
		buf_add_char(&b, (char)('a' + i % 26));
	ck_assert(buf_ok(&b) && b.n == 1 << 20 && b.size <= b.max);
	for (size_t i = 0; i < b.n; i += 997)
		ck_assert_int_eq(b.p[i], (char)('a' + i % 26));
	buf_add_char(&b, 'x');
	ck_assert(!buf_ok(&b));
	buf_free(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("buf");
	TCase *cases = tcase_create("buf");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, append);
	tcase_add_test(cases, cap);
	tcase_add_test(cases, printf_at_the_cap);
	tcase_add_test(cases, grows_by_many_small_pieces);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
