/* test_footer - what a message says of its sender, what is added, and where. */
#include <check.h>
#include <stdlib.h>

#include "footer_case.h"

#define CT    "Content-Type: "
#define CTE   "Content-Transfer-Encoding: "
#define HTML  CT "text/html; charset=utf-8\n"
#define PLAIN CT "text/plain; charset=utf-8\n"
#define MIXED CT "multipart/mixed; boundary=b\n\n"
#define ALT   CT "multipart/alternative; boundary=b\n\n"

#define OUT  FOOTER_CASE_OUT
#define PREF FOOTER_CASE_PREFERENCES

static struct phrases *texts;
static struct footer_facts facts;
static struct mail_split mail;
static struct footer_case *c;

#define ALL_ITEMS FOOTER_CASE_ALL
#define BIT(name) FOOTER_BIT(FOOTER_##name)

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

static void look(struct span text)
{
	const struct rewrite_limits limits = REWRITE_LIMITS_DEFAULT;

	ck_assert(mail_split(text, true, &mail));
	footer_case_close(c);
	memset(c, 0, sizeof *c);
	c->out.max = 1 << 24;
	c->headers = mail.headers;
	c->header_count = mail.header_count;
	c->body = mail.body;
	ck_assert_int_eq(footer_case_look(c, &facts, limits), ERR_OK);
}

/* A second pass over what came out finds all and changes nothing. */
static void again(unsigned items)
{
	const struct rewrite_limits limits = REWRITE_LIMITS_DEFAULT;
	struct footer_case *next = calloc(1, sizeof *next);

	next->out.max = 1 << 24;
	next->headers = c->final;
	next->header_count = c->final_count;
	next->body = c->final_body;
	ck_assert_int_eq(footer_case_look(next, &facts, limits), ERR_OK);
	ck_assert_uint_eq(next->footer.count, c->footer.count);
	for (size_t i = 0; i < c->footer.count; i++) {
		const struct footer_part *a = &c->footer.at[i], *b = &next->footer.at[i];

		ck_assert_msg((b->found & (a->found | a->added)) == (a->found | a->added),
		    "part %zu: %x and %x, again %x", i, a->found, a->added, b->found);
	}
	ck_assert_int_eq(footer_case_add(next, &facts, items), ERR_OK);
	ck_assert(!next->outcome.changed);
	footer_case_close(next);
	free(next);
}

static void add(unsigned items)
{
	ck_assert_int_eq(footer_case_add(c, &facts, items), ERR_OK);
	again(items);
}

/* ---- what is there ---- */

