/* store_lmdb - the LMDB engine of store.h.
 *
 * Two batches take turns. The loop decides into the open one; the store thread commits the other:
 * one journal record in a ring of fixed keys, plus the slice of changed bucket records that the
 * hand has come to. When the hand has gone round once, everything older than the round's start
 * lies in bucket and transaction records, and the checkpoint moves there. Starting reads the
 * records and replays the ring from the checkpoint. Knows no SMTP and no tenants. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "store_engine.h"

/* ---- the loop's side: batches and jobs ---- */

static bool due(const struct store *s, int64_t mono_ns)
{
	const struct batch *b = s->open;

	if (b->opened_ns == 0 && b->entries.n == 0 && b->put_count == 0)
		return false;
	if (s->down)
		return mono_ns >= s->down_until_ns;
	return !s->options.relaxed ||
	       mono_ns - b->opened_ns >= s->options.relaxed_interval_ns || s->stop;
}

static void launch(struct store *s)
{
	struct batch *b = s->open;

	engine_fold(s, b);
	journal_seal(&b->record, b->seq, buf_span(&b->entries));
	b->broken |= !buf_ok(&b->record) || !buf_ok(&b->values) || !buf_ok(&b->entries);
	s->flying = b;
	s->open = b == &s->batches[0] ? &s->batches[1] : &s->batches[0];
	batch_reset(s->open, b->seq + 1);
	pthread_mutex_lock(&s->lock);
	s->todo = b;
	pthread_mutex_unlock(&s->lock);
	pthread_cond_signal(&s->work); /* unlocked: who wakes up must not wait again */
}

bool store_flush(struct store *s, int64_t mono_ns, bool busy)
{
	if (s->flying != NULL || !due(s, mono_ns))
		return false;
	if (busy && mono_ns - s->answered_ns < STORE_HOLD_NS)
		return true;
	launch(s);
	return false;
}

static void finish(struct store *s, struct batch *b)
{
	s->flying = NULL;
	if (b->failed) {
		engine_recover(s, b);
		return;
	}
	if (s->down)
		log_text(LOG_LEVEL_WARNING, "store: commits work again");
	s->down = false;
	s->answered_ns = clock_mono_ns();
	batch_answer(b, false);
	batch_reset(b, 0);
}

void store_complete(struct store *s)
{
	struct batch *b;
	struct job *j;
	uint64_t n;

	if (read(s->wake_fd, &n, sizeof n) < 0 && errno != EAGAIN)
		log_text(LOG_LEVEL_ERROR, "eventfd: read failed");
	for (;;) {
		pthread_mutex_lock(&s->lock);
		b = s->finished;
		s->finished = NULL;
		j = b == NULL ? job_take(&s->jobs_finished) : NULL;
		pthread_mutex_unlock(&s->lock);
		if (b != NULL) {
			finish(s, b);
		} else if (j != NULL) {
			j->done(j->argument);
			free(j);
		} else {
			return;
		}
	}
}

enum err store_run(struct store *s, store_job *run, store_job_done *done, void *argument)
{
	struct job *j = calloc(1, sizeof *j);

	if (j == NULL)
		return ERR_NOMEM;
	j->run = run;
	j->done = done;
	j->argument = argument;
	pthread_mutex_lock(&s->lock);
	job_append(&s->jobs, j);
	pthread_mutex_unlock(&s->lock);
	pthread_cond_signal(&s->work);
	return ERR_OK;
}

int store_wake_fd(const struct store *s)
{
	return s->wake_fd;
}

