/* test_transfer - quoted-printable and base64: what decodes, what is refused, and that an edit leaves
 * the encoded octets around it alone. */
#include <check.h>
#include <stdlib.h>

#include "transfer.h"

static struct arena *arena;

static void setup(void)
{
	arena = arena_new(1 << 24);
}

static void teardown(void)
{
	arena_free(&arena);
}

#define QP MIME_QUOTED_PRINTABLE
#define B6 MIME_BASE64

static const struct {
	enum mime_encoding encoding;
	const char *encoded;
	const char *decoded; /* NULL: ERR_SYNTAX */
} decoding[] = {
	{ MIME_IDENTITY, "a=3D\r\n", "a=3D\r\n" },
	{ QP, "", "" },
	{ QP, "a=3Db=3d", "a=b=" },
	{ QP, "a=\r\nb", "ab" },
	{ QP, "a=", "a" },
	{ QP, "=\r\n=\r\nx=\r\n", "x" },
	{ QP, "a b \r\nc", "a b \r\nc" },
	{ QP, "=C3=BC", "\xc3\xbc" },
	{ QP, "\xc3\xbc", "\xc3\xbc" },
	{ QP, "a=3", NULL },
	{ QP, "a=zz", NULL },
	{ QP, "a=3z", NULL },
	{ QP, "a= \r\nb", NULL }, /* a soft break for some */
	{ QP, "a=\nb", NULL },
	{ QP, "==3D", NULL },
	{ B6, "", "" },
	{ B6, "YQ==", "a" },
	{ B6, "YWI=", "ab" },
	{ B6, "YWJj", "abc" },
	{ B6, "YWJj\r\n", "abc" },
	{ B6, "YWJj\r\n\r\n", "abc" },
	{ B6, "YWJj\r\nZGVm\r\nZw==\r\n", "abcdefg" },
	{ B6, "+/+/", "\xfb\xff\xbf" },
	{ B6, "YQ", NULL },
	{ B6, "YQ=", NULL },
	{ B6, "Y===", NULL },
	{ B6, "====", NULL },
	{ B6, "YR==", NULL }, /* bits that are cut off */
	{ B6, "YWJ=", NULL },
	{ B6, "YQ==YQ==", NULL },
	{ B6, "YQ==\r\nYWJj", NULL },
	{ B6, "YWJj ZGVm", NULL },
	{ B6, "YWJj\r\n\r\nZGVm", NULL },
	{ B6, "YWJjZGVm\r\nZw==\r\nYWJjZGVm", NULL }, /* lines of two lengths */
	{ B6, "YWJjZGVm\r\nYWJjZGVmYWJj", NULL },
	{ B6, "\r\nYWJj", NULL },
	{ B6, "YW\xc3\xbc", NULL },
	{ B6, "YWJj\r", NULL },
};

START_TEST(decodes)
{
	struct span in = span_cstr(decoding[_i].encoded), out;
	enum err r = transfer_decode(arena, decoding[_i].encoding, in, &out);

	if (decoding[_i].decoded == NULL) {
		ck_assert_msg(r == ERR_SYNTAX, "%s", in.p);
		return;
	}
	ck_assert_msg(r == ERR_OK && span_eq(out, span_cstr(decoding[_i].decoded)), "%s", in.p);
}
END_TEST

/* base64 lines of RFC 5322's length, and one octet more. */
START_TEST(base64_line_bound)
{
	for (size_t line = 996; line <= 1000; line += 4) {
		struct buf in = BUF_INIT(4096);
		struct span out;

		for (size_t i = 0; i < line; i++)
			buf_add_char(&in, 'A');
		buf_add_cstr(&in, "\r\nAAAA");
		ck_assert_int_eq(
		    transfer_decode(arena, MIME_BASE64, buf_span(&in), &out) == ERR_OK,
		    line <= TRANSFER_LINE_MAX);
		buf_free(&in);
	}
}
END_TEST

#define A10 "aaaaaaaaaa"
#define A70 A10 A10 A10 A10 A10 A10 A10

static const struct {
	enum mime_encoding encoding;
	const char *encoded;
	size_t offset, length; /* decoded */
	const char *text;
	const char *result;
} edits[] = {
	{ MIME_IDENTITY, "abc", 1, 1, "xyz", "axyzc" },
	{ QP, "a=3Db", 1, 1, "x", "axb" },
	{ QP, "=41=42=43", 1, 1, "=", "=41=3D=43" },
	{ QP, "a=\r\nb=\r\nc", 1, 1, "x", "a=\r\nx=\r\nc" },
	{ QP, "a=\r\nb", 1, 0, "x", "ax=\r\nb" },
	{ QP, "a=\r\nb", 2, 0, "x", "a=\r\nbx" },
	{ QP, "a b\r\nc", 2, 1, "", "a =\r\n\r\nc" }, /* the blank is not the last */
	{ QP, "ab\r\nc", 2, 0, "x ", "abx=20\r\nc" },
	{ QP, "ab", 0, 0, ".", "=2Eab" },
	{ QP, "ab", 0, 0, "From ", "=46rom=20ab" }, /* whatever follows */
	{ QP, "ab", 1, 0, "\r\n-", "a\r\n=2Db" },
	{ QP, "-b", 0, 0, "\r\n", "\r\n=2Db" }, /* brought to the start of a line */
	{ QP, "ab", 1, 0, "\xc3\xbc\t", "a=C3=BC=09b" },
	{ QP, A70 "aaaaaa", 0, 1, "xy", "xy=\r\n" A70 "aaaaa" },
	{ QP, A70 "aaaaa", 0, 1, "xy", "xy" A70 "aaaa" },
	{ QP, A70 "aaaaa", 75, 0, "x", A70 "aaaaa=\r\nx" },
	{ QP, A70 "aaaa", 74, 0, "x", A70 "aaaax" },
	{ B6, "YWJjZGVm", 4, 1, "x", "YWJjZHhm" },
	{ B6, "YWJjZGVm\r\n", 3, 3, "", "YWJj\r\n" },
	{ B6, "YWJj\r\nZGVm\r\n", 6, 0, "ghi", "YWJj\r\nZGVm\r\nZ2hp\r\n" },
	{ B6, "YWJj\r\nZGVm\r\n", 3, 0, "ghi", "YWJj\r\nZ2hp\r\nZGVm\r\n" },
	{ B6, "YQ==", 1, 0, "b", "YWI=" },
	{ B6, "", 0, 0, "a", "YQ==" },
};

