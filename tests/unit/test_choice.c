/* test_choice - orders of pools: tables for who comes before whom and why, exact shares of the
 * strategies that count, and shares of seeded draws. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "choice.h"

#define FOREVER INT64_MAX

/* Members are 0, 1, .. in the order written; order and states are one digit or letter each. */
START_TEST(orders)
{
	static const struct {
		enum pool_strategy strategy;
		const char *order, *states; /* R W S P O by member */
		struct member_facts m[4];
	} table[] = {
		/* Fewest today, longest idle, as written. */
		{ POOL_ROUND_ROBIN, "2103", "RRRR",
		    { { .weight = 100, .used_today = 5, .last_ns = 11 },
			{ .weight = 100, .used_today = 5, .last_ns = 10 },
			{ .weight = 100, .used_today = 4, .last_ns = 99 },
			{ .weight = 100, .used_today = 6, .last_ns = 1 } } },
		{ POOL_ROUND_ROBIN, "0123", "RRRR",
		    { { .weight = 100 }, { .weight = 1 }, { .weight = 999 },
			{ .weight = 100 } } },
		/* Those that cannot be used come last, the soonest first; never is the last of those. */
		{ POOL_ROUND_ROBIN, "3210", "SSWR",
		    { { .weight = 100, .limit_wait_s = FOREVER },
			{ .weight = 100, .limit_wait_s = 3600, .gap_wait_s = 5 },
			{ .weight = 100, .gap_wait_s = 60 },
			{ .weight = 100, .used_today = 50 } } },
		{ POOL_ROUND_ROBIN, "3120", "OPPW",
		    { { .weight = 0, .gap_wait_s = 9 },
			{ .weight = 100, .paused = true, .limit_wait_s = 1 },
			{ .weight = 100, .paused = true, .limit_wait_s = 2 },
			{ .weight = 100, .gap_wait_s = 100 } } },
	};
	static const char letters[] = "RWSPO";

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char order[5] = "", states[5] = "....";
		struct choice c[4];

		ck_assert_uint_eq(choose(table[i].strategy, 1, table[i].m, 4, c, 9), 4);
		for (size_t k = 0; k < 4; k++) {
			order[k] = (char)('0' + c[k].member);
			states[c[k].member] = letters[c[k].state];
		}
		ck_assert_msg(strcmp(states, table[i].states) == 0, "case %zu: %s", i, states);
		if (i < 3)
			ck_assert_msg(
			    strcmp(order, table[i].order) == 0, "case %zu: %s", i, order);
		ck_assert_uint_eq(c[0].member, (size_t)(table[i].order[0] - '0'));
		/* Fewer that are asked for are the first of all. */
		for (size_t max = 0; max < 4; max++) {
			struct choice few[4];

			ck_assert_uint_eq(
			    choose(table[i].strategy, 1, table[i].m, 4, few, max), max);
			for (size_t k = 0; k < max; k++)
				ck_assert_uint_eq(few[k].member, c[k].member);
		}
	}
}
END_TEST

