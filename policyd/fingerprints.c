/* fingerprints - an open-addressing set of integers. Knows nothing of what they stand for. */
#include <stdlib.h>

#include "fingerprints.h"

static size_t probe(const struct fingerprints *f, uint64_t v, size_t *grave_r)
{
	size_t i = v & (f->size - 1);

	*grave_r = SIZE_MAX;
	while (f->slots[i] != 0 && f->slots[i] != v) {
		if (f->slots[i] == 1 && *grave_r == SIZE_MAX)
			*grave_r = i;
		i = (i + 1) & (f->size - 1);
	}
	return i;
}

bool fingerprints_have(const struct fingerprints *f, uint64_t v)
{
	size_t grave;

	return f->used > 0 && f->slots[probe(f, v, &grave)] == v;
}

bool fingerprints_reserve(struct fingerprints *f, size_t more)
{
	size_t size = f->size != 0 ? f->size : 1024, old_size = f->size, grave;
	uint64_t *old = f->slots;

	if (f->size != 0 && (f->used + f->graves + more) * 4 <= f->size * 3)
		return true;
	while ((f->used + more) * 2 > size)
		size *= 2;
	f->slots = calloc(size, sizeof *f->slots);
	if (f->slots == NULL) {
		f->slots = old;
		return false;
	}
	f->size = size;
	f->graves = 0;
	for (size_t i = 0; i < old_size; i++)
		if (old[i] > 1)
			f->slots[probe(f, old[i], &grave)] = old[i];
	free(old);
	return true;
}

void fingerprints_add(struct fingerprints *f, uint64_t v)
{
	size_t grave, i = probe(f, v, &grave);

	if (f->slots[i] == v)
		return;
	if (grave != SIZE_MAX) {
		i = grave;
		f->graves--;
	}
	f->slots[i] = v;
	f->used++;
}

void fingerprints_remove(struct fingerprints *f, uint64_t v)
{
	size_t grave, i;

	if (f->used == 0)
		return;
	i = probe(f, v, &grave);
	if (f->slots[i] != v)
		return;
	f->slots[i] = 1;
	f->graves++;
	f->used--;
}

void fingerprints_free(struct fingerprints *f)
{
	free(f->slots);
	*f = (struct fingerprints){ 0 };
}
