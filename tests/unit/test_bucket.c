/* test_bucket - charges together or not at all, giving back, and a naive model under random ones. */
#include <check.h>

#include "bucket.h"

#define HOUR  INT64_C(3600)
#define NOW_S (1000 * HOUR)
#define NOW   (NOW_S * NS_PER_S)

static struct bucket_table *table;
static struct outcome outcome;
static struct booking bookings[CHARGES_MAX];
static size_t booking_count;

static void setup(void)
{
	table = bucket_table_new();
	ck_assert_ptr_nonnull(table);
}

static void teardown(void)
{
	bucket_table_free(&table);
	ck_assert_ptr_null(table);
	bucket_table_free(&table);
}

static uint32_t bucket(const char *name)
{
	uint32_t n = bucket_obtain(table, span_cstr(name));

	ck_assert_uint_ne(n, BUCKET_NONE);
	return n;
}

static struct charge window(const char *name, uint64_t amount, uint64_t limit, int64_t hours)
{
	return (struct charge){ .bucket = bucket(name),
		.amount = amount,
		.limit = limit,
		.start_s = NOW_S,
		.end_s = NOW_S + hours * HOUR };
}

static struct charge rate(const char *name, uint64_t amount, uint64_t burst)
{
	struct charge c = { .bucket = bucket(name), .is_rate = true, .amount = amount };

	ck_assert(rate_limit_make(1, NS_PER_S, burst, &c.rate));
	return c;
}

static enum admission_result admit(const struct charge *c, size_t n, int64_t now_ns)
{
	bucket_admit(table, c, n, NULL, 0, now_ns, &outcome, bookings, &booking_count);
	return outcome.result;
}

static uint64_t used(struct charge c)
{
	uint64_t n;
	int64_t retry;

	bucket_peek(table, &c, NOW, &n, &retry);
	return n;
}

START_TEST(names_and_numbers)
{
	char name[BUCKET_NAME_MAX + 2];

	memset(name, 'x', sizeof name);
	ck_assert_uint_eq(bucket("a"), 0);
	ck_assert_uint_eq(bucket("b"), 1);
	ck_assert_uint_eq(bucket("a"), 0);
	ck_assert_uint_eq(bucket_find(table, SPAN("c")), BUCKET_NONE);
	ck_assert_uint_eq(bucket_obtain(table, SPAN("")), BUCKET_NONE);
	ck_assert_uint_eq(
	    bucket_obtain(table, span_make(name, BUCKET_NAME_MAX + 1)), BUCKET_NONE);
	ck_assert_uint_eq(bucket_obtain(table, span_make(name, BUCKET_NAME_MAX)), 2);
	/* Numbers from a journal: gaps are fine, contradictions are not. */
	ck_assert_int_eq(bucket_restore(table, 9000, SPAN("far")), ERR_OK);
	ck_assert_int_eq(bucket_restore(table, 9000, SPAN("far")), ERR_OK);
	ck_assert_int_eq(bucket_restore(table, 9001, SPAN("far")), ERR_CORRUPT);
	ck_assert_int_eq(bucket_restore(table, 9000, SPAN("other")), ERR_CORRUPT);
	ck_assert_int_eq(bucket_restore(table, BUCKET_NONE, SPAN("none")), ERR_RANGE);
	ck_assert_uint_eq(bucket_count(table), 9001);
	ck_assert_ptr_null(bucket_at(table, 5000));
	ck_assert_ptr_null(bucket_at(table, 9001));
	ck_assert_str_eq(bucket_at(table, 9000)->name, "far");
	ck_assert_uint_eq(bucket("next"), 9001);
	bucket_reset(table, 5000); /* nobody there */
}
END_TEST

START_TEST(all_or_none)
{
	struct charge c[3] = { window("a", 5, 10, 1), rate("b", 2, 3), window("c", 1, 4, 24) };

	ck_assert_int_eq(admit(c, 3, NOW), ADMISSION_GRANTED);
	ck_assert_uint_eq(booking_count, 3);
	/* The rate refuses the second: the windows stay as they are. */
	ck_assert_int_eq(admit(c, 3, NOW), ADMISSION_REFUSED);
	ck_assert_uint_eq(booking_count, 0);
	ck_assert_uint_eq(outcome.refused.bucket, c[1].bucket);
	ck_assert_uint_eq(outcome.refused_index, 1);
	ck_assert_int_eq(outcome.retry_s, 1);
	ck_assert_uint_eq(used(c[0]), 5);
	ck_assert_uint_eq(used(c[1]), 2);
	ck_assert_uint_eq(used(c[2]), 1);
	ck_assert_int_eq(admit(c, 3, NOW + NS_PER_S), ADMISSION_GRANTED);
	/* Hour and rate are both spent: the longer wait is told, whatever the order. */
	ck_assert_int_eq(admit(c, 3, NOW + NS_PER_S), ADMISSION_REFUSED);
	ck_assert_uint_eq(outcome.refused.bucket, c[0].bucket);
	ck_assert_int_eq(outcome.retry_s, 3599);
	c[2].amount = 5;
	ck_assert_int_eq(admit(c, 3, NOW), ADMISSION_REFUSED);
	ck_assert_uint_eq(outcome.refused_index, 2);
	ck_assert_int_eq(outcome.retry_s, INT64_MAX);
	ck_assert_int_eq(admit(c, 0, NOW), ADMISSION_GRANTED);
	ck_assert_uint_eq(booking_count, 0);
}
END_TEST

