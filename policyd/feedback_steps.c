/* feedback_steps - what the loop does with a batch: jobs of the store, one after the other. */
#include <stdio.h>

#include "clock.h"
#include "feedback_inside.h"
#include "log.h"

#define RETRY_S       1 /* after a step that failed */
#define EXPIRE_ROWS   5000u
#define SUPPRESSED_BY "mail log"

static void set_step(struct feedback *f, enum step step)
{
	pthread_mutex_lock(&f->lock);
	f->step = step;
	if (step == STEP_READING)
		pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
}

/* The batch stays, and is begun again. */
static void fail(struct feedback *f, const char *what, enum err e)
{
	log_text(LOG_LEVEL_ERROR, "mail log: %s: %s; tried again", what, err_text(e));
	f->retry_s = clock_wall_ns() / NS_PER_S + RETRY_S;
	f->statistics.healthy = false;
	set_step(f, STEP_FAILED);
}

static void commit_run(struct kv *kv, void *argument)
{
	struct feedback *f = argument;
	int64_t now_s = clock_wall_ns() / NS_PER_S;
	struct kv_txn *txn;

	do {
		txn = NULL;
		f->failed = kv_begin(kv, true, &txn);
		if (f->failed == ERR_OK)
			f->failed = feedback_write(&f->batch, txn, &f->databases, &f->damaged);
		f->batch.trigger_count = f->done_before;
		if (f->failed == ERR_OK)
			f->failed = feedback_react(
			    &f->batch, txn, &f->databases, f->files->reactions, now_s);
		if (f->failed == ERR_OK && now_s - f->expired_s >= FEEDBACK_EXPIRE_S)
			f->failed = counts_expire(txn, f->databases.counts, now_s, EXPIRE_ROWS);
		if (f->failed == ERR_OK)
			f->failed = kv_commit(&txn);
		else
			kv_abort(&txn);
	} while (f->failed == ERR_FULL && kv_grow(kv) == ERR_OK);
}

static void note_troubled(struct feedback *f)
{
	for (size_t i = 0; i < f->batch.failure_count; i++) {
		const struct failure *failure = f->batch.failures + i;
		uint64_t mark = feedback_mark(span_cstr(failure->tenant), failure->digest);
		bool have = fingerprints_have(&f->troubled, mark);

		if (failure->wipe && have)
			fingerprints_remove(&f->troubled, mark);
		else if (!failure->wipe && !have && fingerprints_reserve(&f->troubled, 1))
			fingerprints_add(&f->troubled, mark);
	}
}

static void put_event(struct feedback *f, const char *kind, const struct trigger *t)
{
	char detail[EVENT_AGENT_MAX];
	struct event event = { .kind = span_cstr(kind),
		.tenant = span_cstr(t->tenant),
		.stream = span_cstr(t->stream),
		.time_s = t->time_s };
	int n = snprintf(detail, sizeof detail, "%s %s %s %s",
	    t->place[0] != '\0' ? t->place : "everywhere", brake_scope_text(t->rule->scope),
	    t->name, t->rule->id);

	event.agent = span_make(detail, n < 0                       ? 0
					: (size_t)n < sizeof detail ? (size_t)n
								    : sizeof detail - 1);
	/* An event belongs to a tenant; a source may be nobody's. */
	if (event.tenant.n > 0)
		(void)events_add(f->events, &event);
}

/* A pause is an alert until it is over; what is only told is one that somebody acknowledges. */
static void raise_alert(struct feedback *f, const struct trigger *t, bool pulled, int64_t now_s)
{
	char space[ALERT_NAME_MAX], words[ALERT_TEXT_MAX];
	struct buf name = { .p = space, .size = sizeof space, .max = sizeof space };
	struct buf text = { .p = words, .size = sizeof words, .max = sizeof words };
	const char *place = t->place[0] != '\0' ? t->place : "everywhere";

	if (pulled)
		brake_alert_name(
		    &name, t->rule->scope, span_cstr(t->name), span_cstr(t->place));
	else
		buf_printf(&name, "reaction/%s/%s/%s", t->rule->id, t->name, place);
	buf_printf(&text, "%s %s %s %s (rule %s)", brake_scope_text(t->rule->scope), t->name,
	    pulled ? "is paused to" : "is complained about by", place, t->rule->id);
	if (buf_ok(&name) && buf_ok(&text))
		alerts_raise(f->alerts, buf_span(&name), pulled ? ALERT_ERROR : ALERT_WARNING,
		    buf_span(&text), now_s);
}

void feedback_pull_brakes(struct feedback *f, const struct feedback_batch *b, int64_t now_s)
{
	for (size_t i = 0; i < b->trigger_count; i++) {
		const struct trigger *t = b->triggers + i;
		bool pulled = brakes_set(f->brakes, t, now_s);

		if (!pulled && t->rule->pause_s > 0)
			continue;
		log_record(LOG_LEVEL_WARNING, SPAN(""), "alert",
		    LOG_CSTR("event", pulled ? "paused" : "reaction"),
		    LOG_CSTR("rule", t->rule->id),
		    LOG_CSTR("scope", brake_scope_text(t->rule->scope)),
		    LOG_CSTR("name", t->name),
		    LOG_CSTR("place", t->place[0] != '\0' ? t->place : "everywhere"),
		    LOG_NUMBER("pause_s", pulled ? reaction_pause_s(t->rule, 0) : 0));
		put_event(f, pulled ? "paused" : "warned", t);
		raise_alert(f, t, pulled, now_s);
	}
}

