/* pools - facts of members out of their buckets, and charges for those that are chosen. Knows
 * neither requests nor replies; the order is choice.c's. */
#include <stdlib.h>

#include "brakes.h"
#include "pools.h"
#include "ramps.h"
#include "server.h"
#include "zone.h"

#define PAUSED(state) ((state) == TENANT_SUSPENDED)

struct pool_seat {
	const struct pool_member *member;
	uint32_t day;                     /* recipients today: what round-robin goes by */
	uint32_t limits[POOL_LIMITS_MAX]; /* as member->limits; the day's is the same as day */
	uint32_t gap;
	bool paused;
	int64_t last_ns;
};

struct pool_state {
	const struct pool *pool;
	struct pool_seat *members; /* NULL until it is used */
	uint32_t capacity[POOL_LIMITS_MAX];
	bool paused;
};

struct pools {
	struct store *store;
	const struct states *states;
	struct snapshot *snapshot;
	struct pool_state *at; /* as the provider's */
	size_t count;
	struct window_bounds windows[WINDOW_CYCLE + 1];
};

/* ---- life ---- */

struct pools *pools_new(
    struct store *store, const struct states *states, const struct snapshot *snapshot)
{
	const struct provider *provider = snapshot_provider(snapshot);
	struct pools *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->store = store;
	p->states = states;
	p->snapshot = snapshot_ref(snapshot);
	p->count = provider->pool_count;
	p->at = calloc(p->count + 1, sizeof *p->at);
	if (p->at == NULL) {
		pools_free(&p);
		return NULL;
	}
	for (size_t i = 0; i < p->count; i++)
		p->at[i].pool = &provider->pools[i];
	pools_refresh(p);
	return p;
}

void pools_free(struct pools **p)
{
	if (*p == NULL)
		return;
	for (size_t i = 0; (*p)->at != NULL && i < (*p)->count; i++)
		free((*p)->at[i].members);
	free((*p)->at);
	snapshot_unref(&(*p)->snapshot);
	free(*p);
	*p = NULL;
}

const struct pool *pool_of(const struct pool_state *s)
{
	return s->pool;
}

/* ---- buckets ---- */

/* As tenants' buckets are called (quota.h), without a tenant. */
static void put_bucket_name(
    struct buf *out, const char *scope, const char *name, const char *unit, const char *period)
{
	buf_printf(out, "\t%s\t%s\t%s\t%s", scope, name, unit, period);
}

static uint32_t obtain(
    struct pools *p, const char *scope, const char *name, const char *unit, const char *period)
{
	char space[BUCKET_NAME_MAX];
	struct buf b = { .p = space, .size = sizeof space, .max = sizeof space };

	put_bucket_name(&b, scope, name, unit, period);
	return buf_ok(&b) ? store_bucket(p->store, buf_span(&b)) : BUCKET_NONE;
}

static const char *window_word(enum window_kind window)
{
	static const char *const words[] = { [WINDOW_HOUR] = "hour",
		[WINDOW_DAY] = "day",
		[WINDOW_MONTH] = "month",
		[WINDOW_CYCLE] = "cycle" };

	return words[window];
}

static bool obtain_limits(struct pools *p, const char *scope, const char *name,
    const struct limits *limits, uint32_t *buckets_r)
{
	for (size_t i = 0; i < limits->count && i < POOL_LIMITS_MAX; i++) {
		buckets_r[i] =
		    obtain(p, scope, name, "recipients", window_word(limits->at[i].window));
		if (buckets_r[i] == BUCKET_NONE)
			return false;
	}
	return true;
}

static bool obtain_member(struct pools *p, struct pool_seat *m)
{
	const char *name = m->member->source->name;

	m->day = obtain(p, "source", name, "recipients", "day");
	m->gap = obtain(p, "source", name, "messages", "gap");
	return m->day != BUCKET_NONE && m->gap != BUCKET_NONE &&
	       obtain_limits(p, "source", name, &m->member->limits, m->limits);
}

struct pool_state *pools_find(struct pools *p, const struct pool *pool)
{
	struct pool_state *s = &p->at[pool - snapshot_provider(p->snapshot)->pools];
	struct pool_seat *members;
	bool ok = true;

	if (s->members != NULL)
		return s;
	members = calloc(pool->member_count + 1, sizeof *members);
	if (members == NULL)
		return NULL;
	for (size_t i = 0; ok && i < pool->member_count; i++) {
		members[i].member = &pool->members[i];
		members[i].paused = pools_source_paused(p, pool->members[i].source);
		ok = obtain_member(p, &members[i]);
	}
	if (!ok || !obtain_limits(p, "pool", pool->name, &pool->capacity, s->capacity)) {
		free(members);
		return NULL;
	}
	s->members = members;
	return s;
}

/* ---- pauses ---- */

