/* test_rules - the rules of common/rules.c over messages that pass, that are repaired and that are
 * refused: what each says in its default mode, what stands there afterwards, and that a repaired
 * message passes when it comes again. Modes and the sum of several rules. */
#include <check.h>
#include <stdlib.h>

#include "comply.h"
#include "draft.h"
#include "gate.h"
#include "text_time.h"
#include "token_payload.h"
#include "unit_snapshot.h"
#include "unit_token.h"

#define NOW      INT64_C(1795622400) /* Wed, 25 Nov 2026 16:00:00 +0000 */
#define DATE     "Date: Wed, 25 Nov 2026 16:00:00 +0000"
#define HOST     "click.acme.example"
#define RCPT     "jo@dest.example"
#define OWN_HOST "mx.host.example"
#define POST     "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
#define WAY_OUT  "List-Unsubscribe: <https://acme.example/u?7>"
#define MAILBOX  "From: a@acme.example"

static struct snapshot *snapshot;
static struct token_key *key;

static const char *const tenants[] = {
	"tenant = \"acme\"; domains = ( { name = \"acme.example\"; subdomains = true;\n"
	"  tracking_host = \"" HOST "\"; complaint_address = \"fbl@acme.example\"; },\n"
	"  { name = \"bare.example\"; }, { name = \"m\xc3\xbcnchen.example\"; } );\n"
	"streams = ( { name = \"news\"; list_help = \"https://acme.example/help\";\n"
	"  list_owner = \"owner@acme.example\"; }, { name = \"plain\"; class_header = true; "
	"},\n"
	"  { name = \"tx\"; class = \"transactional\"; } );",
	"tenant = \"beta\"; domains = ( { name = \"beta.example\"; } ); reply_to = \"own\";",
};

static void load(void)
{
	snapshot = unit_snapshot_with("compliance = { sender_id = \"sender7\"; "
				      "csa_complaints = \"csa@eco.example\"; };\n",
	    tenants, ARRAY_SIZE(tenants));
	key = unit_key(TOKEN_UNSUBSCRIBE, "acme");
}

static void unload(void)
{
	token_key_free(&key);
	snapshot_unref(&snapshot);
}

/* ---- one message ---- */

enum {
	BULK = 0,
	TX = 1,
	LISTS = 2,
	UTF8 = 4,
	NULL_SENDER = 8,
	BARE = 16,
	TWO = 32,
	SPLITS = 64,
	GOOD = 128,
	BAD = 256,
	LOST = 512,
	PLAIN = 1024
};

struct run {
	struct message *m;
	struct comply c;
	struct author author;
	struct list_facts list;
	struct buf uri;
};

/* The lines of a good message, those left out whose name appears in lines. "-Name": only leave it
 * out; "+Name: value": beside the good one. "\n " folds. */
static const char *const good[] = { MAILBOX, "To: x@dest.example", "Subject: Hi", DATE,
	"Message-ID: <1@acme.example>" };

static void add_line(struct message *m, struct span line)
{
	size_t colon = span_find(line, ':', 0);

	message_add_header(m, span_head(line, colon), span_from(line, colon + 1));
}

static bool next_line(struct span *rest, struct span *line)
{
	size_t at = span_find(*rest, '\n', 0);

	if (rest->n == 0)
		return false;
	while (at + 1 < rest->n && (rest->p[at + 1] == ' ' || rest->p[at + 1] == '\t'))
		at = span_find(*rest, '\n', at + 1);
	*line = span_head(*rest, at);
	*rest = span_from(*rest, at + 1);
	return true;
}

static bool is_left_out(const char *lines, struct span name)
{
	struct span rest = span_cstr(lines), line;

	while (next_line(&rest, &line)) {
		if (line.p[0] == '-' && span_eq_nocase(span_from(line, 1), name))
			return true;
		if (span_eq_nocase(span_head(line, span_find(line, ':', 0)), name))
			return true;
	}
	return false;
}

static void fill(struct message *m, const char *lines)
{
	struct span rest = span_cstr(lines), line;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct span text = span_cstr(good[i]);

		if (!is_left_out(lines, span_head(text, span_find(text, ':', 0))))
			add_line(m, text);
	}
	while (next_line(&rest, &line))
		if (line.p[0] != '-')
			add_line(m, line.p[0] == '+' ? span_from(line, 1) : line);
}

static const struct stream *stream_of(const char *name)
{
	const struct tenant *t = snapshot_tenant(snapshot, 0);

	for (size_t i = 0; i < t->stream_count; i++)
		if (strcmp(t->streams[i].name, name) == 0)
			return &t->streams[i];
	return NULL;
}

static void put_uri(struct buf *out, const char *recipient)
{
	const struct token_unsubscribe t = {
		.message = 7, .stream = SPAN("news"), .address = span_cstr(recipient)
	};
	struct buf payload = BUF_INIT(1024);

	token_put_unsubscribe(&payload, &t);
	buf_add_cstr(out, "https://" HOST "/u/");
	ck_assert_int_eq(token_seal(key, SPAN(HOST), buf_span(&payload), out), ERR_OK);
	buf_free(&payload);
}

static enum knowledge told(unsigned how)
{
	return (how & GOOD) != 0   ? KNOWN_GOOD
	       : (how & BAD) != 0  ? KNOWN_BAD
	       : (how & LOST) != 0 ? KNOWN_LOST
				   : NOT_KNOWN;
}

static void judge(struct run *r, unsigned how, const enum rule_mode modes[RULE_COUNT])
{
	enum stream_class class = (how & TX) != 0 ? CLASS_TRANSACTIONAL : CLASS_BULK;
	const struct tenant *t = snapshot_tenant(snapshot, 0);
	struct comply_facts facts = { .snapshot = snapshot,
		.stream = stream_of((how & TX) != 0      ? "tx"
				    : (how & PLAIN) != 0 ? "plain"
							 : "news"),
		.class = class,
		.now_s = NOW,
		.host = SPAN(OWN_HOST),
		.smtputf8 = (how & UTF8) != 0,
		.splits = (how & SPLITS) != 0,
		.author = &r->author,
		.signer = &t->domains[(how & BARE) != 0 ? 1 : 0],
		.list = (how & LISTS) != 0 ? &r->list : NULL,
		.complaint_id = SPAN("TOKEN_id-1"),
		.message_id_unused = told(how),
		.uri_unused = told(how),
		.key_in_dns = told(how),
		.reply_to_takes_mail = told(how),
		.senders_exist = told(how) };

	author_check(snapshot, 0, facts.stream, r->m, &r->author);
	if (r->author.fault != AUTHOR_FINE)
		facts.signer = NULL;
	r->list = (struct list_facts){ .snapshot = snapshot,
		.host = SPAN(HOST),
		.key = key,
		.stream = SPAN("news"),
		.mailto = SPAN("") };
	if (r->m->recipient_count == 1) {
		r->list.recipient = r->m->recipients[0];
		r->list.own_uri = buf_span(&r->uri);
	}
	ck_assert_int_eq(comply_open(&r->c, r->m, &facts, modes), ERR_OK);
	ck_assert_int_eq(comply_fields(&r->c), ERR_OK);
	comply_body(&r->c);
}

