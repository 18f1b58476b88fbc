/* test_mime - the parts of messages, and why some are left alone. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "mail_split.h"
#include "mime.h"

static struct arena *arena;
static struct mail_split mail;
static struct mime_part *parts;
static size_t count;

static void setup(void)
{
	arena = arena_new(1 << 26);
}

static void teardown(void)
{
	arena_free(&arena);
	mail_split_free(&mail);
}

static void scan(struct span text)
{
	mail_split_free(&mail);
	ck_assert(mail_split(text, true, &mail));
	ck_assert_int_eq(
	    mime_scan(arena, mail.headers, mail.header_count, mail.body, &parts, &count),
	    ERR_OK);
	ck_assert_uint_gt(count, 0);
}

#define CT   "Content-Type: "
#define CTE  "Content-Transfer-Encoding: "
#define CD   "Content-Disposition: "
#define HTML CT "text/html\n"

/* One part: its field values. */
static const struct {
	const char *fields;
	enum mime_skip skip;
	const char *type, *charset;
} single[] = {
	{ "", MIME_EDITABLE, "text/plain", "" },
	{ HTML, MIME_EDITABLE, "text/html", "" },
	{ CT "TEXT/HTML;charset=UTF-8\n", MIME_EDITABLE, "text/html", "utf-8" },
	{ CT "text/html; charset=\"utf-8\"\n", MIME_EDITABLE, "text/html", "utf-8" },
	{ CT "text/html; charset=\"utf\\-8\"\n", MIME_EDITABLE, "text/html", "utf-8" },
	{ CT "text/html; charset*=us-ascii'en'utf%2D8\n", MIME_EDITABLE, "text/html", "utf-8" },
	{ CT "text/html; charset*0=ut; charset*1=f-8\n", MIME_EDITABLE, "text/html", "utf-8" },
	{ CT "text/html; charset*1=f-8; charset*0=ut\n", MIME_EDITABLE, "text/html", "utf-8" },
	{ CT "text/html (a (b) c);\n charset=utf-8 (d)\n", MIME_EDITABLE, "text/html",
	    "utf-8" },
	{ CT "text/html;\n", MIME_EDITABLE, "text/html", "" },
	{ CT "text/html;; charset=utf-8;\n", MIME_EDITABLE, "text/html", "utf-8" },
	/* which types */
	{ CT "text/calendar\n", MIME_OTHER_TYPE, "text/calendar", "" },
	{ CT "text/x-amp-html\n", MIME_OTHER_TYPE, "text/x-amp-html", "" },
	{ CT "text/vcard\n", MIME_OTHER_TYPE, "text/vcard", "" },
	{ CT "image/svg+xml\n", MIME_OTHER_TYPE, "image/svg+xml", "" },
	{ CT "application/pkcs7-mime; smime-type=signed-data\n", MIME_SIGNED,
	    "application/pkcs7-mime", "" },
	{ CT "application/x-pkcs7-mime\n", MIME_SIGNED, "application/x-pkcs7-mime", "" },
	{ CT "multipart/signed; boundary=b\n", MIME_SIGNED, "multipart/signed", "" },
	{ CT "multipart/encrypted; boundary=b\n", MIME_ENCRYPTED, "multipart/encrypted", "" },
	{ CT "multipart/report; boundary=b\n", MIME_REPORT, "multipart/report", "" },
	{ CT "message/rfc822\n", MIME_MESSAGE, "message/rfc822", "" },
	{ CT "message/global\n", MIME_MESSAGE, "message/global", "" },
	/* malformed */
	{ CT "\n", MIME_BAD_PARAMETER, "", "" },
	{ CT "text\n", MIME_BAD_PARAMETER, "", "" },
	{ CT "text/\n", MIME_BAD_PARAMETER, "", "" },
	{ CT "/html\n", MIME_BAD_PARAMETER, "", "" },
	{ CT "text/html x\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset=\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset=a; charset=a\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset=a; CHARSET*=b''a\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset*1=a\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset*0=a; charset*00=b\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset*0=a; charset*2=b\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset*=utf-8\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset*=a''%4\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset=\"a\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html; charset=\"a\\\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ CT "text/html (a\n", MIME_BAD_PARAMETER, "text/html", "" },
	{ HTML HTML, MIME_TWICE, "text/plain", "" },
	{ HTML CTE "7bit\n" CTE "7bit\n", MIME_TWICE, "text/plain", "" },
	{ HTML CD "inline\n" CD "inline\n", MIME_TWICE, "text/plain", "" },
	/* transfer encoding */
	{ HTML CTE "7bit\n", MIME_EDITABLE, "text/html", "" },
	{ HTML CTE "Quoted-Printable (x)\n", MIME_EDITABLE, "text/html", "" },
	{ HTML CTE "x-uuencode\n", MIME_UNKNOWN_ENCODING, "text/html", "" },
	{ HTML CTE "base64 7bit\n", MIME_UNKNOWN_ENCODING, "text/html", "" },
	{ HTML CTE "\n", MIME_UNKNOWN_ENCODING, "text/html", "" },
	/* disposition */
	{ HTML CD "inline\n", MIME_EDITABLE, "text/html", "" },
	{ HTML CD "INLINE; filename=x\n", MIME_EDITABLE, "text/html", "" },
	{ HTML CD "attachment\n", MIME_ATTACHMENT, "text/html", "" },
	{ HTML CD "x-other\n", MIME_ATTACHMENT, "text/html", "" },
	{ HTML CD "\n", MIME_BAD_PARAMETER, "text/html", "" },
	/* multiparts that cannot be entered */
	{ CT "multipart/mixed\n", MIME_BAD_BOUNDARY, "multipart/mixed", "" },
	{ CT "multipart/mixed; boundary=\"\"\n", MIME_BAD_BOUNDARY, "multipart/mixed", "" },
	{ CT "multipart/mixed; boundary=\"b \"\n", MIME_BAD_BOUNDARY, "multipart/mixed", "" },
	{ CT "multipart/mixed; boundary=\"\xc3\xbc\"\n", MIME_BAD_BOUNDARY, "multipart/mixed",
	    "" },
	{ CT "multipart/mixed; boundary=b\n" CTE "base64\n", MIME_ENCODED_MULTIPART,
	    "multipart/mixed", "" },
	{ CT "multipart/mixed; boundary=b\n", MIME_BAD_BOUNDARY, "multipart/mixed", "" },
};

START_TEST(one_part)
{
	struct buf text = BUF_INIT(4096);

	buf_printf(&text, "%s\nx\n", single[_i].fields);
	scan(buf_span(&text));
	ck_assert_uint_eq(count, 1);
	ck_assert_msg(parts[0].skip == single[_i].skip, "%s: %s", single[_i].fields,
	    mime_skip_text(parts[0].skip));
	ck_assert_msg(
	    span_eq(parts[0].type, span_cstr(single[_i].type)), "%s", single[_i].fields);
	ck_assert(span_eq(parts[0].charset, span_cstr(single[_i].charset)));
	ck_assert(parts[0].content == 0 && parts[0].end == mail.body.n);
	buf_free(&text);
}
END_TEST

START_TEST(what_fields_tell)
{
	scan(SPAN(CT "text/plain; format=Flowed; delsp=YES\n" CTE "8BIT\n\nx\n"));
	ck_assert(parts[0].flowed && parts[0].delsp && parts[0].eight_bit);
	ck_assert_int_eq(parts[0].encoding, MIME_IDENTITY);
	scan(SPAN(CTE "base64\n\nYQ==\n"));
	ck_assert_int_eq(parts[0].encoding, MIME_BASE64);
	ck_assert(!parts[0].eight_bit && !parts[0].flowed && !parts[0].delsp);
}
END_TEST

#define MIXED(b) CT "multipart/mixed; boundary=" b "\n\n"

/* Parts as "content|content", each with '!' and the reason when it is left alone; a multipart is
 * "*". */
static const struct {
	const char *text;
	const char *parts;
} structures[] = {
	{ MIXED("b") "pre\n--b\n\none\n--b\n\ntwo\n--b--\nepi\n", "*|one|two" },
	{ MIXED("b") "--b\n\none\n--b\n\ntwo\n", "*|one|two\r\n" },
	{ MIXED("b") "--b \t\n\none\n--b--  \n", "*|one" },
	{ MIXED("b") "--b\n\none\n\n--b--\n", "*|one\r\n" },
	{ MIXED("b") "--b\n\n--b--\n", "*|" },
	{ MIXED("b") "--b\n\n\n--b--\n", "*|" },
	{ MIXED("b") "--b\n" HTML "\none\n-- b\n--B\n --b\n--b--\n",
	    "*|one\r\n-- b\r\n--B\r\n --b" },
	{ MIXED("\"a b\"") "--a b\n\none\n--a b--\n", "*|one" },
	{ MIXED("o") "--o\n" MIXED("i") "--i\n\none\n--i--\n--o\n\ntwo\n--o--\n",
	    "*|*|one|two" },
	{ MIXED("o") "--o\n" MIXED("i") "--i\n\none\n--o\n\ntwo\n--o--\n", "*|*|one|two" },
	{ CT "multipart/digest; boundary=b\n\n--b\n\nA: b\n\nx\n--b--\n",
	    "*|A: b\r\n\r\nx!an enclosed message" },
	{ MIXED("b") "--b\n" CT "multipart/signed; boundary=i\n\n--i\n" HTML
		     "\nx\n--i--\n--b\n\ny\n--b--\n",
	    "*|--i\r\nContent-Type: text/html\r\n\r\nx\r\n--i--!signed|y" },
	/* not all read these alike */
	{ MIXED("b") "no delimiter\n", "*!missing or ambiguous boundary" },
	{ MIXED("b") "--b\n\none\n--bc\n--b--\n",
	    "*!missing or ambiguous boundary|one\r\n--bc!missing or ambiguous boundary" },
	{ MIXED("b") "--b\n\none\n--b--\n--b\n\ntwo\n--b--\n",
	    "*!missing or ambiguous boundary|one!missing or ambiguous boundary|"
	    "two!missing or ambiguous boundary" },
	{ MIXED("b") "--b\n" MIXED("b") "--b\n\none\n--b--\n",
	    "*!missing or ambiguous boundary|*!missing or ambiguous boundary|"
	    "one!missing or ambiguous boundary" },
	{ MIXED("b") "--b\nno field\n\none\n--b--\n", "*|one!malformed header of a part" },
	{ MIXED("b") "--b\n folded\n\none\n--b--\n", "*|one!malformed header of a part" },
	{ MIXED("b") "--b\nA: b\n \n\none\n--b--\n", "*|one!malformed header of a part" },
	{ MIXED("b") "--b\nA : b\n\none\n--b--\n", "*|one!malformed header of a part" },
	{ MIXED("b") "--b\nA: b\n--b\n\none\n--b--\n", "*|!malformed header of a part|one" },
	{ MIXED("b") "--b\nA: b", "*|!malformed header of a part" },
	{ MIXED("b") "--b\n" HTML HTML "\none\n--b\n\ntwo\n--b--\n",
	    "*|one!a Content- field given twice|two" },
};

START_TEST(structure)
{
	struct buf got = BUF_INIT(65536);

	scan(span_cstr(structures[_i].text));
	for (size_t i = 0; i < count; i++) {
		const struct mime_part *p = &parts[i];

		if (i > 0)
			buf_add_char(&got, '|');
		if (p->boundary.p != NULL)
			buf_add_char(&got, '*');
		else
			buf_add(&got, mail.body.p + p->content, p->end - p->content);
		if (p->skip != MIME_EDITABLE)
			buf_printf(&got, "!%s", mime_skip_text(p->skip));
	}
	ck_assert_str_eq(buf_cstr(&got), structures[_i].parts);
	buf_free(&got);
}
END_TEST

START_TEST(bare_line_ends)
{
	static const struct {
		struct span body;
		bool bad;
	} bodies[] = {
		{ SPAN("a\r\nb\r\n"), false },
		{ SPAN("a\r\nb"), false },
		{ SPAN(""), false },
		{ SPAN("a\nb\r\n"), true },
		{ SPAN("a\rb\r\n"), true },
		{ SPAN("a\r\r\n"), true },
		{ SPAN("a\r\n\n"), true },
		{ SPAN("a\r"), true },
		{ SPAN("\n"), true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		ck_assert_int_eq(
		    mime_scan(arena, NULL, 0, bodies[i].body, &parts, &count), ERR_OK);
		ck_assert_int_eq(parts[0].skip, bodies[i].bad ? MIME_LINE_ENDS : MIME_EDITABLE);
	}
}
END_TEST

START_TEST(place_of_encoding)
{
	scan(SPAN(MIXED("b") "--b\n" CTE " 7bit \nA: b\n\none\n--b\n\ntwo\n--b--\n"));
	ck_assert(span_eq(span_make(mail.body.p + parts[1].encoding_value,
			      parts[1].encoding_value_end - parts[1].encoding_value),
	    SPAN("7bit")));
	ck_assert(parts[2].encoding_value == 0 && parts[2].encoding_value_end == 0);
}
END_TEST

/* ---- bounds: at n, and at n + 1 ---- */

static void repeat(struct buf *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_cstr(out, text);
}

static void nested(struct buf *out, size_t depth)
{
	buf_reset(out);
	for (size_t i = 0; i < depth; i++)
		buf_printf(out, MIXED("n%03zu") "--n%03zu\n", i, i);
	buf_add_cstr(out, "\nx\n");
}

static void many(struct buf *out, size_t leaves)
{
	buf_reset(out);
	buf_add_cstr(out, MIXED("b"));
	repeat(out, "--b\n\nx\n", leaves);
	buf_add_cstr(out, "--b--\n");
}

/* A part with n filling fields in front of its end. */
static void with_fields(struct buf *out, size_t n)
{
	buf_reset(out);
	buf_add_cstr(out, MIXED("b") "--b\n");
	repeat(out, "X: y\n", n);
	buf_add_cstr(out, "\nx\n--b--\n");
}

/* A field of n octets, without its colon and line ends. */
static void with_field(struct buf *out, size_t n)
{
	buf_reset(out);
	buf_add_cstr(out, MIXED("b") "--b\nX:");
	repeat(out, "y", n - 1);
	buf_add_cstr(out, "\n\nx\n--b--\n");
}

/* A header block of n octets with CRLFs, without the empty line. */
static void with_block(struct buf *out, size_t n)
{
	const size_t line = 32768;

	buf_reset(out);
	buf_add_cstr(out, MIXED("b") "--b\n");
	for (; n > line + 4; n -= line) {
		buf_add_cstr(out, "X:");
		repeat(out, "y", line - 4);
		buf_add_cstr(out, "\n");
	}
	buf_add_cstr(out, "X:");
	repeat(out, "y", n - 4);
	buf_add_cstr(out, "\n\nx\n--b--\n");
}

static void with_boundary(struct buf *out, size_t n)
{
	buf_reset(out);
	buf_add_cstr(out, CT "multipart/mixed; boundary=");
	repeat(out, "b", n);
	buf_add_cstr(out, "\n\n--");
	repeat(out, "b", n);
	buf_add_cstr(out, "\n\nx\n");
}

static void with_parameters(struct buf *out, size_t n)
{
	buf_reset(out);
	buf_add_cstr(out, CT "multipart/mixed");
	for (size_t i = 1; i < n; i++)
		buf_printf(out, "; p%zu=x", i);
	buf_add_cstr(out, "; boundary=b\n\n--b\n\nx\n");
}

static const struct {
	void (*make)(struct buf *out, size_t n);
	size_t bound;
	enum mime_skip skip; /* of the last part, when over it */
} bounds[] = {
	{ nested, MIME_DEPTH_MAX, MIME_TOO_DEEP },
	{ many, MIME_PARTS_MAX - 1, MIME_TOO_MANY_PARTS },
	{ with_fields, MIME_HEADERS_MAX, MIME_HEADERS_TOO_BIG },
	{ with_field, MIME_HEADER_MAX, MIME_HEADERS_TOO_BIG },
	{ with_block, MIME_HEADER_BLOCK_MAX, MIME_HEADERS_TOO_BIG },
	{ with_boundary, MIME_BOUNDARY_MAX, MIME_BAD_BOUNDARY },
	{ with_parameters, MIME_PARAMETERS_MAX, MIME_HEADERS_TOO_BIG },
};

START_TEST(bound)
{
	struct buf text = BUF_INIT(1 << 22);

	bounds[_i].make(&text, bounds[_i].bound);
	scan(buf_span(&text));
	ck_assert_uint_gt(count, 1);
	ck_assert_int_eq(parts[count - 1].skip, MIME_EDITABLE);
	bounds[_i].make(&text, bounds[_i].bound + 1);
	scan(buf_span(&text));
	ck_assert_msg(parts[count - 1].skip == bounds[_i].skip, "%s",
	    mime_skip_text(parts[count - 1].skip));
	buf_free(&text);
}
END_TEST

START_TEST(texts)
{
	for (int i = 0; i < MIME_SKIP_COUNT; i++) {
		ck_assert_str_ne(mime_skip_text((enum mime_skip)i), "unknown");
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(mime_skip_text((enum mime_skip)i),
			    mime_skip_text((enum mime_skip)k));
	}
	ck_assert_str_eq(mime_skip_text(MIME_SKIP_COUNT), "unknown");
	ck_assert(!mime_skip_is_trouble(MIME_ATTACHMENT));
	ck_assert(mime_skip_is_trouble(MIME_TWICE));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mime");
	TCase *all = tcase_create("mime");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, one_part, 0, ARRAY_SIZE(single));
	tcase_add_test(all, what_fields_tell);
	tcase_add_loop_test(all, structure, 0, ARRAY_SIZE(structures));
	tcase_add_test(all, bare_line_ends);
	tcase_add_test(all, place_of_encoding);
	tcase_add_loop_test(all, bound, 0, ARRAY_SIZE(bounds));
	tcase_add_test(all, texts);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
