/* warmup_day - budgets of a plan, and what a day that is over does to it. Pure. */
#include "quantity.h"
#include "warmup.h"

#define TWICE_DAYS 3 /* going back again so soon pauses */

static const char *const state_words[WARMUP_STATES] = {
	[WARMUP_ACTIVE] = "active",
	[WARMUP_PAUSED] = "paused",
	[WARMUP_COMPLETED] = "completed",
	[WARMUP_STOPPED] = "stopped",
};

static const char *const reason_words[WARMUP_REASONS] = {
	[WARMUP_BEGAN] = "began",
	[WARMUP_ADVANCED] = "advanced",
	[WARMUP_LAST_DAY] = "last-day",
	[WARMUP_UNUSED] = "unused",
	[WARMUP_HELD] = "held",
	[WARMUP_BACK] = "back",
	[WARMUP_BACK_TWICE] = "back-twice",
	[WARMUP_IDLE] = "idle",
	[WARMUP_RESTART] = "restarted",
	[WARMUP_BY_HAND] = "by-hand",
};

const char *warmup_state_text(enum warmup_state s)
{
	return state_words[s];
}

bool warmup_state_of(struct span word, enum warmup_state *state_r)
{
	for (size_t i = 0; i < WARMUP_STATES; i++)
		if (span_eq(word, span_cstr(state_words[i]))) {
			*state_r = (enum warmup_state)i;
			return true;
		}
	return false;
}

const char *warmup_reason_text(enum warmup_reason r)
{
	return reason_words[r];
}

/* ---- budgets ---- */

static unsigned factor_of(const struct warmup_plan *plan, struct span place)
{
	unsigned others = 100;

	for (size_t i = 0; i < plan->factor_count; i++) {
		if (span_eq(span_cstr(plan->factors[i].group), place))
			return plan->factors[i].percent;
		if (strcmp(plan->factors[i].group, "*") == 0)
			others = plan->factors[i].percent;
	}
	return others;
}

uint64_t warmup_day_budget(const struct warmup_plan *plan, unsigned day, struct span place)
{
	uint64_t figure = plan->days[(day < 1                    ? 1
					 : day > plan->day_count ? plan->day_count
								 : day) -
				     1];
	uint64_t budget = (figure * factor_of(plan, place) + 99) / 100;

	if (budget < plan->least)
		budget = plan->least;
	return budget > figure ? figure : budget;
}

uint64_t warmup_hour_budget(const struct warmup_plan *plan, uint64_t day_budget)
{
	return (day_budget * plan->hour_percent + 99) / 100;
}

struct span warmup_place(const struct warmup_plan *plan, struct span provider)
{
	if (!plan->each)
		return SPAN(WARMUP_ALL);
	return provider.n > 0 ? provider : SPAN(WARMUP_OTHERS);
}

unsigned warmup_day_under(const struct warmup_plan *plan, struct span place, uint64_t budget)
{
	unsigned day = plan->day_count;

	while (day > 1 && warmup_day_budget(plan, day, place) > budget)
		day--;
	return day;
}

/* ---- a day is over ---- */

struct warmup_progress warmup_begin(unsigned day, int64_t today)
{
	return (struct warmup_progress){ .day = day < 1 ? 1 : day, .judged = today - 1 };
}

enum finding { FINE, HOLD, BACK };

static enum finding find(
    const struct warmup_plan *plan, const struct warmup_day *d, uint64_t sent)
{
	const struct {
		uint64_t part, whole;
	} shares[WARMUP_SHARES] = {
		[WARMUP_HARD] = { d->hard, sent },
		[WARMUP_DELAYED] = { d->delayed, sent },
		[WARMUP_COMPLAINED] = { d->complained, d->delivered },
	};
	enum finding worst = d->blocked > 0 ? BACK : FINE;

	for (size_t i = 0; i < WARMUP_SHARES; i++) {
		/* Complaints about yesterday's mail may be more than was sent today. */
		uint64_t part = shares[i].part * QUANTITY_WHOLE;
		uint64_t whole = shares[i].whole > 0 ? shares[i].whole : 1;
		enum finding f = FINE;

		if (part == 0 || sent < plan->least_sent)
			continue;
		if (part >= whole * plan->back[i])
			f = shares[i].part >= plan->least_bad ? BACK : HOLD;
		else if (part >= whole * plan->hold[i])
			f = HOLD;
		if (f > worst)
			worst = f;
	}
	return worst;
}

/* Days without mail: a week costs two days of the plan, a month all of them. */
static void judge_idle(struct warmup_progress *p)
{
	p->idle++;
	if (p->idle >= WARMUP_IDLE_DAYS) {
		if (p->day > 1)
			p->reason = WARMUP_RESTART;
		p->day = 1;
	} else if (p->idle % 7 == 0) {
		p->day = p->day > 2 ? p->day - 2 : 1;
		p->reason = WARMUP_IDLE;
	}
}

static void go_back(
    const struct warmup_plan *plan, struct span place, struct warmup_progress *p)
{
	bool again = p->went_back != 0 && p->judged - p->went_back < TWICE_DAYS;

	p->day = warmup_day_under(plan, place, warmup_day_budget(plan, p->day, place) / 2);
	p->went_back = p->judged;
	p->reason = again ? WARMUP_BACK_TWICE : WARMUP_BACK;
	if (again)
		p->state = WARMUP_PAUSED;
}

void warmup_judge(const struct warmup_plan *plan, struct span place, const struct warmup_day *d,
    struct warmup_progress *p)
{
	uint64_t sent = d->delivered + d->bounced, budget;
	enum finding f;

	p->judged++;
	if (p->state != WARMUP_ACTIVE)
		return;
	if (sent == 0 && d->delayed == 0 && d->blocked == 0) {
		judge_idle(p);
		return;
	}
	p->idle = 0;
	f = find(plan, d, sent);
	budget = warmup_day_budget(plan, p->day, place);
	if (f == BACK) {
		go_back(plan, place, p);
	} else if (f == HOLD) {
		p->reason = WARMUP_HELD;
	} else if (sent * 100 < budget * plan->used_percent) {
		p->reason = WARMUP_UNUSED;
	} else if (p->day >= plan->day_count) {
		p->state = WARMUP_COMPLETED;
		p->reason = WARMUP_LAST_DAY;
	} else {
		p->day++;
		p->reason = WARMUP_ADVANCED;
	}
}
