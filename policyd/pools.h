/* pools.h - the pools of a configuration at work: their members' buckets, who is paused, and the
 * charges that a message asks of a pool. One thread, the loop's.
 *
 * Counts belong to the source, not to its membership: a mailbox in two pools sends no more than one
 * in one. Windows are UTC. */
#ifndef POOLS_H
#define POOLS_H

#include "choice.h"
#include "settings.h"
#include "store.h"

struct states;
struct pools;
struct pool_state; /* of one pool */

/* NULL: out of memory. Keeps a reference to the snapshot. */
struct pools *pools_new(
    struct store *store, const struct states *states, const struct snapshot *snapshot);
void pools_free(struct pools **p);

/* The pool with its buckets, made when needed. NULL: out of memory. */
struct pool_state *pools_find(struct pools *p, const struct pool *pool);
const struct pool *pool_of(const struct pool_state *s);

/* ---- pauses, by the administrator ---- */

/* What a source or a pool is called among the states of tenants, which hold no tab. */
void pool_state_name(struct buf *out, const char *kind, struct span name);
/* Somebody was paused or resumed. */
void pools_refresh(struct pools *p);
bool pools_source_paused(const struct pools *p, const struct source *source);
/* By the provider's sources, for routing; the caller's to free. NULL: none is, or no memory. */
bool *pools_paused_sources(const struct pools *p);
bool pool_paused(const struct pool_state *s);

/* ---- choosing ---- */

#define CANDIDATES_MAX        4u /* the others are asked when one of these has gone */
#define CANDIDATE_CHARGES_MAX (POOL_LIMITS_MAX + 4u) /* gap, the day's count, and warm-up's */

struct pool_subject {
	struct span tenant, stream, sender;
	uint64_t recipient; /* keyed hash */
	struct hash128 transaction;
};
/* What draws start from, and what sticky keeps together. Pure. */
uint64_t pool_seed(const struct pool *pool, const struct pool_subject *subject);

struct brakes;
struct ramps;

struct pool_request {
	struct span bound; /* the source that the message has already; empty: choose */
	uint64_t amount;   /* recipients; 0: nothing is charged */
	uint64_t seed;
	int64_t now_ns;
	const struct brakes *brakes; /* sources that are paused for place; NULL: none is */
	struct ramps *ramps;         /* sources that warm up; NULL: none does */
	struct span place;           /* provider of the recipient, or its domain */
	struct span provider;        /* the same, empty when it is of none */
};

struct pool_plan {
	struct charge common[POOL_LIMITS_MAX];
	size_t common_count;
	struct charge charges[CANDIDATES_MAX][CANDIDATE_CHARGES_MAX];
	struct candidate candidates[CANDIDATES_MAX];
	size_t count;
};

/* Is that source one of the pool's? */
bool pool_has_source(const struct pool_state *s, struct span source);
/* Charges and candidates. None, although amount is not 0: nobody can be used, whenever it is. */
void pools_plan(struct pools *p, struct pool_state *s, const struct pool_request *request,
    struct pool_plan *plan_r);

/* Charges of the pool's own limits: what all members may have together. Returns how many. */
size_t pools_capacity(struct pools *p, struct pool_state *s, const struct pool_request *request,
    struct charge out[POOL_LIMITS_MAX]);
/* All members in the order in which they would be tried now; room for all. */
size_t pools_order(struct pools *p, struct pool_state *s, const struct pool_request *request,
    struct choice *choices_r);

/* ---- looking ---- */

struct pool_figures {
	uint64_t used, limit; /* recipients today; limit 0: none */
	bool limited;
	size_t active;  /* of a pool: members that get new mail */
	int64_t next_s; /* seconds until the gap is over */
};
uint64_t pools_source_used(struct pools *p, const struct source *source, int64_t now_ns);
void pools_member_figures(struct pools *p, struct pool_state *s, size_t member, int64_t now_ns,
    struct pool_figures *figures_r);
/* Of all active members, and capacity where there is one. */
void pools_figures(
    struct pools *p, struct pool_state *s, int64_t now_ns, struct pool_figures *figures_r);

#endif
