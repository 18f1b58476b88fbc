/* postconf - reads and edits the text of main.cf and master.cf. Knows their syntax; not what any
 * parameter means, and no file. */
#include "postconf.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool separator(char c)
{
	return c == ',' || blank(c);
}

/* ---- physical and logical lines ---- */

static size_t line_end(struct span text, size_t at)
{
	size_t n = span_find(text, '\n', at);

	return n < text.n ? n + 1 : n;
}

/* A line that counts for nothing: only blanks, or a comment. */
static bool nothing(struct span text, size_t at, size_t end)
{
	while (at < end && blank(text.p[at]))
		at++;
	return at == end || text.p[at] == '#';
}

struct logical {
	size_t start, end; /* end: behind the last physical line that belongs to it */
};

/* The logical line at or after *offset_io, which moves behind it. */
static bool next_logical(struct span text, size_t *offset_io, struct logical *l_r)
{
	size_t at = *offset_io;

	while (at < text.n && nothing(text, at, line_end(text, at)))
		at = line_end(text, at);
	if (at == text.n)
		return false;
	l_r->start = at;
	l_r->end = at = line_end(text, at);
	while (at < text.n) {
		size_t end = line_end(text, at);

		if (!nothing(text, at, end)) {
			if (text.p[at] != ' ' && text.p[at] != '\t')
				break;
			l_r->end = end;
		}
		at = end;
	}
	*offset_io = l_r->end;
	return true;
}

static unsigned line_number(struct span text, size_t offset)
{
	unsigned n = 1;

	for (size_t i = 0; i < offset; i++)
		n += text.p[i] == '\n';
	return n;
}

/* Everything but [start, end), with middle in its place. */
static void splice(
    struct span text, size_t start, size_t end, struct span middle, struct buf *out)
{
	buf_add_span(out, span_head(text, start));
	buf_add_span(out, middle);
	buf_add_span(out, span_from(text, end));
}

/* ---- words and braces ---- */

/* Over separators and, at the start of a line, comments. at 0 is not the start of a line: a value
 * begins behind '='. */
static size_t skip(struct span s, size_t at, bool (*between)(char))
{
	for (;;) {
		while (at < s.n && between(s.p[at]))
			at++;
		if (at == s.n || s.p[at] != '#')
			return at;
		for (size_t back = at; back > 0; back--) {
			if (s.p[back - 1] == '\n')
				break;
			if (!blank(s.p[back - 1]))
				return at;
			if (back == 1)
				return at;
		}
		if (at == 0)
			return at;
		at = line_end(s, at);
	}
}

/* Behind the word or the braced text at. */
static size_t word_end(struct span s, size_t at, bool (*between)(char))
{
	unsigned depth = 0;

	for (; at < s.n; at++) {
		if (s.p[at] == '{')
			depth++;
		else if (s.p[at] == '}' && depth > 0)
			depth--;
		else if (depth == 0 && between(s.p[at]))
			break;
	}
	return at;
}

/* ---- lists ---- */

bool postconf_element(struct span value, size_t *offset_io, struct span *element_r)
{
	size_t start = skip(value, *offset_io, separator);
	size_t end = word_end(value, start, separator);

	*element_r = span_make(value.p + start, end - start);
	*offset_io = end;
	return end > start;
}

struct span postconf_inside(struct span element)
{
	element = span_trim(element);
	if (element.n >= 2 && element.p[0] == '{' && element.p[element.n - 1] == '}')
		return span_trim(span_make(element.p + 1, element.n - 2));
	return element;
}

void postconf_list_prepend(struct span value, struct span element, struct buf *out)
{
	size_t offset = 0, at;
	struct span first;

	if (!postconf_element(value, &offset, &first)) {
		buf_add_span(out, element);
		return;
	}
	at = (size_t)(first.p - value.p);
	buf_add_span(out, span_head(value, at));
	buf_add_span(out, element);
	buf_add_cstr(out, ", ");
	buf_add_span(out, span_from(value, at));
}