static const struct {
	const char *header, *body;
	unsigned found;
} found[] = {
	{ HTML, "<p>Hello", 0 },
	{ PLAIN, "Hello", 0 },
	/* address and name: blanks, tags, references, case, punctuation */
	{ HTML, "Acme GmbH<br>Hauptstra&szlig;e 1<br>12345 Berlin", BIT(NAME) | BIT(ADDRESS) },
	{ HTML, "<td>ACME&nbsp;GMBH</td><td>haupt<b>strasse</b>\n 1</td><td>12345 Berlin</td>",
	    BIT(NAME) | BIT(ADDRESS) },
	{ HTML, "&#65;cme GmbH &middot; Hauptstra\xc3\x9f\x65 1, 12345 BERLIN.",
	    BIT(NAME) | BIT(ADDRESS) },
	{ PLAIN, "Acme GmbH | Hauptstra\xc3\x9f\x65 1\n  12345 Berlin\n",
	    BIT(NAME) | BIT(ADDRESS) },
	{ PLAIN, "> Acme GmbH, Hauptstra\xc3\x9f\x65 1, 12345 Berlin\n", 0 },
	{ PLAIN, "Acme GmbH, Hauptstra\xc3\x9f\x65 11, 12345 Berlin\n", BIT(NAME) },
	{ PLAIN, "Acme GmbH, 12345 Berlin, Hauptstra\xc3\x9f\x65 1\n", BIT(NAME) },
	{ PLAIN, "Acmes\n", 0 },
	/* not what nobody sees */
	{ HTML, "<!-- Acme --><title>Acme</title><img alt=Acme><style>Acme{}</style>x", 0 },
	{ HTML, "<div style='display:none'>Acme</div>x", 0 },
	{ HTML, "<script>Acme</script><a href=x title='Acme'>x</a>", 0 },
	/* charsets */
	{ CT "text/html; charset=iso-8859-1\n", "Acme GmbH, Hauptstra\xdf\x65 1, 12345 Berlin",
	    BIT(NAME) | BIT(ADDRESS) },
	{ CT "text/html; charset=windows-1252\n" CTE "quoted-printable\n",
	    "Acme GmbH, Haupts=\ntra=DFe 1 =B7 12345 Berlin", BIT(NAME) | BIT(ADDRESS) },
	{ CT "text/plain; charset=utf-16le\n" CTE "base64\n", "QQBjAG0AZQA=\n", BIT(NAME) },
	{ CT "text/html; charset=iso-2022-jp\n", "\033$B$\"\033(BAcme", 0 },
	{ CT "text/html; charset=iso-2022-jp\n", "\033$B$\"\033(B Acme", BIT(NAME) },
	{ CT "text/html; charset=koi8-r\n", "\xf0\xf2\xe9 Acme", BIT(NAME) },
	/* ways out: known URLs, words in URL or text; http, https, mailto */
	{ HTML, "<a href='" OUT "'>x</a>", BIT(WAY_OUT) },
	{ HTML, "<a href='https://CLICK.acme.example/u/OTHER'>x</a>", BIT(WAY_OUT) },
	{ HTML, "<a href='https://click.acme.example/c/TOKEN'>x</a>", 0 },
	{ HTML, "<a href='https://evil.example/u/TOKEN'>x</a>", 0 },
	{ HTML, "<a href='https://other.example/leave?7'>x</a>", BIT(WAY_OUT) },
	{ HTML, "<a href='https://other.example/leave?8'>x</a>", 0 },
	{ HTML, "<a href='https://a.example/unsubscribe?1'>x</a>", BIT(WAY_OUT) },
	{ HTML, "<a href='http://a.example/1'><b>Un</b>subscribe</a>", BIT(WAY_OUT) },
	{ HTML, "<a href='http://a.example/1'>hier abmelden</a>", BIT(WAY_OUT) },
	{ HTML, "<a href='mailto:unsubscribe@a.example'>write</a>", BIT(WAY_OUT) },
	{ HTML, "<a href='" PREF "'>x</a>", BIT(WAY_OUT) | BIT(PREFERENCES) },
	{ HTML, "<map><area href='" OUT "'></map>", BIT(WAY_OUT) },
	{ HTML, "<a href='" OUT "'><img src=x></a>", BIT(WAY_OUT) },
	/* none: not seen, not there, leads nowhere */
	{ HTML, "<a href='" OUT "'></a><a href='" OUT "'> <b></b></a>", 0 },
	{ HTML, "<p hidden><a href='" OUT "'>x</a></p>", 0 },
	{ HTML, "<!-- <a href='" OUT "'>x</a> -->", 0 },
	{ HTML, "<a href='#unsubscribe'>unsubscribe</a>", 0 },
	{ HTML, "<a href='{{unsubscribe}}'>unsubscribe</a>", 0 },
	{ HTML, "<a href='https://a.example/{{unsubscribe}}'>unsubscribe</a>", 0 },
	{ HTML, "<a href='javascript:unsubscribe()'>unsubscribe</a>", 0 },
	{ HTML, "<a name=x>unsubscribe</a>", 0 },
	{ HTML, "unsubscribe at " OUT, 0 },
	{ PLAIN, "unsubscribe\n", 0 },
	{ PLAIN, "see " OUT "\n", BIT(WAY_OUT) },
	{ PLAIN, "> " OUT "\n", 0 },
	{ PLAIN, "x\n-- \n" OUT "\n-- \n", BIT(WAY_OUT) },
	{ PLAIN, "To unsubscribe: https://a.example/1\n", BIT(WAY_OUT) },
	{ PLAIN, "To unsubscribe:\n\n  https://a.example/1\n", BIT(WAY_OUT) },
	{ PLAIN, "unsubscribe\nx\nhttps://a.example/1\n", 0 },
	{ PLAIN, "https://a.example/1\nunsubscribe\n", 0 },
	{ CT "text/plain; charset=iso-8859-1\n", "Se d\xe9sabonner: https://a.example/1\n",
	    BIT(WAY_OUT) },
	{ PLAIN, "Darse de baja: https://a.example/1\n", BIT(WAY_OUT) },
	/* contact, imprint, advertisement in any language */
	{ HTML, "<a href='mailto:Info@acme.example?subject=x'>write</a>", BIT(CONTACT) },
	{ PLAIN, "write to info@acme.example.\n", BIT(CONTACT) },
	{ HTML, "HRB 4711 <a href='https://acme.example/imprint'>x</a>", BIT(IMPRINT) },
	{ HTML, "HRB 4711", 0 },
	{ HTML, "<a href='https://acme.example/imprint'>x</a>", 0 },
	{ PLAIN, "hrb 4711, https://acme.example/imprint\n", BIT(IMPRINT) },
	{ PLAIN, "(this is an ADVERTISEMENT)\n", BIT(ADVERTISING) },
	{ HTML, "Dies ist <i>Werbung</i>", BIT(ADVERTISING) },
	/* format=flowed: words over line ends */
	{ CT "text/plain; charset=utf-8; format=flowed; delsp=yes\n",
	    "Acme GmbH, Haupt \nstrasse 1 12345  \n Berlin\n", BIT(NAME) | BIT(ADDRESS) },
};

