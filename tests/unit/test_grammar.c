/* test_grammar - command lines against a small table, and the real table's own soundness. */
#include <check.h>
#include <limits.h>
#include <stdlib.h>

#include "ctl.h"
#include "grammar.h"

static int nothing(struct ctl *ctl UNUSED, const struct grammar_match *match UNUSED)
{
	return 0;
}

static const struct grammar_option all[] = { { 'q', "quiet", NULL, "h" },
	{ 'c', "config", "FILE", "h" }, { 0, NULL, NULL, NULL } };
static const struct grammar_option some[] = { { 'n', "number", "N", "h" },
	{ 0, "force", NULL, "h" }, { 0, NULL, NULL, NULL } };
static const struct grammar_command commands[] = {
	{ "open", "h", NULL, nothing },
	{ "door show <door>", "h", some, nothing },
	{ "door list [<pattern>]", "h", NULL, nothing },
	{ "door add <door>...", "h", NULL, nothing },
	{ "door find [<door>]...", "h", NULL, nothing },
	{ NULL, NULL, NULL, NULL },
};
static const struct grammar grammar = { "x", "s", all, commands };

static const struct {
	const char *line;
	const char *words; /* of the command found; NULL: an error */
	const char *says;  /* slots and values, or a part of the error */
} rows[] = {
	{ "open", "open", "" },
	{ "-q open", "open", "[quiet]" },
	{ "open -cfile", "open", "[config=file]" },
	{ "open -qc file", "open", "[quiet][config=file]" },
	{ "--config=a=b open", "open", "[config=a=b]" },
	{ "door --number 5 show d --force", "door show <door>", "d [number=5][force]" },
	{ "door show -- -d", "door show <door>", "-d " },
	{ "door show -", "door show <door>", "- " },
	{ "door list", "door list [<pattern>]", "" },
	{ "door list p", "door list [<pattern>]", "p " },
	{ "door add a b c", "door add <door>...", "a b c " },
	{ "door find", "door find [<door>]...", "" },
	{ "door find a b", "door find [<door>]...", "a b " },
	{ "", NULL, "a command is missing (open, door)" },
	{ "door", NULL, "a command is missing (show, list, add, find)" },
	{ "dor", NULL, "unknown command \"dor\"; did you mean \"door\"?" },
	{ "door shwo x", NULL, "did you mean \"show\"?" },
	{ "zzz", NULL, "unknown command \"zzz\" (open, door)" },
	{ "open x", NULL, "\"x\" is one word too many" },
	{ "door show", NULL, "<door> is missing" },
	{ "door add", NULL, "<door>... is missing" },
	{ "door list a b", NULL, "\"b\" is one word too many" },
	{ "open --force", NULL, "does not go with this command" },
	{ "open --froce", NULL, "did you mean \"--force\"?" },
	{ "open --zzzzzz", NULL, "unknown option \"--zzzzzz\"" },
	{ "open --quiet=1", NULL, "takes no value" },
	{ "open --config", NULL, "needs FILE" },
	{ "open -c", NULL, "needs FILE" },
	{ "open -z", NULL, "unknown option \"-z\"" },
};

START_TEST(reads)
{
	char line[256], *argv[16], *save = NULL;
	const char *words[16];
	struct grammar_match m;
	struct buf error = BUF_INIT(4096), said = BUF_INIT(4096);
	int argc = 0;
	bool ok;

	ck_assert(span_copy(span_cstr(rows[_i].line), line, sizeof line));
	argv[argc++] = line;
	for (char *p = strtok_r(line, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	ok = grammar_scan(&grammar, argc, argv, words, &m, &error) &&
	     grammar_find(&grammar, &m, &error);
	if (rows[_i].words == NULL) {
		ck_assert(!ok);
		ck_assert_msg(
		    strstr(buf_cstr(&error), rows[_i].says) != NULL, "%s", buf_cstr(&error));
	} else {
		ck_assert_msg(ok, "%s", buf_cstr(&error));
		ck_assert_str_eq(m.command->words, rows[_i].words);
		for (size_t i = 0; i < m.slot_count; i++)
			buf_printf(&said, "%s ", grammar_slot(&m, i));
		for (size_t i = 0; i < m.value_count; i++)
			buf_printf(&said, "[%s%s%s]", m.values[i].option->name,
			    m.values[i].text != NULL ? "=" : "",
			    m.values[i].text != NULL ? m.values[i].text : "");
		ck_assert_str_eq(buf_cstr(&said), rows[_i].says);
	}
	buf_free(&error);
	buf_free(&said);
}
END_TEST

START_TEST(the_last_value_counts)
{
	char *argv[] = { (char[]){ "x" }, (char[]){ "-ca" }, (char[]){ "-cb" },
		(char[]){ "open" } };
	const char *words[8];
	struct grammar_match m;
	struct buf error = BUF_INIT(4096);

	ck_assert(grammar_scan(&grammar, 4, argv, words, &m, &error));
	ck_assert_str_eq(grammar_value(&m, "config"), "b");
	ck_assert_ptr_null(grammar_value(&m, "number"));
	ck_assert(!grammar_has(&m, "quiet"));
}
END_TEST

START_TEST(distances)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} pairs[] = { { "", "", 0 }, { "abc", "abc", 0 }, { "abc", "acb", 1 },
		{ "abc", "ab", 1 }, { "", "abc", 3 }, { "kitten", "sitting", 3 },
		{ "x", "0123456789012345678901234567890123", UINT_MAX } };

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		ck_assert_uint_eq(grammar_distance(pairs[i].a, pairs[i].b), pairs[i].distance);
		ck_assert_uint_eq(grammar_distance(pairs[i].b, pairs[i].a), pairs[i].distance);
	}
}
END_TEST

/* An option that means one thing in one command means it in all: scanning relies on it. */
static void sound(const struct grammar_option *a, const struct grammar_option *list)
{
	for (const struct grammar_option *b = list; b != NULL && b->name != NULL; b++) {
		if (strcmp(a->name, b->name) == 0)
			ck_assert_msg((a->argument == NULL) == (b->argument == NULL) &&
					  a->letter == b->letter,
			    "--%s has two forms", a->name);
		else
			ck_assert_msg(a->letter == 0 || a->letter != b->letter,
			    "-%c has two meanings", a->letter);
		ck_assert(b->help != NULL && b->help[0] != '\0');
	}
}

START_TEST(the_real_table)
{
	struct buf help = BUF_INIT(1 << 20);

	for (const struct grammar_command *c = ctl_grammar.commands; c->words != NULL; c++) {
		ck_assert(c->run != NULL && c->help[0] != '\0');
		for (const struct grammar_option *o = c->options; o != NULL && o->name != NULL;
		     o++) {
			sound(o, ctl_grammar.options);
			for (const struct grammar_command *d = ctl_grammar.commands;
			     d->words != NULL; d++)
				sound(o, d->options);
		}
	}
	ck_assert(grammar_help(&ctl_grammar, NULL, 0, &help));
	for (size_t at = 0; at < help.n; at = span_find(buf_span(&help), '\n', at) + 1)
		ck_assert_uint_le(span_find(buf_span(&help), '\n', at) - at, 110);
	buf_free(&help);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("grammar");
	TCase *tests = tcase_create("grammar");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, reads, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, the_last_value_counts);
	tcase_add_test(tests, distances);
	tcase_add_test(tests, the_real_table);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
