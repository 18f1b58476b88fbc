/* store_load - the store's layout on disk: opening, loading, replay, verification. Knows nothing
 * of the loop and of decisions. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "hash.h"
#include "journal.h"
#include "log.h"
#include "store_load.h"

#define CHECKPOINT_SEED 1

struct store_key store_bucket_key(uint32_t number)
{
	struct store_key k;

	number = htobe32(number);
	memcpy(k.octets, &number, sizeof number);
	return k;
}

void store_journal_key(uint64_t seq, uint8_t slot[4])
{
	struct store_key k = store_bucket_key((uint32_t)(seq % STORE_RING));

	memcpy(slot, k.octets, sizeof k.octets);
}

/* ---- meta ---- */

static enum err get_u64(
    struct kv_txn *txn, unsigned database, const char *name, uint64_t *value_r)
{
	struct buf b = BUF_INIT(64);
	enum err e = kv_get(txn, database, span_cstr(name), &b);

	*value_r = 0;
	if (e == ERR_OK && b.n == sizeof *value_r) {
		memcpy(value_r, b.p, sizeof *value_r);
		*value_r = le64toh(*value_r);
	} else if (e == ERR_OK) {
		e = ERR_CORRUPT;
	}
	buf_free(&b);
	return e;
}

static enum err put_u64(struct kv_txn *txn, unsigned database, const char *name, uint64_t value)
{
	value = htole64(value);
	return kv_put(
	    txn, database, span_cstr(name), span_make((const char *)&value, sizeof value));
}

/* The number and a checksum of it. A wrong number here would pass over journal records, and with
 * them counters, without a word. */
struct checkpoint {
	uint64_t number, checksum;
};

static uint64_t checkpoint_checksum(uint64_t number)
{
	return hash64(span_make((const char *)&number, sizeof number), CHECKPOINT_SEED);
}

enum err store_put_checkpoint(
    struct kv_txn *txn, const struct store_databases *d, uint64_t checkpoint)
{
	uint64_t number = htole64(checkpoint);
	struct checkpoint c = { number, htole64(checkpoint_checksum(number)) };

	return kv_put(
	    txn, d->meta, span_cstr("checkpoint"), span_make((const char *)&c, sizeof c));
}

/* Earlier programs wrote the number alone. */
static enum err get_checkpoint(
    struct kv_txn *txn, const struct store_databases *d, uint64_t *checkpoint_r)
{
	struct buf b = BUF_INIT(64);
	struct checkpoint c = { 0 };
	enum err e = kv_get(txn, d->meta, span_cstr("checkpoint"), &b);

	if (e == ERR_OK && (b.n == sizeof c || b.n == sizeof c.number))
		memcpy(&c, b.p, b.n);
	else if (e == ERR_OK)
		e = ERR_CORRUPT;
	if (e == ERR_OK && b.n == sizeof c &&
	    le64toh(c.checksum) != checkpoint_checksum(c.number))
		e = ERR_CORRUPT;
	*checkpoint_r = e == ERR_OK ? le64toh(c.number) : 0;
	buf_free(&b);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err put_schema(struct kv *kv, const struct store_databases *d)
{
	struct kv_txn *txn = NULL;
	enum err e = kv_begin(kv, true, &txn);

	if (e == ERR_OK)
		e = put_u64(txn, d->meta, "schema", STORE_SCHEMA);
	if (e == ERR_OK)
		return kv_commit(&txn);
	kv_abort(&txn);
	return e;
}

/* From 1 to 2 nothing that is stored changes; databases are added. Whoever wants to go back has a
 * copy that the earlier program can read. */
static enum err migrate(struct kv *kv, const char *path, const struct store_databases *d,
    uint64_t schema, char *error, size_t size)
{
	char copy[1024];
	int n = snprintf(copy, sizeof copy, "%s/before-schema-%d", path, STORE_SCHEMA);
	enum err e = n > 0 && (size_t)n < sizeof copy ? kv_backup(kv, copy) : ERR_TOOBIG;

	/* A copy of an attempt that got no further is as good. */
	if (e == ERR_EXISTS)
		e = ERR_OK;
	if (e != ERR_OK) {
		snprintf(error, size, "store: a copy before the change to schema %d: %s: %s",
		    STORE_SCHEMA, copy, err_text(e));
		return e;
	}
	e = put_schema(kv, d);
	if (e == ERR_OK)
		log_text(LOG_LEVEL_INFO,
		    "store: schema %llu became %d; a copy from before is %s",
		    (unsigned long long)schema, STORE_SCHEMA, copy);
	else
		snprintf(error, size, "store: schema version: %s", err_text(e));
	return e;
}

static enum err check_schema(
    struct kv *kv, const char *path, const struct store_databases *d, char *error, size_t size)
{
	struct kv_txn *txn = NULL;
	uint64_t schema = 0;
	enum err e = kv_begin(kv, false, &txn);

