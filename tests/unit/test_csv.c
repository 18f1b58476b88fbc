/* test_csv - records, faults and recovery of RFC 4180, and that writing is undone by reading. */
#include <check.h>
#include <stdlib.h>

#include "csv.h"

static const struct {
	struct span in;
	bool last;
	enum csv_result result;
	size_t used;
	const char *fields; /* joined by '|' */
} rows[] = {
	{ { "a,b\n", 4 }, false, CSV_RECORD, 4, "a|b" },
	{ { "a,b\r\nc", 6 }, false, CSV_RECORD, 5, "a|b" },
	{ { "a,b", 3 }, false, CSV_MORE, 0, "" },
	{ { "a,b", 3 }, true, CSV_RECORD, 3, "a|b" },
	{ { "a\r", 2 }, false, CSV_MORE, 0, "" },
	{ { ",\n", 2 }, false, CSV_RECORD, 2, "|" },
	{ { "\n", 1 }, false, CSV_RECORD, 1, "" },
	{ { "\"a,\"\"b\"\"\r\n\",c\n", 14 }, false, CSV_RECORD, 14, "a,\"b\"\r\n|c" },
	{ { "\"\",x\n", 5 }, false, CSV_RECORD, 5, "|x" },
	{ { "\"a\"", 3 }, false, CSV_MORE, 0, "" },
	{ { "\"a\"", 3 }, true, CSV_RECORD, 3, "a" },
	{ { "\"a\"b,c\nd", 8 }, false, CSV_QUOTE, 7, NULL },
	{ { "a\"b\"\nc\n", 7 }, false, CSV_QUOTE, 5, NULL },
	{ { "\"open,x\ny,z\n", 12 }, false, CSV_MORE, 0, NULL },
	{ { "\"open,x\ny,z\n", 12 }, true, CSV_OPEN, 8, NULL },
	{ { "", 0 }, true, CSV_MORE, 0, NULL },
};

START_TEST(scans)
{
	static struct csv_record record;
	struct buf joined = BUF_INIT(1024);
	size_t used;

	ck_assert_int_eq(csv_scan(rows[_i].in, rows[_i].last, &record, &used), rows[_i].result);
	ck_assert_uint_eq(used, rows[_i].used);
	if (rows[_i].result == CSV_RECORD) {
		for (size_t i = 0; i < record.count; i++) {
			if (i > 0)
				buf_add_char(&joined, '|');
			buf_add_span(&joined, record.field[i]);
		}
		ck_assert_str_eq(buf_cstr(&joined), rows[_i].fields);
	}
	buf_free(&joined);
}
END_TEST

START_TEST(is_bounded)
{
	static struct csv_record record;
	struct buf in = BUF_INIT(3 * CSV_RECORD_MAX);
	size_t used;

	for (size_t i = 0; i < CSV_RECORD_MAX - 1; i++)
		buf_add_char(&in, 'x');
	buf_add_char(&in, '\n');
	ck_assert_int_eq(csv_scan(buf_span(&in), false, &record, &used), CSV_RECORD);
	in.p[in.n - 1] = 'x';
	buf_add_cstr(&in, "\nnext\n");
	ck_assert_int_eq(csv_scan(buf_span(&in), false, &record, &used), CSV_TOO_LONG);
	ck_assert_uint_eq(used, CSV_RECORD_MAX + 1);
	buf_reset(&in);
	for (size_t i = 0; i < CSV_FIELDS_MAX; i++)
		buf_add_cstr(&in, "a,");
	buf_add_cstr(&in, "\n");
	ck_assert_int_eq(csv_scan(buf_span(&in), false, &record, &used), CSV_TOO_MANY);
	buf_free(&in);
}
END_TEST

/* Any octets written as fields come back, whole and in every prefix as "more". */
START_TEST(round_trip)
{
	static const char alphabet[] = "a,\"\r\n \xC3\xB6|";
	static struct csv_record record;
	struct span field[4];
	char text[4][6];
	size_t used;

	srandom(7);
	for (int n = 0; n < 20000; n++) {
		struct buf out = BUF_INIT(1024);

		for (size_t i = 0; i < 4; i++) {
			size_t length = (size_t)(random() % 6);

			for (size_t k = 0; k < length; k++)
				text[i][k] = alphabet[random() % 9];
			field[i] = span_make(text[i], length);
			csv_put(&out, field[i], i == 0);
		}
		csv_end(&out);
		ck_assert_int_eq(csv_scan(buf_span(&out), false, &record, &used), CSV_RECORD);
		ck_assert_uint_eq(used, out.n);
		ck_assert_uint_eq(record.count, 4);
		for (size_t i = 0; i < 4; i++)
			ck_assert(span_eq(record.field[i], field[i]));
		for (size_t k = 0; k < out.n; k++)
			ck_assert_int_eq(
			    csv_scan(span_head(buf_span(&out), k), false, &record, &used),
			    CSV_MORE);
		buf_free(&out);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("csv");
	TCase *tests = tcase_create("csv");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, scans, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, is_bounded);
	tcase_add_test(tests, round_trip);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
