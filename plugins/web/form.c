/* form - what the body of a POST to an unsubscribe link asks for. Knows no HTTP beyond the
 * Content-Type that it is handed. */
#include "form.h"

struct reader {
	struct form *form;
	bool one_click;
	size_t fields;
};

static bool take_field(struct reader *r, struct span name, struct span value)
{
	struct form *f = r->form;

	if (++r->fields > FORM_FIELDS_MAX)
		return false;
	if (span_eq(name, SPAN("List-Unsubscribe"))) {
		/* RFC 8058 section 3.2: the key/value pair; some senders change its case. */
		if (span_eq_nocase(span_trim(value), SPAN("One-Click")))
			r->one_click = true;
	} else if (span_eq(name, SPAN("act")) && f->act == FORM_NONE) {
		f->act = span_eq(value, SPAN("stream"))    ? FORM_STREAM
			 : span_eq(value, SPAN("streams")) ? FORM_STREAMS
			 : span_eq(value, SPAN("all"))     ? FORM_TENANT
							   : FORM_NONE;
	} else if (span_eq(name, SPAN("s"))) {
		if (f->stream_count == FORM_STREAMS_MAX)
			return false;
		f->streams[f->stream_count++] = value;
	}
	return true;
}

/* ---- application/x-www-form-urlencoded ---- */

static int hex_digit(char c)
{
	c = ascii_lower(c);
	return ascii_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; the decoded text is never longer. False for a broken escape or a NUL. */
static bool decode(char *text, size_t n, struct span *out_r)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < n ? hex_digit(text[i + 1]) : -1;
			int low = i + 2 < n ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		} else if (c == '+') {
			c = ' ';
		}
		if (c == '\0')
			return false;
		text[to++] = c;
	}
	*out_r = span_make(text, to);
	return true;
}

static bool read_urlencoded(struct reader *r, char *body, size_t n)
{
	struct span all = span_trim(span_make(body, n)), pair, name, value;

	while (span_next(&all, '&', &pair)) {
		char *start = body + (pair.p - body);
		size_t equals = span_find(pair, '=', 0);
		size_t after = equals < pair.n ? equals + 1 : pair.n;

		if (pair.n == 0)
			continue;
		if (!decode(start, equals, &name) ||
		    !decode(start + after, pair.n - after, &value) ||
		    !take_field(r, name, value))
			return false;
	}
	return true;
}

/* ---- multipart/form-data ---- */

/* The value of a parameter: name="value" or name=value. */
static bool find_parameter(struct span text, struct span name, struct span *value_r)
{
	struct span rest = text, piece;

	/* What we look for holds no ';', so a quoted one in front only costs its own parameter. */
	while (span_next(&rest, ';', &piece)) {
		size_t equals = span_find(piece, '=', 0);

		if (equals == piece.n ||
		    !span_eq_nocase(span_trim(span_head(piece, equals)), name))
			continue;
		piece = span_trim(span_from(piece, equals + 1));
		if (piece.n >= 2 && piece.p[0] == '"' && piece.p[piece.n - 1] == '"')
			piece = span_make(piece.p + 1, piece.n - 2);
		*value_r = piece;
		return piece.n > 0 && span_find(piece, '"', 0) == piece.n;
	}
	return false;
}

/* A line without its end (CRLF, or LF alone); false when no end was found: the rest of the text. */
static bool next_line(struct span *rest_io, struct span *line_r)
{
	size_t end = span_find(*rest_io, '\n', 0);
	bool found = end < rest_io->n;

	*line_r = span_head(*rest_io, end);
	if (line_r->n > 0 && line_r->p[line_r->n - 1] == '\r')
		line_r->n--;
	*rest_io = span_from(*rest_io, found ? end + 1 : end);
	return found;
}

enum delimiter { DELIMITER_NONE, DELIMITER_PART, DELIMITER_CLOSE };

static enum delimiter delimiter_of(struct span line, struct span boundary)
{
	if (line.n < boundary.n + 2 || memcmp(line.p, "--", 2) != 0 ||
	    memcmp(line.p + 2, boundary.p, boundary.n) != 0)
		return DELIMITER_NONE;
	line = span_trim(span_from(line, boundary.n + 2));
	if (line.n == 0)
		return DELIMITER_PART;
	return span_eq(line, SPAN("--")) ? DELIMITER_CLOSE : DELIMITER_NONE;
}

/* The part's header; its form field's name. False when it has none. */
static bool read_part_header(struct span *rest_io, struct span *name_r)
{
	static const struct span header = { "Content-Disposition:", 20 };
	struct span line;
	bool named = false;

	while (next_line(rest_io, &line) && line.n > 0) {
		if (line.n < header.n || !span_eq_nocase(span_head(line, header.n), header))
			continue;
		named = find_parameter(span_from(line, header.n), SPAN("name"), name_r);
	}
	return named && line.n == 0;
}

/* The part's content up to the next delimiter, without the line end that belongs to that. */
static enum delimiter read_part_body(
    struct span *rest_io, struct span boundary, struct span *value_r)
{
	const char *start = rest_io->p, *end = start;
	enum delimiter d = DELIMITER_NONE;
	struct span line;

	while (d == DELIMITER_NONE && rest_io->n > 0) {
		(void)next_line(rest_io, &line);
		d = delimiter_of(line, boundary);
		if (d == DELIMITER_NONE)
			end = line.p + line.n;
	}
	*value_r = span_make(start, (size_t)(end - start));
	return d;
}

static bool read_multipart(struct reader *r, struct span content_type, struct span body)
{
	enum delimiter d = DELIMITER_NONE;
	struct span rest = body, boundary, line, name, value;

	if (!find_parameter(content_type, SPAN("boundary"), &boundary) ||
	    boundary.n > FORM_BOUNDARY_MAX)
		return false;
	while (d == DELIMITER_NONE && rest.n > 0) {
		(void)next_line(&rest, &line);
		d = delimiter_of(line, boundary);
	}
	while (d == DELIMITER_PART) {
		if (!read_part_header(&rest, &name))
			return false;
		d = read_part_body(&rest, boundary, &value);
		if (d == DELIMITER_NONE || !take_field(r, name, value))
			return false;
	}
	return d == DELIMITER_CLOSE;
}

/* ---- entry ---- */

bool form_read(struct span content_type, char *body, size_t n, struct form *form_r)
{
	struct reader r = { .form = form_r };
	struct span type = span_trim(span_head(content_type, span_find(content_type, ';', 0)));
	bool ok = false;

	*form_r = (struct form){ .act = FORM_NONE };
	if (n > FORM_BODY_MAX)
		return false;
	if (type.n == 0 || span_eq_nocase(type, SPAN("application/x-www-form-urlencoded")))
		ok = read_urlencoded(&r, body, n);
	else if (span_eq_nocase(type, SPAN("multipart/form-data")))
		ok = read_multipart(&r, content_type, span_make(body, n));
	if (ok && r.one_click)
		form_r->act = FORM_ONE_CLICK;
	return ok;
}