void postconf_list_append(struct span value, struct span element, struct buf *out)
{
	size_t offset = 0, end = 0;
	struct span each, between;
	bool comma = false;

	while (postconf_element(value, &offset, &each))
		end = offset;
	if (end == 0) {
		buf_add_span(out, element);
		return;
	}
	between = span_from(value, end);
	for (size_t i = 0; i < between.n && !blank(between.p[i]); i++)
		comma = comma || between.p[i] == ',';
	buf_add_span(out, span_head(value, end));
	buf_add_cstr(out, ", ");
	buf_add_span(out, element);
	buf_add_span(out, comma ? span_from(between, 1) : between);
}

void postconf_list_remove(
    struct span value, struct span first, struct span last, struct buf *out)
{
	size_t start = (size_t)(first.p - value.p);
	size_t end = (size_t)(last.p - value.p) + last.n;
	size_t next = end;

	/* The separator behind goes with it; at the end of the list the one before. */
	while (next < value.n && value.p[next] == ' ')
		next++;
	if (next < value.n && value.p[next] == ',')
		next++;
	while (next < value.n && (value.p[next] == ' ' || value.p[next] == '\t'))
		next++;
	if (skip(value, next, separator) == value.n && start > 0) {
		while (start > 0 && separator(value.p[start - 1]))
			start--;
		next = end;
	}
	splice(value, start, next, SPAN(""), out);
}

void postconf_flatten(struct span value, struct buf *out)
{
	size_t at = 0;

	for (bool first = true; (at = skip(value, at, blank)) < value.n; first = false) {
		size_t end = at;

		while (end < value.n && value.p[end] != '\n')
			end++;
		if (!first)
			buf_add_char(out, ' ');
		buf_add_span(out, span_trim(span_make(value.p + at, end - at)));
		at = end;
	}
}

/* ---- main.cf ---- */

/* Splits "name = value" in a logical line; false for what is no parameter. */
static bool split_parameter(
    struct span text, const struct logical *l, struct postconf_parameter *p_r)
{
	struct span line = span_make(text.p + l->start, l->end - l->start);
	size_t equals = span_find(line, '=', 0), at;

	if (equals == line.n)
		return false;
	p_r->name = span_trim(span_head(line, equals));
	at = skip(line, equals + 1, blank);
	/* An empty value stands right behind the '=' or the blank there. */
	if (at == line.n)
		at = equals + 1 < line.n && line.p[equals + 1] == ' ' ? equals + 2 : equals + 1;
	p_r->value = span_from(line, at);
	while (p_r->value.n > 0 && blank(p_r->value.p[p_r->value.n - 1]))
		p_r->value.n--;
	p_r->start = l->start;
	p_r->end = l->end;
	return true;
}

bool postconf_find(struct span text, struct span name, struct postconf_parameter *p_r)
{
	struct postconf_parameter p;
	struct logical l;
	size_t offset = 0;
	bool found = false;

	while (next_logical(text, &offset, &l)) {
		if (!split_parameter(text, &l, &p) || !span_eq(p.name, name))
			continue;
		*p_r = p;
		found = true;
	}
	if (found)
		p_r->line = line_number(text, p_r->start);
	return found;
}

void postconf_set(struct span text, struct span name, struct span value, struct buf *out)
{
	struct postconf_parameter p;

	if (postconf_find(text, name, &p)) {
		size_t start = (size_t)(p.value.p - text.p);

		splice(text, start, start + p.value.n, value, out);
		return;
	}
	buf_add_span(out, text);
	if (text.n > 0 && text.p[text.n - 1] != '\n')
		buf_add_char(out, '\n');
	buf_printf(out, "%.*s = %.*s\n", SPAN_ARG(name), SPAN_ARG(value));
}

void postconf_remove(struct span text, struct span name, struct buf *out)
{
	struct postconf_parameter p;

	if (postconf_find(text, name, &p))
		splice(text, p.start, p.end, SPAN(""), out);
	else
		buf_add_span(out, text);
}

/* ---- master.cf ---- */

/* The next argument of a service: *at_io moves behind it. */
static bool next_argument(struct span text, size_t end, size_t *at_io, struct span *word_r)
{
	struct span part = span_head(text, end);
	size_t start = skip(part, *at_io, blank);

	*at_io = word_end(part, start, blank);
	*word_r = span_make(text.p + start, *at_io - start);
	return *at_io > start;
}

