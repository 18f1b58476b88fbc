/* store_recover - a commit failed: what was decided since is taken back, what settled is kept. */
#include <stdlib.h>

#include "clock.h"
#include "store_engine.h"
#include "store_undo.h"

/* Alerts that nobody was told about are due again. */
static void undo_crossings(struct store *s, const struct batch *b)
{
	for (size_t i = 0; i < b->waiter_count; i++) {
		const struct waiter *w = &b->waiters[i];

		for (size_t j = 0; j < w->crossing_count; j++) {
			const struct crossing *c = &w->crossings[j];
			struct bucket *k =
			    bucket_at(s->buckets, bucket_find(s->buckets, span_cstr(c->name)));

			if (k != NULL && k->window.end_s == c->end_s)
				k->alerted &= (uint8_t)~c->bits;
		}
	}
}

static void undo_bookings(struct store *s, const struct journal_entry *e)
{
	for (size_t i = 0; i < e->booking_count; i++)
		bucket_undo(s->buckets, &e->bookings[i]);
}

/* Takes back what the entries granted, and keeps what only settles: those entries stand for facts
 * that happened and go into the next batch. A charge that was refunded meanwhile has nothing left
 * to take back, and its refund nothing left to give. */
static void undo_batch(
    struct store *s, struct batch *b, struct undo_pairs *pairs, struct buf *keep)
{
	struct journal_reader r = { .rest = buf_span(&b->entries) };
	struct journal_entry e;
	struct transaction *t;

	while (journal_read(&r, &e) == ERR_OK) {
		t = ledger_find(s->ledger, e.transaction);
		switch (e.kind) {
		case ENTRY_BUCKET: break;
		case ENTRY_OPEN: break;
		case ENTRY_BIND: break;
		case ENTRY_RECIPIENT:
		case ENTRY_SPEND:
			if (!undo_pairs_next(pairs))
				undo_bookings(s, &e);
			if (t != NULL)
				engine_unrecord(s, t,
				    e.kind == ENTRY_RECIPIENT ? STAGE_RECIPIENT
							      : STAGE_END_OF_MESSAGE,
				    e.recipient);
			break;
		case ENTRY_REFUND:
			if (!undo_pairs_next(pairs))
				journal_write(keep, &e);
			break;
		case ENTRY_DROP:
		case ENTRY_RESET: journal_write(keep, &e); break;
		}
	}
	for (size_t i = 0; i < b->folded_count; i++) {
		struct bucket *k = bucket_at(s->buckets, b->folded[i]);

		k->dirty = true;
	}
}

/* Deletions the failed batches owed; kept likewise. */
static void keep_removals(struct batch *to, const struct put *puts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct put *p;

		if (!puts[i].remove)
			continue;
		p = batch_put(to, puts[i].database, puts[i].key, puts[i].key_octets);
		if (p != NULL)
			p->remove = true;
	}
}

/* Records that the failed batch would have written are owed again. */
static void owe_records(struct store *s, uint64_t seq)
{
	for (uint32_t i = 0; i < bucket_count(s->buckets); i++) {
		struct bucket *k = bucket_at(s->buckets, i);

		if (k == NULL)
			continue;
		if (k->record_seq >= seq) {
			k->record_seq = seq - 1;
			k->named = false; /* named again, harmlessly, if it was */
		}
		if (k->named_seq >= seq)
			k->named_seq = 0; /* the same numbers come again */
	}
	for (struct transaction *t = ledger_oldest(s->ledger); t != NULL;
	     t = ledger_younger(t)) {
		if (t->record_seq >= seq) {
			t->record_seq = seq - 1;
			t->dirty_since = 1;
		} else if (t->dirty_since > seq) {
			t->dirty_since = seq;
		}
	}
}

/* The failed batch becomes the open one and uses its sequence again: the ring has no gap. */
static void reopen(struct store *s, struct batch *failed, struct batch *open)
{
	struct put *puts = failed->puts;
	size_t count = failed->put_count;

	failed->puts = NULL;
	failed->put_count = failed->put_size = 0;
	batch_reset(failed, failed->seq);
	keep_removals(failed, puts, count);
	keep_removals(failed, open->puts, open->put_count);
	free(puts);
	batch_reset(open, 0);
	s->open = failed;
}

void engine_recover(struct store *s, struct batch *failed)
{
	struct buf keep = BUF_INIT(BATCH_ENTRIES_MAX);
	struct batch *open = s->open, told[2] = { *failed, *open };
	const struct span entries[] = { buf_span(&failed->entries), buf_span(&open->entries) };
	struct undo_pairs pairs;

	s->down = true;
	s->down_until_ns = clock_mono_ns() + RETRY_FAILED_NS;
	undo_crossings(s, failed);
	undo_crossings(s, open);
	undo_pairs_make(&pairs, entries, ARRAY_SIZE(entries));
	undo_batch(s, failed, &pairs, &keep);
	undo_batch(s, open, &pairs, &keep);
	undo_pairs_free(&pairs);
	s->round = failed->before;
	owe_records(s, failed->seq);
	failed->waiters = open->waiters = NULL;
	failed->waiter_size = open->waiter_size = 0;
	reopen(s, failed, open);
	if (buf_ok(&keep))
		buf_add_span(&s->open->entries, buf_span(&keep));
	buf_free(&keep);
	for (size_t i = 0; i < ARRAY_SIZE(told); i++)
		batch_answer(&told[i], true);
}
