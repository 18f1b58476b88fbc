/* control_brakes - the administrator's verbs about pauses that receivers' replies led to. */
#include <stdio.h>

#include "clock.h"
#include "control_handlers.h"
#include "log.h"

struct listing {
	struct buf *reply;
	uint64_t from, index;
};

static void put_brake(void *context, const struct brake *b)
{
	struct listing *l = context;
	char since[ZONE_TEXT_MAX], until[ZONE_TEXT_MAX], level[16];

	if (l->index++ < l->from || l->index > l->from + CONTROL_ROWS)
		return;
	zone_format(zone_utc(), b->since_s, since);
	zone_format(zone_utc(), b->until_s, until);
	(void)snprintf(level, sizeof level, "%u", b->level);
	control_row(l->reply, (size_t)(l->index - 1 - l->from),
	    (struct span[]){ span_cstr(brake_scope_text(b->scope)), span_cstr(b->name),
		span_cstr(b->place[0] != '\0' ? b->place : "everywhere"), span_cstr(b->rule),
		span_cstr(since), span_cstr(until), span_cstr(level) },
	    7);
}

enum control_progress control_brake_list(struct control_call *call)
{
	struct listing l = { .reply = call->reply };
	struct span from = control_get(call, "from");

	if (from.n > 0 && !span_u64(from, &l.from)) {
		control_error(call->reply, "syntax", "from: not one of ours");
		return CONTROL_DONE;
	}
	attr_put(
	    call->reply, "columns", SPAN("scope\tname\tplace\trule\tsince\tuntil\trelapses"));
	brakes_each(call->session->server->brakes, clock_wall_ns() / NS_PER_S, put_brake, &l);
	if (l.index > l.from + CONTROL_ROWS)
		attr_put_u64(call->reply, "next", l.from + CONTROL_ROWS);
	return CONTROL_DONE;
}

enum control_progress control_brake_release(struct control_call *call)
{
	struct control_session *s = call->session;
	struct span name = control_get(call, "subject"), place = control_get(call, "place");
	enum brake_scope scope;
	enum err e;

	if (!brake_scope_of(control_get(call, "scope"), &scope)) {
		control_error(call->reply, "syntax", "scope: source, domain, stream or tenant");
		return CONTROL_DONE;
	}
	if (span_eq(place, SPAN("everywhere")))
		place = SPAN("");
	e = brakes_release(s->server->brakes, scope, name, place, control_stored, s);
	if (e == ERR_NOTFOUND)
		control_error(call->reply, "notfound", "that is not paused");
	else if (e != ERR_OK)
		control_error_value(call->reply, e);
	else
		server_brake_over(s->server, scope, name, place);
	log_record(LOG_LEVEL_INFO, SPAN(""), "audit", LOG_CSTR("event", "brake_release"),
	    LOG_CSTR("scope", brake_scope_text(scope)), LOG_SPAN("name", name),
	    LOG_SPAN("place", place), LOG_CSTR("result", err_text(e)),
	    LOG_SPAN("reason", control_get(call, "reason")),
	    LOG_NUMBER("uid", s->ticket->peer_uid));
	return e == ERR_OK ? CONTROL_LATER : CONTROL_DONE;
}
