/* span.h - bytes somebody else owns: pointer and length. Bytes from outside are spans, never C
 * strings. A span never owns; it is valid as long as what it points into. All functions are
 * pure. */
#ifndef SPAN_H
#define SPAN_H

#include <string.h>

#include "base.h"

struct span {
	const char *p;
	size_t n; /* octets */
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){ (literal), sizeof(literal) - 1 })
/* For printf's "%.*s". */
#define SPAN_ARG(s) (int)(s).n, (s).p

static inline struct span span_make(const char *p, size_t n)
{
	return (struct span){ p, n };
}

/* NULL gives the empty span. */
static inline struct span span_cstr(const char *s)
{
	return (struct span){ s != NULL ? s : "", s != NULL ? strlen(s) : 0 };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_starts(struct span s, struct span prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* The part from offset on; an offset past the end gives the empty span at the end. */
static inline struct span span_from(struct span s, size_t offset)
{
	if (offset > s.n)
		offset = s.n;
	return (struct span){ s.p + offset, s.n - offset };
}

static inline struct span span_head(struct span s, size_t n)
{
	return (struct span){ s.p, n < s.n ? n : s.n };
}

/* ASCII letters only; other octets compare as they are. */
bool span_eq_nocase(struct span a, struct span b);

static inline bool span_starts_nocase(struct span s, struct span prefix)
{
	return s.n >= prefix.n && span_eq_nocase((struct span){ s.p, prefix.n }, prefix);
}

/* Index of the first c at or after from, or s.n when there is none. */
size_t span_find(struct span s, char c, size_t from);

/* Without blanks (space, tab, CR, LF) on both ends. */
struct span span_trim(struct span s);

/* Cuts the next piece before separator off *rest_io; false when nothing is left. "a,,b" gives
 * "a", "", "b"; an empty *rest_io gives nothing. */
bool span_next(struct span *rest_io, char separator, struct span *piece_r);

/* Decimal digits only: no sign, no blanks, no overflow. False leaves *value_r alone. */
bool span_u64(struct span s, uint64_t *value_r);

/* Lower-case ASCII copy into out (NUL-terminated). False when it does not fit. */
bool span_lower(struct span s, char *out, size_t size);

/* Octets of the UTF-8 character that the span starts with (RFC 3629: no overlong forms, no
 * surrogates); 0: it starts with none. */
size_t span_utf8_length(struct span s);

/* Copy with NUL. False (and an empty out) when it does not fit or holds a NUL. */
bool span_copy(struct span s, char *out, size_t size);

/* Well-formed UTF-8 (no overlong forms, no surrogates). */
bool span_is_utf8(struct span s);

/* ctype for ASCII, without locale and without sign trouble. */
static inline bool ascii_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

#endif