START_TEST(waits)
{
	const struct member_facts m[] = {
		{ .weight = 1, .limit_wait_s = 10, .gap_wait_s = 20 },
		{ .weight = 1, .limit_wait_s = 30 },
		{ .weight = 1, .gap_wait_s = 5 },
		{ .weight = 1, .paused = true, .gap_wait_s = 1 },
	};
	const int64_t expected[] = { 5, 20, 30, 0 };
	struct choice c[4];

	ck_assert_uint_eq(choose(POOL_RANDOM, 0, m, 4, c, 4), 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(c[i].wait_s, expected[i]);
	ck_assert_uint_eq(choose(POOL_RANDOM, 0, m, 0, c, 4), 0);
}
END_TEST

/* The model of a day: who is chosen is used. */
static void send_many(enum pool_strategy strategy, struct member_facts *m, size_t count,
    unsigned messages, unsigned *got)
{
	for (unsigned i = 0; i < messages; i++) {
		struct choice c;

		ck_assert_uint_eq(choose(strategy, i, m, count, &c, 1), 1);
		ck_assert_int_eq(c.state, MEMBER_READY);
		got[c.member]++;
		m[c.member].used_today++;
		m[c.member].used++;
		m[c.member].last_ns = (int64_t)i + 1;
		if (m[c.member].limit > 0 && m[c.member].used == m[c.member].limit)
			m[c.member].limit_wait_s = 1;
	}
}

START_TEST(round_robin_shares)
{
	struct member_facts m[7];
	unsigned got[7] = { 0 };

	for (size_t i = 0; i < 7; i++)
		m[i] = (struct member_facts){ .id = (uint32_t)i, .weight = 1, .health = 50 };
	m[3].weight = 0;
	m[5].paused = true;
	send_many(POOL_ROUND_ROBIN, m, 7, 10003, got);
	ck_assert_uint_eq(got[3] + got[5], 0);
	for (size_t i = 0; i < 7; i++)
		if (i != 3 && i != 5)
			ck_assert_uint_eq(got[i], 2000 + (i < 4 && i != 3 ? 1 : 0));
}
END_TEST

/* Shares of n draws with probability p lie within 5 standard deviations. */
static void expect_share(unsigned got, unsigned n, double p)
{
	double expected = n * p, allowed = 5 * sqrt(n * p * (1 - p));

	ck_assert_msg(
	    fabs(got - expected) <= allowed, "%u of %u, expected %.0f", got, n, expected);
}

START_TEST(drawn_shares)
{
	static const struct {
		enum pool_strategy strategy;
		unsigned weights[4], healths[4];
		double shares[4];
		unsigned exact[4]; /* with the seeds 0 to 9,999 */
	} table[] = {
		{ POOL_WEIGHTED, { 100, 200, 0, 50 }, { 50, 50, 50, 50 },
		    { 2 / 7.0, 4 / 7.0, 0, 1 / 7.0 }, { 2851, 5659, 0, 1490 } },
		{ POOL_WEIGHTED, { 999, 1, 100, 100 }, { 50, 50, 100, 25 },
		    { 49950 / 62500.0, 50 / 62500.0, 10000 / 62500.0, 2500 / 62500.0 },
		    { 7943, 7, 1633, 417 } },
		{ POOL_RANDOM, { 100, 900, 0, 1 }, { 50, 100, 50, 1 },
		    { 1 / 3.0, 1 / 3.0, 0, 1 / 3.0 }, { 3303, 3301, 0, 3396 } },
		{ POOL_STICKY, { 100, 300, 100, 0 }, { 50, 50, 1, 50 }, { 0.2, 0.6, 0.2, 0 },
		    { 2013, 5923, 2064, 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct member_facts m[4];
		unsigned got[4] = { 0 };

		for (size_t k = 0; k < 4; k++)
			m[k] = (struct member_facts){ .id = (uint32_t)k + 7,
				.weight = table[i].weights[k],
				.health = table[i].healths[k] };
		send_many(table[i].strategy, m, 4, 10000, got);
		for (size_t k = 0; k < 4; k++) {
			expect_share(got[k], 10000, table[i].shares[k]);
			ck_assert_msg(got[k] == table[i].exact[k], "case %zu: %u %u %u %u", i,
			    got[0], got[1], got[2], got[3]);
		}
	}
}
END_TEST

/* Half of a limit is left: half of the share. A spent one is not drawn at all. */
START_TEST(what_is_left)
{
	const struct member_facts m[] = {
		{ .id = 1, .weight = 100, .health = 50, .limit = 50, .used = 25 },
		{ .id = 2, .weight = 100, .health = 50, .limit = 50, .used = 0 },
		{ .id = 3,
		    .weight = 100,
		    .health = 50,
		    .limit = 50,
		    .used = 50,
		    .limit_wait_s = 9 },
	};
	unsigned got[3] = { 0 };

	for (uint64_t seed = 0; seed < 10000; seed++) {
		struct choice c[3];

		ck_assert_uint_eq(choose(POOL_WEIGHTED, seed, m, 3, c, 3), 3);
		got[c[0].member]++;
		ck_assert_uint_eq(c[2].member, 2);
	}
	ck_assert_uint_eq(got[2], 0);
	expect_share(got[0], 10000, 1 / 3.0);
}
END_TEST

/* 4 members of 50 a day take 200, one by one, and nothing more. */
START_TEST(limits)
{
	static const enum pool_strategy all[] = { POOL_ROUND_ROBIN, POOL_WEIGHTED, POOL_RANDOM,
		POOL_STICKY };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct member_facts m[4];
		unsigned got[4] = { 0 };
		struct choice c;

		for (size_t k = 0; k < 4; k++)
			m[k] = (struct member_facts){
				.id = (uint32_t)k, .weight = 100, .health = 50, .limit = 50
			};
		send_many(all[i], m, 4, 200, got);
		for (size_t k = 0; k < 4; k++)
			ck_assert_uint_eq(got[k], 50);
		ck_assert_uint_eq(choose(all[i], 200, m, 4, &c, 1), 1);
		ck_assert_int_eq(c.state, MEMBER_SPENT);
	}
}
END_TEST

/* What a member had moves when it goes, and nothing else. */
START_TEST(stickiness)
{
	struct member_facts m[5];
	unsigned moved = 0;

	for (size_t k = 0; k < 5; k++)
		m[k] =
		    (struct member_facts){ .id = (uint32_t)k + 1, .weight = 100, .health = 50 };
	for (uint64_t key = 0; key < 1000; key++) {
		struct choice before, after, again;

		(void)choose(POOL_STICKY, key, m, 5, &before, 1);
		m[before.member].used_today += 1000;
		m[2].paused = true;
		(void)choose(POOL_STICKY, key, m, 5, &after, 1);
		m[2].paused = false;
		(void)choose(POOL_STICKY, key, m, 5, &again, 1);
		ck_assert_uint_eq(again.member, before.member);
		ck_assert_uint_ne(after.member, 2);
		if (before.member != 2)
			ck_assert_uint_eq(after.member, before.member);
		moved += after.member != before.member;
	}
	ck_assert_uint_gt(moved, 140);
	ck_assert_uint_lt(moved, 260);
}
END_TEST

START_TEST(words)
{
	ck_assert_str_eq(member_state_text(MEMBER_READY), "ready");
	ck_assert_str_eq(member_state_text(MEMBER_OFF), "off");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("choice");
	TCase *cases = tcase_create("choice");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, orders);
	tcase_add_test(cases, waits);
	tcase_add_test(cases, round_robin_shares);
	tcase_add_test(cases, drawn_shares);
	tcase_add_test(cases, what_is_left);
	tcase_add_test(cases, limits);
	tcase_add_test(cases, stickiness);
	tcase_add_test(cases, words);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
