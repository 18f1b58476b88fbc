/* test_html - which links HTML shows, their values, and where something may be appended. */
#include <check.h>
#include <stdlib.h>

#include "html.h"

static struct arena *arena;

static void setup(void)
{
	arena = arena_new(1 << 24);
}

static void teardown(void)
{
	arena_free(&arena);
}

static const struct html_limits limits = { .links_max = 100, .attributes_max = 10 };

enum { STOPPED = 1 };

static const struct {
	const char *text;
	const char *values; /* of the links, each with a blank behind */
	int flags;
} links[] = {
	{ "", "", 0 },
	{ "<a href=\"x\">y</a>", "x ", 0 },
	{ "<a href='x'>y</a>", "x ", 0 },
	{ "<a href=x>y</a>", "x ", 0 },
	{ "<A HREF=x>y</A>", "x ", 0 },
	{ "<a\nhref\t=\r\n \"x\"\f>y</a>", "x ", 0 },
	{ "<a/href=x/y>z</a>", "x/y ", 0 },
	{ "<a title=\">\" href=x>", "x ", 0 },
	{ "<a title='\"' href=x>", "x ", 0 },
	{ "<a title=a'b href=x>", "x ", 0 },
	{ "<a href=x href=y>", "x ", 0 },
	{ "<a xhref=y data-href=z href=x>", "x ", 0 },
	{ "<a =href=y href=x>", "x ", 0 },
	{ "<a \"href=y\" href=x>", "x ", 0 },
	{ "<a title=\"x\"href=\"y\">", "y ", 0 },
	{ "<a href>y</a><a href=\"\">z</a>", "  ", 0 },
	{ "<a name=x>y</a>", "", 0 },
	{ "<map><area href=x></map>", "x ", 0 },
	{ "<a href=x><a href=y>", "x y ", 0 },
	{ "a < b <a href=x> <3 <> </>", "x ", 0 },
	/* other elements */
	{ "<abbr href=x><base href=x><link href=x><form action=x><img src=x>", "", 0 },
	{ "<a-b href=x><ab href=x>", "", 0 },
	/* what is not markup */
	{ "<!-- <a href=y> --><a href=x>", "x ", 0 },
	{ "<!--[if mso]><a href=y><![endif]--><a href=x>", "x ", 0 },
	{ "<!--><a href=x>", "x ", 0 },
	{ "<!---><a href=x>", "x ", 0 },
	{ "<!-- --!><a href=x>", "x ", 0 },
	{ "<!-- -- ><a href=y>--><a href=x>", "x ", 0 },
	{ "<!doctype html><?xml a=\"?><a href=x>", "x ", 0 },
	{ "<![CDATA[ > <a href=x> ]]>", "x ", 0 },
	{ "</ <a href=y>><a href=x>", "x ", 0 },
	{ "<style><a href=y></style><a href=x>", "x ", 0 },
	{ "<script>\"<a href=y>\"</script><a href=x>", "x ", 0 },
	{ "<script><!--<script></script><a href=y>--></script><a href=x>", "x ", 0 },
	{ "<script><!--</script><a href=x>", "x ", 0 },
	{ "<title><a href=y></title><a href=x>", "x ", 0 },
	{ "<textarea><a href=y></textarea ><a href=x>", "x ", 0 },
	{ "<xmp><a href=y></xmpx><a href=z></XMP/><a href=x>", "x ", 0 },
	{ "<iframe><a href=y></iframe><noembed><a href=y></noembed><a href=x>", "x ", 0 },
	{ "<noframes><a href=y></noframes><a href=x>", "x ", 0 },
	{ "<plaintext><a href=y></plaintext><a href=x>", "", 0 },
	{ "<style><a href=y>", "", 0 },
	{ "<noscript><img src=y></noscript><a href=x>", "x ", 0 },
	{ "<template><a href=y></template><a href=x>", "x ", 0 },
	{ "<select><a href=y></select><a href=x>", "x ", 0 },
	{ "<svg><a href=y></a></svg><a href=x>", "x ", 0 },
	{ "<svg/><a href=x>", "x ", 0 },
	{ "<math><a href=y></a></math><a href=x>", "x ", 0 },
	{ "<svg><svg></svg><a href=y></svg><a href=x>", "x ", 0 },
	{ "<svg><![CDATA[ > </svg><a href=y> ]]></svg><a href=x>", "x ", 0 },
	/* unfinished */
	{ "<a href=x", "", 0 },
	{ "<a href=\"x>y</a>", "", 0 },
	{ "<a href=x><!-- <a href=y>", "x ", 0 },
	{ "<a href=x><", "x ", 0 },
	/* doubt about all that follows */
	{ "<a href=x><noscript><a href=y></noscript><a href=z>", "x ", STOPPED },
	{ "<a href=x><noscript><!-- </noscript> --><a href=z>", "x ", STOPPED },
	{ "<a href=x><svg><p><a href=y>", "x ", STOPPED },
	{ "<a href=x><svg><style><a href=z></style></svg><a href=y>", "x ", STOPPED },
	{ "<a href=x><select><title><a href=y>", "x ", STOPPED },
	{ "<a href=x><frameset><a href=y>", "x ", STOPPED },
};

