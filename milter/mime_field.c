/* mime_field - values of MIME fields. A value that two programs may read differently is refused as
 * a whole: there is no repair. Knows no bodies. */
#include "mime_field.h"

struct reader {
	struct span s;
	size_t at;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What may stand in a value without quotes: tokens, and what is written there by so many that all
 * take it ("boundary=----=_Part", "charset=iso-8859-1:1987"). */
static bool is_value_octet(char c)
{
	return c > ' ' && c < 0x7f && strchr("\"(),;\\", c) == NULL;
}

static bool is_token_octet(char c)
{
	return c > ' ' && c < 0x7f && strchr("\"(),;\\/=?:@<>[]", c) == NULL;
}

/* Blanks and comments. False when a comment does not end. */
static bool skip_blanks(struct reader *r)
{
	size_t depth = 0;

	for (; r->at < r->s.n; r->at++) {
		char c = r->s.p[r->at];

		if (c == '(') {
			depth++;
		} else if (depth == 0) {
			if (!is_blank(c))
				return true;
		} else if (c == '\\') {
			r->at++;
		} else if (c == ')') {
			depth--;
		}
	}
	return depth == 0;
}

static struct span read_while(struct reader *r, bool (*fits)(char))
{
	size_t start = r->at;

	while (r->at < r->s.n && fits(r->s.p[r->at]))
		r->at++;
	return span_make(r->s.p + start, r->at - start);
}

/* At the opening quote. The text without quoting and line ends, in the arena. */
static enum mime_skip read_quoted(struct arena *arena, struct reader *r, struct span *text_r)
{
	size_t from = ++r->at, n = 0;
	char *text;

	while (r->at < r->s.n && r->s.p[r->at] != '"')
		r->at += r->s.p[r->at] == '\\' ? 2 : 1;
	if (r->at >= r->s.n)
		return MIME_BAD_PARAMETER;
	text = arena_alloc(arena, r->at - from);
	if (text == NULL)
		return MIME_OVER_MEMORY;
	for (size_t at = from; at < r->at; at++) {
		if (r->s.p[at] == '\r' || r->s.p[at] == '\n')
			continue;
		if (r->s.p[at] == '\\')
			at++;
		text[n++] = r->s.p[at];
	}
	r->at++;
	*text_r = span_make(text, n);
	return MIME_EDITABLE;
}

struct parameter {
	struct span name; /* with its stars */
	struct span value;
	size_t start, end; /* of the value as written, with its quotes */
};

/* ";" and "name=value", any number. */
static enum mime_skip read_parameters(
    struct arena *arena, struct reader *r, struct parameter *list, size_t *count_r)
{
	enum mime_skip skip;

