/* attr - name=value lines up to an empty line. Knows no attribute's meaning and no socket. */
#include "attr.h"

const struct attr_limits attr_limits_policy = {
	.line = 8192, .request = 65536, .count = ATTR_MAX_COUNT
};
const struct attr_limits attr_limits_control = {
	.line = 8192, .request = 1048576, .count = ATTR_MAX_COUNT
};

static const char *const words[] = {
	[ATTR_MORE] = "incomplete request",
	[ATTR_COMPLETE] = "complete request",
	[ATTR_EMPTY] = "request without attributes",
	[ATTR_NO_EQUALS] = "line without '='",
	[ATTR_NO_NAME] = "attribute without a name",
	[ATTR_NUL] = "NUL octet",
	[ATTR_LINE_TOO_LONG] = "line too long",
	[ATTR_TOO_MANY] = "too many attributes",
	[ATTR_REQUEST_TOO_LONG] = "request too long",
};

const char *attr_result_text(enum attr_result r)
{
	if ((size_t)r >= ARRAY_SIZE(words) || words[r] == NULL)
		return "unknown result";
	return words[r];
}

static enum attr_result add_line(
    struct span line, const struct attr_limits *limits, struct attr_request *r)
{
	const char *equals = memchr(line.p, '=', line.n);
	size_t name;

	if (equals == NULL)
		return ATTR_NO_EQUALS;
	name = (size_t)(equals - line.p);
	if (name == 0)
		return ATTR_NO_NAME;
	if (r->count >= limits->count || r->count >= ATTR_MAX_COUNT)
		return ATTR_TOO_MANY;
	r->at[r->count].name = span_head(line, name);
	r->at[r->count].value = span_from(line, name + 1);
	r->count++;
	return ATTR_MORE;
}

/* All whole lines at the start of bytes, which end at the request's limit at the latest. *lines_r
 * is the length of those that kept to the limit of a line. */
static enum attr_result scan_lines(struct span bytes, const struct attr_limits *limits,
    struct attr_request *r, size_t *lines_r)
{
	enum attr_result result = ATTR_MORE;
	size_t at = 0;

	while (result == ATTR_MORE && at < bytes.n) {
		const char *start = bytes.p + at;
		const char *newline = memchr(start, '\n', bytes.n - at);
		size_t n = newline != NULL ? (size_t)(newline - start) : bytes.n - at;

		if (n > limits->line)
			result = ATTR_LINE_TOO_LONG;
		else if (newline == NULL)
			break;
		else if (n == 0)
			result = r->count > 0 ? ATTR_COMPLETE : ATTR_EMPTY;
		else
			result = add_line(span_make(start, n), limits, r);
		if (result != ATTR_LINE_TOO_LONG)
			at += n + 1;
	}
	*lines_r = at;
	return result;
}

/* The verdict must not depend on how the bytes were cut into reads. So bytes past the request's
 * limit do not exist here, a line's length counts before its contents (it is known earlier), and
 * a NUL counts as found with the line that holds it. */
enum attr_result attr_scan(struct span bytes, const struct attr_limits *limits,
    struct attr_request *request_r, size_t *used_r)
{
	enum attr_result result;
	size_t lines;

	request_r->count = 0;
	*used_r = 0;
	result = scan_lines(span_head(bytes, limits->request), limits, request_r, &lines);
	if (lines > 0 && memchr(bytes.p, '\0', lines) != NULL)
		return ATTR_NUL;
	if (result == ATTR_MORE && bytes.n >= limits->request)
		return ATTR_REQUEST_TOO_LONG;
	if (result == ATTR_COMPLETE)
		*used_r = lines;
	return result;
}

struct span attr_get(const struct attr_request *r, struct span name)
{
	for (size_t i = 0; i < r->count; i++)
		if (span_eq(r->at[i].name, name))
			return r->at[i].value;
	return span_make(NULL, 0);
}

void attr_put(struct buf *b, const char *name, struct span value)
{
	size_t n = strlen(name);

	if (value.n > 0 && (memchr(value.p, '\n', value.n) != NULL ||
			       memchr(value.p, '\0', value.n) != NULL)) {
		b->failed = true;
		return;
	}
	/* Room for the whole line first, so that no half of one is ever sent. */
	if (value.n > SIZE_MAX - n - 2) {
		b->failed = true;
		return;
	}
	if (!buf_reserve(b, n + value.n + 2))
		return;
	buf_add(b, name, n);
	buf_add_char(b, '=');
	buf_add_span(b, value);
	buf_add_char(b, '\n');
}

void attr_put_u64(struct buf *b, const char *name, uint64_t value)
{
	char text[20];
	size_t at = sizeof text;

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	attr_put(b, name, span_make(text + at, sizeof text - at));
}

void attr_put_i64(struct buf *b, const char *name, int64_t value)
{
	char text[21];
	size_t at = sizeof text;
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do {
		text[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		text[--at] = '-';
	attr_put(b, name, span_make(text + at, sizeof text - at));
}

void attr_end(struct buf *b)
{
	buf_add_char(b, '\n');
}
