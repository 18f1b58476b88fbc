/* bucket.h - all buckets in memory, numbered densely: look up, charge many together, give back.
 * Knows names only as octets, and neither tenants nor storage. One thread. */
#ifndef BUCKET_H
#define BUCKET_H

#include "admission.h"
#include "err.h"
#include "span.h"

#define BUCKET_NAME_MAX 480 /* octets */

struct bucket {
	struct window_state window;
	struct rate_state rate;
	const char *name; /* owned by the table; tab-separated fields (quota.h) */
	uint8_t alerted;
	bool is_rate;
	bool dirty;          /* changed since its record was last written */
	bool named;          /* a committed record or journal entry holds its name */
	uint64_t record_seq; /* journal sequence its stored record includes */
	uint64_t named_seq;  /* journal sequence of the last entry that named it */
};

struct bucket_table;

struct bucket_table *bucket_table_new(void);
void bucket_table_free(struct bucket_table **t);
uint32_t bucket_count(const struct bucket_table *t);

/* Number of the bucket of that name; BUCKET_NONE when there is none. */
uint32_t bucket_find(const struct bucket_table *t, struct span name);
/* The same, made when needed. BUCKET_NONE: out of memory, or the name is too long. */
uint32_t bucket_obtain(struct bucket_table *t, struct span name);
/* For replay: the bucket with exactly this number and name. */
enum err bucket_restore(struct bucket_table *t, uint32_t number, struct span name) CHECKED;
/* NULL when there is no such number. Valid until the next bucket is made. */
struct bucket *bucket_at(struct bucket_table *t, uint32_t number);

/* Grants the common charges together with the first candidate that fits (candidates NULL: just
 * the common ones), or nothing. bookings_r has room for CHARGES_MAX. Fills outcome_r except for
 * FAILED and REPEATED. Now is wall time. */
void bucket_admit(struct bucket_table *t, const struct charge *common, size_t count,
    const struct candidate *candidates, size_t candidate_count, int64_t now_ns,
    struct outcome *outcome_r, struct booking *bookings_r, size_t *booking_count_r);

/* Would this one charge fit? Changes nothing. *used_r: what the bucket holds now. */
bool bucket_peek(const struct bucket_table *t, const struct charge *charge, int64_t now_ns,
    uint64_t *used_r, int64_t *retry_s_r);

/* Replay of a granted charge; skipped when the bucket's record already includes seq. */
void bucket_replay(struct bucket_table *t, const struct booking *b, uint64_t seq);
/* Takes a granted charge back as if it had not been (its commit failed). */
void bucket_undo(struct bucket_table *t, const struct booking *b);
/* Gives a window's charge back on evidence; rates recover by themselves and get nothing. */
void bucket_refund(struct bucket_table *t, const struct booking *b);
/* Empties a bucket (the administrator's reset). */
void bucket_reset(struct bucket_table *t, uint32_t number);

#endif
