/* test_text_links - what is a URL in plain text, where it ends, and where a note may be appended. */
#include <check.h>
#include <stdlib.h>

#include "text_links.h"

static struct arena *arena;

static void setup(void)
{
	arena = arena_new(1 << 24);
}

static void teardown(void)
{
	arena_free(&arena);
}

enum { FLOWED = 1, DELSP = 2 };

static const struct {
	int flags;
	const char *text;
	const char *urls; /* in order, separated by one blank */
} table[] = {
	{ 0, "", "" },
	{ 0, "http://a.example", "http://a.example" },
	{ 0, "see https://a.example/x?y=1#z now", "https://a.example/x?y=1#z" },
	{ 0, "HTTPS://A.EXAMPLE/x", "HTTPS://A.EXAMPLE/x" },
	{ 0, "http://a.example\r\nhttp://b.example\r\n", "http://a.example http://b.example" },
	/* scheme and host */
	{ 0, "xhttp://a.example", "" },
	{ 0, "1http://a.example", "" },
	{ 0, "-http://a.example", "http://a.example" },
	{ 0, "ftp://a.example mailto:a@b.example", "" },
	{ 0, "http://localhost/a.b", "" },
	{ 0, "http://", "" },
	{ 0, "http://.example", "" },
	{ 0, "http://a.", "" },
	{ 0, "http://a.b", "http://a.b" },
	{ 0, "http:/a.example", "" },
	{ 0, "http://a.example/\xc3\xbc", "" },
	{ 0, "http://m\xc3\xbc.example/", "" },
	{ 0, "\xc3\xbchttp://a.example", "http://a.example" },
	{ 0, "http://a.example/\x7f", "http://a.example/" },
	/* ends */
	{ 0, "http://a.example/x.", "http://a.example/x" },
	{ 0, "http://a.example/x...", "http://a.example/x" },
	{ 0, "http://a.example/x,y;", "http://a.example/x,y" },
	{ 0, "http://a.example/x!?:'*_~", "http://a.example/x" },
	{ 0, "\"http://a.example/x\"", "http://a.example/x" },
	{ 0, "(http://a.example/x)", "http://a.example/x" },
	{ 0, "http://a.example/x_(y)", "http://a.example/x_(y)" },
	{ 0, "(http://a.example/x_(y)).", "http://a.example/x_(y)" },
	{ 0, "[http://a.example/x] {http://b.example/}",
	    "http://a.example/x http://b.example/" },
	{ 0, "http://a.example/?u=http://b.example/", "http://a.example/?u=http://b.example/" },
	/* between < and > */
	{ 0, "<http://a.example/x.>", "http://a.example/x." },
	{ 0, "<http://a.example/x\r\ny>", "http://a.example/xy" },
	{ 0, "<http://a.example/x\r\n  y\r\n z>", "http://a.example/xyz" },
	{ 0, "<http://a.example/x y>", "http://a.example/x" },
	{ 0, "<http://a.example/x\r\n\r\ny>", "http://a.example/x" },
	{ 0, "<http://a.example/x\r\n>", "http://a.example/x" },
	{ 0, "<http://a.example/x", "http://a.example/x" },
	{ 0, "<http://a.example/\r\nhttp://b.example/>",
	    "http://a.example/ http://b.example/" },
	{ 0, "<http://a.example/?u=http://b.example/.>",
	    "http://a.example/?u=http://b.example/." },
	/* one URL over two lines, or one of the first line and a word: not sure */
	{ 0, "<http://a.example/?u=http://b.example/\r\nc>", "" },
	/* quotes and signatures */
	{ 0, "> http://a.example\r\nhttp://b.example", "http://b.example" },
	{ 0, ">http://a.example", "" },
	{ 0, " > http://a.example", "http://a.example" },
	{ 0, "http://a.example\r\n-- \r\nhttp://b.example", "http://a.example" },
	{ 0, "-- \r\nhttp://b.example", "" },
	{ 0, "--\r\nhttp://b.example", "http://b.example" },
	/* RFC 3676 */
	{ 0, "http://a.example/x \r\ny", "http://a.example/x" },
	{ DELSP, "http://a.example/x \r\ny", "http://a.example/x" },
	{ FLOWED, "http://a.example/x \r\ny", "http://a.example/x" },
	{ FLOWED | DELSP, "http://a.example/x \r\ny", "http://a.example/xy" },
	{ FLOWED | DELSP, "http://a.example/x\r\ny", "http://a.example/x" },
	{ FLOWED | DELSP, "http://a.example/x \r\n y", "http://a.example/xy" },
	{ FLOWED | DELSP, "http://a.example/x \r\n>y", "http://a.example/x" },
	{ FLOWED | DELSP, "http://a.example/x \r\n\r\ny", "http://a.example/x" },
	{ FLOWED | DELSP, "http://a.example/x  \r\ny", "http://a.example/x" },
};

START_TEST(finds)
{
	struct span text = span_cstr(table[_i].text);
	struct buf urls = BUF_INIT(4096);
	struct text_links links;

	ck_assert_int_eq(text_links_find(arena, text, table[_i].flags & FLOWED,
			     table[_i].flags & DELSP, 10, &links),
	    ERR_OK);
	for (size_t i = 0; i < links.count; i++) {
		if (i > 0)
			buf_add_char(&urls, ' ');
		text_links_url(
		    span_make(text.p + links.at[i].start, links.at[i].end - links.at[i].start),
		    &urls);
	}
	ck_assert_msg(
	    strcmp(buf_cstr(&urls), table[_i].urls) == 0, "%s: %s", text.p, buf_cstr(&urls));
	buf_free(&urls);
}
END_TEST

START_TEST(nul)
{
	struct text_links links;

	ck_assert_int_eq(
	    text_links_find(arena, SPAN("http://a.example/\0 \0http://b.example/x"), false,
		false, 10, &links),
	    ERR_OK);
	ck_assert_uint_eq(links.count, 2);
	ck_assert_uint_eq(links.at[0].end, sizeof "http://a.example/" - 1);
}
END_TEST

START_TEST(place_to_append)
{
	static const struct {
		const char *text;
		size_t append;
	} places[] = {
		{ "", 0 },
		{ "a\r\n", 3 },
		{ "a\r\n-- \r\nb", 3 },
		{ "-- \r\nb", 0 },
		{ "a\r\n-- \r\nb\r\n-- \r\nc", 3 },
		{ "a\r\n--\r\nb", 8 },
		{ "a\r\n-- ", 6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct text_links links;

		ck_assert_int_eq(
		    text_links_find(arena, span_cstr(places[i].text), false, false, 10, &links),
		    ERR_OK);
		ck_assert_msg(links.append == places[i].append, "%s", places[i].text);
	}
}
END_TEST

START_TEST(bound)
{
	struct text_links links;
	struct buf text = BUF_INIT(1 << 20);

	for (int i = 0; i < 100; i++)
		buf_printf(&text, "http://a%d.example\r\n", i);
	ck_assert_int_eq(
	    text_links_find(arena, buf_span(&text), false, false, 100, &links), ERR_OK);
	ck_assert_uint_eq(links.count, 100);
	ck_assert_int_eq(
	    text_links_find(arena, buf_span(&text), false, false, 99, &links), ERR_TOOBIG);
	ck_assert_int_eq(
	    text_links_find(arena, SPAN("no link"), false, false, 0, &links), ERR_OK);
	buf_free(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text_links");
	TCase *all = tcase_create("text_links");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, finds, 0, ARRAY_SIZE(table));
	tcase_add_test(all, nul);
	tcase_add_test(all, place_to_append);
	tcase_add_test(all, bound);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
