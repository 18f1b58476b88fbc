/* hash - table hashes and keyed digests. Knows no keys' meaning. */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "hash.h"

struct digest_key {
	EVP_MAC_CTX *keyed; /* key schedule done; each digest restarts it */
};

uint64_t hash64(struct span bytes, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes.p, bytes.n, seed);
}

struct hash128 hash128(struct span bytes, uint64_t seed)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(bytes.p, bytes.n, seed);

	return (struct hash128){ h.low64, h.high64 };
}

struct digest_key *digest_key_new(const uint8_t key[DIGEST_KEY_SIZE])
{
	OSSL_PARAM params[2] = {
		OSSL_PARAM_construct_utf8_string(
		    OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_end(),
	};
	struct digest_key *k = calloc(1, sizeof *k);
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	if (k == NULL || mac == NULL)
		goto fail;
	k->keyed = EVP_MAC_CTX_new(mac);
	if (k->keyed == NULL || EVP_MAC_init(k->keyed, key, DIGEST_KEY_SIZE, params) != 1)
		goto fail;
	EVP_MAC_free(mac);
	return k;
fail:
	EVP_MAC_free(mac);
	digest_key_free(&k);
	return NULL;
}

void digest_key_free(struct digest_key **key)
{
	if (*key == NULL)
		return;
	EVP_MAC_CTX_free((*key)->keyed);
	free(*key);
	*key = NULL;
}

enum err digest(struct digest_key *key, struct span bytes, uint8_t out[DIGEST_SIZE])
{
	uint8_t full[32];
	size_t n = 0;

	/* A NULL key restarts the context with the key it already has. */
	if (EVP_MAC_init(key->keyed, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(key->keyed, (const unsigned char *)bytes.p, bytes.n) != 1 ||
	    EVP_MAC_final(key->keyed, full, &n, sizeof full) != 1 || n != sizeof full)
		return ERR_CRYPTO;
	memcpy(out, full, DIGEST_SIZE);
	return ERR_OK;
}

enum err random_octets(void *out, size_t n)
{
	char *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ERR_IO;
		p += got;
		n -= (size_t)got;
	}
	return ERR_OK;
}