static void start(struct run *r, const char *lines, unsigned how)
{
	*r = (struct run){ .uri = BUF_INIT(4096) };
	put_uri(&r->uri, RCPT);
	r->m = message_new((how & NULL_SENDER) != 0 ? SPAN("") : SPAN("a@acme.example"),
	    SPAN("acme"), SPAN(""));
	ck_assert_ptr_nonnull(r->m);
	message_set_queue_id(r->m, SPAN("4QID"));
	message_add_recipient(r->m, SPAN(RCPT));
	if ((how & TWO) != 0)
		message_add_recipient(r->m, SPAN("second@dest.example"));
	fill(r->m, lines);
}

static void stop(struct run *r)
{
	buf_free(&r->uri);
	message_free(&r->m);
}

/* "Name: value|Name: value" of the draft, for names that appear in want; "-Name": it is not there. */
static void expect_fields(const struct run *r, const char *want, const char *lines)
{
	struct span rest = span_cstr(want), piece;
	size_t at;

	while (span_next(&rest, '|', &piece)) {
		size_t colon = span_find(piece, ':', 0);
		bool gone = piece.p[0] == '-';
		struct span name = gone ? span_from(piece, 1) : span_head(piece, colon);
		const struct header *h = message_find_header(&r->c.draft, name, 0, &at);

		ck_assert_msg((h == NULL) == gone, "%s: %.*s", lines, SPAN_ARG(piece));
		if (gone)
			continue;
		ck_assert_msg(message_find_header(&r->c.draft, name, at + 1, NULL) == NULL,
		    "%s: two %.*s", lines, SPAN_ARG(name));
		if (span_eq(span_from(piece, colon + 1), SPAN(" OWN"))) {
			ck_assert_msg(
			    memmem(h->value.p, h->value.n, r->uri.p, r->uri.n) != NULL,
			    "%s: %.*s", lines, SPAN_ARG(h->value));
			continue;
		}
		ck_assert_msg(span_eq(h->value, span_from(piece, colon + 1)),
		    "%s: \"%.*s\", not \"%.*s\"", lines, SPAN_ARG(h->value),
		    SPAN_ARG(span_from(piece, colon + 1)));
	}
}

#define PASSED  OUTCOME_PASSED
#define FIXED   OUTCOME_FIXED
#define WARNED  OUTCOME_WARNED
#define REFUSED OUTCOME_REFUSED
#define NOT_YET OUTCOME_UNKNOWN
#define LONG_A                                                                                 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG_B LONG_A LONG_A LONG_A LONG_A LONG_A LONG_A
#define LONG_C LONG_B LONG_B LONG_A /* over 998 in all */