void pool_state_name(struct buf *out, const char *kind, struct span name)
{
	buf_printf(out, "\t%s\t%.*s", kind, SPAN_ARG(name));
}

static bool is_paused(const struct pools *p, const char *kind, const char *name)
{
	char space[128];
	struct buf b = { .p = space, .size = sizeof space, .max = sizeof space };

	pool_state_name(&b, kind, span_cstr(name));
	return PAUSED(states_get(p->states, buf_span(&b)));
}

bool pools_source_paused(const struct pools *p, const struct source *source)
{
	return is_paused(p, "source", source->name);
}

bool *pools_paused_sources(const struct pools *p)
{
	const struct provider *provider = snapshot_provider(p->snapshot);
	bool *paused = calloc(provider->source_count + 1, sizeof *paused), any = false;

	for (size_t i = 0; paused != NULL && i < provider->source_count; i++) {
		paused[i] = pools_source_paused(p, &provider->sources[i]);
		any = any || paused[i];
	}
	if (!any) {
		free(paused);
		paused = NULL;
	}
	return paused;
}

bool pool_paused(const struct pool_state *s)
{
	return s->paused;
}

void pools_refresh(struct pools *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct pool_state *s = &p->at[i];

		s->paused = is_paused(p, "pool", s->pool->name);
		for (size_t k = 0; s->members != NULL && k < s->pool->member_count; k++)
			s->members[k].paused =
			    pools_source_paused(p, s->members[k].member->source);
	}
}

/* ---- facts ---- */

static void update_windows(struct pools *p, int64_t now_s)
{
	for (size_t i = 0; i < ARRAY_SIZE(p->windows); i++)
		if (now_s < p->windows[i].start_s || now_s >= p->windows[i].end_s)
			p->windows[i] = zone_window(zone_utc(), (enum window_kind)i, 1, now_s);
}

static uint64_t count_of(const struct pools *p, uint32_t bucket, enum window_kind window)
{
	const struct bucket *b = store_bucket_state(p->store, bucket);

	return window_used(b->window, p->windows[window].start_s);
}

/* Time until the gap is over, 0 when it is. What lies further ahead than the gap comes from a clock
 * that was wrong: the store, when it is asked, puts it right. */
static int64_t gap_left_ns(
    const struct pools *p, const struct pool_seat *m, int64_t now_ns, int64_t *last_ns_r)
{
	int64_t gap_ns = m->member->gap_s * NS_PER_S, left;
	const struct bucket *b;

	if (gap_ns == 0)
		return 0;
	b = store_bucket_state(p->store, m->gap);
	if (*last_ns_r < b->rate.tat_ns - gap_ns)
		*last_ns_r = b->rate.tat_ns - gap_ns; /* what a restart has forgotten */
	left = b->rate.tat_ns - now_ns;
	return left > 0 && left <= gap_ns ? left : 0;
}

static void add_limit(
    uint64_t limit, uint64_t used, uint64_t amount, int64_t left_s, struct member_facts *f)
{
	if (used + amount > limit && f->limit_wait_s < left_s)
		f->limit_wait_s = left_s;
	if (amount > limit)
		f->limit_wait_s = INT64_MAX;
	if (used > limit)
		used = limit;
	if (f->limit == 0 ||
	    (double)used * (double)f->limit > (double)f->used * (double)limit) {
		f->limit = limit;
		f->used = used;
	}
}

static size_t warmup_charges(
    const struct pool_seat *m, const struct pool_request *r, bool begin, struct charge *out)
{
	const struct source *source = m->member->source;
	const struct ramp_question q = { .scope = COUNT_SOURCE,
		.name = span_cstr(source->name),
		.plan = source->warmup,
		.provider = r->provider,
		.amount = r->amount,
		.now_ns = r->now_ns };

	return r->ramps != NULL ? ramps_charges(r->ramps, &q, begin, out) : 0;
}

/* What warms up is full when its budget is; without one (limit 0) it is paused. */
static void add_warmup(const struct pools *p, const struct pool_seat *m,
    const struct pool_request *r, struct member_facts *f)
{
	struct charge charges[RAMP_CHARGES_MAX];
	size_t n = warmup_charges(m, r, false, charges);

	for (size_t i = 0; i < n; i++) {
		const struct bucket *b = store_bucket_state(p->store, charges[i].bucket);

		if (charges[i].limit == 0)
			f->paused = true;
		else
			add_limit(charges[i].limit, window_used(b->window, charges[i].start_s),
			    r->amount, charges[i].end_s - r->now_ns / NS_PER_S, f);
	}
}

static bool is_braked(const struct pool_seat *m, const struct pool_request *r)
{
	return r->brakes != NULL &&
	       brakes_find(r->brakes, BRAKE_SOURCE, span_cstr(m->member->source->name),
		   r->place, r->now_ns / NS_PER_S) != NULL;
}

