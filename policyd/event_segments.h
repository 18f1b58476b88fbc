/* event_segments.h - the event log on the disk: append-only files of at most a day, named after
 * the second they began, deleted whole when they are too old or all of them too large. One owner,
 * who may be held up by the disk. */
#ifndef EVENT_SEGMENTS_H
#define EVENT_SEGMENTS_H

#include "err.h"
#include "event_record.h"

#define EVENT_SEGMENT_S      86400
#define EVENT_SEGMENT_OCTETS (64u << 20)

struct event_segments {
	const char *directory;
	int fd;          /* of the file written to; -1: none */
	int64_t start_s; /* its name */
	uint64_t octets; /* its size */
};

struct events_limits {
	uint64_t octets;     /* of all files */
	int64_t retention_s; /* 0: for ever */
};

/* Nothing is opened before the first append. directory must stay. */
void segments_init(struct event_segments *s, const char *directory);
void segments_deinit(struct event_segments *s);

/* Appends whole lines and syncs them. On failure none of them counts as written: what got there is
 * cut off again. ERR_FULL and the like; errno tells. */
enum err segments_append(struct event_segments *s, struct span lines,
    const struct events_limits *limits, int64_t now_s) CHECKED;

struct segments_usage {
	uint64_t octets, files;
};

/* Deletes what is over the limits; never the file written to, unless it is too old. */
void segments_expire(struct event_segments *s, const struct events_limits *limits,
    int64_t now_s, struct segments_usage *usage_r);

/* ---- reading ---- */

struct events_query {
	char tenant[EVENT_NAME_MAX + 1], kind[EVENT_WORD_MAX + 1]; /* empty: all */
	int64_t since_s;
	int64_t segment_s; /* where to go on; both 0: at the beginning */
	uint64_t offset;
	size_t rows; /* at most */
};

typedef void events_visit(void *context, const struct event *event);

/* Calls visit for the events that fit, oldest file first, until there are enough rows or a few
 * MiB were looked at; *query_io then says where to go on. *more_r: there may be more. Lines that
 * are damaged are skipped and counted in *damaged_r. */
enum err segments_read(const char *directory, struct events_query *query_io,
    events_visit *visit, void *context, bool *more_r, uint64_t *damaged_r) CHECKED;

#endif
