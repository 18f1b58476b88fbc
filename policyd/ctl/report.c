/* report - values and tables in memory, and their printing as text, tab-separated lines and CSV
 * (JSON through json.h). Knows no command. */
#include <wchar.h>

#include "arena.h"
#include "csv.h"
#include "json.h"
#include "report.h"

#define REPORT_OCTETS_MAX  ((size_t)1 << 30)
#define REPORT_COLUMNS_MAX 32
#define COLUMN_LEAST       12 /* narrower columns are not wrapped */

struct field {
	struct field *next;
	const char *name;
	enum cell_kind kind;
	struct span value;
};

struct row {
	struct row *next;
	struct span cell[];
};

struct column {
	struct span name;
	enum cell_kind kind;
	size_t width;
};

struct report_table {
	struct report_table *next;
	struct report *report;
	const char *name;
	struct column column[REPORT_COLUMNS_MAX];
	size_t columns, rows;
	struct row *first, **last;
};

struct report {
	struct arena *arena;
	struct field *fields, **last_field;
	struct report_table *tables, **last_table;
	bool failed;
};

struct report *report_new(void)
{
	struct arena *arena = arena_new(REPORT_OCTETS_MAX);
	struct report *r = arena != NULL ? arena_alloc(arena, sizeof *r) : NULL;

	if (r == NULL) {
		arena_free(&arena);
		return NULL;
	}
	r->arena = arena;
	r->last_field = &r->fields;
	r->last_table = &r->tables;
	return r;
}

void report_free(struct report **r)
{
	struct arena *arena;

	if (*r == NULL)
		return;
	arena = (*r)->arena;
	arena_free(&arena);
	*r = NULL;
}

static struct span copy(struct report *r, struct span text)
{
	const char *p = arena_dup(r->arena, text);

	if (p == NULL) {
		r->failed = true;
		return (struct span){ "", 0 };
	}
	return span_make(p, text.n);
}

void report_field(struct report *r, const char *name, enum cell_kind kind, struct span value)
{
	struct field *f = arena_alloc(r->arena, sizeof *f);

	if (f == NULL) {
		r->failed = true;
		return;
	}
	f->name = copy(r, span_cstr(name)).p;
	f->kind = kind;
	f->value = copy(r, value);
	*r->last_field = f;
	r->last_field = &f->next;
}

struct report_table *report_table(struct report *r, const char *name)
{
	struct report_table *t = arena_alloc(r->arena, sizeof *t);

	if (t == NULL) {
		r->failed = true;
		return NULL;
	}
	t->report = r;
	t->name = name;
	t->last = &t->first;
	*r->last_table = t;
	r->last_table = &t->next;
	return t;
}

void report_column(struct report_table *t, struct span name, enum cell_kind kind)
{
	if (t == NULL || t->columns == REPORT_COLUMNS_MAX)
		return;
	t->column[t->columns++] =
	    (struct column){ .name = copy(t->report, name), .kind = kind };
}

void report_row(struct report_table *t, const struct span *cells, size_t count)
{
	struct row *row;

	if (t == NULL)
		return;
	row = arena_alloc(t->report->arena, sizeof *row + t->columns * sizeof row->cell[0]);
	if (row == NULL) {
		t->report->failed = true;
		return;
	}
	for (size_t i = 0; i < t->columns; i++)
		row->cell[i] = i < count ? copy(t->report, cells[i]) : (struct span){ "", 0 };
	*t->last = row;
	t->last = &row->next;
	t->rows++;
}

size_t report_rows(const struct report_table *t)
{
	return t != NULL ? t->rows : 0;
}

