/* mime_field.h - the values of Content-Type, Content-Disposition and Content-Transfer-Encoding
 * (RFC 2045, 2183, 2231): folded, with comments, quoted, parameters in pieces. For mime.c. Pure. */
#ifndef MIME_FIELD_H
#define MIME_FIELD_H

#include "arena.h"
#include "base.h"
#include "mime.h"
#include "span.h"

struct mime_type {
	struct span type;     /* "text/html", lower case; in the arena */
	struct span charset;  /* lower case; empty when none */
	struct span boundary; /* p == NULL when none */
	bool flowed, delsp;
	/* Octets of the value: the charset's value with its quotes; both 0: none, or in pieces. */
	size_t charset_start, charset_end;
};

/* MIME_EDITABLE, or why this is not to be trusted: MIME_BAD_PARAMETER, MIME_HEADERS_TOO_BIG (too
 * many parameters), MIME_OVER_MEMORY. */
enum mime_skip mime_read_type(struct arena *arena, struct span value, struct mime_type *type_r);

/* MIME_EDITABLE, MIME_ATTACHMENT, MIME_BAD_PARAMETER. */
enum mime_skip mime_read_disposition(struct span value);

/* MIME_EDITABLE or MIME_UNKNOWN_ENCODING. */
enum mime_skip mime_read_encoding(
    struct span value, enum mime_encoding *encoding_r, bool *eight_bit_r);

#endif
