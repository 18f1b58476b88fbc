/* cmd_events - "events show|export|tail": the event log as penguin-policyd reads it to us. */
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "control_wire.h"
#include "file.h"
#include "zone.h"

#define REQUEST_MAX 65536
#define CURSOR_MAX  64 /* octets of a cursor's file */
#define PAUSE_S     1  /* between two looks at the end of the log */

static void begin(struct buf *request, const struct grammar_match *match)
{
	static const char *const filters[] = { "tenant", "kind", "since" };

	client_begin(request, CONTROL_EVENTS);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		const char *value = grammar_value(match, filters[i]);

		if (value != NULL)
			attr_put(request, filters[i], span_cstr(value));
	}
}

int cmd_events_show(struct ctl *ctl, const struct grammar_match *match)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	int status;

	begin(&request, match);
	status = ctl_print_list(ctl, &request, "events");
	buf_free(&request);
	return status;
}

/* ---- for programs ---- */

struct following {
	struct ctl *ctl;
	const char *cursor; /* file, or NULL */
	struct buf from;    /* position of the next page; empty: the beginning */
};

/* A file that is not there is a first time. */
static int read_cursor(struct following *f)
{
	enum err e;

	if (f->cursor == NULL)
		return EX_OK;
	e = file_read(f->cursor, &f->from);
	if (e == ERR_NOTFOUND)
		return EX_OK;
	if (e != ERR_OK) {
		ctl_error("%s: %s", f->cursor, err_text(e));
		return EX_NOINPUT;
	}
	while (f->from.n > 0 && f->from.p[f->from.n - 1] == '\n')
		f->from.n--;
	if (f->from.n == 0 || span_find(buf_span(&f->from), '.', 0) >= f->from.n) {
		ctl_error("%s: not a cursor of ours", f->cursor);
		return EX_DATAERR;
	}
	return EX_OK;
}

/* After the events were handed over, never before: a consumer may see some twice, but misses
 * none. */
static int keep_cursor(struct following *f)
{
	struct buf line = BUF_INIT(CURSOR_MAX + 1);
	enum err e;

	if (f->cursor == NULL)
		return EX_OK;
	buf_add_span(&line, buf_span(&f->from));
	buf_add_char(&line, '\n');
	e = buf_ok(&line) ? file_replace(f->cursor, buf_span(&line), NULL) : ERR_TOOBIG;
	buf_free(&line);
	if (e == ERR_OK)
		return EX_OK;
	ctl_error("%s: %s", f->cursor, err_text(e));
	return EX_CANTCREAT;
}

/* Prints one page and moves on; *more_r: there may be another one already. */
static int take_page(struct following *f, const struct buf *asked, bool *more_r)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct report *report = report_new();
	struct report_table *table;
	struct attr_request reply;
	uint64_t damaged = 0;
	struct span to;
	int status = EX_OSERR;

	*more_r = false;
	if (report == NULL)
		goto out;
	buf_add_span(&request, buf_span(asked));
	if (f->from.n > 0)
		attr_put(&request, "from", buf_span(&f->from));
	status = ctl_call(f->ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	if (status != EX_OK)
		goto out;
	table = report_table(report, "events");
	ctl_columns(table, &reply);
	ctl_rows(table, &reply);
	if (span_u64(attr_get(&reply, SPAN("damaged")), &damaged) && damaged > 0)
		ctl_error("%llu damaged lines of the event log were passed over",
		    (unsigned long long)damaged);
	to = attr_get(&reply, SPAN("next"));
	*more_r = to.n > 0;
	if (to.n == 0)
		to = attr_get(&reply, SPAN("position"));
	if (to.n == 0 || to.n > CURSOR_MAX) {
		ctl_error("the answer does not say where it ends; is penguin-policyd older?");
		status = EX_PROTOCOL;
	} else if (!span_eq(to, buf_span(&f->from))) {
		buf_reset(&f->from);
		buf_add_span(&f->from, to);
		status = ctl_print(f->ctl, &report);
		if (status == EX_OK)
			status = keep_cursor(f);
	} else if (*more_r) {
		ctl_error("the event log does not move on");
		status = EX_PROTOCOL;
	}
out:
	report_free(&report);
	buf_free(&request);
	return status;
}

static int follow(struct ctl *ctl, const struct grammar_match *match, bool wait)
{
	struct following f = { .ctl = ctl,
		.cursor = grammar_value(match, "cursor"),
		.from = BUF_INIT(CURSOR_MAX) };
	struct buf asked = BUF_INIT(REQUEST_MAX);
	char now[ZONE_TEXT_MAX];
	bool more = false;
	int status = read_cursor(&f);

	ctl->style.format = REPORT_LINES;
	begin(&asked, match);
	/* What comes from now on, when nothing says from where. */
	if (wait && f.from.n == 0 && grammar_value(match, "since") == NULL) {
		zone_format(zone_utc(), clock_wall_ns() / NS_PER_S, now);
		attr_put(&asked, "since", span_cstr(now));
	}
	while (status == EX_OK) {
		status = take_page(&f, &asked, &more);
		if (status != EX_OK || (!more && !wait))
			break;
		if (!more)
			(void)sleep(PAUSE_S);
	}
	buf_free(&asked);
	buf_free(&f.from);
	return status;
}

int cmd_events_export(struct ctl *ctl, const struct grammar_match *match)
{
	return follow(ctl, match, false);
}

int cmd_events_tail(struct ctl *ctl, const struct grammar_match *match)
{
	return follow(ctl, match, true);
}
