/* store_admit - deciding and settling: memory changes at once, entries go to the open batch.
 * Knows neither the thread nor the disk. */
#include <stdlib.h>

#include "clock.h"
#include "store_engine.h"

/* ---- the loop's side: deciding ---- */

static void mark_dirty(struct store *s, struct transaction *t)
{
	if (t->dirty_since == 0)
		t->dirty_since = s->open->seq;
}

/* Half an entry must not stay when memory or the batch's bound ends: it would make the record
 * unreadable. */
bool engine_write(struct store *s, const struct journal_entry *e)
{
	struct buf *entries = &s->open->entries;
	size_t before = entries->n;

	if (s->open->opened_ns == 0)
		s->open->opened_ns = clock_mono_ns();
	journal_write(entries, e);
	if (!buf_ok(entries)) {
		entries->n = before;
		entries->failed = false;
		return false;
	}
	s->statistics.entries++;
	return true;
}

static bool name_buckets(struct store *s, const struct booking *bookings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bucket *k = bucket_at(s->buckets, bookings[i].bucket);

		if (k->named || k->named_seq == s->open->seq)
			continue;
		if (!engine_write(s, &(struct journal_entry){ .kind = ENTRY_BUCKET,
					 .bucket = bookings[i].bucket,
					 .name = span_cstr(k->name) }))
			return false;
		k->named_seq = s->open->seq;
	}
	return true;
}

/* Takes the book-keeping of a grant out of the ledger again. */
void engine_unrecord(
    struct store *s, struct transaction *t, enum stage stage, uint64_t recipient)
{
	if (stage == STAGE_RECIPIENT)
		ledger_remove_recipient(t, recipient);
	else
		ledger_unspend(s->ledger, t);
	if (t->recipient_count == 0 && t->state == TRANSACTION_OPEN)
		ledger_drop(s->ledger, t);
}

/* A transaction begins: with it, what it is bound to. */
static bool write_open(
    struct store *s, const struct transaction *t, const struct transaction_facts *facts)
{
	return engine_write(s, &(struct journal_entry){ .kind = ENTRY_OPEN,
				   .transaction = t->id,
				   .time_ns = t->touched_ns,
				   .facts = *facts }) &&
	       (facts->source.n == 0 ||
		   engine_write(s,
		       &(struct journal_entry){
			   .kind = ENTRY_BIND, .transaction = t->id, .name = facts->source }));
}

/* The transaction's book-keeping for a granted admission. False: out of memory; nothing of it
 * stays. */
static bool record_grant(struct store *s, const struct admission *a, size_t candidate,
    struct transaction *t, const struct booking *bookings, size_t count)
{
	struct transaction_facts facts = a->facts;
	struct journal_entry e = { .kind = a->stage == STAGE_RECIPIENT ? ENTRY_RECIPIENT
								       : ENTRY_SPEND,
		.transaction = a->transaction,
		.recipient = a->recipient,
		.name = a->queue_id,
		.time_ns = a->now_ns,
		.bookings = bookings,
		.booking_count = count };
	bool opened = t == NULL;

	if (a->candidate_count > 0)
		facts.source = a->candidates[candidate].source;
	if (opened)
		t = ledger_open(s->ledger, a->transaction, &facts, a->now_ns);
	if (t == NULL)
		return false;
	if ((a->stage == STAGE_RECIPIENT
		    ? ledger_add_recipient(t, a->recipient, bookings, count)
		    : ledger_spend(s->ledger, t, a->queue_id, bookings, count)) != ERR_OK) {
		if (opened)
			ledger_drop(s->ledger, t);
		return false;
	}
	ledger_touch(s->ledger, t, a->now_ns);
	/* What was written before the entry that did not fit does no harm alone. */
	if (!name_buckets(s, bookings, count) || (opened && !write_open(s, t, &facts)) ||
	    !engine_write(s, &e)) {
		engine_unrecord(s, t, a->stage, a->recipient);
		return false;
	}
	mark_dirty(s, t);
	return true;
}