START_TEST(recognised)
{
	struct buf text = BUF_INIT(65536);

	buf_printf(&text, "%s\n%s", found[_i].header, found[_i].body);
	look(buf_span(&text));
	ck_assert_uint_eq(c->footer.count, 1);
	ck_assert_msg(
	    c->footer.at[0].unread == NULL, "%s: %s", found[_i].body, c->footer.at[0].unread);
	ck_assert_msg(c->footer.at[0].found == found[_i].found, "%s: %x", found[_i].body,
	    c->footer.at[0].found);
	buf_free(&text);
}
END_TEST

/* ---- which parts ---- */

/* "number" of each part that counts, '!' behind one that is not read. */
static const struct {
	const char *text, *parts;
} chosen[] = {
	{ PLAIN "\nx", "0" },
	{ "\nx", "0" },
	{ CT "image/png\n\nx", "" },
	{ CT "text/calendar\n\nx", "" },
	{ HTML "Content-Disposition: attachment\n\nx", "" },
	{ ALT "--b\n" PLAIN "\nx\n--b\n" HTML "\ny\n--b--\n", "1 2" },
	/* an empty alternative has nothing to say, unless all are */
	{ ALT "--b\n" PLAIN "\n \n--b\n" HTML "\ny\n--b--\n", "2" },
	{ ALT "--b\n" PLAIN "\n \n--b\n" HTML "\n\n--b--\n", "1 2" },
	{ MIXED "--b\n" PLAIN "\nx\n--b\n" HTML "\ny\n--b--\n", "1" },
	{ MIXED "--b\n" CT "image/png\n\nx\n--b\n" HTML "\ny\n--b\n" PLAIN "\nx\n--b--\n",
	    "2" },
	{ MIXED "--b\n" HTML "Content-Disposition: attachment\n\nx\n--b\n" PLAIN "\nx\n--b--\n",
	    "2" },
	{ MIXED "--b\n" CT "message/rfc822\n\n" HTML "\ny\n--b\n" PLAIN "\nx\n--b--\n", "2" },
	{ MIXED "--b\n" CT "multipart/alternative; boundary=c\n\n--c\n" PLAIN "\nx\n--c\n" CT
		"multipart/related; boundary=d\n\n--d\n" HTML "\ny\n--d\n" CT
		"image/png\n\nz\n--d\n" HTML "\nq\n--d--\n--c--\n--b\n" PLAIN "\nx\n--b--\n",
	    "2 4" },
	/* what is signed or encrypted */
	{ CT "multipart/signed; boundary=s\n\n--s\n" HTML "\nx\n--s--\n", "0!" },
	{ CT "multipart/encrypted; boundary=s\n\n--s\n" HTML "\nx\n--s--\n", "0!" },
	{ CT "application/pkcs7-mime\n\nx", "0!" },
	{ CT "application/pkcs7-mime\nContent-Disposition: attachment\n\nx", "0!" },
	{ PLAIN "\n-----BEGIN PGP MESSAGE-----\nx", "0!" },
	{ MIXED "--b\n" CT "multipart/signed; boundary=s\n\n--s\n" HTML
		"\nx\n--s--\n--b\n" PLAIN "\nx\n--b--\n",
	    "1!" },
	/* what is not readable */
	{ CT "text/html; charset=x-nosuch\n\nx", "0!" },
	{ HTML CTE "base64\n\n!!!", "0!" },
	{ CT "multipart/mixed\n\nx", "0!" },
	{ MIXED "--b\n\nx\n--bc\n\ny\n--b--\n", "0!" },
	{ CT "text/plain; charset=iso-2022-jp\n\n\033$B\377\377", "0!" },
};

