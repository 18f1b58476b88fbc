/* dns_work.h - checks the DNS of many domains: a few domains at a time, their questions all
 * together. */
#ifndef DNS_WORK_H
#define DNS_WORK_H

#include "base.h"
#include "dns.h"
#include "dns_plan.h"
#include "dns_record.h"

#define DNS_WORK_DOMAINS 16 /* at a time */

/* One domain of a run, with its plan and all verdicts in the plan's order, each judged. */
struct dns_work {
	struct dns_plan plan;
	struct verdict *verdicts;
	struct dns_book *book;
};

struct dns_work_calls {
	/* Fills the plan of the index-th domain; what it points to lives in the arena. */
	enum err (*plan)(
	    void *context, size_t index, struct arena *arena, struct dns_plan *plan_r);
	/* Takes the verdicts of a domain, in any order of domains. */
	enum err (*done)(void *context, size_t index, const struct dns_work *work);
	void (*tick)(void *context, size_t done, size_t count);
	void *context;
};

/* Judges count domains. Stops at the first error of a call, or ERR_NOMEM. */
enum err dns_work_run(
    struct dns *dns, size_t count, const struct dns_work_calls *calls) CHECKED;

#endif
