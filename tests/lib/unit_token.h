/* unit_token.h - token keys out of nothing, always the same. For unit tests. */
#ifndef UNIT_TOKEN_H
#define UNIT_TOKEN_H

#include <check.h>
#include <stdlib.h>

#include "token_ring.h"

static inline struct token_ring *unit_ring(enum token_purpose purpose)
{
	struct token_ring *platform = calloc(1, sizeof *platform), *r = calloc(1, sizeof *r);

	ck_assert(platform != NULL && r != NULL);
	platform->count = 1;
	platform->at[0] = (struct token_secret){ .id = 1, .since = "2026-11-25" };
	for (size_t k = 0; k < TOKEN_KEY_OCTETS; k++)
		platform->at[0].key[k] = (uint8_t)k;
	ck_assert_int_eq(token_ring_derive(platform, purpose, r), ERR_OK);
	token_ring_free(&platform);
	return r;
}

static inline struct token_key *unit_key(enum token_purpose purpose, const char *tenant)
{
	struct token_ring *r = unit_ring(purpose);
	struct token_key *key = token_key_new(r, span_cstr(tenant));

	ck_assert_ptr_nonnull(key);
	token_ring_free(&r);
	return key;
}

#endif
