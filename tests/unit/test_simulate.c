/* test_simulate - a plan against the made-up provider: never over the budget, the same each time, and
 * better off than by the calendar alone when a day goes wrong. */
#include <check.h>
#include <stdlib.h>

#include "quantity.h"
#include "simulate.h"

static struct warmup_plans *plans;
static struct simulate_day days[SIMULATE_DAYS_MAX], again[SIMULATE_DAYS_MAX];

static void begin(void)
{
	char error[256];

	ck_assert_int_eq(warmup_read("etc/warmup.conf", &plans, error, sizeof error), ERR_OK);
}

static void end(void)
{
	warmup_free(&plans);
}

START_TEST(every_plan)
{
	for (size_t i = 0; i < warmup_count(plans); i++) {
		struct simulate_options o = { .plan = warmup_at(plans, i),
			.place = "google",
			.volume = 100000,
			.hard = QUANTITY_WHOLE / 200,
			.delayed = QUANTITY_WHOLE / 50,
			.bad_from = 7,
			.bad_days = 2 };

		simulate(&o, SIMULATE_DAYS_MAX, days);
		simulate(&o, SIMULATE_DAYS_MAX, again);
		ck_assert_int_eq(memcmp(days, again, sizeof days), 0);
		for (unsigned d = 0; d < SIMULATE_DAYS_MAX; d++) {
			const struct simulate_day *x = &days[d];

			ck_assert(x->sent <= x->budget && x->sent <= o.volume);
			ck_assert(x->outcome.delivered + x->outcome.bounced == x->sent);
			ck_assert(x->standing <= 100);
			ck_assert(x->plan_day >= 1 && x->plan_day <= o.plan->day_count);
		}
	}
}
END_TEST

START_TEST(nothing_wrong)
{
	struct simulate_options o = {
		.plan = warmup_find(plans, SPAN("standard")), .place = "all", .volume = 500
	};

	simulate(&o, 60, days);
	for (unsigned d = 0; d < 42; d++)
		ck_assert_uint_eq(days[d].plan_day, d + 1);
	ck_assert_int_eq(days[41].state, WARMUP_COMPLETED);
	ck_assert_uint_eq(days[59].sent, 500);
	/* Without mail nothing goes on. */
	o.volume = 0;
	simulate(&o, 60, days);
	ck_assert_uint_eq(days[59].plan_day, 1);
}
END_TEST

START_TEST(calendar)
{
	struct simulate_options o = { .plan = warmup_find(plans, SPAN("address-21")),
		.place = "all",
		.volume = 57000,
		.hard = QUANTITY_WHOLE / 50 };
	uint64_t blocked[2] = { 0 };

	for (unsigned k = 0; k < 2; k++) {
		o.calendar = k == 1;
		simulate(&o, 60, days);
		for (unsigned d = 0; d < 60; d++)
			blocked[k] += days[d].outcome.blocked;
		ck_assert(!o.calendar || days[59].state == WARMUP_COMPLETED);
	}
	ck_assert_uint_lt(blocked[0], blocked[1]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("simulate");
	TCase *all = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all, every_plan);
	tcase_add_test(all, nothing_wrong);
	tcase_add_test(all, calendar);
	suite_add_tcase(s, all);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
