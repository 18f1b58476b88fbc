/* test_report - tables, records and JSON as they are printed, byte for byte. */
#include <check.h>
#include <locale.h>
#include <stdlib.h>

#include "json.h"
#include "progress.h"
#include "report.h"

static struct report *sample(bool with_field)
{
	struct report *r = report_new();
	struct report_table *t;
	struct span rows[][3] = {
		{ SPAN("acme"), SPAN("5"), SPAN("ok") },
		{ SPAN("b\xC3\xB6rse \"x\""), SPAN("12345"), SPAN("error") },
		{ SPAN("e\x1b[m,\xFF"), SPAN(""), SPAN("") },
	};

	if (with_field)
		report_field(r, "total", CELL_NUMBER, SPAN("3"));
	t = report_table(r, "things");
	report_column(t, SPAN("name"), CELL_TEXT);
	report_column(t, SPAN("used"), report_kind(SPAN("used")));
	report_column(t, SPAN("state"), report_kind(SPAN("state")));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		report_row(t, rows[i], i < 2 ? 3 : 2);
	ck_assert_uint_eq(report_rows(t), 3);
	return r;
}

static const struct {
	struct report_style style;
	bool field;
	const char *text;
} rows[] = {
	{ { REPORT_TABLE, 0, false }, false,
	    "name        used  state\nacme           5  ok\nb\xC3\xB6rse \"x\"  12345  error\n"
	    "e?[m,?\n" },
	{ { REPORT_TABLE, 0, true }, true,
	    "\33[1mtotal\33[0m  3\n\n\33[1mname        used  state\n\33[0m"
	    "acme           5  \33[32mok\33[0m\nb\xC3\xB6rse \"x\"  12345  \33[31merror\33[0m\n"
	    "e?[m,?\n" },
	{ { REPORT_PLAIN, 0, false }, true,
	    "total\t3\nacme\t5\tok\nb\xC3\xB6rse \"x\"\t12345\terror\ne?[m,\xFF\t\t\n" },
	{ { REPORT_CSV, 0, false }, false,
	    "name,used,state\r\nacme,5,ok\r\n\"b\xC3\xB6rse \"\"x\"\"\",12345,error\r\n"
	    "\"e\x1b[m,\xFF\",,\r\n" },
	{ { REPORT_JSON, 0, false }, true,
	    "{\n  \"total\": 3,\n  \"things\": [\n    {\n      \"name\": \"acme\",\n"
	    "      \"used\": 5,\n      \"state\": \"ok\"\n    },\n    {\n"
	    "      \"name\": \"b\xC3\xB6rse \\\"x\\\"\",\n      \"used\": 12345,\n"
	    "      \"state\": \"error\"\n    },\n    {\n"
	    "      \"name\": \"e\\u001b[m,\\ufffd\",\n      \"used\": null,\n"
	    "      \"state\": \"\"\n    }\n  ]\n}\n" },
};

START_TEST(prints)
{
	struct report *r = sample(rows[_i].field);
	struct buf out = BUF_INIT(65536);

	report_print(r, &rows[_i].style, &out);
	ck_assert_str_eq(buf_cstr(&out), rows[_i].text);
	report_free(&r);
	ck_assert_ptr_null(r);
	buf_free(&out);
}
END_TEST

START_TEST(wraps)
{
	struct report *r = report_new();
	struct report_table *t = report_table(r, "t");
	struct report_style style = { REPORT_TABLE, 24, false };
	struct span row[] = { SPAN("ab"), SPAN("some words that wrap at_a_blank_or_not x") };
	struct buf out = BUF_INIT(65536);

	report_column(t, SPAN("k"), CELL_TEXT);
	report_column(t, SPAN("text"), CELL_TEXT);
	report_row(t, row, 2);
	report_print(r, &style, &out);
	ck_assert_str_eq(buf_cstr(&out), "k   text\n"
					 "ab  some words that wrap\n"
					 "    at_a_blank_or_not x\n");
	report_free(&r);
	buf_free(&out);
}
END_TEST

START_TEST(measures)
{
	ck_assert_uint_eq(report_text_width(SPAN("abc")), 3);
	ck_assert_uint_eq(report_text_width(SPAN("b\xC3\xB6r")), 3);
	ck_assert_uint_eq(report_text_width(SPAN("\xE6\xBC\xA2\xE5\xAD\x97")), 4); /* wide */
	ck_assert_uint_eq(report_text_width(SPAN("\xFF\xFE")), 2);
}
END_TEST

START_TEST(numbers_in_json)
{
	static const struct {
		struct span in;
		const char *out;
	} cases[] = { { { "0", 1 }, "0" }, { { "-5", 2 }, "-5" }, { { "1.50", 4 }, "1.50" },
		{ { "", 0 }, "null" }, { { "01", 2 }, "\"01\"" }, { { "1.", 2 }, "\"1.\"" },
		{ { "-", 1 }, "\"-\"" }, { { "1e5", 3 }, "\"1e5\"" },
		{ { "NaN", 3 }, "\"NaN\"" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf out = BUF_INIT(1024);
		struct json j = JSON_INIT(&out);

		json_number(&j, cases[i].in);
		ck_assert_str_eq(buf_cstr(&out), cases[i].out);
		buf_free(&out);
	}
}
END_TEST

START_TEST(json_is_bounded)
{
	struct buf out = BUF_INIT(65536);
	struct json j = JSON_INIT(&out);

	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		json_open(&j, '[');
	ck_assert(buf_ok(&out));
	json_open(&j, '[');
	ck_assert(!buf_ok(&out));
	buf_free(&out);
}
END_TEST

START_TEST(progress_lines)
{
	struct buf out = BUF_INIT(1024);

	progress_text(&out, "importing", 50, 200, 1000, 2 * NS_PER_S);
	ck_assert_str_eq(buf_cstr(&out),
	    "importing [######..................]  25 %  1000 rows, 500/s  2 s");
	buf_reset(&out);
	progress_text(&out, "reading", 0, 0, 0, 0);
	ck_assert_str_eq(buf_cstr(&out), "reading 0 s");
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *tests = tcase_create("report");
	SRunner *runner;
	int failed;

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return EXIT_FAILURE;
	tcase_add_loop_test(tests, prints, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, wraps);
	tcase_add_test(tests, measures);
	tcase_add_test(tests, numbers_in_json);
	tcase_add_test(tests, json_is_bounded);
	tcase_add_test(tests, progress_lines);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
