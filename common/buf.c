/* buf - bytes that grow up to a cap. Knows no encoding. */
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf)BUF_INIT(max);
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf)BUF_INIT(b->max);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

bool buf_reserve(struct buf *b, size_t n)
{
	size_t want, size;
	char *p;

	if (b->failed)
		return false;
	if (__builtin_add_overflow(b->n, n, &want) || want > b->max) {
		b->failed = true;
		return false;
	}
	if (want <= b->size)
		return true;
	size = b->size < 256 ? 256 : b->size * 2;
	if (size < want)
		size = want;
	if (size > b->max)
		size = b->max;
	p = realloc(b->p, size);
	if (p == NULL) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->size = size;
	return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || !buf_reserve(b, n))
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void buf_add_span(struct buf *b, struct span s)
{
	buf_add(b, s.p, s.n);
}

void buf_add_cstr(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *format, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	/* vsnprintf writes a NUL behind, so one octet more is reserved than used. */
	if (n < 0)
		b->failed = true;
	else if (buf_reserve(b, (size_t)n + 1)) {
		vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_vprintf(b, format, ap);
	va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
	if (n > b->n)
		n = b->n;
	if (n > 0 && n < b->n)
		memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

const char *buf_cstr(struct buf *b)
{
	if (!buf_reserve(b, 1))
		return "";
	b->p[b->n] = '\0';
	return b->p;
}
