/* simulate - days of a made-up provider. Knows no file and no clock. */
#include "simulate.h"
#include "quantity.h"

#define STANDING_FIRST 50
#define STANDING_MOST  100
#define PUT_OFF_BELOW  60
#define BLOCKED_BELOW  20
#define WEEK           7
#define USUAL_LEAST    50 /* so many are no news, whoever sends them */

/* Whole recipients; what is left over waits for the next day, so that small shares of small days
 * come, too. */
static uint64_t share(uint64_t n, uint64_t parts, uint64_t *rest_io)
{
	uint64_t all = n * parts + *rest_io;

	*rest_io = all % QUANTITY_WHOLE;
	return all / QUANTITY_WHOLE;
}

static uint64_t usual(const struct simulate_day *days, unsigned day)
{
	uint64_t most = USUAL_LEAST;

	for (unsigned i = day > WEEK ? day - WEEK : 0; i < day; i++)
		if (days[i].sent > most)
			most = days[i].sent;
	return most;
}

static unsigned next_standing(unsigned standing, const struct simulate_day *d, uint64_t before)
{
	int64_t next = standing, sent = (int64_t)(d->sent > 0 ? d->sent : 1);

	if (d->sent > 2 * before)
		next -= 10 * (int64_t)(d->sent / before - 1);
	else if (d->sent > 0)
		next += 1;
	next -= (int64_t)d->outcome.hard * 100 / sent;        /* a point for each percent */
	next -= (int64_t)d->outcome.complained * 2000 / sent; /* twenty */
	return next < 0 ? 0 : next > STANDING_MOST ? STANDING_MOST : (unsigned)next;
}

void simulate(const struct simulate_options *o, unsigned days, struct simulate_day *days_r)
{
	struct span place = span_cstr(o->place);
	struct warmup_progress p = warmup_begin(1, 1);
	unsigned standing = STANDING_FIRST;
	uint64_t rest[WARMUP_SHARES] = { 0 };

	for (unsigned i = 0; i < days; i++) {
		struct simulate_day *d = &days_r[i];
		bool bad = i + 1 >= o->bad_from && i + 1 < o->bad_from + o->bad_days;
		uint64_t times = bad ? 10 : 1, put_off = o->delayed * times;

		*d = (struct simulate_day){ .plan_day = p.day, .standing = standing };
		if (p.state == WARMUP_ACTIVE)
			d->budget = warmup_day_budget(o->plan, p.day, place);
		else if (p.state == WARMUP_COMPLETED)
			d->budget = o->volume;
		d->sent = d->budget < o->volume ? d->budget : o->volume;
		if (standing < PUT_OFF_BELOW)
			put_off +=
			    (PUT_OFF_BELOW - standing) * (QUANTITY_WHOLE / STANDING_MOST) / 4;
		d->outcome.hard = share(d->sent, o->hard * times, &rest[WARMUP_HARD]);
		d->outcome.bounced = d->outcome.hard;
		d->outcome.delivered = d->sent - d->outcome.bounced;
		d->outcome.delayed = share(d->sent, put_off, &rest[WARMUP_DELAYED]);
		d->outcome.complained = share(
		    d->outcome.delivered, o->complained * times, &rest[WARMUP_COMPLAINED]);
		d->outcome.blocked = d->sent > 0 && standing < BLOCKED_BELOW;
		standing = next_standing(standing, d, usual(days_r, i));
		if (o->calendar && p.state == WARMUP_ACTIVE) {
			p.reason = WARMUP_ADVANCED;
			if (p.day++ >= o->plan->day_count) {
				p.state = WARMUP_COMPLETED;
				p.day = o->plan->day_count;
			}
		} else if (!o->calendar) {
			warmup_judge(o->plan, place, &d->outcome, &p);
		}
		d->state = p.state;
		d->reason = p.reason;
	}
}
