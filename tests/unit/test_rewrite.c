/* test_rewrite - whole messages: what is listed, what comes out, and what is left as it was. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "mail_split.h"
#include "rewrite.h"

#define NEW "https://t.example/1"

static struct mail_split mail;
static struct rewrite *r;
static struct rewrite_options options;

static void setup(void)
{
	options = (struct rewrite_options){
		.limits = REWRITE_LIMITS_DEFAULT, .html = true, .text = true, .convert = true
	};
}

static void teardown(void)
{
	rewrite_free(&r);
	mail_split_free(&mail);
}

static void scan(struct span text)
{
	teardown();
	ck_assert(mail_split(text, true, &mail));
	ck_assert_int_eq(
	    rewrite_scan(mail.headers, mail.header_count, mail.body, &options, &r), ERR_OK);
}

static bool is_http(struct span url)
{
	return span_eq_nocase(span_head(url, 7), SPAN("http://"));
}

/* All that begins with http:// becomes NEW. The new body, or the old one, as a string. */
static const char *replace_all(struct buf *out, struct rewrite_outcome *outcome)
{
	for (size_t i = 0; i < r->link_count; i++)
		if (is_http(r->links[i].url))
			ck_assert_int_eq(rewrite_replace(r, i, SPAN(NEW)), ERR_OK);
	buf_reset(out);
	ck_assert_int_eq(rewrite_apply(r, out, outcome), ERR_OK);
	if (!outcome->changed)
		buf_add_span(out, mail.body);
	return buf_cstr(out);
}

#define CT    "Content-Type: "
#define CTE   "Content-Transfer-Encoding: "
#define HTML  CT "text/html\n"
#define PLAIN CT "text/plain\n"
#define U8    CT "text/html; charset=utf-8\n"
#define LINK  "<a href=\"http://a.example/\">"
#define DONE  "<a href=\"" NEW "\">"

