/* list_fields - the fields of RFC 2369 and 8058. Knows no stages. */
#include "list_fields.h"
#include "domain.h"
#include "field.h"
#include "links.h"
#include "token_payload.h"

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

bool list_is_current(const struct list_facts *facts, struct span uri)
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
		return span_eq(name, facts->host) && list_is_current(facts, uri) ? STAYS
										 : STALE;
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
		if (span_starts_nocase(clean, SPAN("https:"))) {
			if (!look_at_https(s, arena, clean, decision))
				return ERR_OK;
		} else if (span_starts_nocase(clean, SPAN("mailto:"))) {
			s->mailto[s->mailto_count++] = clean;
		} else {
			s->dirty = true; /* http: no one-click, RFC 8058 section 3.1 */
		}
	}
	s->dirty = s->dirty || count == 0;
	return ERR_OK;
}

/* ---- what shall be there ---- */

/* One URI a line: a URI itself is never folded. */
static void put_uri(struct field *f, const char *scheme, struct span uri)
{
	struct buf word = BUF_INIT(LIST_VALUE_MAX * 2);

	buf_printf(&word, "<%s%.*s>", scheme, SPAN_ARG(uri));
	if (f->value.n > 0) {
		field_glue(f, SPAN(","));
		field_fold(f);
	}
	field_word(f, buf_ok(&word) ? buf_span(&word) : SPAN(""));
	buf_free(&word);
}

static enum err compose(const struct survey *s, struct arena *arena, struct span *value_r)
{
	struct span rest, line;
	struct field f;
	bool too_long = false;
	enum err e;

	field_begin(&f, LIST_UNSUBSCRIBE);
	put_uri(&f, "", s->https.n > 0 ? s->https : s->facts->own_uri);
	for (size_t i = 0; i < s->mailto_count; i++)
		put_uri(&f, "", s->mailto[i]);
	if (s->mailto_count == 0 && s->facts->mailto.n > 0)
		put_uri(&f, "mailto:", s->facts->mailto);
	rest = buf_span(&f.value);
	while (span_next(&rest, '\n', &line))
		if (sizeof LIST_UNSUBSCRIBE + line.n > LIST_VALUE_MAX)
			too_long = true;
	e = field_end(&f, arena, value_r);
	return too_long ? ERR_TOOBIG : e;
}

enum err list_decide(
    const struct message *m, const struct list_facts *facts, struct list_decision *decision_r)
{
	struct survey s = { .facts = facts };
	const struct header *first, *other;
	size_t at = 0;
	enum err e = ERR_OK;

	*decision_r = (struct list_decision){ .fault = LIST_FINE };
	first = message_find_header(m, SPAN(LIST_UNSUBSCRIBE), 0, &at);
	if (first != NULL)
		e = look(&s, m->arena, first->value, decision_r);
	else
		s.dirty = true;
	if (e != ERR_OK || decision_r->fault != LIST_FINE)
		return e;
	while ((other = message_find_header(m, SPAN(LIST_UNSUBSCRIBE), at + 1, &at)) != NULL) {
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

/* ---- what others wrote ---- */

/* Only URIs in <>, commas, blanks and folds. */
static bool is_clean(struct span value)
{
	bool inside = false, after = false;

	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (inside) {
			if (c == ' ' || c == '\t' || c == '\n')
				return false;
			inside = c != '>';
			after = !inside;
		} else if (c == '<' && !after) {
			inside = true;
		} else if (c == ',' && after) {
			after = false;
		} else if (c != ' ' && c != '\t' && c != '\n') {
			return false;
		}
	}
	return after;
}

void list_look(const struct message *m, const struct snapshot *s, size_t tenant,
    struct list_survey *survey_r)
{
	const struct header *h;
	char host[DOMAIN_MAX];

	*survey_r = (struct list_survey){ .clean = true };
	for (size_t at = 0;
	     (h = message_find_header(m, SPAN(LIST_UNSUBSCRIBE), at, &at)) != NULL; at++) {
		struct span rest = h->value, uri;

		survey_r->fields++;
		survey_r->clean = survey_r->clean && is_clean(h->value);
		while (list_next_uri(&rest, &uri)) {
			if (!span_starts_nocase(uri, SPAN("https:")))
				continue;
			if (survey_r->https++ == 0)
				survey_r->uri = uri;
			if (!links_host(uri, host) ||
			    (snapshot_find_tracking_host(s, span_cstr(host), NULL) != tenant &&
				snapshot_find_domain(s, span_cstr(host), NULL) != tenant))
				survey_r->foreign++;
		}
	}
}