enum cell_kind report_kind(struct span column)
{
	static const char *const numbers[] = { "limit", "used", "remaining", "percent",
		"streams", "domains", "logins", "uptime_s", "generation", "tenants",
		"tenants_kept", "connections", "store_octets", "store_ceiling", "requests",
		"admitted", "refused", "deferred", "transactions", "suppressions", "buckets",
		"commits", "commit_p99_us", "commit_p50_us", "commit_failures", "not_ours",
		"cycle_day", "added", "present", "bad", "octets", "records", "damaged",
		"errors", "warnings", "code", "count", "imported", "line", "held", "released",
		"routes_lookups", "routes_found", "events", "events_dropped",
		"event_log_octets", "link", "points", "of", "score", "good", "missing", "wrong",
		"propagating", "unknown", "log_lines", "log_deliveries", "log_foreign",
		"log_unreadable", "tracked", "suppressed_by_log", "attempted", "delivered",
		"delayed", "bounced", "hard", "blocked", "unproven", "slowed", "complained",
		"unsubscribed", "clicked", "opened", "hard_percent", "delayed_percent",
		"complained_percent", "relapses", "times", "day", "days", "budget" };
	static const char *const states[] = { "severity", "state", "file_state", "decision" };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (span_eq(column, span_cstr(numbers[i])))
			return CELL_NUMBER;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (span_eq(column, span_cstr(states[i])))
			return CELL_STATE;
	return span_eq(column, SPAN("fits")) || span_eq(column, SPAN("suppressed")) ||
		       span_eq(column, SPAN("split")) || span_eq(column, SPAN("told"))
		   ? CELL_YES_NO
		   : CELL_TEXT;
}

/* ---- characters ---- */

/* The next character: octets it takes, *width_r columns; *printable_r false for what must not
 * reach a terminal. */
static size_t next_character(struct span s, size_t *width_r, bool *printable_r)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t n = mbrtowc(&c, s.p, s.n, &state);
	int width;

	*width_r = 1;
	*printable_r = false;
	if (n == 0 || n > s.n)
		return 1;
	width = wcwidth(c);
	if (width < 0)
		return n;
	*printable_r = true;
	*width_r = (size_t)width;
	return n;
}

size_t report_text_width(struct span text)
{
	size_t columns = 0, width;
	bool printable;

	while (text.n > 0) {
		text = span_from(text, next_character(text, &width, &printable));
		columns += width;
	}
	return columns;
}

static void put_printable(struct buf *out, struct span text)
{
	size_t width;
	bool printable;

	while (text.n > 0) {
		size_t n = next_character(text, &width, &printable);

		if (printable)
			buf_add(out, text.p, n);
		else
			buf_add_char(out, '?');
		text = span_from(text, n);
	}
}

/* Cuts the piece that fits into so many columns off *rest_io, at a blank where there is one. */
static struct span next_line(struct span *rest_io, size_t columns)
{
	struct span line = *rest_io;
	size_t used = 0, i = 0, blank = 0, width;
	bool printable;

	while (i < line.n) {
		size_t n = next_character(span_from(line, i), &width, &printable);

		if (used + width > columns && i > 0)
			break;
		if (line.p[i] == ' ' && i > 0)
			blank = i;
		used += width;
		i += n;
	}
	if (i == line.n) {
		*rest_io = span_from(line, line.n);
		return line;
	}
	if (line.p[i] == ' ')
		blank = i;
	if (blank > 0)
		i = blank;
	*rest_io = span_from(line, i);
	while (rest_io->n > 0 && rest_io->p[0] == ' ')
		*rest_io = span_from(*rest_io, 1);
	return span_head(line, i);
}

/* ---- aligned text ---- */

