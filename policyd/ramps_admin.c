/* ramps_admin - what the administrator changes. */
#include <stdio.h>

#include "ramps_inside.h"
#include "record.h"

#define WEEK_DAYS 7

static const char *const action_words[RAMP_ACTIONS] = {
	[RAMP_START] = "start",
	[RAMP_PAUSE] = "pause",
	[RAMP_RESUME] = "resume",
	[RAMP_ADJUST] = "adjust",
	[RAMP_STOP] = "stop",
};

bool ramp_action_of(struct span word, enum ramp_action *action_r)
{
	for (size_t i = 0; i < RAMP_ACTIONS; i++)
		if (span_eq(word, span_cstr(action_words[i]))) {
			*action_r = (enum ramp_action)i;
			return true;
		}
	return false;
}

struct changing {
	struct ramps *ramps;
	const struct ramp_change *change;
	struct record_batch *batch;
	size_t count;
	struct ramp_entry *made; /* for this change alone; NULL: none was */
	char *error;
	size_t size;
};

static enum err wrong(const struct changing *c, enum err e, const char *text)
{
	(void)snprintf(c->error, c->size, "%s", text);
	return e;
}

/* More than twice of what is allowed today is no adjustment (and 100 more always is). */
static enum err adjust(struct changing *c, struct ramp_entry *e)
{
	const struct warmup_plan *plan = ramp_plan(c->ramps, e);
	struct span place = span_cstr(e->ramp.place);
	struct warmup_progress *p = &e->ramp.progress;
	uint64_t now, most;

	if (plan == NULL)
		return wrong(c, ERR_NOTFOUND, "its plan is not there");
	if (c->change->day < 1 || c->change->day > plan->day_count) {
		(void)snprintf(c->error, c->size, "the plan has days 1 to %u", plan->day_count);
		return ERR_RANGE;
	}
	now = warmup_day_budget(plan, p->day, place);
	most = now < 100 ? now + 100 : 2 * now;
	if (warmup_day_budget(plan, c->change->day, place) > most) {
		(void)snprintf(c->error, c->size,
		    "%s: from %llu recipients a day on, day %u (%llu) is the furthest",
		    e->ramp.place, (unsigned long long)now, warmup_day_under(plan, place, most),
		    (unsigned long long)most);
		return ERR_RANGE;
	}
	p->day = c->change->day;
	return ERR_OK;
}

static void resume(struct changing *c, struct ramp_entry *e)
{
	struct warmup_progress *p = &e->ramp.progress;

	p->state = WARMUP_ACTIVE;
	p->went_back = 0;
	p->judged = c->change->now_s / RAMP_DAY_S - 1;
	if (c->change->week)
		p->day = p->day > 0 ? (p->day - 1) / WEEK_DAYS * WEEK_DAYS + 1 : 1;
	else if (c->change->day > 0)
		p->day = c->change->day;
}

/* Single places follow what is said of all, unless the choice is about them. */
static enum err start(struct changing *c, struct ramp_entry *e)
{
	const struct ramp_change *change = c->change;
	bool all = e->ramp.place[0] == '\0', chosen = change->plan.n > 0;
	struct span name = chosen ? change->plan : change->configured;
	const struct warmup_plan *plan =
	    name.n > 0 ? warmup_find(c->ramps->plans, name) : ramp_plan(c->ramps, e);

	if (plan == NULL)
		return wrong(c, ERR_NOTFOUND, "there is no plan of that name");
	if (change->day > plan->day_count) {
		(void)snprintf(c->error, c->size, "the plan has days 1 to %u", plan->day_count);
		return ERR_RANGE;
	}
	(void)snprintf(e->plan, sizeof e->plan, "%s", plan->id);
	e->ramp.chosen = chosen && (all || change->place.n > 0);
	e->ramp.progress = warmup_begin(change->day, change->now_s / RAMP_DAY_S);
	e->ramp.since_s = change->now_s;
	return ERR_OK;
}

static enum err apply(struct changing *c, struct ramp_entry *e)
{
	enum err result = ERR_OK;

	switch (c->change->action) {
	case RAMP_START: result = start(c, e); break;
	case RAMP_PAUSE: e->ramp.progress.state = WARMUP_PAUSED; break;
	case RAMP_RESUME: resume(c, e); break;
	case RAMP_ADJUST: result = adjust(c, e); break;
	case RAMP_STOP:
	case RAMP_ACTIONS: e->ramp.progress.state = WARMUP_STOPPED; break;
	}
	e->ramp.progress.reason = WARMUP_BY_HAND;
	return result;
}

/* What is said holds also where nothing has begun yet: of all places, or, with a plan, of one. */
static struct ramp_entry *obtain_meant(struct changing *c)
{
	const struct ramp_change *change = c->change;
	struct span name = change->plan.n > 0 ? change->plan : change->configured;
	char space[RAMP_KEY_MAX];
	struct ramp_entry *e =
	    ramp_obtain(c->ramps, ramp_key(space, change->scope, change->name, change->place));

	if (e != NULL && e->plan[0] == '\0') {
		(void)snprintf(e->plan, sizeof e->plan, "%.*s", SPAN_ARG(name));
		e->ramp.progress = warmup_begin(1, change->now_s / RAMP_DAY_S);
		e->ramp.since_s = change->now_s;
		c->made = e;
	}
	return e;
}

/* Where a plan stands is said of single places only. */
static bool is_meant(const struct ramp_change *change, const struct ramp_entry *e)
{
	bool all = e->ramp.place[0] == '\0';

	return e->ramp.scope == change->scope &&
	       span_eq(span_cstr(e->ramp.name), change->name) &&
	       (all ? change->place.n == 0 && change->action != RAMP_ADJUST
		    : change->place.n == 0 || span_eq(span_cstr(e->ramp.place), change->place));
}

/* All of them, or none. */
static enum err change_all(struct changing *c)
{
	enum err e = ERR_OK;
	struct ramp_entry *x;

	for (x = c->ramps->entries; x != NULL && e == ERR_OK; x = x->hh.next)
		if (is_meant(c->change, x)) {
			struct ramp_entry trial = *x;

			e = apply(c, &trial);
			c->count++;
		}
	for (x = c->ramps->entries; x != NULL && e == ERR_OK; x = x->hh.next)
		if (is_meant(c->change, x)) {
			e = apply(c, x);
			ramp_batch_add(c->batch, x);
		}
	return e;
}

enum err ramps_change(struct ramps *r, const struct ramp_change *change, ramps_done *done,
    void *context, size_t *count_r, char *error, size_t size)
{
	struct changing c = { .ramps = r,
		.change = change,
		.batch = ramp_batch(r),
		.error = error,
		.size = size };
	bool makes = change->place.n > 0 ? change->action == RAMP_START && change->plan.n > 0
					 : change->action != RAMP_ADJUST &&
					       change->plan.n + change->configured.n > 0;
	enum err e = c.batch == NULL || (makes && obtain_meant(&c) == NULL)
			 ? wrong(&c, ERR_NOMEM, err_text(ERR_NOMEM))
			 : change_all(&c);

	*count_r = c.count;
	if (e == ERR_OK && c.count == 0)
		e = wrong(&c, ERR_NOTFOUND, "that is not warming up");
	if (e == ERR_OK) {
		e = record_batch_write(&c.batch, done, context);
		if (e != ERR_OK)
			(void)wrong(&c, e, err_text(e));
	} else {
		record_batch_free(&c.batch);
		if (c.made != NULL)
			ramp_forget(r, c.made);
	}
	return e;
}
