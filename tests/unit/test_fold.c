/* test_fold - which texts are alike. */
#include <check.h>
#include <stdlib.h>

#include "fold.h"

static const struct {
	const char *text, *folded;
} rows[] = {
	{ "", "" },
	{ " \r\n\t.,-", "" },
	{ "Acme", " acme " },
	{ "Acme GmbH,\r\nHauptstr. 1", " acme gmbh hauptstr 1 " },
	{ "ACME  GmbH | Hauptstr.1", " acme gmbh hauptstr 1 " },
	{ "P.O. Box 7", " p o box 7 " },
	/* Latin, with what becomes two letters */
	{ "\xc3\x84\xc3\x96\xc3\x9c \xc3\xa4\xc3\xb6\xc3\xbc",
	    " \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc " },
	{ "Stra\xc3\x9f\x65 STRASSE STRA\xe1\xba\x9e\x45", " strasse strasse strasse " },
	{ "\xc5\x92uvre \xc5\x93uvre", " oeuvre oeuvre " },
	{ "\xc5\x81\xc3\xb3\x64\xc5\xba \xc5\xbb\xc5\xb8",
	    " \xc5\x82\xc3\xb3\x64\xc5\xba \xc5\xbc\xc3\xbf " },
	{ "\xc4\x80\xc4\x81 \xc5\xa0\xc5\xa1", " \xc4\x81\xc4\x81 \xc5\xa1\xc5\xa1 " },
	/* Greek and Cyrillic */
	{ "\xce\x91\xce\x98\xce\x97\xce\x9d\xce\x91\xce\xa3",
	    " \xce\xb1\xce\xb8\xce\xb7\xce\xbd\xce\xb1\xcf\x83 " },
	{ "\xcf\x82", " \xcf\x83 " },
	{ "\xd0\x9c\xd0\xbe\xd1\x81\xd0\x81", " \xd0\xbc\xd0\xbe\xd1\x81\xd1\x91 " },
	/* letters without case */
	{ "\xe6\x9d\xb1\xe4\xba\xac\xe3\x80\x80\xe6\xb8\xaf",
	    " \xe6\x9d\xb1\xe4\xba\xac \xe6\xb8\xaf " },
	{ "\xf0\xa0\x80\x80", " \xf0\xa0\x80\x80 " },
	/* blanks and what has no width */
	{ "a\xc2\xa0\x62\xe2\x80\x89\x63", " a b c " },
	{ "Haupt\xc2\xadstr\xe2\x80\x8b\x61\xef\xbb\xbf\xc3\x9f\x65", " hauptstrasse " },
	{ "a\xe2\x80\x94\x62 \xc2\xab\x63\xc2\xbb \xe2\x82\xac", " a b c " },
	/* octets that are no UTF-8 */
	{ "a\xff\x62 \xc3", " a b " },
	{ "a\xed\xa0", " a " },
	{ "a\xc0\xaf\x62\xf5\x80\x80\x80\x63", " a b c " },
};

START_TEST(folds)
{
	struct buf out = BUF_INIT(4096);

	fold(span_cstr(rows[_i].text), &out);
	ck_assert_str_eq(buf_cstr(&out), rows[_i].folded);
	/* folded text stays as it is */
	if (out.n > 0) {
		struct buf again = BUF_INIT(4096);

		fold(buf_span(&out), &again);
		ck_assert(span_eq(buf_span(&out), buf_span(&again)));
		buf_free(&again);
	}
	buf_free(&out);
}
END_TEST

START_TEST(nul)
{
	struct buf out = BUF_INIT(4096);

	fold(SPAN("a\0b"), &out);
	ck_assert_str_eq(buf_cstr(&out), " a b ");
	buf_free(&out);
}
END_TEST

START_TEST(phrases)
{
	ck_assert(fold_has(SPAN(" a b c "), SPAN(" b ")));
	ck_assert(fold_has(SPAN(" a b c "), SPAN(" a b c ")));
	ck_assert(fold_has(SPAN(" a b c "), SPAN(" b c ")));
	ck_assert(!fold_has(SPAN(" a b c "), SPAN(" a c ")));
	/* whole words: 1 Main Street is not 11 Main Street */
	ck_assert(!fold_has(SPAN(" 11 main street "), SPAN(" 1 main street ")));
	ck_assert(!fold_has(SPAN(" 1 main streets "), SPAN(" 1 main street ")));
	ck_assert(!fold_has(SPAN(" a "), SPAN("")));
	ck_assert(!fold_has(SPAN(""), SPAN(" a ")));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fold");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(all, folds, 0, ARRAY_SIZE(rows));
	tcase_add_test(all, nul);
	tcase_add_test(all, phrases);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
