/* control_pools - the administrator's verbs for sources and pools, and their part of explain. */
#include <stdio.h>

#include "clock.h"
#include "control_handlers.h"
#include "log.h"

/* ---- explain ---- */

/* "ip2 ready, ip1 waiting 60 s": the members as they would be tried. */
static void put_candidates(
    struct buf *reply, const struct pool *pool, const struct choice *choices, size_t count)
{
	attr_put(reply, "pool", span_cstr(pool->name));
	attr_put(reply, "strategy", span_cstr(pool_strategy_text(pool->strategy)));
	buf_add_cstr(reply, "candidates=");
	for (size_t i = 0; i < count; i++) {
		const struct choice *c = &choices[i];

		buf_printf(reply, "%s%s %s", i > 0 ? ", " : "",
		    pool->members[c->member].source->name, member_state_text(c->state));
		if (c->wait_s > 0 && c->wait_s != INT64_MAX)
			buf_printf(reply, " %lld s", (long long)c->wait_s);
	}
	buf_add_char(reply, '\n');
}

enum verdict control_explain_pool(
    struct control_call *call, struct account *a, int64_t now_ns, struct outcome *outcome_r)
{
	struct server *s = call->session->server;
	const struct pool_subject subject = { .tenant = span_cstr(a->who.tenant->name),
		.stream = span_cstr(a->who.stream->name),
		.sender = control_get(call, "sender"),
		.recipient =
		    suppress_recipient_hash(s->suppress, control_get(call, "recipient")) };
	char space[DOMAIN_MAX];
	struct span place = place_of(s->providers, control_get(call, "recipient"), space);
	const struct pool_request r = { .amount = 1,
		.seed = pool_seed(pool_of(a->pool), &subject),
		.now_ns = now_ns,
		.brakes = s->brakes,
		.ramps = s->ramps,
		.place = place,
		.provider = place_group(place, space) };
	struct choice choices[POOL_MEMBERS_MAX];
	struct charge capacity[POOL_LIMITS_MAX];
	size_t count = pools_order(s->pools, a->pool, &r, choices), n;
	int64_t retry_s;
	uint64_t used;

	put_candidates(call->reply, pool_of(a->pool), choices, count);
	if (pool_paused(a->pool) || choices[0].state >= MEMBER_PAUSED)
		return VERDICT_POOL_AWAY;
	n = pools_capacity(s->pools, a->pool, &r, capacity);
	for (size_t i = 0; i < n; i++)
		if (!store_peek(s->store, &capacity[i], now_ns, &used, &retry_s)) {
			*outcome_r = (struct outcome){
				.refused = capacity[i], .refused_index = 0, .retry_s = retry_s
			};
			return VERDICT_POOL_SPENT;
		}
	*outcome_r = (struct outcome){ .refused = { .bucket = BUCKET_NONE,
					   .is_rate = choices[0].state == MEMBER_WAITING,
					   .end_s = now_ns / NS_PER_S + choices[0].wait_s },
		.refused_index = SIZE_MAX,
		.retry_s = choices[0].wait_s };
	return choices[0].state == MEMBER_READY ? VERDICT_PASS
						: decide_pool_refusal(outcome_r, false);
}

/* ---- pauses ---- */

static void on_state(void *context, enum err e)
{
	struct control_session *s = context;

	/* What is on the disk counts; routes answers from a copy. */
	if (e == ERR_OK) {
		pools_refresh(s->server->pools);
		server_update_routes(s->server);
		control_ok(&s->reply);
	} else {
		control_error_value(&s->reply, e);
	}
	control_finish(s);
}

/* kind: "source" or "pool". */
static enum control_progress set_state(
    struct control_call *call, const char *kind, struct span name, bool exists)
{
	struct control_session *s = call->session;
	struct span state = control_get(call, "state");
	bool pause = span_eq(state, SPAN("paused"));
	char event[32], space[128];
	struct buf key = { .p = space, .size = sizeof space, .max = sizeof space };
	enum err e;

