/* event_record.h - one event (a click, an open, ...): from penguin-web's words to a struct, and
 * to a line of the event log and back. Pure.
 *
 * Wire: kind, tenant, stream, message, link, recipient, class, reason, time, address, user agent,
 * with a tab between them. A line of the log is the same with a checksum and a tab in front, and a
 * newline behind; nothing in it can be taken for another field or line. */
#ifndef EVENT_RECORD_H
#define EVENT_RECORD_H

#include "base.h"
#include "buf.h"
#include "span.h"

#define EVENT_WORD_MAX    32u  /* octets of kind, class and reason */
#define EVENT_NAME_MAX    63u  /* of tenant and stream */
#define EVENT_ADDRESS_MAX 64u  /* an IP address, or its network with /bits */
#define EVENT_AGENT_MAX   256u /* of a user agent; the rest is cut off */
#define EVENT_LINE_MAX    768u /* of a whole line */
#define EVENT_AHEAD_S     300  /* a clock may be ahead of ours by that much */

struct event {
	struct span kind; /* "click", "open", ...: lower-case letters, digits, '-' */
	struct span tenant, stream;
	uint64_t message, recipient; /* 0: none, aggregate */
	uint16_t link;
	struct span class, reason; /* words, may be empty */
	int64_t time_s;
	struct span address; /* of the client; may be empty */
	struct span agent;   /* may be empty */
};

/* NULL, or what is wrong with an item from the wire. The spans point into it. now_s: a time
 * after it counts as now, one that is far after it is refused. */
const char *event_read(struct span item, int64_t now_s, struct event *event_r);

/* Appends the event's line. */
void event_put(struct buf *out, const struct event *event);

/* Reads a line of the log, without its newline. False: it is damaged. */
bool event_get(struct span line, struct event *event_r);

#endif
