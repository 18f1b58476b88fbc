/* json.h - writes JSON (RFC 8259): strings escaped, numbers only when they are ones, commas and
 * indentation by itself. Pure. */
#ifndef JSON_H
#define JSON_H

#include "base.h"
#include "buf.h"
#include "span.h"

#define JSON_DEPTH_MAX 16

struct json {
	struct buf *out;
	unsigned depth;
	bool filled[JSON_DEPTH_MAX]; /* something stands at this level */
	bool after_key;
	bool flat; /* one line: no line breaks, no indentation */
};

#define JSON_INIT(buffer)                                                                      \
	{                                                                                      \
		.out = (buffer)                                                                \
	}

/* open is '{' or '['; close the matching one. Nesting over JSON_DEPTH_MAX marks out failed. */
void json_open(struct json *j, char open);
void json_close(struct json *j, char close);
void json_key(struct json *j, struct span name);
/* Octets that are not UTF-8 become U+FFFD, so the document is always valid. */
void json_string(struct json *j, struct span text);
/* Text that is a JSON number goes in as it is; the empty span as null; else as a string. */
void json_number(struct json *j, struct span text);
void json_bool(struct json *j, bool value);
/* The newline behind a finished document. */
void json_end(struct json *j);

#endif
