/* hash.h - fast hashes for tables in memory (XXH3, seeded per process) and the keyed digest that
 * stands for an address in the store (HMAC-SHA-256). Pure, thread safe. xxhash.h and OpenSSL's
 * MACs have their home here. */
#ifndef HASH_H
#define HASH_H

#include "base.h"
#include "err.h"
#include "span.h"

/* Not for the disk: differs from run to run when seed does. */
uint64_t hash64(struct span bytes, uint64_t seed);

struct hash128 {
	uint64_t low, high;
};
struct hash128 hash128(struct span bytes, uint64_t seed);

static inline bool hash128_eq(struct hash128 a, struct hash128 b)
{
	return a.low == b.low && a.high == b.high;
}

#define DIGEST_SIZE     16 /* octets kept of the HMAC */
#define DIGEST_KEY_SIZE 32

struct digest_key; /* a prepared HMAC key; one per thread, or guarded by its user */

struct digest_key *digest_key_new(const uint8_t key[DIGEST_KEY_SIZE]);
void digest_key_free(struct digest_key **key);
/* HMAC-SHA-256(key, bytes), first DIGEST_SIZE octets. */
enum err digest(struct digest_key *key, struct span bytes, uint8_t out[DIGEST_SIZE]) CHECKED;

/* Octets from the kernel's generator (getrandom). */
enum err random_octets(void *out, size_t n) CHECKED;

#endif
