/* comply_ascii - rules H08 and H09: octets that are not ASCII, and the encoded words that stand for
 * them. Knows no other rule. */
#include "comply_rules.h"
#include "field.h"
#include "mime_field.h"

/* ---- H08: 8-bit octets ---- */

enum place { PLACE_TEXT, PLACE_ADDRESSES, PLACE_STRUCTURED };

static enum place place_of(const struct header *h)
{
	static const char *const addresses[] = { "From", "Sender", "Reply-To", "To", "Cc",
		"Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc" };
	static const char *const structured[] = { "Message-ID", "In-Reply-To", "References",
		"Date", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
		"Content-Disposition", "Content-ID", "Received", "Return-Path",
		"DKIM-Signature", "Authentication-Results", "Feedback-ID", "Precedence",
		"Auto-Submitted", "CFBL-Address", "CFBL-Feedback-ID", "TLS-Required" };

	if (comply_is_named(h, addresses, ARRAY_SIZE(addresses)))
		return PLACE_ADDRESSES;
	if (span_starts_nocase(h->name, SPAN("List-")) ||
	    span_starts_nocase(h->name, SPAN("ARC-")) ||
	    comply_is_named(h, structured, ARRAY_SIZE(structured)))
		return PLACE_STRUCTURED;
	return PLACE_TEXT;
}

/* The text of a display name without quotes and escapes, in the arena. */
static struct span unquote(struct arena *arena, struct span phrase)
{
	char *p = arena_alloc(arena, phrase.n + 1);
	size_t n = 0;

	for (size_t i = 0; p != NULL && i < phrase.n; i++) {
		char ch = phrase.p[i];

		if (ch == '\\' && i + 1 < phrase.n)
			ch = phrase.p[++i];
		else if (ch == '"' || ch == '\n')
			continue;
		p[n++] = ch == '\t' ? ' ' : ch;
	}
	return span_trim(span_make(p, n));
}

/* Where the address that starts at from ends: at a comma outside of quotes, brackets, comments. */
static size_t end_of_address(struct span list, size_t from, size_t *bracket_r)
{
	bool quoted = false, angle = false;
	unsigned comment = 0;
	size_t i = from;

	*bracket_r = list.n;
	for (; i < list.n; i++) {
		char ch = list.p[i];

		if (ch == '\\' && (quoted || comment > 0))
			i++;
		else if (ch == '"' && comment == 0)
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (ch == '(')
			comment++;
		else if (ch == ')' && comment > 0)
			comment--;
		else if (comment > 0)
			continue;
		else if (ch == '<' && !angle) {
			angle = true;
			*bracket_r = i;
		} else if (ch == '>')
			angle = false;
		else if (ch == ',' && !angle)
			break;
	}
	return i < list.n ? i : list.n;
}

/* An address whose domain has a spelling in ASCII; a local part has none. */
static bool put_address(struct field *f, struct span address, bool in_brackets)
{
	char domain[DOMAIN_MAX];
	struct buf word = BUF_INIT(1024);
	size_t at = span_find(address, '@', 0);
	bool ok = !field_has_8bit(span_head(address, at)) &&
		  domain_canonical(span_from(address, at + 1), domain) == ERR_OK;

	if (ok) {
		buf_printf(&word, in_brackets ? "<%.*s@%s>" : "%.*s@%s",
		    SPAN_ARG(span_head(address, at)), domain);
		field_word(f, buf_span(&word));
	}
	buf_free(&word);
	return ok;
}

/* The words as they are, folded anew. */
static void put_words(struct field *f, struct span text)
{
	while (text.n > 0) {
		size_t n = 0;

		while (n < text.n && strchr(" \t\n", text.p[n]) == NULL)
			n++;
		if (n > 0)
			field_word(f, span_head(text, n));
		text = span_from(text, n + 1);
	}
}

/* One "phrase <address>" or "address", where it holds 8-bit octets without comments and groups. */
static bool put_mailbox(struct field *f, struct arena *arena, struct span one, size_t bracket)
{
	struct span phrase = span_trim(span_head(one, bracket));
	struct span address = span_trim(span_from(one, bracket));

	if (!field_has_8bit(one)) {
		put_words(f, one);
		return true;
	}
	if (span_find(one, '(', 0) < one.n || span_find(phrase, ':', 0) < phrase.n ||
	    memmem(one.p, one.n, "=?", 2) != NULL)
		return false;
	if (address.n == 0)
		return put_address(f, phrase, false);
	if (address.p[address.n - 1] != '>')
		return false;
	if (field_has_8bit(phrase)) {
		phrase = unquote(arena, phrase);
		if (phrase.p == NULL)
			return false;
		field_encoded(f, phrase);
	} else {
		put_words(f, phrase);
	}
	if (!field_has_8bit(address)) {
		put_words(f, address);
		return true;
	}
	return put_address(f, span_make(address.p + 1, address.n - 2), true);
}

