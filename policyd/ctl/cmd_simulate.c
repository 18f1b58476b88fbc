/* cmd_simulate - "warmup simulate": a plan against a made-up provider: table, curve, SVG. */
#include <stdio.h>

#include "commands.h"
#include "file.h"
#include "quantity.h"
#include "simulate.h"

#define CURVE_WIDTH 40
#define SVG_MAX     ((size_t)4 << 20)
#define SVG_WIDTH   800
#define SVG_HEIGHT  400
#define SVG_EDGE    60

struct wanted {
	struct simulate_options options;
	uint64_t days;
	const char *svg;
};

static bool read_count(
    const struct grammar_match *match, const char *option, uint64_t most, uint64_t *value_io)
{
	const char *text = grammar_value(match, option);

	if (text == NULL)
		return true;
	if (span_u64(span_cstr(text), value_io) && *value_io > 0 && *value_io <= most)
		return true;
	ctl_error("--%s wants a number from 1 to %llu", option, (unsigned long long)most);
	return false;
}

static bool read_share(
    const struct grammar_match *match, const char *option, uint32_t *parts_io)
{
	const char *text = grammar_value(match, option);

	if (text == NULL || quantity_percent(span_cstr(text), parts_io))
		return true;
	ctl_error("--%s wants a percentage, as in 0.5", option);
	return false;
}

static bool read_wanted(const struct grammar_match *match, struct wanted *w)
{
	uint64_t bad_from = 0, bad_days = 1;
	bool ok = true;

	*w = (struct wanted){ .days = 60, .svg = grammar_value(match, "svg") };
	w->options = (struct simulate_options){ .place = grammar_value(match, "provider"),
		.hard = QUANTITY_WHOLE / 200,
		.delayed = QUANTITY_WHOLE / 50,
		.complained = QUANTITY_WHOLE / 5000,
		.calendar = grammar_has(match, "calendar") };
	if (w->options.place == NULL)
		w->options.place = WARMUP_OTHERS;
	ok = read_count(match, "days", SIMULATE_DAYS_MAX, &w->days) &&
	     read_count(match, "volume", WARMUP_DAY_MOST, &w->options.volume) &&
	     read_count(match, "bad-day", SIMULATE_DAYS_MAX, &bad_from) &&
	     read_count(match, "bad-days", SIMULATE_DAYS_MAX, &bad_days) &&
	     read_share(match, "hard", &w->options.hard) &&
	     read_share(match, "delayed", &w->options.delayed) &&
	     read_share(match, "complained", &w->options.complained);
	w->options.bad_from = (unsigned)bad_from;
	w->options.bad_days = bad_from > 0 ? (unsigned)bad_days : 0;
	return ok;
}

/* ---- table ---- */

static struct span number(char space[24], uint64_t n)
{
	return span_make(space, (size_t)snprintf(space, 24, "%llu", (unsigned long long)n));
}

static uint64_t most_of(const struct simulate_day *days, uint64_t count)
{
	uint64_t most = 1;

	for (uint64_t i = 0; i < count; i++)
		if (days[i].sent > most)
			most = days[i].sent;
	return most;
}

static void put_table(const struct ctl *ctl, const struct simulate_day *days, uint64_t count,
    struct report *report)
{
	static const char *const columns[] = { "day", "plan day", "budget", "sent", "hard",
		"delayed", "complained", "blocked", "standing", "result", "" };
	bool curve = ctl->style.format == REPORT_TABLE;
	struct report_table *table = report_table(report, "days");
	uint64_t most = most_of(days, count);

	for (size_t i = 0; i < ARRAY_SIZE(columns) - !curve; i++)
		report_column(table, span_cstr(columns[i]), i < 9 ? CELL_NUMBER : CELL_TEXT);
	for (uint64_t i = 0; i < count; i++) {
		const struct simulate_day *d = &days[i];
		char text[9][24], bar[CURVE_WIDTH + 1];
		size_t n = (size_t)(d->sent * CURVE_WIDTH / most);

		memset(bar, '#', n);
		bar[n] = '\0';
		report_row(table,
		    (struct span[]){ number(text[0], i + 1), number(text[1], d->plan_day),
			number(text[2], d->budget), number(text[3], d->sent),
			number(text[4], d->outcome.hard), number(text[5], d->outcome.delayed),
			number(text[6], d->outcome.complained),
			number(text[7], d->outcome.blocked), number(text[8], d->standing),
			span_cstr(d->state == WARMUP_ACTIVE ? warmup_reason_text(d->reason)
							    : warmup_state_text(d->state)),
			span_cstr(bar) },
		    ARRAY_SIZE(columns) - !curve);
	}
}