static const struct row {
	enum rule_id rule;
	const char *lines;
	unsigned how;
	enum rule_outcome outcome;
	const char *want; /* after it; or "" */
	const char *code; /* of a refusal; NULL: the rule's */
} rows[] = {
	/* H01 and ownership: author_check has its own test */
	{ RULE_H01, "", 0, PASSED, "", NULL },
	{ RULE_H01, "-From", 0, REFUSED, "", NULL },
	{ RULE_H01, "-From", TX, REFUSED, "", NULL },
	{ RULE_H01, "+" MAILBOX, 0, REFUSED, "", NULL },
	{ RULE_H01, "From: a@acme.example, b@acme.example", 0, REFUSED, "", NULL },

	{ RULE_H02, "", 0, PASSED, DATE, NULL },
	{ RULE_H02, "-Date", 0, FIXED, DATE, NULL },
	{ RULE_H02, "-Date", TX, FIXED, DATE, NULL },
	{ RULE_H02, "Date: yesterday", 0, REFUSED, "", NULL },
	{ RULE_H02, "Date: yesterday", TX, WARNED, "Date: yesterday", NULL },
	{ RULE_H02, "Date: Wed, 18 Nov 2026 16:00:00 +0000", 0, PASSED, "", NULL },
	{ RULE_H02, "Date: Wed, 18 Nov 2026 15:59:59 +0000", 0, REFUSED, "", NULL },
	{ RULE_H02, "Date: Wed, 25 Nov 2026 17:00:00 +0000", 0, PASSED, "", NULL },
	{ RULE_H02, "Date: Wed, 25 Nov 2026 17:00:01 +0000", 0, REFUSED, "", NULL },
	{ RULE_H02, "Date: Wed, 25 Nov 2026 17:00:01 +0000", TX, WARNED, "", NULL },
	{ RULE_H02, "Date: 25 Nov 26 16:00 GMT (now)", 0, PASSED, "", NULL },

	{ RULE_H03, "", 0, PASSED, "Message-ID: <1@acme.example>", NULL },
	{ RULE_H03, "-Message-ID", 0, FIXED, "Message-ID: <4QID.6b070600@acme.example>", NULL },
	{ RULE_H03, "-Message-ID", TX, FIXED, "Message-ID: <4QID.6b070600@acme.example>",
	    NULL },
	{ RULE_H03, "Message-ID: 1@acme.example", 0, FIXED,
	    "Message-ID: <4QID.6b070600@acme.example>", NULL },
	{ RULE_H03, "Message-ID: 1@acme.example", TX, WARNED, "Message-ID: 1@acme.example",
	    NULL },
	{ RULE_H03, "Message-ID: <a b@acme.example>", 0, FIXED, "", NULL },
	{ RULE_H03, "Message-ID: <a@>", 0, FIXED, "", NULL },
	{ RULE_H03, "Message-ID: <a..b@x>", 0, FIXED, "", NULL },
	{ RULE_H03, "Message-ID: <a@b@c>", 0, FIXED, "", NULL },
	{ RULE_H03, "Message-ID:\n <a$b+c=d@x>", 0, PASSED, "", NULL },
	{ RULE_H03, "Message-ID: <a@[192.0.2.1]>", 0, PASSED, "", NULL },

	{ RULE_H04, "", 0, NOT_YET, "", NULL },
	{ RULE_H04, "", GOOD, PASSED, "", NULL },
	{ RULE_H04, "", TX, OUTCOME_OFF, "", NULL },
	{ RULE_H04, "", BAD, FIXED, "Message-ID: <4QID.6b070600@acme.example>", NULL },

	{ RULE_H05, "", 0, PASSED, "", NULL },
	{ RULE_H05, "+Subject: Hi", 0, FIXED, "Subject: Hi", NULL },
	{ RULE_H05, "+subject:\t Hi ", TX, FIXED, "Subject: Hi", NULL },
	{ RULE_H05, "+Subject: Ho", 0, REFUSED, "", NULL },
	{ RULE_H05, "+Subject: Ho", TX, WARNED, "", NULL },
	{ RULE_H05, "+" DATE "\n+To: x@dest.example\n+Message-ID: <1@acme.example>", 0, FIXED,
	    DATE "|To: x@dest.example|Message-ID: <1@acme.example>", NULL },
	{ RULE_H05, "List-Id: <a.acme.example>\nList-Id: <b.acme.example>", 0, REFUSED, "",
	    NULL },
	{ RULE_H05, "List-Post: NO\nList-Post: NO", 0, FIXED, "List-Post: NO", NULL },
	{ RULE_H05, "X-Any: 1\nX-Any: 2\nReceived: a\nReceived: b\nComments: 1\nComments: 2", 0,
	    PASSED, "", NULL },

	{ RULE_H06, "Subject: " LONG_B " " LONG_B, 0, FIXED, "Subject: " LONG_B "\n " LONG_B,
	    NULL },
	{ RULE_H06, "Subject: " LONG_C, 0, WARNED, "Subject: " LONG_C, NULL },
	{ RULE_H06, "References: <" LONG_B "@x>\n <" LONG_B "@x>", 0, PASSED, "", NULL },

	{ RULE_H08, "", 0, PASSED, "", NULL },
	{ RULE_H08, "Subject: f\xc3\xbcr Jo", 0, FIXED, "Subject: =?utf-8?q?f=C3=BCr?= Jo",
	    NULL },
	{ RULE_H08, "Subject: f\xc3\xbcr Jo", TX, FIXED, "Subject: =?utf-8?q?f=C3=BCr?= Jo",
	    NULL },
	{ RULE_H08, "Subject: \xc3\xa4 b \xc3\xb6", 0, FIXED,
	    "Subject: =?utf-8?q?=C3=A4_b_=C3=B6?=", NULL },
	{ RULE_H08, "Subject: f\xc3\xbcr Jo", UTF8, PASSED, "Subject: f\xc3\xbcr Jo", NULL },
	{ RULE_H08, "From: J\xc3\xb6 <a@acme.example>", 0, FIXED,
	    "From: =?utf-8?q?J=C3=B6?= <a@acme.example>", NULL },
	{ RULE_H08, "From: \"J\xc3\xb6, A.\" <a@acme.example>", 0, FIXED,
	    "From: =?utf-8?q?J=C3=B6=2C_A=2E?= <a@acme.example>", NULL },
	{ RULE_H08, "To: x@dest.example, \"\xc3\xb6, y\" <y@dest.example>, z@d", 0, FIXED,
	    "To: x@dest.example, =?utf-8?q?=C3=B6=2C_y?= <y@dest.example>, z@d", NULL },
	{ RULE_H08, "From: a@m\xc3\xbcnchen.example", 0, FIXED,
	    "From: a@xn--mnchen-3ya.example", NULL },
	{ RULE_H08, "From: A <a@m\xc3\xbcnchen.example>", 0, FIXED,
	    "From: A <a@xn--mnchen-3ya.example>", NULL },
	{ RULE_H08, "To: \xc3\xa4@dest.example", 0, REFUSED, "", NULL },
	{ RULE_H08, "To: \xc3\xa4@dest.example", TX, WARNED, "To: \xc3\xa4@dest.example",
	    NULL },
	{ RULE_H08, "Subject: \xe4", 0, REFUSED, "", NULL },
	{ RULE_H08, "Message-ID: <\xc3\xa4@acme.example>", TX, WARNED, "", NULL },
	{ RULE_H08, "To: x@d (\xc3\xa4)", 0, REFUSED, "", NULL },

	{ RULE_H09, "Subject: =?utf-8?q?=C3=A4?=", 0, PASSED, "", NULL },
	{ RULE_H09, "To: =?utf-8?q?=C3=A4?= <x@d>", 0, PASSED, "", NULL },
	{ RULE_H09, "To: <=?utf-8?q?x?=@d>", 0, REFUSED, "", NULL },
	{ RULE_H09, "References: <=?utf-8?q?x?=@d>", 0, REFUSED, "", NULL },
	{ RULE_H09, "References: <=?utf-8?q?x?=@d>", TX, WARNED, "", NULL },
	{ RULE_H09, "Content-Type: text/plain; name=\"=?utf-8?q?x?=\"\nMIME-Version: 1.0", 0,
	    REFUSED, "", NULL },
	{ RULE_H09, "List-Id: =?utf-8?q?x?= <a.acme.example>", 0, PASSED, "", NULL },
	{ RULE_H09, "List-Help: <mailto:=?utf-8?q?x?=>", 0, REFUSED, "", NULL },

	{ RULE_H11, "", 0, PASSED, "", NULL },
	{ RULE_H11, "Sender: b@acme.example", 0, PASSED, "Sender: b@acme.example", NULL },
	{ RULE_H11, "Sender: A <a@ACME.example>", 0, FIXED, "-Sender", NULL },
	{ RULE_H11, "Sender: a@acme.example", TX, WARNED, "Sender: a@acme.example", NULL },
	{ RULE_H11, "Sender: a@bank.example", 0, REFUSED, "", "553" },
	{ RULE_H11, "Sender: a@bank.example", TX, REFUSED, "", "553" },
	{ RULE_H11, "Sender: a", 0, REFUSED, "", "550" },

	{ RULE_H12, "", 0, PASSED, "", NULL },
	{ RULE_H12, "bcc: y@dest.example\nReturn-Path: <a@b>\nContent-Length: 3\nResent-Bcc: z",
	    0, FIXED, "-Bcc|-Return-Path|-Content-Length|-Resent-Bcc", NULL },
	{ RULE_H12, "Bcc: y@dest.example", TX, FIXED, "-Bcc", NULL },

	{ RULE_H13, "", 0, PASSED, "", NULL },
	{ RULE_H13, "DKIM-Signature: v=1; d=acme.example; b=x", TX, FIXED, "-DKIM-Signature",
	    NULL },
	{ RULE_H13, "DKIM-Signature: v=1; d=esp.example; b=x", 0, PASSED,
	    "DKIM-Signature: v=1; d=esp.example; b=x", NULL },
	{ RULE_H13, "ARC-Seal: i=1\narc-message-signature: i=1", TX, FIXED,
	    "-ARC-Seal|-ARC-Message-Signature", NULL },
	{ RULE_H13, "Authentication-Results: MX.host.example; dkim=pass", 0, FIXED,
	    "-Authentication-Results", NULL },
	{ RULE_H13, "Authentication-Results: other.example; dkim=pass", 0, PASSED,
	    "Authentication-Results: other.example; dkim=pass", NULL },
	{ RULE_H13, "Received: from laptop by app.example; x", 0, FIXED, "-Received", NULL },
	{ RULE_H13, "Received: from laptop by app.example; x", TX, PASSED,
	    "Received: from laptop by app.example; x", NULL },
	{ RULE_H13, "Received: from x\n\tby mx.host.example (Postfix); x", 0, PASSED,
	    "Received: from x\n\tby mx.host.example (Postfix); x", NULL },
	{ RULE_H13, "Received: from by mx.host.example.evil.example; x", 0, FIXED, "-Received",
	    NULL },

	{ RULE_H15, "", 0, PASSED, "-MIME-Version", NULL },
	{ RULE_H15, "Content-Type: text/plain", 0, FIXED, "MIME-Version: 1.0", NULL },
	{ RULE_H15, "Content-Transfer-Encoding: 8bit", 0, FIXED, "MIME-Version: 1.0", NULL },
	{ RULE_H15, "Content-Type: text/plain", TX, WARNED, "-MIME-Version", NULL },
	{ RULE_H15, "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a", 0, PASSED,
	    "", NULL },
	{ RULE_H15, "MIME-Version: 1.0\nContent-Type: multipart/mixed", 0, REFUSED, "", NULL },
	{ RULE_H15, "MIME-Version: 1.0\nContent-Type: multipart/mixed", TX, WARNED, "", NULL },

	{ RULE_H16, "Content-Type: text/plain", 0, PASSED, "", NULL },
	{ RULE_H16, "Content-Type: Text/HTML; charset=utf-8", 0, WARNED, "", NULL },
	{ RULE_H16, "Content-Type: text/html", TX, OUTCOME_OFF, "", NULL },

	/* L01 and L02: test_list_fields has the forms of the field */
	{ RULE_L01, "", LISTS, FIXED, "List-Unsubscribe: OWN|" POST, NULL },
	{ RULE_L01, "", LISTS | TX, OUTCOME_OFF, "-List-Unsubscribe", NULL },
	{ RULE_L01, WAY_OUT, LISTS, PASSED, WAY_OUT "|" POST, NULL },
	{ RULE_L01, "List-Unsubscribe: <https://esp.example/u>", LISTS, REFUSED, "", "550" },
	{ RULE_L01, WAY_OUT "\nList-Unsubscribe: <mailto:a@b>", LISTS, REFUSED, "", "554" },
	{ RULE_L01, "List-Unsubscribe: <mailto:\xc3\xa4@b>", LISTS, REFUSED, "", "550" },
	{ RULE_L01, "", 0, REFUSED, "", NULL },
	{ RULE_L01, WAY_OUT, 0, PASSED, "", NULL },
	{ RULE_L01, WAY_OUT "\n" WAY_OUT, 0, REFUSED, "", NULL },
	{ RULE_L01, WAY_OUT ", <https://acme.example/2>", 0, REFUSED, "", NULL },
	{ RULE_L01, "List-Unsubscribe: <https://acme.example/\n u>", 0, REFUSED, "", NULL },
	{ RULE_L01, "List-Unsubscribe: <https://esp.example/u>", 0, REFUSED, "", NULL },
	{ RULE_L01, "", BARE, WARNED, "-List-Unsubscribe|-List-Id", NULL },
	{ RULE_L01, "List-Unsubscribe: <https://esp.example/u>", BARE, WARNED,
	    "List-Unsubscribe: <https://esp.example/u>|-List-Unsubscribe-Post", NULL },

	{ RULE_L02, WAY_OUT "\n" POST, LISTS, PASSED, POST, NULL },
	{ RULE_L02, WAY_OUT, LISTS, FIXED, POST, NULL },
	{ RULE_L02, WAY_OUT "\nList-Unsubscribe-Post: yes", LISTS, FIXED, POST, NULL },
	{ RULE_L02, WAY_OUT "\n" POST "\n" POST, LISTS, FIXED, POST, NULL },
	{ RULE_L02, WAY_OUT "\nList-Unsubscribe-Post:\n List-Unsubscribe=One-Click", LISTS,
	    FIXED, POST, NULL },
	{ RULE_L02, WAY_OUT "\n" POST, 0, PASSED, POST, NULL },
	{ RULE_L02, WAY_OUT, 0, REFUSED, "", NULL },
	{ RULE_L02, WAY_OUT, BARE, WARNED, "-List-Unsubscribe-Post", NULL },

	{ RULE_L04, "", LISTS, PASSED, "", NULL },
	{ RULE_L04, WAY_OUT, LISTS, NOT_YET, "", NULL },
	{ RULE_L04, WAY_OUT, LISTS | GOOD, PASSED, "", NULL },
	{ RULE_L04, WAY_OUT, LISTS | BAD, REFUSED, "", NULL },

	{ RULE_L05, "", LISTS, PASSED, "", NULL },
	{ RULE_L05, "", LISTS | TWO, REFUSED, "", NULL },
	{ RULE_L05, "", LISTS | TWO | SPLITS, PASSED, "", NULL },
	{ RULE_L05, "", TWO, PASSED, "", NULL },
	{ RULE_L05, "", TWO | TX, OUTCOME_OFF, "", NULL },

	{ RULE_L06, "", LISTS, FIXED, "List-Id: <news.acme.example>", NULL },
	{ RULE_L06, "List-Id: Us <own.acme.example>", LISTS, PASSED,
	    "List-Id: Us <own.acme.example>", NULL },
	{ RULE_L06, "List-Id: own", LISTS, WARNED, "List-Id: own", NULL },
	{ RULE_L06, "List-Id: <a b.acme.example>", LISTS, WARNED, "", NULL },
	{ RULE_L06, "List-Id: <a..acme.example>", LISTS, WARNED, "", NULL },

	{ RULE_L07, "", 0, NOT_YET, "", NULL },

	{ RULE_L08, "", LISTS, FIXED,
	    "List-Help: <https://acme.example/help>|List-Owner: <mailto:owner@acme.example>",
	    NULL },
	{ RULE_L08, "List-Help: <mailto:x@y>", LISTS, FIXED,
	    "List-Help: <mailto:x@y>|List-Owner: <mailto:owner@acme.example>", NULL },
	{ RULE_L08, "", LISTS | PLAIN, PASSED, "-List-Help|-List-Owner", NULL },
	{ RULE_L08, "", TX, PASSED, "-List-Help", NULL },
	{ RULE_L08, WAY_OUT, TX, WARNED, WAY_OUT, NULL },

	{ RULE_S01, "", 0, OUTCOME_OFF, "-Precedence", NULL },
	{ RULE_S01, "", TX, PASSED, "-Precedence", NULL },
	{ RULE_S01, "Precedence: bulk", TX, FIXED, "-Precedence", NULL },

	{ RULE_S02, "", 0, PASSED, "", NULL },
	{ RULE_S02, "Auto-Submitted: no", 0, PASSED, "", NULL },
	{ RULE_S02, "Auto-Submitted: auto-generated; x=y", 0, WARNED, "", NULL },
	{ RULE_S02, "", TX, OUTCOME_OFF, "-Auto-Submitted", NULL },

	{ RULE_S03, "", 0, FIXED, "Feedback-ID: news.acme:acme:bulk:sender7", NULL },
	{ RULE_S03, "", TX, FIXED, "Feedback-ID: tx.acme:acme:transactional:sender7", NULL },
	{ RULE_S03, "Feedback-ID: c:s:m:other7", 0, PASSED, "Feedback-ID: c:s:m:other7", NULL },
	{ RULE_S03, "Feedback-ID: :::other7", 0, PASSED, "", NULL },
	{ RULE_S03, "Feedback-ID: a:b:c:d:other7", 0, WARNED, "", NULL },
	{ RULE_S03, "Feedback-ID: a:a:c:other7", 0, WARNED, "", NULL },
	{ RULE_S03, "Feedback-ID: a:b:c:four", 0, WARNED, "", NULL },
	{ RULE_S03, "Feedback-ID: a:b:c:1234567890123456", 0, WARNED, "", NULL },

	{ RULE_S04, "", 0, FIXED, "CFBL-Address: fbl@acme.example; report=arf", NULL },
	{ RULE_S04, "CFBL-Address: x@esp.example", TX, FIXED,
	    "CFBL-Address: fbl@acme.example; report=arf", NULL },
	{ RULE_S04, "CFBL-Address: fbl@acme.example;\n report=arf", 0, PASSED, "", NULL },
	{ RULE_S04, "", BARE, PASSED, "-CFBL-Address", NULL },
	{ RULE_S05, "", 0, FIXED, "CFBL-Feedback-ID: TOKEN_id-1", NULL },
	{ RULE_S05, "CFBL-Feedback-ID: 7", 0, FIXED, "CFBL-Feedback-ID: TOKEN_id-1", NULL },
	{ RULE_S05, "", BARE, PASSED, "-CFBL-Feedback-ID", NULL },

	{ RULE_S06, "", 0, PASSED, "", NULL },
	{ RULE_S06, "TLS-Required: No", TX, FIXED, "-TLS-Required", NULL },

	{ RULE_S07, "", 0, FIXED, "X-CSA-Complaints: csa@eco.example", NULL },
	{ RULE_S07, "X-CSA-Complaints: me@acme.example", 0, FIXED,
	    "X-CSA-Complaints: csa@eco.example", NULL },
	{ RULE_S07, "", TX, OUTCOME_OFF, "-X-CSA-Complaints", NULL },

	{ RULE_S08, "", 0, PASSED, "", NULL },
	{ RULE_S08, "Subject: RE: your order", 0, WARNED, "", NULL },
	{ RULE_S08, "Subject: Re: x\nIn-Reply-To: <1@x>", 0, PASSED, "", NULL },
	{ RULE_S08, "Subject: Really new", 0, PASSED, "", NULL },
	{ RULE_S08, "From: \"help@bank.example\" <a@acme.example>", 0, WARNED, "", NULL },
	{ RULE_S08, "From: \"a@acme.example\" <a@acme.example>", 0, PASSED, "", NULL },
	{ RULE_S08, "Subject: RE: x", TX, OUTCOME_OFF, "", NULL },

	{ RULE_A01, "", 0, PASSED, "", NULL },
	{ RULE_A01, "From: a@bank.example", 0, REFUSED, "", "553" },
	{ RULE_A01, "From: a@bank.example", TX, REFUSED, "", "553" },
	{ RULE_A01, "Resent-From: a@bank.example", 0, REFUSED, "", "553" },

	{ RULE_A02, "", 0, NOT_YET, "", NULL },
	{ RULE_A02, "", GOOD, PASSED, "", NULL },
	{ RULE_A02, "", BAD, REFUSED, "", NULL },
	{ RULE_A02, "", BAD | TX, WARNED, "", NULL },
	{ RULE_A02, "", LOST, OUTCOME_LATER, "", NULL },

	{ RULE_A03, "", 0, PASSED, "", NULL },
	{ RULE_A03, "From: a@bare.example", 0, WARNED, "", NULL },
	{ RULE_A03, "From: a@x.acme.example", 0, PASSED, "", NULL },

	{ RULE_A04, "", 0, PASSED, "", NULL },
	{ RULE_A04, "Reply-To: b@acme.example", 0, NOT_YET, "", NULL },
	{ RULE_A04, "Reply-To: b@acme.example", GOOD, PASSED, "", NULL },
	{ RULE_A04, "Reply-To: b@acme.example", BAD, WARNED, "", NULL },
	{ RULE_A04, "Reply-To: b@other.example", GOOD, WARNED, "", NULL },

	{ RULE_A05, "", 0, PASSED, "", NULL },
	{ RULE_A05, "", NULL_SENDER, REFUSED, "", NULL },
	{ RULE_A05, "", NULL_SENDER | TX, WARNED, "", NULL },
	{ RULE_A05, "Auto-Submitted: auto-replied", NULL_SENDER, PASSED, "", NULL },
	{ RULE_A05, "Content-Type: multipart/report; boundary=a", NULL_SENDER, PASSED, "",
	    NULL },

	{ RULE_A06, "", 0, NOT_YET, "", NULL },
	{ RULE_A06, "", GOOD, PASSED, "", NULL },
	{ RULE_A06, "", BAD, WARNED, "", NULL },
};