/* One part: header, body; what comes out, NULL: the same. */
static const struct {
	const char *header, *body, *result;
} single[] = {
	{ HTML, LINK "x</a>", DONE "x</a>" },
	{ HTML, "<a href='http://a.example/'>", "<a href='" NEW "'>" },
	{ HTML, "<a href=http://a.example/ class=b>", "<a href=" NEW " class=b>" },
	{ HTML, "<A HREF = HTTP://a.example/>", "<A HREF = " NEW ">" },
	{ HTML, "<area href=http://a.example/>", "<area href=" NEW ">" },
	{ HTML, "<a href=\" http://a.example/\n?b=1&amp;c \">", "<a href=\"" NEW "\">" },
	{ HTML, "<a href=\"htt&#112;://a.example/\">", DONE },
	/* never: other schemes, other places */
	{ HTML, "<a href=\"mailto:a@b.example\">", NULL },
	{ HTML, "<a href=\"tel:1\"><a href=\"cid:1\"><a href=\"#x\"><a href=\"\"><a href>",
	    NULL },
	{ HTML, "<a href=\"javascript:location='http://a.example/'\">", NULL },
	{ HTML, "<a href=\"data:text/html,http://a.example/\">", NULL },
	{ HTML, "<a href=\"//a.example/\"><a href=\"/x\"><a href=\"x\">", NULL },
	{ HTML, "<base href=\"http://a.example/\"><link href=\"http://a.example/\">", NULL },
	{ HTML, "<form action=\"http://a.example/\"><img src=\"http://a.example/\">", NULL },
	{ HTML, "<p style=\"background:url(http://a.example/)\">http://a.example/</p>", NULL },
	{ HTML, "<style>" LINK "</style><script>" LINK "</script><!-- " LINK " -->", NULL },
	{ HTML, "<script type=\"application/ld+json\">{\"url\":\"http://a.example/\"}</script>",
	    NULL },
	{ HTML, "<!--[if mso]><v:rect href=\"http://a.example/\"><![endif]-->", NULL },
	{ HTML, "<svg><a xlink:href=\"http://a.example/\"></a></svg>", NULL },
	{ HTML, "<a href=\"http://a.example/&nosuch;\">", NULL },
	{ HTML, "-----BEGIN PGP MESSAGE-----\n" LINK, NULL },
	/* plain text */
	{ PLAIN, "see http://a.example/x.\n", "see " NEW ".\r\n" },
	{ "", "see http://a.example/x.\n", "see " NEW ".\r\n" },
	{ PLAIN, "> http://a.example/x\n-- \nhttp://a.example/\n", NULL },
	{ PLAIN, "-----BEGIN PGP SIGNED MESSAGE-----\nhttp://a.example/\n", NULL },
	/* other parts */
	{ CT "text/calendar\n", "http://a.example/", NULL },
	{ CT "text/x-amp-html\n", LINK, NULL },
	{ HTML "Content-Disposition: attachment\n", LINK, NULL },
	{ CT "message/rfc822\n", HTML "\n" LINK, NULL },
	{ CT "application/pkcs7-mime\n", LINK, NULL },
	{ HTML HTML, LINK, NULL },
	/* transfer encodings */
	{ HTML CTE "8bit\n", "\xc3\xbc " LINK, "\xc3\xbc " DONE },
	{ HTML CTE "quoted-printable\n", "=C3=BC <a href=3D\"http://a.exa=\nmple/\">=20\n",
	    "=C3=BC <a href=3D\"" NEW "\">=20\r\n" },
	{ HTML CTE "quoted-printable\n", "<a href=\"http://a.example/\">=ZZ", NULL },
	{ HTML CTE "base64\n", "PGEgaHJlZj1odHRwOi8vYS5iPng=\n",
	    "PGEgaHJlZj1odHRwczovL3QuZXhhbXBsZS8xPng=\r\n" },
	{ HTML CTE "base64\n", "PGEgaHJlZj1odHRwOi8vYS5iPng\n", NULL },
	{ HTML CTE "x-unknown\n", LINK, NULL },
	/* charsets */
	{ U8, LINK "\xc3\xbc", DONE "\xc3\xbc" },
	{ CT "text/html; charset=iso-8859-1\n", LINK "\xfc", DONE "\xfc" },
	{ CT "text/html; charset=shift_jis\n", "\x83\x5c" LINK, "\x83\x5c" DONE },
	{ CT "text/html; charset=gb18030\n", "\x81\x30\x81\x30" LINK, "\x81\x30\x81\x30" DONE },
	{ CT "text/html; charset=iso-2022-jp\n", "\033$B$\"\033(B" LINK,
	    "\033$B$\"\033(B" DONE },
	{ CT "text/html; charset=utf-7\n", "+AOk-" LINK, NULL }, /* not what iconv writes */
	{ CT "text/html; charset=x-nosuch\n", LINK, NULL },
	{ CT "text/html; charset=ebcdic-us\n", LINK, NULL },
	{ HTML, "\033$B$\"\033(B" LINK, NULL }, /* denies its charset */
	/* URLs that are not ASCII: what a browser sends depends on the charset */
	{ U8, "<a href=\"http://a.example/\xc3\xbc\">", "<a href=\"" NEW "\">" },
	{ U8, "<a href=\"http://a.example/\xc3\">", NULL },
	{ CT "text/html; charset=iso-8859-1\n", "<a href=\"http://a.example/\xfc\">", NULL },
	{ CT "text/html; charset=iso-8859-1\n", "<a href=\"http://a.example/\xc3\xbc\">",
	    NULL },
};

START_TEST(one_part)
{
	struct buf text = BUF_INIT(65536), out = BUF_INIT(65536);
	struct rewrite_outcome outcome;
	const char *got;

	buf_printf(&text, "%s\n%s", single[_i].header, single[_i].body);
	scan(buf_span(&text));
	got = replace_all(&out, &outcome);
	if (single[_i].result == NULL)
		ck_assert_msg(!outcome.changed, "%s: %s", single[_i].body, got);
	else
		ck_assert_msg(
		    strcmp(got, single[_i].result) == 0, "%s: %s", single[_i].body, got);
	ck_assert(!outcome.root_quoted);
	buf_free(&text);
	buf_free(&out);
}
END_TEST

#define MIXED CT "multipart/mixed; boundary=b\n\n"

