/* react.h - deliveries against the rules of reactions.conf: which of them has come to its count.
 * Holds the replies of each rule's period in memory; a restart forgets them. By one thread. */
#ifndef REACT_H
#define REACT_H

#include "counts.h"
#include "reactions.h"
#include "track.h"

#define REACT_MAX         100000u /* windows at once; then all are forgotten */
#define TRIGGER_NAME_MAX  (2 * TRACK_NAME_MAX + 2)
#define TRIGGER_PLACE_MAX 256u

/* A rule has to act. */
struct trigger {
	const struct reaction *rule;
	char name[TRIGGER_NAME_MAX];   /* of the scope; a stream is TENANT/STREAM */
	char place[TRIGGER_PLACE_MAX]; /* a provider, or a recipient domain of none; "": all */
	char tenant[TRACK_NAME_MAX], stream[TRACK_NAME_MAX]; /* whose mail it was; may be "" */
	int64_t time_s;
};

struct react;

struct react *react_new(void); /* NULL: no memory */
void react_free(struct react **r);
void react_reset(struct react *r); /* other rules */

/* A failed or deferred delivery. Calls act for each rule that has come to its count; its window
 * begins anew. */
typedef void react_act(void *context, const struct trigger *trigger);
void react_delivery(struct react *r, const struct reactions *rules, const struct delivery *d,
    react_act *act, void *context);

/* The sums of a subject's last 24 hours. Pure. */
void react_sums(const struct reactions *rules, const struct count_subject *subject,
    const struct counts *sums, int64_t now_s, react_act *act, void *context);

#endif
