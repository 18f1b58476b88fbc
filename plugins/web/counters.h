/* counters - what penguin-web counts, one row each, and their text for Prometheus (exposition
 * format 0.0.4). Counting is thread safe. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdatomic.h>

#include "attr.h"
#include "buf.h"
#include "span.h"

enum counter {
	COUNTER_REDIRECTS,
	COUNTER_EXPIRED,
	COUNTER_PIXELS,
	COUNTER_PAGES,
	COUNTER_UNSUBSCRIBED_ONE_CLICK,
	COUNTER_UNSUBSCRIBED_PAGE,
	COUNTER_UNSUBSCRIBE_FAILED,
	COUNTER_NOT_FOUND,
	COUNTER_BLOCKED,
	COUNTER_REFUSED,
	COUNTER_CLICKS_HUMAN, /* three of each kind, in the order of enum hit_class */
	COUNTER_CLICKS_MACHINE,
	COUNTER_CLICKS_PROXIED,
	COUNTER_OPENS_HUMAN,
	COUNTER_OPENS_MACHINE,
	COUNTER_OPENS_PROXIED,
	COUNTER_EVENTS_SENT,
	COUNTER_EVENTS_SPOOLED,
	COUNTER_EVENTS_DROPPED,
	COUNTER_CONNECTIONS_REFUSED,
	COUNTER_CONNECTIONS_CUT,
	COUNTER_RELOADS,
	GAUGE_CONNECTIONS,
	GAUGE_SPOOL_OCTETS,
	COUNTER_COUNT
};

struct counters {
	atomic_uint_fast64_t at[COUNTER_COUNT];
};

static inline void count_add(struct counters *c, enum counter which, uint64_t n)
{
	atomic_fetch_add_explicit(&c->at[which], n, memory_order_relaxed);
}

static inline void count_set(struct counters *c, enum counter which, uint64_t n)
{
	atomic_store_explicit(&c->at[which], n, memory_order_relaxed);
}

/* All of ours; HELP and TYPE once for each name. */
void counters_put(struct buf *out, struct counters *c);

/* Those of penguin-policyd (verb "metrics": metric.N=NAME<tab>labels<tab>value<tab>type<tab>help,
 * labels as key="value",...). What is not a metric, or not a number, is left out. Names of the same
 * kind must follow each other, as Prometheus wants; a name that comes again later is left out. */
void counters_put_foreign(struct buf *out, const struct attr_request *answer);

#endif
