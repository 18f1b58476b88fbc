/* test_reply - the words that clients see. */
#include <check.h>

#include "reply.h"

static const struct reply_facts facts = { .scope = SPAN("plan"),
	.limit = SPAN("500/h"),
	.pool = SPAN("shared"),
	.place = SPAN("google"),
	.rule = SPAN("rate"),
	.subject = SPAN("ip1"),
	.day = 3,
	.days = 30,
	.budget = 100,
	.resets = SPAN("2026-11-23T18:00:00+01:00"),
	.retry_s = 61 };
static const struct reply_facts nothing = { .retry_s = INT64_MAX };

static const struct row {
	const char *word, *with_facts, *without;
} rows[VERDICT_COUNT] = {
	[VERDICT_PASS] = { "pass", "DUNNO", "DUNNO" },
	[VERDICT_NOT_OWNER] = { "not-owner",
	    "553 5.7.1 sender address does not belong to the authenticated account",
	    "553 5.7.1 sender address does not belong to the authenticated account" },
	[VERDICT_NO_RETURN] = { "no-return", "550 5.1.1 no such return path",
	    "550 5.1.1 no such return path" },
	[VERDICT_SUPPRESSED] = { "suppressed",
	    "550 5.7.1 recipient opted out or is undeliverable",
	    "550 5.7.1 recipient opted out or is undeliverable" },
	[VERDICT_BRAKED] = { "braked",
	    "451 4.7.1 sending is paused to google until 2026-11-23T18:00:00+01:00 (rate), "
	    "retry in 61 s",
	    "451 4.7.1 sending is paused" },
	[VERDICT_WARMING] = { "warming",
	    "451 4.7.1 warm-up of ip1 to google: day 3 of 30, 100 recipients, opens "
	    "2026-11-23T18:00:00+01:00, retry in 61 s",
	    "451 4.7.1 warm-up of  to  is paused" },
	[VERDICT_RATE] = { "rate", "450 4.7.1 sending too fast, retry in 61 s",
	    "450 4.7.1 sending too fast" },
	[VERDICT_QUOTA] = { "quota",
	    "450 4.7.1 quota reached (plan 500/h), resets 2026-11-23T18:00:00+01:00, "
	    "retry in 61 s",
	    "450 4.7.1 quota reached" },
	[VERDICT_PERIOD] = { "period",
	    "550 5.7.1 quota of the billing period is used up (plan 500/h), resets "
	    "2026-11-23T18:00:00+01:00, retry in 61 s",
	    "550 5.7.1 quota of the billing period is used up" },
	[VERDICT_NEVER_FITS] = { "never-fits",
	    "552 5.3.4 message is larger than the account's limit (plan 500/h), resets "
	    "2026-11-23T18:00:00+01:00, retry in 61 s",
	    "552 5.3.4 message is larger than the account's limit" },
	[VERDICT_SUSPENDED] = { "suspended", "451 4.7.1 account is suspended",
	    "451 4.7.1 account is suspended" },
	[VERDICT_CLOSED] = { "closed", "525 5.7.13 account is closed",
	    "525 5.7.13 account is closed" },
	[VERDICT_UNKNOWN_LOGIN] = { "unknown-login",
	    "550 5.7.1 this account may not send mail here",
	    "550 5.7.1 this account may not send mail here" },
	[VERDICT_CHANGING] = { "changing",
	    "451 4.3.0 sender account is changing, try again later",
	    "451 4.3.0 sender account is changing, try again later" },
	[VERDICT_ONE_RECIPIENT] = { "one-recipient", "452 4.5.3 one recipient per message",
	    "452 4.5.3 one recipient per message" },
	[VERDICT_POOL_AWAY] = { "pool-away",
	    "451 4.7.1 pool shared has no source that can be used at present until "
	    "2026-11-23T18:00:00+01:00, retry in 61 s",
	    "451 4.7.1 its pool has no source that can be used at present" },
	[VERDICT_POOL_SPENT] = { "pool-spent",
	    "451 4.7.1 pool shared exhausted until 2026-11-23T18:00:00+01:00, retry in 61 s",
	    "451 4.7.1 its pool exhausted" },
	[VERDICT_POOL_GAP] = { "pool-gap", "450 4.7.1 no source is free yet, retry in 61 s",
	    "450 4.7.1 no source is free yet" },
	[VERDICT_SOURCE_FULL] = { "source-full",
	    "452 4.5.3 no room for more recipients of this message; send them another",
	    "452 4.5.3 no room for more recipients of this message; send them another" },
	[VERDICT_STORE_DOWN] = { "store-down", "451 4.3.0 temporary failure, please try again",
	    "451 4.3.0 temporary failure, please try again" },
};

static void expect_policy(enum verdict v, const struct reply_facts *f, const char *action)
{
	struct buf b = BUF_INIT(4096);
	char want[512];

	reply_policy(&b, v, f);
	snprintf(want, sizeof want, "action=%s\n\n", action);
	ck_assert_str_eq(buf_cstr(&b), want);
	/* One attribute, one empty line: whatever was said, it ends there. */
	ck_assert_uint_eq(span_find(buf_span(&b), '\n', 0), b.n - 2);
	buf_free(&b);
}

START_TEST(policy_replies)
{
	for (size_t i = 0; i < VERDICT_COUNT; i++) {
		enum verdict v = (enum verdict)i;

		ck_assert_ptr_nonnull(rows[i].word);
		ck_assert_str_eq(reply_word(v), rows[i].word);
		expect_policy(v, &facts, rows[i].with_facts);
		expect_policy(v, &nothing, rows[i].without);
		ck_assert_int_eq(verdict_is_temporary(v), rows[i].without[0] == '4');
	}
}
END_TEST

START_TEST(parts)
{
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		for (int final = 0; final < 2; final++) {
			struct buf b = BUF_INIT(4096);
			const char *code, *enhanced;
			char all[512];

			reply_parts(
			    (enum verdict)i, &nothing, final != 0, &code, &enhanced, &b);
			snprintf(all, sizeof all, "%s %s %s", code, enhanced, buf_cstr(&b));
			ck_assert_int_eq(code[0], enhanced[0]);
			if (i == VERDICT_PASS) {
				ck_assert_str_eq(all, "250 2.0.0 accepted");
			} else if (final != 0 && rows[i].without[0] == '4') {
				/* Nobody tries again: permanent, in the same words. */
				ck_assert_int_eq(strncmp(all, "550 5.7.1 ", 10), 0);
				ck_assert_str_eq(all + 10, rows[i].without + 10);
			} else {
				ck_assert_str_eq(all, rows[i].without);
			}
			buf_free(&b);
		}
}
END_TEST

START_TEST(a_way)
{
	struct buf b = BUF_INIT(4096);

	reply_filter(&b, "penguin-split:[127.0.0.1]:10027");
	ck_assert_str_eq(buf_cstr(&b), "action=FILTER penguin-split:[127.0.0.1]:10027\n\n");
	buf_free(&b);
}
END_TEST

START_TEST(a_small_buffer_says_so)
{
	char space[40];
	struct buf b = { .p = space, .size = sizeof space, .max = sizeof space };

	reply_policy(&b, VERDICT_QUOTA, &facts);
	ck_assert(!buf_ok(&b));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reply");
	TCase *cases = tcase_create("reply");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 120);
	tcase_add_test(cases, policy_replies);
	tcase_add_test(cases, parts);
	tcase_add_test(cases, a_way);
	tcase_add_test(cases, a_small_buffer_says_so);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
