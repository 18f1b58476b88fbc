/* test_footer_add - what a footer looks like, and where it comes in. */
#include <check.h>
#include <stdlib.h>

#include "footer_case.h"
#include "footer_parts.h"

#define CT        "Content-Type: "
#define CTE       "Content-Transfer-Encoding: "
#define HTML      CT "text/html; charset=utf-8\n"
#define PLAIN     CT "text/plain; charset=utf-8\n"
#define FLOW      CT "text/plain; charset=utf-8; format=flowed\n"
#define DELSP     CT "text/plain; charset=utf-8; format=flowed; delsp=yes\n"
#define BIT(name) FOOTER_BIT(FOOTER_##name)

static struct phrases *texts;
static struct footer_facts facts;
static struct mail_split mail;
static struct footer_case *c;

static void setup(void)
{
	texts = footer_case_facts(&facts);
	ck_assert_ptr_nonnull(texts);
	c = calloc(1, sizeof *c);
	ck_assert_ptr_nonnull(c);
}

static void teardown(void)
{
	footer_case_close(c);
	free(c);
	mail_split_free(&mail);
	phrases_free(&texts);
}

static void add(const char *header, const char *body, unsigned items)
{
	const struct rewrite_limits limits = REWRITE_LIMITS_DEFAULT;
	struct buf text = BUF_INIT(1 << 20);

	buf_printf(&text, "%s\n%s", header, body);
	ck_assert(mail_split(buf_span(&text), true, &mail));
	c->out.max = 1 << 24;
	c->headers = mail.headers;
	c->header_count = mail.header_count;
	c->body = mail.body;
	ck_assert_int_eq(footer_case_look(c, &facts, limits), ERR_OK);
	ck_assert_int_eq(footer_case_add(c, &facts, items), ERR_OK);
	buf_free(&text);
}

/* ---- the place in HTML ---- */

/* It comes in at '@'; without one it cannot, and that is why. */
static const struct {
	const char *body, *closed;
} places[] = {
	{ "x@", NULL },
	{ "<p>x@</body></html>", NULL },
	{ "<p>x@</BODY\n>\n</HTML>\n", NULL },
	{ "x@</html>", NULL },
	{ "</body>x@</body>", NULL },
	{ "<p>x</p><!-- </body> -->@", NULL },
	{ "x@</body><!-- </body> -->", NULL },
	{ "x@</body><script>'</body>'</script>", NULL },
	{ "<style></body></style>x@", NULL },
	{ "<p title='</body>'>x@", NULL },
	{ "<textarea></body></textarea>x@</body>", NULL },
	{ "<table><tr><td>x</table>@</body>", NULL },
	{ "<div><center>x@</body>", NULL },
	{ "<table><tr><td>x</body></html>", "it ends inside of a table" },
	{ "<table><tr><td>x</td></tr></body></table>", "it ends inside of a table" },
	{ "<table><table></table>x", "it ends inside of a table" },
	{ "<a href=x>x</body>", "it ends inside of a link" },
	{ "<div hidden>x</body></div>", "its end is not shown" },
	{ "x<div style='display:none'>y", "its end is not shown" },
	{ "x<!-- </body>", "it has no end that all readers agree on" },
	{ "x<p title='</body>", "it has no end that all readers agree on" },
	{ "x<script></body>", "it has no end that all readers agree on" },
	{ "x<style>", "it has no end that all readers agree on" },
	{ "x<plaintext></body>", "it has no end that all readers agree on" },
	{ "x<textarea></body>", "it has no end that all readers agree on" },
	{ "x<select></body>", "it has no end that all readers agree on" },
	{ "x<svg><g></body>", "it has no end that all readers agree on" },
};

