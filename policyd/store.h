/* store.h - the state of policyd behind one asynchronous interface: admissions go in, outcomes
 * come back once they are durable. Nothing above knows which engine answers. The engine of
 * store_lmdb.c keeps counts in memory, decides at once, and calls back after a synced commit; its
 * own thread owns every write. All functions belong to the main loop's thread. */
#ifndef STORE_H
#define STORE_H

#include "admission.h"
#include "bucket.h"
#include "err.h"
#include "kv.h"
#include "ledger.h"
#include "span.h"

struct store;

struct store_options {
	const char *path;
	uint64_t map_octets, map_ceiling;
	bool relaxed; /* answer before the commit; commit every interval */
	int64_t relaxed_interval_ns;
};

/* Opens, checks the schema version, loads and replays. A sentence for the administrator in error
 * on failure. */
enum err store_open(const struct store_options *options, struct store **store_r, char *error,
    size_t size) CHECKED;
/* Commits what is open, stops the thread, frees. */
void store_close(struct store **s);

/* ---- admissions ---- */

struct admission {
	struct hash128 transaction;
	enum stage stage;
	uint64_t recipient;             /* STAGE_RECIPIENT: keyed hash */
	struct span queue_id;           /* STAGE_END_OF_MESSAGE */
	struct transaction_facts facts; /* for a transaction not seen before */
	const struct charge *charges;
	size_t count;
	const struct candidate *candidates;
	size_t candidate_count;
	int64_t now_ns;
	void *context;
};

#define CROSSINGS_MAX 8

/* A bucket reached a threshold for the first time in its window. */
struct crossing {
	const char *name; /* of the bucket */
	uint8_t bits;     /* window_thresholds() */
	uint64_t used, limit;
	int64_t end_s;
};

/* Called exactly once for each admission: at once when refused, else after the commit. */
typedef void store_done(void *context, const struct outcome *outcome,
    const struct crossing *crossings, size_t crossing_count);

/* Decides each, in order. What is pointed to need not outlive the call, but context. */
void store_admit(
    struct store *s, const struct admission *batch, size_t count, store_done *done);

/* A number for the bucket of that name; BUCKET_NONE when out of memory. */
uint32_t store_bucket(struct store *s, struct span name);
/* Would the charge fit; what is used now. Changes nothing. */
bool store_peek(const struct store *s, const struct charge *charge, int64_t now_ns,
    uint64_t *used_r, int64_t *retry_s_r);
/* What the bucket holds; all zero where there is none. Valid until the store changes. */
const struct bucket *store_bucket_state(const struct store *s, uint32_t bucket);
uint32_t store_find_bucket(const struct store *s, struct span name);
uint32_t store_bucket_count(const struct store *s);
const char *store_bucket_name(const struct store *s, uint32_t bucket);
void store_reset_bucket(struct store *s, uint32_t bucket);

/* ---- settling (design: refunds only on evidence) ---- */

const struct transaction *store_transaction(const struct store *s, struct span queue_id);
/* Recipients charged to that transaction so far; 0 for an unknown one. */
uint32_t store_charged(const struct store *s, struct hash128 transaction);
/* Whose it is, as it was opened; false for an unknown one. Valid until the store changes. */
bool store_facts(
    const struct store *s, struct hash128 transaction, struct transaction_facts *facts_r);
/* Is this recipient (keyed hash) one of them? */
bool store_has_recipient(const struct store *s, struct hash128 transaction, uint64_t recipient);

/* The client went on (to another instance: finished) or away. An OPEN transaction gets its charges
 * back if refund is set (its service is known to send END-OF-MESSAGE, and did not); without refund
 * and not finished it stays, for the client may ask again on another connection. A finished SPENT
 * one is forgotten. */
void store_abandon(struct store *s, struct hash128 transaction, bool finished, bool refund);

/* The milter's close: recipients (keyed hashes) that were accepted; count 0 with rejected: the
 * whole message gets its charges back. */
void store_settle(struct store *s, struct span queue_id, bool rejected,
    const uint64_t *accepted, size_t count);

/* ---- the loop's side ---- */

/* Becomes readable when store_complete has work. */
int store_wake_fd(const struct store *s);
void store_complete(struct store *s);
/* Once per turn of the loop: hands the open batch to the store's thread when that is idle. True:
 * the batch is held back while the loop is busy, for those whom the last commit answered ask again
 * at once, and one commit for all of them costs half of two. Then the next turn must come without
 * sleep; one that finds nothing to do (not busy), or STORE_HOLD_NS since the answers, end it. */
#define STORE_HOLD_NS NS_PER_MS
bool store_flush(struct store *s, int64_t mono_ns, bool busy) CHECKED;
/* Once a second: forgets old transactions. */
void store_tick(struct store *s, int64_t now_ns);
/* False: the last commit failed; admissions that need one fail until it works again. */
bool store_healthy(const struct store *s);

/* Runs run(kv, argument) in the store's thread between batches, then done(argument) in the
 * loop. Both must be given. */
typedef void store_job(struct kv *kv, void *argument);
typedef void store_job_done(void *argument);
enum err store_run(
    struct store *s, store_job *run, store_job_done *done, void *argument) CHECKED;

struct store_statistics {
	uint64_t commits, failures, entries;
	uint64_t commit_p50_us, commit_p99_us; /* of the last 1,024 */
	size_t transactions;
	uint32_t buckets;
	struct kv_usage usage;
};
void store_statistics(struct store *s, struct store_statistics *statistics_r);

/* The environment, for reads at start before any thread runs jobs (suppressions, states). */
struct kv *store_kv(struct store *s);

#define STORE_DATABASES 16  /* room for */
#define STORE_NAMES     12u /* that there are: the four of store_load.h and these */
/* Databases besides the store's own; opened by store_open. */
enum store_database {
	STORE_SUPPRESS,
	STORE_TENANT,
	STORE_META,    /* one of the four */
	STORE_COUNTS,  /* counts.h */
	STORE_TROUBLE, /* feedback_batch.h */
	STORE_QUEUE,   /* the same */
	STORE_BRAKES,  /* brakes.h */
	STORE_RAMPS,   /* ramps.h */
	STORE_ALERTS,  /* alerts.h */
	STORE_DATABASE_COUNT,
};
unsigned store_database(const struct store *s, enum store_database which);
/* The store's own databases, for verification (store_load.h). */
const struct store_databases *store_layout(const struct store *s);

#endif
