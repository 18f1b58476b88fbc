/* config_index.h - a hash table from byte strings to a pair of numbers, for look-ups in a
 * snapshot. Keys are not copied: they live as long as what is indexed. Not thread safe while it
 * is filled, free to read afterwards. */
#ifndef CONFIG_INDEX_H
#define CONFIG_INDEX_H

#include "base.h"
#include "span.h"

struct index_entry {
	const char *key; /* NULL: a free slot */
	uint32_t key_n;
	uint32_t tag; /* part of the hash; saves most comparisons */
	uint32_t owner, item;
};

struct index {
	struct index_entry *at; /* owned */
	size_t size, count;     /* size is 0 or a power of two */
	uint64_t seed;          /* names come from outside: nobody shall choose collisions */
};

void index_init(struct index *x, uint64_t seed);
void index_free(struct index *x);

/* Adds without looking for an equal key. False when out of memory. */
bool index_add(struct index *x, struct span key, uint32_t owner, uint32_t item) CHECKED;
/* Valid until the next index_add; NULL when there is none. */
struct index_entry *index_find(const struct index *x, struct span key);

/* Replaces every owner o by map[o]. */
void index_renumber(struct index *x, const uint32_t *map);

#endif
