/* warmup.h - how much a sender without a history may send: plans with a figure for each day, from a
 * data file (etc/warmup.conf), and what becomes of the plan when a day is over. A day is judged by
 * what became of its mail, never by the calendar alone. Pure but for reading the file.
 *
 *   [address]
 *   budget     = provider          one for each mailbox provider; or "all": one for all mail
 *   days       = 50 70 100         recipients a day; a figure for each day, may stand repeatedly
 *   factors    = google:100 *:20   percent of the figure for a provider; "*": for all others
 *   least      = 20                but never less than that, nor more than the figure
 *   hour       = 10                percent of a day's budget that may leave in an hour
 *   used       = 50                percent of a day's budget that must have been used to go on
 *   hard       = 2 5               percent that hold the plan, percent that take it back: of
 *   delayed    = 10 25             addresses that are not there, of delays at the first attempt,
 *   complained = 0.1 0.3           of complaints
 *   least_sent = 20                messages a day below which these say nothing
 *   least_bad  = 2                 and how many of a kind take it back, at least
 *   source     = where it comes from */
#ifndef WARMUP_H
#define WARMUP_H

#include "base.h"
#include "err.h"
#include "span.h"

#define WARMUP_OCTETS      (256u * 1024)
#define WARMUP_PLANS_MAX   100u
#define WARMUP_DAYS_MAX    400u
#define WARMUP_FACTORS_MAX 64u
#define WARMUP_DAY_MOST    1000000000u /* recipients */
#define WARMUP_IDLE_DAYS   30u         /* without mail: it begins anew */
#define WARMUP_OTHERS      "other"     /* the place of recipients of no provider that we know */
#define WARMUP_ALL         "all"       /* the one place of a plan with one budget */

enum warmup_share { WARMUP_HARD, WARMUP_DELAYED, WARMUP_COMPLAINED, WARMUP_SHARES };

struct warmup_factor {
	const char *group; /* "*": all others */
	unsigned percent;
};

struct warmup_plan {
	const char *id, *source;
	bool each; /* a budget for each provider */
	uint32_t *days;
	unsigned day_count;
	struct warmup_factor *factors;
	size_t factor_count;
	uint64_t least;
	unsigned hour_percent, used_percent;
	uint32_t hold[WARMUP_SHARES], back[WARMUP_SHARES]; /* of QUANTITY_WHOLE */
	uint64_t least_sent, least_bad;
	unsigned line;
};

struct warmup_plans;

/* A sentence with file and line in error on failure. The result is immutable. */
enum err warmup_parse(struct span text, const char *file, struct warmup_plans **p_r,
    char *error, size_t size) CHECKED;
enum err warmup_read(
    const char *path, struct warmup_plans **p_r, char *error, size_t size) CHECKED;
void warmup_free(struct warmup_plans **p); /* NULL is fine */
size_t warmup_count(const struct warmup_plans *p);
const struct warmup_plan *warmup_at(const struct warmup_plans *p, size_t index);
/* NULL: there is none of that name, or p is NULL. */
const struct warmup_plan *warmup_find(const struct warmup_plans *p, struct span id);

/* Recipients of that day (1 is the first) at that place. */
uint64_t warmup_day_budget(const struct warmup_plan *plan, unsigned day, struct span place);
/* What of a day's budget may leave in an hour; at least 1. */
uint64_t warmup_hour_budget(const struct warmup_plan *plan, uint64_t day_budget);
/* Where mail to a provider (empty: of no group) counts. */
struct span warmup_place(const struct warmup_plan *plan, struct span provider);

/* ---- a day is over ---- */

enum warmup_state {
	WARMUP_ACTIVE,
	WARMUP_PAUSED, /* nothing may leave; by the administrator, or after going back twice */
	WARMUP_COMPLETED, /* no limit any more */
	WARMUP_STOPPED,   /* by the administrator: no limit */
	WARMUP_STATES
};
const char *warmup_state_text(enum warmup_state s); /* "active", ... */
bool warmup_state_of(struct span word, enum warmup_state *state_r);

/* What the last judgement was. */
enum warmup_reason {
	WARMUP_BEGAN,
	WARMUP_ADVANCED,
	WARMUP_LAST_DAY, /* the plan is done */
	WARMUP_UNUSED,   /* too little was sent */
	WARMUP_HELD,     /* a share was too high */
	WARMUP_BACK,     /* one was far too high, or receivers blocked */
	WARMUP_BACK_TWICE,
	WARMUP_IDLE,    /* nothing was sent for weeks: a step back */
	WARMUP_RESTART, /* nothing was sent for a month */
	WARMUP_BY_HAND,
	WARMUP_REASONS
};
const char *warmup_reason_text(enum warmup_reason r); /* "advanced", ... */

struct warmup_progress {
	enum warmup_state state;
	enum warmup_reason reason;
	unsigned day;      /* of the plan, from 1 */
	unsigned idle;     /* days in a row without mail */
	int64_t judged;    /* the last day that was judged, in days since 1970 (UTC) */
	int64_t went_back; /* the last day that took it back; 0: none yet */
};

/* What became of a day's mail. */
struct warmup_day {
	uint64_t delivered, bounced, hard, delayed, blocked, complained;
};

/* A plan that begins at that day of it; today is not judged yet. */
struct warmup_progress warmup_begin(unsigned day, int64_t today);
/* Judges the day after p->judged. Only what is active moves. */
void warmup_judge(const struct warmup_plan *plan, struct span place, const struct warmup_day *d,
    struct warmup_progress *p_io);
/* The day whose budget is the largest that is not over that. */
unsigned warmup_day_under(const struct warmup_plan *plan, struct span place, uint64_t budget);

#endif