START_TEST(place)
{
	const char *body = places[_i].body, *at = strchr(body, '@');
	const struct footer_part *part;
	struct buf text = BUF_INIT(4096), want = BUF_INIT(4096), lines = BUF_INIT(4096);

	buf_add_span(
	    &text, span_head(span_cstr(body), at != NULL ? (size_t)(at - body) : SIZE_MAX));
	if (at != NULL)
		buf_add_cstr(&text, at + 1);
	/* Line ends are CRLF in the message. */
	add(HTML CTE "8bit\n", buf_cstr(&text), BIT(NAME));
	part = &c->footer.at[0];
	if (places[_i].closed != NULL) {
		ck_assert_msg(part->closed != NULL, "%s", body);
		ck_assert_str_eq(part->closed, places[_i].closed);
		ck_assert(!c->outcome.changed && part->added == 0);
		goto out;
	}
	ck_assert_msg(part->closed == NULL, "%s: %s", body, part->closed);
	ck_assert_uint_eq(part->added, BIT(NAME));
	footer_write_html(&facts, BIT(NAME), &lines);
	buf_add_span(&want, span_head(c->body, part->place));
	buf_add_span(&want, buf_span(&lines));
	buf_add_span(&want, span_from(c->body, part->place));
	ck_assert(span_eq(buf_span(&want), buf_span(&c->out)));
	buf_reset(&want);
	for (size_t i = 0; i < (size_t)(at - body); i++)
		buf_add_cstr(&want, body[i] == '\n' ? "\r\n" : (char[]){ body[i], '\0' });
	ck_assert_msg(part->place == want.n, "%s: at %zu, not %zu", body, part->place, want.n);
out:
	buf_free(&text);
	buf_free(&want);
	buf_free(&lines);
}
END_TEST

/* ---- plain text, to the octet ---- */

#define NAME  "Acme"
#define LEAVE "Unsubscribe: " FOOTER_CASE_OUT

static const struct {
	const char *header, *body, *result;
} plain[] = {
	{ PLAIN, "x\n", "x\r\n\r\n" NAME "\r\n" },
	{ PLAIN, "x", "x\r\n\r\n" NAME "\r\n" },
	{ PLAIN, "x\n\n", "x\r\n\r\n" NAME "\r\n" },
	{ PLAIN, "x\n\n\n", "x\r\n\r\n\r\n" NAME "\r\n" },
	{ PLAIN, "", NAME "\r\n" },
	/* in front of a signature, which would otherwise hold it; behind what only looks so */
	{ PLAIN, "x\n-- \nJo\n", "x\r\n\r\n" NAME "\r\n\r\n-- \r\nJo\r\n" },
	{ PLAIN, "-- \nJo\n", NAME "\r\n\r\n-- \r\nJo\r\n" },
	{ PLAIN, "x\n-- \n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n",
	    "x\r\n\r\n" NAME
	    "\r\n\r\n-- \r\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n10\r\n" },
	{ PLAIN, "x\n-- \n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n",
	    "x\r\n-- \r\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n10\r\n11\r\n\r\n" NAME
	    "\r\n" },
	/* soft line ends: what was the last line does not flow into it */
	{ FLOW, "x \n", "x \r\n\r\n\r\n" NAME "\r\n" },
	{ FLOW, "x\n", "x\r\n\r\n" NAME "\r\n" },
	{ DELSP, "x \n-- \nJo\n", "x \r\n\r\n\r\n" NAME "\r\n\r\n-- \r\nJo\r\n" },
	{ PLAIN, "x \n", "x \r\n\r\n" NAME "\r\n" },
	/* transfer encodings */
	{ PLAIN CTE "quoted-printable\n", "x=20\n=C3=BC=\ny\n",
	    "x=20\r\n=C3=BC=\r\ny\r\n\r\n" NAME "\r\n" },
	{ PLAIN CTE "base64\n", "eA==\n", "eA0KDQpBY21lDQo=\r\n" },
	{ PLAIN CTE "base64\n",
	    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\n"
	    "eHg=\n",
	    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r\n"
	    "eHgNCg0KQWNtZQ0K\r\n" },
	{ PLAIN CTE "base64\n", "eHh4\neHg=\n", "eHh4\r\neHgN\r\nCg0K\r\nQWNt\r\nZQ0K\r\n" },
};

START_TEST(text)
{
	add(plain[_i].header, plain[_i].body, BIT(NAME));
	ck_assert_msg(span_eq(c->final_body, span_cstr(plain[_i].result)), "%s: %.*s",
	    plain[_i].body, SPAN_ARG(c->final_body));
}
END_TEST

