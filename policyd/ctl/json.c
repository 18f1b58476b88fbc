/* json - a writer of JSON documents. Knows the format only. */
#include "json.h"

static void before_value(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->depth == 0)
		return;
	if (j->filled[j->depth - 1])
		buf_add_cstr(j->out, j->flat ? ", " : ",");
	j->filled[j->depth - 1] = true;
	if (j->flat)
		return;
	buf_add_char(j->out, '\n');
	for (unsigned i = 0; i < j->depth; i++)
		buf_add_cstr(j->out, "  ");
}

void json_open(struct json *j, char open)
{
	before_value(j);
	if (j->depth == JSON_DEPTH_MAX) {
		j->out->failed = true;
		return;
	}
	buf_add_char(j->out, open);
	j->filled[j->depth++] = false;
}

void json_close(struct json *j, char close)
{
	if (j->depth == 0) {
		j->out->failed = true;
		return;
	}
	if (j->filled[--j->depth] && !j->flat) {
		buf_add_char(j->out, '\n');
		for (unsigned i = 0; i < j->depth; i++)
			buf_add_cstr(j->out, "  ");
	}
	buf_add_char(j->out, close);
}

/* Octets of the well-formed UTF-8 sequence at the start (RFC 3629 section 4), 0 when it is none. */
static size_t utf8_length(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

	if (n == 0 || p[0] > 0xF4 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
	    (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
		return 0;
	return n;
}

static void put_string(struct buf *out, struct span text)
{
	buf_add_char(out, '"');
	while (text.n > 0) {
		unsigned char c = (unsigned char)text.p[0];
		size_t n = utf8_length(text);

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n')
			buf_add_cstr(out, "\\n");
		else if (c == '\t')
			buf_add_cstr(out, "\\t");
		else if (c < 0x20 || c == 0x7F)
			buf_printf(out, "\\u%04x", c);
		else if (n == 0)
			buf_add_cstr(out, "\\ufffd");
		else
			buf_add(out, text.p, n);
		text = span_from(text, n > 0 ? n : 1);
	}
	buf_add_char(out, '"');
}

void json_key(struct json *j, struct span name)
{
	before_value(j);
	put_string(j->out, name);
	buf_add_cstr(j->out, ": ");
	j->after_key = true;
}

void json_string(struct json *j, struct span text)
{
	before_value(j);
	put_string(j->out, text);
}

static size_t digits(struct span s, size_t from)
{
	size_t n = from;

	while (n < s.n && ascii_digit(s.p[n]))
		n++;
	return n - from;
}

/* RFC 8259 section 6, without exponents: we write none. */
static bool is_number(struct span s)
{
	size_t i = s.n > 0 && s.p[0] == '-' ? 1 : 0, n = digits(s, i);

	if (n == 0 || (n > 1 && s.p[i] == '0'))
		return false;
	i += n;
	if (i < s.n && s.p[i] == '.') {
		n = digits(s, ++i);
		if (n == 0)
			return false;
		i += n;
	}
	return i == s.n;
}

void json_number(struct json *j, struct span text)
{
	if (text.n > 0 && !is_number(text)) {
		json_string(j, text);
		return;
	}
	before_value(j);
	if (text.n == 0)
		buf_add_cstr(j->out, "null");
	else
		buf_add_span(j->out, text);
}

void json_bool(struct json *j, bool value)
{
	before_value(j);
	buf_add_cstr(j->out, value ? "true" : "false");
}

void json_end(struct json *j)
{
	buf_add_char(j->out, '\n');
}