	if (e == ERR_OK)
		e = get_u64(txn, d->meta, "schema", &schema);
	kv_abort(&txn);
	if (e == ERR_OK && schema >= 1 && schema < STORE_SCHEMA)
		return migrate(kv, path, d, schema, error, size);
	if (e == ERR_OK && schema != STORE_SCHEMA) {
		snprintf(error, size,
		    "store: schema version %llu, this program knows %d; install the version "
		    "that wrote it, or put its copy before-schema-%llu in its place",
		    (unsigned long long)schema, STORE_SCHEMA, (unsigned long long)schema);
		return ERR_VERSION;
	}
	if (e == ERR_NOTFOUND)
		e = put_schema(kv, d);
	if (e != ERR_OK)
		snprintf(error, size, "store: schema version: %s", err_text(e));
	return e;
}

enum err store_databases_open(struct kv *kv, const char *path,
    struct store_databases *databases_r, char *error, size_t size)
{
	const struct {
		const char *name;
		unsigned *database;
	} all[] = {
		{ "meta", &databases_r->meta },
		{ "journal", &databases_r->journal },
		{ "bucket", &databases_r->bucket },
		{ "transaction", &databases_r->transaction },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		enum err e = kv_database(kv, all[i].name, all[i].database);

		if (e != ERR_OK) {
			snprintf(
			    error, size, "store: database %s: %s", all[i].name, err_text(e));
			return e;
		}
	}
	return check_schema(kv, path, databases_r, error, size);
}

/* ---- loading ---- */

struct loading {
	struct bucket_table *buckets;
	struct ledger *ledger;
	uint64_t checkpoint, last_seq;
	struct record {
		uint64_t seq;
		struct buf bytes;
	} * records; /* journal records after the checkpoint, by slot */
	enum err result;
	const char *what;
};

static bool load_bucket(void *context, struct span key, struct span value)
{
	struct loading *l = context;
	struct bucket_record r;
	struct bucket *b;
	uint64_t seq;

	l->result = journal_unseal_bucket(value, &seq, &r);
	if (l->result == ERR_OK &&
	    (key.n != 4 || memcmp(store_bucket_key(r.number).octets, key.p, 4) != 0))
		l->result = ERR_CORRUPT;
	if (l->result == ERR_OK)
		l->result = bucket_restore(l->buckets, r.number, r.name);
	if (l->result != ERR_OK)
		return false;
	b = bucket_at(l->buckets, r.number);
	b->window = r.window;
	b->rate = r.rate;
	b->alerted = r.alerted;
	b->is_rate = r.is_rate;
	b->record_seq = seq;
	b->named = true;
	return true;
}

/* Names come before bookings; a booking of no bucket would be a count that is lost. */
static enum err apply_bookings(struct loading *l, const struct journal_entry *e, uint64_t seq)
{
	for (size_t i = 0; i < e->booking_count; i++) {
		if (bucket_at(l->buckets, e->bookings[i].bucket) == NULL)
			return ERR_CORRUPT;
		bucket_replay(l->buckets, &e->bookings[i], seq);
	}
	return ERR_OK;
}

static enum err apply_refund(
    struct loading *l, struct transaction *t, const struct journal_entry *e, uint64_t seq)
{
	for (size_t i = 0; i < e->booking_count; i++) {
		const struct bucket *b = bucket_at(l->buckets, e->bookings[i].bucket);

		if (b != NULL && seq > b->record_seq)
			bucket_refund(l->buckets, &e->bookings[i]);
	}
	if (t == NULL || seq <= t->record_seq)
		return ERR_OK;
	if (t->dirty_since == 0)
		t->dirty_since = seq;
	if (e->recipient == 0) {
		ledger_unspend(l->ledger, t);
	} else {
		struct recipient_entry *r = ledger_recipient(t, e->recipient);

		if (r != NULL) {
			r->refunded = true;
			t->charged--;
		}
	}
	return ERR_OK;
}

/* Buckets and transactions each skip what their own record already includes. */
static enum err apply(struct loading *l, const struct journal_entry *e, uint64_t seq)
{
	struct transaction *t = ledger_find(l->ledger, e->transaction);
	bool fresh = t == NULL || seq > t->record_seq;
	enum err r = ERR_OK;

