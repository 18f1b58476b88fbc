/* control_events - the administrator's verb "events": pages of the event log. */
#include <stdio.h>

#include "control_handlers.h"
#include "text_time.h"
#include "zone.h"

static struct span hex(char space[24], uint64_t value)
{
	return span_make(
	    space, (size_t)snprintf(space, 24, "%016llx", (unsigned long long)value));
}

static struct span when(char space[ZONE_TEXT_MAX], int64_t time_s)
{
	zone_format(zone_utc(), time_s, space);
	return span_cstr(space);
}

static struct span decimal(char space[24], unsigned value)
{
	return span_make(space, (size_t)snprintf(space, 24, "%u", value));
}

static void put_row(struct buf *reply, size_t row, const struct event *e)
{
	char time[ZONE_TEXT_MAX], message[24], recipient[24], link[24];
	const struct span fields[] = { when(time, e->time_s), e->kind, e->tenant, e->stream,
		hex(message, e->message), decimal(link, e->link),
		e->recipient != 0 ? hex(recipient, e->recipient) : SPAN(""), e->class,
		e->reason, e->address, e->agent };

	control_row(reply, row, fields, ARRAY_SIZE(fields));
}

static void on_read(void *context, enum err e, struct span lines,
    const struct events_query *query, bool more, uint64_t damaged)
{
	struct control_session *s = context;
	struct event event;
	struct span line;
	size_t row = 0;

	if (e != ERR_OK) {
		control_error_value(&s->reply, e);
		control_finish(s);
		return;
	}
	control_ok(&s->reply);
	attr_put(&s->reply, "columns",
	    SPAN("time\tkind\ttenant\tstream\tmessage\tlink\trecipient\tclass\treason\t"
		 "address\tagent"));
	while (span_next(&lines, '\n', &line))
		if (event_get(line, &event))
			put_row(&s->reply, row++, &event);
	attr_put_u64(&s->reply, "damaged", damaged);
	/* Where the next request may begin, also when there is nothing more yet. */
	buf_printf(&s->reply, "%s=%lld.%llu\n", more ? "next" : "position",
	    (long long)query->segment_s, (unsigned long long)query->offset);
	control_finish(s);
}

/* "SEGMENT.OFFSET", as next gave it. */
static bool read_from(struct span from, struct events_query *q)
{
	uint64_t segment;
	struct span part;

	if (from.n == 0)
		return true;
	if (!span_next(&from, '.', &part) || !span_u64(part, &segment) ||
	    segment > INT64_MAX / 2 || !span_next(&from, '.', &part) ||
	    !span_u64(part, &q->offset) || q->offset > INT64_MAX / 2)
		return false;
	q->segment_s = (int64_t)segment;
	return true;
}

enum control_progress control_events(struct control_call *call)
{
	struct control_session *s = call->session;
	struct events_query q = { .rows = CONTROL_ROWS };
	struct span since = control_get(call, "since");
	const char *wrong = NULL;
	enum err e;

	if (!span_copy(control_get(call, "tenant"), q.tenant, sizeof q.tenant) ||
	    !span_copy(control_get(call, "kind"), q.kind, sizeof q.kind))
		wrong = "tenant or kind is too long";
	else if (!read_from(control_get(call, "from"), &q))
		wrong = "from: not one of ours";
	else if (since.n > 0 && !text_time_parse(since, &q.since_s))
		wrong = "since: not an RFC 3339 date or time";
	if (wrong != NULL) {
		control_error(call->reply, "syntax", "%s", wrong);
		return CONTROL_DONE;
	}
	e = events_read(s->server->events, &q, on_read, s);
	if (e == ERR_OK)
		return CONTROL_LATER;
	control_error_value(call->reply, e);
	return CONTROL_DONE;
}
