/* brakes.h - what is paused because of what receivers said: a source, a domain, a stream or a
 * tenant, for one mailbox provider (or recipient domain) or for all, until a moment. In force in
 * memory at once; stored, so that a restart keeps it. One thread, the loop's, but for jobs of the
 * store. */
#ifndef BRAKES_H
#define BRAKES_H

#include "react.h"
#include "sections.h"
#include "store.h"

#define BRAKE_RELAPSE_S 86400 /* so long after its end the next one is a relapse */
#define BRAKES_MAX      100000u

struct brake {
	enum brake_scope scope;
	const char *name, *place; /* place "": everywhere */
	const char *rule;         /* of reactions.conf */
	int64_t since_s, until_s;
	unsigned level; /* relapses before it */
};

struct brakes;

enum err brakes_open(struct store *store, struct brakes **b_r) CHECKED;
void brakes_close(struct brakes **b); /* after the store's end; NULL is fine */

/* Puts a trigger's pause in force; it is stored soon. False: there is one, it would be over,
 * it is only told, or there is no memory. */
bool brakes_set(struct brakes *b, const struct trigger *trigger, int64_t now_s);

/* What the alert about such a pause is called. Pure. */
void brake_alert_name(
    struct buf *out, enum brake_scope scope, struct span name, struct span place);

bool brakes_any(const struct brakes *b);
/* Changes whenever one begins, or is ended before its time. */
uint64_t brakes_generation(const struct brakes *b);
/* Those in force, for another thread to look at with brakes_find; brakes_close frees it. NULL:
 * there are none, or no memory. */
struct brakes *brakes_copy(const struct brakes *b, int64_t now_s);
/* The brake that holds now for that subject at that place, or everywhere; NULL: none. */
const struct brake *brakes_find(const struct brakes *b, enum brake_scope scope,
    struct span name, struct span place, int64_t now_s);

/* Ends one now; its next one is no relapse. done(context, error) once that is stored;
 * ERR_NOTFOUND: there is none. */
typedef void brakes_done(void *context, enum err e);
enum err brakes_release(struct brakes *b, enum brake_scope scope, struct span name,
    struct span place, brakes_done *done, void *context) CHECKED;

/* Those in force, in the order in which they began. */
typedef void brakes_visit(void *context, const struct brake *brake);
void brakes_each(const struct brakes *b, int64_t now_s, brakes_visit *visit, void *context);

/* Once a second: calls over for each that ended since the last call, and forgets old ones. */
void brakes_tick(struct brakes *b, int64_t now_s, brakes_visit *over, void *context);

#endif
