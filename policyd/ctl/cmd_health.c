/* cmd_health - "health": one figure for each tenant, stream, domain or source and mailbox provider,
 * over an hour, a day and a week, made here from the counts that penguin-policyd keeps. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "commands.h"
#include "control_wire.h"
#include "health.h"
#include "zone.h"

#define REQUEST_MAX 65536
#define FIELDS_MAX  32

static const struct {
	const char *name;
	int64_t length_s;
} windows[] = { { "1h", 3600 }, { "24h", 86400 }, { "7d", 7 * 86400 } };

/* Which counts of "stats" are which of ours. */
static const struct {
	const char *column;
	size_t offset;
} fields[] = {
	{ "delivered", offsetof(struct health_counts, delivered) },
	{ "bounced", offsetof(struct health_counts, bounced) },
	{ "hard", offsetof(struct health_counts, hard) },
	{ "delayed", offsetof(struct health_counts, delayed) },
	{ "blocked", offsetof(struct health_counts, blocked) },
	{ "refused", offsetof(struct health_counts, blocked) },
	{ "complained", offsetof(struct health_counts, complained) },
	{ "unsubscribed", offsetof(struct health_counts, unsubscribed) },
};

struct listing {
	struct report_table *table;
	const char *window;
	bool explain;
	struct span columns[FIELDS_MAX];
	size_t column_count;
};

static void read_columns(struct listing *l, struct span names)
{
	for (l->column_count = 0; l->column_count < FIELDS_MAX &&
				  span_next(&names, '\t', &l->columns[l->column_count]);)
		l->column_count++;
}

static void put_row(struct listing *l, struct span row)
{
	struct span value, name = SPAN(""), provider = SPAN(""), cells[5 + HEALTH_PARTS];
	struct health_counts c = { 0 };
	char text[2 + HEALTH_PARTS][32];
	double score, points[HEALTH_PARTS];
	size_t n = 0;
	bool known;

	for (size_t i = 0; i < l->column_count && span_next(&row, '\t', &value); i++) {
		uint64_t number = 0;

		if (span_eq(l->columns[i], SPAN("name")))
			name = value;
		else if (span_eq(l->columns[i], SPAN("provider")))
			provider = value;
		for (size_t k = 0; k < ARRAY_SIZE(fields); k++)
			if (span_eq(l->columns[i], span_cstr(fields[k].column)) &&
			    span_u64(value, &number))
				*(uint64_t *)((char *)&c + fields[k].offset) += number;
	}
	known = health_score(&c, &score, points);
	cells[n++] = name;
	cells[n++] = provider;
	cells[n++] = span_cstr(l->window);
	(void)snprintf(
	    text[0], sizeof text[0], "%llu", (unsigned long long)(c.delivered + c.bounced));
	cells[n++] = span_cstr(text[0]);
	(void)snprintf(text[1], sizeof text[1], "%.1f", score);
	cells[n++] = known ? span_cstr(text[1]) : SPAN("");
	for (size_t i = 0; i < HEALTH_PARTS && l->explain; i++) {
		(void)snprintf(text[2 + i], sizeof text[2 + i], "%.1f", points[i]);
		cells[n++] = span_cstr(text[2 + i]);
	}
	report_row(l->table, cells, n);
}

static void put_rows(struct listing *l, const struct attr_request *reply)
{
	read_columns(l, attr_get(reply, SPAN("columns")));
	for (size_t i = 0; i < reply->count; i++)
		if (ctl_numbered(reply->at[i].name, "row"))
			put_row(l, reply->at[i].value);
}

/* One window, page by page. */
static int ask(
    struct ctl *ctl, const struct grammar_match *match, struct listing *l, int64_t since_s)
{
	char since[ZONE_TEXT_MAX], from[32] = "";
	struct attr_request reply;
	int status;

	zone_format(zone_utc(), since_s, since);
	do {
		struct buf request = BUF_INIT(REQUEST_MAX);
		struct span next;

		client_begin(&request, CONTROL_STATS);
		attr_put(&request, "by", span_cstr(grammar_value(match, "by")));
		attr_put(&request, "subject", span_cstr(grammar_value(match, "name")));
		attr_put(&request, "since", span_cstr(since));
		attr_put(&request, "providers", SPAN("yes"));
		attr_put(&request, "all", SPAN("yes"));
		attr_put(&request, "from", span_cstr(from));
		status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
		buf_free(&request);
		if (status != EX_OK)
			return status;
		put_rows(l, &reply);
		next = attr_get(&reply, SPAN("next"));
		if (next.p == NULL || !span_copy(next, from, sizeof from))
			from[0] = '\0';
	} while (from[0] != '\0');
	return EX_OK;
}

int cmd_health(struct ctl *ctl, const struct grammar_match *match)
{
	struct report *report = report_new();
	struct listing l = { .explain = grammar_has(match, "explain") };
	int64_t now_s = clock_wall_ns() / NS_PER_S;
	int status = EX_OSERR;

	if (report == NULL)
		return status;
	l.table = report_table(report, "health");
	report_column(l.table, SPAN("name"), CELL_TEXT);
	report_column(l.table, SPAN("provider"), CELL_TEXT);
	report_column(l.table, SPAN("over"), CELL_TEXT);
	report_column(l.table, SPAN("attempted"), CELL_NUMBER);
	report_column(l.table, SPAN("health"), CELL_NUMBER);
	for (size_t i = 0; i < HEALTH_PARTS && l.explain; i++)
		report_column(
		    l.table, span_cstr(health_part_text((enum health_part)i)), CELL_NUMBER);
	status = EX_OK;
	for (size_t i = 0; i < ARRAY_SIZE(windows) && status == EX_OK; i++) {
		l.window = windows[i].name;
		status = ask(ctl, match, &l, now_s - windows[i].length_s);
	}
	if (status == EX_OK && l.explain)
		ctl_note(ctl,
		    "formula %d: 100 minus the points; fewer than %u attempts say nothing",
		    HEALTH_VERSION, HEALTH_LEAST);
	if (status == EX_OK)
		status = ctl_print(ctl, &report);
	report_free(&report);
	return status;
}
