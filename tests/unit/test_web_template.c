/* test_web_template - names in text, and that nothing put in is read as markup. */
#include <check.h>
#include <stdlib.h>

#include "template.h"

static const struct template_value values[] = {
	{ "plain", { "a<b>&\"'c", 8 }, false },
	{ "nested", { "<i>{{plain}} {{nested}} {{none}}</i>", 36 }, true },
	{ "brace", { "{{plain}}", 9 }, false },
	{ "empty", { "", 0 }, false },
};

#define PLAIN "a&lt;b&gt;&amp;&quot;&#39;c"

static const struct {
	const char *in, *out;
} rows[] = {
	{ "", "" },
	{ "<p>&amp;</p>", "<p>&amp;</p>" },
	{ "<p>{{plain}}</p>", "<p>" PLAIN "</p>" },
	{ "{{plain}}{{plain}}", PLAIN PLAIN },
	{ "a{{none}}b", "ab" },
	{ "a{{empty}}b", "ab" },
	{ "a{{}}b", "ab" },
	/* One level, and its own names; another's braces are text. */
	{ "{{nested}}", "&lt;i&gt;" PLAIN "  &lt;/i&gt;" },
	{ "{{brace}}", "{{plain}}" },
	{ "{plain}", "{plain}" },
	{ "{{plain}", "{{plain}" },
	{ "{{plain", "{{plain" },
	{ "{{", "{{" },
	{ "}}", "}}" },
	{ "{{}", "{{}" },
	{ "{{{plain}}", "" }, /* the name "{plain" */
	{ "{{ plain }}", "" },
	{ "{{pla}in}}", "{{pla}in}}" },
	{ "{{a}{{plain}}", "{{a}" PLAIN },
};

START_TEST(names)
{
	struct buf out = BUF_INIT(1024);

	template_put(&out, span_cstr(rows[_i].in), values, ARRAY_SIZE(values));
	ck_assert_str_eq(buf_cstr(&out), rows[_i].out);
	buf_free(&out);
}
END_TEST

/* Each octet: as it is, as a reference, or as U+FFFD. */
START_TEST(escapes)
{
	struct buf out = BUF_INIT(1024);

	for (int i = 0; i < 256; i++) {
		char c = (char)i, as_is[2] = { c, '\0' };
		const char *want = as_is;

		if (c == '&')
			want = "&amp;";
		else if (c == '<')
			want = "&lt;";
		else if (c == '>')
			want = "&gt;";
		else if (c == '"')
			want = "&quot;";
		else if (c == '\'')
			want = "&#39;";
		else if ((i < 32 && c != '\n' && c != '\t') || i == 127)
			want = "\xef\xbf\xbd";
		buf_reset(&out);
		template_escape(&out, span_make(&c, 1));
		ck_assert_str_eq(buf_cstr(&out), want);
	}
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("web_template");
	TCase *tests = tcase_create("web_template");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, names, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, escapes);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
