/* store_load.h - the store's layout on disk: databases, keys, schema version; loading and replay.
 *
 * meta         "schema" -> u32; "checkpoint" -> u64, checksum u64 (journal sequences up to the
 *              number lie in records)
 * journal      slot u32 (sequence modulo STORE_RING) -> sealed record
 * bucket       number u32 -> sealed bucket
 * transaction  instance hash, 16 octets -> sealed entries
 * Integers in keys are big-endian, so key order is number order. */
#ifndef STORE_LOAD_H
#define STORE_LOAD_H

#include "bucket.h"
#include "err.h"
#include "kv.h"
#include "ledger.h"

/* 1: counters and suppressions. 2: what became of mail (counts, trouble, queue, brakes,
 * ramps, alerts)
 * beside them. */
#define STORE_SCHEMA 2
#define STORE_RING   4096u /* records; a round of folding takes at most a quarter */

struct store_databases {
	unsigned meta, journal, bucket, transaction;
};

struct store_key {
	uint8_t octets[4];
};

struct store_key store_bucket_key(uint32_t number);
void store_journal_key(uint64_t seq, uint8_t slot[4]);

/* Opens (makes) the databases. A store of an earlier schema is brought to this one, after a copy of
 * it was made in the directory "before-schema-N" below path (kept: it is the way back); of a later
 * one, ERR_VERSION. */
enum err store_databases_open(struct kv *kv, const char *path,
    struct store_databases *databases_r, char *error, size_t size) CHECKED;

enum err store_put_checkpoint(
    struct kv_txn *txn, const struct store_databases *d, uint64_t checkpoint) CHECKED;

/* Fills empty tables from records and journal. *last_seq_r: the newest sequence found. Damage is
 * an error with a sentence, never a counter that starts at zero. */
enum err store_load(struct kv *kv, const struct store_databases *d,
    struct bucket_table *buckets, struct ledger *ledger, uint64_t *last_seq_r, char *error,
    size_t size) CHECKED;

/* Reads every record of the store and checks it. Runs in the store's thread. */
struct store_verification {
	uint64_t records, damaged;
	char first[128]; /* what was damaged first, or "" */
};
enum err store_verify(struct kv *kv, const struct store_databases *d,
    struct store_verification *verification_r) CHECKED;

#endif
