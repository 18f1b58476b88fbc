/* senders - text to token. Knows no socket and no log. */
#include <stdio.h>
#include <stdlib.h>

#include "addr.h"
#include "domain.h"
#include "senders.h"

static const struct span return_prefix = { "b+", 2 };

enum err senders_init(
    struct senders *s, const struct snapshot *snapshot, char *error, size_t size)
{
	const struct provider *p = snapshot_provider(snapshot);
	enum err e;

	*s = (struct senders){ .snapshot = snapshot };
	e = token_ring_read(p->tokens.keys, TOKEN_RETURN, &s->ring, error, size);
	if (e != ERR_OK)
		return e;
	s->keys = calloc(SENDERS_KEYS, sizeof *s->keys);
	if (s->keys != NULL)
		return ERR_OK;
	token_ring_free(&s->ring); /* without memory nothing opens */
	(void)snprintf(error, size, "%s", err_text(ERR_NOMEM));
	return ERR_NOMEM;
}

void senders_deinit(struct senders *s)
{
	for (size_t i = 0; s->keys != NULL && i < SENDERS_KEYS; i++)
		token_key_free(&s->keys[i].key);
	free(s->keys);
	s->keys = NULL;
	token_ring_free(&s->ring);
}

/* A sender that looks like a return path of ours. */
struct return_path {
	char domain[DOMAIN_MAX], local[ADDR_LOCAL_MAX + 1];
	size_t tenant;
};

static bool find_return_path(
    const struct senders *s, struct span sender, struct return_path *path_r)
{
	struct addr a;

	/* Local parts may lose their case on the way. */
	if (addr_split(sender, &a) != ERR_OK ||
	    !span_lower(a.local, path_r->local, sizeof path_r->local) ||
	    !span_starts(span_cstr(path_r->local), return_prefix) ||
	    domain_canonical(a.domain, path_r->domain) != ERR_OK)
		return false;
	path_r->tenant =
	    snapshot_find_bounce_domain(s->snapshot, span_cstr(path_r->domain), NULL);
	return path_r->tenant != TENANT_NONE;
}

bool senders_is_path(const struct senders *s, struct span address)
{
	struct return_path path;

	return find_return_path(s, address, &path);
}

/* Deriving a tenant's keys costs more than all else here. */
static struct token_key *obtain_key(struct senders *s, size_t tenant)
{
	struct senders_key *k = &s->keys[tenant % SENDERS_KEYS];

	if (k->key != NULL && k->tenant == tenant)
		return k->key;
	token_key_free(&k->key);
	k->tenant = tenant;
	k->key = token_key_new(s->ring, span_cstr(snapshot_tenant(s->snapshot, tenant)->name));
	return k->key;
}

enum sender_kind senders_open(
    struct senders *s, struct span sender, size_t *tenant_r, struct token_return *token_r)
{
	struct return_path path;
	struct token_key *key = NULL;
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	size_t n;

	if (!find_return_path(s, sender, &path))
		return SENDER_FOREIGN;
	*tenant_r = path.tenant;
	if (s->ring != NULL)
		key = obtain_key(s, path.tenant);
	if (key == NULL)
		return SENDER_UNKNOWN;
	return token_open(key, span_cstr(path.domain),
		   span_from(span_cstr(path.local), return_prefix.n), payload, &n) == ERR_OK &&
		       token_get_return(span_make((const char *)payload, n), token_r) == ERR_OK
		   ? SENDER_OURS
		   : SENDER_FOREIGN;
}

const struct tenant_domain *senders_domain(const struct tenant *tenant, struct span sender)
{
	char canonical[DOMAIN_MAX];
	struct addr a;

	if (addr_split(sender, &a) != ERR_OK || domain_canonical(a.domain, canonical) != ERR_OK)
		return NULL;
	for (size_t i = 0; i < tenant->domain_count; i++)
		if (tenant->domains[i].bounce_domain != NULL &&
		    span_eq(span_cstr(tenant->domains[i].bounce_domain), span_cstr(canonical)))
			return tenant->domains + i;
	return tenant_find_domain(tenant, span_cstr(canonical));
}

const struct stream *senders_stream(const struct tenant *tenant, uint16_t check)
{
	for (size_t i = 0; i < tenant->stream_count; i++)
		if (stream_check_of(span_cstr(tenant->streams[i].name)) == check)
			return tenant->streams + i;
	return tenant->streams;
}
