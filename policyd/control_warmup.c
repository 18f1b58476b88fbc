/* control_warmup - the administrator's verbs about what warms up. */
#include <stdio.h>

#include "clock.h"
#include "control_handlers.h"
#include "log.h"

struct listing {
	struct buf *reply;
	struct span name; /* empty: all */
	uint64_t from, index;
};

static struct span number(char space[24], uint64_t value, bool said)
{
	return said ? span_make(
			  space, (size_t)snprintf(space, 24, "%llu", (unsigned long long)value))
		    : SPAN("");
}

static void put_ramp(void *context, const struct ramp_figures *f)
{
	struct listing *l = context;
	const struct ramp *r = f->ramp;
	bool single = r->place[0] != '\0';
	char since[ZONE_TEXT_MAX], day[24], days[24], budget[24], used[24];

	if (l->name.n > 0 && !span_eq(l->name, span_cstr(r->name)))
		return;
	if (l->index++ < l->from || l->index > l->from + CONTROL_ROWS)
		return;
	zone_format(zone_utc(), r->since_s, since);
	control_row(l->reply, (size_t)(l->index - 1 - l->from),
	    (struct span[]){ span_cstr(count_scope_text(r->scope)), span_cstr(r->name),
		span_cstr(single ? r->place : "every place"), span_cstr(r->plan),
		span_cstr(f->days > 0 ? warmup_state_text(r->progress.state) : "no such plan"),
		number(day, f->day, single), number(days, f->days, f->days > 0),
		number(budget, f->day_budget, single && f->limited),
		number(used, f->day_used, single), span_cstr(since),
		span_cstr(warmup_reason_text(r->progress.reason)) },
	    11);
}

enum control_progress control_warmup_list(struct control_call *call)
{
	struct listing l = { .reply = call->reply, .name = control_get(call, "subject") };
	struct span from = control_get(call, "from");

	if (from.n > 0 && !span_u64(from, &l.from)) {
		control_error(call->reply, "syntax", "from: not one of ours");
		return CONTROL_DONE;
	}
	attr_put(call->reply, "columns",
	    SPAN("scope\tname\tplace\tplan\tstate\tday\tdays\tbudget\tused\tsince\tlast"));
	ramps_each(call->session->server->ramps, clock_wall_ns(), put_ramp, &l);
	if (l.index > l.from + CONTROL_ROWS)
		attr_put_u64(call->reply, "next", l.from + CONTROL_ROWS);
	return CONTROL_DONE;
}

static void on_changed(void *context, enum err e)
{
	struct control_session *s = context;

	if (e != ERR_OK)
		control_error_value(&s->reply, e);
	control_finish(s);
}

/* The plan that the configuration names for it; empty: none. */
static struct span configured_plan(const struct server *s, const struct ramp_change *c)
{
	const struct tenant_domain *domain = NULL;
	const struct source *source;
	size_t tenant;

	if (c->scope == COUNT_SOURCE) {
		source = snapshot_find_source(s->snapshot, c->name);
		return span_cstr(source != NULL ? source->warmup : NULL);
	}
	tenant = snapshot_find_domain(s->snapshot, c->name, &domain);
	return span_cstr(tenant != TENANT_NONE && domain != NULL
			     ? tenant_warmup(snapshot_tenant(s->snapshot, tenant), domain->name)
			     : NULL);
}

static bool exists(const struct server *s, const struct ramp_change *c)
{
	return c->scope == COUNT_SOURCE
		   ? snapshot_find_source(s->snapshot, c->name) != NULL
		   : snapshot_find_domain(s->snapshot, c->name, NULL) != TENANT_NONE;
}

static const char *read_change(const struct control_call *call, struct ramp_change *c_r)
{
	struct span day = control_get(call, "day"), from = control_get(call, "resume_from");
	uint64_t number_of_day = 0;

	*c_r = (struct ramp_change){ .name = control_get(call, "subject"),
		.place = control_get(call, "place"),
		.plan = control_get(call, "plan"),
		.now_s = clock_wall_ns() / NS_PER_S };
	if (!ramp_action_of(control_get(call, "action"), &c_r->action))
		return "action: start, pause, resume, adjust or stop";
	if (!count_scope_of(control_get(call, "scope"), &c_r->scope) ||
	    (c_r->scope != COUNT_SOURCE && c_r->scope != COUNT_DOMAIN))
		return "scope: source or domain";
	if (day.n > 0 && (!span_u64(day, &number_of_day) || number_of_day == 0 ||
			     number_of_day > WARMUP_DAYS_MAX))
		return "day: a number from 1 on";
	c_r->day = (unsigned)number_of_day;
	if (c_r->action == RAMP_ADJUST && c_r->day == 0)
		return "to which day?";
	if (from.n > 0 && !span_eq(from, SPAN("current")) && !span_eq(from, SPAN("week")) &&
	    !span_eq(from, SPAN("start")))
		return "from: current, week or start";
	c_r->week = span_eq(from, SPAN("week"));
	if (span_eq(from, SPAN("start")))
		c_r->day = 1;
	return NULL;
}

enum control_progress control_warmup_change(struct control_call *call)
{
	struct control_session *s = call->session;
	struct ramp_change c;
	const char *wrong = read_change(call, &c);
	char error[256] = "";
	size_t count = 0;
	enum err e;

	if (wrong != NULL) {
		control_error(call->reply, "syntax", "%s", wrong);
		return CONTROL_DONE;
	}
	if (!exists(s->server, &c)) {
		control_error(call->reply, "notfound", "there is no %s \"%.*s\"",
		    count_scope_text(c.scope), SPAN_ARG(c.name));
		return CONTROL_DONE;
	}
	c.configured = configured_plan(s->server, &c);
	/* The reply is ready before it is known whether it holds. */
	control_ok(&s->reply);
	e = ramps_change(s->server->ramps, &c, on_changed, s, &count, error, sizeof error);
	attr_put_u64(&s->reply, "changed", count);
	log_record(LOG_LEVEL_WARNING, SPAN(""), "audit", LOG_CSTR("event", "warmup"),
	    LOG_SPAN("action", control_get(call, "action")),
	    LOG_CSTR("scope", count_scope_text(c.scope)), LOG_SPAN("name", c.name),
	    LOG_SPAN("place", c.place), LOG_SPAN("plan", c.plan), LOG_NUMBER("day", c.day),
	    LOG_NUMBER("changed", count), LOG_CSTR("result", err_text(e)),
	    LOG_SPAN("reason", control_get(call, "reason")),
	    LOG_NUMBER("uid", s->ticket->peer_uid));
	if (e == ERR_OK)
		return CONTROL_LATER;
	control_error(&s->reply,
	    e == ERR_NOTFOUND ? "notfound"
	    : e == ERR_RANGE  ? "range"
			      : "store",
	    "%s", error);
	return CONTROL_DONE;
}
