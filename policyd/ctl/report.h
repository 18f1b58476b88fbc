/* report.h - the one thing a command prints: named values and tables, as aligned text, as
 * tab-separated lines, as one JSON document, or as CSV. Columns and fields are the JSON keys. */
#ifndef REPORT_H
#define REPORT_H

#include "base.h"
#include "buf.h"
#include "span.h"

/* REPORT_LINES: a JSON document a line for each row (fields are left out). REPORT_ZONE is for
 * commands that print zone lines themselves. */
enum report_format {
	REPORT_TABLE,
	REPORT_PLAIN,
	REPORT_JSON,
	REPORT_LINES,
	REPORT_CSV,
	REPORT_ZONE,
};

enum cell_kind {
	CELL_TEXT,
	CELL_NUMBER, /* right aligned; a number in JSON, null when empty */
	CELL_YES_NO, /* "yes" and "no"; true and false in JSON */
	CELL_STATE,  /* text, coloured: error, warning, ok and the like */
};

struct report;
struct report_table;

struct report_style {
	enum report_format format;
	unsigned width; /* columns of the terminal; 0: do not wrap */
	bool colour;
};

struct report *report_new(void);
void report_free(struct report **r);

/* All calls copy; running out of memory shows at report_print. */
void report_field(struct report *r, const char *name, enum cell_kind kind, struct span value);
/* name: the JSON member when the report holds more than this table. */
struct report_table *report_table(struct report *r, const char *name);
void report_column(struct report_table *t, struct span name, enum cell_kind kind);
/* Missing cells are empty, surplus ones are dropped. */
void report_row(struct report_table *t, const struct span *cells, size_t count);
size_t report_rows(const struct report_table *t);

/* The kind that a column of this name has in all our tables ("used" is a number). */
enum cell_kind report_kind(struct span column);

/* Appends the whole report. JSON: an array when there is one table and no field, else an object.
 * Control characters of cells never reach a terminal. */
void report_print(const struct report *r, const struct report_style *style, struct buf *out);

/* Columns that text takes on a terminal (wcwidth of the locale's characters). */
size_t report_text_width(struct span text);

#endif
