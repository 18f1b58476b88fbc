/* test_phrases - files of words: what is read, lent and refused. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "phrases.h"

static const struct phrase_row rows[] = {
	PHRASE_DIRECTION("direction"),
	{ .name = "hello" },
	{ .name = "bye" },
};
static const struct phrases_table table = { rows, ARRAY_SIZE(rows) };

static enum err parse(const char *text, struct phrases **p, char *error, size_t size)
{
	return phrases_parse(span_cstr(text), "f", &table, p, error, size);
}

START_TEST(languages)
{
	struct phrases *p;
	char error[200];

	ck_assert_int_eq(parse("# x\n\n[en]\nhello = Hello, {{name}} = you\r\n bye=Bye\n"
			       "[ar]\ndirection = rtl\nbye = \xd9\x88\n",
			     &p, error, sizeof error),
	    ERR_OK);
	ck_assert_uint_eq(p->count, 2);
	ck_assert(span_eq(phrases_of(p, 0)[0], SPAN("ltr")));
	ck_assert(span_eq(phrases_of(p, 0)[1], SPAN("Hello, {{name}} = you")));
	ck_assert(span_eq(phrases_of(p, 0)[2], SPAN("Bye")));
	/* lent, but not what the other one has */
	ck_assert(span_eq(phrases_of(p, 1)[0], SPAN("rtl")));
	ck_assert(span_eq(phrases_of(p, 1)[1], SPAN("Hello, {{name}} = you")));
	ck_assert(span_eq(phrases_of(p, 1)[2], SPAN("\xd9\x88")));
	ck_assert_uint_eq(phrases_find(p, SPAN("AR")), 1);
	ck_assert_uint_eq(phrases_find(p, SPAN("fr")), 0);
	phrases_free(&p);
	ck_assert_ptr_null(p);
	phrases_free(&p);
}
END_TEST

static const struct {
	const char *text, *error;
} refused[] = {
	{ "", "f:0: error: no language at all" },
	{ "hello = x\n", "f:1: error: a text before the first [language]" },
	{ "[en]\nhello = x\n", "f:2: error: the first language lacks the text \"bye\"" },
	{ "[en]\nhello = x\nhello = y\n", "f:3: error: a second text \"hello\"" },
	{ "[en]\nnosuch = x\n", "f:2: error: there is no text \"nosuch\"" },
	{ "[en]\ndirection = up\n", "f:2: error: not one of the words for this text: \"up\"" },
	{ "[en]\nhello\n", "f:2: error: expected NAME = TEXT, not \"hello\"" },
	{ "[en]\nhello =\n", "f:2: error: expected NAME = TEXT, not \"hello =\"" },
	{ "[en]\nhello = a\tb\n", "f:2: error: a control character" },
	{ "[en]\nhello = a\xfc\n", "f:2: error: octets that are not UTF-8" },
	{ "[E]\n", "f:1: error: expected a language, as in [en], not \"[E]\"" },
	{ "[en\n", "f:1: error: expected a language, as in [en], not \"[en\"" },
	{ "[en]\n[de]\n[en]\n", "f:3: error: a second section \"en\"" },
};

START_TEST(refusals)
{
	struct phrases *p;
	char error[200];

	ck_assert_int_eq(parse(refused[_i].text, &p, error, sizeof error), ERR_SYNTAX);
	ck_assert_ptr_null(p);
	ck_assert_str_eq(error, refused[_i].error);
}
END_TEST

/* As many languages as there may be, and one more. */
START_TEST(bound)
{
	for (unsigned extra = 0; extra < 2; extra++) {
		struct buf text = BUF_INIT(4096);
		struct phrases *p;
		char error[200];
		enum err e;

		for (unsigned i = 0; i < PHRASES_LANGUAGES_MAX + extra; i++)
			buf_printf(&text, "[l%u]\n%s", i, i == 0 ? "hello = x\nbye = y\n" : "");
		e = phrases_parse(buf_span(&text), "f", &table, &p, error, sizeof error);
		ck_assert_int_eq(e, extra == 0 ? ERR_OK : ERR_SYNTAX);
		phrases_free(&p);
		buf_free(&text);
	}
}
END_TEST

START_TEST(files)
{
	struct phrases *p;
	char error[200];

	ck_assert_int_eq(
	    phrases_read("/nonexistent/f", &table, &p, error, sizeof error), ERR_NOTFOUND);
	ck_assert_ptr_null(p);
	ck_assert_ptr_nonnull(strstr(error, "/nonexistent/f: error: "));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("phrases");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(all, languages);
	tcase_add_loop_test(all, refusals, 0, ARRAY_SIZE(refused));
	tcase_add_test(all, bound);
	tcase_add_test(all, files);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