	if (!exists) {
		control_error(
		    call->reply, "notfound", "there is no %s \"%.*s\"", kind, SPAN_ARG(name));
		return CONTROL_DONE;
	}
	if (!pause && !span_eq(state, SPAN("active"))) {
		control_error(call->reply, "syntax", "state: active or paused");
		return CONTROL_DONE;
	}
	(void)snprintf(event, sizeof event, "%s_state", kind);
	log_record(LOG_LEVEL_WARNING, SPAN(""), "audit", LOG_CSTR("event", event),
	    LOG_SPAN("name", name), LOG_SPAN("state", state),
	    LOG_SPAN("reason", control_get(call, "reason")),
	    LOG_NUMBER("uid", s->ticket->peer_uid));
	pool_state_name(&key, kind, name);
	e = states_set(s->server->states, buf_span(&key),
	    pause ? TENANT_SUSPENDED : TENANT_ACTIVE, on_state, s);
	if (e == ERR_OK)
		return CONTROL_LATER;
	control_error_value(call->reply, e);
	return CONTROL_DONE;
}

enum control_progress control_source_state(struct control_call *call)
{
	struct span name = control_get(call, "source");

	return set_state(call, "source", name,
	    snapshot_find_source(call->session->server->snapshot, name) != NULL);
}

enum control_progress control_pool_state(struct control_call *call)
{
	struct span name = control_get(call, "pool");

	return set_state(call, "pool", name,
	    snapshot_find_pool(call->session->server->snapshot, name) != NULL);
}

/* ---- lists ---- */

struct number {
	char text[24];
};

static struct span put_number(struct number *n, uint64_t value)
{
	return span_make(n->text,
	    (size_t)snprintf(n->text, sizeof n->text, "%llu", (unsigned long long)value));
}

/* False after an error: "from" is not a number. */
static bool first_row(struct control_call *call, uint64_t *first_r)
{
	*first_r = 0;
	if (control_get(call, "from").n == 0 || span_u64(control_get(call, "from"), first_r))
		return true;
	control_error(call->reply, "syntax", "from: not a number");
	return false;
}

/* "shared, bulk" */
static void put_pools(const struct provider *p, const struct source *source, struct buf *out)
{
	for (size_t i = 0; i < p->pool_count; i++)
		for (size_t k = 0; k < p->pools[i].member_count; k++)
			if (p->pools[i].members[k].source == source)
				buf_printf(
				    out, "%s%s", out->n > 0 ? ", " : "", p->pools[i].name);
}

enum control_progress control_source_list(struct control_call *call)
{
	const struct server *s = call->session->server;
	const struct provider *p = snapshot_provider(s->snapshot);
	int64_t now_ns = clock_wall_ns();
	size_t rows = 0;
	uint64_t i;

	if (!first_row(call, &i))
		return CONTROL_DONE;
	attr_put(call->reply, "columns",
	    SPAN("source\tstate\taddress4\taddress6\thelo\trelay\tmailbox\tpools\tused"));
	for (; i < p->source_count && rows < CONTROL_ROWS; i++, rows++) {
		const struct source *source = &p->sources[i];
		struct buf pools = BUF_INIT(65536);
		struct number used;
		struct span fields[] = { span_cstr(source->name),
			pools_source_paused(s->pools, source) ? SPAN("paused") : SPAN("active"),
			span_cstr(source->address4), span_cstr(source->address6),
			span_cstr(source->helo), span_cstr(source->relay),
			span_cstr(source->mailbox), SPAN(""),
			put_number(&used, pools_source_used(s->pools, source, now_ns)) };

		put_pools(p, source, &pools);
		fields[7] = buf_span(&pools);
		control_row(call->reply, rows, fields, ARRAY_SIZE(fields));
		buf_free(&pools);
	}
	if (i < p->source_count)
		attr_put_u64(call->reply, "next", i);
	return CONTROL_DONE;
}

static uint64_t percent(uint64_t used, uint64_t limit)
{
	return limit > 0 ? (uint64_t)((double)used * 100.0 / (double)limit) : 100;
}

