/* ramps_inside.h - the table of ramps, and what its files ask of each other. Included by
 * policyd/ramps*.c only.
 *
 *   ramps.c         the table; charges
 *   ramps_admin.c   what the administrator changes and sees
 *   ramps_days.c    days that are over
 *   ramps_record.c  records, and the table at start */
#ifndef RAMPS_INSIDE_H
#define RAMPS_INSIDE_H

#include "ramps.h"
#include "sections.h"
#include "table.h"

#define RAMP_DAY_S   86400
#define RAMP_KEY_MAX (2 * RAMP_NAME_MAX + 4)

struct ramp_entry {
	UT_hash_handle hh;
	struct ramp ramp;
	char plan[SECTION_ID_MAX];
	uint32_t day_bucket, hour_bucket; /* BUCKET_NONE until they are used */
	size_t key_n;
	char key[]; /* scope letter, name, NUL, place, NUL */
};

struct ramp_days; /* a day that is being judged */

struct ramps {
	struct store *store;
	unsigned database, counts_database;
	struct ramp_entry *entries; /* in the order in which they began */
	size_t count[COUNT_SCOPES];
	struct warmup_plans *plans;
	struct ramp_days *days; /* NULL: none is under way; owned */
	int64_t judged;         /* all are judged up to that day; 0: not known */
	enum err load_result;
};

static inline char ramp_letter(enum count_scope scope)
{
	return scope == COUNT_SOURCE ? 'o' : 'd';
}

struct span ramp_key(
    char space[RAMP_KEY_MAX], enum count_scope scope, struct span name, struct span place);
struct ramp_entry *ramp_find(const struct ramps *r, struct span key);
/* NULL: no memory, or the key is none. */
struct ramp_entry *ramp_obtain(struct ramps *r, struct span key);
const struct warmup_plan *ramp_plan(const struct ramps *r, const struct ramp_entry *e);
void ramp_forget(struct ramps *r, struct ramp_entry *e);

/* ---- ramps_record.c ---- */

/* Stored soon, with what else is in the batch. */
struct record_batch *ramp_batch(struct ramps *r); /* NULL: no memory */
void ramp_batch_add(struct record_batch *b, const struct ramp_entry *e);
/* One alone; a failure is said in the log. */
void ramp_store(struct ramps *r, const struct ramp_entry *e);
enum err ramp_load_all(struct ramps *r) CHECKED;

/* ---- ramps_days.c ---- */

void ramp_days_free(struct ramp_days **days);

#endif
