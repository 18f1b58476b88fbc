/* ramps.h - who is warming up: a source or a sending domain, for each mailbox provider or for all
 * mail, how far it has come in its plan (warmup.h), and the charges that a recipient asks of it.
 * Progress is stored; budgets are buckets like any other. One thread, the loop's.
 *
 * What begins to warm up is said by the configuration (a plan named by a source, or by a stream for
 * its domains) or by the administrator, whose word counts more. A plan that is not there lets
 * nothing leave: a sender without a history must not send without a limit because of a misprint. */
#ifndef RAMPS_H
#define RAMPS_H

#include "admission.h"
#include "counts.h"
#include "store.h"
#include "warmup.h"

#define RAMP_NAME_MAX    256u /* of a source or domain */
#define RAMP_JUDGE_S     600  /* so long after midnight (UTC) the day before is judged */
#define RAMP_CATCH_UP    40   /* days at most that are judged after a long absence */
#define RAMP_CHARGES_MAX 2u   /* a day's and an hour's */

struct ramp {
	enum count_scope scope;   /* COUNT_SOURCE or COUNT_DOMAIN: whose outcomes count */
	const char *name, *place; /* place "": what is said of all places */
	const char *plan;         /* its name */
	bool
	    chosen; /* the plan is the administrator's word; else it follows the configuration */
	struct warmup_progress progress;
	int64_t since_s; /* when this plan began */
};

struct ramps;

enum err ramps_open(struct store *store, struct ramps **r_r) CHECKED;
void ramps_close(struct ramps **r); /* after the store's end; NULL is fine */
/* Other plans; r owns them from now on. NULL: those that there are stay. */
void ramps_use(struct ramps *r, struct warmup_plans *plans);
const struct warmup_plans *ramps_plans(const struct ramps *r);

/* ---- asking ---- */

/* Is anything said of such? Without, and without a plan of the configuration, nothing is asked. */
bool ramps_any(const struct ramps *r, enum count_scope scope);

struct ramp_question {
	enum count_scope scope;
	struct span name;
	const char *plan;     /* that the configuration names; NULL: none */
	struct span provider; /* of the recipient; empty: of none that we know */
	uint64_t amount;      /* recipients */
	int64_t now_ns;
};

/* Charges, 0 when nothing limits it. A ramp that is paused, or without its plan, has a charge
 * with a limit of 0. begin: it begins today if it has not begun; else buckets may be
 * BUCKET_NONE, and nothing changes. */
size_t ramps_charges(struct ramps *r, const struct ramp_question *q, bool begin,
    struct charge out[RAMP_CHARGES_MAX]);

/* Whose bucket that is; false: not one of ours. */
struct ramp_figures {
	const struct ramp *ramp;
	unsigned day, days;
	uint64_t day_budget, day_used; /* recipients; budget 0 while it is paused */
	bool limited;                  /* by a budget */
};
bool ramps_of_bucket(
    struct ramps *r, uint32_t bucket, int64_t now_ns, struct ramp_figures *figures_r);

/* ---- the administrator ---- */

/* All, in the order in which they began; also what is said of all places. */
typedef void ramps_visit(void *context, const struct ramp_figures *figures);
void ramps_each(struct ramps *r, int64_t now_ns, ramps_visit *visit, void *context);

enum ramp_action { RAMP_START, RAMP_PAUSE, RAMP_RESUME, RAMP_ADJUST, RAMP_STOP, RAMP_ACTIONS };
bool ramp_action_of(struct span word, enum ramp_action *action_r); /* "start", ... */

struct ramp_change {
	enum ramp_action action;
	enum count_scope scope;
	struct span name, place; /* place empty: all of them, and those to come */
	struct span plan; /* START: the administrator's choice; empty: the configuration's */
	struct span configured; /* the plan that the configuration names; empty: none */
	unsigned day;           /* START, ADJUST, RESUME: 0: as it is (START: 1) */
	bool week;              /* RESUME: back to the first day of its week */
	int64_t now_s;
};
/* How many changed; a sentence in error when none did. done(context, e) once the last of
 * them is stored; not called after a failure. */
typedef void ramps_done(void *context, enum err e);
enum err ramps_change(struct ramps *r, const struct ramp_change *c, ramps_done *done,
    void *context, size_t *count_r, char *error, size_t size) CHECKED;

/* ---- days ---- */

/* Once a second: judges days that are over, by what is counted of them. judged tells of each
 * plan that did not just stay where it was. */
typedef void ramps_judged(void *context, const struct ramp *ramp, unsigned day_before);
void ramps_tick(struct ramps *r, int64_t now_s, ramps_judged *judged, void *context);

#endif
