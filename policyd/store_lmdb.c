/* store_lmdb - the LMDB engine of store.h.
 *
 * Two batches take turns. The loop decides into the open one; the store thread commits the other:
 * one journal record in a ring of fixed keys, plus the slice of changed bucket records that the
 * hand has come to. When the hand has gone round once, everything older than the round's start
 * lies in bucket and transaction records, and the checkpoint moves there. Starting reads the
 * records and replays the ring from the checkpoint. Knows no SMTP and no tenants. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "journal.h"
#include "log.h"
#include "store.h"
#include "store_load.h"
#include "store_undo.h"

#define BATCH_ENTRIES_MAX (64u << 20) /* octets of entries a batch can hold */
#define BATCH_WAITERS     65536u      /* admissions one batch can hold */
#define RETRY_FAILED_NS   NS_PER_S    /* after a failed commit the next try waits so long */
#define LATENCIES         1024u
#define SPENT_KEEP_NS     (600 * NS_PER_S) /* no milter asked in that time: nobody will */
#define OPEN_KEEP_NS      (7200 * NS_PER_S)

struct waiter {
	store_done *done;
	void *context;
	struct outcome outcome;
	struct crossing *crossings; /* owned; NULL mostly */
	size_t crossing_count;
};

/* Folding goes round and round over the buckets. */
struct round {
	uint64_t seq;       /* batch in which it began */
	uint32_t hand, end; /* next bucket to fold; buckets there were when it began */
};

struct put {
	unsigned database;
	uint8_t key[16];
	uint8_t key_octets;
	bool remove;
	size_t value_at, value_octets; /* in batch.values */
};

struct batch {
	uint64_t seq;
	struct buf entries, record, values;
	struct put *puts;
	size_t put_count, put_size;
	uint32_t *folded; /* buckets whose record this batch writes */
	size_t folded_count, folded_size;
	struct waiter *waiters;
	size_t waiter_count, waiter_size;
	uint64_t checkpoint; /* 0: stays */
	struct round before; /* where folding stood when this batch was closed */
	bool broken;         /* out of memory: must not be committed */
	bool failed;
	int64_t opened_ns; /* monotonic, of the first entry */
};

struct job {
	struct job *next;
	store_job *run;
	store_job_done *done;
	void *argument;
};

struct job_list {
	struct job *first, **last;
};

struct store {
	struct store_options options;
	struct kv *kv;
	struct store_databases databases;
	unsigned extra[STORE_DATABASE_COUNT];
	struct bucket_table *buckets;
	struct ledger *ledger;

	struct batch batches[2], *open, *flying; /* flying: with the thread, else NULL */
	struct round round;
	int64_t down_until_ns; /* monotonic; after a failed commit */
	bool down;

	pthread_t thread;
	bool thread_runs;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct batch *todo, *finished; /* under lock */
	struct job_list jobs, jobs_finished;
	bool stop;
	int wake_fd;

	struct store_statistics statistics;
	uint32_t latencies_us[LATENCIES];
};

/* ---- batches ---- */

static void batch_reset(struct batch *b, uint64_t seq)
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

static void batch_free(struct batch *b)
{
	buf_free(&b->entries);
	buf_free(&b->record);
	buf_free(&b->values);
	free(b->puts);
	free(b->folded);
	free(b->waiters);
}

static bool grow(void **p, size_t *size, size_t count, size_t item)
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

static struct put *batch_put(struct batch *b, unsigned database, const void *key, size_t n)
{
	struct put *p;

	if (!grow((void **)&b->puts, &b->put_size, b->put_count, sizeof *b->puts))
		return NULL;
	p = &b->puts[b->put_count++];
	*p = (struct put){ .database = database, .key_octets = (uint8_t)n };
	memcpy(p->key, key, n);
	p->value_at = b->values.n;
	return p;
}

static bool batch_wait(struct batch *b, const struct waiter *w)
{
	if (!grow((void **)&b->waiters, &b->waiter_size, b->waiter_count, sizeof *b->waiters))
		return false;
	b->waiters[b->waiter_count++] = *w;
	if (b->opened_ns == 0)
		b->opened_ns = clock_mono_ns();
	return true;
}

