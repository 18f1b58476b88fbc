/* returned_mime - the parts of a message, whatever state it is in. Bounds: depth, parts, octets of
 * a field. Knows no report. */
#include "returned_inside.h"

struct walk {
	struct arena *arena;
	returned_visit *visit;
	void *context;
	unsigned parts;
	bool report, over;
	enum err e;
};

bool returned_line(struct span *text, struct span *line_r)
{
	size_t n;

	if (text->n == 0)
		return false;
	n = span_find(*text, '\n', 0);
	*line_r = span_head(*text, n);
	*text = span_from(*text, n < text->n ? n + 1 : n);
	if (line_r->n > 0 && line_r->p[line_r->n - 1] == '\r')
		line_r->n--;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Continuation lines are joined with one blank. */
static struct span unfold(struct arena *arena, struct span first, struct span *text)
{
	char *space = arena_alloc(arena, RETURNED_FIELD_MAX);
	struct span line = first, rest;
	size_t n = 0;

	if (space == NULL)
		return SPAN("");
	for (;;) {
		line = span_trim(line);
		if (n > 0 && n < RETURNED_FIELD_MAX)
			space[n++] = ' ';
		for (size_t i = 0; i < line.n && n < RETURNED_FIELD_MAX; i++)
			space[n++] = line.p[i];
		rest = *text;
		if (rest.n == 0 || !is_blank(rest.p[0]) || !returned_line(&rest, &line) ||
		    span_trim(line).n == 0)
			break;
		*text = rest;
	}
	return span_make(space, n);
}

bool returned_field(
    struct arena *arena, struct span *text, struct span *name_r, struct span *value_r)
{
	struct span line;

	while (returned_line(text, &line)) {
		size_t colon = span_find(line, ':', 0);

		if (span_trim(line).n == 0)
			return false;
		if (colon == 0 || colon == line.n || is_blank(line.p[0]))
			continue;
		*name_r = span_trim(span_head(line, colon));
		line = span_from(line, colon + 1);
		/* One line is where it stands; a folded value needs room. */
		*value_r = text->n > 0 && is_blank(text->p[0])
			       ? unfold(arena, line, text)
			       : span_head(span_trim(line), RETURNED_FIELD_MAX);
		return true;
	}
	return false;
}

/* ---- types and boundaries ---- */

struct head {
	struct span type, boundary, encoding;
};

static struct span lower(struct arena *arena, struct span s)
{
	char *copy = arena_alloc(arena, s.n + 1);

	if (copy == NULL)
		return SPAN("");
	for (size_t i = 0; i < s.n; i++)
		copy[i] = (char)ascii_lower(s.p[i]);
	return span_make(copy, s.n);
}

/* RFC 2045 section 5.1, as far as one parameter: name=value or name="value". */
static struct span parameter(struct arena *arena, struct span value, struct span name)
{
	size_t at = span_find(value, ';', 0);

	while (at < value.n) {
		struct span rest = span_trim(span_from(value, at + 1)), word;
		size_t equals = span_find(rest, '=', 0);

		word = span_trim(span_head(rest, equals));
		rest = span_trim(span_from(rest, equals < rest.n ? equals + 1 : equals));
		if (span_eq_nocase(word, name)) {
			if (rest.n > 0 && rest.p[0] == '"') {
				rest = span_from(rest, 1);
				return span_head(rest, span_find(rest, '"', 0));
			}
			for (size_t i = 0; i < rest.n; i++)
				if (rest.p[i] == ';' || is_blank(rest.p[i]))
					return span_head(rest, i);
			return rest;
		}
		at = span_find(value, ';', at + 1);
	}
	(void)arena;
	return SPAN("");
}

/* Splits off the header block; *body_r is what follows its empty line. */
static struct head read_head(struct arena *arena, struct span part, struct span *body_r)
{
	struct head h = { SPAN(""), SPAN(""), SPAN("") };
	struct span name, value;

	while (returned_field(arena, &part, &name, &value)) {
		if (span_eq_nocase(name, SPAN("content-type")) && h.type.n == 0) {
			size_t end = span_find(value, ';', 0);

			h.type = lower(arena, span_trim(span_head(value, end)));
			h.boundary = parameter(arena, value, SPAN("boundary"));
		} else if (span_eq_nocase(name, SPAN("content-transfer-encoding"))) {
			h.encoding = lower(arena, value);
		}
	}
	*body_r = part;
	return h;
}

/* ---- transfer encodings ---- */

static int base64_value(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

static size_t decode_base64(struct span in, char *out)
{
	unsigned bits = 0, have = 0;
	size_t n = 0;

	for (size_t i = 0; i < in.n && in.p[i] != '='; i++) {
		int v = base64_value(in.p[i]);

		if (v < 0)
			continue;
		bits = bits << 6 | (unsigned)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (char)(bits >> have & 0xFF);
		}
	}
	return n;
}

static int hex_value(char c)
{
	if (ascii_digit(c))
		return c - '0';
	c = (char)ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t decode_quoted(struct span in, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		int high = i + 2 < in.n ? hex_value(in.p[i + 1]) : -1;
		int low = i + 2 < in.n ? hex_value(in.p[i + 2]) : -1;

		if (in.p[i] != '=') {
			out[n++] = in.p[i];
		} else if (high >= 0 && low >= 0) {
			out[n++] = (char)(high << 4 | low);
			i += 2;
		} else if (i + 1 < in.n && in.p[i + 1] == '\n') {
			i++;
		} else if (i + 2 < in.n && in.p[i + 1] == '\r' && in.p[i + 2] == '\n') {
			i += 2;
		}
	}
	return n;
}

static struct span decode(struct walk *w, const struct head *h, struct span body)
{
	bool base64 = span_eq(h->encoding, SPAN("base64"));
	char *out;

	if (!base64 && !span_eq(h->encoding, SPAN("quoted-printable")))
		return body;
	out = arena_alloc(w->arena, body.n + 1);
	if (out == NULL) {
		w->e = ERR_NOMEM;
		return SPAN("");
	}
	return span_make(out, base64 ? decode_base64(body, out) : decode_quoted(body, out));
}

/* ---- parts ---- */

/* Is the line "--boundary", or "--boundary--" (*last_r)? Blanks behind it do not count. */
static bool is_delimiter(struct span line, struct span boundary, bool *last_r)
{
	struct span rest;

	if (line.n < boundary.n + 2 || line.p[0] != '-' || line.p[1] != '-' ||
	    !span_eq(span_head(span_from(line, 2), boundary.n), boundary))
		return false;
	rest = span_trim(span_from(line, 2 + boundary.n));
	*last_r = span_eq(rest, SPAN("--"));
	return *last_r || rest.n == 0;
}

static void walk_part(struct walk *w, struct span part, unsigned depth);

/* A closing delimiter may be missing: then the last part goes to the end. */
static void walk_multipart(
    struct walk *w, struct span body, struct span boundary, unsigned depth)
{
	const char *start = NULL;
	struct span line;
	bool last = false;

	while (!w->over && !last && returned_line(&body, &line)) {
		if (!is_delimiter(line, boundary, &last))
			continue;
		if (start != NULL)
			walk_part(w, span_make(start, (size_t)(line.p - start)), depth + 1);
		start = body.p;
	}
	if (!w->over && !last && start != NULL)
		walk_part(w, span_make(start, (size_t)(body.p + body.n - start)), depth + 1);
}

static void walk_part(struct walk *w, struct span part, unsigned depth)
{
	struct span body;
	struct head h = read_head(w->arena, part, &body);
	bool before = w->report;

	if (w->over || ++w->parts > RETURNED_PARTS_MAX) {
		w->over = true;
		return;
	}
	if (span_starts(h.type, SPAN("multipart/")) && h.boundary.n > 0 &&
	    depth < RETURNED_DEPTH_MAX) {
		w->report = w->report || span_eq(h.type, SPAN("multipart/report"));
		walk_multipart(w, body, h.boundary, depth);
		w->report = before;
	} else {
		const struct returned_part leaf = { .type = h.type,
			.header = span_make(part.p, part.n - body.n),
			.body = decode(w, &h, body),
			.report = w->report };

		w->over = !w->visit(w->context, &leaf) || w->e != ERR_OK;
	}
}

enum err returned_walk(
    struct span message, struct arena *arena, returned_visit *visit, void *context)
{
	struct walk w = { .arena = arena, .visit = visit, .context = context, .e = ERR_OK };

	walk_part(&w, message, 0);
	return w.e;
}
