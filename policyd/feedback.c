/* feedback - its life, its configuration, and counts that no line of the log tells. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "feedback_inside.h"
#include "log.h"

void feedback_complete(struct feedback *f)
{
	uint64_t count;
	bool given;

	if (read(f->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN)
		log_text(LOG_LEVEL_ERROR, "eventfd: read failed");
	pthread_mutex_lock(&f->lock);
	given = f->given;
	f->given = false;
	if (given)
		f->step = STEP_DECIDING;
	pthread_mutex_unlock(&f->lock);
	if (given)
		feedback_begin(f);
}

int feedback_wake_fd(const struct feedback *f)
{
	return f->wake_fd;
}

/* ---- counts that no line tells ---- */

void feedback_count(
    struct feedback *f, const struct count_subject *subject, int64_t time_s, enum count what)
{
	struct counts counts = { .at = { 0 } };

	counts.at[what] = 1;
	f->extra_used = true;
	if (!count_batch_add(f->extra, subject, time_s, &counts))
		log_text(LOG_LEVEL_ERROR, "counters: %s", err_text(ERR_NOMEM));
}

static void extra_run(struct kv *kv, void *argument)
{
	struct feedback *f = argument;
	struct kv_txn *txn;
	uint64_t damaged;
	enum err e;

	do {
		txn = NULL;
		f->told.trigger_count = 0;
		e = kv_begin(kv, true, &txn);
		if (e == ERR_OK)
			e = feedback_write(&f->told, txn, &f->databases, &damaged);
		if (e == ERR_OK)
			e = feedback_react(
			    &f->told, txn, &f->databases, f->rules, clock_wall_ns() / NS_PER_S);
		if (e == ERR_OK)
			e = kv_commit(&txn);
		else
			kv_abort(&txn);
	} while (e == ERR_FULL && kv_grow(kv) == ERR_OK);
	if (e != ERR_OK)
		log_text(LOG_LEVEL_ERROR,
		    "counters: %s; what was told in a second is not counted", err_text(e));
}

static void use_rules(struct feedback *f)
{
	if (f->rules_are_fresh)
		reactions_free(&f->rules);
	if (f->rules_are_fresh)
		f->rules = f->fresh_rules;
	f->rules_are_fresh = false;
}

static void extra_done(void *argument)
{
	struct feedback *f = argument;

	feedback_pull_brakes(f, &f->told, clock_wall_ns() / NS_PER_S);
	feedback_batch_reset(&f->told);
	f->extra_flies = false;
	use_rules(f);
}

void feedback_tick(struct feedback *f, int64_t now_s)
{
	struct count_batch *used = f->extra;

	if (f->step == STEP_FAILED && now_s >= f->retry_s)
		feedback_retry(f);
	if (!f->extra_used || f->extra_flies)
		return;
	f->extra = f->told.counts;
	f->told.counts = used;
	f->extra_used = false;
	f->extra_flies = store_run(f->store, extra_run, extra_done, f) == ERR_OK;
}

/* ---- configuration ---- */

void feedback_reload(struct feedback *f, const struct snapshot *snapshot)
{
	struct feedback_files *fresh = feedback_files_new(snapshot), *unused;
	const char *path = snapshot_provider(snapshot)->reactions;
	char error[512];

	/* A copy of its own for what no line tells. What cannot be read was said already. */
	if (f->rules_are_fresh)
		reactions_free(&f->fresh_rules);
	f->fresh_rules = NULL;
	if (path[0] != '\0' &&
	    reactions_read(path, &f->fresh_rules, error, sizeof error) != ERR_OK)
		f->fresh_rules = NULL;
	f->rules_are_fresh = true;
	if (!f->extra_flies)
		use_rules(f);
	pthread_mutex_lock(&f->lock);
	unused = f->fresh;
	f->fresh = fresh;
	f->reloaded = true;
	f->statistics.configured = fresh != NULL && fresh->path != NULL;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	feedback_files_free(&unused);
}

void feedback_statistics(struct feedback *f, struct feedback_statistics *statistics_r)
{
	pthread_mutex_lock(&f->lock);
	*statistics_r = f->statistics;
	pthread_mutex_unlock(&f->lock);
}

/* ---- life ---- */

static void init_locks(struct feedback *f)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&f->work, &attributes);
	pthread_condattr_destroy(&attributes);
}

static enum err start_thread(struct feedback *f)
{
	sigset_t all, before;
	int status;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	status = pthread_create(&f->thread, NULL, feedback_thread, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	f->thread_runs = status == 0;
	return status == 0 ? ERR_OK : ERR_NOMEM;
}

enum err feedback_open(struct store *store, struct suppress_list *suppress,
    struct events *events, struct brakes *brakes, struct alerts *alerts, struct feedback **f_r,
    char *error, size_t size)
{
	struct feedback *f = calloc(1, sizeof *f);
	enum err e = ERR_NOMEM;

	if (f == NULL)
		goto out;
	init_locks(f);
	f->store = store;
	f->suppress = suppress;
	f->events = events;
	f->brakes = brakes;
	f->alerts = alerts;
	f->databases = (struct feedback_databases){ store_database(store, STORE_META),
		store_database(store, STORE_COUNTS), store_database(store, STORE_TROUBLE),
		store_database(store, STORE_QUEUE) };
	f->statistics.healthy = true;
	f->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	f->tracker = tracker_new();
	f->react = react_new();
	f->digest_key = suppress_digest_key(suppress);
	f->extra = count_batch_new();
	e = feedback_batch_init(&f->batch);
	if (f->wake_fd < 0 || f->tracker == NULL || f->react == NULL || f->digest_key == NULL ||
	    f->extra == NULL || feedback_batch_init(&f->told) != ERR_OK)
		e = ERR_NOMEM;
	if (e == ERR_OK)
		e = feedback_load(store_kv(store), &f->databases, clock_wall_ns() / NS_PER_S,
		    &f->position, f->tracker, &f->troubled);
	if (e == ERR_OK)
		e = start_thread(f);
out:
	if (e == ERR_OK) {
		*f_r = f;
		return e;
	}
	(void)snprintf(error, size, "store: what became of mail: %s", err_text(e));
	feedback_close(&f);
	return e;
}

void feedback_stop(struct feedback *f)
{
	if (f == NULL || !f->thread_runs)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	f->thread_runs = false;
}

void feedback_close(struct feedback **f)
{
	if (*f == NULL)
		return;
	feedback_stop(*f);
	feedback_files_free(&(*f)->files);
	feedback_files_free(&(*f)->fresh);
	feedback_batch_deinit(&(*f)->batch);
	tracker_free(&(*f)->tracker);
	react_free(&(*f)->react);
	digest_key_free(&(*f)->digest_key);
	fingerprints_free(&(*f)->troubled);
	count_batch_free(&(*f)->extra);
	feedback_batch_deinit(&(*f)->told);
	if ((*f)->rules_are_fresh)
		reactions_free(&(*f)->fresh_rules);
	reactions_free(&(*f)->rules);
	if ((*f)->wake_fd >= 0)
		close((*f)->wake_fd);
	pthread_cond_destroy(&(*f)->work);
	pthread_mutex_destroy(&(*f)->lock);
	free(*f);
	*f = NULL;
}
