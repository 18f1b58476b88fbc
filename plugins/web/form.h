/* form - what the body of a POST to an unsubscribe link asks for: RFC 8058's one-click pair, or one
 * of our own pages' buttons. Both encodings of HTML forms: application/x-www-form-urlencoded (also
 * without a Content-Type) and multipart/form-data (RFC 7578). Bytes from outside. Pure. */
#ifndef FORM_H
#define FORM_H

#include "base.h"
#include "span.h"

#define FORM_BODY_MAX     4096 /* octets */
#define FORM_FIELDS_MAX   128
#define FORM_STREAMS_MAX  64
#define FORM_BOUNDARY_MAX 70 /* octets, RFC 2046 section 5.1.1 */

enum form_act {
	FORM_NONE,      /* nothing that we know: nothing is done */
	FORM_ONE_CLICK, /* List-Unsubscribe=One-Click: the token's stream */
	FORM_STREAM,    /* act=stream: the same by our button */
	FORM_STREAMS,   /* act=streams: each s=NAME */
	FORM_TENANT,    /* act=all: everything of the tenant */
};

struct form {
	enum form_act act;
	struct span streams[FORM_STREAMS_MAX]; /* point into the body */
	size_t stream_count;
};

/* Decodes in place: body changes. False for a body that is malformed or over a bound. The one-click
 * pair decides wherever it stands; of several acts the first. */
bool form_read(struct span content_type, char *body, size_t n, struct form *form_r) CHECKED;

#endif
