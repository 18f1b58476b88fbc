/* import - reads the columns of a suppression list in CSV. Knows their names; not the wire and no
 * file. */
#include "import.h"

static const struct {
	const char *name;
	enum import_column column;
} names[] = {
	{ "email", IMPORT_ADDRESS },
	{ "address", IMPORT_ADDRESS },
	{ "recipient", IMPORT_ADDRESS },
	{ "digest", IMPORT_ADDRESS },
	{ "reason", IMPORT_REASON },
	{ "type", IMPORT_REASON },
	{ "date", IMPORT_DATE },
	{ "added", IMPORT_DATE },
	{ "created", IMPORT_DATE },
	{ "source", IMPORT_SOURCE },
	{ "expires", IMPORT_EXPIRES },
};

void import_layout_default(struct import_layout *layout)
{
	for (int i = 0; i < IMPORT_COLUMNS; i++)
		layout->at[i] = i;
}

/* Column of that name, or -1. */
static int column_named(struct span name)
{
	name = span_trim(name);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (span_eq_nocase(name, span_cstr(names[i].name)))
			return (int)names[i].column;
	return -1;
}

bool import_header(const struct csv_record *record, struct import_layout *layout)
{
	bool address = false;

	/* An address holds an '@' or a ':'; a name of a column never does. */
	for (size_t i = 0; i < record->count; i++)
		address = address || column_named(record->field[i]) == IMPORT_ADDRESS;
	if (!address)
		return false;
	for (int i = 0; i < IMPORT_COLUMNS; i++)
		layout->at[i] = -1;
	for (size_t i = 0; i < record->count; i++) {
		int column = column_named(record->field[i]);

		if (column >= 0 && layout->at[column] < 0)
			layout->at[column] = (int)i;
	}
	return true;
}

struct span import_field(const struct csv_record *record, const struct import_layout *layout,
    enum import_column column)
{
	int at = layout->at[column];

	if (at < 0 || (size_t)at >= record->count)
		return (struct span){ "", 0 };
	return span_trim(record->field[at]);
}

/* The wire separates fields by tabs and rows by newlines. */
static bool fits_the_wire(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == '\0')
			return false;
	return true;
}

const char *import_row(const struct csv_record *record, const struct import_layout *layout,
    struct span default_reason, struct span default_source, struct buf *out)
{
	struct span field[IMPORT_COLUMNS];

	for (int i = 0; i < IMPORT_COLUMNS; i++)
		field[i] = import_field(record, layout, (enum import_column)i);
	if (field[IMPORT_ADDRESS].n == 0)
		return "there is no address";
	if (field[IMPORT_REASON].n == 0)
		field[IMPORT_REASON] = default_reason;
	if (field[IMPORT_SOURCE].n == 0)
		field[IMPORT_SOURCE] = default_source;
	for (int i = 0; i < IMPORT_COLUMNS; i++)
		if (!fits_the_wire(field[i]))
			return "a field holds a tab or a line break";
	for (int i = 0; i < IMPORT_EXPIRES; i++) {
		if (i > 0)
			buf_add_char(out, '\t');
		buf_add_span(out, field[i]);
	}
	return NULL;
}
