/* feedback.h - what became of mail: the mail log is read by a thread of its own, batch by batch,
 * and each batch becomes events, counters and suppressions in the loop. A batch's events are on
 * the disk first, then its suppressions are in force, then its counters and the position behind it
 * are committed together: after a crash a batch is done again, and no line is lost or counted
 * twice.
 *
 * All functions belong to the loop's thread. */
#ifndef FEEDBACK_H
#define FEEDBACK_H

#include "alerts.h"
#include "brakes.h"
#include "counts.h"
#include "events.h"
#include "settings.h"
#include "store.h"
#include "suppress.h"

struct feedback;

/* Loads what an earlier run left. Nothing is read before feedback_reload. A sentence in error on
 * failure. The others must outlive it. */
enum err feedback_open(struct store *store, struct suppress_list *suppress,
    struct events *events, struct brakes *brakes, struct alerts *alerts, struct feedback **f_r,
    char *error, size_t size) CHECKED;
/* Ends the reading, before the store's and the event log's end. A batch under way may not be
 * committed; it is done again at the next start. NULL is fine. */
void feedback_stop(struct feedback *f);
void feedback_close(struct feedback **f); /* after the store's end; NULL is fine */

/* Reads on with this configuration. Files that cannot be read are said in the log, and reading the
 * mail log waits until a reload brings them. */
void feedback_reload(struct feedback *f, const struct snapshot *snapshot);

/* Becomes readable when feedback_complete has work. */
int feedback_wake_fd(const struct feedback *f);
void feedback_complete(struct feedback *f);

/* Counts something that no log line tells: a complaint, an unsubscription, a click. Kept until the
 * next commit, at most a second. */
void feedback_count(
    struct feedback *f, const struct count_subject *subject, int64_t time_s, enum count what);
/* Once a second: commits what feedback_count left. */
void feedback_tick(struct feedback *f, int64_t now_s);

struct feedback_statistics {
	uint64_t lines, deliveries, foreign, unreadable, truncations, suppressed;
	uint64_t tracked;
	int64_t newest_s; /* time of the newest line; 0: none yet */
	bool configured,
	    healthy; /* healthy: the log could be read, and the last commit worked */
};
void feedback_statistics(struct feedback *f, struct feedback_statistics *statistics_r);

#endif
