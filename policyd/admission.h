/* admission.h - the words of the one mechanism: a request becomes charges against buckets; all of
 * them are granted together, or none. Plain data, shared by the planner (quota), the store and
 * the journal. */
#ifndef ADMISSION_H
#define ADMISSION_H

#include "base.h"
#include "hash.h"
#include "rate.h"

#define BUCKET_NONE UINT32_MAX

/* What is asked of one bucket. */
struct charge {
	uint32_t bucket; /* store_bucket() */
	bool is_rate;
	bool alert_only; /* window: over the limit is granted all the same, alerts are raised */
	uint64_t amount;
	uint64_t limit;         /* window: what it may hold */
	struct rate_limit rate; /* rate */
	int64_t start_s, end_s; /* window: the calendar window of now */
};

/* One choice among several (a source to send from): granted with the common charges, or not. */
struct candidate {
	const struct charge *charges;
	size_t count;
	struct span source; /* what a transaction that begins with it is bound to */
};

#define CHARGES_MAX 64 /* common and one candidate's together */

/* What one granted charge did to its bucket: enough to replay it and to give it back. */
struct booking {
	uint32_t bucket;
	uint32_t length_s; /* window: end - start */
	int64_t value;     /* window: start_s; rate: the theoretical arrival time after, ns */
	uint64_t amount;   /* window: what was added; rate: ns that the arrival time moved by */
	uint8_t is_rate;
	uint8_t alerted; /* window: thresholds reached so far in this window, bits 0..3 */
	uint8_t crossed; /* the ones this charge was first to reach; not stored */
};

enum stage {
	STAGE_RECIPIENT,      /* one recipient of a transaction */
	STAGE_END_OF_MESSAGE, /* the message: after it the transaction is spent */
	STAGE_COUNT
};

enum admission_result {
	ADMISSION_GRANTED,
	ADMISSION_REPEATED, /* granted before: the same (transaction, stage, recipient) */
	ADMISSION_REFUSED,  /* a charge does not fit; nothing was charged */
	ADMISSION_FAILED,   /* the store cannot make it durable; nothing was charged */
};

#define QUEUE_ID_MAX 32 /* octets with NUL; Postfix's long ids have up to 20 */

/* Who sends: fixed by the first request of a transaction, read by the milter's assignment. */
struct transaction_facts {
	struct span tenant, stream, login, sender;
	uint8_t class;      /* enum stream_class */
	struct span source; /* that it leaves from; empty: Postfix's own way */
};

struct outcome {
	enum admission_result result;
	size_t candidate; /* granted: which one */
	/* refused: the charge with the longest wait among those that failed; of several
	 * candidates the one that waits least */
	struct charge refused;
	size_t refused_index; /* its index among the common charges, or SIZE_MAX */
	int64_t retry_s;      /* refused: seconds until it may fit; INT64_MAX: never */
};

#endif