START_TEST(each_rule)
{
	const struct row *row = &rows[_i];
	enum rule_mode modes[RULE_COUNT];
	struct comply_reply reply;
	struct run r;

	start(&r, row->lines, row->how);
	rules_settle(
	    (row->how & TX) != 0 ? CLASS_TRANSACTIONAL : CLASS_BULK, NULL, NULL, modes);
	judge(&r, row->how, modes);
	ck_assert_msg(r.c.outcomes[row->rule] == row->outcome,
	    "%s, \"%s\", %#x: %s, not %s (%s)", rule_of(row->rule)->id, row->lines, row->how,
	    outcome_text(r.c.outcomes[row->rule]), outcome_text(row->outcome),
	    r.c.found[row->rule].why != NULL ? r.c.found[row->rule].why : "");
	if (row->outcome == REFUSED) {
		comply_reply(&r.c, &reply);
		ck_assert_ptr_nonnull(strstr(reply.text, rule_of(row->rule)->id));
		if (strchr(reply.text, ',') == NULL ||
		    strchr(reply.text, ',') > strchr(reply.text, ']'))
			ck_assert_msg(
			    strcmp(reply.code,
				row->code != NULL ? row->code : rule_of(row->rule)->code) == 0,
			    "%s: %s", row->lines, reply.code);
	} else {
		expect_fields(&r, row->want, row->lines);
	}
	stop(&r);
}
END_TEST