bool store_healthy(const struct store *s)
{
	return !s->down;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void store_statistics(struct store *s, struct store_statistics *statistics_r)
{
	uint32_t sorted[LATENCIES];
	size_t n;

	pthread_mutex_lock(&s->lock);
	*statistics_r = s->statistics;
	memcpy(sorted, s->latencies_us, sizeof sorted);
	pthread_mutex_unlock(&s->lock);
	n = statistics_r->commits < LATENCIES ? (size_t)statistics_r->commits : LATENCIES;
	qsort(sorted, n, sizeof sorted[0], compare_u32);
	if (n > 0) {
		statistics_r->commit_p50_us = sorted[n / 2];
		statistics_r->commit_p99_us = sorted[n * 99 / 100];
	}
	statistics_r->transactions = ledger_count(s->ledger);
	statistics_r->buckets = bucket_count(s->buckets);
	kv_usage(s->kv, &statistics_r->usage);
}

struct kv *store_kv(struct store *s)
{
	return s->kv;
}

unsigned store_database(const struct store *s, enum store_database which)
{
	return s->extra[which];
}

const struct store_databases *store_layout(const struct store *s)
{
	return &s->databases;
}

/* ---- life ---- */

static enum err open_databases(struct store *s, char *error, size_t size)
{
	static const char *const names[STORE_DATABASE_COUNT] = {
		[STORE_SUPPRESS] = "suppress",
		[STORE_TENANT] = "tenant",
		[STORE_META] = "meta",
		[STORE_COUNTS] = "counts",
		[STORE_TROUBLE] = "trouble",
		[STORE_QUEUE] = "queue",
		[STORE_BRAKES] = "brakes",
		[STORE_RAMPS] = "ramps",
		[STORE_ALERTS] = "alerts",
	};
	enum err e = store_databases_open(s->kv, s->options.path, &s->databases, error, size);
	uint64_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && e == ERR_OK; i++)
		e = kv_database(s->kv, names[i], &s->extra[i]);
	if (e == ERR_OK)
		e = kv_database_count(s->kv, &count);
	/* A damaged name looks like a database that is not there yet: a new, empty one is made
	 * beside it, and its contents would be lost without a word. */
	if (e == ERR_OK && count != STORE_NAMES) {
		snprintf(error, size,
		    "store: %llu databases where %u belong: damaged; restore a "
		    "backup",
		    (unsigned long long)count, STORE_NAMES);
		e = ERR_CORRUPT;
	}
	return e;
}

enum err store_open(
    const struct store_options *options, struct store **store_r, char *error, size_t size)
{
	struct kv_options kv = { .map_octets = options->map_octets,
		.map_ceiling = options->map_ceiling,
		.databases = STORE_DATABASES };
	struct store *s = calloc(1, sizeof *s);
	uint64_t last_seq = 0;
	enum err e = ERR_NOMEM;

	snprintf(error, size, "store: %s", err_text(ERR_NOMEM));
	if (s == NULL)
		return e;
	s->options = *options;
	s->wake_fd = -1;
	s->jobs.last = &s->jobs.first;
	s->jobs_finished.last = &s->jobs_finished.first;
	for (size_t i = 0; i < ARRAY_SIZE(s->batches); i++) {
		buf_init(&s->batches[i].entries, BATCH_ENTRIES_MAX);
		buf_init(&s->batches[i].record, BATCH_ENTRIES_MAX * 2);
		buf_init(&s->batches[i].values, BATCH_ENTRIES_MAX * 2);
	}
	s->buckets = bucket_table_new();
	s->ledger = ledger_new();
	if (s->buckets == NULL || s->ledger == NULL ||
	    pthread_mutex_init(&s->lock, NULL) != 0 || pthread_cond_init(&s->work, NULL) != 0)
		goto fail;
	e = kv_open(options->path, &kv, &s->kv, error, size);
	if (e == ERR_OK)
		e = open_databases(s, error, size);
	if (e == ERR_OK)
		e = store_load(
		    s->kv, &s->databases, s->buckets, s->ledger, &last_seq, error, size);
	if (e != ERR_OK)
		goto fail;
	s->open = &s->batches[0];
	batch_reset(s->open, last_seq + 1);
	s->round = (struct round){ .seq = last_seq + 1, .end = bucket_count(s->buckets) };
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	e = ERR_IO;
	if (s->wake_fd < 0 || pthread_create(&s->thread, NULL, engine_thread, s) != 0)
		goto fail;
	s->thread_runs = true;
	*store_r = s;
	return ERR_OK;
fail:
	store_close(&s);
	return e;
}

/* Waits for the batch with the thread, then for the one that is open. */
static void drain(struct store *s)
{
	for (int i = 0; i < 3; i++) {
		while (s->flying != NULL) {
			bool ready;

			pthread_mutex_lock(&s->lock);
			ready = s->finished != NULL;
			pthread_mutex_unlock(&s->lock);
			if (ready)
				store_complete(s);
			else
				usleep(200);
		}
		if (!s->down && (s->open->entries.n > 0 || s->open->waiter_count > 0))
			launch(s);
	}
}

void store_close(struct store **store)
{
	struct store *s = *store;

	if (s == NULL)
		return;
	if (s->thread_runs) {
		drain(s);
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		store_complete(s);
		batch_answer(s->open, true); /* commits still failed */
	}
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	for (size_t i = 0; i < ARRAY_SIZE(s->batches); i++)
		batch_free(&s->batches[i]);
	ledger_free(&s->ledger);
	bucket_table_free(&s->buckets);
	kv_close(&s->kv);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
	*store = NULL;
}