static void keep_crossings(struct store *s, struct waiter *w, const struct admission *a,
    const struct booking *bookings, size_t count)
{
	for (size_t i = 0; i < count && w->crossing_count < CROSSINGS_MAX; i++) {
		const struct bucket *k;
		const struct charge *c =
		    i < a->count ? &a->charges[i]
				 : &a->candidates[w->outcome.candidate].charges[i - a->count];

		if (bookings[i].crossed == 0)
			continue;
		if (w->crossings == NULL)
			w->crossings = calloc(CROSSINGS_MAX, sizeof *w->crossings);
		if (w->crossings == NULL)
			return;
		k = bucket_at(s->buckets, bookings[i].bucket);
		w->crossings[w->crossing_count++] = (struct crossing){ .name = k->name,
			.bits = bookings[i].crossed,
			.used = k->window.used,
			.limit = c->limit,
			.end_s = k->window.end_s };
	}
}

static bool is_repeat(const struct transaction *t, const struct admission *a)
{
	if (t == NULL)
		return false;
	if (a->stage == STAGE_END_OF_MESSAGE)
		return t->state == TRANSACTION_SPENT;
	return ledger_recipient(t, a->recipient) != NULL;
}

/* After a failure, and when it is time, the next batch is the trial. */
static bool takes_admissions(const struct store *s)
{
	return !s->down || (s->flying == NULL && clock_mono_ns() >= s->down_until_ns);
}

static void admit_one(struct store *s, const struct admission *a, store_done *done)
{
	struct transaction *t = ledger_find(s->ledger, a->transaction);
	struct waiter w = { .done = done, .context = a->context };
	struct booking bookings[CHARGES_MAX];
	size_t count = 0;

	w.outcome.result = ADMISSION_FAILED;
	if (!takes_admissions(s) || s->open->waiter_count >= BATCH_WAITERS)
		goto now;
	if (is_repeat(t, a)) {
		w.outcome.result = ADMISSION_REPEATED;
		if (s->flying == NULL && s->open->entries.n == 0)
			goto now;
		/* The first answer may still be on its way to the disk: wait with it. */
		goto later;
	}
	bucket_admit(s->buckets, a->charges, a->count, a->candidates, a->candidate_count,
	    a->now_ns, &w.outcome, bookings, &count);
	if (w.outcome.result != ADMISSION_GRANTED)
		goto now;
	if (!record_grant(s, a, w.outcome.candidate, t, bookings, count)) {
		for (size_t i = 0; i < count; i++)
			bucket_undo(s->buckets, &bookings[i]);
		w.outcome.result = ADMISSION_FAILED;
		goto now;
	}
	keep_crossings(s, &w, a, bookings, count);
	if (s->options.relaxed)
		goto now;
later:
	if (batch_wait(s->open, &w))
		return;
	/* Charged and journaled, but nobody could be told: to the client that is a failure, and
	 * its retry of the same instance is a repeat. */
	w.outcome.result = ADMISSION_FAILED;
now:
	done(a->context, &w.outcome, w.crossings, w.crossing_count);
	free(w.crossings);
}

void store_admit(struct store *s, const struct admission *batch, size_t count, store_done *done)
{
	for (size_t i = 0; i < count; i++)
		admit_one(s, &batch[i], done);
}

/* ---- the loop's side: settling ---- */

static void give_back(struct store *s, struct transaction *t, struct recipient_entry *r)
{
	const struct booking *b = t->bookings + (r != NULL ? r->first : t->message_first);
	size_t count = r != NULL ? r->count : t->message_count;

	for (size_t i = 0; i < count; i++)
		bucket_refund(s->buckets, &b[i]);
	engine_write(s, &(struct journal_entry){ .kind = ENTRY_REFUND,
			    .transaction = t->id,
			    .recipient = r != NULL ? r->hash : 0,
			    .bookings = b,
			    .booking_count = count });
	mark_dirty(s, t);
	if (r == NULL) {
		/* Nothing of the message is charged any more, so the same instance asked again
		 * (Postfix before 3.12 can go on after a rejected end of data) is charged anew. */
		ledger_unspend(s->ledger, t);
		return;
	}
	r->refunded = true;
	t->charged--;
}

static void give_back_all(struct store *s, struct transaction *t)
{
	for (uint32_t i = 0; i < t->recipient_count; i++)
		if (!t->recipients[i].refunded)
			give_back(s, t, &t->recipients[i]);
	if (t->state == TRANSACTION_SPENT)
		give_back(s, t, NULL);
}