START_TEST(candidates_in_order)
{
	struct charge common = window("common", 1, 10, 1), one = window("one", 1, 1, 1),
		      two[2] = { window("two", 1, 2, 1), window("two more", 1, 1, 24) };
	const struct candidate choice[] = { { &one, 1, SPAN("") }, { two, 2, SPAN("") } };
	const struct {
		enum admission_result result;
		size_t candidate, count;
	} expect[] = { { ADMISSION_GRANTED, 0, 2 }, { ADMISSION_GRANTED, 1, 3 },
		{ ADMISSION_REFUSED, 0, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(expect); i++) {
		bucket_admit(
		    table, &common, 1, choice, 2, NOW, &outcome, bookings, &booking_count);
		ck_assert_int_eq(outcome.result, expect[i].result);
		ck_assert_uint_eq(outcome.candidate, expect[i].candidate);
		ck_assert_uint_eq(booking_count, expect[i].count);
	}
	ck_assert_uint_eq(outcome.refused_index, SIZE_MAX);
	/* Of two that wait, the one that waits less: an hour's window, not a day's. */
	ck_assert_int_eq(outcome.retry_s, 3600);
	ck_assert_uint_eq(outcome.refused.bucket, one.bucket);
	ck_assert_uint_eq(used(common), 2);
	ck_assert_uint_eq(used(one), 1);
	ck_assert_uint_eq(used(two[0]), 1);
	/* Common charges that do not fit end it before any candidate is looked at. */
	common.amount = 9;
	bucket_admit(table, &common, 1, choice, 2, NOW, &outcome, bookings, &booking_count);
	ck_assert_uint_eq(outcome.refused_index, 0);
}
END_TEST

START_TEST(thresholds_once_a_window)
{
	const struct {
		uint64_t amount;
		uint8_t crossed;
	} steps[] = { { 79, 0 }, { 1, 1 }, { 9, 0 }, { 6, 6 }, { 4, 0 }, { 1, 8 }, { 50, 0 } };
	struct charge c = window("a", 0, 100, 1);

	c.alert_only = true;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		c.amount = steps[i].amount;
		ck_assert_int_eq(admit(&c, 1, NOW), ADMISSION_GRANTED);
		ck_assert_uint_eq(bookings[0].crossed, steps[i].crossed);
	}
	ck_assert_uint_eq(used(c), 150);
	/* Back below and over it again: told already. */
	bucket_refund(table, &(struct booking){ .value = NOW_S, .amount = 100 });
	c.amount = 40;
	ck_assert_int_eq(admit(&c, 1, NOW), ADMISSION_GRANTED);
	ck_assert_uint_eq(bookings[0].crossed, 0);
	c.start_s = c.end_s;
	c.end_s += HOUR;
	c.amount = 81;
	ck_assert_int_eq(admit(&c, 1, NOW + HOUR * NS_PER_S), ADMISSION_GRANTED);
	ck_assert_uint_eq(bookings[0].crossed, 1);
}
END_TEST

START_TEST(giving_back)
{
	struct charge c[2] = { window("a", 4, 10, 1), rate("b", 2, 3) };
	struct booking first[2];

	ck_assert_int_eq(admit(c, 2, NOW), ADMISSION_GRANTED);
	memcpy(first, bookings, sizeof first);
	bucket_refund(table, &first[0]);
	bucket_refund(table, &first[1]); /* rates recover by themselves */
	ck_assert_uint_eq(used(c[0]), 0);
	ck_assert_uint_eq(used(c[1]), 2);
	bucket_refund(table, &first[0]); /* never below nothing */
	ck_assert_uint_eq(used(c[0]), 0);
	bucket_undo(table, &first[1]);
	ck_assert_uint_eq(used(c[1]), 0);
	ck_assert_int_eq(admit(c, 2, NOW), ADMISSION_GRANTED);
	/* The next window owes the last one nothing. */
	c[0].start_s = NOW_S + HOUR;
	c[0].end_s = NOW_S + 2 * HOUR;
	ck_assert_int_eq(admit(c, 1, NOW + HOUR * NS_PER_S), ADMISSION_GRANTED);
	bucket_refund(table, &first[0]);
	bucket_undo(table, &first[0]);
	ck_assert_uint_eq(used(c[0]), 4);
	bucket_reset(table, c[0].bucket);
	bucket_reset(table, c[1].bucket);
	ck_assert_uint_eq(used(c[0]), 0);
	ck_assert_uint_eq(used(c[1]), 0);
	bucket_undo(table, &(struct booking){ .bucket = 77 });
	bucket_refund(table, &(struct booking){ .bucket = 77 });
}
END_TEST

