/* test_law - which demands hold for whom. */
#include <check.h>
#include <stdlib.h>

#include "law.h"

static const struct {
	enum law law;
	const char *domain;
	enum law same_as;
} rows[] = {
	{ LAW_STRICT, "dest.ca", LAW_STRICT },
	{ LAW_CASL, "dest.de", LAW_CASL },
	{ LAW_RECIPIENT, "dest.ca", LAW_CASL },
	{ LAW_RECIPIENT, "DEST.CA.", LAW_CASL },
	{ LAW_RECIPIENT, "a.b.dest.us", LAW_CAN_SPAM },
	{ LAW_RECIPIENT, "dest.co.uk", LAW_PECR },
	{ LAW_RECIPIENT, "dest.com.au", LAW_SPAM_ACT },
	{ LAW_RECIPIENT, "dest.de", LAW_EU },
	{ LAW_RECIPIENT, "dest.SK", LAW_EU },
	{ LAW_RECIPIENT, "dest.eu", LAW_EU },
	/* where nobody can tell: everything */
	{ LAW_RECIPIENT, "gmail.com", LAW_STRICT },
	{ LAW_RECIPIENT, "dest.jp", LAW_STRICT },
	{ LAW_RECIPIENT, "ca", LAW_STRICT },
	{ LAW_RECIPIENT, "", LAW_STRICT },
	{ LAW_RECIPIENT, ".", LAW_STRICT },
	{ LAW_RECIPIENT, "dest.e", LAW_STRICT },
	{ LAW_RECIPIENT, "dest.at be", LAW_STRICT },
	{ LAW_RECIPIENT, "dest.", LAW_STRICT },
	{ (enum law)99, "dest.ca", LAW_STRICT },
};

START_TEST(demands)
{
	ck_assert_uint_eq(law_demands(rows[_i].law, span_cstr(rows[_i].domain)),
	    law_row(rows[_i].same_as)->demands);
}
END_TEST

/* Strict asks for whatever any of them asks for; each asks for a way out. */
START_TEST(strictest)
{
	unsigned all = 0;

	for (unsigned i = LAW_CAN_SPAM; i < LAW_COUNT; i++) {
		const struct law_row *row = law_row((enum law)i);

		all |= row->demands;
		ck_assert(row->demands & LAW_WAY_OUT);
		ck_assert(row->word[0] != '\0' && row->source[0] != '\0');
	}
	ck_assert_uint_eq(law_row(LAW_STRICT)->demands, all);
	ck_assert_uint_eq(law_row(LAW_RECIPIENT)->demands, all);
	ck_assert(law_row(LAW_CAN_SPAM)->demands & LAW_ADDRESS);
	ck_assert(law_row(LAW_CASL)->demands & LAW_CONTACT);
	ck_assert(law_row(LAW_EU)->demands & LAW_IMPRINT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("law");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(all, demands, 0, ARRAY_SIZE(rows));
	tcase_add_test(all, strictest);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
