/* arena.h - memory with one lifetime: many small pieces, freed together. Not thread safe. */
#ifndef ARENA_H
#define ARENA_H

#include "base.h"
#include "span.h"

struct arena;

/* A new arena that hands out at most max octets in all; NULL when out of memory. Owned by the
 * caller, freed by arena_free. */
struct arena *arena_new(size_t max);
void arena_free(struct arena **a); /* NULL is fine; sets *a to NULL */

/* Zeroed memory, aligned for any type; NULL when out of memory or over the cap. */
void *arena_alloc(struct arena *a, size_t n);
/* The same for count items of size octets, overflow checked. count 0 gives a valid pointer. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* A NUL-terminated copy; NULL on failure. */
char *arena_dup(struct arena *a, struct span s);
/* Octets obtained from the system so far. */
size_t arena_used(const struct arena *a);

#endif
