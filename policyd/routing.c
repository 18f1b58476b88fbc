/* routing - map name and key to an answer. Pure, but for the reading of keys at init. */
#include <stdio.h>

#include "addr.h"
#include "log.h"
#include "net.h"
#include "routing.h"
#include "token_payload.h"

static const struct span return_prefix = { "b+", 2 };

/* ---- life ---- */

static void use_split(struct routing *r, const struct provider *p)
{
	struct net_address address;
	char name[128], error[512];

	(void)snprintf(name, sizeof name, "inet:%s", p->postfix.split);
	if (net_parse(span_cstr(name), "/", &address, error, sizeof error) != ERR_OK ||
	    token_ring_read(p->tokens.keys, TOKEN_RETURN, &r->ring, error, sizeof error) !=
		ERR_OK) {
		log_text(LOG_LEVEL_WARNING,
		    "postfix.split is off: %s; a message with content of its own for each "
		    "recipient gets 452 from the second recipient on",
		    error);
		return;
	}
	(void)snprintf(r->split, sizeof r->split, "penguin-split:[%s]:%u", address.host,
	    (unsigned)address.port);
}

void routing_init(struct routing *r, const struct snapshot *snapshot)
{
	const struct provider *p = snapshot_provider(snapshot);

	*r = (struct routing){ .snapshot = snapshot_ref(snapshot) };
	if (p->postfix.split[0] != '\0')
		use_split(r, p);
}

void routing_deinit(struct routing *r)
{
	token_ring_free(&r->ring);
	snapshot_unref(&r->snapshot);
}

const char *routing_split_way(const struct routing *r)
{
	return r->ring != NULL ? r->split : "";
}

/* ---- sdt ---- */

/* Does the sender's token open, and what does it say? */
static bool open_return_path(
    const struct routing *r, struct span sender, struct token_return *token_r)
{
	char domain[DOMAIN_MAX], text[ADDR_LOCAL_MAX + 1];
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	struct token_key *key;
	size_t tenant, n;
	struct addr a;
	bool opens;

	/* Local parts may lose their case on the way. */
	if (addr_split(sender, &a) != ERR_OK || !span_lower(a.local, text, sizeof text) ||
	    !span_starts(span_cstr(text), return_prefix) ||
	    domain_canonical(a.domain, domain) != ERR_OK)
		return false;
	tenant = snapshot_find_bounce_domain(r->snapshot, span_cstr(domain), NULL);
	if (tenant == TENANT_NONE)
		return false;
	key = token_key_new(r->ring, span_cstr(snapshot_tenant(r->snapshot, tenant)->name));
	if (key == NULL)
		return false;
	opens = token_open(key, span_cstr(domain), span_from(span_cstr(text), return_prefix.n),
		    payload, &n) == ERR_OK &&
		token_get_return(span_make((const char *)payload, n), token_r) == ERR_OK;
	token_key_free(&key);
	return opens;
}

static void answer_sender(const struct routing *r, struct span sender, struct buf *out)
{
	struct token_return token;

	if (r->ring != NULL && open_return_path(r, sender, &token) &&
	    (token.flags & TOKEN_SPLIT) != 0)
		buf_printf(out, "OK %s", r->split);
	else
		buf_add_cstr(out, "NOTFOUND ");
}

static void answer_recipient(
    const struct routing *r UNUSED, struct span recipient UNUSED, struct buf *out)
{
	buf_add_cstr(out, "NOTFOUND ");
}

/* ---- maps ---- */

static const struct map {
	struct span name;
	void (*answer)(const struct routing *r, struct span key, struct buf *out);
} maps[] = {
	{ { "sdt", 3 }, answer_sender },
	{ { "tr", 2 }, answer_recipient },
};

void routing_answer(const struct routing *r, struct span request, struct buf *out)
{
	size_t blank = span_find(request, ' ', 0);

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		if (blank < request.n && span_eq(span_head(request, blank), maps[i].name)) {
			maps[i].answer(r, span_from(request, blank + 1), out);
			return;
		}
	}
	buf_add_cstr(out, "PERM the maps here are sdt and tr");
}