START_TEST(parts)
{
	struct buf text = BUF_INIT(4096);

	look(span_cstr(chosen[_i].text));
	for (size_t i = 0; i < c->footer.count; i++)
		buf_printf(&text, "%s%zu%s", i > 0 ? " " : "", c->footer.at[i].part,
		    c->footer.at[i].unread != NULL ? "!" : "");
	ck_assert_msg(strcmp(buf_cstr(&text), chosen[_i].parts) == 0, "%s: %s", chosen[_i].text,
	    buf_cstr(&text));
	buf_free(&text);
	add(ALL_ITEMS);
}
END_TEST

/* ---- rules ---- */

static enum footer_state ask(enum footer_rule rule, enum law law)
{
	return footer_ask(&c->footer, rule, law_row(law)->demands, c->r).state;
}

START_TEST(rules)
{
	look(SPAN(ALT "--b\n" PLAIN "\nAcme\n--b\n" HTML "\ny\n--b--\n"));
	for (unsigned i = 0; i < FOOTER_RULES; i++) {
		struct footer_answer a = footer_ask(
		    &c->footer, (enum footer_rule)i, law_row(LAW_STRICT)->demands, c->r);

		ck_assert_int_eq(a.state, i == FOOTER_F04 ? FOOTER_NOT_ASKED : FOOTER_MISSING);
		ck_assert((a.why != NULL) == (i != FOOTER_F04));
	}
	/* each by its law */
	ck_assert_int_eq(ask(FOOTER_F01, LAW_EU), FOOTER_NOT_ASKED);
	ck_assert_int_eq(ask(FOOTER_F01, LAW_CASL), FOOTER_MISSING);
	ck_assert_int_eq(ask(FOOTER_F03, LAW_CAN_SPAM), FOOTER_NOT_ASKED);
	ck_assert_int_eq(ask(FOOTER_F05, LAW_CAN_SPAM), FOOTER_NOT_ASKED);
	ck_assert_int_eq(ask(FOOTER_F05, LAW_EU), FOOTER_MISSING);
	c->footer.unasked = true;
	ck_assert_int_eq(ask(FOOTER_F04, LAW_CAN_SPAM), FOOTER_MISSING);
	ck_assert_int_eq(ask(FOOTER_F04, LAW_PECR), FOOTER_NOT_ASKED);
	/* only what is asked for comes in, in both parts */
	add(footer_items(FOOTER_F01, law_row(LAW_CAN_SPAM)->demands));
	ck_assert_uint_eq(c->footer.at[0].added, BIT(ADDRESS));
	ck_assert_uint_eq(c->footer.at[1].added, BIT(ADDRESS));
	ck_assert_int_eq(ask(FOOTER_F01, LAW_CAN_SPAM), FOOTER_ADDED);
	ck_assert_int_eq(ask(FOOTER_F02, LAW_CAN_SPAM), FOOTER_MISSING);
}
END_TEST

