/* comply_syntax - rules H: what a header must look like. Knows no lists and no signals. */
#include "comply_rules.h"
#include "dkim_field.h"
#include "field.h"
#include "mime_field.h"
#include "text_time.h"

#define DATE_PAST_S    INT64_C(604800) /* seven days */
#define DATE_AHEAD_S   INT64_C(3600)
#define MESSAGE_ID_MAX 500
#define SUBJECT_MAX    998
#define VALUE_MAX      32768 /* octets; not of To, Cc and References */

/* ---- H01: From ---- */

struct found h01_find(const struct comply *c)
{
	return author_found(c, RULE_H01);
}

/* ---- H02: Date ---- */

struct found h02_find(const struct comply *c)
{
	const struct header *h = comply_first(c, "Date");
	int64_t s, now_s = c->facts.now_s;

	if (h == NULL)
		return BECAUSE(REPAIRABLE, "no Date header field");
	if (!text_time_parse_mail(h->value, &s))
		return BECAUSE(FLAW, "Date cannot be read");
	if (s < now_s - DATE_PAST_S)
		return BECAUSE(FLAW, "Date is more than 7 days ago");
	if (s > now_s + DATE_AHEAD_S)
		return BECAUSE(FLAW, "Date is more than an hour ahead");
	return FINE;
}

enum err h02_fix(struct comply *c)
{
	char text[TEXT_TIME_MAIL_MAX + 1] = " ";

	text_time_put_mail(c->facts.now_s, text + 1);
	return draft_add(&c->draft, "Date", span_cstr(text));
}

/* ---- H03, H04: Message-ID ---- */

