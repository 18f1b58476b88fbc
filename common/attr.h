/* attr.h - the attribute protocol of Postfix's SMTPD_POLICY_README: lines "name=value", an empty
 * line ends the request. The policy socket and our control socket both speak it. Bytes from
 * outside; every length is capped. Pure (no sockets). */
#ifndef ATTR_H
#define ATTR_H

#include "base.h"
#include "buf.h"
#include "span.h"

#define ATTR_MAX_COUNT 128

struct attr {
	struct span name, value; /* point into the scanned bytes */
};

struct attr_limits {
	size_t line;    /* octets of one line without its newline */
	size_t request; /* octets of a whole request with the empty line */
	size_t count;   /* attributes, at most ATTR_MAX_COUNT */
};

/* Bounds of a policy request: 8 KiB a line, 64 KiB and 128 attributes a request. */
extern const struct attr_limits attr_limits_policy;
/* Bounds of a control request: 8 KiB a line, 1 MiB and 128 attributes a request. */
extern const struct attr_limits attr_limits_control;

struct attr_request {
	struct attr at[ATTR_MAX_COUNT];
	size_t count;
};

enum attr_result {
	ATTR_MORE,     /* no complete request yet; nothing wrong so far */
	ATTR_COMPLETE, /* *used_r octets are the request */
	ATTR_EMPTY,    /* an empty line without attributes before it */
	ATTR_NO_EQUALS,
	ATTR_NO_NAME,
	ATTR_NUL,
	ATTR_LINE_TOO_LONG,
	ATTR_TOO_MANY,
	ATTR_REQUEST_TOO_LONG,
};

/* Scans one request at the start of bytes. A CR before the newline is part of the value and is
 * refused by nobody here; the meaning of values is the caller's. Names given twice stay in the
 * list, attr_get finds the first. Anything but MORE and COMPLETE is final: log and hang up. The
 * caller may call again with more bytes after MORE; bounds are checked on incomplete requests
 * too. */
enum attr_result attr_scan(struct span bytes, const struct attr_limits *limits,
    struct attr_request *request_r, size_t *used_r) CHECKED;

/* What a result means, for the log. */
const char *attr_result_text(enum attr_result r);

/* The first attribute of that name, or the empty span (p NULL when absent). */
struct span attr_get(const struct attr_request *r, struct span name);

/* Appends "name=value\n". A newline or NUL in value would start another attribute: it marks the
 * buffer failed and nothing is appended. */
void attr_put(struct buf *b, const char *name, struct span value);
void attr_put_u64(struct buf *b, const char *name, uint64_t value);
void attr_put_i64(struct buf *b, const char *name, int64_t value);
/* Appends the empty line. */
void attr_end(struct buf *b);

#endif
