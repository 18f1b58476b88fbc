/* store_undo - pairs of a charge and its refund within entries that are taken back. Knows neither
 * buckets nor LMDB. */
#include <stdlib.h>

#include "store_undo.h"

struct event {
	uint64_t key; /* of transaction and recipient */
	uint64_t ordinal;
	bool refund;
};

static bool is_event(const struct journal_entry *e)
{
	return e->kind == ENTRY_RECIPIENT || e->kind == ENTRY_SPEND || e->kind == ENTRY_REFUND;
}

static uint64_t event_key(const struct journal_entry *e)
{
	uint64_t parts[3] = { e->transaction.low, e->transaction.high, e->recipient };

	return hash64(span_make((const char *)parts, sizeof parts), 0);
}

static int compare_events(const void *left, const void *right)
{
	const struct event *a = left, *b = right;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

void undo_pairs_make(struct undo_pairs *p, const struct span *batches, size_t count)
{
	uint64_t n = 0, refunds = 0;
	struct event *at;

	*p = (struct undo_pairs){ 0 };
	buf_init(&p->events, SIZE_MAX / 2);
	buf_init(&p->paired, SIZE_MAX / 2);
	for (size_t i = 0; i < count; i++) {
		struct journal_reader r = { .rest = batches[i] };
		struct journal_entry e;

		while (journal_read(&r, &e) == ERR_OK) {
			struct event event = { 0 };

			if (!is_event(&e))
				continue;
			event.key = event_key(&e);
			event.ordinal = n++;
			event.refund = e.kind == ENTRY_REFUND;
			refunds += event.refund;
			buf_add(&p->events, &event, sizeof event);
			buf_add_char(&p->paired, '\0');
		}
	}
	p->out_of_memory = !buf_ok(&p->events) || !buf_ok(&p->paired);
	if (p->out_of_memory || refunds == 0)
		return;
	at = (struct event *)(void *)p->events.p;
	qsort(at, n, sizeof *at, compare_events);
	/* A refund belongs to the charge just before it. */
	for (uint64_t i = 1; i < n; i++)
		if (at[i].refund && !at[i - 1].refund && at[i].key == at[i - 1].key)
			p->paired.p[at[i].ordinal] = p->paired.p[at[i - 1].ordinal] = 1;
}

void undo_pairs_free(struct undo_pairs *p)
{
	buf_free(&p->events);
	buf_free(&p->paired);
}

bool undo_pairs_next(struct undo_pairs *p)
{
	size_t i = p->next++;

	return p->out_of_memory || i >= p->paired.n || p->paired.p[i] != 0;
}