static struct member_facts facts_of(
    const struct pools *p, const struct pool_seat *m, const struct pool_request *r)
{
	uint64_t amount = r->amount;
	int64_t now_ns = r->now_ns;
	struct member_facts f = { .id = m->member->source->id,
		.weight = m->member->weight,
		.health = HEALTH_UNKNOWN,
		.paused = m->paused || is_braked(m, r),
		.last_ns = m->last_ns,
		.used_today = count_of(p, m->day, WINDOW_DAY) };
	int64_t left = gap_left_ns(p, m, now_ns, &f.last_ns);

	f.gap_wait_s = left / NS_PER_S + (left % NS_PER_S != 0);
	for (size_t i = 0; i < m->member->limits.count; i++) {
		const struct limit *l = &m->member->limits.at[i];

		add_limit(l->amount, count_of(p, m->limits[i], l->window), amount,
		    p->windows[l->window].end_s - now_ns / NS_PER_S, &f);
	}
	add_warmup(p, m, r, &f);
	return f;
}

static size_t order(struct pools *p, struct pool_state *s, const struct pool_request *r,
    struct choice *choices_r, size_t max)
{
	struct member_facts facts[POOL_MEMBERS_MAX];
	size_t count = s->pool->member_count;

	update_windows(p, r->now_ns / NS_PER_S);
	for (size_t i = 0; i < count; i++)
		facts[i] = facts_of(p, &s->members[i], r);
	return choose(s->pool->strategy, r->seed, facts, count, choices_r, max);
}

size_t pools_order(struct pools *p, struct pool_state *s, const struct pool_request *request,
    struct choice *choices_r)
{
	return order(p, s, request, choices_r, POOL_MEMBERS_MAX);
}

uint64_t pool_seed(const struct pool *pool, const struct pool_subject *subject)
{
	uint64_t seed = hash64(span_cstr(pool->name), 0);

	if (pool->strategy != POOL_STICKY)
		return subject->transaction.low ^ seed;
	if (pool->sticky == STICKY_RECIPIENT)
		return subject->recipient ^ seed;
	if (pool->sticky == STICKY_THREAD)
		return hash64(subject->sender, subject->recipient ^ seed);
	return hash64(subject->sender, hash64(subject->stream, hash64(subject->tenant, seed)));
}

/* ---- charges ---- */

static struct charge window_of(
    const struct pools *p, uint32_t bucket, enum window_kind window, uint64_t limit, uint64_t n)
{
	return (struct charge){ .bucket = bucket,
		.amount = n,
		.limit = limit,
		.start_s = p->windows[window].start_s,
		.end_s = p->windows[window].end_s };
}

/* The gap is between messages: it is asked once, with the choice. */
static size_t member_charges(const struct pools *p, const struct pool_seat *m, uint64_t amount,
    bool with_gap, struct charge *out)
{
	const struct limits *limits = &m->member->limits;
	bool counted = false;
	size_t n = 0;

	if (with_gap && m->member->gap_s > 0)
		out[n++] = (struct charge){ .bucket = m->gap,
			.is_rate = true,
			.amount = 1,
			.rate = { m->member->gap_s * NS_PER_S, 1 } };
	for (size_t i = 0; i < limits->count; i++) {
		counted = counted || limits->at[i].window == WINDOW_DAY;
		out[n++] = window_of(
		    p, m->limits[i], limits->at[i].window, limits->at[i].amount, amount);
	}
	if (!counted)
		out[n++] = window_of(p, m->day, WINDOW_DAY, UINT64_MAX, amount);
	return n;
}

/* Where weights do not count, members do. */
static unsigned part_of(const struct pool *pool, const struct pool_member *m)
{
	bool weighted = pool->strategy == POOL_WEIGHTED || pool->strategy == POOL_STICKY;

	return weighted || m->weight == 0 ? m->weight : 1;
}

/* A pause takes the member's part of the capacity along: it is not shifted to the others. */
static uint64_t capacity_of(const struct pool_state *s, uint64_t amount)
{
	uint64_t all = 0, left = 0;

	for (size_t i = 0; i < s->pool->member_count; i++) {
		unsigned part = part_of(s->pool, s->members[i].member);

		all += part;
		left += s->members[i].paused ? 0 : part;
	}
	return all == 0 ? 0 : amount / all * left + amount % all * left / all;
}

static size_t find_member(const struct pool_state *s, struct span source)
{
	uint32_t id = source_id_of(source);
	size_t i = 0;

	while (i < s->pool->member_count && s->members[i].member->source->id != id)
		i++;
	return i;
}

bool pool_has_source(const struct pool_state *s, struct span source)
{
	return find_member(s, source) < s->pool->member_count;
}