/* Octets outside of the link's value stay, blanks at line ends and a missing last CRLF among them. */
START_TEST(outside_stays)
{
	struct buf out = BUF_INIT(65536);
	struct rewrite_outcome outcome;

	scan(SPAN(MIXED "pre \t\n--b  \ncontent-type:TEXT/html\nX:\n\t folded\n\n" LINK
			" \n\n--b\n" CT "image/gif\n" CTE "base64\n\nR0lG\n--b--\nepi\n "));
	ck_assert_str_eq(replace_all(&out, &outcome),
	    "pre \t\r\n--b  \r\ncontent-type:TEXT/html\r\nX:\r\n\t folded\r\n\r\n" DONE
	    " \r\n\r\n--b\r\n" CT "image/gif\r\n" CTE
	    "base64\r\n\r\nR0lG\r\n--b--\r\nepi\r\n ");
	ck_assert_uint_eq(outcome.links_replaced, 1);
	ck_assert_uint_eq(outcome.parts_edited, 1);
	buf_free(&out);
}
END_TEST

START_TEST(nothing_to_do)
{
	struct buf out = BUF_INIT(65536);
	struct rewrite_outcome outcome;

	scan(SPAN(HTML "\n" LINK));
	ck_assert_int_eq(rewrite_apply(r, &out, &outcome), ERR_OK);
	ck_assert(!outcome.changed && out.n == 0);
	/* once only */
	ck_assert_int_eq(rewrite_apply(r, &out, &outcome), ERR_ORDER);
	buf_free(&out);
}
END_TEST

START_TEST(signed_parts)
{
	struct buf out = BUF_INIT(65536);
	struct rewrite_outcome outcome;

	scan(SPAN(MIXED "--b\n" CT "multipart/signed; boundary=s\n\n--s\n" HTML "\n" LINK
			"\n--s--\n--b\n" HTML "\n" LINK "\n--b--\n"));
	ck_assert_uint_eq(r->link_count, 1);
	ck_assert_uint_eq(r->skipped[MIME_SIGNED], 1);
	replace_all(&out, &outcome);
	ck_assert_uint_eq(outcome.links_replaced, 1);
	ck_assert(memmem(out.p, out.n, LINK, sizeof LINK - 1) != NULL);
	buf_free(&out);
}
END_TEST

START_TEST(refused_edits)
{
	struct html_attr attr = { 0 };

	scan(SPAN(HTML "\n" LINK));
	ck_assert_int_eq(rewrite_replace(r, 0, SPAN("")), ERR_SYNTAX);
	ck_assert_int_eq(rewrite_replace(r, 0, SPAN("https://a b")), ERR_SYNTAX);
	ck_assert_int_eq(rewrite_replace(r, 0, SPAN("https://a\r\n")), ERR_SYNTAX);
	ck_assert_int_eq(rewrite_replace(r, 0, SPAN("https://\xc3\xbc")), ERR_SYNTAX);
	ck_assert_int_eq(rewrite_replace(r, 0, SPAN(NEW)), ERR_OK);
	ck_assert_int_eq(rewrite_replace(r, 0, SPAN(NEW)), ERR_EXISTS);
	attr.end = 1000;
	ck_assert_int_eq(rewrite_remove_attr(r, 0, &attr), ERR_RANGE);
	ck_assert_int_eq(rewrite_insert(r, 0, 1000, SPAN("x")), ERR_RANGE);
	ck_assert_int_eq(rewrite_insert(r, 0, 0, SPAN("a\nb")), ERR_SYNTAX);
	ck_assert_int_eq(rewrite_insert(r, 0, 0, SPAN("a\rb")), ERR_SYNTAX);
	ck_assert_int_eq(rewrite_insert(r, 0, 0, SPAN("\xff")), ERR_SYNTAX);
	scan(SPAN(CT "text/calendar\n\nx\n"));
	ck_assert_int_eq(rewrite_insert(r, 0, 0, SPAN("x")), ERR_ORDER);
	/* between CR and LF; in a multipart */
	scan(SPAN(PLAIN "\na\nb\n"));
	ck_assert_int_eq(rewrite_insert(r, 0, 2, SPAN("x")), ERR_RANGE);
	scan(SPAN(MIXED "--b\n\na\n--b--\n"));
	ck_assert_int_eq(rewrite_insert(r, 0, 0, SPAN("x")), ERR_ORDER);
}
END_TEST

