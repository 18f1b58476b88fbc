/* test_html_view - what is seen of HTML, and where a block of text may come in. */
#include <check.h>
#include <stdlib.h>

#include "fold.h"
#include "html_view.h"

/* What is seen, folded. The place is '@', which is taken out first; without one: the end. */
static const struct {
	const char *markup, *seen;
	enum html_place place;
} rows[] = {
	{ "", "", HTML_PLACE_FREE },
	{ "a b", " a b ", HTML_PLACE_FREE },
	{ "<p>a</p>@<p>b</p>", " a b ", HTML_PLACE_FREE },
	/* inline elements part no words, others do */
	{ "H<b>aup</b>t<span class=x>str.</span> 1", " hauptstr 1 ", HTML_PLACE_FREE },
	{ "a<br>b<td>c<tr>d", " a b c d ", HTML_PLACE_FREE },
	{ "a<x-y>b", " a b ", HTML_PLACE_FREE },
	/* references */
	{ "Stra&szlig;e&nbsp;1 &#77;&uuml;nchen &nosuch; A&B",
	    " strasse 1 m\xc3\xbcnchen nosuch a b ", HTML_PLACE_FREE },
	{ "a < b &lt;b> c", " a b b c ", HTML_PLACE_FREE },
	{ "x<<b>b>y", " x b y ", HTML_PLACE_FREE },
	/* what is no text */
	{ "<!-- a --><style>b</style><script>c</script><title>d</title>e", " e ",
	    HTML_PLACE_FREE },
	{ "<!--[if mso]>a<![endif]--><![if !mso]>b<![endif]>", " b ", HTML_PLACE_FREE },
	{ "<img alt='a' title=\"b\">", "", HTML_PLACE_FREE },
	{ "<textarea>a</textarea><noscript>b</noscript>c", " c ", HTML_PLACE_FREE },
	{ "a<p title='", " a ", HTML_PLACE_HIDDEN },
	{ "a<!-- b", " a ", HTML_PLACE_HIDDEN },
	{ "<!-- @ -->a", " a ", HTML_PLACE_HIDDEN },
	{ "<p title='@'>a", " a ", HTML_PLACE_HIDDEN },
	{ "<style>@</style>a", " a ", HTML_PLACE_HIDDEN },
	/* what is hidden */
	{ "<div style='display:none'>a</div>b", " b ", HTML_PLACE_FREE },
	{ "<div style=\"color:red; DISPLAY : None !important\">a<div>b</div>c</div>d@", " d ",
	    HTML_PLACE_FREE },
	{ "<span style=display:none>a</span>b<span style='x:display:none'>c", " bc ",
	    HTML_PLACE_FREE },
	{ "<p style='font-size:0.9em'>a<p style='font-size:0'>b</p>c", " a c ",
	    HTML_PLACE_FREE },
	{ "<p style='opacity:0'>a</p><p style='opacity:0.5'>b</p>", " b ", HTML_PLACE_FREE },
	{ "<p hidden>a</p><p data-hidden>b</p>", " b ", HTML_PLACE_FREE },
	{ "<img style='display:none'>a<br hidden>b", " a b ", HTML_PLACE_FREE },
	{ "<div style='display:none'>a", "", HTML_PLACE_HIDDEN },
	{ "<div style='display:none'>a@</div>b", " b ", HTML_PLACE_HIDDEN },
	{ "<svg><text>a</text></svg>b<svg/>c", " b c ", HTML_PLACE_FREE },
	{ "<svg><![CDATA[ > a ]]></svg>b", " b ", HTML_PLACE_FREE },
	{ "<svg><style/>a</svg>b", " b ", HTML_PLACE_FREE },
	{ "<select><option>a</select><details>b</details><template>c</template>d", " d ",
	    HTML_PLACE_FREE },
	{ "<object>a@</object>", "", HTML_PLACE_HIDDEN },
	/* tables and links */
	{ "<table><tr><td>a</td></tr></table>@b", " a b ", HTML_PLACE_FREE },
	{ "<table><tr><td>a", " a ", HTML_PLACE_TABLE },
	{ "<table><tr><td><table><tr><td>a</td></tr></table>@</td></tr></table>", " a ",
	    HTML_PLACE_TABLE },
	{ "<TABLE><td>a</TABLE></table></table>b", " a b ", HTML_PLACE_FREE },
	{ "<table hidden>a</table>b", " b ", HTML_PLACE_FREE },
	{ "<a href=x>a@</a>b", " ab ", HTML_PLACE_LINK },
	{ "<a href=x>a", " a ", HTML_PLACE_LINK },
	{ "<a href=x hidden>a</a>b", " b ", HTML_PLACE_FREE },
	{ "<p>a</p></a>b", " a b ", HTML_PLACE_FREE },
};

