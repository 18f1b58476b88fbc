/* test_trouble - when failures add up; and their octets. */
#include <check.h>
#include <stdlib.h>

#include "trouble.h"

#define DAY_S 86400

START_TEST(adding_up)
{
	static const struct {
		enum reply_class class;
		int days[6]; /* of each failure; -1 ends */
		int last;    /* index of the one that suppresses; -1: none */
	} table[] = {
		{ REPLY_INVALID_RECIPIENT, { 0, -1 }, 0 },
		{ REPLY_INACTIVE_MAILBOX, { 0, 1, 2, -1 }, -1 },
		{ REPLY_INACTIVE_MAILBOX, { 0, 3, -1 }, 1 },
		{ REPLY_INACTIVE_MAILBOX, { 0, 31, -1 }, -1 },
		{ REPLY_BAD_DOMAIN, { 0, 0, 1, -1 }, 2 },
		{ REPLY_MAILBOX_FULL, { 0, 0, 0, 0, 0, -1 }, 4 },
		{ REPLY_MAILBOX_FULL, { 0, 1, 2, 3, 31, -1 }, -1 },
		{ REPLY_UNKNOWN, { 0, 0, 1, 1, 2, -1 }, 4 },
		{ REPLY_UNKNOWN, { 0, 10, 35, -1 }, -1 },
		{ REPLY_IP_BLOCK, { 0, 1, 2, 3, 4, -1 }, -1 },
		{ REPLY_POLICY, { 0, 1, 2, 3, 4, -1 }, -1 },
		{ REPLY_NETWORK, { 0, 1, 2, 3, 4, -1 }, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct trouble t = { .count = 0 };

		for (int k = 0; table[i].days[k] >= 0; k++)
			ck_assert_msg(
			    trouble_add(&t, table[i].class,
				1000000 + table[i].days[k] * DAY_S) == (k == table[i].last),
			    "case %zu, failure %d", i, k);
		ck_assert(table[i].last < 0 || t.count == 0);
	}
}
END_TEST

START_TEST(mixed_and_many)
{
	struct trouble t = { .count = 0 };

	/* Each class by itself. */
	ck_assert(!trouble_add(&t, REPLY_UNKNOWN, 0));
	ck_assert(!trouble_add(&t, REPLY_INACTIVE_MAILBOX, 1 * DAY_S));
	ck_assert(!trouble_add(&t, REPLY_UNKNOWN, 2 * DAY_S));
	ck_assert(trouble_add(&t, REPLY_INACTIVE_MAILBOX, 5 * DAY_S));
	for (int i = 0; i < 100; i++) {
		if (trouble_add(&t, i % 2 ? REPLY_MAILBOX_FULL : REPLY_UNKNOWN, i * 3600))
			ck_assert_uint_eq(t.count, 0);
		ck_assert_uint_le(t.count, TROUBLE_HITS);
	}
}
END_TEST

START_TEST(octets)
{
	struct trouble t = { .count = 2,
		.hits = { { REPLY_UNKNOWN, 5 }, { REPLY_MAILBOX_FULL, INT64_MAX } } };
	struct buf b = BUF_INIT(1024);
	struct trouble r;

	trouble_put(&b, SPAN("key"), &t);
	ck_assert_int_eq(trouble_get(SPAN("key"), buf_span(&b), &r), ERR_OK);
	ck_assert(r.count == 2 && r.hits[1].class == REPLY_MAILBOX_FULL &&
		  r.hits[1].time_s == INT64_MAX);
	ck_assert_int_eq(trouble_get(SPAN("other"), buf_span(&b), &r), ERR_CORRUPT);
	for (size_t n = 0; n < b.n; n++) {
		ck_assert_int_eq(
		    trouble_get(SPAN("key"), span_head(buf_span(&b), n), &r), ERR_CORRUPT);
		b.p[n] ^= 1;
		ck_assert_int_eq(trouble_get(SPAN("key"), buf_span(&b), &r), ERR_CORRUPT);
		ck_assert_uint_eq(r.count, 0);
		b.p[n] ^= 1;
	}
	buf_free(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trouble");
	TCase *cases = tcase_create("trouble");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, adding_up);
	tcase_add_test(cases, mixed_and_many);
	tcase_add_test(cases, octets);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
