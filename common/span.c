/* span - comparing and cutting bytes somebody else owns. Allocates nothing. */
#include "span.h"

bool span_eq_nocase(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

size_t span_find(struct span s, char c, size_t from)
{
	const char *hit;

	if (from >= s.n)
		return s.n;
	hit = memchr(s.p + from, c, s.n - from);
	return hit != NULL ? (size_t)(hit - s.p) : s.n;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool span_next(struct span *rest_io, char separator, struct span *piece_r)
{
	size_t end;

	if (rest_io->p == NULL || rest_io->n == 0)
		return false;
	end = span_find(*rest_io, separator, 0);
	*piece_r = span_head(*rest_io, end);
	*rest_io = span_from(*rest_io, end + 1);
	return true;
}

bool span_u64(struct span s, uint64_t *value_r)
{
	uint64_t value = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!ascii_digit(s.p[i]))
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value))
			return false;
	}
	*value_r = value;
	return true;
}

bool span_lower(struct span s, char *out, size_t size)
{
	if (s.n >= size)
		return false;
	for (size_t i = 0; i < s.n; i++)
		out[i] = ascii_lower(s.p[i]);
	out[s.n] = '\0';
	return true;
}

bool span_copy(struct span s, char *out, size_t size)
{
	if (size == 0)
		return false;
	out[0] = '\0';
	if (s.n >= size || (s.n > 0 && memchr(s.p, '\0', s.n) != NULL))
		return false;
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

size_t span_utf8_length(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t length;

	if (s.n == 0 || p[0] < 0x80)
		return s.n > 0;
	length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || s.n < length)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return length;
}

bool span_is_utf8(struct span text)
{
	while (text.n > 0) {
		size_t n = span_utf8_length(text);

		if (n == 0)
			return false;
		text = span_from(text, n);
	}
	return true;
}
