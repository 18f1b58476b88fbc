/* test_verdict - every trouble has one reply of the right class, and foreign words stay harmless. */
#include <check.h>
#include <stdlib.h>

#include "verdict.h"

START_TEST(every_trouble_has_a_reply)
{
	struct verdict v;

	for (int t = TROUBLE_MEMORY; t < TROUBLE_COUNT; t++) {
		verdict_decide((enum trouble)t, SPAN(""), &v);
		ck_assert_int_ne(v.action, VERDICT_ACCEPT);
		ck_assert_int_eq(v.code[0], v.action == VERDICT_REJECT ? '5' : '4');
		ck_assert_int_eq(v.dsn[0], v.code[0]);
		ck_assert_int_eq(strlen(v.code), 3);
		ck_assert_int_gt(strlen(v.text), 0);
		ck_assert_str_ne(verdict_word((enum trouble)t), "none");
		/* What is our own fault must never cost anybody a message. */
		if (t < TROUBLE_TOO_BIG || t == TROUBLE_WAIT)
			ck_assert_int_eq(v.action, VERDICT_TEMPFAIL);
	}
	verdict_decide(TROUBLE_NONE, SPAN("x"), &v);
	ck_assert_int_eq(v.action, VERDICT_ACCEPT);
	verdict_decide((enum trouble)9999, SPAN(""), &v);
	ck_assert_int_eq(v.action, VERDICT_TEMPFAIL);
}
END_TEST

START_TEST(known_replies)
{
	static const struct {
		enum trouble trouble;
		const char *code, *dsn, *rule;
	} rows[] = {
		{ TROUBLE_POLICY_AWAY, "451", "4.3.0", "" },
		{ TROUBLE_KEY, "451", "4.7.5", "" },
		{ TROUBLE_NO_KEY, "451", "4.7.5", "" },
		{ TROUBLE_TOO_BIG, "552", "5.3.4", "[H10]" },
		{ TROUBLE_BAD_BODY, "554", "5.6.0", "[H07]" },
	};
	struct verdict v;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		verdict_decide(rows[i].trouble, SPAN("bank.example"), &v);
		ck_assert_str_eq(v.code, rows[i].code);
		ck_assert_str_eq(v.dsn, rows[i].dsn);
		ck_assert(span_starts(span_cstr(v.text), span_cstr(rows[i].rule)));
		ck_assert_ptr_nonnull(strstr(v.text, " (bank.example)"));
	}
}
END_TEST

START_TEST(faults_map)
{
	ck_assert_int_eq(verdict_message_trouble(MESSAGE_FINE), TROUBLE_NONE);
	ck_assert_int_eq(verdict_message_trouble(MESSAGE_BAD_BODY), TROUBLE_BAD_BODY);
	ck_assert_int_eq(verdict_message_trouble(MESSAGE_NO_MEMORY), TROUBLE_MEMORY);
}
END_TEST

START_TEST(policy_words)
{
	struct verdict v;

	verdict_foreign(TROUBLE_REFUSED, SPAN("552"), SPAN("5.2.2"), SPAN("full"), &v);
	ck_assert_str_eq(v.code, "552");
	ck_assert_str_eq(v.dsn, "5.2.2");
	ck_assert_str_eq(v.text, "full");
	/* Only a class that fits the verdict. */
	verdict_foreign(TROUBLE_REFUSED, SPAN("451"), SPAN("4.2.2"), SPAN("later"), &v);
	ck_assert_str_eq(v.code, "550");
	ck_assert_str_eq(v.dsn, "5.7.1");
	verdict_foreign(TROUBLE_REFUSED, SPAN("5x2"), SPAN("5.7.1"), SPAN(""), &v);
	ck_assert_str_eq(v.code, "550");
	ck_assert_str_eq(v.text, "message refused by policy");
	verdict_foreign(
	    TROUBLE_LATER, SPAN("450"), SPAN("4.7.1 x"), SPAN("a\r\n250 b\x1b\xff"), &v);
	ck_assert_str_eq(v.code, "451");
	ck_assert_str_eq(v.text, "a??250 b??");
}
END_TEST

START_TEST(rules_words)
{
	struct verdict v;

	verdict_rules("from_twice", SPAN("550"), SPAN("5.7.1"), SPAN("[H01,L01] x"), &v);
	ck_assert_int_eq(v.action, VERDICT_REJECT);
	ck_assert_str_eq(v.text, "[H01,L01] x");
	ck_assert_str_eq(v.word, "from_twice");
	verdict_rules("A02", SPAN("451"), SPAN("4.7.5"), SPAN("[A02] x"), &v);
	ck_assert_int_eq(v.action, VERDICT_TEMPFAIL);
	ck_assert_str_eq(v.dsn, "4.7.5");
}
END_TEST

START_TEST(long_words_are_cut)
{
	char text[2000], escaped[VERDICT_TEXT_MAX * 2];
	struct verdict v;

	memset(text, '%', sizeof text);
	verdict_decide(TROUBLE_BAD_HEADER, span_make(text, sizeof text), &v);
	ck_assert_int_lt(strlen(v.text), VERDICT_TEXT_MAX);
	verdict_escape(v.text, escaped, sizeof escaped);
	ck_assert_int_lt(strlen(escaped), sizeof escaped);
	verdict_escape("100%", escaped, 6);
	ck_assert_str_eq(escaped, "100%%");
	verdict_escape("100%", escaped, 5);
	ck_assert_str_eq(escaped, "100");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("verdict");
	TCase *all = tcase_create("verdict");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(all, every_trouble_has_a_reply);
	tcase_add_test(all, known_replies);
	tcase_add_test(all, faults_map);
	tcase_add_test(all, policy_words);
	tcase_add_test(all, rules_words);
	tcase_add_test(all, long_words_are_cut);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
