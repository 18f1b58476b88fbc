/* test_arena - alignment, zeroes, the cap, overflow. */
#include <check.h>

#include "arena.h"

START_TEST(pieces_are_aligned_zeroed_and_apart)
{
	struct arena *a = arena_new(1 << 20);
	unsigned char *before = NULL;

	ck_assert_ptr_nonnull(a);
	for (size_t n = 0; n < 300; n++) {
		unsigned char *p = arena_alloc(a, n);

		ck_assert_ptr_nonnull(p);
		ck_assert_ptr_ne(p, before);
		ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_eq(p[i], 0);
		memset(p, 0xff, n);
		before = p;
	}
	ck_assert_uint_le(arena_used(a), 1 << 20);
	arena_free(&a);
	ck_assert_ptr_null(a);
	arena_free(&a);
}
END_TEST

START_TEST(cap)
{
	struct arena *a = arena_new(10000);
	size_t n = 0;

	ck_assert_ptr_null(arena_alloc(a, 10001));
	ck_assert_ptr_null(arena_alloc(a, SIZE_MAX));
	ck_assert_ptr_null(arena_alloc(a, SIZE_MAX - 3));
	ck_assert_ptr_null(arena_array(a, SIZE_MAX / 2, 3));
	while (arena_alloc(a, 16) != NULL)
		n += 16;
	/* All of the cap can be used, but for less than a piece. */
	ck_assert_uint_gt(n, 10000 - 32);
	ck_assert_uint_le(n, 10000);
	ck_assert_uint_le(arena_used(a), 10000);
	ck_assert_ptr_null(arena_alloc(a, 16));
	arena_free(&a);
	a = arena_new(100000);
	ck_assert_ptr_nonnull(arena_alloc(a, 50000));
	ck_assert_ptr_nonnull(arena_alloc(a, 16));
	ck_assert_ptr_null(arena_alloc(a, 50000));
	arena_free(&a);
}
END_TEST

START_TEST(arrays_and_copies)
{
	struct arena *a = arena_new(10000);
	uint64_t *numbers = arena_array(a, 10, sizeof *numbers);
	char *copy;

	ck_assert_ptr_nonnull(numbers);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(numbers[i], 0);
	ck_assert_ptr_nonnull(arena_array(a, 0, 8));
	copy = arena_dup(a, span_head(SPAN("abcdef"), 3));
	ck_assert_str_eq(copy, "abc");
	ck_assert_str_eq(arena_dup(a, span_make(NULL, 0)), "");
	ck_assert_ptr_null(arena_dup(a, span_make("x", SIZE_MAX)));
	arena_free(&a);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arena");
	TCase *cases = tcase_create("arena");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, pieces_are_aligned_zeroed_and_apart);
	tcase_add_test(cases, cap);
	tcase_add_test(cases, arrays_and_copies);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
