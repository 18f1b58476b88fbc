/* rate - bucket arithmetic. Knows no clock, no storage and no tenants; every product and sum that
 * could pass 64 bits is made in 128. */
#include "rate.h"

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

bool rate_limit_make(
    uint64_t units, int64_t period_ns, uint64_t burst, struct rate_limit *limit_r)
{
	uint64_t emission;
	wide span_ns;

	if (units == 0 || period_ns <= 0)
		return false;
	if (burst == 0)
		burst = units;
	/* Up, not down: a shorter interval would let more through than the limit says. */
	emission = (uint64_t)period_ns / units + ((uint64_t)period_ns % units != 0);
	span_ns = (wide)burst * emission;
	/* Half of the range is left for the clock that this is added to (until the year 2116). */
	if (span_ns > INT64_MAX / 2)
		return false;
	limit_r->emission_ns = (int64_t)emission;
	limit_r->burst = burst;
	return true;
}

/* How far tat lies ahead of now: 0 (nothing spent) .. burst * emission (all spent). */
static wide rate_ahead_ns(struct rate_limit limit, struct rate_state state, int64_t now_ns)
{
	wide ahead = (wide)state.tat_ns - now_ns;
	wide full = (wide)limit.burst * limit.emission_ns;

	if (state.tat_ns == 0 || ahead < 0)
		return 0;
	return ahead < full ? ahead : full;
}

struct rate_answer rate_charge(
    struct rate_limit limit, struct rate_state state, uint64_t amount, int64_t now_ns)
{
	struct rate_answer answer = { .after = state };
	wide full = (wide)limit.burst * limit.emission_ns;
	wide ahead = rate_ahead_ns(limit, state, now_ns);
	wide cost, tat, wait;

	/* A cut has to be kept, or the state would stay in the far future for ever. */
	if (state.tat_ns != 0 && (wide)state.tat_ns - now_ns > full &&
	    now_ns + full <= INT64_MAX)
		answer.after.tat_ns = (int64_t)(now_ns + full);
	if (amount == 0) {
		answer.granted = true;
		return answer;
	}
	answer.retry_ns = INT64_MAX;
	if (amount > limit.burst)
		return answer;
	cost = (wide)amount * limit.emission_ns;
	tat = now_ns + ahead + cost;
	wait = ahead + cost - full;
	if (wait > 0) {
		if (wait < INT64_MAX)
			answer.retry_ns = (int64_t)wait;
		return answer;
	}
	/* Past the end of the clock nothing can be written down, so nothing is granted. */
	if (tat > INT64_MAX)
		return answer;
	answer.granted = true;
	answer.retry_ns = 0;
	answer.after.tat_ns = (int64_t)tat;
	answer.added_ns = (int64_t)cost;
	return answer;
}

uint64_t rate_remaining(struct rate_limit limit, struct rate_state state, int64_t now_ns)
{
	wide ahead = rate_ahead_ns(limit, state, now_ns);
	wide room = (wide)limit.burst * limit.emission_ns - ahead;
	wide clock_left = (wide)INT64_MAX - now_ns - ahead;

	if (room > clock_left)
		room = clock_left;
	if (room <= 0 || limit.emission_ns <= 0)
		return 0;
	return (uint64_t)(room / limit.emission_ns);
}

/* Does the state's count belong to the window that starts at start_s, or to a newer one? */
static bool window_current(struct window_state state, int64_t start_s)
{
	return state.end_s > state.start_s && state.start_s >= start_s;
}

struct window_answer window_charge(uint64_t limit, struct window_state state, uint64_t amount,
    int64_t start_s, int64_t end_s, int64_t now_s)
{
	struct window_answer answer = { .after = state };
	struct window_state in = state;
	int64_t wait;

	if (!window_current(state, start_s))
		in = (struct window_state){ start_s, end_s, 0 };
	else if (state.start_s == start_s)
		in.end_s = end_s;
	if (amount == 0) {
		answer.granted = true;
		return answer;
	}
	if (amount > limit) {
		answer.retry_s = INT64_MAX;
		return answer;
	}
	if (in.used > limit - amount) {
		if (__builtin_sub_overflow(in.end_s, now_s, &wait))
			wait = INT64_MAX;
		answer.retry_s = wait > 0 ? wait : 0;
		return answer;
	}
	in.used += amount;
	answer.granted = true;
	answer.after = in;
	return answer;
}

uint64_t window_used(struct window_state state, int64_t start_s)
{
	return window_current(state, start_s) ? state.used : 0;
}

struct window_state window_refund(
    struct window_state state, int64_t charged_start_s, uint64_t amount)
{
	if (state.start_s != charged_start_s)
		return state;
	state.used -= amount < state.used ? amount : state.used;
	return state;
}

unsigned window_thresholds(uint64_t limit, uint64_t used)
{
	static const unsigned percent[] = { 80, 90, 95, 100 };
	unsigned reached = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(percent); i++)
		if ((uwide)used * 100 >= (uwide)limit * percent[i])
			reached |= 1U << i;
	return reached;
}
