/* routes.h - the socketmap server that Postfix's trivial-rewrite asks for every recipient at every
 * attempt. A slow answer holds up the whole queue manager, so it has a thread of its own, which
 * waits for no disk, and no lock that is held for longer than a swap of pointers. */
#ifndef ROUTES_H
#define ROUTES_H

#include "err.h"
#include "routing.h"

#define ROUTES_CONNECTIONS 512u /* trivial-rewrite's processes: at most 100 an instance */

struct routes;

struct routes_counters {
	uint64_t lookups, found;
	uint64_t refused; /* connections over the bound, and peers hung up on */
};

/* Takes fd (listening, non-blocking) and, on success, what routing holds. */
enum err routes_start(int fd, struct routing *routing, struct routes **r_r) CHECKED;
/* Answers from *routing_io from now on; gives back what was used before, for the caller to free:
 * freeing a snapshot takes time. */
void routes_swap(struct routes *r, struct routing *routing_io);
void routes_counters(struct routes *r, struct routes_counters *counters_r);
/* Ends the thread and frees all. NULL is fine. */
void routes_stop(struct routes **r);

#endif