static void commit_done(void *argument)
{
	struct feedback *f = argument;
	int64_t now_s = clock_wall_ns() / NS_PER_S;

	if (f->failed != ERR_OK) {
		fail(f, "counters", f->failed);
		return;
	}
	if (f->damaged > 0)
		log_text(LOG_LEVEL_ERROR, "store: %llu damaged counters begin at zero",
		    (unsigned long long)f->damaged);
	if (now_s - f->expired_s >= FEEDBACK_EXPIRE_S)
		f->expired_s = now_s;
	note_troubled(f);
	feedback_pull_brakes(f, &f->batch, now_s);
	pthread_mutex_lock(&f->lock);
	f->statistics.lines += f->batch.lines;
	f->statistics.deliveries += f->batch.deliveries;
	f->statistics.foreign += f->batch.foreign;
	f->statistics.unreadable += f->batch.unreadable;
	f->statistics.tracked = track_count(f->tracker);
	f->statistics.healthy = true;
	if (f->batch.newest_s > f->statistics.newest_s)
		f->statistics.newest_s = f->batch.newest_s;
	pthread_mutex_unlock(&f->lock);
	set_step(f, STEP_READING);
}

static void begin_commit(struct feedback *f)
{
	enum err e;

	set_step(f, STEP_COMMITTING);
	f->done_before = f->batch.trigger_count;
	e = store_run(f->store, commit_run, commit_done, f);
	if (e != ERR_OK)
		fail(f, "counters", e);
}

static void on_suppressed(void *context, enum err e, size_t added, size_t present)
{
	struct feedback *f = context;

	(void)present;
	f->statistics.suppressed += added;
	if (e != ERR_OK)
		f->failed = e;
	if (--f->waiting > 0 || f->stop)
		return;
	if (f->failed != ERR_OK)
		fail(f, "suppressions", f->failed);
	else
		begin_commit(f);
}

static enum err suppress_one(struct feedback *f, const struct failure *failure)
{
	const struct trouble_rule *rule = trouble_rule(failure->class);
	const struct suppress_key key = { .scope = SUPPRESS_TENANT,
		.tenant = span_cstr(failure->tenant) };
	struct suppress_row row = { .reason = span_cstr(rule->reason),
		.source = SPAN(SUPPRESSED_BY),
		.added_s = failure->time_s,
		.expires_s = rule->suppress_s > 0 ? failure->time_s + rule->suppress_s : 0 };

	memcpy(row.digest, failure->digest, DIGEST_SIZE);
	log_record(LOG_LEVEL_INFO, SPAN(""), "suppressed", LOG_CSTR("tenant", failure->tenant),
	    LOG_CSTR("reason", rule->reason),
	    LOG_NUMBER("digest", failure->digest[0] << 8 | failure->digest[1]));
	return suppress_add(f->suppress, &key, &row, 1, on_suppressed, f);
}

static void begin_suppress(struct feedback *f)
{
	set_step(f, STEP_SUPPRESSING);
	f->waiting = 1; /* ours, so that none of them ends the step while others are begun */
	for (size_t i = 0; i < f->batch.failure_count && f->failed == ERR_OK; i++) {
		if (!f->batch.failures[i].suppress)
			continue;
		f->waiting++;
		f->failed = suppress_one(f, f->batch.failures + i);
		if (f->failed != ERR_OK)
			f->waiting--;
	}
	on_suppressed(f, ERR_OK, 0, 0);
}

static void decide_run(struct kv *kv, void *argument)
{
	struct feedback *f = argument;
	struct kv_txn *txn = NULL;

	f->failed = kv_begin(kv, false, &txn);
	if (f->failed == ERR_OK)
		f->failed = feedback_decide(&f->batch, txn, &f->databases);
	kv_abort(&txn);
}

static void decide_done(void *argument)
{
	struct feedback *f = argument;

	if (f->stop)
		return; /* it is done again at the next start */
	if (f->failed != ERR_OK)
		fail(f, "what is known of addresses", f->failed);
	else
		begin_suppress(f);
}

static void begin_decide(void *context)
{
	struct feedback *f = context;
	enum err e;

	f->failed = ERR_OK;
	if (f->batch.failure_count == 0) {
		begin_commit(f);
		return;
	}
	e = store_run(f->store, decide_run, decide_done, f);
	if (e != ERR_OK)
		fail(f, "what is known of addresses", e);
}

void feedback_begin(struct feedback *f)
{
	set_step(f, STEP_DECIDING);
	if (f->batch.broken)
		log_text(LOG_LEVEL_ERROR, "mail log: out of memory; some deliveries are lost");
	if (f->batch.event_count == 0 ||
	    !events_add_lines(f->events, buf_span(&f->batch.events), f->batch.event_count) ||
	    events_sync(f->events, begin_decide, f) != ERR_OK)
		begin_decide(f);
}

void feedback_retry(struct feedback *f)
{
	set_step(f, STEP_DECIDING);
	begin_decide(f);
}