START_TEST(carries_edits)
{
	struct patch_list in = PATCH_LIST_INIT(arena), out = PATCH_LIST_INIT(arena);
	struct span encoded = span_cstr(edits[_i].encoded), decoded, again, want;
	struct buf whole = BUF_INIT(65536), changed = BUF_INIT(65536);

	ck_assert_int_eq(transfer_decode(arena, edits[_i].encoding, encoded, &decoded), ERR_OK);
	ck_assert_int_eq(
	    patch_add(&in, edits[_i].offset, edits[_i].length, span_cstr(edits[_i].text)),
	    ERR_OK);
	ck_assert_int_eq(patch_sort(&in, decoded.n), ERR_OK);
	/* base of 2: the part begins behind "--" */
	ck_assert_int_eq(
	    transfer_encode(arena, edits[_i].encoding, encoded, decoded, &in, 2, &out), ERR_OK);
	buf_add_cstr(&whole, "--");
	buf_add_span(&whole, encoded);
	ck_assert_int_eq(patch_apply(&out, buf_span(&whole), &changed), ERR_OK);
	ck_assert_str_eq(buf_cstr(&changed) + 2, edits[_i].result);
	/* and it decodes to the edited text */
	want = span_from(buf_span(&changed), 2);
	ck_assert_int_eq(transfer_decode(arena, edits[_i].encoding, want, &again), ERR_OK);
	buf_reset(&whole);
	ck_assert_int_eq(patch_apply(&in, decoded, &whole), ERR_OK);
	ck_assert(span_eq(again, buf_span(&whole)));
	buf_free(&whole);
	buf_free(&changed);
}
END_TEST

/* Edits everywhere in a text with all octets: it decodes to what was meant, in lines of 76. */
START_TEST(edits_everywhere)
{
	struct buf text = BUF_INIT(65536);
	struct span quoted;

	for (int i = 0; i < 600; i++)
		buf_add_char(&text, (char)(i * 7));
	ck_assert_int_eq(transfer_quote(arena, buf_span(&text), &quoted), ERR_OK);
	for (size_t at = 0; at + 3 <= text.n; at++) {
		struct patch_list in = PATCH_LIST_INIT(arena), out = PATCH_LIST_INIT(arena);
		struct buf changed = BUF_INIT(65536), want = BUF_INIT(65536);
		struct span again, rest, line;

		ck_assert_int_eq(patch_add(&in, at, at % 3, SPAN("=x \r\n.\xff")), ERR_OK);
		ck_assert_int_eq(patch_add(&in, at + 2, 1, SPAN("")), ERR_OK);
		ck_assert_int_eq(transfer_encode(arena, MIME_QUOTED_PRINTABLE, quoted,
				     buf_span(&text), &in, 0, &out),
		    ERR_OK);
		ck_assert_int_eq(patch_apply(&out, quoted, &changed), ERR_OK);
		ck_assert_int_eq(
		    transfer_decode(arena, MIME_QUOTED_PRINTABLE, buf_span(&changed), &again),
		    ERR_OK);
		ck_assert_int_eq(patch_apply(&in, buf_span(&text), &want), ERR_OK);
		ck_assert(span_eq(again, buf_span(&want)));
		rest = buf_span(&changed);
		while (span_next(&rest, '\n', &line))
			ck_assert_uint_le(line.n, TRANSFER_QP_LINE + 1);
		buf_free(&changed);
		buf_free(&want);
	}
	buf_free(&text);
}
END_TEST

static const struct {
	const char *text, *quoted;
} quoting[] = {
	{ "", "" },
	{ "a\r\nb", "a\r\nb" },
	{ "a \r\nb\t", "a=20\r\nb=09" },
	{ "a=b", "a=3Db" },
	{ "-- \r\n.\r\nFrom", "=2D-=20\r\n=2E\r\n=46rom" },
	{ "\x7f\xff", "=7F=FF" },
	{ A70 "aaaaa", A70 "aaaaa" },
	{ A70 "aaaaab", A70 "aaaaa=\r\nb" },
	{ A70 "aa\xff", A70 "aa=FF" },
	{ A70 "aaa\xff", A70 "aaa=\r\n=FF" },
};

START_TEST(quotes)
{
	struct span out;

	ck_assert_int_eq(transfer_quote(arena, span_cstr(quoting[_i].text), &out), ERR_OK);
	ck_assert_msg(span_eq(out, span_cstr(quoting[_i].quoted)), "%.*s", SPAN_ARG(out));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transfer");
	TCase *all = tcase_create("transfer");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, decodes, 0, ARRAY_SIZE(decoding));
	tcase_add_test(all, base64_line_bound);
	tcase_add_loop_test(all, carries_edits, 0, ARRAY_SIZE(edits));
	tcase_add_test(all, edits_everywhere);
	tcase_add_loop_test(all, quotes, 0, ARRAY_SIZE(quoting));
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
