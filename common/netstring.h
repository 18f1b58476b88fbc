/* netstring.h - "LENGTH:OCTETS," frames (D. J. Bernstein, netstrings), which Postfix's
 * socketmap_table(5) speaks. Bytes from outside; the length is capped before anything is waited
 * for. Pure. */
#ifndef NETSTRING_H
#define NETSTRING_H

#include "base.h"
#include "buf.h"
#include "span.h"

enum netstring_result {
	NETSTRING_MORE,       /* no complete frame yet; nothing wrong so far */
	NETSTRING_COMPLETE,   /* *used_r octets are the frame */
	NETSTRING_BAD_LENGTH, /* not decimal digits and a colon, or a needless zero in front */
	NETSTRING_TOO_LONG,
	NETSTRING_NO_COMMA,
};

/* Scans one frame at the start of bytes; payload_r points into them. max: octets of payload. What
 * is neither MORE nor COMPLETE is final: log and hang up. */
enum netstring_result netstring_scan(
    struct span bytes, size_t max, struct span *payload_r, size_t *used_r) CHECKED;

/* What a result means, for the log. */
const char *netstring_result_text(enum netstring_result r);

void netstring_put(struct buf *b, struct span payload);

#endif
