/* addr.h - mail addresses of the envelope (RFC 5321 section 4.1.2). Header addresses, with their
 * comments and groups, are milter/mailbox. Pure functions, thread safe. */
#ifndef ADDR_H
#define ADDR_H

#include "base.h"
#include "domain.h"
#include "err.h"
#include "span.h"

#define ADDR_LOCAL_MAX 64  /* octets, RFC 5321 section 4.5.3.1.1 */
#define ADDR_MAX       320 /* local part, '@', domain with NUL */

struct addr {
	struct span local;  /* as written, quotes included; points into the input */
	struct span domain; /* as written; points into the input */
};

/* Splits at the last '@' outside a quoted local part. The input is what Postfix hands over: no
 * angle brackets. ERR_SYNTAX: no '@', empty part, control or 8-bit octet in a place that allows
 * none, text after a quoted local part; ERR_TOOBIG: over the RFC's lengths. */
enum err addr_split(struct span address, struct addr *addr_r) CHECKED;

/* The form that suppression and counters key on: local part exactly as written (but needless
 * quotes removed: "a"@x is a@x), domain canonical. NUL-terminated into out. */
enum err addr_canonical(struct span address, char out[ADDR_MAX]) CHECKED;

#endif