START_TEST(whole_text)
{
	add(FLOW CTE "8bit\n", "x\n", FOOTER_CASE_ALL);
	ck_assert_str_eq(buf_cstr(&c->out),
	    "x\r\n\r\nThis is an advertisement.\r\n\r\nAcme GmbH\r\nHauptstra\xc3\x9f\x65 1\r\n"
	    "12345 Berlin\r\nContact: info@acme.example\r\n\r\n" LEAVE
	    "\r\nChoose: " FOOTER_CASE_PREFERENCES "\r\n\r\nLegal notice: HRB 4711\r\n"
	    "Legal notice: https://acme.example/imprint\r\n");
}
END_TEST

/* Lines of a footer are none of a quote, a mailbox or a signature, whatever the facts are. */
START_TEST(strange_lines)
{
	static const char *const lines[] = { "> 1 Main Street", "From here", "-- ", "a\tb\x01",
		"..", NULL };

	facts.address = lines;
	add(PLAIN, "x\n", BIT(ADDRESS));
	ck_assert_str_eq(buf_cstr(&c->out),
	    "x\r\n\r\n > 1 Main Street\r\n From here\r\n--\r\na b\r\n..\r\n");
}
END_TEST

START_TEST(long_lines)
{
	static const char *const lines[] = { "0123456789 0123456789 0123456789 0123456789 "
					     "0123456789 0123456789 012345",
		"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456",
		NULL };

	facts.address = lines;
	add(PLAIN, "x\n", BIT(ADDRESS));
	ck_assert_str_eq(buf_cstr(&c->out),
	    "x\r\n\r\n0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 012345"
	    "\r\n0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n"
	    "0123456\r\n");
}
END_TEST

/* ---- charsets ---- */

static const struct {
	const char *header, *body, *line, *type; /* of the address; NULL: it cannot come in */
} charsets[] = {
	{ CT "text/plain; charset=iso-8859-1\n" CTE "8bit\n", "\xfc\n", "Stra\xdf\x65 \"1\"",
	    NULL },
	{ CT "text/plain; charset=windows-1252\n" CTE "8bit\n", "\xfc\n",
	    "Stra\xdf\x65 \x93\x31\x94", NULL },
	{ PLAIN CTE "8bit\n", "\xc3\xbc\n", "Stra\xc3\x9f\x65 \xe2\x80\x9c\x31\xe2\x80\x9d",
	    NULL },
	/* all ASCII: UTF-8 from now on */
	{ CT "text/plain; charset=us-ascii\n", "x\n", "Stra=C3=9Fe =E2=80=9C1=E2=80=9D",
	    " text/plain; charset=utf-8" },
	{ CT "text/plain; charset=koi8-r\n" CTE "quoted-printable\n", "x\n",
	    "Stra=C3=9Fe =E2=80=9C1=E2=80=9D", " text/plain; charset=utf-8" },
	{ "", "x\n", "Stra=C3=9Fe =E2=80=9C1=E2=80=9D", " text/plain; charset=utf-8" },
	/* 8-bit octets nobody said a charset for, or of one that lacks the letter */
	{ CT "text/plain; charset=koi8-r\n" CTE "8bit\n", "\xf0\n", NULL, NULL },
	{ CT "text/plain; charset=iso-2022-jp\n", "\033$B$\"\033(B\n", NULL, NULL },
	/* HTML needs no letters */
	{ CT "text/html; charset=koi8-r\n" CTE "8bit\n", "\xf0", "Stra&#223;e &#8220;1&#8221;",
	    NULL },
	{ CT "text/html\n", "x", "Stra&#223;e &#8220;1&#8221;", NULL },
};

START_TEST(charset)
{
	static const char *const lines[] = { "Stra\xc3\x9f\x65 \xe2\x80\x9c\x31\xe2\x80\x9d",
		NULL };
	const struct footer_part *part;

	facts.address = lines;
	add(charsets[_i].header, charsets[_i].body, BIT(ADDRESS));
	part = &c->footer.at[0];
	if (charsets[_i].line == NULL) {
		ck_assert(!c->outcome.changed);
		ck_assert_str_eq(part->closed, "its charset lacks characters of the footer");
		return;
	}
	ck_assert_uint_eq(part->added, BIT(ADDRESS));
	ck_assert_msg(
	    strstr(buf_cstr(&c->out), charsets[_i].line) != NULL, "%s", buf_cstr(&c->out));
	ck_assert(span_eq(c->outcome.root_type,
	    span_cstr(charsets[_i].type != NULL ? charsets[_i].type : "")));
}
END_TEST

