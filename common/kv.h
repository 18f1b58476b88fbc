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
	uint64_t map_ceiling; /* kv_commit/kv_put grow up to this, then ERR_FULL */
	unsigned databases;   /* named databases that will be opened */
	bool read_only;
	bool no_sync; /* durability "relaxed": the caller syncs by time with kv_sync */
};

/* Opens (creates, mode 0600) the environment in directory path. On failure a sentence for the
 * administrator lies in error[0..size). Never use a store another process has open for writing. */
enum err kv_open(const char *path, const struct kv_options *options, struct kv **kv_r,
    char *error, size_t size) CHECKED;
void kv_close(struct kv **kv);

/* Opens (creates unless read-only) a named database; call before threads use it. */
enum err kv_database(struct kv *kv, const char *name, unsigned *database_r) CHECKED;

enum err kv_begin(struct kv *kv, bool write, struct kv_txn **txn_r) CHECKED;
/* Write: makes all changes durable (unless no_sync). On failure nothing of the transaction is
 * stored. *txn becomes NULL in every case. */
enum err kv_commit(struct kv_txn **txn) CHECKED;
void kv_abort(struct kv_txn **txn); /* NULL is fine */

enum err kv_put(
    struct kv_txn *txn, unsigned database, struct span key, struct span value) CHECKED;
/* ERR_NOTFOUND when it was not there. */
enum err kv_delete(struct kv_txn *txn, unsigned database, struct span key) CHECKED;
/* Replaces the contents of value. */
enum err kv_get(
    struct kv_txn *txn, unsigned database, struct span key, struct buf *value) CHECKED;

/* Calls visit for each entry whose key is >= from and starts with prefix, in key order, until it
 * returns false. Key and value are valid during the call only. */
typedef bool kv_visit(void *context, struct span key, struct span value);
enum err kv_scan(struct kv_txn *txn, unsigned database, struct span prefix, struct span from,
    kv_visit *visit, void *context) CHECKED;

enum err kv_count(struct kv_txn *txn, unsigned database, uint64_t *count_r) CHECKED;

/* The map was full: doubles it, up to the ceiling (ERR_FULL at the ceiling). No transaction may
 * be open in the process. */
enum err kv_grow(struct kv *kv) CHECKED;
enum err kv_sync(struct kv *kv) CHECKED;
/* A consistent, compacted copy into the (new, empty) directory. Runs beside writers. */
enum err kv_backup(struct kv *kv, const char *directory) CHECKED;
/* Slots of readers that died. Call at start and every minute. */
void kv_check_readers(struct kv *kv);

struct kv_usage {
	uint64_t map_octets, used_octets, map_ceiling;
};
void kv_usage(struct kv *kv, struct kv_usage *usage_r);

/* LMDB's version, for the start-up log line. */
const char *kv_library_version(void);

#endif
