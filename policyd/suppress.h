/* suppress.h - addresses that must not be mailed: platform, tenant and stream scopes. The store
 * holds keyed digests, never addresses. Look-ups answer from memory; changes are durable before
 * they are confirmed. One thread, but for the jobs it gives to the store.
 *
 * In memory an entry is 64 bits of its digest mixed with its scope: at ten million entries one
 * look-up in 10^12 would be wrongly refused, none wrongly passed. */
#ifndef SUPPRESS_H
#define SUPPRESS_H

#include "buf.h"
#include "err.h"
#include "fingerprints.h"
#include "hash.h"
#include "span.h"
#include "store.h"

enum suppress_scope { SUPPRESS_PLATFORM, SUPPRESS_TENANT, SUPPRESS_STREAM, SUPPRESS_SCOPES };

struct suppress_key {
	enum suppress_scope scope;
	struct span tenant, stream; /* as the scope needs */
};

struct suppress_list;

/* Loads all entries. key_path: file with the digest key, made (0600) when missing and the list is
 * empty; a missing key beside entries is an error. The list keeps a pointer to the store. */
enum err suppress_open(struct store *store, const char *key_path, struct suppress_list **list_r,
    char *error, size_t size) CHECKED;
void suppress_close(struct suppress_list **list);
size_t suppress_count(const struct suppress_list *list);

/* The digest that stands for an address in the envelope's form. The canonical form is taken here,
 * and then all ASCII letters become lower, also of the local part: RFC 5321 section 2.4 lets a
 * host tell Jo from jo, hardly one does, and an opt-out must not be lost to a capital. What does
 * not parse counts octet by octet. */
enum err suppress_digest(
    struct suppress_list *list, struct span address, uint8_t out[DIGEST_SIZE]) CHECKED;

/* The same by a key of the caller's own, for another thread. */
enum err suppress_digest_by(
    struct digest_key *key, struct span address, uint8_t out[DIGEST_SIZE]) CHECKED;
/* The list's key once more, the caller's to free; NULL: it cannot be read. */
struct digest_key *suppress_digest_key(const struct suppress_list *list);

/* What tells recipients of one transaction apart: canonical, but case counts. The same after a
 * restart. */
uint64_t suppress_recipient_hash(const struct suppress_list *list, struct span address);

/* Is the address on the list that applies to mail of this tenant and stream? */
bool suppress_match(const struct suppress_list *list, const uint8_t digest[DIGEST_SIZE],
    struct span tenant, struct span stream, enum suppress_scope *scope_r);

#define SUPPRESS_TEXT_MAX 120

struct suppress_row {
	uint8_t digest[DIGEST_SIZE];
	struct span reason, source; /* at most SUPPRESS_TEXT_MAX octets are kept */
	int64_t added_s, expires_s; /* 0: never */
	bool present;               /* result: it was there already (kept as it was) */
};

/* Adds rows under one scope. done(context, error, added) runs in the loop after the commit. Rows'
 * spans are copied. Rows that are there already keep their first reason. */
typedef void suppress_done(void *context, enum err e, size_t added, size_t present);
enum err suppress_add(struct suppress_list *list, const struct suppress_key *key,
    const struct suppress_row *rows, size_t count, suppress_done *done, void *context) CHECKED;
/* Removes one; present counts 1 when it was there. */
enum err suppress_remove(struct suppress_list *list, const struct suppress_key *key,
    const uint8_t digest[DIGEST_SIZE], suppress_done *done, void *context) CHECKED;

/* Reads rows of a scope in digest order from (exclusive; NULL: the beginning), at most limit.
 * visit gets rows whose spans last for the call. Runs in the caller's thread. */
typedef void suppress_visit(void *context, const struct suppress_row *row);
enum err suppress_read(struct suppress_list *list, const struct suppress_key *key,
    const uint8_t *after, size_t limit, suppress_visit *visit, void *context) CHECKED;
enum err suppress_find(struct suppress_list *list, const struct suppress_key *key,
    const uint8_t digest[DIGEST_SIZE], suppress_visit *visit, void *context) CHECKED;

/* Copies the digest key (0600) into directory: a backup without it could not be used. */
enum err suppress_backup_key(const struct suppress_list *list, const char *directory) CHECKED;

/* Reads and checks every stored row; for db verify, in the store's thread. */
enum err suppress_verify(
    struct kv *kv, unsigned database, uint64_t *rows_r, uint64_t *damaged_r) CHECKED;

/* Once a minute: entries past their expiry leave memory and store. */
void suppress_tick(struct suppress_list *list, int64_t now_s);

#endif
