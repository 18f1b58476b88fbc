/* test_mailbox - what counts as one readable list of addresses, and what is refused. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "mailbox.h"

struct fine {
	const char *value;
	const char *found; /* "local|domain" pairs, separated by one blank */
	bool group;
};

static const struct fine fine[] = {
	{ "a@b.example", "a|b.example", false },
	{ " a@b.example ", "a|b.example", false },
	{ "\ta@b.example", "a|b.example", false },
	{ "\n a@b.example", "a|b.example", false },
	{ "a@b.example\n ", "a|b.example", false },
	{ "<a@b.example>", "a|b.example", false },
	{ "A <a@b.example>", "a|b.example", false },
	{ "A\n <a@b.example>", "a|b.example", false },
	{ "J. R. Doe <a@b.example>", "a|b.example", false },
	{ "\"Doe, J.\" <a@b.example>", "a|b.example", false },
	{ "\"x@y.example\" <a@b.example>", "a|b.example", false },
	{ "\"a \\\"quoted\\\" name\" <a@b.example>", "a|b.example", false },
	{ "=?utf-8?q?J=C3=BCrgen?= <a@b.example>", "a|b.example", false },
	{ "=?utf-8?q?J_?= \"=?UTF-8?B?Sg==?=\" <a@b.example>", "a|b.example", false },
	{ "=?utf-8?Q?J=?=\n =?utf-8?q?=?= <a@b.example>", "a|b.example", false },
	{ "=?utf-8?Q?J D?= <a@b.example>", "a|b.example", false },
	{ "=?utf-8*en?q?\?= =?q? =?x?y?z <a@b.example>", "a|b.example", false },
	{ "a@b.example (=?utf-8?q?J?=)", "a|b.example", false },
	{ "J\xc3\xbcrgen <a@b.example>", "a|b.example", false },
	{ "\xf0\x9f\x90\xa7 <a@b.example>", "a|b.example", false },
	{ "a@b.example (comment)", "a|b.example", false },
	{ "(one (nested) \\) two) a@b.example", "a|b.example", false },
	{ "(x)\"A\"(y) b (z) <a@b.example> (w)", "a|b.example", false },
	{ "(x@y.example) a@b.example", "a|b.example", false },
	{ "a.b+c_d=e@b.example", "a.b+c_d=e|b.example", false },
	{ "\"a b\"@b.example", "\"a b\"|b.example", false },
	{ "\"a..b\"@b.example", "\"a..b\"|b.example", false },
	{ "a@m\xc3\xbcnchen.example", "a|m\xc3\xbcnchen.example", false },
	{ "\xc3\xa9@b.example", "\xc3\xa9|b.example", false },
	{ "a@localhost", "a|localhost", false },
	{ "a@b_c.example", "a|b_c.example", false },
	{ "a@b.example, c@d.example", "a|b.example c|d.example", false },
	{ "A <a@b.example>,\n\tC <c@d.example>", "a|b.example c|d.example", false },
	{ "us: a@b.example, C <c@d.example>;", "a|b.example c|d.example", true },
	{ "us:;", "", true },
	{ "us: ;", "", true },
	{ "\"us\":a@b.example;", "a|b.example", true },
	{ "us:a@b.example;, c@d.example", "a|b.example c|d.example", true },
	{ "us:; (comment)", "", true },
	{ "!#$%&'*+-/=?^_`{|}~@b.example", "!#$%&'*+-/=?^_`{|}~|b.example", false },
};

