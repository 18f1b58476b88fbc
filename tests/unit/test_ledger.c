/* test_ledger - transactions in both indexes and in order of age. */
#include <check.h>

#include "ledger.h"

static struct ledger *ledger;
static const struct transaction_facts facts = { SPAN("acme"), SPAN("news"), SPAN("joe"),
	SPAN("a@acme.example"), 1, SPAN("") };

static void setup(void)
{
	ledger = ledger_new();
	ck_assert_ptr_nonnull(ledger);
}

static void teardown(void)
{
	ledger_free(&ledger);
	ck_assert_ptr_null(ledger);
	ledger_free(&ledger);
}

static struct hash128 id(uint64_t n)
{
	return (struct hash128){ n, ~n };
}

static struct transaction *open_one(uint64_t n)
{
	struct transaction *t = ledger_open(ledger, id(n), &facts, (int64_t)n);

	ck_assert_ptr_nonnull(t);
	return t;
}

static void spend(struct transaction *t, const char *queue_id)
{
	struct booking b = { .bucket = 7, .amount = 1 };

	ck_assert_int_eq(ledger_spend(ledger, t, span_cstr(queue_id), &b, 1), ERR_OK);
}

START_TEST(found_by_both_names)
{
	struct transaction *t = open_one(1);
	struct transaction_facts f = ledger_facts(t);

	ck_assert(span_eq(f.tenant, SPAN("acme")) && span_eq(f.stream, SPAN("news")));
	ck_assert(span_eq(f.login, SPAN("joe")) && span_eq(f.sender, SPAN("a@acme.example")));
	ck_assert_uint_eq(f.class, 1);
	ck_assert_uint_eq(f.source.n, 0);
	ck_assert_int_eq(ledger_bind(t, SPAN("ip1")), ERR_OK);
	f = ledger_facts(t);
	ck_assert(span_eq(f.source, SPAN("ip1")) && span_eq(f.sender, SPAN("a@acme.example")));
	ck_assert_ptr_eq(ledger_find(ledger, id(1)), t);
	ck_assert_ptr_null(ledger_find(ledger, id(2)));
	ck_assert_ptr_null(ledger_find_queue_id(ledger, SPAN("Q1")));
	spend(t, "Q1");
	ck_assert_int_eq(t->state, TRANSACTION_SPENT);
	ck_assert_uint_eq(t->bookings[t->message_first].bucket, 7);
	ck_assert_ptr_eq(ledger_find_queue_id(ledger, SPAN("Q1")), t);
	ck_assert_ptr_null(ledger_find_queue_id(ledger, SPAN("")));
	ledger_unspend(ledger, t);
	ck_assert_int_eq(t->state, TRANSACTION_OPEN);
	ck_assert_ptr_null(ledger_find_queue_id(ledger, SPAN("Q1")));
	spend(t, "Q2");
	ck_assert_uint_eq(ledger_count(ledger), 1);
	ledger_drop(ledger, t); /* out of both */
	ck_assert_ptr_null(ledger_find(ledger, id(1)));
	ck_assert_ptr_null(ledger_find_queue_id(ledger, SPAN("Q2")));
	ck_assert_uint_eq(ledger_count(ledger), 0);
	ck_assert_ptr_null(ledger_oldest(ledger));
}
END_TEST

START_TEST(queue_ids_come_again)
{
	struct transaction *a = open_one(1), *b = open_one(2), *c = open_one(3);
	const char *const longest = "1234567890123456789012345678901";

	spend(a, "Q");
	spend(b, "Q"); /* the newer message has it */
	ck_assert_ptr_eq(ledger_find_queue_id(ledger, SPAN("Q")), b);
	ck_assert_str_eq(a->queue_id, "");
	ledger_drop(ledger, a);
	ck_assert_ptr_eq(ledger_find_queue_id(ledger, SPAN("Q")), b);
	ledger_drop(ledger, b);
	ck_assert_ptr_null(ledger_find_queue_id(ledger, SPAN("Q")));
	spend(c, longest);
	ck_assert_ptr_eq(ledger_find_queue_id(ledger, span_cstr(longest)), c);
	ledger_unspend(ledger, c);
	spend(c, "12345678901234567890123456789012"); /* one too long: spent all the same */
	ck_assert_int_eq(c->state, TRANSACTION_SPENT);
	ck_assert_ptr_null(
	    ledger_find_queue_id(ledger, SPAN("12345678901234567890123456789012")));
	ledger_unspend(ledger, c);
	spend(c, "");
	ck_assert_int_eq(c->state, TRANSACTION_SPENT);
}
END_TEST

START_TEST(recipients)
{
	struct transaction *t = open_one(1);
	struct booking b[3] = { { .bucket = 1 }, { .bucket = 2 }, { .bucket = 3 } };

	for (uint64_t i = 1; i <= 1000; i++) {
		b[0].amount = i;
		ck_assert_int_eq(ledger_add_recipient(t, i, b, i % 4), ERR_OK);
	}
	ck_assert_uint_eq(t->charged, 1000);
	ck_assert_ptr_null(ledger_recipient(t, 1001));
	ck_assert_uint_eq(ledger_recipient(t, 999)->count, 3);
	ck_assert_uint_eq(t->bookings[ledger_recipient(t, 999)->first].amount, 999);
	ledger_remove_recipient(t, 500);
	ledger_remove_recipient(t, 500);
	ledger_remove_recipient(t, 5000);
	ck_assert_uint_eq(t->charged, 999);
	ck_assert_ptr_null(ledger_recipient(t, 500));
	ck_assert_uint_eq(t->bookings[ledger_recipient(t, 501)->first].amount, 501);
	/* One that was refunded is not counted twice. */
	ledger_recipient(t, 1)->refunded = true;
	t->charged--;
	ledger_remove_recipient(t, 1);
	ck_assert_uint_eq(t->charged, 998);
}
END_TEST

static void expect_order(const uint64_t *want, size_t count)
{
	const struct transaction *t = ledger_oldest(ledger), *before = NULL;

	for (size_t i = 0; i < count; i++) {
		ck_assert_ptr_nonnull(t);
		ck_assert_uint_eq(t->id.low, want[i]);
		ck_assert_ptr_eq(t->older, before);
		before = t;
		t = ledger_younger(t);
	}
	ck_assert_ptr_null(t);
}

START_TEST(order_by_age)
{
	struct transaction *t[5];

	for (uint64_t i = 1; i <= 4; i++)
		t[i] = open_one(i);
	expect_order((uint64_t[]){ 1, 2, 3, 4 }, 4);
	ledger_touch(ledger, t[1], 10);
	ledger_touch(ledger, t[3], 11);
	ledger_touch(ledger, t[3], 12);
	expect_order((uint64_t[]){ 2, 4, 1, 3 }, 4);
	ck_assert_int_eq(t[3]->touched_ns, 12);
	ledger_drop(ledger, t[4]);
	expect_order((uint64_t[]){ 2, 1, 3 }, 3);
	ledger_drop(ledger, t[2]);
	ledger_drop(ledger, t[3]);
	expect_order((uint64_t[]){ 1 }, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger");
	TCase *cases = tcase_create("ledger");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, found_by_both_names);
	tcase_add_test(cases, queue_ids_come_again);
	tcase_add_test(cases, recipients);
	tcase_add_test(cases, order_by_age);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
