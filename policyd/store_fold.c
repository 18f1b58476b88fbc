/* store_fold - changed buckets and transactions into their records, a slice with each batch, so
 * that the journal behind the slice may be overwritten. */
#include "store_engine.h"

static void fold_bucket(struct store *s, struct batch *b, uint32_t number)
{
	struct bucket *k = bucket_at(s->buckets, number);
	struct put *p;

	if (k == NULL || !k->dirty)
		return;
	p = batch_grow((void **)&b->folded, &b->folded_size, b->folded_count, sizeof *b->folded)
		? batch_put(b, s->databases.bucket, store_bucket_key(number).octets, 4)
		: NULL;
	if (p == NULL) {
		b->broken = true;
		return;
	}
	journal_seal_bucket(&b->values, b->seq,
	    &(struct bucket_record){ .number = number,
		.name = span_cstr(k->name),
		.window = k->window,
		.rate = k->rate,
		.alerted = k->alerted,
		.is_rate = k->is_rate });
	p->value_octets = b->values.n - p->value_at;
	b->folded[b->folded_count++] = number;
	k->dirty = false;
	k->record_seq = b->seq;
	k->named = true;
}

static void fold_transaction(struct store *s, struct batch *b, struct transaction *t)
{
	struct buf entries = BUF_INIT(BATCH_ENTRIES_MAX);
	struct put *p = batch_put(b, s->databases.transaction, &t->id, sizeof t->id);

	journal_write_transaction(&entries, t);
	if (p != NULL && buf_ok(&entries)) {
		journal_seal(&b->values, b->seq, buf_span(&entries));
		p->value_octets = b->values.n - p->value_at;
		t->record_seq = b->seq;
		t->dirty_since = 0;
	} else if (p != NULL) {
		/* Forgotten by a restart, its recipients would be charged again: never less. */
		b->put_count--;
	}
	buf_free(&entries);
}

/* Moves the hand far enough that a round takes at most a quarter of the ring, however many
 * buckets are made meanwhile: those have no entries from before the round. */
void engine_fold(struct store *s, struct batch *b)
{
	struct round *r = &s->round;
	uint32_t steps = r->end / (STORE_RING / 4) + 1;

	b->before = *r;
	while (steps-- > 0 && r->hand < r->end)
		fold_bucket(s, b, r->hand++);
	if (r->hand < r->end)
		return;
	for (struct transaction *t = ledger_oldest(s->ledger); t != NULL; t = ledger_younger(t))
		if (t->dirty_since != 0 && t->dirty_since < r->seq)
			fold_transaction(s, b, t);
	b->checkpoint = r->seq - 1;
	*r = (struct round){ .seq = b->seq + 1, .end = bucket_count(s->buckets) };
}
