/* test_health - the formula, at its lines. */
#include <check.h>
#include <stdlib.h>

#include "health.h"

START_TEST(formula)
{
	static const struct {
		struct health_counts c;
		double score;
		bool known;
	} table[] = {
		{ { 0 }, 100, false },
		{ { .delivered = 19 }, 100, false },
		{ { .delivered = 20 }, 100, true },
		{ { .delivered = 95, .bounced = 5, .hard = 5 }, 80, true },
		{ { .delivered = 95, .bounced = 5 }, 100, true },
		{ { .delivered = 1000, .complained = 3 }, 70, true },
		{ { .delivered = 100, .delayed = 20 }, 90, true },
		{ { .delivered = 100, .unsubscribed = 1 }, 95, true },
		{ { .delivered = 98, .bounced = 2, .blocked = 2 }, 90, true },
		{ { .delivered = 100, .complained = 5 }, 0, true },
		/* Complaints about mail of the day before. */
		{ { .delivered = 0, .bounced = 20, .complained = 2 }, 0, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		double score, points[HEALTH_PARTS];

		ck_assert_msg(
		    health_score(&table[i].c, &score, points) == table[i].known, "case %zu", i);
		ck_assert_msg(score > table[i].score - 0.001 && score < table[i].score + 0.001,
		    "case %zu: %f", i, score);
	}
	for (int i = 0; i < HEALTH_PARTS; i++)
		ck_assert_ptr_nonnull(health_part_text((enum health_part)i));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("health");
	TCase *cases = tcase_create("health");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, formula);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