/* What leaves, taken in again, needs no repair: not for this rule nor for any other. */
static void again(const struct run *first, unsigned how, const char *lines)
{
	enum rule_mode modes[RULE_COUNT];
	struct run r;

	start(&r, "-From\n-To\n-Subject\n-Date\n-Message-ID", how & ~(unsigned)BAD);
	for (size_t i = 0; i < first->c.draft.header_count; i++)
		message_add_header(
		    r.m, first->c.draft.headers[i].name, first->c.draft.headers[i].value);
	ck_assert_int_eq(r.m->fault, MESSAGE_FINE);
	rules_settle((how & TX) != 0 ? CLASS_TRANSACTIONAL : CLASS_BULK, NULL, NULL, modes);
	judge(&r, how & ~(unsigned)BAD, modes);
	for (size_t i = 0; i < RULE_COUNT; i++)
		ck_assert_msg(r.c.outcomes[i] != FIXED && r.c.outcomes[i] != REFUSED,
		    "%s: %s again, %s: %s", lines, outcome_text(r.c.outcomes[i]),
		    rule_of((enum rule_id)i)->id, r.c.found[i].why);
	stop(&r);
}

START_TEST(fixed_ones_pass)
{
	const struct row *row = &rows[_i];
	enum rule_mode modes[RULE_COUNT];
	struct message final;
	struct run r;

	start(&r, row->lines, row->how);
	rules_settle(
	    (row->how & TX) != 0 ? CLASS_TRANSACTIONAL : CLASS_BULK, NULL, NULL, modes);
	judge(&r, row->how, modes);
	if (!comply_is_refused(&r.c)) {
		again(&r, row->how, row->lines);
		/* What Postfix is told comes to the same, field by field. */
		ck_assert_int_eq(draft_adopt(r.m, &r.c.draft), ERR_OK);
		ck_assert_int_eq(message_final(r.m, &final), ERR_OK);
		ck_assert_uint_eq(final.header_count, r.c.draft.header_count);
		for (size_t i = 0; i < final.header_count; i++)
			ck_assert_msg(
			    span_eq(final.headers[i].name, r.c.draft.headers[i].name) &&
				span_eq(final.headers[i].value, r.c.draft.headers[i].value),
			    "%s: %.*s", row->lines, SPAN_ARG(final.headers[i].name));
	}
	stop(&r);
}
END_TEST