static void add_candidate(const struct pools *p, const struct pool_seat *m,
    const struct pool_request *r, struct pool_plan *plan)
{
	struct charge *charges = plan->charges[plan->count];
	size_t n = member_charges(p, m, r->amount, r->bound.n == 0, charges);

	n += warmup_charges(m, r, true, charges + n);
	for (size_t i = 0; i < n; i++)
		if (charges[i].bucket == BUCKET_NONE)
			return; /* out of memory: not a charge that nobody counts */
	plan->candidates[plan->count++] = (struct candidate){
		.charges = charges, .count = n, .source = span_cstr(m->member->source->name)
	};
}

/* Those that are ready; when there is none, the one that will be first, so that its refusal says
 * when. */
static void choose_candidates(
    struct pools *p, struct pool_state *s, const struct pool_request *r, struct pool_plan *plan)
{
	struct choice choices[CANDIDATES_MAX];
	size_t n = s->paused ? 0 : order(p, s, r, choices, CANDIDATES_MAX);

	for (size_t i = 0; i < n; i++) {
		struct pool_seat *m = &s->members[choices[i].member];

		if (choices[i].state == MEMBER_PAUSED || choices[i].state == MEMBER_OFF ||
		    (i > 0 && choices[i].state != MEMBER_READY))
			break;
		if (i == 0 && choices[i].state == MEMBER_READY)
			m->last_ns = r->now_ns;
		add_candidate(p, m, r, plan);
	}
}

size_t pools_capacity(struct pools *p, struct pool_state *s, const struct pool_request *r,
    struct charge out[POOL_LIMITS_MAX])
{
	const struct limits *capacity = &s->pool->capacity;

	update_windows(p, r->now_ns / NS_PER_S);
	for (size_t i = 0; i < capacity->count; i++)
		out[i] = window_of(p, s->capacity[i], capacity->at[i].window,
		    capacity_of(s, capacity->at[i].amount), r->amount);
	return capacity->count;
}

void pools_plan(struct pools *p, struct pool_state *s, const struct pool_request *r,
    struct pool_plan *plan_r)
{
	plan_r->common_count = plan_r->count = 0;
	if (r->amount == 0)
		return;
	plan_r->common_count = pools_capacity(p, s, r, plan_r->common);
	if (r->bound.n == 0)
		choose_candidates(p, s, r, plan_r);
	else if (pool_has_source(s, r->bound) &&
		 !is_braked(&s->members[find_member(s, r->bound)], r))
		add_candidate(p, &s->members[find_member(s, r->bound)], r, plan_r);
}

/* ---- looking ---- */

uint64_t pools_source_used(struct pools *p, const struct source *source, int64_t now_ns)
{
	char space[BUCKET_NAME_MAX];
	struct buf b = { .p = space, .size = sizeof space, .max = sizeof space };

	put_bucket_name(&b, "source", source->name, "recipients", "day");
	update_windows(p, now_ns / NS_PER_S);
	return buf_ok(&b) ? count_of(p, store_find_bucket(p->store, buf_span(&b)), WINDOW_DAY)
			  : 0;
}

void pools_member_figures(struct pools *p, struct pool_state *s, size_t member, int64_t now_ns,
    struct pool_figures *figures_r)
{
	const struct pool_seat *m = &s->members[member];
	int64_t last = 0;

	update_windows(p, now_ns / NS_PER_S);
	*figures_r = (struct pool_figures){ .used = count_of(p, m->day, WINDOW_DAY) };
	for (size_t i = 0; i < m->member->limits.count; i++)
		if (m->member->limits.at[i].window == WINDOW_DAY) {
			figures_r->limited = true;
			figures_r->limit = m->member->limits.at[i].amount;
		}
	figures_r->next_s = (gap_left_ns(p, m, now_ns, &last) + NS_PER_S - 1) / NS_PER_S;
}

void pools_figures(
    struct pools *p, struct pool_state *s, int64_t now_ns, struct pool_figures *figures_r)
{
	const struct limits *capacity = &s->pool->capacity;
	bool all_limited = true;

	*figures_r = (struct pool_figures){ .used = 0 };
	for (size_t i = 0; i < s->pool->member_count; i++) {
		struct pool_figures one;

		pools_member_figures(p, s, i, now_ns, &one);
		figures_r->used += one.used;
		if (s->members[i].paused || s->members[i].member->weight == 0)
			continue;
		figures_r->active++;
		figures_r->limit += one.limit;
		all_limited = all_limited && one.limited;
	}
	figures_r->limited = all_limited;
	for (size_t i = 0; i < capacity->count; i++) {
		uint64_t amount = capacity_of(s, capacity->at[i].amount);

		if (capacity->at[i].window != WINDOW_DAY)
			continue;
		if (!figures_r->limited || amount < figures_r->limit)
			figures_r->limit = amount;
		figures_r->limited = true;
	}
	if (!figures_r->limited)
		figures_r->limit = 0;
}