	*count_r = 0;
	for (;;) {
		struct parameter p;

		if (!skip_blanks(r))
			return MIME_BAD_PARAMETER;
		if (r->at == r->s.n)
			return MIME_EDITABLE;
		if (r->s.p[r->at++] != ';' || !skip_blanks(r))
			return MIME_BAD_PARAMETER;
		if (r->at == r->s.n || r->s.p[r->at] == ';')
			continue;
		p.name = read_while(r, is_token_octet);
		if (p.name.n == 0 || !skip_blanks(r) || r->at == r->s.n ||
		    r->s.p[r->at++] != '=' || !skip_blanks(r) || r->at == r->s.n)
			return MIME_BAD_PARAMETER;
		p.start = r->at;
		if (r->s.p[r->at] == '"') {
			skip = read_quoted(arena, r, &p.value);
			if (skip != MIME_EDITABLE)
				return skip;
		} else {
			p.value = read_while(r, is_value_octet);
			if (p.value.n == 0)
				return MIME_BAD_PARAMETER;
		}
		p.end = r->at;
		if (*count_r == MIME_PARAMETERS_MAX)
			return MIME_HEADERS_TOO_BIG;
		list[(*count_r)++] = p;
	}
}

static int hex(char c)
{
	if (ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends value to text, resolving "%41" when it is extended. */
static bool add_value(char *text, size_t *n_io, struct span value, bool extended)
{
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (extended && c == '%') {
			int high = i + 2 < value.n ? hex(value.p[i + 1]) : -1;
			int low = high >= 0 ? hex(value.p[i + 2]) : -1;

			if (low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		text[(*n_io)++] = c;
	}
	return true;
}

/* RFC 2231 section 4: "charset'language'text". */
static bool cut_language(struct span *value_io)
{
	size_t first = span_find(*value_io, '\'', 0);
	size_t second = span_find(*value_io, '\'', first + 1);

	if (first >= value_io->n || second >= value_io->n)
		return false;
	*value_io = span_from(*value_io, second + 1);
	return true;
}

/* Which piece of a parameter this is: "name" and "name*" are 0, "name*3" is 3. */
struct piece {
	bool mine, numbered, extended;
	size_t number;
};

static struct piece piece_of(struct span found, struct span name)
{
	struct piece piece = { 0 };
	struct span rest;
	uint64_t number = 0;

	if (found.n < name.n || !span_eq_nocase(span_head(found, name.n), name))
		return piece;
	rest = span_from(found, name.n);
	if (rest.n > 0 && rest.p[0] != '*')
		return piece;
	piece.mine = true;
	if (rest.n == 0)
		return piece;
	rest = span_from(rest, 1);
	if (rest.n > 0 && rest.p[rest.n - 1] == '*') {
		piece.extended = true;
		rest.n--;
	} else if (rest.n == 0) {
		piece.extended = true;
		return piece;
	}
	/* "*0" is a piece, "*00" and "*x" are nothing; SIZE_MAX is never found. */
	piece.numbered = true;
	if (!span_u64(rest, &number) || (rest.n > 1 && rest.p[0] == '0'))
		number = SIZE_MAX;
	piece.number = (size_t)number;
	return piece;
}

/* The value of a parameter, from one piece or several, in whatever order they came. Two ways to
 * give it, a piece twice or missing: refused. Not there: *value_r stays. */
static enum mime_skip find_parameter(struct arena *arena, const struct parameter *list,
    size_t count, struct span name, struct span *value_r)
{
	const struct parameter *pieces[MIME_PARAMETERS_MAX] = { NULL };
	struct piece kinds[MIME_PARAMETERS_MAX];
	size_t found = 0, octets = 0, n = 0;
	bool numbered = false;
	char *text;

	for (size_t i = 0; i < count; i++) {
		struct piece piece = piece_of(list[i].name, name);

		if (!piece.mine)
			continue;
		if (piece.number >= count || pieces[piece.number] != NULL ||
		    (found > 0 && (piece.numbered != numbered || !piece.numbered)))
			return MIME_BAD_PARAMETER;
		numbered = piece.numbered;
		pieces[piece.number] = &list[i];
		kinds[piece.number] = piece;
		octets += list[i].value.n;
		found++;
	}
	if (found == 0)
		return MIME_EDITABLE;
	text = arena_alloc(arena, octets + 1);
	if (text == NULL)
		return MIME_OVER_MEMORY;
	for (size_t i = 0; i < found; i++) {
		struct span value;

		if (pieces[i] == NULL)
			return MIME_BAD_PARAMETER;
		value = pieces[i]->value;
		if (i == 0 && kinds[0].extended && !cut_language(&value))
			return MIME_BAD_PARAMETER;
		if (!add_value(text, &n, value, kinds[i].extended))
			return MIME_BAD_PARAMETER;
	}
	*value_r = span_make(text, n);
	return MIME_EDITABLE;
}

/* A lower-case copy; NULL when out of memory. */
static char *lower_copy(struct arena *arena, struct span s)
{
	char *copy = arena_alloc(arena, s.n + 1);

	if (copy != NULL)
		span_lower(s, copy, s.n + 1);
	return copy;
}

enum mime_skip mime_read_type(struct arena *arena, struct span value, struct mime_type *type_r)
{
	struct parameter list[MIME_PARAMETERS_MAX];
	struct reader r = { value, 0 };
	struct span whole, sub, format = SPAN(""), delsp = SPAN(""), charset = SPAN("");
	enum mime_skip skip;
	size_t count;

	*type_r = (struct mime_type){ .type = SPAN(""), .charset = SPAN("") };
	if (!skip_blanks(&r))
		return MIME_BAD_PARAMETER;
	whole = read_while(&r, is_token_octet);
	if (whole.n == 0 || r.at == r.s.n || r.s.p[r.at++] != '/')
		return MIME_BAD_PARAMETER;
	sub = read_while(&r, is_token_octet);
	if (sub.n == 0)
		return MIME_BAD_PARAMETER;
	whole.n += 1 + sub.n;
	type_r->type = span_make(lower_copy(arena, whole), whole.n);
	if (type_r->type.p == NULL)
		return MIME_OVER_MEMORY;
	skip = read_parameters(arena, &r, list, &count);
	if (skip == MIME_EDITABLE)
		skip = find_parameter(arena, list, count, SPAN("boundary"), &type_r->boundary);
	if (skip == MIME_EDITABLE)
		skip = find_parameter(arena, list, count, SPAN("charset"), &charset);
	if (skip == MIME_EDITABLE)
		skip = find_parameter(arena, list, count, SPAN("format"), &format);
	if (skip == MIME_EDITABLE)
		skip = find_parameter(arena, list, count, SPAN("delsp"), &delsp);
	if (skip != MIME_EDITABLE)
		return skip;
	charset = span_trim(charset);
	type_r->charset = span_make(lower_copy(arena, charset), charset.n);
	if (type_r->charset.p == NULL)
		return MIME_OVER_MEMORY;
	for (size_t i = 0; i < count; i++)
		if (span_eq_nocase(list[i].name, SPAN("charset"))) {
			type_r->charset_start = list[i].start;
			type_r->charset_end = list[i].end;
		}
	type_r->flowed = span_eq_nocase(format, SPAN("flowed"));
	type_r->delsp = span_eq_nocase(delsp, SPAN("yes"));
	return MIME_EDITABLE;
}

enum mime_skip mime_read_disposition(struct span value)
{
	struct reader r = { value, 0 };
	struct span word;

	if (!skip_blanks(&r))
		return MIME_BAD_PARAMETER;
	word = read_while(&r, is_token_octet);
	if (word.n == 0 || !skip_blanks(&r) || (r.at < r.s.n && r.s.p[r.at] != ';'))
		return MIME_BAD_PARAMETER;
	return span_eq_nocase(word, SPAN("inline")) ? MIME_EDITABLE : MIME_ATTACHMENT;
}

enum mime_skip mime_read_encoding(
    struct span value, enum mime_encoding *encoding_r, bool *eight_bit_r)
{
	static const struct {
		struct span name;
		enum mime_encoding encoding;
		bool eight_bit;
	} known[] = {
		{ SPAN("7bit"), MIME_IDENTITY, false },
		{ SPAN("8bit"), MIME_IDENTITY, true },
		{ SPAN("binary"), MIME_IDENTITY, true },
		{ SPAN("quoted-printable"), MIME_QUOTED_PRINTABLE, false },
		{ SPAN("base64"), MIME_BASE64, false },
	};
	struct reader r = { value, 0 };
	struct span word;

	if (!skip_blanks(&r))
		return MIME_UNKNOWN_ENCODING;
	word = read_while(&r, is_token_octet);
	if (!skip_blanks(&r) || r.at < r.s.n)
		return MIME_UNKNOWN_ENCODING;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!span_eq_nocase(word, known[i].name))
			continue;
		*encoding_r = known[i].encoding;
		*eight_bit_r = known[i].eight_bit;
		return MIME_EDITABLE;
	}
	return MIME_UNKNOWN_ENCODING;
}
