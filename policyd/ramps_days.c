/* ramps_days - days that are over: what is counted of one is read in the store's thread, then each
 * plan is judged in the loop. */
#include <stdlib.h>

#include "log.h"
#include "ramps_inside.h"
#include "record.h"

/* Whose outcomes are looked for. */
struct due {
	UT_hash_handle hh;
	struct warmup_day day;
	char key[]; /* as the entry's */
};

struct ramp_days {
	struct ramps *ramps;
	int64_t day, now_s;
	struct due *due;
	enum err result;
	ramps_judged *judged;
	void *context;
};

void ramp_days_free(struct ramp_days **days)
{
	struct due *d = NULL, *next = NULL;

	if (*days == NULL)
		return;
	HASH_ITER(hh, (*days)->due, d, next)
	{
		HASH_DEL((*days)->due, d);
		free(d);
	}
	free(*days);
	*days = NULL;
}

static bool moves(const struct ramp_entry *e)
{
	return e->ramp.place[0] != '\0' && (e->ramp.progress.state == WARMUP_ACTIVE ||
					       e->ramp.progress.state == WARMUP_PAUSED);
}

/* ---- in the store's thread ---- */

static void add_counts(struct ramp_days *days, const struct count_subject *subject,
    struct span place, const struct counts *c)
{
	char space[RAMP_KEY_MAX];
	struct span key = ramp_key(space, subject->scope, subject->name, place);
	struct due *d = NULL;

	if (key.n > 0)
		HASH_FIND(hh, days->due, key.p, key.n, d);
	if (d == NULL)
		return;
	d->day.delivered += c->at[COUNT_DELIVERED];
	d->day.bounced += c->at[COUNT_BOUNCED];
	d->day.hard += c->at[COUNT_HARD];
	d->day.delayed += c->at[COUNT_DELAYED];
	d->day.blocked += c->at[COUNT_BLOCKED];
	d->day.complained += c->at[COUNT_COMPLAINED];
}

static void on_counts(
    void *context, int64_t start_s, const struct count_subject *subject, const struct counts *c)
{
	(void)start_s;
	add_counts(context, subject, subject->provider, c);
	add_counts(context, subject, SPAN(WARMUP_ALL), c);
}

static void days_run(struct kv *kv, void *argument)
{
	static const enum count_scope scopes[] = { COUNT_SOURCE, COUNT_DOMAIN };
	struct ramp_days *days = argument;
	int64_t start_s = days->day * RAMP_DAY_S;
	struct kv_txn *txn = NULL;

	days->result = kv_begin(kv, false, &txn);
	for (size_t i = 0; i < ARRAY_SIZE(scopes) && days->result == ERR_OK; i++)
		days->result = counts_read(txn, days->ramps->counts_database, 'd', start_s,
		    start_s, scopes[i], on_counts, days);
	kv_abort(&txn);
}

/* ---- in the loop ---- */

static void judge(struct ramp_days *days, struct ramp_entry *e, const struct warmup_day *d,
    struct record_batch *batch)
{
	const struct warmup_plan *plan = ramp_plan(days->ramps, e);
	struct warmup_progress before = e->ramp.progress, *p = &e->ramp.progress;

	if (plan != NULL)
		warmup_judge(plan, span_cstr(e->ramp.place), d, p);
	else
		p->judged = days->day;
	if (batch != NULL)
		ramp_batch_add(batch, e);
	if (p->day != before.day || p->state != before.state || p->reason != before.reason)
		days->judged(days->context, &e->ramp, before.day);
}

static void days_done(void *argument)
{
	struct ramp_days *days = argument;
	struct ramps *r = days->ramps;
	struct record_batch *batch = days->result == ERR_OK ? ramp_batch(r) : NULL;
	ramps_judged *judged;
	struct ramp_entry *e;
	int64_t now_s;
	void *context;
	bool again;

	if (days->result != ERR_OK)
		log_text(LOG_LEVEL_ERROR, "store: counters of a day: %s; warm-up stays",
		    err_text(days->result));
	for (e = r->entries; e != NULL && days->result == ERR_OK; e = e->hh.next) {
		struct due *d = NULL;

		if (!moves(e) || e->ramp.progress.judged != days->day - 1)
			continue;
		HASH_FIND(hh, days->due, e->key, e->key_n, d);
		if (d != NULL)
			judge(days, e, &d->day, batch);
	}
	if (batch != NULL && record_batch_write(&batch, NULL, NULL) != ERR_OK)
		log_text(LOG_LEVEL_ERROR, "store: a warm-up: %s", err_text(ERR_NOMEM));
	again = days->result == ERR_OK;
	now_s = days->now_s;
	judged = days->judged;
	context = days->context;
	ramp_days_free(&r->days);
	/* After an absence there are more. */
	if (again)
		ramps_tick(r, now_s, judged, context);
}

static bool add_due(struct ramp_days *days, const struct ramp_entry *e)
{
	struct due *d = calloc(1, sizeof *d + e->key_n);

	if (d == NULL)
		return false;
	memcpy(d->key, e->key, e->key_n);
	HASH_ADD_KEYPTR(hh, days->due, d->key, e->key_n, d);
	return true;
}

/* The first day that is not judged of somebody, at most last + 1. What is older than the days that
 * are caught up counts as judged. */
static int64_t first_day(struct ramps *r, int64_t last)
{
	int64_t first = last + 1;
	struct ramp_entry *e;

	for (e = r->entries; e != NULL; e = e->hh.next) {
		struct warmup_progress *p = &e->ramp.progress;

		if (!moves(e))
			continue;
		if (p->judged < last - RAMP_CATCH_UP)
			p->judged = last - RAMP_CATCH_UP;
		if (p->judged + 1 < first)
			first = p->judged + 1;
	}
	return first;
}

void ramps_tick(struct ramps *r, int64_t now_s, ramps_judged *judged, void *context)
{
	int64_t last = (now_s - RAMP_JUDGE_S) / RAMP_DAY_S - 1, day;
	struct ramp_days *days = NULL;
	struct ramp_entry *e;
	bool ok;

	if (r->days != NULL || r->judged >= last || r->entries == NULL)
		return;
	day = first_day(r, last);
	if (day > last) {
		r->judged = last;
		return;
	}
	days = calloc(1, sizeof *days);
	if (days == NULL)
		return;
	*days = (struct ramp_days){
		.ramps = r, .day = day, .now_s = now_s, .judged = judged, .context = context
	};
	ok = true;
	for (e = r->entries; e != NULL && ok; e = e->hh.next)
		if (moves(e) && e->ramp.progress.judged == day - 1)
			ok = add_due(days, e);
	r->days = days;
	if (!ok || store_run(r->store, days_run, days_done, days) != ERR_OK)
		ramp_days_free(&r->days);
}