START_TEST(views)
{
	struct buf markup = BUF_INIT(4096), seen = BUF_INIT(4096), text = BUF_INIT(4096),
		   folded = BUF_INIT(4096);
	const char *at = strchr(rows[_i].markup, '@');
	struct html_view view;

	buf_add_span(&markup, span_head(span_cstr(rows[_i].markup),
				  at != NULL ? (size_t)(at - rows[_i].markup) : SIZE_MAX));
	if (at != NULL)
		buf_add_cstr(&markup, at + 1);
	html_view(buf_span(&markup), at != NULL ? (size_t)(at - rows[_i].markup) : markup.n,
	    &view, &seen);
	html_view_resolve(buf_span(&seen), &text);
	fold(buf_span(&text), &folded);
	ck_assert_msg(strcmp(buf_cstr(&folded), rows[_i].seen) == 0, "%s: %s", rows[_i].markup,
	    buf_cstr(&folded));
	ck_assert_msg(view.place == rows[_i].place, "%s: %d", rows[_i].markup, view.place);
	buf_free(&markup);
	buf_free(&seen);
	buf_free(&text);
	buf_free(&folded);
}
END_TEST

START_TEST(shows)
{
	struct buf seen = BUF_INIT(4096);
	struct html_view view;

	/*         0123456789         */
	html_view(SPAN("ab<p hidden>cd</p>ef<i hidden>g"), 0, &view, &seen);
	ck_assert_uint_eq(view.hidden_count, 2);
	ck_assert(html_view_shows(&view, 1));
	ck_assert(!html_view_shows(&view, 2));
	ck_assert(!html_view_shows(&view, 17));
	ck_assert(html_view_shows(&view, 18));
	ck_assert(!html_view_shows(&view, 31));
	buf_free(&seen);
}
END_TEST

/* As many hidden stretches as are kept, and one more: nothing is seen behind it. */
START_TEST(bound)
{
	for (size_t extra = 0; extra < 2; extra++) {
		struct buf markup = BUF_INIT(65536), seen = BUF_INIT(65536);
		struct html_view view;

		for (size_t i = 0; i < HTML_VIEW_HIDDEN_MAX + extra; i++)
			buf_add_cstr(&markup, "<p hidden>a</p>");
		buf_add_cstr(&markup, "z");
		html_view(buf_span(&markup), markup.n, &view, &seen);
		ck_assert_uint_eq(view.hidden_count, HTML_VIEW_HIDDEN_MAX);
		ck_assert_int_eq(view.place, extra == 0 ? HTML_PLACE_FREE : HTML_PLACE_HIDDEN);
		ck_assert(html_view_shows(&view, markup.n - 1) == (extra == 0));
		ck_assert((memchr(seen.p, 'z', seen.n) != NULL) == (extra == 0));
		buf_free(&markup);
		buf_free(&seen);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("html_view");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(all, views, 0, ARRAY_SIZE(rows));
	tcase_add_test(all, shows);
	tcase_add_test(all, bound);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
