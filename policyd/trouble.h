/* trouble.h - failed messages to one address of one tenant, and when they add up to a suppression.
 * Pure. What adds up is by class (replies.h): an address that does not exist is enough once, a full
 * mailbox only again and again; blocks, policies and faults of the network are no fault of the
 * address, ever. A delivered message wipes the slate. */
#ifndef TROUBLE_H
#define TROUBLE_H

#include "buf.h"
#include "err.h"
#include "replies.h"
#include "span.h"

#define TROUBLE_HITS 8u

struct trouble {
	size_t count;
	struct trouble_hit {
		enum reply_class class;
		int64_t time_s;
	} hits[TROUBLE_HITS]; /* oldest first */
};

struct trouble_rule {
	enum reply_class class;
	unsigned hits;      /* of that class */
	int64_t apart_s;    /* a hit closer to the one before does not count */
	int64_t within_s;   /* older ones are forgotten */
	int64_t suppress_s; /* 0: for ever */
	const char *reason; /* of the suppression */
};

/* The rule for a class; NULL: that class is no fault of the address. */
const struct trouble_rule *trouble_rule(enum reply_class class);

/* A message failed for good. True: suppress it now, as the class's rule says; then it holds
 * nothing. */
bool trouble_add(struct trouble *t, enum reply_class class, int64_t time_s) CHECKED;

/* As octets, and back: ERR_CORRUPT, ERR_VERSION. key: what it is stored under, in the checksum. */
void trouble_put(struct buf *out, struct span key, const struct trouble *t);
enum err trouble_get(struct span key, struct span octets, struct trouble *t_r) CHECKED;

#endif
