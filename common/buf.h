/* buf.h - bytes that grow, up to a cap. A failed append marks the buffer; later appends do
 * nothing, so a writer checks once, at the end (buf_ok). Not thread safe; one owner. */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>

#include "base.h"
#include "span.h"

struct buf {
	char *p;     /* owned; not NUL-terminated unless buf_cstr was called */
	size_t n;    /* octets in use */
	size_t size; /* octets allocated */
	size_t max;  /* cap */
	bool failed;
};

#define BUF_INIT(cap)                                                                          \
	{                                                                                      \
		.max = (cap)                                                                   \
	}

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);  /* also of a zeroed one; leaves it empty and usable */
void buf_reset(struct buf *b); /* keeps the memory, forgets contents and failure */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_span(struct buf *b, struct span s);
void buf_add_cstr(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list ap) PRINTF_LIKE(2, 0);

/* Room for n more octets, to be filled at b->p + b->n by the caller. False when over the cap. */
bool buf_reserve(struct buf *b, size_t n);

/* Drops the first n octets (what a reader has consumed). */
void buf_consume(struct buf *b, size_t n);

static inline bool buf_ok(const struct buf *b)
{
	return !b->failed;
}

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){ b->p != NULL ? b->p : "", b->n };
}

/* Contents with a NUL behind; "" when empty or out of memory. Valid until the next change. */
const char *buf_cstr(struct buf *b);

#endif
