/* feedback_inside.h - the state of feedback, and what its files ask of each other. Included by
 * policyd/feedback*.c only.
 *
 * A batch goes: read -> events -> decide -> suppress -> commit -> read. The thread waits while the
 * loop has the batch, so that the batch, the tracker and the set of troubled addresses belong
 * to one of the two at any time. */
#ifndef FEEDBACK_INSIDE_H
#define FEEDBACK_INSIDE_H

#include <pthread.h>

#include "feedback.h"
#include "feedback_batch.h"

#define FEEDBACK_EXPIRE_S 60 /* between deletions of what is old */

enum step { STEP_READING, STEP_DECIDING, STEP_SUPPRESSING, STEP_COMMITTING, STEP_FAILED };

struct feedback {
	struct store *store;
	struct suppress_list *suppress;
	struct events *events;
	struct brakes *brakes;
	struct alerts *alerts;
	struct feedback_databases databases;
	pthread_t thread;
	bool thread_runs;
	int wake_fd;

	struct feedback_files *files; /* the thread's; owned */
	int64_t tracked_s;            /* the thread's: when old queue ids were looked for */

	/* The thread's while step is STEP_READING, else the loop's. */
	struct feedback_batch batch;
	struct tracker *tracker;
	struct react *react;
	struct digest_key *digest_key;
	struct fingerprints troubled;
	struct log_position position; /* where to begin when the file is opened */

	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t work;
	struct feedback_files *fresh; /* owned; the thread takes it */
	bool reloaded;                /* there is one, if only to say that there is no log */
	enum step step;               /* the loop changes it */
	bool given;                   /* the batch is the loop's to begin with */
	bool stop;
	struct feedback_statistics statistics;

	/* The loop's alone. */
	size_t waiting;     /* suppressions that are not there yet */
	size_t done_before; /* triggers of the lines; those of shares come behind them */
	enum err failed;
	int64_t retry_s, expired_s;
	struct count_batch *extra; /* of feedback_count */
	/* The same, being written, and what follows from it; while it flies the store thread's. */
	struct feedback_batch told;
	struct reactions *rules, *fresh_rules; /* for it; owned; NULL: none */
	bool rules_are_fresh;                  /* fresh_rules wait until it has landed */
	bool extra_used, extra_flies;
	uint64_t damaged;
};

/* ---- feedback_thread.c ---- */

void *feedback_thread(void *feedback);

/* ---- feedback_steps.c ---- */

void feedback_begin(struct feedback *f); /* a batch that was given to the loop */
void feedback_retry(struct feedback *f); /* one that failed; its events are written already */
/* What the rules ask for, in the loop. Told once for each pause; a rule without one tells each
 * time. */
void feedback_pull_brakes(struct feedback *f, const struct feedback_batch *b, int64_t now_s);

#endif