static void forget(struct store *s, struct transaction *t)
{
	engine_write(s, &(struct journal_entry){ .kind = ENTRY_DROP, .transaction = t->id });
	if (t->record_seq != 0) {
		struct put *p =
		    batch_put(s->open, s->databases.transaction, &t->id, sizeof t->id);

		if (p != NULL)
			p->remove = true;
	}
	ledger_drop(s->ledger, t);
}

void store_abandon(struct store *s, struct hash128 transaction, bool finished, bool refund)
{
	struct transaction *t = ledger_find(s->ledger, transaction);

	if (t == NULL || (t->state == TRANSACTION_SPENT && !finished))
		return;
	if (t->state == TRANSACTION_OPEN && refund)
		give_back_all(s, t);
	else if (t->state == TRANSACTION_OPEN && !finished)
		return; /* a lost reply: asked again elsewhere it must not cost twice */
	forget(s, t);
}

void store_settle(struct store *s, struct span queue_id, bool rejected,
    const uint64_t *accepted, size_t count)
{
	struct transaction *t = ledger_find_queue_id(s->ledger, queue_id);

	if (t == NULL)
		return;
	if (rejected) {
		give_back_all(s, t);
		return;
	}
	for (uint32_t i = 0; i < t->recipient_count && count > 0; i++) {
		struct recipient_entry *r = &t->recipients[i];
		size_t k;

		for (k = 0; k < count && accepted[k] != r->hash; k++)
			;
		if (k == count && !r->refunded)
			give_back(s, t, r);
	}
}

const struct transaction *store_transaction(const struct store *s, struct span queue_id)
{
	return ledger_find_queue_id(s->ledger, queue_id);
}

uint32_t store_charged(const struct store *s, struct hash128 transaction)
{
	const struct transaction *t = ledger_find(s->ledger, transaction);

	return t != NULL ? t->charged : 0;
}

bool store_facts(
    const struct store *s, struct hash128 transaction, struct transaction_facts *facts_r)
{
	const struct transaction *t = ledger_find(s->ledger, transaction);

	if (t != NULL)
		*facts_r = ledger_facts(t);
	return t != NULL;
}

bool store_has_recipient(const struct store *s, struct hash128 transaction, uint64_t recipient)
{
	const struct transaction *t = ledger_find(s->ledger, transaction);

	return t != NULL && ledger_recipient(t, recipient) != NULL;
}

void store_tick(struct store *s, int64_t now_ns)
{
	struct transaction *t = ledger_oldest(s->ledger), *next;

	for (; t != NULL && t->touched_ns < now_ns - SPENT_KEEP_NS; t = next) {
		next = ledger_younger(t);
		if (t->state == TRANSACTION_SPENT || t->touched_ns < now_ns - OPEN_KEEP_NS)
			forget(s, t);
	}
}

/* ---- the loop's side: buckets ---- */

uint32_t store_bucket(struct store *s, struct span name)
{
	return bucket_obtain(s->buckets, name);
}

uint32_t store_find_bucket(const struct store *s, struct span name)
{
	return bucket_find(s->buckets, name);
}

uint32_t store_bucket_count(const struct store *s)
{
	return bucket_count(s->buckets);
}

const char *store_bucket_name(const struct store *s, uint32_t bucket)
{
	const struct bucket *k = bucket_at(s->buckets, bucket);

	return k != NULL ? k->name : NULL;
}

const struct bucket *store_bucket_state(const struct store *s, uint32_t bucket)
{
	static const struct bucket untouched;
	const struct bucket *k = bucket_at(s->buckets, bucket);

	return k != NULL ? k : &untouched;
}

bool store_peek(const struct store *s, const struct charge *charge, int64_t now_ns,
    uint64_t *used_r, int64_t *retry_s_r)
{
	return bucket_peek(s->buckets, charge, now_ns, used_r, retry_s_r);
}

void store_reset_bucket(struct store *s, uint32_t bucket)
{
	if (bucket_at(s->buckets, bucket) == NULL)
		return;
	bucket_reset(s->buckets, bucket);
	engine_write(s, &(struct journal_entry){ .kind = ENTRY_RESET, .bucket = bucket });
}