static const char *const refused[] = {
	"",
	" ",
	"\n ",
	",",
	"a",
	"a@",
	"@b.example",
	"a@b.example,",
	",a@b.example",
	"a@b.example,,c@d.example",
	"a@b.example c@d.example",
	"a@b.example;",
	"a@b@c.example",
	"a b@c.example",
	"a@b.example <c@d.example>",
	"a@b.example, <>",
	"<>",
	"A <>",
	"A",
	"A <a>",
	"A <a@b.example",
	"A a@b.example>",
	"<<a@b.example>>",
	"A <a@b.example> B",
	"A <a@b.example> <c@d.example>",
	"< a@b.example>",
	"<a@b.example >",
	"<a @b.example>",
	"a @b.example",
	"a@ b.example",
	"a@b .example",
	"a@b. example",
	"a(x)@b.example",
	"a@(x)b.example",
	"<(x)a@b.example>",
	"<@r.example:a@b.example>",
	"<@r.example,@s.example:a@b.example>",
	".a@b.example",
	"a.@b.example",
	"a..b@c.example",
	"a@b.example.",
	"a@.b.example",
	"a@b..example",
	"a@[192.0.2.1]",
	"a@[IPv6:::1]",
	"a@b\\.example",
	/* where simple readers look for the address */
	"\"<x@y.example>\" <a@b.example>",
	"\"x>\" <a@b.example>",
	"(<x@y.example>) a@b.example",
	"a@b.example (<x@y.example>)",
	"\"\\<\" <a@b.example>",
	"(\\<) a@b.example",
	"x@y.example <a@b.example>",
	"x@y.example,\" <a@b.example>",
	/* local parts that hide an address */
	"\"x@y.example\"@b.example",
	"\"a\\\"b\"@c.example",
	"\"a,b\"@c.example",
	"\"\"@b.example",
	"\"a(b\"@c.example",
	"=?utf-8?q?x=40y.example?=@b.example",
	"\"=?utf-8?q?x=40y.example?=\"@b.example",
	"a=?utf-8?q?x=40y.example=00?=@b.example",
	"A <a.=?utf-8?b?eEB5LmV4YW1wbGU=?=@b.example>",
	"\"a\"b@c.example",
	"a\"b\"@c.example",
	"\"a\".b@c.example",
	/* unfinished */
	"=?utf-8?q?=3Cx=40y.example=3E=2C\n = <\"a b\"@b.example>",
	"\"=?utf-8?q?=3Cx=40y.example=3E\" <a@b.example>",
	"\"=?utf-8?q?J\\\" ?=\" <a@b.example>",
	"=?utf-8?Q?J <a@b.example> (?=)",
	"=?utf-8?b?Sg== (?=) <a@b.example>",
	"=?utf-8?B?Sg==? <a@b.example>",
	"a@b.example (=?utf-8?q?J?) (?=)",
	"a@b.example, =?utf-8?q?",
	"\"a",
	"\"a\\",
	"(a",
	"(a\\",
	"(a) (",
	"a@b.example (",
	"((a)",
	"us: a@b.example",
	"us: a@b.example,;",
	"us:,;",
	"us: them: a@b.example;;",
	"us: them:;;",
	":;",
	"us:",
	"us:a@b.example;;",
	"\"a\n",
	"a@b.example)",
	/* octets */
	"a@b.example\r\n x",
	"a\r@b.example",
	"a@b.example\n",
	"a@b.example\nBcc: c@d.example",
	"\na@b.example",
	"a\x01@b.example",
	"a\x7f@b.example",
	"\x1b$B a@b.example",
	"\xff <a@b.example>",
	"\xc3 <a@b.example>",
	"\xc0\xbc a@b.example",
	"\xe0\x80\xbc <a@b.example>",
	"\xed\xa0\x80 <a@b.example>",
	"\xf4\x90\x80\x80 <a@b.example>",
	"\xf8\x88\x80\x80\x80 <a@b.example>",
	"\x83\x40 <a@b.example>",
	"a@b.example\v",
	"a@b.example\f",
};

static void describe(const struct mailbox_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			buf_add_char(out, ' ');
		buf_add_span(out, list->at[i].local);
		buf_add_char(out, '|');
		buf_add_span(out, list->at[i].domain);
	}
}

START_TEST(readable)
{
	const struct fine *f = &fine[_i];
	struct buf out = BUF_INIT(4096);
	struct mailbox_list list;

	ck_assert_msg(mailbox_parse_list(span_cstr(f->value), &list) == ERR_OK, "%s", f->value);
	describe(&list, &out);
	ck_assert_str_eq(buf_cstr(&out), f->found);
	ck_assert_int_eq(list.has_group, f->group);
	buf_free(&out);
}
END_TEST

START_TEST(unreadable)
{
	struct mailbox_list list;

	ck_assert_msg(
	    mailbox_parse_list(span_cstr(refused[_i]), &list) == ERR_SYNTAX, "%s", refused[_i]);
}
END_TEST

START_TEST(nul_is_refused)
{
	struct mailbox_list list;

	ck_assert_int_eq(mailbox_parse_list(SPAN("a@b.example\0"), &list), ERR_SYNTAX);
	ck_assert_int_eq(mailbox_parse_list(SPAN("a\0@b.example"), &list), ERR_SYNTAX);
}
END_TEST

START_TEST(bounds)
{
	struct buf text = BUF_INIT(1 << 22);
	struct mailbox_list list;

	for (size_t i = 0; i < MAILBOX_MAX; i++)
		buf_printf(&text, "%sa%zu@b.example", i > 0 ? "," : "", i);
	ck_assert_int_eq(mailbox_parse_list(buf_span(&text), &list), ERR_OK);
	ck_assert_uint_eq(list.count, MAILBOX_MAX);
	buf_add_cstr(&text, ",z@b.example");
	ck_assert_int_eq(mailbox_parse_list(buf_span(&text), &list), ERR_TOOBIG);
	/* Depth costs a counter, not stack. */
	buf_reset(&text);
	for (int i = 0; i < 100000; i++)
		buf_add_char(&text, '(');
	for (int i = 0; i < 100000; i++)
		buf_add_char(&text, ')');
	buf_add_cstr(&text, "a@b.example");
	ck_assert_int_eq(mailbox_parse_list(buf_span(&text), &list), ERR_OK);
	buf_free(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mailbox");
	TCase *all = tcase_create("mailbox");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(all, readable, 0, ARRAY_SIZE(fine));
	tcase_add_loop_test(all, unreadable, 0, ARRAY_SIZE(refused));
	tcase_add_test(all, nul_is_refused);
	tcase_add_test(all, bounds);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
