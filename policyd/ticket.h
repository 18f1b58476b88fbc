/* ticket.h - a request that is waiting for its answer, without saying how it came. Exactly one of
 * answer and hang_up is called, once, by whoever handles the request; at once or later. */
#ifndef TICKET_H
#define TICKET_H

#include <sys/types.h>

#include "base.h"
#include "span.h"

struct ticket {
	void (*answer)(struct ticket *t, struct span reply);
	/* No reply, a line in the log, disconnect: what the policy protocol asks for in trouble. */
	void (*hang_up)(struct ticket *t, const char *why);
	uid_t peer_uid; /* control socket only */
};

#endif
