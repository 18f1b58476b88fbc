/* test_replies - replies to classes; the shipped rules by their own samples; files with mistakes. */
#include <check.h>
#include <stdlib.h>

#include "replies.h"

#define SHIPPED "etc/replies.conf"

static struct replies *must_read(void)
{
	struct replies *r = NULL;
	char error[512];

	ck_assert_msg(replies_read(SHIPPED, &r, error, sizeof error) == ERR_OK, "%s", error);
	ck_assert_uint_gt(replies_count(r), 50);
	return r;
}

/* Each sample finds its own rule, asked as mail to that rule's providers is, and as mail to one
 * that no rule names. */
START_TEST(samples)
{
	struct replies *r = must_read();

	for (size_t i = 0; i < replies_count(r); i++) {
		const struct reply_rule *rule = replies_rule(r, i);

		for (size_t k = 0; k < rule->sample_count; k++) {
			size_t p = 0;

			do {
				struct buf subject = BUF_INIT(2 * REPLY_TEXT_MAX);
				const struct reply_rule *found;
				const char *name = rule->providers != NULL
						       ? rule->providers[p++]
						       : "site:mx.example";

				reply_subject(span_cstr(rule->samples[k]), SPAN(""), &subject);
				found = replies_match(r, span_cstr(name), buf_span(&subject));
				ck_assert_msg(found == rule, "%s, sample %zu (%s): found %s",
				    rule->id, k + 1, name, found != NULL ? found->id : "none");
				buf_free(&subject);
			} while (rule->providers != NULL && rule->providers[p] != NULL);
		}
	}
	ck_assert_ptr_null(replies_rule(r, replies_count(r)));
	replies_free(&r);
	replies_free(&r);
}
END_TEST

