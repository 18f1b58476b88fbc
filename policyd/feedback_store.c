/* feedback_store - a batch's records. Runs in the store's thread, or before it.
 *
 * trouble  tenant, NUL, digest (16 octets) -> trouble_put()
 * queue    queue id -> track's record
 * meta     "log_position" -> device, inode, offset (u64 each), checksum u64 */
#include <endian.h>

#include "feedback_batch.h"

static const struct span position_key = { "log_position", 12 };

static void put_key(struct buf *b, const struct failure *f)
{
	buf_reset(b);
	buf_add_span(b, span_cstr(f->tenant));
	buf_add_char(b, '\0');
	buf_add(b, f->digest, DIGEST_SIZE);
}

/* What an earlier failure of this batch left for the same address. */
static const struct failure *earlier(const struct feedback_batch *b, const struct failure *f)
{
	for (const struct failure *o = f; o-- > b->failures;)
		if (memcmp(o->digest, f->digest, DIGEST_SIZE) == 0 &&
		    strcmp(o->tenant, f->tenant) == 0)
			return o;
	return NULL;
}

static enum err decide_one(const struct feedback_batch *b, struct failure *f,
    struct kv_txn *txn, const struct feedback_databases *d)
{
	struct buf key = BUF_INIT(KV_KEY_MAX), value = BUF_INIT(1024);
	const struct failure *before = earlier(b, f);
	enum err e = ERR_OK;

	f->trouble = (struct trouble){ .count = 0 };
	if (before != NULL) {
		f->trouble = before->trouble;
	} else {
		put_key(&key, f);
		e = kv_get(txn, d->trouble, buf_span(&key), &value);
		/* Damage costs a hit; it does not suppress anybody. */
		if (e == ERR_OK &&
		    trouble_get(buf_span(&key), buf_span(&value), &f->trouble) != ERR_OK)
			f->trouble.count = 0;
		if (e == ERR_NOTFOUND)
			e = ERR_OK;
	}
	if (f->delivered)
		f->trouble.count = 0;
	else
		f->suppress = trouble_add(&f->trouble, f->class, f->time_s);
	f->wipe = f->trouble.count == 0;
	buf_free(&key);
	buf_free(&value);
	return e;
}

enum err feedback_decide(
    struct feedback_batch *b, struct kv_txn *txn, const struct feedback_databases *d)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < b->failure_count && e == ERR_OK; i++)
		e = decide_one(b, b->failures + i, txn, d);
	return e;
}

static enum err write_failures(
    const struct feedback_batch *b, struct kv_txn *txn, const struct feedback_databases *d)
{
	struct buf key = BUF_INIT(KV_KEY_MAX), value = BUF_INIT(1024);
	enum err e = ERR_OK;

	for (size_t i = 0; i < b->failure_count && e == ERR_OK; i++) {
		const struct failure *f = b->failures + i;

		put_key(&key, f);
		buf_reset(&value);
		trouble_put(&value, buf_span(&key), &f->trouble);
		if (!buf_ok(&key) || !buf_ok(&value))
			e = ERR_NOMEM;
		else if (f->wipe)
			e = kv_delete(txn, d->trouble, buf_span(&key));
		else
			e = kv_put(txn, d->trouble, buf_span(&key), buf_span(&value));
		if (e == ERR_NOTFOUND)
			e = ERR_OK;
	}
	buf_free(&key);
	buf_free(&value);
	return e;
}

static enum err write_tracked(
    const struct feedback_batch *b, struct kv_txn *txn, const struct feedback_databases *d)
{
	struct span rest = buf_span(&b->tracked), id;
	enum err e = ERR_OK;

	while (e == ERR_OK && span_next(&rest, '\0', &id)) {
		uint16_t n;

		memcpy(&n, rest.p, sizeof n);
		rest = span_from(rest, sizeof n);
		e = n > 0 ? kv_put(txn, d->queue, id, span_head(rest, n))
			  : kv_delete(txn, d->queue, id);
		if (e == ERR_NOTFOUND)
			e = ERR_OK;
		rest = span_from(rest, n);
	}
	return e;
}

static enum err write_position(
    const struct log_position *p, struct kv_txn *txn, const struct feedback_databases *d)
{
	uint64_t words[4] = { htole64(p->device), htole64(p->inode), htole64(p->offset) };

	words[3] = htole64(hash64(span_make((const char *)words, 24), 1));
	return kv_put(txn, d->meta, position_key, span_make((const char *)words, sizeof words));
}

enum err feedback_write(const struct feedback_batch *b, struct kv_txn *txn,
    const struct feedback_databases *d, uint64_t *damaged_r)
{
	enum err e = count_batch_write(b->counts, txn, d->counts, damaged_r);

	if (e == ERR_OK)
		e = write_failures(b, txn, d);
	if (e == ERR_OK)
		e = write_tracked(b, txn, d);
	if (e == ERR_OK && b->lines > 0)
		e = write_position(&b->position, txn, d);
	return e;
}

