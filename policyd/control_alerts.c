/* control_alerts - the administrator's verbs about alerts. */
#include <stdio.h>

#include "clock.h"
#include "control_handlers.h"
#include "log.h"
#include "quantity.h"

struct listing {
	struct buf *reply;
	bool all, pending;
	int64_t now_s;
	uint64_t from, index;
};

static struct span when(char space[ZONE_TEXT_MAX], int64_t time_s)
{
	if (time_s == 0)
		return SPAN("");
	zone_format(zone_utc(), time_s, space);
	return span_cstr(space);
}

static void put_alert(void *context, const struct alert *a)
{
	struct listing *l = context;
	char first[ZONE_TEXT_MAX], last[ZONE_TEXT_MAX], muted[ZONE_TEXT_MAX], count[24];

	if (l->pending ? !alert_pending(a, l->now_s) : !l->all && a->state == ALERT_OVER)
		return;
	if (l->index++ < l->from || l->index > l->from + CONTROL_ROWS)
		return;
	(void)snprintf(count, sizeof count, "%llu", (unsigned long long)a->count);
	control_row(l->reply, (size_t)(l->index - 1 - l->from),
	    (struct span[]){ span_cstr(a->name), span_cstr(alert_severity_text(a->severity)),
		span_cstr(alert_state_text(a->state)), when(first, a->first_s),
		when(last, a->last_s), span_cstr(count), span_cstr(a->told ? "yes" : "no"),
		when(muted, a->muted_until_s > l->now_s ? a->muted_until_s : 0),
		span_cstr(a->text) },
	    9);
}

enum control_progress control_alert_list(struct control_call *call)
{
	struct listing l = { .reply = call->reply,
		.all = span_eq(control_get(call, "all"), SPAN("yes")),
		.pending = span_eq(control_get(call, "pending"), SPAN("yes")),
		.now_s = clock_wall_ns() / NS_PER_S };
	struct span from = control_get(call, "from");

	if (from.n > 0 && !span_u64(from, &l.from)) {
		control_error(call->reply, "syntax", "from: not one of ours");
		return CONTROL_DONE;
	}
	attr_put(call->reply, "columns",
	    SPAN("alert\tseverity\tstate\tsince\tlast\ttimes\ttold\tmuted\ttext"));
	alerts_each(call->session->server->alerts, put_alert, &l);
	if (l.index > l.from + CONTROL_ROWS)
		attr_put_u64(call->reply, "next", l.from + CONTROL_ROWS);
	return CONTROL_DONE;
}

static void raise_test(const struct control_call *call, int64_t now_s)
{
	struct alerts *alerts = call->session->server->alerts;

	alerts_over(alerts, SPAN("test"), now_s);
	alerts_raise(alerts, SPAN("test"), ALERT_INFO,
	    SPAN("penguinctl alert test: nothing has happened"), now_s);
}

enum control_progress control_alert_change(struct control_call *call)
{
	static const struct {
		const char *word;
		enum alert_action action;
	} actions[] = { { "ack", ALERT_ACKNOWLEDGE }, { "mute", ALERT_MUTE },
		{ "told", ALERT_TOLD } };
	struct control_session *s = call->session;
	struct span word = control_get(call, "action"), name = control_get(call, "alert");
	int64_t now_s = clock_wall_ns() / NS_PER_S, for_s = 0;
	size_t i = 0;
	enum err e;

	if (span_eq(word, SPAN("test"))) {
		raise_test(call, now_s);
		return CONTROL_DONE;
	}
	while (i < ARRAY_SIZE(actions) && !span_eq(word, span_cstr(actions[i].word)))
		i++;
	if (i == ARRAY_SIZE(actions)) {
		control_error(call->reply, "syntax", "action: ack, mute, told or test");
		return CONTROL_DONE;
	}
	if (actions[i].action == ALERT_MUTE &&
	    (!quantity_duration(control_get(call, "for"), &for_s) || for_s > 366 * 86400)) {
		control_error(call->reply, "syntax", "for how long? As in 2h, at most a year");
		return CONTROL_DONE;
	}
	e = alerts_change(
	    s->server->alerts, name, actions[i].action, now_s + for_s, control_stored, s);
	if (actions[i].action != ALERT_TOLD)
		log_record(LOG_LEVEL_INFO, SPAN(""), "audit", LOG_CSTR("event", "alert"),
		    LOG_SPAN("action", word), LOG_SPAN("alert", name),
		    LOG_CSTR("result", err_text(e)), LOG_NUMBER("uid", s->ticket->peer_uid));
	if (e == ERR_OK)
		return CONTROL_LATER;
	if (e == ERR_NOTFOUND)
		control_error(
		    call->reply, "notfound", "there is no alert \"%.*s\"", SPAN_ARG(name));
	else
		control_error_value(call->reply, e);
	return CONTROL_DONE;
}
