/* netstring - frames of a counted length. Knows no meaning. */
#include "netstring.h"

enum netstring_result netstring_scan(
    struct span bytes, size_t max, struct span *payload_r, size_t *used_r)
{
	size_t length = 0, at = 0;

	*payload_r = SPAN("");
	*used_r = 0;
	for (; at < bytes.n && ascii_digit(bytes.p[at]); at++) {
		if (at > 0 && length == 0)
			return NETSTRING_BAD_LENGTH;
		/* max is far below SIZE_MAX / 10: this cannot wrap. */
		length = length * 10 + (size_t)(bytes.p[at] - '0');
		if (length > max)
			return NETSTRING_TOO_LONG;
	}
	if (at == bytes.n)
		return NETSTRING_MORE;
	if (at == 0 || bytes.p[at] != ':')
		return NETSTRING_BAD_LENGTH;
	at++;
	if (bytes.n - at <= length)
		return NETSTRING_MORE;
	if (bytes.p[at + length] != ',')
		return NETSTRING_NO_COMMA;
	*payload_r = span_make(bytes.p + at, length);
	*used_r = at + length + 1;
	return NETSTRING_COMPLETE;
}

const char *netstring_result_text(enum netstring_result r)
{
	static const char *const words[] = {
		[NETSTRING_MORE] = "incomplete",
		[NETSTRING_COMPLETE] = "complete",
		[NETSTRING_BAD_LENGTH] = "bytes that are no netstring",
		[NETSTRING_TOO_LONG] = "request is too long",
		[NETSTRING_NO_COMMA] = "netstring without its comma",
	};

	return (unsigned)r < ARRAY_SIZE(words) ? words[r] : "unknown";
}

void netstring_put(struct buf *b, struct span payload)
{
	buf_printf(b, "%zu:", payload.n);
	buf_add_span(b, payload);
	buf_add_char(b, ',');
}