/* A charge while the clock was a year ahead: when it is back, the rate is at most fully spent. */
START_TEST(clock_was_ahead)
{
	struct charge c = rate("a", 1, 3);

	ck_assert_int_eq(admit(&c, 1, NOW + 365 * 24 * HOUR * NS_PER_S), ADMISSION_GRANTED);
	ck_assert_int_eq(admit(&c, 1, NOW), ADMISSION_REFUSED);
	ck_assert_int_eq(outcome.retry_s, 1);
	ck_assert_int_eq(admit(&c, 1, NOW + NS_PER_S), ADMISSION_GRANTED);
	ck_assert_int_eq(admit(&c, 1, NOW + NS_PER_S), ADMISSION_REFUSED);
}
END_TEST

START_TEST(replay_skips_what_the_record_has)
{
	struct booking b = { .bucket = bucket("a"),
		.value = NOW_S,
		.length_s = 3600,
		.amount = 2,
		.alerted = 1 };
	struct charge c = window("a", 1, 10, 1);

	bucket_at(table, 0)->record_seq = 5;
	bucket_replay(table, &b, 5);
	ck_assert_uint_eq(used(c), 0);
	bucket_replay(table, &b, 6);
	bucket_replay(table, &b, 6);
	ck_assert_uint_eq(used(c), 4);
	ck_assert_int_eq(bucket_at(table, 0)->window.end_s, NOW_S + 3600);
	ck_assert_uint_eq(bucket_at(table, 0)->alerted, 1);
	ck_assert(bucket_at(table, 0)->dirty);
	bucket_replay(table, &(struct booking){ .bucket = 9 }, 6);
}
END_TEST

static uint64_t seed = 42;

static uint64_t pick(uint64_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 33) % below;
}

START_TEST(like_the_model)
{
	struct charge all[6], c[6];
	uint64_t model[6] = { 0 }, limit = 200;
	struct booking old[64][6];
	size_t old_count[64] = { 0 }, granted = 0, refused = 0;

	for (size_t i = 0; i < 6; i++)
		all[i] = window((char[]){ (char)('a' + i), '\0' }, 0, limit, 1);
	for (unsigned step = 0; step < 200000; step++) {
		size_t n = 0, slot = pick(64);
		bool fits = true;

		/* Half of the time something is taken back, so that there is room again. */
		for (size_t i = 0; i < old_count[slot]; i++) {
			bucket_undo(table, &old[slot][i]);
			model[old[slot][i].bucket] -= old[slot][i].amount;
		}
		old_count[slot] = 0;
		for (size_t i = 0; i < 6; i++) {
			if (pick(2) == 0)
				continue;
			c[n] = all[i];
			c[n].amount = pick(40);
			fits = fits && (c[n].amount == 0 || model[i] + c[n].amount <= limit);
			n++;
		}
		ck_assert_int_eq(
		    admit(c, n, NOW), fits ? ADMISSION_GRANTED : ADMISSION_REFUSED);
		*(fits ? &granted : &refused) += 1;
		for (size_t i = 0; fits && i < n; i++)
			model[c[i].bucket] += c[i].amount;
		memcpy(old[slot], bookings, booking_count * sizeof bookings[0]);
		old_count[slot] = booking_count;
		for (size_t i = 0; i < 6; i++)
			ck_assert_uint_eq(used(all[i]), model[i]);
	}
	ck_assert_uint_gt(granted, 1000);
	ck_assert_uint_gt(refused, 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bucket");
	TCase *cases = tcase_create("bucket");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, names_and_numbers);
	tcase_add_test(cases, all_or_none);
	tcase_add_test(cases, candidates_in_order);
	tcase_add_test(cases, thresholds_once_a_window);
	tcase_add_test(cases, giving_back);
	tcase_add_test(cases, clock_was_ahead);
	tcase_add_test(cases, replay_skips_what_the_record_has);
	tcase_add_test(cases, like_the_model);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
