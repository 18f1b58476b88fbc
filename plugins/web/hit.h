/* hit - one click or open as the line that penguin-policyd's event log takes (control_wire.h, verb
 * "event"): fields separated by tabs. What must not be kept is not in it: no address but its first
 * part, and neither address, nor user agent, nor recipient, where nobody is to be known. Pure. */
#ifndef HIT_H
#define HIT_H

#include "buf.h"
#include "classify.h"
#include "span.h"

#define HIT_AGENT_MAX 200 /* octets kept of a user agent */
#define HIT_LINE_MAX  1024

struct hit {
	enum hit_kind kind;
	struct span tenant;
	uint64_t message, recipient;
	uint16_t link;
	struct hit_verdict verdict;
	int64_t time_s;
	uint8_t address[16];
	struct span agent;
	bool anonymous; /* aggregate token or Sec-GPC: 1 */
};

/* Appends the line with a newline. */
void hit_put(struct buf *out, const struct hit *h);

#endif
