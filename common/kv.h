/* kv.h - LMDB made polite: open, read, write in batches, grow, copy out, back up. The only file
 * that includes lmdb.h is kv.c. Knows no keys and no tenants.
 *
 * One environment per process and per path, opened after any fork. Write transactions belong to
 * one thread (the store thread); read transactions may run in others (MDB_NOTLS). Values are
 * copied out; nothing points into the map after a call returns. Keys are 1..511 octets. */
#ifndef KV_H
#define KV_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

#define KV_KEY_MAX 511

struct kv;
struct kv_txn;

struct kv_options {
	uint64_t map_octets;  /* initial size of the map (sparse) */
	uint64_t map_ceiling; /* kv_grow grows up to this, then ERR_FULL */
	unsigned databases;   /* named databases that will be opened */
	bool read_only;
};

/* Opens (creates, mode 0600) the environment in directory path, which must exist. Every page in
 * use is checked first (kv_check.h), so a damaged file is an error here and not a crash later:
 * ERR_CORRUPT, ERR_VERSION. ERR_EXISTS: somebody else has it open (any number may read, or one
 * may write). read_only: ERR_NOTFOUND when there is no store. On failure a sentence for the
 * administrator lies in error[0..size). */
enum err kv_open(const char *path, const struct kv_options *options, struct kv **kv_r,
    char *error, size_t size) CHECKED;
void kv_close(struct kv **kv);

/* Opens (creates unless read-only) a named database; call before threads use it. */
enum err kv_database(struct kv *kv, const char *name, unsigned *database_r) CHECKED;

enum err kv_begin(struct kv *kv, bool write, struct kv_txn **txn_r) CHECKED;
/* Write: makes all changes durable; there is no mode that does not. (Who wants cheaper commits
 * makes fewer of them: LMDB without sync may lose its whole file with the power.) On failure
 * nothing of the transaction is stored. *txn becomes NULL in every case. */
enum err kv_commit(struct kv_txn **txn) CHECKED;
void kv_abort(struct kv_txn **txn); /* NULL is fine */

/* ERR_FULL: the map is full (kv_abort, kv_grow, begin again) or the disk is. After any failure
 * of kv_put or kv_delete other than ERR_NOTFOUND and ERR_RANGE the transaction can only be aborted;
 * kv_commit fails, too. ERR_RANGE: an empty or too long key. */
enum err kv_put(
    struct kv_txn *txn, unsigned database, struct span key, struct span value) CHECKED;
/* ERR_NOTFOUND when it was not there. */
enum err kv_delete(struct kv_txn *txn, unsigned database, struct span key) CHECKED;
/* Replaces the contents of value; ERR_TOOBIG: over the buffer's cap. */
enum err kv_get(
    struct kv_txn *txn, unsigned database, struct span key, struct buf *value) CHECKED;

/* Calls visit for each entry whose key is >= from and starts with prefix, in key order, until it
 * returns false. Key and value are valid during the call only; visit must not write. */
typedef bool kv_visit(void *context, struct span key, struct span value);
enum err kv_scan(struct kv_txn *txn, unsigned database, struct span prefix, struct span from,
    kv_visit *visit, void *context) CHECKED;

/* How many named databases the environment holds. */
enum err kv_database_count(struct kv *kv, uint64_t *count_r) CHECKED;

enum err kv_count(struct kv_txn *txn, unsigned database, uint64_t *count_r) CHECKED;

/* The map was full: doubles it, up to the ceiling (ERR_FULL at the ceiling). Not while a
 * transaction or a backup is open in any thread: waits for their end a little (other threads read
 * for a moment only), then ERR_ORDER: nothing happened, try again later. */
enum err kv_grow(struct kv *kv) CHECKED;
/* A consistent, compacted copy into directory (made, mode 0700, when missing; its parent is not):
 * mode 0600, synced, and checked as kv_open checks. Runs beside writers. ERR_EXISTS: there is a
 * copy already. A copy that failed is removed. */
enum err kv_backup(struct kv *kv, const char *directory) CHECKED;
/* Slots of readers that died. Call at start and every minute. */
void kv_check_readers(struct kv *kv);

struct kv_usage {
	uint64_t map_octets, map_ceiling;
	uint64_t used_octets; /* without free pages */
};
void kv_usage(struct kv *kv, struct kv_usage *usage_r);

/* LMDB's version, for the start-up log line. */
const char *kv_library_version(void);

#endif
