/* config_index - open addressing with linear probing. Knows nothing of what it points to. */
#include <stdlib.h>

#include "config_index.h"
#include "hash.h"

#define FIRST_SIZE 16

void index_init(struct index *x, uint64_t seed)
{
	*x = (struct index){ .seed = seed };
}

void index_free(struct index *x)
{
	free(x->at);
	index_init(x, x->seed);
}

static void place(struct index_entry *at, size_t size, uint64_t hash, struct index_entry entry)
{
	size_t i = (size_t)hash & (size - 1);

	while (at[i].key != NULL)
		i = (i + 1) & (size - 1);
	at[i] = entry;
}

static bool grow(struct index *x)
{
	size_t size = x->size == 0 ? FIRST_SIZE : x->size * 2;
	struct index_entry *at;

	if (size > UINT32_MAX || (at = calloc(size, sizeof *at)) == NULL)
		return false;
	for (size_t i = 0; i < x->size; i++)
		if (x->at[i].key != NULL)
			place(at, size,
			    hash64(span_make(x->at[i].key, x->at[i].key_n), x->seed), x->at[i]);
	free(x->at);
	x->at = at;
	x->size = size;
	return true;
}

bool index_add(struct index *x, struct span key, uint32_t owner, uint32_t item)
{
	uint64_t hash;

	if (key.p == NULL || key.n > UINT32_MAX)
		return false;
	if (x->count >= x->size / 4 * 3 && !grow(x))
		return false;
	hash = hash64(key, x->seed);
	place(x->at, x->size, hash,
	    (struct index_entry){
		key.p, (uint32_t)key.n, (uint32_t)(hash >> 32), owner, item });
	x->count++;
	return true;
}

struct index_entry *index_find(const struct index *x, struct span key)
{
	uint64_t hash;
	size_t i;

	if (x->count == 0)
		return NULL;
	hash = hash64(key, x->seed);
	for (i = (size_t)hash & (x->size - 1); x->at[i].key != NULL;
	     i = (i + 1) & (x->size - 1)) {
		const struct index_entry *e = &x->at[i];

		if (e->tag == (uint32_t)(hash >> 32) &&
		    span_eq(span_make(e->key, e->key_n), key))
			return &x->at[i];
	}
	return NULL;
}

void index_renumber(struct index *x, const uint32_t *map)
{
	for (size_t i = 0; i < x->size; i++)
		if (x->at[i].key != NULL)
			x->at[i].owner = map[x->at[i].owner];
}
