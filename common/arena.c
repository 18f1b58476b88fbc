/* arena - chunks that are freed together. Knows nothing of what is stored. */
#include <stdlib.h>

#include "arena.h"

#define CHUNK 4096
#define ALIGN _Alignof(max_align_t)

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(max_align_t) char bytes[];
};

struct arena {
	struct chunk *head;
	size_t total, max;
};

struct arena *arena_new(size_t max)
{
	struct arena *a = calloc(1, sizeof *a);

	if (a != NULL)
		a->max = max;
	return a;
}

void arena_free(struct arena **a)
{
	struct chunk *c, *next;

	if (*a == NULL)
		return;
	for (c = (*a)->head; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(*a);
	*a = NULL;
}

static struct chunk *chunk_new(struct arena *a, size_t n)
{
	/* The first chunk is small: most arenas (a tenant, a mail) stay within it. */
	size_t size = a->head == NULL ? CHUNK / 4 : CHUNK;
	struct chunk *c;

	if (size < n)
		size = n;
	if (size > a->max - a->total)
		size = n;
	if (size > a->max - a->total)
		return NULL;
	c = calloc(1, sizeof *c + size);
	if (c == NULL)
		return NULL;
	c->size = size;
	a->total += size;
	c->next = a->head;
	a->head = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct chunk *c = a->head;
	size_t need;
	void *p;

	if (__builtin_add_overflow(n, ALIGN - 1, &need))
		return NULL;
	need = need / ALIGN * ALIGN;
	if (need == 0)
		need = ALIGN;
	if (c == NULL || c->size - c->used < need) {
		c = chunk_new(a, need);
		if (c == NULL)
			return NULL;
	}
	p = c->bytes + c->used;
	c->used += need;
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		return NULL;
	return arena_alloc(a, n);
}

char *arena_dup(struct arena *a, struct span s)
{
	char *p;

	if (s.n == SIZE_MAX)
		return NULL;
	p = arena_alloc(a, s.n + 1);
	if (p != NULL && s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

size_t arena_used(const struct arena *a)
{
	return a->total;
}
