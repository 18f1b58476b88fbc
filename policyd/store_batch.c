/* store_batch - one batch of decisions on its way to the disk. Knows no decisions. */
#include <stdlib.h>

#include "clock.h"
#include "store_engine.h"

void batch_reset(struct batch *b, uint64_t seq)
{
	buf_reset(&b->entries);
	buf_reset(&b->record);
	buf_reset(&b->values);
	b->put_count = b->folded_count = b->waiter_count = 0;
	b->seq = seq;
	b->checkpoint = 0;
	b->broken = b->failed = false;
	b->opened_ns = 0;
}

void batch_free(struct batch *b)
{
	buf_free(&b->entries);
	buf_free(&b->record);
	buf_free(&b->values);
	free(b->puts);
	free(b->folded);
	free(b->waiters);
}

bool batch_grow(void **p, size_t *size, size_t count, size_t item)
{
	size_t want = *size * 2 + 64;
	void *n;

	if (count < *size)
		return true;
	n = realloc(*p, want * item);
	if (n == NULL)
		return false;
	*p = n;
	*size = want;
	return true;
}

struct put *batch_put(struct batch *b, unsigned database, const void *key, size_t n)
{
	struct put *p;

	if (!batch_grow((void **)&b->puts, &b->put_size, b->put_count, sizeof *b->puts))
		return NULL;
	p = &b->puts[b->put_count++];
	*p = (struct put){ .database = database, .key_octets = (uint8_t)n };
	memcpy(p->key, key, n);
	p->value_at = b->values.n;
	return p;
}

bool batch_wait(struct batch *b, const struct waiter *w)
{
	if (!batch_grow(
		(void **)&b->waiters, &b->waiter_size, b->waiter_count, sizeof *b->waiters))
		return false;
	b->waiters[b->waiter_count++] = *w;
	if (b->opened_ns == 0)
		b->opened_ns = clock_mono_ns();
	return true;
}

/* Callbacks may admit, abandon and settle: they get here when all else is done. */
void waiters_answer(struct waiter *waiters, size_t count, bool failed)
{
	struct outcome failure = { .result = ADMISSION_FAILED };

	for (size_t i = 0; i < count; i++) {
		struct waiter *w = &waiters[i];

		w->done(w->context, failed ? &failure : &w->outcome,
		    failed ? NULL : w->crossings, failed ? 0 : w->crossing_count);
		free(w->crossings);
	}
}

void batch_answer(struct batch *b, bool failed)
{
	struct waiter *waiters = b->waiters;
	size_t count = b->waiter_count;

	b->waiters = NULL;
	b->waiter_count = b->waiter_size = 0;
	waiters_answer(waiters, count, failed);
	free(waiters);
}
