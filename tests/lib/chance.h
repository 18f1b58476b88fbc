/* chance.h - numbers for random tests: from the environment, and from a generator whose whole state
 * is one word, so that a seed replays a run. For tests written in C. */
#ifndef CHANCE_H
#define CHANCE_H

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "span.h"

/* As ck_assert, for the millions: Check writes a note at every assertion that it passes. */
#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			ck_abort_msg("%s", #condition);                                        \
	} while (0)

/* The number in the environment variable name, or fallback when it is not set. */
static inline uint64_t chance_number(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);
	uint64_t value = fallback;

	if (text != NULL && !span_u64(span_cstr(text), &value))
		ck_abort_msg("%s is not a number", name);
	return value;
}

/* PENGUIN_SEED, or a seed of this moment; printed with what it is for. */
static inline uint64_t chance_seed(const char *what, uint64_t cases)
{
	uint64_t seed =
	    chance_number("PENGUIN_SEED", (uint64_t)time(NULL) ^ (uint64_t)getpid());

	printf("%s: seed %" PRIu64 ", %" PRIu64 " cases\n", what, seed, cases);
	return seed;
}

/* SplitMix64. */
static inline uint64_t chance_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* 0 .. below - 1 */
static inline uint64_t chance_below(uint64_t *state, uint64_t below)
{
	return chance_next(state) % below;
}

/* Small numbers often, all magnitudes sometimes. */
static inline uint64_t chance_size(uint64_t *state)
{
	return chance_next(state) >> chance_below(state, 64);
}

#endif
