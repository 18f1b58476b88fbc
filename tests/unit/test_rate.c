/* test_rate - the bounds of both kinds of limit, by cases and by random walks against models.
 * PENGUIN_RATE_CASES sets how many steps (default 200,000), PENGUIN_SEED the walk. */
#include "chance.h"

#include "rate.h"

__extension__ typedef __int128 wide;

#define NOW INT64_C(1795000000000000000) /* a moment in 2026 */

START_TEST(make_rounds_up_and_refuses_what_does_not_fit)
{
	static const struct {
		uint64_t units;
		int64_t period_ns;
		uint64_t burst;
		bool ok;
		int64_t emission_ns;
		uint64_t burst_r;
	} cases[] = {
		{ 10, NS_PER_S, 0, true, 100000000, 10 },
		{ 3, NS_PER_S, 0, true, 333333334, 3 },
		{ 1, 1, 1, true, 1, 1 },
		{ 2000000000, NS_PER_S, 5, true, 1, 5 },
		{ 10, NS_PER_S, 1, true, 100000000, 1 },
		{ 0, NS_PER_S, 1, false, 0, 0 },
		{ 1, 0, 1, false, 0, 0 },
		{ 1, -1, 1, false, 0, 0 },
		{ 1, INT64_MAX / 2, 1, true, INT64_MAX / 2, 1 },
		{ 1, INT64_MAX / 2 + 1, 1, false, 0, 0 },
		{ 1, INT64_MAX, UINT64_MAX, false, 0, 0 },
		{ UINT64_MAX, 1, INT64_MAX / 2, true, 1, INT64_MAX / 2 },
		{ UINT64_MAX, 1, INT64_MAX / 2 + 1, false, 0, 0 },
		{ UINT64_MAX, 1, 0, false, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rate_limit limit = { 0 };
		bool ok =
		    rate_limit_make(cases[i].units, cases[i].period_ns, cases[i].burst, &limit);

		ck_assert_msg(ok == cases[i].ok, "case %zu", i);
		if (!ok)
			continue;
		ck_assert_int_eq(limit.emission_ns, cases[i].emission_ns);
		ck_assert_uint_eq(limit.burst, cases[i].burst_r);
	}
}
END_TEST

START_TEST(rate_charges_and_refuses)
{
	struct rate_limit limit;
	struct rate_state state = { 0 };
	struct rate_answer a;

	ck_assert(rate_limit_make(10, NS_PER_S, 5, &limit));
	ck_assert_uint_eq(rate_remaining(limit, state, NOW), 5);
	a = rate_charge(limit, state, 5, NOW);
	ck_assert(a.granted);
	ck_assert_int_eq(a.retry_ns, 0);
	ck_assert_int_eq(a.added_ns, 500000000);
	ck_assert_int_eq(a.after.tat_ns, NOW + 500000000);
	state = a.after;
	a = rate_charge(limit, state, 1, NOW);
	ck_assert(!a.granted);
	ck_assert_int_eq(a.retry_ns, 100000000);
	ck_assert_int_eq(a.after.tat_ns, state.tat_ns);
	a = rate_charge(limit, state, 6, NOW);
	ck_assert(!a.granted && a.retry_ns == INT64_MAX);
	a = rate_charge(limit, state, 0, NOW);
	ck_assert(a.granted && a.after.tat_ns == state.tat_ns && a.added_ns == 0);
	/* A roll-back gives back exactly what was charged. */
	state.tat_ns -= 500000000;
	ck_assert_uint_eq(rate_remaining(limit, state, NOW), 5);
}
END_TEST

START_TEST(rate_state_from_the_future_is_cut)
{
	struct rate_state state = { NOW + 3600 * NS_PER_S };
	struct rate_limit limit;
	struct rate_answer a;

	ck_assert(rate_limit_make(10, NS_PER_S, 5, &limit));
	ck_assert_uint_eq(rate_remaining(limit, state, NOW), 0);
	a = rate_charge(limit, state, 1, NOW);
	ck_assert(!a.granted);
	ck_assert_int_eq(a.after.tat_ns, NOW + 500000000);
	ck_assert_int_eq(a.retry_ns, 100000000);
	ck_assert(rate_charge(limit, a.after, 1, NOW + a.retry_ns).granted);
	ck_assert(!rate_charge(limit, a.after, 1, NOW + a.retry_ns - 1).granted);
}
END_TEST

/* One step's checks; *excess_ns is what was granted (in time) over what the clock's steps forward
 * have paid for, taken over the worst interval that ends here. */
static void rate_step(struct rate_limit limit, struct rate_state *state, uint64_t amount,
    int64_t now_ns, wide *excess_ns)
{
	wide full = (wide)limit.burst * limit.emission_ns;
	uint64_t remaining = rate_remaining(limit, *state, now_ns);
	struct rate_answer a = rate_charge(limit, *state, amount, now_ns);

	MUST(a.granted == (amount <= remaining || amount == 0));
	if (a.granted) {
		*excess_ns += (wide)amount * limit.emission_ns;
		MUST(*excess_ns <= full);
		MUST(rate_remaining(limit, a.after, now_ns) == remaining - amount);
	} else {
		MUST(rate_remaining(limit, a.after, now_ns) == remaining);
		MUST(a.after.tat_ns <= state->tat_ns);
		MUST(a.after.tat_ns == state->tat_ns || remaining == 0);
		MUST((amount > limit.burst) == (a.retry_ns == INT64_MAX));
	}
	if (!a.granted && a.retry_ns != INT64_MAX) {
		MUST(a.retry_ns > 0);
		MUST(rate_charge(limit, a.after, amount, now_ns + a.retry_ns).granted);
		MUST(!rate_charge(limit, a.after, amount, now_ns + a.retry_ns - 1).granted);
	}
	*state = a.after;
}

START_TEST(rate_walk)
{
	uint64_t cases = chance_number("PENGUIN_RATE_CASES", 200000);
	uint64_t rng = chance_seed("test_rate: rate", cases);
	struct rate_limit limit = { 1, 1 };
	struct rate_state state = { 0 };
	int64_t now_ns = NOW, step;
	wide excess_ns = 0;

	for (uint64_t i = 0; i < cases; i++) {
		if (i % 512 == 0) {
			while (!rate_limit_make(chance_size(&rng) % 100000,
			    (int64_t)(chance_size(&rng) % (86400 * UINT64_C(1000000000))),
			    chance_size(&rng) % 1000, &limit))
				;
			state = (struct rate_state){ 0 };
			now_ns = NOW;
			excess_ns = 0;
		}
		step = (int64_t)(chance_size(&rng) %
				 ((uint64_t)limit.emission_ns * (limit.burst + 2)));
		if (chance_next(&rng) % 4 == 0) {
			now_ns -= step;
		} else {
			now_ns += step;
			excess_ns = excess_ns > step ? excess_ns - step : 0;
		}
		rate_step(
		    limit, &state, chance_size(&rng) % (limit.burst + 2), now_ns, &excess_ns);
	}
}
END_TEST

START_TEST(nothing_overflows)
{
	uint64_t cases = chance_number("PENGUIN_RATE_CASES", 200000);
	uint64_t rng = chance_seed("test_rate: extremes", cases);
	static const int64_t edges[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1, NOW, INT64_MAX - 1,
		INT64_MAX };

	for (uint64_t i = 0; i < cases; i++) {
		struct rate_state rate = { (int64_t)chance_next(&rng) };
		int64_t now = edges[chance_next(&rng) % ARRAY_SIZE(edges)];
		struct window_state window = { (int64_t)chance_next(&rng),
			(int64_t)chance_next(&rng), chance_next(&rng) };
		uint64_t limit = chance_size(&rng), amount = chance_size(&rng);
		struct rate_limit bounds;
		struct window_answer a;

		if (rate_limit_make(chance_size(&rng), (int64_t)(chance_next(&rng) >> 1),
			chance_size(&rng), &bounds)) {
			uint64_t most = rate_remaining(bounds, rate, now);

			MUST(rate_charge(bounds, rate, most, now).granted);
			MUST(!rate_charge(bounds, rate, most + 1, now).granted);
		}
		a = window_charge(limit, window, amount, now, edges[i % ARRAY_SIZE(edges)],
		    edges[i / 8 % ARRAY_SIZE(edges)]);
		MUST(!a.granted || amount == 0 || a.after.used <= limit);
		MUST(window_refund(window, window.start_s, amount).used <= window.used);
		MUST(window_thresholds(limit, amount) <= 15);
	}
}
END_TEST

START_TEST(window_cases)
{
	static const struct {
		uint64_t limit;
		struct window_state state;
		uint64_t amount;
		bool granted;
		int64_t retry_s;
		struct window_state after;
	} cases[] = {
		/* The window that holds now (1050) is always 1000..1100. */
		{ 10, { 0, 0, 0 }, 10, true, 0, { 1000, 1100, 10 } },
		{ 10, { 0, 0, 0 }, 11, false, INT64_MAX, { 0, 0, 0 } },
		{ 10, { 1000, 1100, 9 }, 1, true, 0, { 1000, 1100, 10 } },
		{ 10, { 1000, 1100, 9 }, 2, false, 50, { 1000, 1100, 9 } },
		{ 10, { 1000, 1100, 20 }, 1, false, 50, { 1000, 1100, 20 } },
		{ 10, { 1000, 1100, 20 }, 0, true, 0, { 1000, 1100, 20 } },
		{ 10, { 900, 1000, 10 }, 1, true, 0, { 1000, 1100, 1 } },
		{ 10, { 900, 1000, 10 }, 11, false, INT64_MAX, { 900, 1000, 10 } },
		{ 10, { 1100, 1200, 10 }, 1, false, 150, { 1100, 1200, 10 } },
		{ 10, { 1100, 1200, 3 }, 1, true, 0, { 1100, 1200, 4 } },
		{ 10, { 1000, 1200, 3 }, 1, true, 0, { 1000, 1100, 4 } },
		{ UINT64_MAX, { 1000, 1100, UINT64_MAX }, 1, false, 50,
		    { 1000, 1100, UINT64_MAX } },
		{ UINT64_MAX, { 1000, 1100, UINT64_MAX - 1 }, 1, true, 0,
		    { 1000, 1100, UINT64_MAX } },
		{ 0, { 0, 0, 0 }, 1, false, INT64_MAX, { 0, 0, 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct window_answer a = window_charge(
		    cases[i].limit, cases[i].state, cases[i].amount, 1000, 1100, 1050);

		ck_assert_msg(a.granted == cases[i].granted, "case %zu", i);
		ck_assert_msg(a.retry_s == cases[i].retry_s, "case %zu", i);
		ck_assert_msg(a.after.start_s == cases[i].after.start_s &&
				  a.after.end_s == cases[i].after.end_s &&
				  a.after.used == cases[i].after.used,
		    "case %zu", i);
	}
}
END_TEST

START_TEST(window_used_and_refund)
{
	struct window_state state = { 1000, 1100, 7 };

	ck_assert_uint_eq(window_used(state, 1000), 7);
	ck_assert_uint_eq(window_used(state, 900), 7);
	ck_assert_uint_eq(window_used(state, 1100), 0);
	ck_assert_uint_eq(window_refund(state, 1000, 3).used, 4);
	ck_assert_uint_eq(window_refund(state, 1000, 7).used, 0);
	ck_assert_uint_eq(window_refund(state, 1000, 8).used, 0);
	ck_assert_uint_eq(window_refund(state, 900, 3).used, 7);
	ck_assert_uint_eq(window_refund(state, 1100, 3).used, 7);
}
END_TEST

/* Windows of 100 s. What was granted and not given back is counted for each window that the state
 * names, and never passes the limit, however the clock steps. */
START_TEST(window_walk)
{
	uint64_t cases = chance_number("PENGUIN_RATE_CASES", 200000);
	uint64_t rng = chance_seed("test_rate: window", cases);
	struct window_state state = { 0 };
	uint64_t limit = 1, granted = 0;
	int64_t now_s = 0, newest_s = 0;

	for (uint64_t i = 0; i < cases; i++) {
		int64_t start_s, before_s = state.start_s;
		struct window_answer a;
		uint64_t amount;

		if (i % 512 == 0) {
			limit = chance_size(&rng) % 1000;
			state = (struct window_state){ 0 };
			now_s = 1000000;
			newest_s = 0;
			granted = 0;
		}
		now_s += (int64_t)(chance_next(&rng) % 90) - 40;
		start_s = now_s / 100 * 100;
		amount = chance_next(&rng) % (limit / 2 + 2);
		if (chance_next(&rng) % 8 == 0) {
			uint64_t used = state.used;
			int64_t of_s = chance_next(&rng) % 2 == 0 ? newest_s : start_s - 100;

			state = window_refund(state, of_s, amount);
			MUST(used >= state.used && used - state.used <= amount);
			MUST(of_s == before_s || used == state.used);
			granted -= used - state.used;
			continue;
		}
		a = window_charge(limit, state, amount, start_s, start_s + 100, now_s);
		if (a.granted && amount > 0 && a.after.start_s > newest_s) {
			newest_s = a.after.start_s;
			granted = 0;
		}
		granted += a.granted ? amount : 0;
		MUST(granted <= limit);
		MUST(a.after.start_s >= state.start_s);
		if (!a.granted && amount <= limit) {
			struct window_state s = a.after;
			int64_t at_s = now_s + a.retry_s;

			MUST(a.retry_s > 0);
			MUST(s.used == state.used && s.start_s == state.start_s);
			MUST(window_charge(
			    limit, s, amount, at_s / 100 * 100, at_s / 100 * 100 + 100, at_s)
				 .granted);
			at_s--;
			MUST(!window_charge(
			    limit, s, amount, at_s / 100 * 100, at_s / 100 * 100 + 100, at_s)
				  .granted);
		}
		state = a.after;
	}
}
END_TEST

START_TEST(thresholds)
{
	static const struct {
		uint64_t limit, used;
		unsigned reached;
	} cases[] = {
		{ 100, 0, 0 },
		{ 100, 79, 0 },
		{ 100, 80, 1 },
		{ 100, 89, 1 },
		{ 100, 90, 3 },
		{ 100, 94, 3 },
		{ 100, 95, 7 },
		{ 100, 99, 7 },
		{ 100, 100, 15 },
		{ 100, 101, 15 },
		{ 3, 2, 0 },
		{ 3, 3, 15 },
		{ 0, 0, 15 },
		{ UINT64_MAX, UINT64_MAX, 15 },
		{ UINT64_MAX, UINT64_MAX - 1, 7 },
		{ UINT64_MAX, UINT64_MAX / 100 * 79, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(
		    window_thresholds(cases[i].limit, cases[i].used) == cases[i].reached,
		    "case %zu", i);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rate");
	TCase *cases = tcase_create("rate");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 600);
	tcase_add_test(cases, make_rounds_up_and_refuses_what_does_not_fit);
	tcase_add_test(cases, rate_charges_and_refuses);
	tcase_add_test(cases, rate_state_from_the_future_is_cut);
	tcase_add_test(cases, rate_walk);
	tcase_add_test(cases, nothing_overflows);
	tcase_add_test(cases, window_cases);
	tcase_add_test(cases, window_used_and_refund);
	tcase_add_test(cases, window_walk);
	tcase_add_test(cases, thresholds);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
