/* unit_token.h - token keys out of nothing, always the same. For unit tests. */
#ifndef UNIT_TOKEN_H
#define UNIT_TOKEN_H

#include <check.h>
#include <stdlib.h>

#include "token_ring.h"

/* count: keys of the ring; the last one mints. */
static inline struct token_ring *unit_rings(enum token_purpose purpose, size_t count)
{
	struct token_ring *platform = calloc(1, sizeof *platform), *r = calloc(1, sizeof *r);

	ck_assert(platform != NULL && r != NULL);
	platform->count = count;
	for (size_t i = 0; i < count; i++) {
		platform->at[i] =
		    (struct token_secret){ .id = (uint8_t)(1 + i), .since = "2026-11-25" };
		for (size_t k = 0; k < TOKEN_KEY_OCTETS; k++)
			platform->at[i].key[k] = (uint8_t)(k + i);
	}
	ck_assert_int_eq(token_ring_derive(platform, purpose, r), ERR_OK);
	token_ring_free(&platform);
	return r;
}

static inline struct token_ring *unit_ring(enum token_purpose purpose)
{
	return unit_rings(purpose, 1);
}

static inline struct token_key *unit_keys(
    enum token_purpose purpose, const char *tenant, size_t count)
{
	struct token_ring *r = unit_rings(purpose, count);
	struct token_key *key = token_key_new(r, span_cstr(tenant));

	ck_assert_ptr_nonnull(key);
	token_ring_free(&r);
	return key;
}

static inline struct token_key *unit_key(enum token_purpose purpose, const char *tenant)
{
	return unit_keys(purpose, tenant, 1);
}

#endif
