/* track.h - from lines of the mail log to deliveries: ties each to the tenant, stream, source and
 * message it belongs to, by the return path in the envelope sender, else by the login that
 * submitted it. Waits for nothing. By one thread.
 *
 * What is known of a queue id is kept from its first line until "removed", for a week at most, and
 * survives a restart through track_changes and track_restore. */
#ifndef TRACK_H
#define TRACK_H

#include "buf.h"
#include "err.h"
#include "log_line.h"
#include "providers.h"
#include "replies.h"
#include "senders.h"

#define TRACK_MAX      1000000u    /* queue ids at once; then the oldest goes */
#define TRACK_KEEP_S   (7 * 86400) /* without a line */
#define TRACK_OTHER    "other"     /* provider of recipients in no group */
#define TRACK_NAME_MAX 64u         /* octets of names with NUL */

struct tracker;

/* What lines are judged by; borrowed, for one call. */
struct track_world {
	struct senders *senders; /* with the snapshot */
	const struct providers *providers;
	const struct replies *replies;
};

/* One attempt for one recipient. Spans point into the line, into the world, or into the tracker
 * until its next call. */
struct delivery {
	struct span tenant, stream;
	struct span domain;   /* the tenant's, that it was sent as; may be empty */
	struct span source;   /* may be empty */
	struct span provider; /* a group, or TRACK_OTHER */
	struct span queue_id, recipient, relay_address;
	uint64_t message; /* message_id_of() */
	int64_t time_s;
	enum delivery_status status;
	bool first;                    /* the first attempt of this message */
	enum reply_class class;        /* but of a sent one */
	const struct reply_rule *rule; /* NULL: none fits */
	struct span subject;           /* reply_subject() of a failed one */
};

enum track_result {
	TRACK_NOTHING,  /* a line that tells of no delivery */
	TRACK_DELIVERY, /* *delivery_r is one of ours */
	TRACK_FOREIGN,  /* a delivery of mail that is nobody's we know */
};

struct tracker *tracker_new(void); /* NULL: no memory */
void tracker_free(struct tracker **t);

enum track_result track_line(struct tracker *t, const struct track_world *world,
    const struct log_line *line, struct delivery *delivery_r);

size_t track_count(const struct tracker *t);

/* What changed since the last call: record is empty for a queue id that is to be forgotten. One
 * that came and went in between is not told. */
typedef void track_visit(void *context, struct span queue_id, struct span record);
void track_changes(struct tracker *t, track_visit *visit, void *context);
/* A record of an earlier run. ERR_CORRUPT, ERR_VERSION: it is left out. */
enum err track_restore(struct tracker *t, struct span queue_id, struct span record) CHECKED;
/* Forgets queue ids without a line for TRACK_KEEP_S. */
void track_expire(struct tracker *t, int64_t now_s);

#endif