/* In mode enforce whatever would be repaired or warned about refuses; in warn nothing changes. */
START_TEST(other_modes)
{
	const struct row *row = &rows[_i];
	enum rule_mode modes[RULE_COUNT];
	struct run r;

	if (row->outcome != FIXED && row->outcome != WARNED)
		return;
	start(&r, row->lines, row->how);
	for (size_t i = 0; i < RULE_COUNT; i++)
		modes[i] = (enum rule_id)i == row->rule ? RULE_ENFORCE : RULE_OFF;
	judge(&r, row->how, modes);
	ck_assert_msg(r.c.outcomes[row->rule] == REFUSED || row->rule == RULE_H06 ||
			  row->rule == RULE_L02 || row->rule == RULE_L06,
	    "%s, \"%s\" in mode enforce: %s", rule_of(row->rule)->id, row->lines,
	    outcome_text(r.c.outcomes[row->rule]));
	modes[row->rule] = RULE_WARN;
	judge(&r, row->how, modes);
	ck_assert_int_ne(r.c.outcomes[row->rule], FIXED);
	ck_assert_uint_eq(r.c.draft.header_count, r.m->header_count);
	for (size_t i = 0; i < r.m->header_count; i++)
		ck_assert(r.c.draft.headers[i].value.p == r.m->headers[i].value.p);
	modes[row->rule] = RULE_OFF;
	judge(&r, row->how, modes);
	ck_assert_int_eq(r.c.outcomes[row->rule], OUTCOME_OFF);
	stop(&r);
}
END_TEST

/* ---- bounds ---- */

static enum rule_outcome with_value(
    enum rule_id rule, const char *name, size_t n, char fill_with)
{
	enum rule_mode modes[RULE_COUNT];
	enum rule_outcome o;
	char *value = malloc(n + 1);
	struct run r;

	memset(value, fill_with, n);
	value[0] = ' ';
	start(&r, rule == RULE_H03 ? "-Message-ID" : "-Subject", 0);
	if (rule == RULE_H03) {
		memcpy(value, " <", 2);
		memcpy(value + n - 3, "@x>", 3);
	}
	/* Folds, so that only the rule under test has something to say. */
	for (size_t i = 900; rule == RULE_H10 && i + 2 < n; i += 900)
		memcpy(value + i, "\n ", 2);
	message_add_header(r.m, span_cstr(name), span_make(value, n));
	ck_assert_int_eq(r.m->fault, MESSAGE_FINE);
	rules_settle(CLASS_BULK, NULL, NULL, modes);
	judge(&r, 0, modes);
	o = r.c.outcomes[rule];
	free(value);
	stop(&r);
	return o;
}