static const char *state_colour(struct span text)
{
	static const struct {
		const char *word, *colour;
	} rows[] = { { "error", "\33[31m" }, { "refused", "\33[31m" },
		{ "suspended", "\33[31m" }, { "closed", "\33[31m" }, { "warning", "\33[33m" },
		{ "past_due", "\33[33m" }, { "ok", "\33[32m" }, { "active", "\33[32m" },
		{ "accepted", "\33[32m" }, { "good", "\33[32m" }, { "propagating", "\33[33m" },
		{ "missing", "\33[31m" }, { "wrong", "\33[31m" }, { "unknown", "\33[33m" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (span_eq(text, span_cstr(rows[i].word)))
			return rows[i].colour;
	return NULL;
}

static void put_cell(
    struct buf *out, struct span text, const struct column *c, bool last, const char *colour)
{
	size_t width = report_text_width(text), pad = c->width > width ? c->width - width : 0;

	if (c->kind == CELL_NUMBER)
		for (size_t i = 0; i < pad; i++)
			buf_add_char(out, ' ');
	if (colour != NULL)
		buf_add_cstr(out, colour);
	put_printable(out, text);
	if (colour != NULL)
		buf_add_cstr(out, "\33[0m");
	if (c->kind != CELL_NUMBER && !last)
		for (size_t i = 0; i < pad; i++)
			buf_add_char(out, ' ');
}

/* Widths that show everything; then the widest text columns give way until the line fits. */
static void measure(struct report_table *t, unsigned width)
{
	size_t total = t->columns > 0 ? (t->columns - 1) * 2 : 0;

	for (size_t i = 0; i < t->columns; i++) {
		struct column *c = &t->column[i];

		c->width = report_text_width(c->name);
		for (const struct row *row = t->first; row != NULL; row = row->next) {
			size_t n = report_text_width(row->cell[i]);

			c->width = n > c->width ? n : c->width;
		}
		total += c->width;
	}
	while (width > 0 && total > width) {
		struct column *widest = NULL;

		for (size_t i = 0; i < t->columns; i++)
			if (t->column[i].kind == CELL_TEXT &&
			    (widest == NULL || t->column[i].width > widest->width))
				widest = &t->column[i];
		if (widest == NULL || widest->width <= COLUMN_LEAST)
			return;
		widest->width--;
		total--;
	}
}

static void print_row(const struct report_table *t, const struct span *cells, bool wrap,
    bool colour, struct buf *out)
{
	struct span rest[REPORT_COLUMNS_MAX], line;
	bool more = true;

	for (size_t i = 0; i < t->columns; i++)
		rest[i] = cells[i];
	while (more) {
		more = false;
		for (size_t i = 0; i < t->columns; i++) {
			const struct column *c = &t->column[i];
			bool last = i + 1 == t->columns;

			line = rest[i];
			rest[i] = span_from(rest[i], rest[i].n);
			if (wrap && c->kind == CELL_TEXT) {
				rest[i] = line;
				line = next_line(&rest[i], c->width);
			}
			if (rest[i].n > 0)
				more = true;
			put_cell(out, line, c, last,
			    colour && c->kind == CELL_STATE ? state_colour(line) : NULL);
			if (!last)
				buf_add_cstr(out, "  ");
		}
		while (out->n > 0 && out->p[out->n - 1] == ' ')
			out->n--;
		buf_add_char(out, '\n');
	}
}

static void print_table(
    struct report_table *t, const struct report_style *style, struct buf *out)
{
	struct span names[REPORT_COLUMNS_MAX];

	measure(t, style->width);
	for (size_t i = 0; i < t->columns; i++)
		names[i] = t->column[i].name;
	if (style->colour)
		buf_add_cstr(out, "\33[1m");
	print_row(t, names, false, false, out);
	if (style->colour)
		buf_add_cstr(out, "\33[0m");
	for (const struct row *row = t->first; row != NULL; row = row->next)
		print_row(t, row->cell, style->width > 0, style->colour, out);
}

static void print_fields(
    const struct report *r, const struct report_style *style, struct buf *out)
{
	struct column name = { .kind = CELL_TEXT };
	struct column value = { .kind = CELL_TEXT };

	for (const struct field *f = r->fields; f != NULL; f = f->next)
		if (strlen(f->name) > name.width)
			name.width = strlen(f->name);
	for (const struct field *f = r->fields; f != NULL; f = f->next) {
		put_cell(
		    out, span_cstr(f->name), &name, false, style->colour ? "\33[1m" : NULL);
		buf_add_cstr(out, "  ");
		put_cell(out, f->value, &value, true,
		    style->colour && f->kind == CELL_STATE ? state_colour(f->value) : NULL);
		while (out->n > 0 && out->p[out->n - 1] == ' ')
			out->n--;
		buf_add_char(out, '\n');
	}
}

/* ---- for programs ---- */

static void put_plain(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		buf_add_char(out, c < 0x20 || c == 0x7F ? '?' : text.p[i]);
	}
}

static void print_plain(const struct report *r, struct buf *out)
{
	for (const struct field *f = r->fields; f != NULL; f = f->next) {
		buf_printf(out, "%s\t", f->name);
		put_plain(out, f->value);
		buf_add_char(out, '\n');
	}
	for (const struct report_table *t = r->tables; t != NULL; t = t->next) {
		for (const struct row *row = t->first; row != NULL; row = row->next) {
			for (size_t i = 0; i < t->columns; i++) {
				if (i > 0)
					buf_add_char(out, '\t');
				put_plain(out, row->cell[i]);
			}
			buf_add_char(out, '\n');
		}
	}
}

static void print_csv(const struct report *r, struct buf *out)
{
	for (const struct report_table *t = r->tables; t != NULL; t = t->next) {
		for (size_t i = 0; i < t->columns; i++)
			csv_put(out, t->column[i].name, i == 0);
		csv_end(out);
		for (const struct row *row = t->first; row != NULL; row = row->next) {
			for (size_t i = 0; i < t->columns; i++)
				csv_put(out, row->cell[i], i == 0);
			csv_end(out);
		}
	}
}

static void json_cell(struct json *j, enum cell_kind kind, struct span text)
{
	if (kind == CELL_NUMBER)
		json_number(j, text);
	else if (kind == CELL_YES_NO &&
		 (text.n == 0 || span_eq(text, SPAN("yes")) || span_eq(text, SPAN("no"))))
		json_bool(j, span_eq(text, SPAN("yes")));
	else
		json_string(j, text);
}

static void json_row(struct json *j, const struct report_table *t, const struct row *row)
{
	json_open(j, '{');
	for (size_t i = 0; i < t->columns; i++) {
		json_key(j, t->column[i].name);
		json_cell(j, t->column[i].kind, row->cell[i]);
	}
	json_close(j, '}');
}

static void json_table(struct json *j, const struct report_table *t)
{
	json_open(j, '[');
	for (const struct row *row = t->first; row != NULL; row = row->next)
		json_row(j, t, row);
	json_close(j, ']');
}

static void print_lines(const struct report *r, struct buf *out)
{
	for (const struct report_table *t = r->tables; t != NULL; t = t->next)
		for (const struct row *row = t->first; row != NULL; row = row->next) {
			struct json j = JSON_INIT(out);

			j.flat = true;
			json_row(&j, t, row);
			json_end(&j);
		}
}

static void print_json(const struct report *r, struct buf *out)
{
	struct json j = JSON_INIT(out);

	if (r->fields == NULL && r->tables != NULL && r->tables->next == NULL) {
		json_table(&j, r->tables);
		json_end(&j);
		return;
	}
	json_open(&j, '{');
	for (const struct field *f = r->fields; f != NULL; f = f->next) {
		json_key(&j, span_cstr(f->name));
		json_cell(&j, f->kind, f->value);
	}
	for (const struct report_table *t = r->tables; t != NULL; t = t->next) {
		json_key(&j, span_cstr(t->name));
		json_table(&j, t);
	}
	json_close(&j, '}');
	json_end(&j);
}

void report_print(const struct report *r, const struct report_style *style, struct buf *out)
{
	bool between = r->fields != NULL;

	if (r->failed)
		out->failed = true;
	switch (style->format) {
	case REPORT_JSON: print_json(r, out); return;
	case REPORT_LINES: print_lines(r, out); return;
	case REPORT_CSV: print_csv(r, out); return;
	case REPORT_PLAIN: print_plain(r, out); return;
	case REPORT_ZONE:
	case REPORT_TABLE: break;
	}
	print_fields(r, style, out);
	for (struct report_table *t = r->tables; t != NULL; t = t->next) {
		if (t->first == NULL)
			continue;
		if (between)
			buf_add_char(out, '\n');
		print_table(t, style, out);
		between = true;
	}
}
