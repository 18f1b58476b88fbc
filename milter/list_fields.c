/* list_fields - fields of RFC 2369, 2919 and 8058. Knows no stages. */
#include <stdio.h>

#include "domain.h"
#include "links.h"
#include "list_fields.h"
#include "token_payload.h"

#define UNSUBSCRIBE      "List-Unsubscribe"
#define UNSUBSCRIBE_POST "List-Unsubscribe-Post"
#define ONE_CLICK        "List-Unsubscribe=One-Click"
#define LIST_ID_MAX      255 /* octets, RFC 2919 section 3 */

bool list_next_uri(struct span *rest_io, struct span *uri_r)
{
	size_t open = span_find(*rest_io, '<', 0), close = span_find(*rest_io, '>', open);

	if (close == rest_io->n) {
		*rest_io = span_make("", 0);
		return false;
	}
	*uri_r = span_make(rest_io->p + open + 1, close - open - 1);
	*rest_io = span_from(*rest_io, close + 1);
	return true;
}

/* ---- what is there ---- */

struct survey {
	const struct list_facts *facts;
	struct span https; /* the first that may stay */
	struct span mailto[LIST_URIS_MAX];
	size_t mailto_count;
	bool dirty; /* something is not as it should be: the field is written anew */
};

static bool has_blank(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n')
			return true;
	return false;
}

/* A URI without the blanks that do not belong to it (RFC 2369 section 2), in the arena. */
static struct span without_blanks(struct arena *arena, struct span uri)
{
	char *p = arena_alloc(arena, uri.n + 1);
	size_t n = 0;

	if (p == NULL)
		return span_make(NULL, 0);
	for (size_t i = 0; i < uri.n; i++)
		if (uri.p[i] != ' ' && uri.p[i] != '\t' && uri.p[i] != '\n')
			p[n++] = uri.p[i];
	return span_make(p, n);
}

/* A token that is genuine, for this very recipient and stream? */
static bool is_current(const struct list_facts *facts, struct span uri)
{
	struct span prefix = SPAN("/u/");
	uint8_t space[TOKEN_PAYLOAD_MAX];
	struct token_unsubscribe t;
	size_t at = span_find(uri, '/', sizeof("https://") - 1), n;

	return facts->recipient.n > 0 && span_starts(span_from(uri, at), prefix) &&
	       token_open(facts->key, facts->host, span_from(uri, at + prefix.n), space, &n) ==
		   ERR_OK &&
	       token_get_unsubscribe(span_make((const char *)space, n), &t) == ERR_OK &&
	       span_eq(t.stream, facts->stream) && span_eq(t.address, facts->recipient);
}

enum whose { STAYS, STALE, FOREIGN };

static enum whose whose_uri(const struct list_facts *facts, struct span uri, const char *host)
{
	struct span name = span_cstr(host);

	if (snapshot_find_tracking_host(facts->snapshot, name, NULL) == facts->tenant)
		return span_eq(name, facts->host) && is_current(facts, uri) ? STAYS : STALE;
	return snapshot_find_domain(facts->snapshot, name, NULL) == facts->tenant ? STAYS
										  : FOREIGN;
}

/* False: a fault, in the decision. */
static bool look_at_https(
    struct survey *s, struct arena *arena, struct span uri, struct list_decision *decision)
{
	char host[DOMAIN_MAX] = "";

	switch (links_host(uri, host) ? whose_uri(s->facts, uri, host) : FOREIGN) {
	case STAYS:
		s->dirty = s->dirty || s->https.n > 0;
		if (s->https.n == 0)
			s->https = uri;
		return true;
	case STALE: s->dirty = true; return true;
	case FOREIGN: break;
	}
	decision->fault = LIST_FOREIGN;
	decision->subject = span_make(arena_dup(arena, span_cstr(host)), strlen(host));
	return false;
}

static bool starts_nocase(struct span s, struct span prefix)
{
	return span_eq_nocase(span_head(s, prefix.n), prefix);
}

static enum err look(
    struct survey *s, struct arena *arena, struct span value, struct list_decision *decision)
{
	struct span rest = value, uri, clean;
	size_t count = 0;

	while (list_next_uri(&rest, &uri)) {
		clean = without_blanks(arena, uri);
		if (clean.p == NULL)
			return ERR_NOMEM;
		s->dirty = s->dirty || has_blank(uri);
		if (++count > LIST_URIS_MAX) {
			s->dirty = true;
			break;
		}
		if (starts_nocase(clean, SPAN("https:"))) {
			if (!look_at_https(s, arena, clean, decision))
				return ERR_OK;
		} else if (starts_nocase(clean, SPAN("mailto:"))) {
			s->mailto[s->mailto_count++] = clean;
		} else {
			s->dirty = true; /* http: no one-click, RFC 8058 section 3.1 */
		}
	}
	s->dirty = s->dirty || count == 0;
	return ERR_OK;
}

/* ---- what shall be there ---- */

