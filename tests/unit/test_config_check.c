/* test_config_check - what lines, pages and languages of footers may be. */
#include <check.h>
#include <stdlib.h>

#include "config_check.h"

static const struct {
	const char *value;
	bool line, page, language;
} rows[] = {
	{ "", false, false, false },
	{ "en", true, false, true },
	{ "pt-br", true, false, true },
	{ "EN", true, false, false },
	{ "e", true, false, false },
	{ "1 Main Street", true, false, false },
	{ "Hauptstra\xc3\x9f\x65 1", true, false, false },
	{ "\xe6\x9d\xb1\xe4\xba\xac", true, false, false },
	{ "\xc3\xa0", true, false, false },
	{ "-", false, false, false },
	{ " . ", false, false, false },
	{ "a\tb", false, false, false },
	{ "a\nb", false, false, false },
	{ "a\x7f", false, false, false },
	{ "a\xc2\x85\x62", false, false, false },
	{ "a\xc2\xa0\x62", true, false, false },
	/* not UTF-8 */
	{ "a\xff", false, false, false },
	{ "a\xc3", false, false, false },
	{ "a\xed\xa0\x80", false, false, false },
	{ "a\xc0\xaf", false, false, false },
	{ "https://acme.example/x?y=1&z", true, true, false },
	{ "https://", true, false, false },
	{ "http://acme.example/", true, false, false },
	{ "https://acme.example/a b", true, false, false },
	{ "https://acme.example/\"", true, false, false },
	{ "https://acme.example/<", true, false, false },
	{ "https://acme.example/\xc3\xbc", true, false, false },
};

START_TEST(values)
{
	struct span value = span_cstr(rows[_i].value);

	ck_assert_msg((check_line(value) == NULL) == rows[_i].line, "line %s", rows[_i].value);
	ck_assert_msg((check_page(value) == NULL) == rows[_i].page, "page %s", rows[_i].value);
	ck_assert_msg((check_language(value) == NULL) == rows[_i].language, "language %s",
	    rows[_i].value);
}
END_TEST

START_TEST(bounds)
{
	char text[1000];

	memset(text, 'a', sizeof text);
	ck_assert_ptr_null(check_line(span_make(text, 200)));
	ck_assert_ptr_nonnull(check_line(span_make(text, 201)));
	ck_assert_ptr_null(check_language(span_make(text, 35)));
	ck_assert_ptr_nonnull(check_language(span_make(text, 36)));
	memcpy(text, "https://", 8);
	ck_assert_ptr_null(check_page(span_make(text, 900)));
	ck_assert_ptr_nonnull(check_page(span_make(text, 901)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_check");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(all, values, 0, ARRAY_SIZE(rows));
	tcase_add_test(all, bounds);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