START_TEST(finds)
{
	struct span text = span_cstr(links[_i].text);
	struct buf values = BUF_INIT(4096);
	struct html_links found;

	ck_assert_int_eq(html_scan(arena, text, &limits, &found), ERR_OK);
	for (size_t i = 0; i < found.count; i++) {
		buf_add(&values, text.p + found.at[i].value,
		    found.at[i].value_end - found.at[i].value);
		buf_add_char(&values, ' ');
		ck_assert(text.p[found.at[i].tag] == '<');
		ck_assert(text.p[found.at[i].tag_end - 1] == '>');
	}
	ck_assert_msg(strcmp(buf_cstr(&values), links[_i].values) == 0, "%s: %s", text.p,
	    buf_cstr(&values));
	ck_assert_msg(found.stopped == (links[_i].flags == STOPPED), "%s", text.p);
	buf_free(&values);
}
END_TEST

static const struct {
	const char *text, *anchor;
} anchors[] = {
	{ "<a href=x>one <b>two</b></a> three", "one <b>two</b>" },
	{ "<a href=x>one<a href=y>two</a>", "one" },
	{ "<a href=x>one<a name=y>two</a>", "one" },
	{ "<a href=x>one", "one" },
	{ "<a href=x><svg></a></svg>one</a>", "<svg></a></svg>one" },
	{ "<area href=x>one</a>", "" },
};

START_TEST(anchor)
{
	struct span text = span_cstr(anchors[_i].text);
	struct html_links found;

	ck_assert_int_eq(html_scan(arena, text, &limits, &found), ERR_OK);
	ck_assert(span_eq(
	    span_make(text.p + found.at[0].text, found.at[0].text_end - found.at[0].text),
	    span_cstr(anchors[_i].anchor)));
}
END_TEST

static const struct {
	const char *text;
	bool usable;
	const char *behind; /* the place */
} ends[] = {
	{ "", true, "" },
	{ "a", true, "" },
	{ "<body>a</body></html>", true, "</body></html>" },
	{ "<body>a</BODY ></html>", true, "</BODY ></html>" },
	{ "a</html> ", true, "</html> " },
	{ "a</body>b</body>c", true, "</body>c" },
	{ "a</body><!-- </body> -->", true, "</body><!-- </body> -->" },
	{ "<script>'</body>'</script>a", true, "" },
	{ "<template></body></template>a", true, "" },
	{ "a</body><!-- ", true, "</body><!-- " },
	{ "a<", false, "" },
	{ "a</", false, "" },
	{ "a<b", false, "" },
	{ "a<!-- b", false, "" },
	{ "<style>a", false, "" },
	{ "<plaintext>a", false, "" },
	{ "<svg>a", false, "" },
	{ "<select>a", false, "" },
	{ "<template>a", false, "" },
	{ "<frameset>", false, "" },
	{ "a &amp", true, "" },
};

START_TEST(body_end)
{
	struct span text = span_cstr(ends[_i].text);
	struct html_links found;

	ck_assert_int_eq(html_scan(arena, text, &limits, &found), ERR_OK);
	ck_assert_msg(found.body_end_usable == ends[_i].usable, "%s", text.p);
	ck_assert_msg(!ends[_i].usable ||
			  span_eq(span_from(text, found.body_end), span_cstr(ends[_i].behind)),
	    "%s", text.p);
}
END_TEST

START_TEST(bounds)
{
	struct html_links found;
	struct buf text = BUF_INIT(65536);

	for (size_t i = 0; i < limits.links_max; i++)
		buf_add_cstr(&text, "<a href=x>");
	ck_assert_int_eq(html_scan(arena, buf_span(&text), &limits, &found), ERR_OK);
	ck_assert_uint_eq(found.count, limits.links_max);
	buf_add_cstr(&text, "<a href=x>");
	ck_assert_int_eq(html_scan(arena, buf_span(&text), &limits, &found), ERR_TOOBIG);
	buf_reset(&text);
	buf_add_cstr(&text, "<i");
	for (size_t i = 0; i < limits.attributes_max; i++)
		buf_add_cstr(&text, " a");
	buf_add_cstr(&text, ">");
	ck_assert_int_eq(html_scan(arena, buf_span(&text), &limits, &found), ERR_OK);
	text.n--;
	buf_add_cstr(&text, " a>");
	ck_assert_int_eq(html_scan(arena, buf_span(&text), &limits, &found), ERR_RANGE);
	buf_free(&text);
}
END_TEST