static void put_uri(struct buf *out, const char *scheme, struct span uri)
{
	buf_add_cstr(out, out->n == 0 ? " <" : ",\n <");
	buf_add_cstr(out, scheme);
	buf_add_span(out, uri);
	buf_add_char(out, '>');
}

/* One URI a line: a URI itself is never folded. */
static enum err compose(const struct survey *s, struct arena *arena, struct span *value_r)
{
	struct buf value = BUF_INIT((LIST_URIS_MAX + 2) * LIST_VALUE_MAX);
	struct span rest, line;
	enum err e = ERR_OK;

	put_uri(&value, "", s->https.n > 0 ? s->https : s->facts->own_uri);
	for (size_t i = 0; i < s->mailto_count; i++)
		put_uri(&value, "", s->mailto[i]);
	if (s->mailto_count == 0 && s->facts->mailto.n > 0)
		put_uri(&value, "mailto:", s->facts->mailto);
	*value_r = span_make(arena_dup(arena, buf_span(&value)), value.n);
	if (!buf_ok(&value) || value_r->p == NULL)
		e = ERR_NOMEM;
	rest = *value_r;
	while (e == ERR_OK && span_next(&rest, '\n', &line))
		if (sizeof UNSUBSCRIBE + line.n > LIST_VALUE_MAX)
			e = ERR_TOOBIG;
	buf_free(&value);
	return e;
}

enum err list_decide(
    const struct message *m, const struct list_facts *facts, struct list_decision *decision_r)
{
	struct survey s = { .facts = facts };
	const struct header *first, *other;
	size_t at = 0;
	enum err e = ERR_OK;

	*decision_r = (struct list_decision){ .fault = LIST_FINE };
	first = message_find_header(m, SPAN(UNSUBSCRIBE), 0, &at);
	if (first != NULL)
		e = look(&s, m->arena, first->value, decision_r);
	else
		s.dirty = true;
	if (e != ERR_OK || decision_r->fault != LIST_FINE)
		return e;
	while ((other = message_find_header(m, SPAN(UNSUBSCRIBE), at + 1, &at)) != NULL) {
		s.dirty = true;
		if (span_eq(span_trim(other->value), span_trim(first->value)))
			continue;
		decision_r->fault = LIST_TWICE;
		return ERR_OK;
	}
	decision_r->one_click = s.https.n > 0 || facts->own_uri.n > 0;
	decision_r->replace = decision_r->one_click && (s.dirty || s.https.n == 0);
	return decision_r->replace ? compose(&s, m->arena, &decision_r->value) : ERR_OK;
}

/* ---- edits ---- */

/* All fields of the name, from the last to the first: deleting one renumbers those behind it. */
static enum err delete_all(struct message *m, struct span name)
{
	enum err e = ERR_OK;

	for (size_t i = m->header_count; e == ERR_OK && i > 0; i--)
		if (span_eq_nocase(m->headers[i - 1].name, name))
			e = message_delete_header(m, &m->headers[i - 1]);
	return e;
}

/* RFC 8058 section 3.1: exactly this pair. */
static enum err edit_post(struct message *m)
{
	const struct header *h;
	size_t at;
	enum err e;

	h = message_find_header(m, SPAN(UNSUBSCRIBE_POST), 0, &at);
	if (h != NULL && message_find_header(m, SPAN(UNSUBSCRIBE_POST), at + 1, NULL) == NULL &&
	    (span_eq(h->value, SPAN(" " ONE_CLICK)) || span_eq(h->value, SPAN(ONE_CLICK))))
		return ERR_OK;
	e = delete_all(m, SPAN(UNSUBSCRIBE_POST));
	if (e == ERR_OK)
		e = message_insert_header(m, 1, UNSUBSCRIBE_POST, SPAN(" " ONE_CLICK));
	return e;
}

static enum err edit_id(struct message *m, struct span stream, struct span domain)
{
	char value[LIST_ID_MAX + 4];
	int n;

	if (message_find_header(m, SPAN("List-Id"), 0, NULL) != NULL)
		return ERR_OK;
	n = snprintf(value, sizeof value, " <%.*s.%.*s>", SPAN_ARG(stream), SPAN_ARG(domain));
	/* A name of a stream that makes no identifier stays out (dots at an end). */
	if (n < 0 || (size_t)n >= sizeof value || strstr(value, "..") != NULL)
		return ERR_OK;
	return message_insert_header(m, 1, "List-Id", span_make(value, (size_t)n));
}

enum err list_edit(struct message *m, const struct list_facts *facts,
    const struct list_decision *decision, struct span domain)
{
	enum err e = edit_id(m, facts->stream, domain);

	if (e == ERR_OK && decision->one_click)
		e = edit_post(m);
	if (e == ERR_OK && decision->replace)
		e = delete_all(m, SPAN(UNSUBSCRIBE));
	if (e == ERR_OK && decision->replace)
		e = message_insert_header(m, 1, UNSUBSCRIBE, decision->value);
	return e;
}
