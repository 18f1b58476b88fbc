/* feedback_batch.h - inside of feedback: what a batch of log lines amounts to, before anything of
 * it is done. Included by policyd/feedback*.c only.
 *
 *   feedback_batch.c   lines into a batch: no clock, no thread, no store
 *   feedback_store.c   a batch into the store, and back at start
 *   feedback_files.c   what lines are judged by, of one configuration
 *   feedback_thread.c, feedback_steps.c, feedback.c: who does what when (feedback_inside.h) */
#ifndef FEEDBACK_BATCH_H
#define FEEDBACK_BATCH_H

#include "counts.h"
#include "fingerprints.h"
#include "hash.h"
#include "log_follow.h"
#include "react.h"
#include "settings.h"
#include "track.h"
#include "trouble.h"

#define BATCH_EVENTS_MAX (32u << 20)
#define BATCH_FAILURES   4096u /* of one batch; then it ends */
#define BATCH_TRIGGERS   256u  /* more are passed over: they come again */

/* A message that failed for good, or one that got through to an address that has failed. */
struct failure {
	char tenant[TRACK_NAME_MAX];
	uint8_t digest[DIGEST_SIZE];
	bool delivered;
	enum reply_class class;
	int64_t time_s;
	/* decided by feedback_decide: */
	bool suppress, wipe;
	struct trouble trouble; /* what is known of it afterwards */
};

struct feedback_batch {
	struct count_batch *counts;
	struct buf events; /* lines, as event_put makes them */
	uint64_t event_count;
	struct failure *failures; /* owned; BATCH_FAILURES */
	size_t failure_count;
	struct trigger *triggers; /* owned; BATCH_TRIGGERS */
	size_t trigger_count;
	struct buf tracked; /* queue id, NUL, u16 length, record */
	struct log_position position;
	uint64_t lines, deliveries, foreign, unreadable;
	int64_t newest_s;
	bool broken; /* out of memory */
};

enum err feedback_batch_init(struct feedback_batch *b) CHECKED;
void feedback_batch_deinit(struct feedback_batch *b);
void feedback_batch_reset(struct feedback_batch *b);

/* What lines are judged by. */
struct feedback_world {
	struct track_world track;
	struct tracker *tracker;
	struct react *react;
	const struct reactions *reactions; /* NULL: there are none */
	struct digest_key *digest_key;
	/* Addresses that have failed, by feedback_mark(); those of this batch are added at once. */
	struct fingerprints *troubled;
	struct log_clock clock;
};

/* One value that stands for a tenant's address among the troubled. */
uint64_t feedback_mark(struct span tenant, const uint8_t digest[DIGEST_SIZE]);

/* A trigger into the batch; context: struct feedback_batch. */
void feedback_batch_act(void *context, const struct trigger *trigger);

/* Adds whole lines; stops when the batch is full. Octets that were taken. */
size_t feedback_batch_lines(
    struct feedback_batch *b, const struct feedback_world *world, struct span lines);
/* The changes of the tracker, after the last line. */
void feedback_batch_close(struct feedback_batch *b, const struct feedback_world *world);

/* ---- feedback_files.c ---- */

struct feedback_files {
	struct snapshot *snapshot; /* a reference */
	struct senders senders;
	struct providers *providers;
	struct replies *replies;
	struct reactions *reactions; /* NULL: none */
	struct zone *zone;           /* of stamps that say none; NULL: UTC */
	char *path;                  /* of the mail log; NULL: none is read */
};

/* NULL: out of memory. What cannot be read is said in the log, and there is no path then. */
struct feedback_files *feedback_files_new(const struct snapshot *snapshot);
void feedback_files_free(struct feedback_files **files); /* NULL is fine */

/* ---- feedback_store.c ---- */

struct feedback_databases {
	unsigned meta, counts, trouble, queue;
};

/* Reads what is known of each failure's address, and decides. Read transaction. */
enum err feedback_decide(
    struct feedback_batch *b, struct kv_txn *txn, const struct feedback_databases *d) CHECKED;
/* Everything of the batch, but events and suppressions; the position where there was a log. */
enum err feedback_write(const struct feedback_batch *b, struct kv_txn *txn,
    const struct feedback_databases *d, uint64_t *damaged_r) CHECKED;
/* Shares of the last 24 hours, of everybody who had a bad outcome in this batch, against the rules;
 * what has to act becomes a trigger of the batch. After feedback_write, in its transaction. */
enum err feedback_react(struct feedback_batch *b, struct kv_txn *txn,
    const struct feedback_databases *d, const struct reactions *rules, int64_t now_s) CHECKED;
/* Position, queue ids and troubled addresses of an earlier run. Old troubles are deleted. */
enum err feedback_load(struct kv *kv, const struct feedback_databases *d, int64_t now_s,
    struct log_position *position_r, struct tracker *tracker,
    struct fingerprints *troubled) CHECKED;

#endif