static const struct {
	const char *raw;
	const char *url; /* NULL: doubtful */
} urls[] = {
	{ "http://a/?b=1&amp;c=2", "http://a/?b=1&c=2" },
	{ "http://a/?b=1&c=2", "http://a/?b=1&c=2" },
	{ " \t\r\nhttp://a \n", "http://a" },
	{ "ht\ttp\r\n://a\n", "http://a" },
	{ "&#104;ttp&#x3a;//a", "http://a" },
	{ "&#X68;ttp://a", "http://a" },
	{ "&#104ttp://a", "http://a" },
	{ "http&colon;&sol;&sol;a", "http://a" },
	{ "java&Tab;script&NewLine;:x", "javascript:x" },
	{ "&lt;&gt;&quot;&apos;", "<>\"'" },
	/* names without a semicolon: not in front of '=' or a letter */
	{ "?a&copy=2", "?a&copy=2" },
	{ "?a&copy2", "?a&copy2" },
	{ "?a&copyx", "?a&copyx" },
	{ "?a&copy", "?a\xc2\xa9" },
	{ "?a&copy;", "?a\xc2\xa9" },
	{ "?a&copy&amp", "?a\xc2\xa9&" },
	{ "?a&notit", "?a&notit" },
	{ "?a&b", "?a&b" },
	{ "?a&", "?a&" },
	{ "?a&;", "?a&;" },
	{ "?a&#;&#x;&#z", "?a&#;&#x;&#z" },
	{ "&#0;&#xd800;&#x110000;&#99999999999;",
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "&#128;&#x10ffff;&#x7ff;", "\xe2\x82\xac\xf4\x8f\xbf\xbf\xdf\xbf" },
	{ "?a&nosuchname;", NULL },
	{ "http://a/\x01"
	  "b",
	    NULL },
	{ "http://a/\x01", "http://a/" },
	{ "http://a/\x7f", NULL },
	{ "http://a/&#1;b", NULL },
	{ "\x01http://a", "http://a" },
};

START_TEST(url)
{
	struct buf out = BUF_INIT(100);
	bool good = html_url(span_cstr(urls[_i].raw), &out);

	ck_assert_msg(good == (urls[_i].url != NULL), "%s", urls[_i].raw);
	if (good)
		ck_assert_str_eq(buf_cstr(&out), urls[_i].url);
	buf_free(&out);
}
END_TEST

START_TEST(url_bound)
{
	struct buf exact = BUF_INIT(8), less = BUF_INIT(7);

	ck_assert(html_url(SPAN("http&#58;//a"), &exact));
	ck_assert(!html_url(SPAN("http&#58;//a"), &less));
	buf_free(&exact);
	buf_free(&less);
}
END_TEST

/* What is escaped reads as before, in whatever quotes. */
START_TEST(escape)
{
	static const char *const tags[] = { "<a href=%s>", "<a href='%s'>", "<a href=\"%s\">" };
	struct buf value = BUF_INIT(1024), raw = BUF_INIT(100);

	for (int c = 0x21; c < 0x7f; c++)
		buf_add_char(&raw, (char)c);
	html_escape_url(buf_span(&raw), &value);
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		struct buf tag = BUF_INIT(1024), url_seen = BUF_INIT(1024);
		struct html_links found;

		buf_add(&tag, tags[i], (size_t)(strchr(tags[i], '%') - tags[i]));
		buf_add_span(&tag, buf_span(&value));
		buf_add_cstr(&tag, strchr(tags[i], '%') + 2);
		ck_assert_int_eq(html_scan(arena, buf_span(&tag), &limits, &found), ERR_OK);
		ck_assert_uint_eq(found.count, 1);
		ck_assert(html_url(span_make(tag.p + found.at[0].value,
				       found.at[0].value_end - found.at[0].value),
			      &url_seen) &&
			  span_eq(buf_span(&url_seen), buf_span(&raw)));
		buf_free(&tag);
		buf_free(&url_seen);
	}
	buf_free(&value);
	buf_free(&raw);
}
END_TEST

static const struct {
	const char *markup, *text;
} plain[] = {
	{ "one", "one" },
	{ " one \r\n two ", "one two" },
	{ "o<b>n</b>e", "one" },
	{ "one<br>two<p>three</p>", "one two three" },
	{ "<!-- x -->one<style>x</style>", "one" },
	{ "&lt;a&gt; &amp &#65;", "<a> & A" },
	{ "a &copy2", "a \xc2\xa9"
		      "2" },
	{ "one<b", "one" },
};

START_TEST(plain_text)
{
	struct buf out = BUF_INIT(100);

	html_plain_text(span_cstr(plain[_i].markup), &out);
	ck_assert_str_eq(buf_cstr(&out), plain[_i].text);
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("html");
	TCase *all = tcase_create("html");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, finds, 0, ARRAY_SIZE(links));
	tcase_add_loop_test(all, anchor, 0, ARRAY_SIZE(anchors));
	tcase_add_loop_test(all, body_end, 0, ARRAY_SIZE(ends));
	tcase_add_test(all, bounds);
	tcase_add_loop_test(all, url, 0, ARRAY_SIZE(urls));
	tcase_add_test(all, url_bound);
	tcase_add_test(all, escape);
	tcase_add_loop_test(all, plain_text, 0, ARRAY_SIZE(plain));
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