/* One line for a pool. */
static bool put_pool(struct control_call *call, const struct pool *pool, size_t row)
{
	const struct server *s = call->session->server;
	struct pool_state *state = pools_find(s->pools, pool);
	struct number capacity, used, part;
	struct pool_figures f;
	char active[48];

	if (state == NULL)
		return false;
	pools_figures(s->pools, state, clock_wall_ns(), &f);
	(void)snprintf(active, sizeof active, "%zu/%zu", f.active, pool->member_count);
	control_row(call->reply, row,
	    (struct span[]){ span_cstr(pool->name),
		pool_paused(state) ? SPAN("paused") : SPAN("active"),
		span_cstr(pool_strategy_text(pool->strategy)), span_cstr(active),
		f.limited ? put_number(&capacity, f.limit) : SPAN(""),
		put_number(&used, f.used),
		f.limited ? put_number(&part, percent(f.used, f.limit)) : SPAN("") },
	    7);
	return true;
}

static enum control_progress list_pools(struct control_call *call, uint64_t i)
{
	const struct provider *p = snapshot_provider(call->session->server->snapshot);
	size_t rows = 0;

	attr_put(call->reply, "columns",
	    SPAN("pool\tstate\tstrategy\tactive\tcapacity\tused\tpercent"));
	for (; i < p->pool_count && rows < CONTROL_ROWS; i++, rows++)
		if (!put_pool(call, &p->pools[i], rows)) {
			control_error_value(call->reply, ERR_NOMEM);
			return CONTROL_DONE;
		}
	if (i < p->pool_count)
		attr_put_u64(call->reply, "next", i);
	return CONTROL_DONE;
}

/* One line for each member, in the order of the file. */
static enum control_progress list_members(
    struct control_call *call, const struct pool *pool, uint64_t i)
{
	const struct server *s = call->session->server;
	struct pool_state *state = pools_find(s->pools, pool);
	const struct pool_request r = { .amount = 1, .now_ns = clock_wall_ns() };
	enum member_state states[POOL_MEMBERS_MAX] = { MEMBER_READY };
	struct choice choices[POOL_MEMBERS_MAX];
	size_t rows = 0, n;

	if (state == NULL) {
		control_error_value(call->reply, ERR_NOMEM);
		return CONTROL_DONE;
	}
	n = pools_order(s->pools, state, &r, choices);
	for (size_t k = 0; k < n; k++)
		states[choices[k].member] = choices[k].state;
	attr_put(call->reply, "columns", SPAN("source\tstate\tweight\tlimit\tused\tnext_s"));
	for (; i < pool->member_count && rows < CONTROL_ROWS; i++, rows++) {
		struct number limit, used, next;
		struct pool_figures f;
		char weight[32];

		pools_member_figures(s->pools, state, (size_t)i, r.now_ns, &f);
		(void)snprintf(weight, sizeof weight, "%u.%02u",
		    pool->members[i].weight / POOL_WEIGHT_UNIT,
		    pool->members[i].weight % POOL_WEIGHT_UNIT);
		control_row(call->reply, rows,
		    (struct span[]){ span_cstr(pool->members[i].source->name),
			span_cstr(member_state_text(states[i])), span_cstr(weight),
			f.limited ? put_number(&limit, f.limit) : SPAN(""),
			put_number(&used, f.used), put_number(&next, (uint64_t)f.next_s) },
		    6);
	}
	if (i < pool->member_count)
		attr_put_u64(call->reply, "next", i);
	return CONTROL_DONE;
}

enum control_progress control_pool_status(struct control_call *call)
{
	struct span name = control_get(call, "pool");
	const struct pool *pool = snapshot_find_pool(call->session->server->snapshot, name);
	uint64_t first;

	if (!first_row(call, &first))
		return CONTROL_DONE;
	if (name.n == 0)
		return list_pools(call, first);
	if (pool != NULL)
		return list_members(call, pool, first);
	control_error(call->reply, "notfound", "there is no pool \"%.*s\"", SPAN_ARG(name));
	return CONTROL_DONE;
}