bool master_next(struct span text, size_t *offset_io, struct master_service *service_r)
{
	struct logical l;

	while (next_logical(text, offset_io, &l)) {
		struct span fields[8];
		size_t at = l.start, n = 0;

		while (n < 8 && next_argument(text, l.end, &at, &fields[n]))
			n++;
		if (n < 8)
			continue;
		*service_r = (struct master_service){
			.name = fields[0],
			.type = fields[1],
			.chroot = fields[4],
			.command = fields[7],
			.start = l.start,
			.end = l.end,
			.arguments = at,
			.line = line_number(text, l.start),
		};
		return true;
	}
	return false;
}

bool master_find(
    struct span text, struct span name, struct span type, struct master_service *service_r)
{
	size_t offset = 0;

	while (master_next(text, &offset, service_r))
		if (span_eq(service_r->name, name) && span_eq(service_r->type, type))
			return true;
	return false;
}

/* The option at, which may be any argument; false at the end of the arguments. *is_option_r when
 * it is a "-o" with a name and a value. */
static bool next_option(struct span text, const struct master_service *service, size_t *at_io,
    struct master_option *option_r, bool *is_option_r)
{
	struct span word, setting;
	size_t equals;

	*is_option_r = false;
	if (!next_argument(text, service->end, at_io, &word))
		return false;
	option_r->start = (size_t)(word.p - text.p);
	if (word.n < 2 || word.p[0] != '-' || word.p[1] != 'o')
		return true;
	setting = span_from(word, 2);
	if (setting.n == 0 && !next_argument(text, service->end, at_io, &setting))
		return true;
	option_r->end = *at_io;
	setting = postconf_inside(setting);
	equals = span_find(setting, '=', 0);
	if (equals == setting.n)
		return true;
	option_r->name = span_trim(span_head(setting, equals));
	option_r->value = span_trim(span_from(setting, equals + 1));
	*is_option_r = true;
	return true;
}

bool master_find_option(struct span text, const struct master_service *service,
    struct span name, struct master_option *option_r)
{
	size_t at = service->arguments;
	struct master_option o;
	bool found = false, is_option;

	while (next_option(text, service, &at, &o, &is_option)) {
		if (!is_option || !span_eq(o.name, name))
			continue;
		*option_r = o;
		found = true;
	}
	return found;
}

static void put_option(struct buf *out, struct span name, struct span value)
{
	bool braces = false;

	for (size_t i = 0; i < value.n; i++)
		braces = braces || blank(value.p[i]);
	buf_printf(out, braces ? "-o { %.*s = %.*s }" : "-o %.*s=%.*s", SPAN_ARG(name),
	    SPAN_ARG(value));
}

void master_set_option(struct span text, const struct master_service *service, struct span name,
    struct span value, struct buf *out)
{
	struct buf option = BUF_INIT(65536);
	struct master_option o;
	size_t end = service->end;

	if (master_find_option(text, service, name, &o)) {
		put_option(&option, name, value);
		splice(text, o.start, o.end, buf_span(&option), out);
	} else {
		bool newline = end > 0 && text.p[end - 1] == '\n';

		buf_add_cstr(&option, newline ? "  " : "\n  ");
		put_option(&option, name, value);
		buf_add_cstr(&option, newline ? "\n" : "");
		splice(text, end, end, buf_span(&option), out);
	}
	if (!buf_ok(&option))
		out->failed = true;
	buf_free(&option);
}

void master_remove_option(
    struct span text, const struct master_service *service, struct span name, struct buf *out)
{
	struct master_option o;
	size_t start, end, begin, rest;

	if (!master_find_option(text, service, name, &o)) {
		buf_add_span(out, text);
		return;
	}
	begin = o.start;
	while (begin > 0 && (text.p[begin - 1] == ' ' || text.p[begin - 1] == '\t'))
		begin--;
	rest = o.end;
	while (rest < text.n && blank(text.p[rest]) && text.p[rest] != '\n')
		rest++;
	/* Alone on its line: the line goes. First of its line: the indentation stays. */
	start = begin;
	end = o.end;
	if (begin > 0 && text.p[begin - 1] == '\n') {
		bool alone = rest == text.n || text.p[rest] == '\n';

		start = alone ? begin : o.start;
		end = alone ? line_end(text, rest) : rest;
	}
	splice(text, start, end, SPAN(""), out);
}
