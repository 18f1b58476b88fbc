/* csv - reads and writes RFC 4180 records. Knows nothing of what they mean. */
#include "csv.h"

static const char *const words[] = {
	[CSV_MORE] = "incomplete",
	[CSV_RECORD] = "a record",
	[CSV_QUOTE] = "a quote where none may stand",
	[CSV_OPEN] = "a quoted field is not closed",
	[CSV_TOO_LONG] = "the row is too long",
	[CSV_TOO_MANY] = "the row has too many columns",
};

const char *csv_result_text(enum csv_result r)
{
	return (unsigned)r < ARRAY_SIZE(words) ? words[r] : "unknown";
}

/* Octets of the first line with its end. */
static size_t first_line(struct span bytes)
{
	size_t n = span_find(bytes, '\n', 0);

	return n < bytes.n ? n + 1 : n;
}

/* The line end at i: 0 none, 1 LF or end of input, 2 CRLF. */
static size_t line_end(struct span bytes, size_t i, bool last)
{
	if (i == bytes.n)
		return last ? 1 : 0;
	if (bytes.p[i] == '\n')
		return 1;
	return bytes.p[i] == '\r' && i + 1 < bytes.n && bytes.p[i + 1] == '\n' ? 2 : 0;
}

/* Reads the field at *i into record->text at *fill. CSV_RECORD: *i stands behind it. */
static enum csv_result scan_field(
    struct span bytes, bool last, size_t *i, struct csv_record *record, size_t *fill)
{
	bool quoted = *i < bytes.n && bytes.p[*i] == '"';
	size_t start = *fill;

	if (quoted)
		++*i;
	for (;; ++*i) {
		char c;

		if (*i == bytes.n) {
			if (!last)
				return CSV_MORE;
			if (quoted)
				return CSV_OPEN;
			break;
		}
		c = bytes.p[*i];
		if (quoted && c == '"') {
			if (*i + 1 == bytes.n && !last)
				return CSV_MORE;
			if (*i + 1 == bytes.n || bytes.p[*i + 1] != '"') {
				++*i;
				break;
			}
			++*i;
		} else if (!quoted) {
			if (c == ',' || line_end(bytes, *i, last) > 0)
				break;
			if (c == '\r' && *i + 1 == bytes.n && !last)
				return CSV_MORE;
			if (c == '"')
				return CSV_QUOTE;
		}
		record->text[(*fill)++] = bytes.p[*i];
	}
	record->field[record->count++] = span_make(record->text + start, *fill - start);
	return CSV_RECORD;
}

static enum csv_result scan_record(
    struct span bytes, bool last, struct csv_record *record, size_t *used_r)
{
	size_t i = 0, fill = 0, end;
	enum csv_result r;

	for (;;) {
		if (record->count == CSV_FIELDS_MAX)
			return CSV_TOO_MANY;
		r = scan_field(bytes, last, &i, record, &fill);
		if (r != CSV_RECORD)
			return r;
		if (i < bytes.n && bytes.p[i] == ',') {
			i++;
			continue;
		}
		end = line_end(bytes, i, last);
		if (end == 0) {
			if (!last && (i == bytes.n || (bytes.p[i] == '\r' && i + 1 == bytes.n)))
				return CSV_MORE;
			return CSV_QUOTE;
		}
		*used_r = i < bytes.n ? i + end : i;
		return CSV_RECORD;
	}
}

enum csv_result csv_scan(
    struct span bytes, bool last, struct csv_record *record_r, size_t *used_r)
{
	bool cut = bytes.n > CSV_RECORD_MAX;
	struct span look = span_head(bytes, CSV_RECORD_MAX);
	enum csv_result r;

	record_r->count = 0;
	*used_r = 0;
	if (bytes.n == 0)
		return CSV_MORE;
	r = scan_record(look, last && !cut, record_r, used_r);
	if (r == CSV_MORE && look.n == CSV_RECORD_MAX)
		r = CSV_TOO_LONG;
	if (r != CSV_RECORD && r != CSV_MORE)
		*used_r = first_line(bytes);
	return r;
}

void csv_put(struct buf *out, struct span field, bool first)
{
	bool plain = true;

	for (size_t i = 0; i < field.n; i++)
		if (memchr(",\"\r\n", field.p[i], 4) != NULL)
			plain = false;
	if (!first)
		buf_add_char(out, ',');
	if (plain) {
		buf_add_span(out, field);
		return;
	}
	buf_add_char(out, '"');
	for (size_t i = 0; i < field.n; i++) {
		if (field.p[i] == '"')
			buf_add_char(out, '"');
		buf_add_char(out, field.p[i]);
	}
	buf_add_char(out, '"');
}

void csv_end(struct buf *out)
{
	buf_add_cstr(out, "\r\n");
}
