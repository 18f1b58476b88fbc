/* events - clicks and opens on their way to penguin-policyd: collected in memory, sent in batches
 * by one thread, kept in the spool while policyd is away, sent in their order when it is back. What
 * is sent twice is at most the batch under way when one side ended. */
#ifndef EVENTS_H
#define EVENTS_H

#include "counters.h"
#include "err.h"
#include "net.h"
#include "span.h"
#include "spool.h"

#define EVENTS_MEMORY_MAX (4 * 1024 * 1024) /* octets waiting for the thread */
#define EVENTS_BATCH      SPOOL_LINES

struct events;

/* Takes the spool over in every case. */
struct events *events_start(const struct net_address *policyd, int64_t timeout_s,
    struct spool *spool, struct counters *counters);
/* Sends or spools what there is, then ends the thread. */
void events_stop(struct events **e); /* NULL is fine */

/* One line with its newline. Never waits for the disk or policyd; with memory full it is dropped
 * and counted. Thread safe. */
void events_put(struct events *e, struct span line);

#endif
