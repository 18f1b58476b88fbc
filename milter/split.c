/* split - return paths and the header field of messages that are to be copied. Knows no message. */
#include <stdio.h>

#include "addr.h"
#include "domain.h"
#include "return_path.h"
#include "split.h"
#include "token_payload.h"

#define FACTS_VERSION 1
#define FOLD          72 /* characters of the field's text on a line */

/* ---- return path ---- */

enum err split_get_sender(const struct snapshot *s, const struct token_ring *return_ring,
    struct span sender, size_t *tenant_r, char *host, struct token_return *token_r)
{
	uint8_t space[TOKEN_PAYLOAD_MAX];
	struct token_key *key;
	struct token_return t = { .flags = 0 };
	struct span name, prefix = SPAN(RETURN_PREFIX);
	struct addr a;
	enum err e;
	size_t n;

	if (addr_split(sender, &a) != ERR_OK ||
	    !span_eq_nocase(span_head(a.local, prefix.n), prefix) ||
	    domain_canonical(a.domain, host) != ERR_OK)
		return ERR_NOTFOUND;
	*tenant_r = snapshot_find_bounce_domain(s, span_cstr(host), NULL);
	if (*tenant_r == TENANT_NONE)
		return ERR_NOTFOUND;
	name = span_cstr(snapshot_tenant(s, *tenant_r)->name);
	key = token_key_new(return_ring, name);
	if (key == NULL)
		return ERR_NOMEM;
	e = token_open(key, span_cstr(host), span_from(a.local, prefix.n), space, &n);
	if (e == ERR_OK)
		e = token_get_return(span_make((const char *)space, n), &t);
	token_key_free(&key);
	if (e != ERR_OK || (t.flags & TOKEN_SPLIT) == 0)
		return ERR_NOTFOUND;
	*token_r = t;
	return ERR_OK;
}

/* ---- header field ---- */

/* No host can be called so: what is sealed for it is no unsubscribe token. */
static enum err bind(struct span host, char out[DOMAIN_MAX + 8], struct span *bound_r)
{
	int n = snprintf(out, DOMAIN_MAX + 8, "split:%.*s", SPAN_ARG(host));

	*bound_r = span_make(out, n > 0 ? (size_t)n : 0);
	return n > 0 && n < DOMAIN_MAX ? ERR_OK : ERR_TOOBIG;
}

static void put_piece(struct buf *out, struct span piece)
{
	buf_add_char(out, (char)(piece.n >> 8));
	buf_add_char(out, (char)(piece.n & 0xff));
	buf_add_span(out, piece);
}

static bool take_piece(struct span *rest_io, struct span *piece_r)
{
	size_t n;

	if (rest_io->n < 2)
		return false;
	n = (size_t)(uint8_t)rest_io->p[0] << 8 | (uint8_t)rest_io->p[1];
	*piece_r = span_head(span_from(*rest_io, 2), n);
	*rest_io = span_from(*rest_io, 2 + n);
	return piece_r->n == n;
}

enum err split_put_facts(struct token_key *unsubscribe_key, struct span host,
    const struct split_facts *facts, struct buf *out)
{
	struct buf payload = BUF_INIT(TOKEN_PAYLOAD_MAX), text = BUF_INIT(TOKEN_TEXT_MAX);
	char space[DOMAIN_MAX + 8];
	struct span bound;
	enum err e = bind(host, space, &bound);

	buf_add_char(&payload, FACTS_VERSION);
	for (unsigned i = 0; i < 8; i++)
		buf_add_char(&payload, (char)(facts->message >> (8 * i) & 0xff));
	put_piece(&payload, facts->sender);
	put_piece(&payload, facts->login);
	put_piece(&payload, facts->stream);
	if (e == ERR_OK && !buf_ok(&payload))
		e = ERR_TOOBIG;
	if (e == ERR_OK)
		e = token_seal(unsubscribe_key, bound, buf_span(&payload), &text);
	for (size_t at = 0; e == ERR_OK && at < text.n; at += FOLD) {
		buf_add_cstr(out, at == 0 ? " " : "\n\t");
		buf_add_span(out, span_head(span_from(buf_span(&text), at), FOLD));
	}
	buf_free(&text);
	buf_free(&payload);
	return e == ERR_OK && !buf_ok(out) ? ERR_NOMEM : e;
}

static bool read_facts(struct span payload, struct split_facts *facts_r)
{
	if (payload.n < 9 || payload.p[0] != FACTS_VERSION)
		return false;
	facts_r->message = 0;
	for (unsigned i = 0; i < 8; i++)
		facts_r->message |= (uint64_t)(uint8_t)payload.p[1 + i] << (8 * i);
	payload = span_from(payload, 9);
	return take_piece(&payload, &facts_r->sender) &&
	       take_piece(&payload, &facts_r->login) &&
	       take_piece(&payload, &facts_r->stream) && payload.n == 0;
}

enum err split_get_facts(struct token_key *unsubscribe_key, struct span host, struct span value,
    uint8_t space[TOKEN_PAYLOAD_MAX], struct split_facts *facts_r)
{
	struct buf text = BUF_INIT(TOKEN_TEXT_MAX);
	char bound_space[DOMAIN_MAX + 8];
	struct span bound;
	enum err e = bind(host, bound_space, &bound);
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++)
		if (strchr(" \t\n", value.p[i]) == NULL)
			buf_add_char(&text, value.p[i]);
	if (e == ERR_OK)
		e = buf_ok(&text)
			? token_open(unsubscribe_key, bound, buf_span(&text), space, &n)
			: ERR_NOTFOUND;
	if (e == ERR_OK && !read_facts(span_make((const char *)space, n), facts_r))
		e = ERR_NOTFOUND;
	buf_free(&text);
	return e;
}