START_TEST(rules_without_help)
{
	struct footer_answer a;

	/* what the facts do not tell */
	facts.address = NULL;
	facts.unsubscribe = SPAN("");
	look(SPAN(PLAIN "\nx\n"));
	a = footer_ask(&c->footer, FOOTER_F01, LAW_ADDRESS, c->r);
	ck_assert_int_eq(a.state, FOOTER_LACKING);
	ck_assert_str_eq(a.why, "the tenant has no postal_address");
	ck_assert(span_eq(a.about, SPAN("text/plain")));
	ck_assert_int_eq(ask(FOOTER_F02, LAW_STRICT), FOOTER_LACKING);
	ck_assert_int_eq(ask(FOOTER_F03, LAW_STRICT), FOOTER_MISSING);
	facts.contact = SPAN("");
	look(SPAN(PLAIN "\nAcme\n"));
	ck_assert_int_eq(ask(FOOTER_F03, LAW_STRICT), FOOTER_LACKING);
	ck_assert_int_eq(ask(FOOTER_F03, LAW_EU), FOOTER_FINE);
	/* no text, no place, nothing that could be read; the worst part decides */
	look(SPAN(CT "image/png\n\nx"));
	ck_assert_int_eq(ask(FOOTER_F03, LAW_EU), FOOTER_LACKING);
	look(SPAN(HTML "\n<table><tr><td>x"));
	ck_assert_int_eq(ask(FOOTER_F03, LAW_EU), FOOTER_LACKING);
	look(SPAN(CT "multipart/signed; boundary=s\n\n--s\n" HTML "\nx\n--s--\n"));
	ck_assert_int_eq(ask(FOOTER_F03, LAW_EU), FOOTER_UNREAD);
	look(SPAN(ALT "--b\n" PLAIN "\nAcme\n--b\n" HTML "\n<a href=x>y\n--b--\n"));
	a = footer_ask(&c->footer, FOOTER_F03, LAW_NAME, c->r);
	ck_assert_int_eq(a.state, FOOTER_LACKING);
	ck_assert(span_eq(a.about, SPAN("text/html")));
}
END_TEST

/* Nothing comes out where nothing is missing. */
START_TEST(complete)
{
	look(SPAN(HTML "\nThis is an advertisement. Acme GmbH Hauptstrasse 1 12345 Berlin "
		       "info@acme.example <a href='" PREF "'>Choose</a> <a href='" OUT
		       "'>Unsubscribe</a> HRB 4711 <a "
		       "href='https://acme.example/imprint'>x</a>"));
	ck_assert_uint_eq(c->footer.at[0].found, ALL_ITEMS);
	add(ALL_ITEMS);
	ck_assert(!c->outcome.changed);
	ck_assert_int_eq(ask(FOOTER_F01, LAW_STRICT), FOOTER_FINE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("footer");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, recognised, 0, ARRAY_SIZE(found));
	tcase_add_loop_test(all, parts, 0, ARRAY_SIZE(chosen));
	tcase_add_test(all, rules);
	tcase_add_test(all, rules_without_help);
	tcase_add_test(all, complete);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