static void put_sums(const struct simulate_day *days, uint64_t count, struct report *report)
{
	uint64_t sent = 0, delayed = 0, blocked = 0, done = 0;
	char text[4][24];

	for (uint64_t i = 0; i < count; i++) {
		sent += days[i].sent;
		delayed += days[i].outcome.delayed;
		blocked += days[i].outcome.blocked;
		if (done == 0 && days[i].state == WARMUP_COMPLETED)
			done = i + 1;
	}
	report_field(report, "sent", CELL_NUMBER, number(text[0], sent));
	report_field(report, "delayed", CELL_NUMBER, number(text[1], delayed));
	report_field(report, "blocked_days", CELL_NUMBER, number(text[2], blocked));
	report_field(report, "completed_on_day", CELL_NUMBER,
	    done > 0 ? number(text[3], done) : SPAN(""));
}

/* ---- SVG ---- */

static void put_line(struct buf *out, const struct simulate_day *days, uint64_t count,
    uint64_t most, const char *colour, bool delayed)
{
	buf_printf(
	    out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t n = delayed ? days[i].outcome.delayed : days[i].sent;
		uint64_t x =
		    SVG_EDGE + i * (SVG_WIDTH - 2 * SVG_EDGE) / (count > 1 ? count - 1 : 1);

		buf_printf(out, "%s%llu,%llu", i > 0 ? " " : "", (unsigned long long)x,
		    (unsigned long long)(SVG_HEIGHT - SVG_EDGE -
					 n * (SVG_HEIGHT - 2 * SVG_EDGE) / most));
	}
	buf_add_cstr(out, "\"/>\n");
}

/* Names of plans and providers are words of letters, digits, '_' and '-': nothing to escape. */
static int write_svg(const struct wanted *w, const struct simulate_day *days)
{
	struct buf out = BUF_INIT(SVG_MAX);
	uint64_t most = most_of(days, w->days);
	int bottom = SVG_HEIGHT - SVG_EDGE, right = SVG_WIDTH - SVG_EDGE;
	enum err e;

	buf_printf(&out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
	    "font-family=\"sans-serif\" font-size=\"12\">\n"
	    "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n"
	    "<text x=\"%d\" y=\"30\" font-size=\"16\">%s: recipients a day%s</text>\n"
	    "<path d=\"M%d,%d V%d H%d\" fill=\"none\" stroke=\"black\"/>\n"
	    "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%llu</text>\n"
	    "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">day %llu</text>\n"
	    "<text x=\"%d\" y=\"%d\" fill=\"#1f6feb\">sent</text>\n"
	    "<text x=\"%d\" y=\"%d\" fill=\"#cf222e\">put off</text>\n",
	    SVG_WIDTH, SVG_HEIGHT, SVG_WIDTH, SVG_HEIGHT, SVG_EDGE, w->options.plan->id,
	    w->options.calendar ? ", by the calendar alone" : "", SVG_EDGE, SVG_EDGE, bottom,
	    right, SVG_EDGE - 6, SVG_EDGE + 4, (unsigned long long)most, right, bottom + 18,
	    (unsigned long long)w->days, SVG_EDGE + 12, SVG_EDGE + 12, SVG_EDGE + 12,
	    SVG_EDGE + 28);
	put_line(&out, days, w->days, most, "#1f6feb", false);
	put_line(&out, days, w->days, most, "#cf222e", true);
	buf_add_cstr(&out, "</svg>\n");
	e = buf_ok(&out) ? file_replace(w->svg, buf_span(&out), NULL) : ERR_NOMEM;
	buf_free(&out);
	if (e == ERR_OK)
		return EX_OK;
	ctl_error("%s: %s", w->svg, err_text(e));
	return EX_CANTCREAT;
}

int cmd_warmup_simulate(struct ctl *ctl, const struct grammar_match *match)
{
	const char *name = grammar_slot(match, 0);
	struct simulate_day *days = calloc(SIMULATE_DAYS_MAX, sizeof *days);
	struct report *report = report_new();
	struct warmup_plans *plans = NULL;
	struct wanted w;
	int status = days != NULL && report != NULL ? EX_OK : EX_OSERR;

	if (status == EX_OK && !read_wanted(match, &w))
		status = EX_USAGE;
	if (status == EX_OK)
		status = warmup_plans_open(ctl, &plans);
	if (status != EX_OK)
		goto out;
	w.options.plan = warmup_find(plans, span_cstr(name));
	if (w.options.plan == NULL) {
		ctl_error("there is no plan \"%s\" in %s", name, ctl_provider(ctl)->warmup);
		status = EX_DATAERR;
		goto out;
	}
	if (w.options.volume == 0)
		w.options.volume = warmup_day_budget(
		    w.options.plan, w.options.plan->day_count, span_cstr(w.options.place));
	simulate(&w.options, (unsigned)w.days, days);
	if (w.svg != NULL)
		status = write_svg(&w, days);
	put_table(ctl, days, w.days, report);
	put_sums(days, w.days, report);
	if (status == EX_OK)
		status = ctl_print(ctl, &report);
out:
	report_free(&report);
	warmup_free(&plans);
	free(days);
	return status;
}