START_TEST(bounds)
{
	size_t folds = (32768 - 2) / 900;

	/* Message-ID: 500 characters */
	ck_assert_int_eq(with_value(RULE_H03, "Message-ID", 501, 'a'), PASSED);
	ck_assert_int_eq(with_value(RULE_H03, "Message-ID", 502, 'a'), FIXED);
	/* Subject: 998 characters; one of the two folds' octets is the blank */
	ck_assert_int_eq(with_value(RULE_H10, "Subject", 1000, 'a'), PASSED);
	ck_assert_int_eq(with_value(RULE_H10, "Subject", 1001, 'a'), REFUSED);
	ck_assert_int_eq(with_value(RULE_H10, "X-Any", 32768 + folds, 'a'), PASSED);
	ck_assert_int_eq(with_value(RULE_H10, "X-Any", 32769 + folds, 'a'), REFUSED);
	ck_assert_int_eq(with_value(RULE_H10, "To", 32769 + folds, 'a'), PASSED);
	/* a header line: 998 octets with its name */
	ck_assert_int_eq(with_value(RULE_H06, "X-Any", 992, 'a'), PASSED);
	ck_assert_int_eq(with_value(RULE_H06, "X-Any", 993, 'a'), WARNED);
}
END_TEST

START_TEST(body_facts)
{
	enum rule_mode modes[RULE_COUNT];
	struct run r;

	for (size_t longest = 998; longest <= 999; longest++) {
		start(&r, "", 0);
		r.m->body.longest = longest;
		rules_settle(CLASS_BULK, NULL, NULL, modes);
		judge(&r, LISTS, modes);
		ck_assert_int_eq(r.c.outcomes[RULE_H06], longest == 998 ? PASSED : WARNED);
		stop(&r);
	}
	start(&r, "", 0);
	r.m->fault = MESSAGE_BAD_BODY;
	judge(&r, LISTS, modes);
	ck_assert_int_eq(r.c.outcomes[RULE_H07], REFUSED);
	stop(&r);
}
END_TEST

/* ---- the sum ---- */

START_TEST(all_ids_in_one_reply)
{
	static const struct {
		const char *lines;
		unsigned how;
		const char *code, *dsn, *text;
	} table[] = {
		{ "From: a@bank.example", LISTS, "553", "5.7.1",
		    "[A01] From address not owned by this account (bank.example)" },
		{ "Date: x\nList-Unsubscribe: <https://esp.example/u>", LISTS, "550", "5.7.1",
		    "[H02,L01] Date cannot be read" },
		{ "+Subject: Ho\nSubject: Hu\nDate: x", LISTS, "550", "5.7.1",
		    "[H02,H05] Date cannot be read" },
		{ "+Subject: Ho\nReferences: <=?utf-8?q?x?=@d>", LISTS, "554", "5.6.0",
		    "[H05,H09] a header field twice that says different things (Subject)" },
		{ "", LISTS | LOST, "451", "4.7.5",
		    "[A02] the signing domain's public key cannot be looked up" },
		/* a refusal does not wait for what cannot be looked up */
		{ "Date: x", LISTS | LOST, "550", "5.7.1", "[H02] Date cannot be read" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		enum rule_mode modes[RULE_COUNT];
		struct comply_reply reply;
		struct run r;

		start(&r, table[i].lines, table[i].how);
		rules_settle(CLASS_BULK, NULL, NULL, modes);
		judge(&r, table[i].how, modes);
		comply_reply(&r.c, &reply);
		ck_assert_str_eq(reply.text, table[i].text);
		ck_assert_str_eq(reply.code, table[i].code);
		ck_assert_str_eq(reply.dsn, table[i].dsn);
		stop(&r);
	}
}
END_TEST

/* Without any fact from outside nothing that needs one passes. */
START_TEST(unknown_never_passes)
{
	static const enum rule_id needs[] = { RULE_H04, RULE_L04, RULE_A02, RULE_A04, RULE_A06,
		RULE_L07 };
	enum rule_mode modes[RULE_COUNT];
	struct run r;

	start(&r, "Reply-To: b@acme.example\n" WAY_OUT, LISTS);
	for (size_t i = 0; i < RULE_COUNT; i++)
		modes[i] = RULE_ENFORCE;
	judge(&r, LISTS, modes);
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		ck_assert_msg(r.c.outcomes[needs[i]] == NOT_YET, "%s: %s",
		    rule_of(needs[i])->id, outcome_text(r.c.outcomes[needs[i]]));
	stop(&r);
}
END_TEST

START_TEST(internal_fields_never_leave)
{
	enum rule_mode modes[RULE_COUNT] = { 0 };
	struct run r;

	start(&r, "X-PM-Class: bulk\nX-Track: open=0\nX-Penguin-Split: x", 0);
	judge(&r, 0, modes);
	expect_fields(&r, "-X-PM-Class|-X-Track|-X-Penguin-Split", "");
	stop(&r);
}
END_TEST

START_TEST(classes)
{
	static const struct {
		const char *lines, *stream;
		enum stream_class class;
	} table[] = {
		{ "", "news", CLASS_BULK },
		{ "", "tx", CLASS_TRANSACTIONAL },
		{ "X-PM-Class: bulk", "tx", CLASS_BULK },
		{ "X-PM-Class: transactional", "news", CLASS_BULK },
		{ "X-PM-Class: Transactional ", "plain", CLASS_TRANSACTIONAL },
		{ "X-PM-Class: nonsense", "plain", CLASS_BULK },
		{ "X-PM-Class: nonsense", "tx", CLASS_TRANSACTIONAL },
	};
	struct run r;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		start(&r, table[i].lines, 0);
		ck_assert_msg(comply_class(r.m, stream_of(table[i].stream)) == table[i].class,
		    "%s in %s", table[i].lines, table[i].stream);
		stop(&r);
	}
}
END_TEST

/* ---- modes ---- */

START_TEST(modes_settle)
{
	static const char *const plan[] = { "H16=off", "S*=enforce", "S01=fix", "H07=off",
		"nonsense", NULL };
	static const char *const stream[] = { "H16=warn", "S02=off", "H12=enforce", NULL };
	enum rule_mode modes[RULE_COUNT], asked;

	rules_settle(CLASS_BULK, NULL, NULL, modes);
	for (size_t i = 0; i < RULE_COUNT; i++)
		ck_assert_int_eq(modes[i], rule_of((enum rule_id)i)->bulk);
	rules_settle(CLASS_BULK, plan, stream, modes);
	ck_assert_int_eq(modes[RULE_H16], RULE_WARN);    /* the stream asks for more */
	ck_assert_int_eq(modes[RULE_S02], RULE_ENFORCE); /* and cannot ask for less */
	ck_assert_int_eq(modes[RULE_S01], RULE_FIX);     /* later entries of a plan win */
	ck_assert_int_eq(modes[RULE_H07], RULE_ENFORCE); /* below this nobody goes */
	ck_assert_int_eq(modes[RULE_H12], RULE_ENFORCE);
	ck_assert_int_eq(rules_find_weaker(SPAN("S02=off"), modes, &asked), RULE_S02);
	ck_assert_int_eq(rules_find_weaker(SPAN("S02=enforce"), modes, &asked), RULE_COUNT);
	ck_assert_int_eq(rules_find_weaker(SPAN("*=off"), modes, &asked), RULE_COUNT);
	rules_settle(
	    CLASS_TRANSACTIONAL, (const char *const[]){ "*=enforce", NULL }, NULL, modes);
	for (size_t i = 0; i < RULE_COUNT; i++)
		ck_assert_int_eq(
		    modes[i], rule_of((enum rule_id)i)->bulk_only ? RULE_OFF : RULE_ENFORCE);
	ck_assert_ptr_null(rules_check_entry(SPAN("l*=fix")));
	ck_assert_ptr_nonnull(rules_check_entry(SPAN("L99=fix")));
	ck_assert_ptr_nonnull(rules_check_entry(SPAN("L01=maybe")));
	ck_assert_ptr_nonnull(rules_check_entry(SPAN("L01")));
	ck_assert_ptr_nonnull(rules_check_entry(SPAN("")));
}
END_TEST

