/* test_span - comparing, cutting, numbers and copies, at their edges. */
#include <check.h>

#include "span.h"

#define S(text)                                                                                \
	{                                                                                      \
		(text), sizeof(text) - 1                                                       \
	}

START_TEST(compare)
{
	static const struct {
		struct span a, b;
		bool same, same_nocase, starts;
	} table[] = {
		{ S(""), S(""), true, true, true },
		{ { NULL, 0 }, S(""), true, true, true },
		{ S("a"), S(""), false, false, true },
		{ S(""), S("a"), false, false, false },
		{ S("Acme"), S("aCME"), false, true, false },
		{ S("acme"), S("ac"), false, false, true },
		{ S("a\0b"), S("a\0c"), false, false, false },
		{ S("a\0b"), S("a\0b"), true, true, true },
		{ S("\xc3\x84"), S("\xc3\xa4"), false, false, false },
		{ S("["), S("{"), false, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		ck_assert_msg(span_eq(table[i].a, table[i].b) == table[i].same, "case %zu", i);
		ck_assert_msg(span_eq_nocase(table[i].a, table[i].b) == table[i].same_nocase,
		    "case %zu", i);
		ck_assert_msg(
		    span_starts(table[i].a, table[i].b) == table[i].starts, "case %zu", i);
	}
}
END_TEST

START_TEST(cut)
{
	struct span s = SPAN("abc");

	ck_assert(span_eq(span_from(s, 0), s));
	ck_assert(span_eq(span_from(s, 2), SPAN("c")));
	ck_assert_uint_eq(span_from(s, 3).n, 0);
	ck_assert_ptr_eq(span_from(s, 99).p, s.p + 3);
	ck_assert(span_eq(span_head(s, 2), SPAN("ab")));
	ck_assert(span_eq(span_head(s, 99), s));
	ck_assert_uint_eq(span_find(s, 'b', 0), 1);
	ck_assert_uint_eq(span_find(s, 'b', 2), 3);
	ck_assert_uint_eq(span_find(s, 'b', 99), 3);
	ck_assert(span_eq(span_trim(SPAN(" \t a b\r\n")), SPAN("a b")));
	ck_assert_uint_eq(span_trim(SPAN(" \t\r\n")).n, 0);
	ck_assert_uint_eq(span_cstr(NULL).n, 0);
	ck_assert_ptr_nonnull(span_cstr(NULL).p);
}
END_TEST

START_TEST(pieces)
{
	static const struct {
		const char *in, *out;
	} table[] = { { "a,,b", "a||b|" }, { "a", "a|" }, { ",", "|" }, { "", "" },
		{ "a,", "a|" }, { ",a", "|a|" } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct span rest = span_cstr(table[i].in), piece;
		char out[32] = "";
		size_t n = 0;

		while (span_next(&rest, ',', &piece)) {
			memcpy(out + n, piece.p, piece.n);
			n += piece.n;
			out[n++] = '|';
		}
		ck_assert_str_eq(out, table[i].out);
	}
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		struct span in;
		bool ok;
		uint64_t value;
	} table[] = {
		{ S("0"), true, 0 }, { S("00012"), true, 12 },
		{ S("4294967296"), true, 4294967296 },
		{ S("18446744073709551615"), true, UINT64_MAX },
		{ S("18446744073709551616"), false, 0 },
		{ S("99999999999999999999"), false, 0 }, { S(""), false, 0 },
		{ S("-1"), false, 0 }, { S("+1"), false, 0 }, { S(" 5"), false, 0 },
		{ S("5 "), false, 0 }, { S("1e3"), false, 0 }, { S("0x1"), false, 0 },
		{ S("5\0"), false, 0 }, { S("\xd9\xa3"), false, 0 }, /* an Arabic digit */
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t value = 77;

		ck_assert_msg(span_u64(table[i].in, &value) == table[i].ok, "case %zu", i);
		ck_assert_uint_eq(value, table[i].ok ? table[i].value : 77);
	}
}
END_TEST

START_TEST(copies)
{
	char out[4] = "xyz";

	ck_assert(span_copy(SPAN("abc"), out, sizeof out));
	ck_assert_str_eq(out, "abc");
	ck_assert(!span_copy(SPAN("abcd"), out, sizeof out));
	ck_assert_str_eq(out, "");
	ck_assert(!span_copy(SPAN("a\0b"), out, sizeof out));
	ck_assert_str_eq(out, "");
	ck_assert(!span_copy(SPAN(""), out, 0));
	ck_assert(span_copy(SPAN(""), out, 1));
	ck_assert(span_lower(SPAN("AbZ"), out, sizeof out));
	ck_assert_str_eq(out, "abz");
	ck_assert(!span_lower(SPAN("ABCD"), out, sizeof out));
	ck_assert(!span_lower(SPAN(""), out, 0));
	ck_assert(ascii_digit('9') && !ascii_digit('a') && !ascii_digit('/'));
	ck_assert(ascii_alpha('z') && !ascii_alpha('@') && !ascii_alpha('\xe4'));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("span");
	TCase *cases = tcase_create("span");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, compare);
	tcase_add_test(cases, cut);
	tcase_add_test(cases, pieces);
	tcase_add_test(cases, numbers);
	tcase_add_test(cases, copies);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
