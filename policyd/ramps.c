/* ramps - the table of who is warming up, and budgets as charges. */
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "quota.h"
#include "ramps_inside.h"

#define NO_PLAN "?" /* place of what names a plan that is not there */

/* ---- the table ---- */

struct span ramp_key(
    char space[RAMP_KEY_MAX], enum count_scope scope, struct span name, struct span place)
{
	struct buf key = { .p = space, .size = RAMP_KEY_MAX, .max = RAMP_KEY_MAX };

	buf_add_char(&key, ramp_letter(scope));
	buf_add_span(&key, name);
	buf_add_char(&key, '\0');
	buf_add_span(&key, place);
	return buf_ok(&key) ? buf_span(&key) : SPAN("");
}

struct ramp_entry *ramp_find(const struct ramps *r, struct span key)
{
	struct ramp_entry *e = NULL;

	if (key.n > 0 && r->entries != NULL)
		HASH_FIND(hh, r->entries, key.p, key.n, e);
	return e;
}

struct ramp_entry *ramp_obtain(struct ramps *r, struct span key)
{
	struct ramp_entry *e = ramp_find(r, key);
	size_t nul = span_find(key, '\0', 0);

	if (e != NULL || key.n == 0 || nul == key.n)
		return e;
	e = calloc(1, sizeof *e + key.n + 1);
	if (e == NULL)
		return NULL;
	memcpy(e->key, key.p, key.n);
	e->key_n = key.n;
	e->ramp.scope = key.p[0] == ramp_letter(COUNT_SOURCE) ? COUNT_SOURCE : COUNT_DOMAIN;
	e->ramp.name = e->key + 1;
	e->ramp.place = e->key + nul + 1;
	e->ramp.plan = e->plan;
	e->day_bucket = e->hour_bucket = BUCKET_NONE;
	HASH_ADD_KEYPTR(hh, r->entries, e->key, key.n, e);
	r->count[e->ramp.scope]++;
	return e;
}

void ramp_forget(struct ramps *r, struct ramp_entry *e)
{
	r->count[e->ramp.scope]--;
	HASH_DEL(r->entries, e);
	free(e);
}

bool ramps_any(const struct ramps *r, enum count_scope scope)
{
	return r->count[scope] > 0;
}

const struct warmup_plan *ramp_plan(const struct ramps *r, const struct ramp_entry *e)
{
	return warmup_find(r->plans, span_cstr(e->plan));
}

/* ---- life ---- */

enum err ramps_open(struct store *store, struct ramps **r_r)
{
	struct ramps *r = calloc(1, sizeof *r);
	enum err e = ERR_NOMEM;

	if (r == NULL)
		return e;
	r->store = store;
	r->database = store_database(store, STORE_RAMPS);
	r->counts_database = store_database(store, STORE_COUNTS);
	e = ramp_load_all(r);
	if (e == ERR_OK)
		*r_r = r;
	else
		ramps_close(&r);
	return e;
}

void ramps_close(struct ramps **r)
{
	struct ramp_entry *e = NULL, *next = NULL;

	if (*r == NULL)
		return;
	HASH_ITER(hh, (*r)->entries, e, next)
	{
		ramp_forget(*r, e);
	}
	ramp_days_free(&(*r)->days);
	warmup_free(&(*r)->plans);
	free(*r);
	*r = NULL;
}

void ramps_use(struct ramps *r, struct warmup_plans *plans)
{
	struct ramp_entry *e = NULL, *next = NULL;

	if (plans == NULL)
		return;
	warmup_free(&r->plans);
	r->plans = plans;
	HASH_ITER(hh, r->entries, e, next)
	{
		if (strcmp(e->ramp.place, NO_PLAN) == 0)
			ramp_forget(r, e);
	}
}

const struct warmup_plans *ramps_plans(const struct ramps *r)
{
	return r->plans;
}

/* ---- buckets ---- */

/* As tenants' buckets are called (quota.h), without a tenant. */
static uint32_t obtain_bucket(
    struct ramps *r, const struct ramp_entry *e, const char *period, bool make)
{
	char space[BUCKET_NAME_MAX];
	struct buf b = { .p = space, .size = sizeof space, .max = sizeof space };

	buf_printf(&b, "\twarmup\t%s %s %s\trecipients\t%s", count_scope_text(e->ramp.scope),
	    e->ramp.name, e->ramp.place[0] != '\0' ? e->ramp.place : WARMUP_ALL, period);
	if (!buf_ok(&b))
		return BUCKET_NONE;
	return make ? store_bucket(r->store, buf_span(&b))
		    : store_find_bucket(r->store, buf_span(&b));
}

static uint32_t use_bucket(
    struct ramps *r, struct ramp_entry *e, uint32_t *bucket_io, const char *period, bool make)
{
	if (*bucket_io == BUCKET_NONE)
		*bucket_io = obtain_bucket(r, e, period, make);
	return *bucket_io;
}