	switch (e->kind) {
	case ENTRY_BUCKET: return bucket_restore(l->buckets, e->bucket, e->name);
	case ENTRY_OPEN:
		if (t == NULL &&
		    ledger_open(l->ledger, e->transaction, &e->facts, e->time_ns) == NULL)
			return ERR_NOMEM;
		return ERR_OK;
	case ENTRY_BIND: return t != NULL && fresh ? ledger_bind(t, e->name) : ERR_OK;
	case ENTRY_RECIPIENT:
	case ENTRY_SPEND:
		r = apply_bookings(l, e, seq);
		if (r != ERR_OK || t == NULL || !fresh)
			return r;
		r = e->kind == ENTRY_RECIPIENT
			? ledger_add_recipient(t, e->recipient, e->bookings, e->booking_count)
			: ledger_spend(l->ledger, t, e->name, e->bookings, e->booking_count);
		if (e->kind == ENTRY_SPEND)
			ledger_touch(l->ledger, t, e->time_ns);
		break;
	case ENTRY_REFUND: return apply_refund(l, t, e, seq);
	case ENTRY_DROP:
		if (t != NULL && fresh)
			ledger_drop(l->ledger, t);
		return ERR_OK;
	case ENTRY_RESET: {
		const struct bucket *b = bucket_at(l->buckets, e->bucket);

		if (b != NULL && seq > b->record_seq)
			bucket_reset(l->buckets, e->bucket);
		return ERR_OK;
	}
	}
	if (t != NULL && t->dirty_since == 0)
		t->dirty_since = seq;
	return r;
}

static bool load_transaction(void *context, struct span key, struct span value)
{
	struct loading *l = context;
	struct journal_reader r;
	struct journal_entry e;
	struct transaction *t;
	struct hash128 id;
	uint64_t seq;

	if (key.n != sizeof id) {
		l->result = ERR_CORRUPT;
		return false;
	}
	memcpy(&id, key.p, sizeof id);
	l->result = journal_unseal(value, &seq, &r.rest);
	/* Its bookings are in the buckets' records already, or come from the journal: only the
	 * ledger takes part here. */
	while (l->result == ERR_OK && (l->result = journal_read(&r, &e)) == ERR_OK) {
		t = ledger_find(l->ledger, id);
		if (e.kind == ENTRY_OPEN) {
			if (ledger_open(l->ledger, id, &e.facts, e.time_ns) == NULL)
				l->result = ERR_NOMEM;
		} else if (t == NULL) {
			l->result = ERR_CORRUPT;
		} else if (e.kind == ENTRY_BIND) {
			l->result = ledger_bind(t, e.name);
		} else if (e.kind == ENTRY_RECIPIENT) {
			l->result =
			    ledger_add_recipient(t, e.recipient, e.bookings, e.booking_count);
		} else if (e.kind == ENTRY_REFUND) {
			struct recipient_entry *x = ledger_recipient(t, e.recipient);

			if (x != NULL && !x->refunded) {
				x->refunded = true;
				t->charged--;
			}
		} else if (e.kind == ENTRY_SPEND) {
			l->result =
			    ledger_spend(l->ledger, t, e.name, e.bookings, e.booking_count);
		}
	}
	if (l->result != ERR_NOTFOUND)
		return false;
	l->result = ERR_OK;
	t = ledger_find(l->ledger, id);
	if (t != NULL)
		t->record_seq = seq;
	return true;
}

static bool load_record(void *context, struct span key, struct span value)
{
	struct loading *l = context;
	struct span entries;
	uint8_t slot[4];
	struct record *r;
	uint64_t seq;

	l->result = journal_unseal(value, &seq, &entries);
	if (l->result != ERR_OK)
		return false;
	store_journal_key(seq, slot);
	if (key.n != sizeof slot || memcmp(slot, key.p, sizeof slot) != 0) {
		l->result = ERR_CORRUPT;
		return false;
	}
	if (seq > l->last_seq)
		l->last_seq = seq;
	if (seq <= l->checkpoint)
		return true;
	r = &l->records[seq % STORE_RING];
	r->seq = seq;
	buf_init(&r->bytes, entries.n);
	buf_add_span(&r->bytes, entries);
	if (!buf_ok(&r->bytes))
		l->result = ERR_NOMEM;
	return l->result == ERR_OK;
}

static enum err replay(struct loading *l)
{
	enum err e = ERR_OK;

