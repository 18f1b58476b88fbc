/* simulate.h - a plan of warm-up against a small mailbox provider of our own making, day by day:
 * what would be admitted, what would become of it, and where the plan would stand. Pure: the same
 * arguments, the same days. What a real provider does it does not foretell. */
#ifndef SIMULATE_H
#define SIMULATE_H

#include "base.h"
#include "warmup.h"

#define SIMULATE_DAYS_MAX 1000u

struct simulate_options {
	const struct warmup_plan *plan;
	const char *place;
	uint64_t volume; /* recipients that want mail each day */
	/* shares of what is sent, in parts of QUANTITY_WHOLE, from a sender in good standing */
	uint32_t hard, delayed, complained;
	unsigned bad_from,
	    bad_days;  /* from that day (1..) on so many days with ten times of it */
	bool calendar; /* the plan goes on each day, whatever happens */
};

struct simulate_day {
	unsigned plan_day;
	uint64_t budget, sent;
	struct warmup_day outcome;
	unsigned standing;       /* of the sender, 0 to 100: what the provider thinks of it */
	enum warmup_state state; /* after the day */
	enum warmup_reason reason;
};

/* The provider trusts who sends evenly: standing grows by 1 a day, falls when a day has more than
 * twice of the week before it, and with bounces and complaints. Below 60 mail is put off, more the
 * lower it is; below 20 it is blocked. */
void simulate(const struct simulate_options *o, unsigned days, struct simulate_day *days_r);

#endif
