/* test_warmup - plans of warm-up: the shipped file, mistakes, budgets, what a day does to a plan. */
#include <check.h>
#include <stdlib.h>

#include "warmup.h"

static struct warmup_plans *must_parse(const char *text)
{
	struct warmup_plans *p = NULL;
	char error[256];

	ck_assert_msg(
	    warmup_parse(span_cstr(text), "f", &p, error, sizeof error) == ERR_OK, "%s", error);
	return p;
}

/* Mailbox plans never allow 100 more than the day before; whatever the plan, no day allows less. */
START_TEST(shipped)
{
	static const char *const mailboxes[] = { "core-21", "standard", "aggressive",
		"conservative", "steady-56", "four-weeks", "cautious" };
	struct warmup_plans *plans = NULL;
	char error[512];

	ck_assert_msg(
	    warmup_read("etc/warmup.conf", &plans, error, sizeof error) == ERR_OK, "%s", error);
	ck_assert_uint_eq(warmup_count(plans), 12);
	for (size_t i = 0; i < ARRAY_SIZE(mailboxes); i++) {
		const struct warmup_plan *p = warmup_find(plans, span_cstr(mailboxes[i]));

		ck_assert_ptr_nonnull(p);
		ck_assert(!p->each);
		for (unsigned day = 1; day < p->day_count; day++)
			ck_assert_uint_le(p->days[day], p->days[day - 1] + 100);
	}
	ck_assert_ptr_null(warmup_find(plans, SPAN("none")));
	ck_assert_ptr_null(warmup_at(plans, warmup_count(plans)));
	warmup_free(&plans);
	warmup_free(&plans);
	ck_assert_uint_eq(warmup_count(plans), 0);
}
END_TEST

START_TEST(mistakes)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{ "days = 1\n", "f:1: no [name of a rule] above" },
		{ "[a]\nsource = s\n", "f:1: a plan without days:" },
		{ "[a]\ndays = 1\n", "f:1: a plan without source:" },
		{ "[a]\ndays = 5 4\n", "f:2: fewer than on the day before:" },
		{ "[a]\ndays = 5\ndays = 4\n", "f:3: fewer than on the day before:" },
		{ "[a]\ndays = 0\n", "f:2: not a number of recipients:" },
		{ "[a]\ndays = 5000000000\n", "f:2: not a number of recipients:" },
		{ "[a]\nbudget = some\n", "f:2: budget: provider or all, not" },
		{ "[a]\nfactors = google\n", "f:2: not a percentage" },
		{ "[a]\nfactors = google:0\n", "f:2: not a percentage" },
		{ "[a]\nfactors = google:101\n", "f:2: not a percentage" },
		{ "[a]\nfactors = a:1 a:2\n", "f:2: a second factor of" },
		{ "[a]\nfactors = a!:1\n", "f:2: factors: GROUP:PERCENT, not" },
		{ "[a]\nhour = 0\n", "f:2: not a percentage" },
		{ "[a]\nhard = 5 2\n", "f:2: as in 2 5" },
		{ "[a]\nhard = 5\n", "f:2: as in 2 5" },
		{ "[a]\nhard = 2 5 7\n", "f:2: as in 2 5" },
		{ "[a]\nleast = -1\n", "f:2: not a number:" },
		{ "[a]\nspeed = 1\n", "f:2: unknown key" },
		{ "[a]\nbudget = all\ndays = 1\nfactors = x:5\nsource = s\n",
		    "f:1: a budget for all mail has no factors:" },
		{ "[a]\ndays = 1\nsource = s\n[a]\n", "f:4: stands in the file twice:" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct warmup_plans *p = NULL;
		char error[256];

		ck_assert_msg(warmup_parse(span_cstr(table[i].text), "f", &p, error,
				  sizeof error) != ERR_OK,
		    "%s", table[i].text);
		ck_assert_msg(
		    strncmp(error, table[i].error, strlen(table[i].error)) == 0, "%s", error);
		ck_assert_ptr_null(p);
	}
}
END_TEST

