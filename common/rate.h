/* rate.h - bucket arithmetic in integers: given a limit, a state, an amount and the time, may it
 * be charged, and what is the state then? Pure: no clock, no storage, no mail. Every limit of the
 * product is one of these two kinds.
 *
 * rate    GCRA (ITU-T I.371, the "virtual scheduling" form). State: the theoretical arrival time.
 *         Over any interval t at most burst + t/emission_ns are granted, t being the sum of all
 *         steps forward: a clock that steps back grants nothing. A state far in the future (the
 *         clock was ahead once) is cut to "fully spent now".
 * window  A count in a calendar window. State: the window and what is used in it. A clock that
 *         steps back stays in the newest window ever seen; it never re-opens a spent one. */
#ifndef RATE_H
#define RATE_H

#include "base.h"

struct rate_limit {
	int64_t emission_ns; /* time one unit takes, rounded up so that the bound holds */
	uint64_t burst;      /* units at once, at least 1 */
};

struct rate_state {
	int64_t tat_ns; /* theoretical arrival time, wall clock; 0 = never used */
};

/* units per period, e.g. 10 per NS_PER_S. Rounds the emission interval up. burst 0 means units.
 * False when units is 0, period_ns is not positive, or burst * emission would pass 146 years. */
bool rate_limit_make(
    uint64_t units, int64_t period_ns, uint64_t burst, struct rate_limit *limit_r);

struct rate_answer {
	bool granted;
	int64_t retry_ns; /* refused: how long from now until the same amount fits; INT64_MAX
				    when it never will (amount over the burst) */
	struct rate_state after; /* granted: the state to keep; refused: the state as it was, or
				    cut to "fully spent now" when it lay too far ahead. Keep
				    that, too: it costs nothing, and retry_ns counts from it */
	int64_t added_ns;        /* granted: what this charge moved tat by, for a roll-back */
};

struct rate_answer rate_charge(
    struct rate_limit limit, struct rate_state state, uint64_t amount, int64_t now_ns);

/* Units that would be granted at once now. */
uint64_t rate_remaining(struct rate_limit limit, struct rate_state state, int64_t now_ns);

struct window_state {
	int64_t start_s,
	    end_s; /* the window that used belongs to; UTC seconds, end exclusive */
	uint64_t used;
};

struct window_answer {
	bool granted;
	int64_t retry_s;           /* refused: seconds from now until the window ends; INT64_MAX
				      when amount is over the limit itself */
	struct window_state after; /* as above */
};

/* start_s and end_s are the calendar window that now_s falls into (zone.h). When the state's
 * window is newer than that, the state's window is used. */
struct window_answer window_charge(uint64_t limit, struct window_state state, uint64_t amount,
    int64_t start_s, int64_t end_s, int64_t now_s);

/* What is used of the window that holds now (0 when the state's window has ended). */
uint64_t window_used(struct window_state state, int64_t start_s);

/* Gives amount back to the window that was charged, or to nobody when the state has moved on to
 * another window. Never below 0. */
struct window_state window_refund(
    struct window_state state, int64_t charged_start_s, uint64_t amount);

/* Which thresholds (80, 90, 95, 100 percent; bits 0..3) used has reached. limit 0 reaches all. */
unsigned window_thresholds(uint64_t limit, uint64_t used);

#endif