START_TEST(remove_attr)
{
	static const struct {
		const char *tag, *result;
	} table[] = {
		{ "<a data-x href=u>", "<a href=u>" },
		{ "<a href=u data-x>", "<a href=u>" },
		{ "<a href=u data-x=\"1\" >", "<a href=u >" },
		{ "<a href=u\n data-x='1'\n>", "<a href=u\r\n>" },
		{ "<a href=u data-x />", "<a href=u />" },
		{ "<a title=\"t\"data-x=\"1\"href=u>", "<a title=\"t\"href=u>" },
		{ "<a data-x=\"1\"href=u>", "<a href=u>" },
		{ "<a data-x/href=u>", "<a /href=u>" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct buf text = BUF_INIT(4096), out = BUF_INIT(4096);
		struct rewrite_outcome outcome;
		struct html_attr attr;
		size_t at = 0;

		buf_printf(&text, HTML "\n%s", table[i].tag);
		scan(buf_span(&text));
		ck_assert_uint_eq(r->link_count, 1);
		while (html_next_attr(r->links[0].tag, &at, &attr))
			if (attr.name_end - attr.name == 6)
				ck_assert_int_eq(rewrite_remove_attr(r, 0, &attr), ERR_OK);
		ck_assert_int_eq(rewrite_apply(r, &out, &outcome), ERR_OK);
		ck_assert_str_eq(buf_cstr(&out), table[i].result);
		buf_free(&text);
		buf_free(&out);
	}
}
END_TEST

static const struct {
	const char *message; /* insertion at body_end of the last part */
	const char *text;
	const char *result; /* NULL: no place, or it does not go */
} inserts[] = {
	{ HTML "\n<body>a</body>", "<i>", "<body>a<i></body>" },
	{ HTML "\na", "<i>", "a<i>" },
	{ HTML "\na", "\xc3\xbc\xf0\x9f\x90\xa7", "a&#252;&#128039;" },
	{ HTML "\na<!--", "<i>", NULL },
	{ HTML CTE "base64\n\nYQ==\n", "b", "YWI=\r\n" },
	{ PLAIN "\na\n-- \nb", "note\r\n", "a\r\nnote\r\n-- \r\nb" },
	{ CT "text/plain; charset=iso-8859-1\n" CTE "8bit\n\na", "\xc3\xbc", "a\xfc" },
	{ CT "text/plain; charset=utf-8\n" CTE "8bit\n\na", "\xc3\xbc", "a\xc3\xbc" },
	{ CT "text/plain; charset=iso-8859-1\n" CTE "8bit\n\na", "\xe2\x82\xac", NULL },
	{ PLAIN "\na", "\xc3\xbc", NULL }, /* US-ASCII has none */
	{ CT "text/html; charset=iso-2022-jp\n\n\033$B$\"\033(B", "<i>", "\033$B$\"\033(B<i>" },
	{ MIXED "--b\n" HTML "\na\n--b--\n", "<i>",
	    "--b\r\n" CT "text/html\r\n\r\na<i>\r\n--b--\r\n" },
	{ MIXED "--b\n" HTML "\n\n--b--\n", "<i>",
	    "--b\r\n" CT "text/html\r\n\r\n<i>\r\n--b--\r\n" },
	/* the header's own line end is the delimiter's */
	{ MIXED "--b\n" HTML "\n--b--\n", "<i>", NULL },
	/* a line that would end the part */
	{ MIXED "--b\n" HTML "\na\n--b--\n", "\r\n--b",
	    "--b\r\n" CT "text/html\r\n" CTE
	    "quoted-printable\r\n\r\na\r\n=2D-b\r\n--b--\r\n" },
};

START_TEST(insert)
{
	struct buf out = BUF_INIT(65536);
	struct rewrite_outcome outcome;
	const struct rewrite_part *part;
	enum err e;

	scan(span_cstr(inserts[_i].message));
	part = &r->parts[r->part_count - 1];
	e = !part->body_end_usable ? ERR_RANGE
				   : rewrite_insert(r, (unsigned)r->part_count - 1,
					 part->body_end, span_cstr(inserts[_i].text));
	ck_assert_msg((e == ERR_OK) == (inserts[_i].result != NULL), "%d", e);
	ck_assert_int_eq(rewrite_apply(r, &out, &outcome), ERR_OK);
	ck_assert_str_eq(buf_cstr(&out), inserts[_i].result != NULL ? inserts[_i].result : "");
	buf_free(&out);
}
END_TEST

/* A place that is refused although a caller insists. */
START_TEST(insert_without_place)
{
	scan(SPAN(MIXED "--b\n" HTML "\n--b--\n"));
	ck_assert(!r->parts[1].body_end_usable);
	ck_assert_int_eq(rewrite_insert(r, 1, 0, SPAN("x")), ERR_RANGE);
}
END_TEST

/* In front of what is replaced, whichever was asked for first; never inside. */
START_TEST(insert_at_link)
{
	struct buf out = BUF_INIT(4096);
	struct rewrite_outcome outcome;

	scan(SPAN(PLAIN "\nhttp://a.b"));
	ck_assert_int_eq(rewrite_replace(r, 0, SPAN(NEW)), ERR_OK);
	ck_assert_int_eq(rewrite_insert(r, 0, 0, SPAN("one ")), ERR_OK);
	ck_assert_int_eq(rewrite_insert(r, 0, 0, SPAN("two ")), ERR_OK);
	ck_assert_int_eq(rewrite_apply(r, &out, &outcome), ERR_OK);
	ck_assert_str_eq(buf_cstr(&out), "one two " NEW);
	buf_reset(&out);
	scan(SPAN(PLAIN "\nhttp://a.b"));
	ck_assert_int_eq(rewrite_insert(r, 0, 3, SPAN("x")), ERR_OK);
	ck_assert_int_eq(rewrite_replace(r, 0, SPAN(NEW)), ERR_OK);
	ck_assert_int_eq(rewrite_apply(r, &out, &outcome), ERR_RANGE);
	ck_assert(!outcome.changed);
	buf_free(&out);
}
END_TEST

/* ---- lines ---- */

static void with_line(struct buf *text, const char *header, size_t octets)
{
	buf_reset(text);
	buf_add_cstr(text, header);
	buf_add_char(text, '\n');
	for (size_t i = 0; i < octets; i++)
		buf_add_char(text, 'x');
	buf_add_cstr(text, "<a href=http://a>y\n");
}

/* "<a href=NEW>y" behind it. */
#define LINE_ROOM (990 - (sizeof "<a href=" NEW ">y" - 1))

START_TEST(long_lines)
{
	struct buf text = BUF_INIT(65536), out = BUF_INIT(65536);
	struct rewrite_outcome outcome;

	with_line(&text, HTML, LINE_ROOM);
	scan(buf_span(&text));
	replace_all(&out, &outcome);
	ck_assert(outcome.changed && !outcome.root_quoted);
	with_line(&text, HTML, LINE_ROOM + 1);
	scan(buf_span(&text));
	replace_all(&out, &outcome);
	ck_assert(outcome.changed && outcome.root_quoted);
	for (struct span rest = buf_span(&out), line; span_next(&rest, '\n', &line);)
		ck_assert_uint_le(line.n, 77);
	options.convert = false;
	scan(buf_span(&text));
	replace_all(&out, &outcome);
	ck_assert(!outcome.changed && outcome.parts_failed == 1);
	ck_assert_int_eq(r->parts[0].mime.skip, MIME_LONG_LINE);
	ck_assert_uint_eq(r->skipped[MIME_LONG_LINE], 1);
	buf_free(&text);
	buf_free(&out);
}
END_TEST

/* The header of a part that becomes quoted-printable says so. */
START_TEST(quoted_parts)
{
	struct buf text = BUF_INIT(65536), part = BUF_INIT(65536), out = BUF_INIT(65536);
	static const struct {
		const char *header, *result;
	} table[] = {
		{ HTML, "--b\r\n" CT "text/html\r\n" CTE "quoted-printable\r\n\r\nxxx" },
		{ CTE " 7bit \n" HTML,
		    "--b\r\n" CTE " quoted-printable \r\n" CT "text/html\r\n\r\nxxx" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct rewrite_outcome outcome;

		with_line(&part, table[i].header, LINE_ROOM + 1);
		buf_reset(&text);
		buf_printf(&text, MIXED "--b\n%s--b--\n", buf_cstr(&part));
		scan(buf_span(&text));
		replace_all(&out, &outcome);
		ck_assert(outcome.changed && !outcome.root_quoted);
		ck_assert(span_starts(buf_span(&out), span_cstr(table[i].result)));
	}
	buf_free(&text);
	buf_free(&part);
	buf_free(&out);
}
END_TEST

#define LEFT "1234567890123456789012345678901234567890123456789012345"

static const struct {
	const char *parameters, *text, *result;
} flows[] = {
	{ "", LEFT " http://a.b and more \nend\n", LEFT " " NEW " and more \r\nend\r\n" },
	{ "; format=flowed", LEFT " http://a.b and more \nend\n",
	    LEFT " \r\n" NEW " \r\nand more \r\nend\r\n" },
	{ "; format=flowed; delsp=yes", LEFT " http://a.b and more \nend\n",
	    LEFT "  \r\n" NEW "  \r\nand more \r\nend\r\n" },
	/* 78 octets, and one more */
	{ "; format=flowed", LEFT "123 http://a.b\n", LEFT "123 " NEW "\r\n" },
	{ "; format=flowed", LEFT "1234 http://a.b\n", LEFT "1234 \r\n" NEW "\r\n" },
	/* new lines that would mean something else */
	{ "; format=flowed", LEFT " http://a.b > x\n", LEFT " \r\n" NEW " > x\r\n" },
	{ "; format=flowed", LEFT " http://a.b From x\n", LEFT " \r\n" NEW " From x\r\n" },
	{ "; format=flowed", LEFT " http://a.b  xyz\n", LEFT " \r\n" NEW "  xyz\r\n" },
	{ "; format=flowed", LEFT " <http://a.b xyz>\n", LEFT " <" NEW " xyz>\r\n" },
};

START_TEST(flowed)
{
	struct buf text = BUF_INIT(4096), out = BUF_INIT(4096);
	struct rewrite_outcome outcome;

	buf_printf(&text, CT "text/plain%s\n\n%s", flows[_i].parameters, flows[_i].text);
	scan(buf_span(&text));
	ck_assert_str_eq(replace_all(&out, &outcome), flows[_i].result);
	buf_free(&text);
	buf_free(&out);
}
END_TEST

/* ---- bounds, at n and at n + 1 ---- */

static enum mime_skip skip_of(struct span text)
{
	scan(text);
	return r->parts[r->part_count - 1].mime.skip;
}

START_TEST(bounds)
{
	const struct span two = SPAN(HTML "\n" LINK LINK);
	const struct span wide = SPAN(HTML "\n<a b c d href=x>");
	const struct span text = SPAN(PLAIN "\nhttp://a.b http://c.d");
	const struct span base64 = SPAN(HTML CTE "base64\n\nPGEgaHJlZj14Pg==\n");

	options.limits.links_max = 2;
	ck_assert_int_eq(skip_of(two), MIME_EDITABLE);
	ck_assert_int_eq(skip_of(text), MIME_EDITABLE);
	options.limits.links_max = 1;
	ck_assert_int_eq(skip_of(two), MIME_TOO_MANY_LINKS);
	ck_assert_uint_eq(r->link_count, 0);
	ck_assert_int_eq(skip_of(text), MIME_TOO_MANY_LINKS);
	setup();
	options.limits.attributes_max = 4;
	ck_assert_int_eq(skip_of(wide), MIME_EDITABLE);
	options.limits.attributes_max = 3;
	ck_assert_int_eq(skip_of(wide), MIME_TOO_MANY_ATTRIBUTES);
	setup();
	options.limits.part_max = 18; /* 16 and CRLF */
	ck_assert_int_eq(skip_of(base64), MIME_EDITABLE);
	options.limits.part_max = 17;
	ck_assert_int_eq(skip_of(base64), MIME_PART_TOO_BIG);
	setup();
	options.limits.octets_max = 6;
	ck_assert_int_eq(skip_of(SPAN(MIXED "--b\n\nabc\n--b\n\nabc\n--b--\n")), MIME_EDITABLE);
	options.limits.octets_max = 5;
	ck_assert_int_eq(
	    skip_of(SPAN(MIXED "--b\n\nabc\n--b\n\nabc\n--b--\n")), MIME_OVER_BUDGET);
	setup();
	/* two links take less than 64 KiB, and more than 4 */
	options.limits.memory_max = 65536;
	ck_assert_int_eq(skip_of(two), MIME_EDITABLE);
	options.limits.memory_max = 4096;
	ck_assert_int_eq(skip_of(two), MIME_OVER_MEMORY);
}
END_TEST

START_TEST(url_bound)
{
	static const char *const messages[] = { HTML "\n<a href=http://a.b/xyz>",
		HTML "\n<a href=http://a.b/x&#121;z>", PLAIN "\nhttp://a.b/xyz\n" };

	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		options.limits.url_max = 14;
		scan(span_cstr(messages[i]));
		ck_assert_uint_eq(r->link_count, 1);
		ck_assert_uint_eq(r->links_left_out, 0);
		options.limits.url_max = 13;
		scan(span_cstr(messages[i]));
		ck_assert_uint_eq(r->link_count, 0);
		ck_assert_uint_eq(r->links_left_out, 1);
	}
}
END_TEST

/* However little memory there is: a part is left alone, nothing else. */
START_TEST(little_memory)
{
	const struct span text =
	    SPAN(MIXED "--b\n" HTML CTE "base64\n\nPGEgaHJlZj1odHRwOi8vYS5iPng=\n--b\n" HTML
		       "\n" LINK "\n--b--\n");
	bool all = false;

	for (size_t memory = 1; memory < 65536 && !all; memory += 64) {
		struct buf out = BUF_INIT(65536);
		struct rewrite_outcome outcome;
		enum err e;

		options.limits.memory_max = memory;
		teardown();
		ck_assert(mail_split(text, true, &mail));
		e = rewrite_scan(mail.headers, mail.header_count, mail.body, &options, &r);
		ck_assert(e == ERR_OK || e == ERR_NOMEM);
		for (size_t i = 0; e == ERR_OK && i < r->link_count; i++)
			e = rewrite_replace(r, i, SPAN(NEW));
		if (e == ERR_OK)
			e = rewrite_apply(r, &out, &outcome);
		ck_assert(e == ERR_OK || e == ERR_NOMEM);
		all = e == ERR_OK && outcome.links_replaced == 2;
		buf_free(&out);
	}
	ck_assert(all);
}
END_TEST

START_TEST(out_bound)
{
	const size_t n = sizeof "<a href=\"" NEW "\">" - 1;

	for (size_t i = 0; i < 2; i++) {
		struct buf out = BUF_INIT(n - i);
		struct rewrite_outcome outcome;

		scan(SPAN(HTML "\n" LINK));
		ck_assert_int_eq(rewrite_replace(r, 0, SPAN(NEW)), ERR_OK);
		ck_assert_int_eq(
		    rewrite_apply(r, &out, &outcome), i == 0 ? ERR_OK : ERR_TOOBIG);
		ck_assert(outcome.changed == (i == 0));
		buf_free(&out);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rewrite");
	TCase *all = tcase_create("rewrite");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, one_part, 0, ARRAY_SIZE(single));
	tcase_add_test(all, outside_stays);
	tcase_add_test(all, nothing_to_do);
	tcase_add_test(all, signed_parts);
	tcase_add_test(all, refused_edits);
	tcase_add_test(all, remove_attr);
	tcase_add_loop_test(all, insert, 0, ARRAY_SIZE(inserts));
	tcase_add_test(all, insert_without_place);
	tcase_add_test(all, insert_at_link);
	tcase_add_test(all, long_lines);
	tcase_add_test(all, quoted_parts);
	tcase_add_loop_test(all, flowed, 0, ARRAY_SIZE(flows));
	tcase_add_test(all, bounds);
	tcase_add_test(all, url_bound);
	tcase_add_test(all, little_memory);
	tcase_add_test(all, out_bound);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
