/* choice.h - which member of a pool a message leaves from: the members in the order in which they
 * are to be tried, and for each that cannot be used the reason. A strategy only orders; whether the
 * charges of the first one fit is the store's word. Pure: counts, time and seeds are arguments. */
#ifndef CHOICE_H
#define CHOICE_H

#include "base.h"
#include "settings.h"

enum member_state {
	MEMBER_READY,
	MEMBER_WAITING, /* its gap is not over */
	MEMBER_SPENT,   /* its limit is used up */
	MEMBER_PAUSED,  /* by the administrator */
	MEMBER_OFF,     /* weight 0 */
	MEMBER_STATES
};

#define HEALTH_UNKNOWN 50 /* counts as that much of 100 */

struct member_facts {
	uint32_t id;     /* of the source */
	unsigned weight; /* hundredths */
	unsigned health; /* 0 to 100, or HEALTH_UNKNOWN */
	bool paused;
	uint64_t used_today;
	int64_t last_ns; /* when it was used last; only compared */
	/* The limit that is used most, relative to its size; limit 0: there is none. */
	uint64_t limit, used;
	int64_t limit_wait_s; /* until the amount fits; 0: it does; INT64_MAX: never */
	int64_t gap_wait_s;
};

struct choice {
	size_t member;
	enum member_state state;
	int64_t wait_s; /* WAITING, SPENT */
};

/* The first max members in order into choices_r: those that are ready as the strategy says, then
 * those that will be, the soonest first, then the rest. Returns how many (max, or count).
 *
 * round-robin  fewest recipients today, then longest idle, then as written
 * weighted     drawn by weight x health x part of the limit that is left
 * random       drawn, each as likely as another
 * sticky       drawn by weight, with seed standing for what is to stay together: as long as
 *              members come and go, only what they had or get moves
 *
 * A draw gives each member the key -ln(u)/mass, u from seed and id, and takes the least first
 * (Efraimidis and Spirakis 2006): the same seed, the same order. */
size_t choose(enum pool_strategy strategy, uint64_t seed, const struct member_facts *members,
    size_t count, struct choice *choices_r, size_t max);

/* "ready", "waiting", ... */
const char *member_state_text(enum member_state s);

#endif