/* ---- the store thread ---- */

static enum err write_puts(struct store *s, struct kv_txn *txn, const struct batch *b)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < b->put_count && e == ERR_OK; i++) {
		const struct put *p = &b->puts[i];
		struct span key = span_make((const char *)p->key, p->key_octets);

		if (p->remove) {
			e = kv_delete(txn, p->database, key);
			if (e == ERR_NOTFOUND)
				e = ERR_OK;
		} else {
			e = kv_put(txn, p->database, key,
			    span_make(b->values.p + p->value_at, p->value_octets));
		}
	}
	if (e == ERR_OK && b->checkpoint != 0)
		e = store_put_checkpoint(txn, &s->databases, b->checkpoint);
	return e;
}

static enum err commit_once(struct store *s, const struct batch *b)
{
	struct kv_txn *txn = NULL;
	uint8_t slot[4];
	enum err e = b->broken ? ERR_NOMEM : kv_begin(s->kv, true, &txn);

	if (e != ERR_OK)
		return e;
	store_journal_key(b->seq, slot);
	e = kv_put(txn, s->databases.journal, span_make((const char *)slot, sizeof slot),
	    buf_span(&b->record));
	if (e == ERR_OK)
		e = write_puts(s, txn, b);
	if (e == ERR_OK)
		return kv_commit(&txn);
	kv_abort(&txn);
	return e;
}

static enum err commit(struct store *s, const struct batch *b)
{
	enum err e = commit_once(s, b);

	while (e == ERR_FULL && kv_grow(s->kv) == ERR_OK)
		e = commit_once(s, b);
	return e;
}

