/* csv.h - comma separated values as RFC 4180 writes them: quoted fields may hold commas, quotes
 * (doubled) and newlines; records end in LF or CRLF. Bytes from outside; pure. */
#ifndef CSV_H
#define CSV_H

#include "base.h"
#include "buf.h"
#include "span.h"

#define CSV_FIELDS_MAX 32
#define CSV_RECORD_MAX 8192 /* octets of a record with its line end */

struct csv_record {
	struct span field[CSV_FIELDS_MAX]; /* unquoted; point into text */
	size_t count;                      /* a blank line has one empty field */
	char text[CSV_RECORD_MAX];
};

enum csv_result {
	CSV_MORE,   /* no whole record yet, nothing wrong so far */
	CSV_RECORD, /* *used_r octets were one */
	CSV_QUOTE,  /* a quote inside an unquoted field, or text after the closing one */
	CSV_OPEN,   /* the input ends inside quotes */
	CSV_TOO_LONG,
	CSV_TOO_MANY, /* fields */
};

/* Reads one record at the start of bytes; last: nothing will follow them. After a fault *used_r
 * covers the line that the record started in and nothing more, so one bad row cannot swallow the
 * good ones behind it. */
enum csv_result csv_scan(
    struct span bytes, bool last, struct csv_record *record_r, size_t *used_r) CHECKED;

/* What a fault means, for the message. */
const char *csv_result_text(enum csv_result r);

/* Appends one field, quoted where it must be; first: no comma before it. */
void csv_put(struct buf *out, struct span field, bool first);
void csv_end(struct buf *out); /* CRLF */

#endif
