/* events.h - the event log: what happened to messages, for reports; never for a decision. Events
 * are taken in memory and written by a thread of its own, which is also the one that reads, so the
 * loop never waits for the disk. A taken event is on the disk within about a second; without room
 * there (or here) events are dropped, counted and said, and mail goes on. All functions belong to
 * the loop's thread. */
#ifndef EVENTS_H
#define EVENTS_H

#include "event_segments.h"

#define EVENTS_QUEUE_OCTETS (8u << 20) /* waiting for the disk: about 50,000 events */

struct events;

/* directory is made (0700) when it is not there; a failure of the disk is no failure here. */
enum err events_open(
    const char *directory, const struct events_limits *limits, struct events **e_r) CHECKED;
/* Writes what is queued, ends the thread; reads under way are not answered. NULL is fine. */
void events_close(struct events **e);

void events_set_limits(struct events *e, const struct events_limits *limits);

/* Copies the event. False: dropped, and counted. */
bool events_add(struct events *e, const struct event *event);

/* Reads rows in the thread, then done(context, ..) in the loop: lines "row", one an event, as
 * event_put makes them; query tells where to go on. */
typedef void events_read_done(void *context, enum err e, struct span lines,
    const struct events_query *query, bool more, uint64_t damaged);
enum err events_read(struct events *e, const struct events_query *query, events_read_done *done,
    void *context) CHECKED;

/* Whole lines, as event_put makes them. False: all are dropped, and counted. */
bool events_add_lines(struct events *e, struct span lines, uint64_t count);
/* done(context) in the loop, once everything that was added before is on the disk, or could not be
 * written. */
typedef void events_sync_done(void *context);
enum err events_sync(struct events *e, events_sync_done *done, void *context) CHECKED;

/* Becomes readable when events_complete has work. */
int events_wake_fd(const struct events *e);
void events_complete(struct events *e);

struct events_statistics {
	uint64_t taken, written, dropped, failures;
	struct segments_usage usage;
	bool healthy; /* the last write worked */
};
void events_statistics(struct events *e, struct events_statistics *statistics_r);

#endif