START_TEST(budgets)
{
	struct warmup_plans *plans = must_parse("[a]\ndays = 10 50 1000\n"
						"factors = google:100 yahoo:30 *:1\n"
						"least = 8\nhour = 10\nsource = s\n");
	const struct warmup_plan *p = warmup_at(plans, 0);
	static const struct {
		unsigned day;
		const char *place;
		uint64_t budget, hour;
	} table[] = {
		{ 0, "google", 10, 1 },
		{ 1, "google", 10, 1 },
		{ 1, "yahoo", 8, 1 },
		{ 2, "yahoo", 15, 2 },
		{ 2, "other", 8, 1 },
		{ 3, "other", 10, 1 },
		{ 3, "yahoo", 300, 30 },
		{ 9, "google", 1000, 100 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t n = warmup_day_budget(p, table[i].day, span_cstr(table[i].place));

		ck_assert_uint_eq(n, table[i].budget);
		ck_assert_uint_eq(warmup_hour_budget(p, n), table[i].hour);
	}
	ck_assert_uint_eq(warmup_day_under(p, SPAN("google"), 5), 1);
	ck_assert_uint_eq(warmup_day_under(p, SPAN("google"), 999), 2);
	ck_assert_uint_eq(warmup_day_under(p, SPAN("google"), 5000), 3);
	ck_assert(span_eq(warmup_place(p, SPAN("yahoo")), SPAN("yahoo")));
	ck_assert(span_eq(warmup_place(p, SPAN("")), SPAN("other")));
	warmup_free(&plans);
}
END_TEST

/* From day 5 of 10, 20, 40 .. 320, 640: what a day does. */
START_TEST(judgements)
{
	static const struct {
		struct warmup_day day;
		unsigned to;
		enum warmup_reason reason;
	} table[] = {
		{ { .delivered = 160 }, 6, WARMUP_ADVANCED },
		{ { .delivered = 80 }, 6, WARMUP_ADVANCED },
		{ { .delivered = 79 }, 5, WARMUP_UNUSED },
		{ { .delivered = 156, .bounced = 4, .hard = 3 }, 6, WARMUP_ADVANCED },
		{ { .delivered = 156, .bounced = 4, .hard = 4 }, 5, WARMUP_HELD },
		{ { .delivered = 152, .bounced = 8, .hard = 7 }, 5, WARMUP_HELD },
		{ { .delivered = 152, .bounced = 8, .hard = 8 }, 4, WARMUP_BACK },
		/* Too few to tell, and one alone is no share. */
		{ { .delivered = 10, .bounced = 9, .hard = 9 }, 5, WARMUP_UNUSED },
		{ { .delivered = 19, .bounced = 1, .hard = 1 }, 5, WARMUP_HELD },
		{ { .delivered = 160, .delayed = 15 }, 6, WARMUP_ADVANCED },
		{ { .delivered = 160, .delayed = 16 }, 5, WARMUP_HELD },
		{ { .delivered = 160, .delayed = 40 }, 4, WARMUP_BACK },
		{ { .delivered = 160, .complained = 1 }, 5, WARMUP_HELD },
		{ { .delivered = 160, .complained = 2 }, 4, WARMUP_BACK },
		{ { .delivered = 160, .blocked = 1 }, 4, WARMUP_BACK },
		{ { .blocked = 1 }, 4, WARMUP_BACK },
		{ { .delayed = 5 }, 5, WARMUP_UNUSED },
	};
	struct warmup_plans *plans =
	    must_parse("[a]\ndays = 10 20 40 80 160 320 640\nsource = s\n");
	const struct warmup_plan *p = warmup_at(plans, 0);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct warmup_progress at = warmup_begin(5, 100);

		warmup_judge(p, SPAN("google"), &table[i].day, &at);
		ck_assert_msg(at.day == table[i].to && at.reason == table[i].reason,
		    "%zu: day %u, %s", i, at.day, warmup_reason_text(at.reason));
		ck_assert_int_eq(at.judged, 100);
		ck_assert_int_eq(at.state, WARMUP_ACTIVE);
	}
	warmup_free(&plans);
}
END_TEST

/* Going back a second time within three days pauses; later it does not. */
START_TEST(twice)
{
	const struct warmup_day good = { .delivered = 1000 }, bad = { .blocked = 1 };
	struct warmup_plans *plans =
	    must_parse("[a]\ndays = 10 20 40 80 160 320 640\nsource = s\n");
	const struct warmup_plan *p = warmup_at(plans, 0);

	for (unsigned between = 0; between < 5; between++) {
		struct warmup_progress at = warmup_begin(6, 100);
		bool soon = between < 2;

		warmup_judge(p, SPAN("x"), &bad, &at);
		ck_assert_uint_eq(at.day, 5);
		for (unsigned i = 0; i < between; i++)
			warmup_judge(p, SPAN("x"), &good, &at);
		if (at.state == WARMUP_COMPLETED)
			continue;
		warmup_judge(p, SPAN("x"), &bad, &at);
		ck_assert_int_eq(at.state, soon ? WARMUP_PAUSED : WARMUP_ACTIVE);
		ck_assert_int_eq(at.reason, soon ? WARMUP_BACK_TWICE : WARMUP_BACK);
		/* What is paused waits for somebody. */
		warmup_judge(p, SPAN("x"), &good, &at);
		ck_assert_int_eq(at.state == WARMUP_PAUSED, soon);
	}
	warmup_free(&plans);
}
END_TEST

START_TEST(idle)
{
	const struct warmup_day none = { 0 }, good = { .delivered = 1000 };
	struct warmup_plans *plans =
	    must_parse("[a]\ndays = 1 2 3 4 5 6 7 8 9 10 11 12\nsource = s\n");
	const struct warmup_plan *p = warmup_at(plans, 0);
	struct warmup_progress at = warmup_begin(11, 100);

	for (unsigned day = 1; day <= 40; day++) {
		warmup_judge(p, SPAN("x"), &none, &at);
		ck_assert_uint_eq(at.day, day >= 30 ? 1 : 11 - day / 7 * 2);
	}
	warmup_judge(p, SPAN("x"), &good, &at);
	ck_assert_uint_eq(at.idle, 0);
	ck_assert_uint_eq(at.day, 2);
	for (unsigned day = 0; day < 20; day++)
		warmup_judge(p, SPAN("x"), &good, &at);
	ck_assert_int_eq(at.state, WARMUP_COMPLETED);
	ck_assert_uint_eq(at.day, 12);
	warmup_free(&plans);
}
END_TEST

START_TEST(words)
{
	enum warmup_state s;

	for (size_t i = 0; i < WARMUP_STATES; i++) {
		ck_assert(
		    warmup_state_of(span_cstr(warmup_state_text((enum warmup_state)i)), &s));
		ck_assert_uint_eq(s, i);
	}
	ck_assert(!warmup_state_of(SPAN("asleep"), &s));
	for (size_t i = 0; i < WARMUP_REASONS; i++)
		ck_assert_ptr_nonnull(warmup_reason_text((enum warmup_reason)i));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("warmup");
	TCase *all = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(all, shipped);
	tcase_add_test(all, mistakes);
	tcase_add_test(all, budgets);
	tcase_add_test(all, judgements);
	tcase_add_test(all, twice);
	tcase_add_test(all, idle);
	tcase_add_test(all, words);
	suite_add_tcase(s, all);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
