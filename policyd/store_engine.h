/* store_engine.h - inside of the LMDB engine: its state, and what its files ask of each other.
 * Included by policyd/store_*.c only.
 *
 *   store_lmdb.c     life, the loop's side: batches to the thread and back, jobs
 *   store_admit.c    deciding and settling: memory and journal entries
 *   store_fold.c     changed buckets and transactions into their records
 *   store_recover.c  what a failed commit takes back
 *   store_batch.c    one batch of decisions
 *   store_thread.c   the thread that owns every write */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include <pthread.h>

#include "journal.h"
#include "store.h"
#include "store_load.h"

#define BATCH_ENTRIES_MAX (64u << 20) /* octets of entries a batch can hold */
#define BATCH_WAITERS     65536u      /* admissions one batch can hold */
#define RETRY_FAILED_NS   NS_PER_S    /* after a failed commit the next try waits so long */
#define LATENCIES         1024u
#define SPENT_KEEP_NS     (600 * NS_PER_S) /* no milter asked in that time: nobody will */
#define OPEN_KEEP_NS      (7200 * NS_PER_S)

struct waiter {
	store_done *done;
	void *context;
	struct outcome outcome;
	struct crossing *crossings; /* owned; NULL mostly */
	size_t crossing_count;
};

/* Folding goes round and round over the buckets. */
struct round {
	uint64_t seq;       /* batch in which it began */
	uint32_t hand, end; /* next bucket to fold; buckets there were when it began */
};

struct put {
	unsigned database;
	uint8_t key[16];
	uint8_t key_octets;
	bool remove;
	size_t value_at, value_octets; /* in batch.values */
};

struct batch {
	uint64_t seq;
	struct buf entries, record, values;
	struct put *puts;
	size_t put_count, put_size;
	uint32_t *folded; /* buckets whose record this batch writes */
	size_t folded_count, folded_size;
	struct waiter *waiters;
	size_t waiter_count, waiter_size;
	uint64_t checkpoint; /* 0: stays */
	struct round before; /* where folding stood when this batch was closed */
	bool broken;         /* out of memory: must not be committed */
	bool failed;
	int64_t opened_ns; /* monotonic, of the first entry */
};

struct job {
	struct job *next;
	store_job *run;
	store_job_done *done;
	void *argument;
};

struct job_list {
	struct job *first, **last;
};

struct store {
	struct store_options options;
	struct kv *kv;
	struct store_databases databases;
	unsigned extra[STORE_DATABASE_COUNT];
	struct bucket_table *buckets;
	struct ledger *ledger;

	struct batch batches[2], *open, *flying; /* flying: with the thread, else NULL */
	struct round round;
	int64_t down_until_ns; /* monotonic; after a failed commit */
	bool down;
	int64_t answered_ns; /* monotonic, of the last commit that worked */

	pthread_t thread;
	bool thread_runs;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct batch *todo, *finished; /* under lock */
	struct job_list jobs, jobs_finished;
	bool stop;
	int wake_fd;

	struct store_statistics statistics;
	uint32_t latencies_us[LATENCIES];
};

/* ---- store_batch.c ---- */

/* Empties it for the decisions of that sequence; memory is kept. */
void batch_reset(struct batch *b, uint64_t seq);
void batch_free(struct batch *b);
/* Room for one more item behind count; false when out of memory. */
bool batch_grow(void **p, size_t *size, size_t count, size_t item);
/* A record to write; its value is what the caller appends to values next. NULL: no memory. */
struct put *batch_put(struct batch *b, unsigned database, const void *key, size_t n);
bool batch_wait(struct batch *b, const struct waiter *w);
/* Tells every waiter, and forgets them. Callbacks may admit, abandon and settle. */
void batch_answer(struct batch *b, bool failed);
void waiters_answer(struct waiter *waiters, size_t count, bool failed);

/* ---- store_thread.c ---- */

void *engine_thread(void *store);
struct job *job_take(struct job_list *l);
void job_append(struct job_list *l, struct job *j);

/* ---- store_fold.c ---- */

/* Adds to a batch that is about to be committed the records that the round has come to. */
void engine_fold(struct store *s, struct batch *b);

/* ---- store_admit.c ---- */

/* Appends to the open batch; false (and nothing appended) when it does not fit. */
bool engine_write(struct store *s, const struct journal_entry *e);
/* Takes the book-keeping of a grant out of the ledger again. */
void engine_unrecord(
    struct store *s, struct transaction *t, enum stage stage, uint64_t recipient);

/* ---- store_recover.c ---- */

/* The commit of that batch failed: memory is as if it, and the open one, had not been. */
void engine_recover(struct store *s, struct batch *failed);

#endif