static bool rewrite_addresses(
    const struct comply *c, const struct header *h, struct span *value_r)
{
	struct arena *arena = c->draft.arena;
	char name[64];
	struct field f;
	bool ok = span_copy(h->name, name, sizeof name);

	field_begin(&f, name);
	for (size_t at = 0, bracket, end; ok && at < h->value.n; at = end + 1) {
		end = end_of_address(h->value, at, &bracket);
		ok = put_mailbox(&f, arena, span_make(h->value.p + at, end - at),
		    bracket < end ? bracket - at : end - at);
		if (ok && end < h->value.n)
			field_glue(&f, SPAN(","));
	}
	return field_end(&f, arena, value_r) == ERR_OK && ok;
}

static bool rewrite_text(const struct comply *c, const struct header *h, struct span *value_r)
{
	char name[256];
	struct field f;

	if (!span_copy(h->name, name, sizeof name))
		return false;
	field_begin(&f, name);
	field_text(&f, comply_unfold(c, span_trim(h->value)));
	return field_end(&f, c->draft.arena, value_r) == ERR_OK;
}

static bool to_ascii(const struct comply *c, const struct header *h, struct span *value_r)
{
	if (!span_is_utf8(h->value))
		return false;
	switch (place_of(h)) {
	case PLACE_TEXT: return rewrite_text(c, h, value_r);
	case PLACE_ADDRESSES: return rewrite_addresses(c, h, value_r);
	case PLACE_STRUCTURED: break;
	}
	return false;
}

struct found h08_find(const struct comply *c)
{
	struct found found = FINE;
	struct span value;

	for (size_t i = 0; !c->facts.smtputf8 && i < c->draft.header_count; i++) {
		const struct header *h = &c->draft.headers[i];

		if (!field_has_8bit(h->value))
			continue;
		found = BECAUSE(REPAIRABLE, "8-bit octets in a header field", .about = h->name);
		if (!to_ascii(c, h, &value))
			return BECAUSE(FLAW, "8-bit octets where a header field allows none",
			    .about = h->name);
	}
	return found;
}

enum err h08_fix(struct comply *c)
{
	enum err e = ERR_OK;
	struct span value;

	for (size_t i = 0; e == ERR_OK && i < c->draft.header_count; i++)
		if (field_has_8bit(c->draft.headers[i].value))
			e = to_ascii(c, &c->draft.headers[i], &value)
				? draft_set(&c->draft, i, value)
				: ERR_NOMEM;
	return e;
}

/* ---- H09: encoded words ---- */

static bool has_encoded_word(struct span s)
{
	const char *start = memmem(s.p, s.n, "=?", 2);

	return start != NULL &&
	       memmem(start + 2, s.n - 2 - (size_t)(start - s.p), "?=", 2) != NULL;
}

/* Between '<' and '>'; a quoted string may hold these, too. */
static bool has_in_brackets(struct span value)
{
	struct span uri;

	while (list_next_uri(&value, &uri))
		if (has_encoded_word(uri))
			return true;
	return false;
}

static bool is_misplaced(const struct header *h)
{
	static const char *const ids[] = { "Message-ID", "In-Reply-To", "References" };
	static const char *const mime[] = { "Content-Type", "Content-Disposition" };

	if (memmem(h->value.p, h->value.n, "=?", 2) == NULL)
		return false;
	if (comply_is_named(h, ids, ARRAY_SIZE(ids)))
		return has_encoded_word(h->value);
	if (comply_is_named(h, mime, ARRAY_SIZE(mime)))
		return has_encoded_word(span_from(h->value, span_find(h->value, ';', 0)));
	if (place_of(h) == PLACE_ADDRESSES || span_starts_nocase(h->name, SPAN("List-")))
		return has_in_brackets(h->value);
	return false;
}

struct found h09_find(const struct comply *c)
{
	for (size_t i = 0; i < c->draft.header_count; i++)
		if (is_misplaced(&c->draft.headers[i]))
			return BECAUSE(FLAW, "an encoded word where none is allowed",
			    .about = c->draft.headers[i].name);
	return FINE;
}