static void wake(struct store *s)
{
	uint64_t one = 1;

	/* The counter cannot overflow: the loop reads it. */
	if (write(s->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
		log_text(LOG_LEVEL_ERROR, "eventfd: write failed");
}

static void thread_commit(struct store *s, struct batch *b)
{
	int64_t start = clock_mono_ns(), took;
	enum err e = commit(s, b);

	took = (clock_mono_ns() - start) / 1000;
	b->failed = e != ERR_OK;
	if (b->failed)
		log_text(LOG_LEVEL_ERROR,
		    "store: commit failed: %s; mail of tenants is deferred", err_text(e));
	pthread_mutex_lock(&s->lock);
	s->latencies_us[s->statistics.commits % LATENCIES] =
	    took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	s->statistics.commits++;
	s->statistics.failures += b->failed;
	s->finished = b;
	s->todo = NULL;
}

static struct job *job_take(struct job_list *l)
{
	struct job *j = l->first;

	if (j == NULL)
		return NULL;
	l->first = j->next;
	if (l->first == NULL)
		l->last = &l->first;
	j->next = NULL;
	return j;
}

static void job_append(struct job_list *l, struct job *j)
{
	j->next = NULL;
	*l->last = j;
	l->last = &j->next;
}

static void *store_thread(void *argument)
{
	struct store *s = argument;
	struct job *j;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		if (s->todo != NULL) {
			struct batch *b = s->todo;

			pthread_mutex_unlock(&s->lock);
			thread_commit(s, b); /* returns with the lock held */
			wake(s);
		} else if ((j = job_take(&s->jobs)) != NULL) {
			pthread_mutex_unlock(&s->lock);
			j->run(s->kv, j->argument);
			pthread_mutex_lock(&s->lock);
			job_append(&s->jobs_finished, j);
			wake(s);
		} else if (s->stop) {
			break;
		} else {
			pthread_cond_wait(&s->work, &s->lock);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- folding: changed buckets and transactions into their records ---- */

static void fold_bucket(struct store *s, struct batch *b, uint32_t number)
{
	struct bucket *k = bucket_at(s->buckets, number);
	struct put *p;

	if (k == NULL || !k->dirty)
		return;
	p = grow((void **)&b->folded, &b->folded_size, b->folded_count, sizeof *b->folded)
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
static void fold(struct store *s, struct batch *b)
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

/* ---- the loop's side: deciding ---- */

static void mark_dirty(struct store *s, struct transaction *t)
{
	if (t->dirty_since == 0)
		t->dirty_since = s->open->seq;
}

/* Half an entry must not stay when memory or the batch's bound ends: it would make the record
 * unreadable. */
static bool write_entry(struct store *s, const struct journal_entry *e)
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
		if (!write_entry(s, &(struct journal_entry){ .kind = ENTRY_BUCKET,
					.bucket = bookings[i].bucket,
					.name = span_cstr(k->name) }))
			return false;
		k->named_seq = s->open->seq;
	}
	return true;
}

/* Takes the book-keeping of a grant out of the ledger again. */
static void unrecord(
    struct store *s, struct transaction *t, enum stage stage, uint64_t recipient)
{
	if (stage == STAGE_RECIPIENT)
		ledger_remove_recipient(t, recipient);
	else
		ledger_unspend(s->ledger, t);
	if (t->recipient_count == 0 && t->state == TRANSACTION_OPEN)
		ledger_drop(s->ledger, t);
}

/* The transaction's book-keeping for a granted admission. False: out of memory; nothing of it
 * stays. */
static bool record_grant(struct store *s, const struct admission *a, struct transaction *t,
    const struct booking *bookings, size_t count)
{
	struct journal_entry e = { .kind = a->stage == STAGE_RECIPIENT ? ENTRY_RECIPIENT
								       : ENTRY_SPEND,
		.transaction = a->transaction,
		.recipient = a->recipient,
		.name = a->queue_id,
		.time_ns = a->now_ns,
		.bookings = bookings,
		.booking_count = count };
	bool opened = t == NULL;

	if (opened)
		t = ledger_open(s->ledger, a->transaction, &a->facts, a->now_ns);
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
	if (!name_buckets(s, bookings, count) ||
	    (opened && !write_entry(s, &(struct journal_entry){ .kind = ENTRY_OPEN,
					   .transaction = t->id,
					   .time_ns = a->now_ns,
					   .facts = a->facts })) ||
	    !write_entry(s, &e)) {
		unrecord(s, t, a->stage, a->recipient);
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
	if (!record_grant(s, a, t, bookings, count)) {
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

/* Callbacks may admit, abandon and settle: they get here when all else is done. */
static void answer(struct waiter *waiters, size_t count, bool failed)
{
	struct outcome failure = { .result = ADMISSION_FAILED };

	for (size_t i = 0; i < count; i++) {
		struct waiter *w = &waiters[i];

		w->done(w->context, failed ? &failure : &w->outcome,
		    failed ? NULL : w->crossings, failed ? 0 : w->crossing_count);
		free(w->crossings);
	}
}

static void answer_batch(struct batch *b, bool failed)
{
	struct waiter *waiters = b->waiters;
	size_t count = b->waiter_count;

	b->waiters = NULL;
	b->waiter_count = b->waiter_size = 0;
	answer(waiters, count, failed);
	free(waiters);
}

void store_admit(struct store *s, const struct admission *batch, size_t count, store_done *done)
{
	for (size_t i = 0; i < count; i++)
		admit_one(s, &batch[i], done);
}

/* ---- a failed commit ---- */

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
		case ENTRY_RECIPIENT:
		case ENTRY_SPEND:
			if (!undo_pairs_next(pairs))
				undo_bookings(s, &e);
			if (t != NULL)
				unrecord(s, t,
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

static void recover(struct store *s, struct batch *failed)
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
		answer_batch(&told[i], true);
}

/* ---- the loop's side: settling ---- */

static void give_back(struct store *s, struct transaction *t, struct recipient_entry *r)
{
	const struct booking *b = t->bookings + (r != NULL ? r->first : t->message_first);
	size_t count = r != NULL ? r->count : t->message_count;

	for (size_t i = 0; i < count; i++)
		bucket_refund(s->buckets, &b[i]);
	write_entry(s, &(struct journal_entry){ .kind = ENTRY_REFUND,
			   .transaction = t->id,
			   .recipient = r != NULL ? r->hash : 0,
			   .bookings = b,
			   .booking_count = count });
	mark_dirty(s, t);
	if (r == NULL) {
		t->message_count = 0;
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
	if (t->state == TRANSACTION_SPENT && t->message_count > 0)
		give_back(s, t, NULL);
}

static void forget(struct store *s, struct transaction *t)
{
	write_entry(s, &(struct journal_entry){ .kind = ENTRY_DROP, .transaction = t->id });
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
	write_entry(s, &(struct journal_entry){ .kind = ENTRY_RESET, .bucket = bucket });
}

/* ---- the loop's side: batches and jobs ---- */

static bool due(const struct store *s, int64_t mono_ns)
{
	const struct batch *b = s->open;

	if (b->opened_ns == 0 && b->entries.n == 0 && b->put_count == 0)
		return false;
	if (s->down)
		return mono_ns >= s->down_until_ns;
	return !s->options.relaxed ||
	       mono_ns - b->opened_ns >= s->options.relaxed_interval_ns || s->stop;
}

static void launch(struct store *s)
{
	struct batch *b = s->open;

	fold(s, b);
	journal_seal(&b->record, b->seq, buf_span(&b->entries));
	b->broken |= !buf_ok(&b->record) || !buf_ok(&b->values) || !buf_ok(&b->entries);
	s->flying = b;
	s->open = b == &s->batches[0] ? &s->batches[1] : &s->batches[0];
	batch_reset(s->open, b->seq + 1);
	pthread_mutex_lock(&s->lock);
	s->todo = b;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

void store_flush(struct store *s, int64_t mono_ns)
{
	if (s->flying == NULL && due(s, mono_ns))
		launch(s);
}

static void finish(struct store *s, struct batch *b)
{
	s->flying = NULL;
	if (b->failed) {
		recover(s, b);
		return;
	}
	if (s->down)
		log_text(LOG_LEVEL_WARNING, "store: commits work again");
	s->down = false;
	answer_batch(b, false);
	batch_reset(b, 0);
}

void store_complete(struct store *s)
{
	struct batch *b;
	struct job *j;
	uint64_t n;

	if (read(s->wake_fd, &n, sizeof n) < 0 && errno != EAGAIN)
		log_text(LOG_LEVEL_ERROR, "eventfd: read failed");
	for (;;) {
		pthread_mutex_lock(&s->lock);
		b = s->finished;
		s->finished = NULL;
		j = b == NULL ? job_take(&s->jobs_finished) : NULL;
		pthread_mutex_unlock(&s->lock);
		if (b != NULL) {
			finish(s, b);
		} else if (j != NULL) {
			j->done(j->argument);
			free(j);
		} else {
			return;
		}
	}
}

enum err store_run(struct store *s, store_job *run, store_job_done *done, void *argument)
{
	struct job *j = calloc(1, sizeof *j);

	if (j == NULL)
		return ERR_NOMEM;
	j->run = run;
	j->done = done;
	j->argument = argument;
	pthread_mutex_lock(&s->lock);
	job_append(&s->jobs, j);
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	return ERR_OK;
}

int store_wake_fd(const struct store *s)
{
	return s->wake_fd;
}

bool store_healthy(const struct store *s)
{
	return !s->down;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void store_statistics(struct store *s, struct store_statistics *statistics_r)
{
	uint32_t sorted[LATENCIES];
	size_t n;

	pthread_mutex_lock(&s->lock);
	*statistics_r = s->statistics;
	memcpy(sorted, s->latencies_us, sizeof sorted);
	pthread_mutex_unlock(&s->lock);
	n = statistics_r->commits < LATENCIES ? (size_t)statistics_r->commits : LATENCIES;
	qsort(sorted, n, sizeof sorted[0], compare_u32);
	if (n > 0) {
		statistics_r->commit_p50_us = sorted[n / 2];
		statistics_r->commit_p99_us = sorted[n * 99 / 100];
	}
	statistics_r->transactions = ledger_count(s->ledger);
	statistics_r->buckets = bucket_count(s->buckets);
	kv_usage(s->kv, &statistics_r->usage);
}

struct kv *store_kv(struct store *s)
{
	return s->kv;
}

unsigned store_database(const struct store *s, enum store_database which)
{
	return s->extra[which];
}

const struct store_databases *store_layout(const struct store *s)
{
	return &s->databases;
}

/* ---- life ---- */

static enum err open_databases(struct store *s, char *error, size_t size)
{
	static const char *const names[STORE_DATABASE_COUNT] = {
		[STORE_SUPPRESS] = "suppress",
		[STORE_TENANT] = "tenant",
		[STORE_META] = "meta",
	};
	enum err e = store_databases_open(s->kv, &s->databases, error, size);

	for (size_t i = 0; i < ARRAY_SIZE(names) && e == ERR_OK; i++)
		e = kv_database(s->kv, names[i], &s->extra[i]);
	return e;
}

enum err store_open(
    const struct store_options *options, struct store **store_r, char *error, size_t size)
{
	struct kv_options kv = { .map_octets = options->map_octets,
		.map_ceiling = options->map_ceiling,
		.databases = STORE_DATABASES };
	struct store *s = calloc(1, sizeof *s);
	uint64_t last_seq = 0;
	enum err e = ERR_NOMEM;

	snprintf(error, size, "store: %s", err_text(ERR_NOMEM));
	if (s == NULL)
		return e;
	s->options = *options;
	s->wake_fd = -1;
	s->jobs.last = &s->jobs.first;
	s->jobs_finished.last = &s->jobs_finished.first;
	for (size_t i = 0; i < ARRAY_SIZE(s->batches); i++) {
		buf_init(&s->batches[i].entries, BATCH_ENTRIES_MAX);
		buf_init(&s->batches[i].record, BATCH_ENTRIES_MAX * 2);
		buf_init(&s->batches[i].values, BATCH_ENTRIES_MAX * 2);
	}
	s->buckets = bucket_table_new();
	s->ledger = ledger_new();
	if (s->buckets == NULL || s->ledger == NULL ||
	    pthread_mutex_init(&s->lock, NULL) != 0 || pthread_cond_init(&s->work, NULL) != 0)
		goto fail;
	e = kv_open(options->path, &kv, &s->kv, error, size);
	if (e == ERR_OK)
		e = open_databases(s, error, size);
	if (e == ERR_OK)
		e = store_load(
		    s->kv, &s->databases, s->buckets, s->ledger, &last_seq, error, size);
	if (e != ERR_OK)
		goto fail;
	s->open = &s->batches[0];
	batch_reset(s->open, last_seq + 1);
	s->round = (struct round){ .seq = last_seq + 1, .end = bucket_count(s->buckets) };
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	e = ERR_IO;
	if (s->wake_fd < 0 || pthread_create(&s->thread, NULL, store_thread, s) != 0)
		goto fail;
	s->thread_runs = true;
	*store_r = s;
	return ERR_OK;
fail:
	store_close(&s);
	return e;
}

/* Waits for the batch with the thread, then for the one that is open. */
static void drain(struct store *s)
{
	for (int i = 0; i < 3; i++) {
		while (s->flying != NULL) {
			bool ready;

			pthread_mutex_lock(&s->lock);
			ready = s->finished != NULL;
			pthread_mutex_unlock(&s->lock);
			if (ready)
				store_complete(s);
			else
				usleep(200);
		}
		if (!s->down && (s->open->entries.n > 0 || s->open->waiter_count > 0))
			launch(s);
	}
}

void store_close(struct store **store)
{
	struct store *s = *store;

	if (s == NULL)
		return;
	if (s->thread_runs) {
		drain(s);
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		store_complete(s);
		answer_batch(s->open, true); /* commits still failed */
	}
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	for (size_t i = 0; i < ARRAY_SIZE(s->batches); i++)
		batch_free(&s->batches[i]);
	ledger_free(&s->ledger);
	bucket_table_free(&s->buckets);
	kv_close(&s->kv);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
	*store = NULL;
}
