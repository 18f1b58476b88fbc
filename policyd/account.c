/* account - a cache of who is asking. Knows no requests and no replies. */
#include <stdlib.h>

#include "account.h"
#include "table.h"

#define ACCOUNTS_MAX 200000u /* then all are forgotten; they come back at a small cost */
#define KEY_MAX      2048u

struct entry {
	struct account account;
	UT_hash_handle hh;
	char *login; /* owned; identity's login points here */
	size_t key_octets;
	char key[];
};

struct accounts {
	struct entry *entries; /* login NUL context NUL port NUL client => entry */
};

struct accounts *accounts_new(void)
{
	return calloc(1, sizeof(struct accounts));
}

void accounts_forget(struct accounts *a)
{
	struct entry *e, *next;

	HASH_ITER(hh, a->entries, e, next)
	{
		HASH_DEL(a->entries, e);
		free(e->login);
		free(e);
	}
}

void accounts_free(struct accounts **a)
{
	if (*a == NULL)
		return;
	accounts_forget(*a);
	free(*a);
	*a = NULL;
}

bool account_quotas(struct store *store, bool create, const struct tenant *tenant,
    const struct plan *plan, const struct stream *stream, struct span login,
    struct quota quotas_r[QUOTA_MAX], size_t *count_r)
{
	char space[BUCKET_NAME_MAX];
	size_t count = quota_list(tenant, plan, stream, login, quotas_r);

	*count_r = count;
	for (size_t i = 0; i < count; i++) {
		struct buf name = { .p = space, .size = sizeof space, .max = sizeof space };

		quota_bucket_name(&name, span_cstr(tenant->name), &quotas_r[i]);
		if (!buf_ok(&name))
			return false;
		quotas_r[i].bucket = create ? store_bucket(store, buf_span(&name))
					    : store_find_bucket(store, buf_span(&name));
		if (create && quotas_r[i].bucket == BUCKET_NONE)
			return false;
	}
	return true;
}

bool account_pool(struct pools *pools, const struct snapshot *snapshot, struct account *account)
{
	const struct pool *pool;

	account->pool = NULL;
	account->pool_missing =
	    !snapshot_stream_pool(snapshot, account->who.tenant, account->who.stream, &pool);
	if (account->pool_missing || pool == NULL)
		return true;
	account->pool = pools_find(pools, pool);
	return account->pool != NULL;
}

static struct entry *entry_new(struct span key, struct span login)
{
	struct entry *e = calloc(1, sizeof *e + key.n + 1);

	if (e == NULL)
		return NULL;
	e->login = calloc(1, login.n + 1);
	if (e->login == NULL) {
		free(e);
		return NULL;
	}
	if (login.n > 0)
		memcpy(e->login, login.p, login.n);
	memcpy(e->key, key.p, key.n);
	e->key_octets = key.n;
	return e;
}

struct account *accounts_obtain(struct accounts *a, const struct snapshot *snapshot,
    struct store *store, struct pools *pools, struct span login, struct span client_address,
    struct span context, uint16_t server_port)
{
	char space[KEY_MAX];
	struct buf key = { .p = space, .size = sizeof space, .max = sizeof space };
	struct entry *e = NULL;

	buf_add_span(&key, login);
	buf_add_char(&key, '\0');
	buf_add_span(&key, context);
	buf_add_char(&key, '\0');
	buf_add(&key, &server_port, sizeof server_port);
	/* A login that some tenant has decides alone; else the client's network may. */
	if (login.n == 0 || snapshot_find_login(snapshot, login) == TENANT_NONE)
		buf_add_span(&key, client_address);
	if (!buf_ok(&key))
		return NULL;
	HASH_FIND(hh, a->entries, key.p, key.n, e);
	if (e != NULL)
		return &e->account;
	if (HASH_COUNT(a->entries) >= ACCOUNTS_MAX)
		accounts_forget(a);
	e = entry_new(buf_span(&key), login);
	if (e == NULL)
		return NULL;
	e->account.who = decide_identity(
	    snapshot, span_make(e->login, login.n), client_address, context, server_port);
	if (e->account.who.direction == DIRECTION_TENANT &&
	    (!account_quotas(store, true, e->account.who.tenant, e->account.who.plan,
		 e->account.who.stream, e->account.who.login, e->account.quotas,
		 &e->account.quota_count) ||
		!account_pool(pools, snapshot, &e->account)))
		goto fail;
	HASH_ADD_KEYPTR(hh, a->entries, e->key, e->key_octets, e);
	return &e->account;
fail:
	free(e->login);
	free(e);
	return NULL;
}
