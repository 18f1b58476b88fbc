/* import.h - a CSV file of addresses as rows ready to send: which column is what, which rows are
 * bad. Pure. */
#ifndef IMPORT_H
#define IMPORT_H

#include "base.h"
#include "buf.h"
#include "csv.h"

enum import_column {
	IMPORT_ADDRESS,
	IMPORT_REASON,
	IMPORT_DATE,
	IMPORT_SOURCE,
	IMPORT_EXPIRES
};
#define IMPORT_COLUMNS 5

struct import_layout {
	int at[IMPORT_COLUMNS]; /* field index, -1: the file has no such column */
};

/* The order without a header line: address, reason, date, source, expires. */
void import_layout_default(struct import_layout *layout);

/* Is this record a header line (its first field names a column)? Then layout follows it; columns
 * it does not know are ignored. */
bool import_header(const struct csv_record *record, struct import_layout *layout);

/* The field for a column, without blanks around it; empty when the record ends before it. */
struct span import_field(const struct csv_record *record, const struct import_layout *layout,
    enum import_column column);

/* Appends "address TAB reason TAB date TAB source" for the wire. NULL, or what is wrong with the
 * row. */
const char *import_row(const struct csv_record *record, const struct import_layout *layout,
    struct span default_reason, struct span default_source, struct buf *out);

#endif
