/* routing - map name and key to an answer. Pure, but for the reading of keys at init. */
#include <stdio.h>
#include <stdlib.h>

#include "addr.h"
#include "log.h"
#include "net.h"
#include "routing.h"
#include "token_payload.h"

static const struct span return_prefix = { "b+", 2 };

/* ---- life ---- */

static void read_keys(struct routing *r, const struct provider *p)
{
	char error[512];

	if (token_ring_read(p->tokens.keys, TOKEN_RETURN, &r->ring, error, sizeof error) ==
	    ERR_OK)
		return;
	if (p->postfix.split[0] != '\0')
		log_text(LOG_LEVEL_WARNING,
		    "postfix.split is off: %s; a message with content of its own for each "
		    "recipient gets 452 from the second recipient on",
		    error);
	if (p->source_count > 0)
		log_text(LOG_LEVEL_WARNING, "sources: %s; mail with a source waits", error);
}

static void use_split(struct routing *r, const struct provider *p)
{
	struct net_address address;
	char name[128], error[512];

	(void)snprintf(name, sizeof name, "inet:%s", p->postfix.split);
	if (net_parse(span_cstr(name), "/", &address, error, sizeof error) != ERR_OK)
		return; /* the configuration's check knows better */
	(void)snprintf(r->split, sizeof r->split, "penguin-split:[%s]:%u", address.host,
	    (unsigned)address.port);
}

void routing_init(struct routing *r, const struct snapshot *snapshot, bool *paused)
{
	const struct provider *p = snapshot_provider(snapshot);

	*r = (struct routing){ .snapshot = snapshot_ref(snapshot), .paused = paused };
	if (p->postfix.split[0] != '\0' || p->source_count > 0)
		read_keys(r, p);
	if (r->ring != NULL)
		r->keys = calloc(ROUTING_KEYS, sizeof *r->keys);
	if (r->keys == NULL)
		token_ring_free(&r->ring); /* without memory nothing opens */
	if (p->postfix.split[0] != '\0' && r->ring != NULL)
		use_split(r, p);
}

void routing_deinit(struct routing *r)
{
	for (size_t i = 0; r->keys != NULL && i < ROUTING_KEYS; i++)
		token_key_free(&r->keys[i].key);
	free(r->keys);
	r->keys = NULL;
	token_ring_free(&r->ring);
	free(r->paused);
	r->paused = NULL;
	snapshot_unref(&r->snapshot);
}

const char *routing_split_way(const struct routing *r)
{
	return r->split;
}

/* ---- sdt ---- */

/* A sender that looks like a return path of ours. */
struct return_path {
	char domain[DOMAIN_MAX], local[ADDR_LOCAL_MAX + 1];
	size_t tenant;
};

static bool find_return_path(
    const struct routing *r, struct span sender, struct return_path *path_r)
{
	struct addr a;

	/* Local parts may lose their case on the way. */
	if (addr_split(sender, &a) != ERR_OK ||
	    !span_lower(a.local, path_r->local, sizeof path_r->local) ||
	    !span_starts(span_cstr(path_r->local), return_prefix) ||
	    domain_canonical(a.domain, path_r->domain) != ERR_OK)
		return false;
	path_r->tenant =
	    snapshot_find_bounce_domain(r->snapshot, span_cstr(path_r->domain), NULL);
	return path_r->tenant != TENANT_NONE;
}

/* Deriving a tenant's keys costs more than all else here. */
static struct token_key *obtain_key(const struct routing *r, size_t tenant)
{
	struct routing_key *k = &r->keys[tenant % ROUTING_KEYS];

	if (k->key != NULL && k->tenant == tenant)
		return k->key;
	token_key_free(&k->key);
	k->tenant = tenant;
	k->key = token_key_new(r->ring, span_cstr(snapshot_tenant(r->snapshot, tenant)->name));
	return k->key;
}

/* Does its token open, and what does it say? */
static bool open_return_path(
    struct token_key *key, const struct return_path *path, struct token_return *token_r)
{
	struct span token = span_from(span_cstr(path->local), return_prefix.n);
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	size_t n;

	return token_open(key, span_cstr(path->domain), token, payload, &n) == ERR_OK &&
	       token_get_return(span_make((const char *)payload, n), token_r) == ERR_OK;
}

bool routing_way(const struct source *source, char out[ROUTING_WAY_MAX])
{
	int n = snprintf(out, ROUTING_WAY_MAX, "%s%s:%s", SOURCE_TRANSPORT, source->name,
	    source->relay != NULL ? source->relay : "");

	return n > 0 && n < ROUTING_WAY_MAX;
}

/* Mail keeps its source: of one that cannot be used it waits in the queue (transport(5), retry). */
static void answer_source(const struct routing *r, uint32_t id, struct buf *out)
{
	const struct source *source = snapshot_find_source_id(r->snapshot, id);
	char way[ROUTING_WAY_MAX];

	if (source == NULL)
		buf_add_cstr(out, "OK retry:4.7.1 its source is not configured");
	else if (r->paused != NULL &&
		 r->paused[source - snapshot_provider(r->snapshot)->sources])
		buf_printf(out, "OK retry:4.7.1 source %s is paused", source->name);
	else if (routing_way(source, way))
		buf_printf(out, "OK %s", way);
	else
		buf_add_cstr(out, "TEMP its source's way is too long");
}

static void answer_sender(const struct routing *r, struct span sender, struct buf *out)
{
	struct token_key *key = NULL;
	struct return_path path;
	struct token_return token;
	bool ours = find_return_path(r, sender, &path);

	if (ours && r->ring != NULL)
		key = obtain_key(r, path.tenant);
	if (!ours)
		buf_add_cstr(out, "NOTFOUND ");
	else if (r->ring == NULL && snapshot_provider(r->snapshot)->source_count > 0)
		buf_add_cstr(out, "OK retry:4.3.0 keys of return paths cannot be read");
	else if (key == NULL && r->ring != NULL)
		buf_add_cstr(out, "TEMP out of memory");
	else if (key == NULL || !open_return_path(key, &path, &token))
		buf_add_cstr(out, "NOTFOUND ");
	else if ((token.flags & TOKEN_SPLIT) != 0 && r->split[0] != '\0')
		buf_printf(out, "OK %s", r->split);
	else if ((token.flags & TOKEN_SPLIT) == 0 && token.source != 0)
		answer_source(r, token.source, out);
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