	/* The newest record is never taken away: the journal reaches at least that far. */
	if (l->last_seq < l->checkpoint || l->last_seq - l->checkpoint >= STORE_RING)
		return ERR_CORRUPT;
	for (uint64_t seq = l->checkpoint + 1; seq <= l->last_seq && e == ERR_OK; seq++) {
		const struct record *r = &l->records[seq % STORE_RING];
		struct journal_reader reader = { .rest = buf_span(&r->bytes) };
		struct journal_entry entry;

		if (r->seq != seq)
			return ERR_CORRUPT;
		while ((e = journal_read(&reader, &entry)) == ERR_OK)
			if ((e = apply(l, &entry, seq)) != ERR_OK)
				return e;
		if (e == ERR_NOTFOUND)
			e = ERR_OK;
	}
	return e;
}

static enum err load_all(struct loading *l, struct kv_txn *txn, const struct store_databases *d)
{
	const struct span all = { "", 0 };
	const struct {
		const char *what;
		unsigned database;
		kv_visit *visit;
	} steps[] = {
		{ "bucket", d->bucket, load_bucket },
		{ "transaction", d->transaction, load_transaction },
		{ "journal", d->journal, load_record },
	};
	enum err e = get_checkpoint(txn, d, &l->checkpoint);

	l->what = "checkpoint";
	l->last_seq = 0;
	for (size_t i = 0; i < ARRAY_SIZE(steps) && e == ERR_OK; i++) {
		l->what = steps[i].what;
		l->result = ERR_OK;
		e = kv_scan(txn, steps[i].database, all, all, steps[i].visit, l);
		if (e == ERR_OK)
			e = l->result;
	}
	if (e == ERR_OK) {
		l->what = "journal replay";
		e = replay(l);
	}
	return e;
}

enum err store_load(struct kv *kv, const struct store_databases *d,
    struct bucket_table *buckets, struct ledger *ledger, uint64_t *last_seq_r, char *error,
    size_t size)
{
	struct loading l = { .buckets = buckets, .ledger = ledger };
	struct kv_txn *txn = NULL;
	enum err e = ERR_NOMEM;

	l.what = "records";
	l.records = calloc(STORE_RING, sizeof *l.records);
	if (l.records != NULL)
		e = kv_begin(kv, false, &txn);
	if (e == ERR_OK)
		e = load_all(&l, txn, d);
	kv_abort(&txn);
	for (size_t i = 0; l.records != NULL && i < STORE_RING; i++)
		buf_free(&l.records[i].bytes);
	free(l.records);
	*last_seq_r = l.last_seq;
	if (e != ERR_OK)
		snprintf(error, size,
		    "store: %s: %s; restore a backup (counters are never guessed)", l.what,
		    err_text(e));
	return e;
}

/* ---- verification ---- */

struct verifying {
	struct store_verification *v;
	const char *what;
};

static bool verify_record(void *context, struct span key, struct span value)
{
	struct verifying *c = context;
	struct journal_reader r;
	struct journal_entry entry;
	struct bucket_record bucket;
	uint64_t seq;
	enum err e;

	if (strcmp(c->what, "bucket") == 0) {
		e = journal_unseal_bucket(value, &seq, &bucket);
	} else {
		e = journal_unseal(value, &seq, &r.rest);
		while (e == ERR_OK)
			e = journal_read(&r, &entry);
		if (e == ERR_NOTFOUND)
			e = ERR_OK;
	}
	c->v->records++;
	if (e == ERR_OK)
		return true;
	if (c->v->damaged++ == 0)
		snprintf(c->v->first, sizeof c->v->first,
		    "%s record of %zu octets (key %zu): %s", c->what, value.n, key.n,
		    err_text(e));
	return true;
}

enum err store_verify(
    struct kv *kv, const struct store_databases *d, struct store_verification *verification_r)
{
	const struct span all = { "", 0 };
	const struct {
		const char *what;
		unsigned database;
	} steps[] = { { "bucket", d->bucket }, { "transaction", d->transaction },
		{ "journal", d->journal } };
	struct kv_txn *txn = NULL;
	enum err e = kv_begin(kv, false, &txn);

	*verification_r = (struct store_verification){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(steps) && e == ERR_OK; i++) {
		struct verifying c = { verification_r, steps[i].what };

		e = kv_scan(txn, steps[i].database, all, all, verify_record, &c);
	}
	kv_abort(&txn);
	return e;
}
