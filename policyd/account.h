/* account.h - who is asking, resolved once: identity, limits and bucket numbers of a (login,
 * client, context, port), kept until the configuration changes. One thread. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "decide.h"
#include "pools.h"
#include "store.h"

struct account {
	struct identity who;
	struct quota quotas[QUOTA_MAX];
	size_t quota_count;
	struct quota_windows windows;
	struct pool_state *pool; /* NULL: mail leaves as Postfix itself would send it */
	bool pool_missing;       /* the stream's pool is not there, or not for its tenant */
};

struct accounts;

struct accounts *accounts_new(void);
void accounts_free(struct accounts **a);
/* After a reload: every account refers to the old snapshot. */
void accounts_forget(struct accounts *a);

/* NULL: out of memory (also for a bucket). Valid until accounts_forget or the next call. */
struct account *accounts_obtain(struct accounts *a, const struct snapshot *snapshot,
    struct store *store, struct pools *pools, struct span login, struct span client_address,
    struct span context, uint16_t server_port);

/* The pool of who.stream into it. False: out of memory. */
bool account_pool(
    struct pools *pools, const struct snapshot *snapshot, struct account *account);

/* Limits of somebody, with bucket numbers where the store has them (create: makes them). False:
 * out of memory. */
bool account_quotas(struct store *store, bool create, const struct tenant *tenant,
    const struct plan *plan, const struct stream *stream, struct span login,
    struct quota quotas_r[QUOTA_MAX], size_t *count_r);

#endif
