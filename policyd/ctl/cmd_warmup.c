/* cmd_warmup - "warmup": what a sender without a history may send, and how far it has come. */
#include <stdio.h>

#include "commands.h"
#include "control_wire.h"
#include "warmup.h"

#define REQUEST_MAX 65536
#define CURVE_WIDTH 50

/* ---- plans ---- */

int warmup_plans_open(struct ctl *ctl, struct warmup_plans **plans_r)
{
	char error[512];
	int status = ctl_load_provider(ctl);

	if (status == EX_OK &&
	    warmup_read(ctl_provider(ctl)->warmup, plans_r, error, sizeof error) != ERR_OK) {
		ctl_error("%s", error);
		status = EX_CONFIG;
	}
	return status;
}

static void put_number(char space[24], uint64_t value)
{
	(void)snprintf(space, 24, "%llu", (unsigned long long)value);
}

static void list_plans(const struct warmup_plans *plans, struct report *report)
{
	static const char *const columns[] = { "plan", "budget", "days", "first", "last",
		"source" };
	struct report_table *table = report_table(report, "plans");

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		report_column(
		    table, span_cstr(columns[i]), i >= 2 && i <= 4 ? CELL_NUMBER : CELL_TEXT);
	for (size_t i = 0; i < warmup_count(plans); i++) {
		const struct warmup_plan *p = warmup_at(plans, i);
		char days[24], first[24], last[24];

		put_number(days, p->day_count);
		put_number(first, p->days[0]);
		put_number(last, p->days[p->day_count - 1]);
		report_row(table,
		    (struct span[]){ span_cstr(p->id), span_cstr(p->each ? "provider" : "all"),
			span_cstr(days), span_cstr(first), span_cstr(last),
			span_cstr(p->source) },
		    ARRAY_SIZE(columns));
	}
}

/* A bar for people; programs have the numbers. */
static void put_bar(char bar[CURVE_WIDTH + 2], uint64_t value, uint64_t most)
{
	size_t n = most > 0 ? (size_t)(value * CURVE_WIDTH / most) : 0;

	memset(bar, '#', n);
	bar[n] = '\0';
}

static void show_plan(const struct ctl *ctl, const struct warmup_plan *p, const char *place,
    struct report *report)
{
	struct span where = warmup_place(p, span_cstr(place));
	struct report_table *table = report_table(report, "days");
	uint64_t most = warmup_day_budget(p, p->day_count, where);
	bool curve = ctl->style.format == REPORT_TABLE;

	report_column(table, SPAN("day"), CELL_NUMBER);
	report_column(table, SPAN("recipients"), CELL_NUMBER);
	report_column(table, SPAN("in an hour"), CELL_NUMBER);
	if (curve)
		report_column(table, SPAN(""), CELL_TEXT);
	for (unsigned day = 1; day <= p->day_count; day++) {
		uint64_t budget = warmup_day_budget(p, day, where);
		char number[24], recipients[24], hour[24], bar[CURVE_WIDTH + 2];

		put_number(number, day);
		put_number(recipients, budget);
		put_number(hour, warmup_hour_budget(p, budget));
		put_bar(bar, budget, most);
		report_row(table,
		    (struct span[]){ span_cstr(number), span_cstr(recipients), span_cstr(hour),
			span_cstr(bar) },
		    curve ? 4 : 3);
	}
}

int cmd_warmup_plans(struct ctl *ctl, const struct grammar_match *match)
{
	const char *name = grammar_slot(match, 0), *place = grammar_value(match, "provider");
	struct warmup_plans *plans = NULL;
	struct report *report = report_new();
	const struct warmup_plan *plan;
	int status = report != NULL ? warmup_plans_open(ctl, &plans) : EX_OSERR;

	if (status != EX_OK)
		goto out;
	plan = name != NULL ? warmup_find(plans, span_cstr(name)) : NULL;
	if (name == NULL) {
		list_plans(plans, report);
	} else if (plan == NULL) {
		ctl_error("there is no plan \"%s\" in %s", name, ctl_provider(ctl)->warmup);
		status = EX_DATAERR;
		goto out;
	} else {
		show_plan(ctl, plan, place, report);
	}
	status = ctl_print(ctl, &report);
out:
	report_free(&report);
	warmup_free(&plans);
	return status;
}

/* ---- who warms up ---- */

int cmd_warmup_status(struct ctl *ctl, const struct grammar_match *match)
{
	const char *name = grammar_slot(match, 0);
	struct buf request = BUF_INIT(REQUEST_MAX);
	int status;

	client_begin(&request, CONTROL_WARMUP_LIST);
	if (name != NULL)
		attr_put(&request, "subject", span_cstr(name));
	status = ctl_print_list(ctl, &request, "warmup");
	buf_free(&request);
	return status;
}

static int change(struct ctl *ctl, const struct grammar_match *match, const char *action,
    const char *plan, const char *day)
{
	const struct {
		const char *attribute, *value;
	} more[] = {
		{ "plan", plan },
		{ "day", day },
		{ "place", grammar_value(match, "provider") },
		{ "resume_from", grammar_value(match, "from") },
		{ "reason", grammar_value(match, "reason") },
	};
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	int status;

	client_begin(&request, CONTROL_WARMUP_CHANGE);
	attr_put(&request, "action", span_cstr(action));
	attr_put(&request, "scope", span_cstr(grammar_slot(match, 0)));
	attr_put(&request, "subject", span_cstr(grammar_slot(match, 1)));
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (more[i].value != NULL)
			attr_put(&request, more[i].attribute, span_cstr(more[i].value));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	if (status == EX_OK)
		ctl_note(ctl, "warm-up of %s %s: %s", grammar_slot(match, 0),
		    grammar_slot(match, 1), action);
	buf_free(&request);
	return status;
}

int cmd_warmup_start(struct ctl *ctl, const struct grammar_match *match)
{
	return change(ctl, match, "start", grammar_slot(match, 2), grammar_value(match, "day"));
}

int cmd_warmup_pause(struct ctl *ctl, const struct grammar_match *match)
{
	return change(ctl, match, "pause", NULL, NULL);
}

int cmd_warmup_resume(struct ctl *ctl, const struct grammar_match *match)
{
	return change(ctl, match, "resume", NULL, NULL);
}

int cmd_warmup_adjust(struct ctl *ctl, const struct grammar_match *match)
{
	return change(ctl, match, "adjust", NULL, grammar_slot(match, 2));
}

int cmd_warmup_stop(struct ctl *ctl, const struct grammar_match *match)
{
	return change(ctl, match, "stop", NULL, NULL);
}