/* From a bucket's name back to whom it is about; NULL: not one of ours. */
static struct ramp_entry *entry_of_bucket(const struct ramps *r, uint32_t bucket)
{
	struct quota_bucket_parts parts;
	struct span rest, scope, name;
	enum count_scope which;
	char space[RAMP_KEY_MAX];
	struct ramp_entry *e;

	if (bucket >= store_bucket_count(r->store) ||
	    !quota_split_bucket_name(span_cstr(store_bucket_name(r->store, bucket)), &parts) ||
	    !span_eq(parts.scope, SPAN("warmup")))
		return NULL;
	rest = parts.name;
	if (!span_next(&rest, ' ', &scope) || !span_next(&rest, ' ', &name) ||
	    !count_scope_of(scope, &which))
		return NULL;
	e = ramp_find(r, ramp_key(space, which, name, rest));
	/* What is said of all places has the bucket of "all". */
	return e != NULL || !span_eq(rest, SPAN(WARMUP_ALL))
		   ? e
		   : ramp_find(r, ramp_key(space, which, name, SPAN("")));
}

/* ---- charges ---- */

static struct charge window(
    uint32_t bucket, uint64_t amount, uint64_t limit, int64_t now_s, int64_t length_s)
{
	int64_t start_s = now_s - now_s % length_s;

	return (struct charge){ .bucket = bucket,
		.amount = amount,
		.limit = limit,
		.start_s = start_s,
		.end_s = start_s + length_s };
}

/* Another plan begins at the day that allows as much as today's, or less. */
static void adopt(struct ramps *r, struct ramp_entry *e, const struct warmup_plan *plan,
    const struct ramp_question *q)
{
	const struct warmup_plan *before = ramp_plan(r, e);
	struct span place = span_cstr(e->ramp.place);
	int64_t now_s = q->now_ns / NS_PER_S;
	unsigned day = 1;

	if (before != NULL)
		day = warmup_day_under(
		    plan, place, warmup_day_budget(before, e->ramp.progress.day, place));
	(void)snprintf(e->plan, sizeof e->plan, "%s", plan->id);
	e->ramp.progress = warmup_begin(day, now_s / RAMP_DAY_S);
	e->ramp.since_s = now_s;
	ramp_store(r, e);
}

/* What holds for that place: as it is stored, or as it would begin. NULL: no memory. What somebody
 * chose, paused, stopped or brought to its end does not follow the configuration. */
static struct ramp_entry *entry_of(struct ramps *r, const struct ramp_question *q,
    const struct warmup_plan *plan, bool begin, struct ramp_entry *fresh)
{
	char space[RAMP_KEY_MAX];
	struct span place = warmup_place(plan, q->provider);
	struct span key = ramp_key(space, q->scope, q->name, place);
	struct ramp_entry *e = ramp_find(r, key);

	if (e != NULL && (!begin || e->ramp.chosen || e->ramp.progress.state != WARMUP_ACTIVE ||
			     strcmp(e->plan, plan->id) == 0))
		return e;
	if (!begin) {
		fresh->ramp.progress = warmup_begin(1, q->now_ns / NS_PER_S / RAMP_DAY_S);
		fresh->day_bucket = fresh->hour_bucket = BUCKET_NONE;
		(void)snprintf(fresh->plan, sizeof fresh->plan, "%s", plan->id);
		return fresh;
	}
	if (e == NULL)
		e = ramp_obtain(r, key);
	if (e != NULL)
		adopt(r, e, plan, q);
	return e;
}

/* Begun for this place by the administrator, with a plan of his choice; NULL: not. */
static struct ramp_entry *chosen_of(const struct ramps *r, const struct ramp_question *q)
{
	struct span place = q->provider.n > 0 ? q->provider : SPAN(WARMUP_OTHERS);
	char space[RAMP_KEY_MAX];
	struct ramp_entry *e = ramps_any(r, q->scope)
				   ? ramp_find(r, ramp_key(space, q->scope, q->name, place))
				   : NULL;

	return e != NULL && e->ramp.chosen ? e : NULL;
}

/* Nothing may leave: a charge that never fits. */
static size_t hold(struct ramps *r, struct ramp_entry *e, const struct ramp_question *q,
    bool begin, struct charge *out)
{
	uint32_t bucket =
	    e != NULL ? use_bucket(r, e, &e->day_bucket, "day", begin) : BUCKET_NONE;

	out[0] = window(bucket, q->amount, 0, q->now_ns / NS_PER_S, RAMP_DAY_S);
	return 1;
}

static size_t budget(struct ramps *r, struct ramp_entry *e, const struct warmup_plan *plan,
    struct span place, const struct ramp_question *q, bool begin, struct charge *out)
{
	int64_t now_s = q->now_ns / NS_PER_S;
	uint64_t day = warmup_day_budget(plan, e->ramp.progress.day, place);
	size_t n = 0;