START_TEST(subjects)
{
	static const char *const table[][3] = {
		{ "550 5.1.1 no such user", "", "550 5.1.1 no such user" },
		{ "host mx.example[192.0.2.1] said: 550-5.1.1 no such 550 5.1.1 user (in reply "
		  "to RCPT TO command)",
		    "5.1.1", "550 5.1.1 no such user" },
		{ "host mx.example[192.0.2.1] refused to talk to me: 421-a b 421 c", "4.0.0",
		    "421 4.0.0 a b 421 c" },
		{ "host mx said: 421-4.7.28 a 421-4.7.28 b 421 4.7.28 c", "",
		    "421 4.7.28 a b c" },
		{ "smtp; 550-no status 550-second line", "5.0.0",
		    "550 5.0.0 no status second line" },
		{ "550-#5.1.1 x", "", "550 5.1.1 x" },
		{ "550 5.1.1", "", "550 5.1.1" },
		{ "550", "", "550 0.0.0" },
		{ "550x 5.1.1", "", "000 0.0.0 550x 5.1.1" },
		{ "550 5.1.1234 x", "", "550 0.0.0 5.1.1234 x" },
		{ "550 5.1 x", "", "550 0.0.0 5.1 x" },
		{ "connect to mx[192.0.2.1]:25: timed out", "4.4.1",
		    "000 4.4.1 connect to mx[192.0.2.1]:25: timed out" },
		{ "", "", "000 0.0.0" },
		{ "  a\tb\r\n c  ", "bad", "000 0.0.0 a b c" },
		{ "450 4.2.0: later", "", "450 4.2.0 later" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct buf out = BUF_INIT(2 * REPLY_TEXT_MAX);

		reply_subject(span_cstr(table[i][0]), span_cstr(table[i][1]), &out);
		ck_assert_str_eq(buf_cstr(&out), table[i][2]);
		buf_free(&out);
	}
}
END_TEST

START_TEST(bounds)
{
	struct buf text = BUF_INIT(100000), out = BUF_INIT(2 * REPLY_TEXT_MAX);
	struct replies *r = must_read();

	buf_add_cstr(&text, "550 5.1.1 ");
	while (text.n < 50000)
		buf_add_cstr(&text, "aaaaaaaaa ");
	reply_subject(buf_span(&text), SPAN(""), &out);
	ck_assert(buf_ok(&out));
	ck_assert_uint_le(out.n, REPLY_TEXT_MAX);
	/* However the expressions go back and forth over it: an answer, or none. */
	(void)replies_match(r, SPAN(""), buf_span(&out));
	buf_free(&text);
	buf_free(&out);
	replies_free(&r);
}
END_TEST

START_TEST(masks)
{
	static const char *const table[][2] = {
		{ "550 5.1.1 <jo@dest.example>: 12 [192.0.2.1]",
		    "### #.#.# <<@>>: ## [###.#.#.#]" },
		{ "no user jo@dest.example here", "no user <@> here" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct buf out = BUF_INIT(1024);

		reply_mask(span_cstr(table[i][0]), &out);
		ck_assert_str_eq(buf_cstr(&out), table[i][1]);
		buf_free(&out);
	}
}
END_TEST

START_TEST(providers_first)
{
	static const char text[] = "[general]\nclass = policy\nmatch = ^5\nsource = s\n"
				   "sample = 550 x\n[own]\nclass = ip_block\nscope = domain\n"
				   "provider = a b\nmatch = x\nsource = s\nsample = 550 x\n";
	static const char *const table[][2] = { { "a", "own" }, { "b", "own" },
		{ "c", "general" }, { "", "own" } };
	struct replies *r = NULL;
	char error[256];

	ck_assert_int_eq(replies_parse(span_cstr(text), "f", &r, error, sizeof error), ERR_OK);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		ck_assert_str_eq(
		    replies_match(r, span_cstr(table[i][0]), SPAN("550 0.0.0 x"))->id,
		    table[i][1]);
	ck_assert_int_eq(replies_rule(r, 0)->scope, REPLY_SCOPE_NONE);
	ck_assert_int_eq(replies_rule(r, 1)->scope, REPLY_SCOPE_DOMAIN);
	ck_assert_ptr_null(replies_match(r, SPAN("c"), SPAN("450 0.0.0 y")));
	replies_free(&r);
}
END_TEST

START_TEST(mistakes)
{
#define RULE "[a]\nclass = policy\nmatch = ^5\nsource = s\nsample = 550 x\n"
	static const struct {
		const char *text, *error;
		enum err e;
	} table[] = {
		{ "", "", ERR_OK },
		{ "# c\n\n" RULE, "", ERR_OK },
		{ "[a b]", "f:1: expected [name of a rule], not \"[a b]\"", ERR_SYNTAX },
		{ "[]", "f:1: expected [name of a rule], not \"[]\"", ERR_SYNTAX },
		{ "[", "f:1: expected [name of a rule], not \"[\"", ERR_SYNTAX },
		{ "class = policy", "f:1: no [name of a rule] above \"class = policy\"",
		    ERR_SYNTAX },
		{ "[a]\nx", "f:2: expected key = value, not \"x\"", ERR_SYNTAX },
		{ "[a]\nx = y", "f:2: unknown key \"x\"", ERR_SYNTAX },
		{ "[a]\nclass =", "f:2: no value: \"class\"", ERR_SYNTAX },
		{ "[a]\nclass = nothing", "f:2: not a class: \"nothing\"", ERR_SYNTAX },
		{ "[a]\nclass = unknown", "f:2: not a class: \"unknown\"", ERR_SYNTAX },
		{ "[a]\nscope = me", "f:2: not a scope: \"me\"", ERR_SYNTAX },
		{ "[a]\nprovider = a,b", "f:2: not a group of providers: \"a,b\"", ERR_SYNTAX },
		{ "[a]\nmatch = (",
		    "f:2: match: missing closing parenthesis at octet 1 of \"(\"", ERR_SYNTAX },
		{ "[a]\nclass = policy\n", "f:1: a rule without match: \"a\"", ERR_SYNTAX },
		{ "[a]\nmatch = x\n", "f:1: a rule without class: \"a\"", ERR_SYNTAX },
		{ "[a]\nclass = policy\nmatch = x\n[b]", "f:1: a rule without source: \"a\"",
		    ERR_SYNTAX },
		{ "[a]\nclass = policy\nmatch = x\nsource = s\n",
		    "f:1: a rule without sample: \"a\"", ERR_SYNTAX },
		{ RULE "[a]", "f:6: stands in the file twice: \"a\"", ERR_EXISTS },
		{ RULE "class = policy", "f:6: stands twice: class", ERR_EXISTS },
		{ RULE "match = x", "f:6: stands twice: match", ERR_EXISTS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct replies *r = NULL;
		char error[256] = "";
		enum err e =
		    replies_parse(span_cstr(table[i].text), "f", &r, error, sizeof error);

		ck_assert_msg(e == table[i].e, "case %zu: %s", i, error);
		ck_assert((r != NULL) == (e == ERR_OK));
		if (e != ERR_OK)
			ck_assert_str_eq(error, table[i].error);
		replies_free(&r);
	}
}
END_TEST

START_TEST(files)
{
	struct replies *r = NULL;
	char error[256];

	ck_assert_int_eq(replies_read("/nonexistent/x", &r, error, sizeof error), ERR_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(error, "/nonexistent/x: "));
	ck_assert_int_eq(replies_read("/dev/zero", &r, error, sizeof error), ERR_TOOBIG);
	ck_assert_ptr_null(r);
}
END_TEST

START_TEST(names)
{
	for (unsigned i = 0; i < REPLY_CLASSES; i++) {
		enum reply_class class;

		ck_assert(reply_class_of(
		    span_cstr(reply_class_row((enum reply_class)i)->name), &class));
		ck_assert_uint_eq(class, i);
	}
	ck_assert_str_eq(reply_class_row((enum reply_class)99)->name, "unknown");
	ck_assert_str_eq(reply_scope_text((enum reply_scope)99), "none");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replies");
	TCase *cases = tcase_create("replies");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, samples);
	tcase_add_test(cases, subjects);
	tcase_add_test(cases, bounds);
	tcase_add_test(cases, masks);
	tcase_add_test(cases, providers_first);
	tcase_add_test(cases, mistakes);
	tcase_add_test(cases, files);
	tcase_add_test(cases, names);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
