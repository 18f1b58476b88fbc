/* ledger.h - open and recently spent SMTP transactions: what each was charged, so that the same
 * question costs once, a refund finds what to give back, and the milter finds its assignment.
 * In memory; knows neither sockets nor LMDB. One thread.
 *
 * A transaction is one MAIL..end of data in Postfix's smtpd, named by the "instance" attribute
 * (SMTPD_POLICY_README). OPEN: recipients were charged. SPENT: END-OF-MESSAGE was granted; from
 * then on silence means spent. */
#ifndef LEDGER_H
#define LEDGER_H

#include "admission.h"
#include "err.h"
#include "span.h"

enum transaction_state { TRANSACTION_OPEN, TRANSACTION_SPENT };

struct recipient_entry {
	uint64_t hash;         /* of the recipient, keyed; dedupe within the transaction */
	uint32_t first, count; /* its bookings */
	bool refunded;
};

struct transaction {
	struct hash128 id;
	enum transaction_state state;
	char queue_id[QUEUE_ID_MAX]; /* "" until END-OF-MESSAGE */
	char *facts; /* owned: tenant NUL stream NUL login NUL sender NUL source NUL */
	uint8_t class;
	struct recipient_entry *recipients; /* owned */
	uint32_t recipient_count, recipient_size;
	struct booking *bookings; /* owned; recipients' and the message's, in order */
	uint32_t booking_count, booking_size;
	uint32_t message_first, message_count; /* END-OF-MESSAGE's bookings */
	uint32_t charged;                      /* recipients charged and not refunded */
	int64_t touched_ns;                    /* wall time of the last change */
	uint64_t
	    dirty_since;     /* journal sequence of the first entry not in its record; 0 none */
	uint64_t record_seq; /* journal sequence its stored record includes; 0 no record */
	struct transaction *newer, *older; /* order of touched_ns */
	struct transaction_links *links;   /* owned: the indexes' */
};

struct ledger;

struct ledger *ledger_new(void);
void ledger_free(struct ledger **l);
size_t ledger_count(const struct ledger *l);

struct transaction *ledger_find(const struct ledger *l, struct hash128 id);
struct transaction *ledger_find_queue_id(const struct ledger *l, struct span queue_id);
/* A new OPEN transaction; NULL when out of memory or at the bound. facts are copied. */
struct transaction *ledger_open(
    struct ledger *l, struct hash128 id, const struct transaction_facts *facts, int64_t now_ns);
void ledger_drop(struct ledger *l, struct transaction *t);
/* Moves it to the young end. */
void ledger_touch(struct ledger *l, struct transaction *t, int64_t now_ns);
struct transaction *ledger_oldest(const struct ledger *l);
/* The next younger one, NULL at the end. */
struct transaction *ledger_younger(const struct transaction *t);

struct transaction_facts ledger_facts(const struct transaction *t);
/* For replay: it leaves from that source. */
enum err ledger_bind(struct transaction *t, struct span source) CHECKED;

/* The entry of that recipient that is charged now, or NULL: one that was refunded is over. */
struct recipient_entry *ledger_recipient(const struct transaction *t, uint64_t hash);
enum err ledger_add_recipient(
    struct transaction *t, uint64_t hash, const struct booking *bookings, size_t count) CHECKED;
/* Removes the youngest entry with that hash (its commit failed). */
void ledger_remove_recipient(struct transaction *t, uint64_t hash);
/* END-OF-MESSAGE was granted: SPENT, known by its queue id. */
enum err ledger_spend(struct ledger *l, struct transaction *t, struct span queue_id,
    const struct booking *bookings, size_t count) CHECKED;
/* Back to OPEN, without charges of the message: its commit failed, or it was rejected. */
void ledger_unspend(struct ledger *l, struct transaction *t);

#endif
