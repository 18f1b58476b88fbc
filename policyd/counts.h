/* counts.h - what became of mail, counted by the hour and by the day (UTC): for each tenant,
 * stream, sending domain and source, and each mailbox provider. Rows live in the store; a batch of
 * changes is gathered here and added to them in one transaction, together with whatever it came
 * from.
 *
 * key  : period 'h' or 'd', number u32 big-endian (hours or days since 1970), scope letter, name,
 *        NUL, provider
 * value: version u8, counts u32 each, checksum u64 over key and value */
#ifndef COUNTS_H
#define COUNTS_H

#include "err.h"
#include "kv.h"
#include "log_line.h"
#include "replies.h"
#include "span.h"

enum count {
	COUNT_DELIVERED,
	COUNT_DEFERRED, /* attempts that are tried again */
	COUNT_DELAYED,  /* messages whose first attempt was one of them */
	COUNT_BOUNCED,  /* failed for good, whatever the reason */
	COUNT_HARD,     /* of these: the address or its domain is not there, or not used */
	COUNT_BLOCKED,  /* replies that block a source or a domain, bounced or not */
	COUNT_REFUSED,  /* replies that take the text for spam */
	COUNT_UNPROVEN, /* replies that miss SPF, DKIM, DMARC or a name */
	COUNT_SLOWED,   /* replies that want less at a time */
	COUNT_COMPLAINED,
	COUNT_UNSUBSCRIBED,
	COUNT_CLICKED,
	COUNT_OPENED,
	COUNTS,
};
const char *count_text(enum count c); /* "delivered", ... */

struct counts {
	uint64_t at[COUNTS];
};

/* What one attempt counts as. Pure. */
void counts_of_attempt(
    enum delivery_status status, bool first, enum reply_class class, struct counts *counts_io);

enum count_scope { COUNT_TENANT, COUNT_STREAM, COUNT_DOMAIN, COUNT_SOURCE, COUNT_SCOPES };
const char *count_scope_text(enum count_scope scope); /* "tenant", ... */
bool count_scope_of(struct span word, enum count_scope *scope_r);

/* Whom a row is about. name of COUNT_STREAM: "tenant/stream". */
struct count_subject {
	enum count_scope scope;
	struct span name, provider;
};

#define COUNT_HOURS_KEPT 72u
#define COUNT_DAYS_KEPT  400u

/* ---- a batch ---- */

struct count_batch;
struct count_batch *count_batch_new(void); /* NULL: no memory */
void count_batch_free(struct count_batch **b);
void count_batch_reset(struct count_batch *b);
/* To the subject's hour and day. False: no memory. */
bool count_batch_add(struct count_batch *b, const struct count_subject *subject, int64_t time_s,
    const struct counts *counts) CHECKED;
/* Adds the batch to the stored rows. *damaged_r: rows that were damaged, and count
 * from zero. */
enum err count_batch_write(const struct count_batch *b, struct kv_txn *txn, unsigned database,
    uint64_t *damaged_r) CHECKED;
/* Calls visit for each subject whose hour got something that is no delivery. */
typedef void count_batch_visit(void *context, const struct count_subject *subject);
void count_batch_each_bad(const struct count_batch *b, count_batch_visit *visit, void *context);
/* Deletes at most limit rows that are older than what is kept. */
enum err counts_expire(
    struct kv_txn *txn, unsigned database, int64_t now_s, size_t limit) CHECKED;

/* ---- reading ---- */

/* Calls visit for every row of a period ('h', 'd') from the one that holds since_s to the one that
 * holds until_s, in order of time. Names point into the row. */
typedef void counts_visit(void *context, int64_t start_s, const struct count_subject *subject,
    const struct counts *counts);
enum err counts_read(struct kv_txn *txn, unsigned database, char period, int64_t since_s,
    int64_t until_s, enum count_scope scope, counts_visit *visit, void *context) CHECKED;
/* The sum of one subject's hours, the one of now included. */
enum err counts_sum(struct kv_txn *txn, unsigned database, const struct count_subject *subject,
    int64_t now_s, unsigned hours, struct counts *sum_r) CHECKED;

#endif