/* ---- HTML, to the octet, and escaped ---- */

START_TEST(escaped)
{
	static const char *const lines[] = { "A & B <c> \"d\" 'e'", NULL };

	facts.address = lines;
	facts.unsubscribe = SPAN("https://click.acme.example/u/T?a=1&b='2'");
	add(HTML, "x", BIT(ADDRESS) | BIT(WAY_OUT));
	ck_assert_ptr_nonnull(
	    strstr(buf_cstr(&c->out), "<p style=\"margin:0 0 8px\">A &amp; B &lt;c&gt; "
				      "&quot;d&quot; &#39;e&#39;</p>\r\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&c->out),
	    "<a href=\"https://click.acme.example/u/T?a=1&amp;b=&#39;2&#39;\""));
}
END_TEST

START_TEST(direction)
{
	facts.language = phrases_find(texts, SPAN("ar"));
	add(HTML, "x", BIT(NAME));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&c->out), "<div dir=\"rtl\""));
}
END_TEST

/* What is no URL, or has no words, is not known and comes nowhere. */
START_TEST(useless)
{
	static const char *const none[] = { NULL }, *const blank[] = { " ", "--", NULL };
	static const struct span urls[] = { SPAN(""), SPAN("javascript:x"), SPAN("/u/x"),
		SPAN("https://a.example/\"><b>"), SPAN("https://a.example/a b"),
		SPAN("https://a.example/\xc3\xbc") };

	facts.address = none;
	facts.imprint = blank;
	facts.contact = SPAN(" ");
	facts.name = SPAN("\xff");
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		facts.unsubscribe = facts.preferences = urls[i];
		ck_assert_uint_eq(footer_known(&facts), BIT(ADVERTISING));
	}
	facts.texts = NULL;
	ck_assert_uint_eq(footer_known(&facts), 0);
}
END_TEST

/* A footer is bounded: as long as it may be, and one more octet. */
START_TEST(bound)
{
	static char line[FOOTER_OCTETS_MAX + 1];
	static const char *lines[] = { line, NULL };
	struct buf out = BUF_INIT(1 << 20);
	size_t frame;

	facts.address = lines;
	line[0] = 'x';
	footer_write_html(&facts, BIT(ADDRESS), &out);
	frame = out.n - 1;
	memset(line, 'x', FOOTER_OCTETS_MAX - frame);
	add(HTML, "y", BIT(ADDRESS));
	ck_assert_uint_eq(c->footer.at[0].added, BIT(ADDRESS));
	teardown();
	setup();
	facts.address = lines;
	line[FOOTER_OCTETS_MAX - frame] = 'x';
	add(HTML, "y", BIT(ADDRESS));
	ck_assert_str_eq(c->footer.at[0].closed, "the footer is too long");
	buf_free(&out);
}
END_TEST

/* A part that could not be written after all has nothing added. */
START_TEST(not_written)
{
	const struct rewrite_limits limits = REWRITE_LIMITS_DEFAULT;

	ck_assert(mail_split(SPAN(HTML CTE "8bit\n\nx"), true, &mail));
	c->out.max = 1 << 24;
	c->headers = mail.headers;
	c->header_count = mail.header_count;
	c->body = mail.body;
	ck_assert_int_eq(footer_case_look(c, &facts, limits), ERR_OK);
	ck_assert_int_eq(footer_add(c->r, &facts, BIT(NAME), &c->footer), ERR_OK);
	ck_assert_uint_eq(c->footer.at[0].added, BIT(NAME));
	/* Nothing was carried out. */
	footer_settle(&c->footer, c->r);
	ck_assert_uint_eq(c->footer.at[0].added, 0);
	ck_assert_ptr_nonnull(c->footer.at[0].closed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("footer_add");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, place, 0, ARRAY_SIZE(places));
	tcase_add_loop_test(all, text, 0, ARRAY_SIZE(plain));
	tcase_add_loop_test(all, charset, 0, ARRAY_SIZE(charsets));
	tcase_add_test(all, whole_text);
	tcase_add_test(all, strange_lines);
	tcase_add_test(all, long_lines);
	tcase_add_test(all, escaped);
	tcase_add_test(all, direction);
	tcase_add_test(all, useless);
	tcase_add_test(all, bound);
	tcase_add_test(all, not_written);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