static bool is_atext(char ch)
{
	return ascii_alpha(ch) || ascii_digit(ch) ||
	       (ch != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", ch) != NULL);
}

/* RFC 5322 section 3.2.3. */
static bool is_dot_atom(struct span s)
{
	struct span atom;
	bool ok = s.n > 0 && s.p[s.n - 1] != '.';

	while (ok && span_next(&s, '.', &atom)) {
		ok = atom.n > 0;
		for (size_t i = 0; ok && i < atom.n; i++)
			ok = is_atext(atom.p[i]);
	}
	return ok;
}

/* "[192.0.2.1]": no-fold-literal of RFC 5322 section 3.6.4. */
static bool is_literal(struct span s)
{
	bool ok = s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';

	for (size_t i = 1; ok && i + 1 < s.n; i++)
		ok = s.p[i] > ' ' && s.p[i] <= '~' && strchr("[]\\", s.p[i]) == NULL;
	return ok;
}

static bool is_message_id(struct span value)
{
	struct span id = span_trim(value), right;
	size_t at;

	if (id.n < 5 || id.n > MESSAGE_ID_MAX || id.p[0] != '<' || id.p[id.n - 1] != '>')
		return false;
	id = span_make(id.p + 1, id.n - 2);
	at = span_find(id, '@', 0);
	right = span_from(id, at + 1);
	return is_dot_atom(span_head(id, at)) && (is_dot_atom(right) || is_literal(right));
}

struct found h03_find(const struct comply *c)
{
	const struct header *h = comply_first(c, "Message-ID");

	if (h == NULL)
		return BECAUSE(REPAIRABLE, "no Message-ID header field");
	if (is_message_id(h->value))
		return FINE;
	if (c->facts.class == CLASS_BULK)
		return BECAUSE(REPAIRABLE, "malformed Message-ID");
	return BECAUSE(FLAW, "malformed Message-ID");
}

struct found h04_find(const struct comply *c)
{
	switch (c->facts.message_id_unused) {
	case KNOWN_GOOD: return FINE;
	case KNOWN_BAD: return BECAUSE(REPAIRABLE, "Message-ID of another message");
	case NOT_KNOWN:
	case KNOWN_LOST: break;
	}
	return UNKNOWN;
}

/* Postfix uses a queue id once; the seconds serve those whose ids are short. */
enum err h03_fix(struct comply *c)
{
	const char *domain =
	    c->facts.author->from[0] != '\0' ? c->facts.author->from : "localhost.invalid";
	struct buf id = BUF_INIT(MESSAGE_ID_MAX);
	struct span queue_id = c->message->queue_id;
	struct span value;
	struct field f;
	enum err e;

	buf_printf(&id, "<%.*s%s%llx@%s>", SPAN_ARG(queue_id), queue_id.n > 0 ? "." : "",
	    (unsigned long long)c->facts.now_s, domain);
	field_begin(&f, "Message-ID");
	field_word(&f, buf_span(&id));
	e = field_end(&f, c->draft.arena, &value);
	buf_free(&id);
	return e == ERR_OK ? draft_replace(&c->draft, "Message-ID", value) : e;
}

/* ---- H05: once ---- */

/* Not From (H01), not what L01, L02, S04 and S05 write anew. */
static bool is_single(const struct header *h)
{
	static const char *const names[] = { "Date", "Sender", "Reply-To", "To", "Cc",
		"Message-ID", "In-Reply-To", "References", "Subject", "MIME-Version",
		"Content-Type", "Content-Transfer-Encoding", "Feedback-ID" };

	if (span_starts_nocase(h->name, SPAN("List-")))
		return !span_starts_nocase(h->name, SPAN("List-Unsubscribe"));
	return comply_is_named(h, names, ARRAY_SIZE(names));
}

struct found h05_find(const struct comply *c)
{
	struct found found = FINE;

	for (size_t i = 0; i < c->draft.header_count; i++) {
		const struct header *h = &c->draft.headers[i];

		if (h->nth < 2 || !is_single(h))
			continue;
		found = BECAUSE(REPAIRABLE, "a header field twice", .about = h->name);
		if (!span_eq(span_trim(h->value),
			span_trim(message_find_header(&c->draft, h->name, 0, NULL)->value)))
			return BECAUSE(FLAW, "a header field twice that says different things",
			    .about = h->name);
	}
	return found;
}

enum err h05_fix(struct comply *c)
{
	for (size_t i = c->draft.header_count; i > 0; i--)
		if (c->draft.headers[i - 1].nth >= 2 && is_single(&c->draft.headers[i - 1]))
			draft_drop(&c->draft, i - 1);
	return ERR_OK;
}

/* ---- H06: long lines ---- */

static bool is_long(const struct header *h)
{
	return h->name.n + 1 + h->value.n > MESSAGE_LINE_MAX &&
	       field_longest_line(h->name, h->value) > MESSAGE_LINE_MAX;
}

static bool folds(const struct comply *c, const struct header *h, struct span *value_r)
{
	*value_r = field_refold(c->draft.arena, h->name, h->value);
	return value_r->p != NULL && field_is_fit(h->name, *value_r, field_has_8bit(h->value));
}

struct found h06_find(const struct comply *c)
{
	struct found found = FINE;
	struct span value;

	for (size_t i = 0; i < c->draft.header_count; i++) {
		const struct header *h = &c->draft.headers[i];

		if (!is_long(h))
			continue;
		found = BECAUSE(REPAIRABLE, "a header line over 998 octets", .about = h->name);
		if (!folds(c, h, &value))
			return BECAUSE(FLAW, "a header line over 998 octets without a blank",
			    .about = h->name);
	}
	return found;
}

enum err h06_fix(struct comply *c)
{
	enum err e = ERR_OK;
	struct span value;

	for (size_t i = 0; e == ERR_OK && i < c->draft.header_count; i++)
		if (is_long(&c->draft.headers[i]))
			e = folds(c, &c->draft.headers[i], &value)
				? draft_set(&c->draft, i, value)
				: ERR_NOMEM;
	return e;
}

struct found h06_look(const struct comply *c)
{
	if (c->message->body.longest > MESSAGE_LINE_MAX)
		return BECAUSE(FLAW, "a line of the body over 998 octets");
	return FINE;
}

/* ---- H07: control octets ---- */

struct found h07_find(const struct comply *c)
{
	if (c->message->fault == MESSAGE_BAD_HEADER)
		return BECAUSE(FORBIDDEN, "malformed header field");
	return FINE;
}

struct found h07_look(const struct comply *c)
{
	if (c->message->fault == MESSAGE_BAD_BODY)
		return BECAUSE(FORBIDDEN, "bare CR or LF in the message body");
	return FINE;
}

/* ---- H10: sizes; message.c has the bounds of the whole ---- */

/* Without the folds: H06 may have put some in. */
static size_t octets_of(struct span value)
{
	size_t n = value.n;

	for (size_t at = span_find(value, '\n', 0); at < value.n;
	     at = span_find(value, '\n', at + 1))
		n--;
	return n;
}

struct found h10_find(const struct comply *c)
{
	static const char *const long_ones[] = { "To", "Cc", "References" };

	if (c->message->fault == MESSAGE_HEADERS_TOO_BIG)
		return BECAUSE(FORBIDDEN, "header fields too big or too many");
	for (size_t i = 0; i < c->draft.header_count; i++) {
		const struct header *h = &c->draft.headers[i];

		if (h->value.n > VALUE_MAX && octets_of(h->value) > VALUE_MAX &&
		    !comply_is_named(h, long_ones, ARRAY_SIZE(long_ones)))
			return BECAUSE(FLAW, "a header field over 32 KB", .about = h->name);
		if (h->value.n > SUBJECT_MAX && span_eq_nocase(h->name, SPAN("Subject")) &&
		    comply_unfold(c, span_trim(h->value)).n > SUBJECT_MAX)
			return BECAUSE(FLAW, "Subject over 998 characters");
	}
	return FINE;
}

/* ---- H11: Sender ---- */

static bool same_mailbox(struct span a, struct span b)
{
	struct mailbox_list left, right;

	return mailbox_parse_list(a, &left) == ERR_OK &&
	       mailbox_parse_list(b, &right) == ERR_OK && left.count == 1 && right.count == 1 &&
	       span_eq(left.at[0].local, right.at[0].local) &&
	       span_eq_nocase(left.at[0].domain, right.at[0].domain);
}

struct found h11_find(const struct comply *c)
{
	const struct header *sender = comply_first(c, "Sender"), *from;
	struct found found = author_found(c, RULE_H11);

	if (found.what != FOUND_FINE || sender == NULL)
		return found;
	from = comply_first(c, "From");
	if (from != NULL && same_mailbox(sender->value, from->value))
		return BECAUSE(REPAIRABLE, "Sender is the same as From");
	return FINE;
}

enum err h11_fix(struct comply *c)
{
	draft_drop_all(&c->draft, SPAN("Sender"));
	return ERR_OK;
}

/* ---- H12: fields that must not travel ---- */

static const char *const dropped[] = { "Bcc", "Resent-Bcc", "Return-Path", "Content-Length" };

struct found h12_find(const struct comply *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		if (comply_first(c, dropped[i]) != NULL)
			return BECAUSE(REPAIRABLE, "a header field that must not travel",
			    .about = span_cstr(dropped[i]));
	return FINE;
}

enum err h12_fix(struct comply *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		draft_drop_all(&c->draft, span_cstr(dropped[i]));
	return ERR_OK;
}

/* ---- H13: claims that are not a client's to make ---- */

/* A signature in the tenant's name that came with the message is not ours and would stand beside
 * ours. */
static bool is_own_signature(const struct comply *c, const struct header *h)
{
	char domain[DOMAIN_MAX];

	return span_eq_nocase(h->name, SPAN("DKIM-Signature")) &&
	       dkim_field_domain(h->value, domain) &&
	       snapshot_find_domain(c->facts.snapshot, span_cstr(domain), NULL) ==
		   c->facts.tenant;
}

/* "Authentication-Results: HOST; ..." (RFC 8601 section 2.2). */
static bool claims_our_results(const struct comply *c, const struct header *h)
{
	struct span id = span_trim(h->value);
	size_t n = 0;

	while (n < id.n && strchr(" \t\n;(", id.p[n]) == NULL)
		n++;
	return span_eq_nocase(h->name, SPAN("Authentication-Results")) &&
	       span_eq_nocase(span_head(id, n), c->facts.host);
}

/* "... by HOST ..." (RFC 5321 section 4.4): such fields are what Postfix counts to end a loop. */
static bool is_by_us(const struct comply *c, struct span value)
{
	struct span host = c->facts.host, by = SPAN("by ");

	for (size_t i = 1; i + by.n + host.n <= value.n; i++) {
		struct span after = span_from(value, i + by.n + host.n);

		if (strchr(" \t\n", value.p[i - 1]) != NULL &&
		    span_eq_nocase(span_make(value.p + i, by.n), by) &&
		    span_eq_nocase(span_make(value.p + i + by.n, host.n), host) &&
		    (after.n == 0 || strchr(" \t\n;(", after.p[0]) != NULL))
			return true;
	}
	return false;
}

static bool is_foreign_trace(const struct comply *c, const struct header *h)
{
	return c->facts.class == CLASS_BULK && c->facts.host.n > 0 &&
	       span_eq_nocase(h->name, SPAN("Received")) && !is_by_us(c, h->value);
}

static bool is_claim(const struct comply *c, const struct header *h)
{
	return span_starts_nocase(h->name, SPAN("ARC-")) || is_own_signature(c, h) ||
	       claims_our_results(c, h) || is_foreign_trace(c, h);
}

struct found h13_find(const struct comply *c)
{
	for (size_t i = 0; i < c->draft.header_count; i++)
		if (is_claim(c, &c->draft.headers[i]))
			return BECAUSE(REPAIRABLE, "a header field that a client must not send",
			    .about = c->draft.headers[i].name);
	return FINE;
}

enum err h13_fix(struct comply *c)
{
	for (size_t i = c->draft.header_count; i > 0; i--)
		if (is_claim(c, &c->draft.headers[i - 1]))
			draft_drop(&c->draft, i - 1);
	return ERR_OK;
}

/* ---- H14: what we wrote ourselves; the last of all ---- */

struct found h14_find(const struct comply *c)
{
	for (size_t i = 0; i < c->draft.header_count; i++) {
		const struct header *h = &c->draft.headers[i];

		if (draft_is_new(h) && !field_is_fit(h->name, h->value, false))
			return BECAUSE(FORBIDDEN, "a header field of ours that is not fit",
			    .about = h->name);
	}
	return FINE;
}

/* ---- H15, H16: MIME ---- */

static struct span content_type(const struct comply *c)
{
	const struct header *h = comply_first(c, "Content-Type");

	return h != NULL ? span_trim(h->value) : SPAN("");
}

struct found h15_find(const struct comply *c)
{
	struct span type = content_type(c);
	struct mime_type parsed;

	if (span_starts_nocase(type, SPAN("multipart/")) &&
	    mime_read_type(c->draft.arena, type, &parsed) == MIME_EDITABLE &&
	    (parsed.boundary.p == NULL || parsed.boundary.n == 0))
		return BECAUSE(FLAW, "a multipart without boundary");
	if (comply_first(c, "MIME-Version") == NULL &&
	    (type.n > 0 || comply_first(c, "Content-Transfer-Encoding") != NULL))
		return BECAUSE(REPAIRABLE, "Content-* fields without MIME-Version");
	return FINE;
}

enum err h15_fix(struct comply *c)
{
	return draft_add(&c->draft, "MIME-Version", SPAN(" 1.0"));
}

struct found h15_look(const struct comply *c)
{
	for (size_t i = 0; c->body != NULL && i < c->body->part_count; i++)
		if (c->body->parts[i].mime.skip == MIME_BAD_BOUNDARY)
			return BECAUSE(
			    FLAW, "a boundary that is missing, not used or not closed");
	return FINE;
}

struct found h16_find(const struct comply *c)
{
	if (span_starts_nocase(content_type(c), SPAN("text/html")))
		return BECAUSE(FLAW, "HTML without a plain text beside it");
	return FINE;
}
