/* journal.h - entries of the store's journal as bytes. Each batch of decisions is one record: a
 * header and entries. An entry says what happened to buckets and transactions in a form that can
 * be replayed without the configuration: window starts, arrival times, amounts. Pure.
 *
 * Layout, little-endian: see journal.c. Readers accept exactly what writers make; anything else
 * is ERR_CORRUPT, an unknown version is ERR_VERSION. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "admission.h"
#include "buf.h"
#include "err.h"
#include "ledger.h"
#include "span.h"

#define JOURNAL_VERSION 1

enum entry_kind {
	ENTRY_BUCKET = 1, /* number and name of a bucket used further down */
	ENTRY_OPEN,       /* a transaction begins: its facts */
	ENTRY_RECIPIENT,  /* a recipient was charged */
	ENTRY_SPEND,      /* END-OF-MESSAGE was granted */
	ENTRY_REFUND,     /* a recipient's or all bookings of a transaction were given back */
	ENTRY_DROP,       /* the transaction is over */
	ENTRY_RESET,      /* a bucket was emptied */
	ENTRY_BIND,       /* the transaction just opened leaves from that source */
};

struct journal_entry {
	enum entry_kind kind;
	struct hash128 transaction;     /* all but BUCKET and RESET */
	uint64_t recipient;             /* RECIPIENT, REFUND (0: the message's own) */
	uint32_t bucket;                /* BUCKET, RESET */
	struct span name;               /* BUCKET: name; SPEND: queue id; BIND: source */
	struct transaction_facts facts; /* OPEN */
	int64_t time_ns;                /* OPEN, SPEND */
	const struct booking *bookings; /* RECIPIENT, SPEND, REFUND */
	size_t booking_count;
};

/* Appends one entry. */
void journal_write(struct buf *b, const struct journal_entry *e);

struct journal_reader {
	struct span rest;
	struct booking bookings[CHARGES_MAX]; /* of the entry read last */
};

/* Reads the next entry; ERR_NOTFOUND at the end. Spans point into the record. */
enum err journal_read(struct journal_reader *r, struct journal_entry *entry_r) CHECKED;

/* A whole record around entries: version, sequence, checksum. Padded so that the store's ring
 * meets few different sizes. */
void journal_seal(struct buf *out, uint64_t seq, struct span entries);
enum err journal_unseal(struct span record, uint64_t *seq_r, struct span *entries_r) CHECKED;

/* The stored record of one bucket and of one transaction, sealed the same way. */
struct bucket_record {
	uint32_t number;
	struct span name;
	struct window_state window;
	struct rate_state rate;
	uint8_t alerted;
	bool is_rate;
};
void journal_seal_bucket(struct buf *out, uint64_t seq, const struct bucket_record *record);
enum err journal_unseal_bucket(
    struct span bytes, uint64_t *seq_r, struct bucket_record *record_r) CHECKED;

/* A transaction is stored as the entries that would make it: OPEN, BIND, RECIPIENT.., SPEND. */
void journal_write_transaction(struct buf *entries, const struct transaction *t);

#endif