struct reacting {
	struct feedback_batch *batch;
	struct kv_txn *txn;
	unsigned database;
	const struct reactions *rules;
	int64_t now_s;
	enum err result;
};

static void react_subject(void *context, const struct count_subject *subject)
{
	struct reacting *r = context;
	struct counts sums;

	if (r->result == ERR_OK)
		r->result = counts_sum(r->txn, r->database, subject, r->now_s, 24, &sums);
	if (r->result == ERR_OK)
		react_sums(r->rules, subject, &sums, r->now_s, feedback_batch_act, r->batch);
}

enum err feedback_react(struct feedback_batch *b, struct kv_txn *txn,
    const struct feedback_databases *d, const struct reactions *rules, int64_t now_s)
{
	struct reacting r = {
		.batch = b, .txn = txn, .database = d->counts, .rules = rules, .now_s = now_s
	};

	if (rules != NULL)
		count_batch_each_bad(b->counts, react_subject, &r);
	return r.result;
}

/* ---- at start ---- */

static enum err load_position(
    struct kv_txn *txn, const struct feedback_databases *d, struct log_position *position_r)
{
	struct buf value = BUF_INIT(64);
	enum err e = kv_get(txn, d->meta, position_key, &value);
	uint64_t words[4];

	*position_r = (struct log_position){ .inode = 0 };
	if (e == ERR_OK && value.n != sizeof words)
		e = ERR_CORRUPT;
	if (e == ERR_OK) {
		memcpy(words, value.p, sizeof words);
		if (le64toh(words[3]) == hash64(span_head(buf_span(&value), 24), 1))
			*position_r = (struct log_position){ le64toh(words[0]),
				le64toh(words[1]), le64toh(words[2]) };
		else
			e = ERR_CORRUPT;
	}
	buf_free(&value);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

struct loading {
	struct tracker *tracker;
	struct fingerprints *troubled;
	int64_t old_s;
	struct buf old; /* keys: u16, octets */
	enum err result;
};

static bool load_tracked(void *context, struct span key, struct span value)
{
	struct loading *l = context;
	enum err e = track_restore(l->tracker, key, value);

	if (e == ERR_NOMEM)
		l->result = e;
	return e != ERR_NOMEM; /* a damaged one is a message that nobody knows */
}

static bool load_trouble(void *context, struct span key, struct span value)
{
	struct loading *l = context;
	size_t nul = span_find(key, '\0', 0);
	struct trouble t;

	if (key.n != nul + 1 + DIGEST_SIZE)
		return true;
	if (trouble_get(key, value, &t) != ERR_OK || t.count == 0 ||
	    t.hits[t.count - 1].time_s < l->old_s) {
		uint16_t n = (uint16_t)key.n;

		buf_add(&l->old, &n, sizeof n);
		buf_add_span(&l->old, key);
		return true;
	}
	if (!fingerprints_reserve(l->troubled, 1)) {
		l->result = ERR_NOMEM;
		return false;
	}
	fingerprints_add(
	    l->troubled, feedback_mark(span_head(key, nul), (const uint8_t *)key.p + nul + 1));
	return true;
}

static enum err delete_old(
    struct kv_txn *txn, const struct feedback_databases *d, struct span keys)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && keys.n > 2) {
		uint16_t n;

		memcpy(&n, keys.p, sizeof n);
		keys = span_from(keys, sizeof n);
		if (keys.n < n)
			break; /* there were more than fit; next time */
		e = kv_delete(txn, d->trouble, span_head(keys, n));
		keys = span_from(keys, n);
	}
	return e;
}

enum err feedback_load(struct kv *kv, const struct feedback_databases *d, int64_t now_s,
    struct log_position *position_r, struct tracker *tracker, struct fingerprints *troubled)
{
	struct loading l = { .tracker = tracker,
		.troubled = troubled,
		.old_s = now_s - 30 * 86400,
		.old = BUF_INIT(16u << 20) };
	const struct span all = { "", 0 };
	struct kv_txn *txn = NULL;
	enum err e = kv_begin(kv, true, &txn);

	if (e == ERR_OK)
		e = load_position(txn, d, position_r);
	if (e == ERR_OK)
		e = kv_scan(txn, d->queue, all, all, load_tracked, &l);
	if (e == ERR_OK)
		e = kv_scan(txn, d->trouble, all, all, load_trouble, &l);
	if (e == ERR_OK)
		e = l.result;
	if (e == ERR_OK)
		e = delete_old(txn, d, buf_span(&l.old));
	if (e == ERR_OK)
		e = kv_commit(&txn);
	else
		kv_abort(&txn);
	buf_free(&l.old);
	return e;
}
