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

/* Octets of the character at s.p[at] of well-formed UTF-8 (Unicode, table 3-7), or 0. */
static size_t utf8_length(struct span s, size_t at)
{
	static const struct {
		unsigned char first, last, low, high; /* lead octets; bounds of the second */
		size_t n;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const unsigned char *u = (const unsigned char *)s.p + at;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (u[0] < forms[i].first || u[0] > forms[i].last)
			continue;
		if (forms[i].n > s.n - at ||
		    (forms[i].n > 1 && (u[1] < forms[i].low || u[1] > forms[i].high)))
			return 0;
		for (size_t k = 2; k < forms[i].n; k++)
			if ((u[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].n;
	}
	return 0;
}

bool span_is_utf8(struct span text)
{
	for (size_t at = 0, n; at < text.n; at += n) {
		n = utf8_length(text, at);
		if (n == 0)
			return false;
	}
	return true;
}