/* Each row of the table can be read by a human. */
START_TEST(table_is_whole)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		const struct rule *rule = rule_of((enum rule_id)i);

		ck_assert_int_eq(rule_find(span_cstr(rule->id)), i);
		ck_assert(rule->check[0] != '\0' && rule->source[0] != '\0');
		ck_assert(rule->code[0] == '5' && rule->dsn[0] == '5');
		ck_assert(rule->bulk >= rule->least);
		ck_assert(rule->bulk_only || rule->transactional >= rule->least);
		ck_assert(!rule->bulk_only || rule->transactional == RULE_OFF);
	}
}
END_TEST

/* ---- the gate ---- */

static const char *pass_gate(
    const char *lines, const char *signature, bool ours, const char *recipient)
{
	struct signature s = { .selector = "s", .value = span_cstr(signature) };
	struct buf text = BUF_INIT(8192);
	const char *own = strstr(lines, "OWN"), *why;
	struct run r;

	start(&r, "", 0);
	buf_reset(&r.uri);
	put_uri(&r.uri, recipient);
	if (own != NULL) {
		buf_add(&text, lines, (size_t)(own - lines));
		buf_add_span(&text, buf_span(&r.uri));
		lines = own + 3;
	}
	buf_add_cstr(&text, lines);
	fill(r.m, buf_cstr(&text));
	r.list = (struct list_facts){ .snapshot = snapshot,
		.host = SPAN(HOST),
		.key = key,
		.stream = SPAN("news"),
		.recipient = SPAN(RCPT) };
	why = gate_judge(&(struct gate){
	    r.m, &s, signature[0] != '\0', snapshot, 0, ours ? &r.list : NULL });
	buf_free(&text);
	stop(&r);
	return why;
}

START_TEST(gate)
{
#define LU    "List-Unsubscribe"
#define LP    "List-Unsubscribe-Post"
#define TWICE "v=1; h=From:" LU ":" LU ":\n\t" LP ":" LP ":To; b=x"
#define OURS  "List-Unsubscribe: <OWN>\n" POST
	static const struct {
		const char *lines, *signature;
		bool ours;
		const char *recipient;
		bool open;
	} table[] = {
		{ OURS, TWICE, true, RCPT, true },
		{ OURS,
		    "v=1; h=from : list-unsubscribe : list-unsubscribe : "
		    "list-unsubscribe-post:list-unsubscribe-post; b=x",
		    true, RCPT, true },
		{ WAY_OUT "\n" POST, TWICE, true, RCPT, true },
		{ WAY_OUT "\n" POST, TWICE, false, RCPT, true },
		/* another recipient's */
		{ OURS, TWICE, true, "other@dest.example", false },
		/* no signature, one that covers nothing, one, or one of them only once */
		{ OURS, "", true, RCPT, false },
		{ OURS, "v=1; h=From:To; b=x", true, RCPT, false },
		{ OURS, "v=1; b=x", true, RCPT, false },
		{ OURS, "v=1; h=From:" LU ":" LU ":" LP "; b=x", true, RCPT, false },
		{ OURS, "v=1; h=From:" LU ":" LP ":" LP "; b=x", true, RCPT, false },
		{ OURS, "v=1; h=From:" LU ":" LU "; b=x", true, RCPT, false },
		{ OURS, "v=1; h=From:" LU "X:" LU ":" LP ":" LP "; b=x", true, RCPT, false },
		{ OURS, TWICE "; h=From", true, RCPT, false },
		/* fields that are not right */
		{ "List-Unsubscribe: <OWN>", TWICE, true, RCPT, false },
		{ POST, TWICE, true, RCPT, false },
		{ OURS "\n" POST, TWICE, true, RCPT, false },
		{ OURS "\n" WAY_OUT, TWICE, true, RCPT, false },
		{ "List-Unsubscribe: <OWN>, <https://acme.example/2>\n" POST, TWICE, true, RCPT,
		    false },
		{ "List-Unsubscribe: <OWN>, <mailto:a@b>\n" POST, TWICE, true, RCPT, true },
		{ "List-Unsubscribe: <mailto:a@b>\n" POST, TWICE, true, RCPT, false },
		{ "List-Unsubscribe: <http://acme.example/>\n" POST, TWICE, true, RCPT, false },
		{ "List-Unsubscribe: <https://esp.example/>\n" POST, TWICE, false, RCPT,
		    false },
		{ "List-Unsubscribe: <https://" HOST "/u/AAAA>\n" POST, TWICE, true, RCPT,
		    false },
		{ "List-Unsubscribe: <OWN>\nList-Unsubscribe-Post: x", TWICE, true, RCPT,
		    false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *why = pass_gate(
		    table[i].lines, table[i].signature, table[i].ours, table[i].recipient);

		ck_assert_msg(
		    (why == NULL) == table[i].open, "%zu: %s", i, why != NULL ? why : "open");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rules");
	TCase *all = tcase_create("rules");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_unchecked_fixture(all, load, unload);
	tcase_add_loop_test(all, each_rule, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(all, fixed_ones_pass, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(all, other_modes, 0, ARRAY_SIZE(rows));
	tcase_add_test(all, bounds);
	tcase_add_test(all, body_facts);
	tcase_add_test(all, all_ids_in_one_reply);
	tcase_add_test(all, unknown_never_passes);
	tcase_add_test(all, internal_fields_never_leave);
	tcase_add_test(all, classes);
	tcase_add_test(all, modes_settle);
	tcase_add_test(all, table_is_whole);
	tcase_add_test(all, gate);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
