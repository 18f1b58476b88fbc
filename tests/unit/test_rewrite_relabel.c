/* test_rewrite_relabel - plain text that is called UTF-8 because of what comes in. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "mail_split.h"
#include "rewrite.h"

#define CT    "Content-Type: "
#define CTE   "Content-Transfer-Encoding: "
#define HTML  CT "text/html\n"
#define PLAIN CT "text/plain\n"
#define MIXED CT "multipart/mixed; boundary=b\n\n"

static struct mail_split mail;
static struct rewrite *r;

static void teardown(void)
{
	rewrite_free(&r);
	mail_split_free(&mail);
}

static void scan(struct span text)
{
	const struct rewrite_options options = {
		.limits = REWRITE_LIMITS_DEFAULT, .html = true, .text = true, .convert = true
	};

	ck_assert(mail_split(text, true, &mail));
	ck_assert_int_eq(
	    rewrite_scan(mail.headers, mail.header_count, mail.body, &options, &r), ERR_OK);
}

/* A message, its new body, the root's new Content-Type. NULL: it cannot be. */
static const struct {
	const char *text, *result, *type;
} relabels[] = {
	{ "Subject: x\n\na\n", "a\r\n=C3=BC", " text/plain; charset=utf-8" },
	{ PLAIN "\na\n", "a\r\n=C3=BC", " text/plain; charset=utf-8" },
	{ CT "text/plain;\n\na\n", "a\r\n=C3=BC", " text/plain; charset=utf-8" },
	{ CT "text/plain; charset=us-ascii; format=flowed\n\na\n", "a\r\n=C3=BC",
	    " text/plain; charset=utf-8; format=flowed" },
	{ CT "text/plain;\n\tcharset = \"US-ASCII\" (c)\n" CTE "8bit\n\na\n", "a\r\n\xc3\xbc",
	    " text/plain;\n\tcharset = utf-8 (c)" },
	{ CT "text/plain; charset=koi8-r\n" CTE "base64\n\nYQ0K\n", "YQ0Kw7w=\r\n",
	    " text/plain; charset=utf-8" },
	{ CT "text/plain; charset=iso-2022-jp\n" CTE "quoted-printable\n\na\n", "a\r\n=C3=BC",
	    " text/plain; charset=utf-8" },
	{ MIXED "--b\n\na\n--b--\n",
	    "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
	    "quoted-printable\r\n\r\na=C3=BC\r\n--b--\r\n",
	    "" },
	{ MIXED "--b\nX: 1\n" CTE "7bit\ncontent-type:Text/Plain;  \n\na\n--b--\n",
	    "--b\r\nX: 1\r\n" CTE "quoted-printable\r\ncontent-type:Text/Plain; "
	    "charset=utf-8  \r\n\r\na=C3=BC\r\n--b--\r\n",
	    "" },
	{ MIXED "--b\n" CT "text/plain; charset=\"us-ascii\"; x=y\n\na\n--b--\n",
	    "--b\r\n" CT "text/plain; charset=utf-8; x=y\r\n" CTE
	    "quoted-printable\r\n\r\na=C3=BC\r\n--b--\r\n",
	    "" },
	/* octets that would mean something else, or do mean it */
	{ CT "text/plain; charset=iso-8859-1\n\n\xfc\n", NULL, "" },
	{ CT "text/plain; charset=us-ascii\n\n\xfc\n", NULL, "" },
	{ CT "text/plain; charset=shift_jis\n\na\\b\n", NULL, "" },
	{ CT "text/plain; charset=utf-7\n\na+AOk-\n", NULL, "" },
	{ CT "text/plain; charset=iso-2022-jp\n\n\033$B$\"\033(B\n", NULL, "" },
	{ CT "text/plain; charset*=us-ascii''us-ascii\n\na\n", NULL, "" },
	{ CT "text/plain; charset*0=us-; charset*1=ascii\n\na\n", NULL, "" },
	/* HTML needs no such thing */
	{ HTML "\na\n", NULL, "" },
	{ CT "text/calendar\n\na\n", NULL, "" },
};

START_TEST(relabel)
{
	struct buf out = BUF_INIT(65536);
	struct rewrite_outcome outcome;
	size_t part;

	scan(span_cstr(relabels[_i].text));
	part = r->part_count - 1;
	if (relabels[_i].result == NULL) {
		ck_assert_int_ne(rewrite_relabel(r, part), ERR_OK);
		goto out;
	}
	if (span_eq(r->parts[part].mime.charset, SPAN("koi8-r")))
		ck_assert_int_eq(rewrite_insert(r, part, 0, SPAN("\xc3\xbc")), ERR_NOTFOUND);
	ck_assert_int_eq(rewrite_relabel(r, part), ERR_OK);
	ck_assert_int_eq(
	    rewrite_insert(r, part, r->parts[part].body_end, SPAN("\xc3\xbc")), ERR_OK);
	ck_assert_int_eq(rewrite_relabel(r, part), ERR_ORDER);
	ck_assert_int_eq(rewrite_apply(r, &out, &outcome), ERR_OK);
	ck_assert(outcome.changed);
	ck_assert_str_eq(buf_cstr(&out), relabels[_i].result);
	ck_assert_msg(span_eq(outcome.root_type, span_cstr(relabels[_i].type)), "%.*s",
	    SPAN_ARG(outcome.root_type));
out:
	buf_free(&out);
}
END_TEST

/* Converted charsets tell at once that they lack a character. */
START_TEST(lacking)
{
	scan(SPAN(CT "text/plain; charset=iso-2022-jp\n\n\033$B$\"\033(B\n"));
	ck_assert_int_eq(rewrite_insert(r, 0, 0, SPAN("\xc3\xbc")), ERR_NOTFOUND);
	ck_assert_int_eq(rewrite_insert(r, 0, 0, SPAN("\xe3\x81\x82")), ERR_OK);
}
END_TEST

/* UTF-16 has octets that no line may hold. */
START_TEST(wide)
{
	struct buf out = BUF_INIT(65536);
	struct rewrite_outcome outcome;

	scan(SPAN(CT "text/plain; charset=utf-16le\n" CTE "8bit\n\na\0"));
	ck_assert_int_eq(rewrite_insert(r, 0, r->parts[0].body_end, SPAN("\r\nb")), ERR_OK);
	ck_assert_int_eq(rewrite_apply(r, &out, &outcome), ERR_OK);
	ck_assert(outcome.changed && outcome.root_quoted);
	ck_assert_str_eq(buf_cstr(&out), "a=00=0D=00=0A=00b=00");
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rewrite_relabel");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, NULL, teardown);
	tcase_add_loop_test(all, relabel, 0, ARRAY_SIZE(relabels));
	tcase_add_test(all, lacking);
	tcase_add_test(all, wide);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