	out[n++] = window(begin ? use_bucket(r, e, &e->day_bucket, "day", true) : e->day_bucket,
	    q->amount, day, now_s, RAMP_DAY_S);
	if (plan->hour_percent < 100)
		out[n++] = window(
		    begin ? use_bucket(r, e, &e->hour_bucket, "hour", true) : e->hour_bucket,
		    q->amount, warmup_hour_budget(plan, day), now_s, 3600);
	return n;
}

/* What is held needs a bucket to be told by. In memory only, until other plans come. */
static struct ramp_entry *without_plan(
    struct ramps *r, const struct ramp_question *q, const char *name)
{
	char space[RAMP_KEY_MAX];
	struct ramp_entry *e =
	    ramp_obtain(r, ramp_key(space, q->scope, q->name, SPAN(NO_PLAN)));

	if (e == NULL || e->plan[0] != '\0')
		return e;
	(void)snprintf(e->plan, sizeof e->plan, "%s", name);
	log_text(LOG_LEVEL_ERROR, "warm-up: there is no plan \"%s\"; mail of %s %s waits",
	    e->plan, count_scope_text(q->scope), e->ramp.name);
	return e;
}

/* As its state says. */
static size_t charges_of(struct ramps *r, struct ramp_entry *e, const struct ramp_question *q,
    bool begin, struct charge *out)
{
	const struct warmup_plan *plan = ramp_plan(r, e);

	switch (e->ramp.progress.state) {
	case WARMUP_ACTIVE:
		if (plan == NULL)
			break;
		return budget(r, e, plan, warmup_place(plan, q->provider), q, begin, out);
	case WARMUP_PAUSED: break;
	case WARMUP_COMPLETED:
	case WARMUP_STOPPED:
	case WARMUP_STATES: return 0;
	}
	return hold(r, e, q, begin, out);
}

size_t ramps_charges(struct ramps *r, const struct ramp_question *q, bool begin,
    struct charge out[RAMP_CHARGES_MAX])
{
	char space[RAMP_KEY_MAX];
	const struct warmup_plan *plan;
	struct ramp_entry *all, *e, fresh = { .key_n = 0 };
	enum warmup_state state;
	const char *name;

	if (q->plan == NULL && !ramps_any(r, q->scope))
		return 0;
	all = ramp_find(r, ramp_key(space, q->scope, q->name, SPAN("")));
	state = all != NULL ? all->ramp.progress.state : WARMUP_ACTIVE;
	e = chosen_of(r, q);
	name = all != NULL && (all->ramp.chosen || q->plan == NULL) ? all->plan : q->plan;
	if (state == WARMUP_STOPPED || (name == NULL && e == NULL))
		return 0;
	if (state == WARMUP_PAUSED)
		return hold(r, all, q, begin, out);
	if (e != NULL)
		return charges_of(r, e, q, begin, out);
	plan = warmup_find(r->plans, span_cstr(name));
	if (plan == NULL)
		return hold(r, without_plan(r, q, name), q, begin, out);
	e = entry_of(r, q, plan, begin, &fresh);
	return e != NULL ? charges_of(r, e, q, begin, out) : hold(r, NULL, q, begin, out);
}

/* ---- looking ---- */

static void fill(
    struct ramps *r, struct ramp_entry *e, int64_t now_ns, struct ramp_figures *figures_r)
{
	const struct warmup_plan *plan = ramp_plan(r, e);
	int64_t now_s = now_ns / NS_PER_S;
	uint32_t bucket = use_bucket(r, e, &e->day_bucket, "day", false);
	const struct bucket *b = store_bucket_state(r->store, bucket);

	*figures_r = (struct ramp_figures){ .ramp = &e->ramp, .day = e->ramp.progress.day };
	figures_r->day_used = window_used(b->window, now_s - now_s % RAMP_DAY_S);
	if (plan == NULL)
		return;
	figures_r->days = plan->day_count;
	figures_r->limited = e->ramp.progress.state == WARMUP_ACTIVE;
	if (figures_r->limited)
		figures_r->day_budget =
		    warmup_day_budget(plan, e->ramp.progress.day, span_cstr(e->ramp.place));
}

bool ramps_of_bucket(
    struct ramps *r, uint32_t bucket, int64_t now_ns, struct ramp_figures *figures_r)
{
	struct ramp_entry *e = entry_of_bucket(r, bucket);

	if (e == NULL)
		return false;
	fill(r, e, now_ns, figures_r);
	return true;
}

void ramps_each(struct ramps *r, int64_t now_ns, ramps_visit *visit, void *context)
{
	for (struct ramp_entry *e = r->entries; e != NULL; e = e->hh.next) {
		struct ramp_figures figures;

		fill(r, e, now_ns, &figures);
		visit(context, &figures);
	}
}
