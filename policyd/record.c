/* record - records into a database, in the store's thread, in one transaction. Knows no
 * contents. */
#include <stdlib.h>

#include "log.h"
#include "record.h"

#define BATCH_OCTETS ((size_t)256 << 20)

struct record_batch {
	struct store *store;
	unsigned database;
	const char *what;
	struct buf records; /* u32 key, u32 value, octets of both; a value of 0: deleted */
	enum err result;
	record_done *done;
	void *context;
};

void record_batch_free(struct record_batch **b)
{
	if (*b == NULL)
		return;
	buf_free(&(*b)->records);
	free(*b);
	*b = NULL;
}

struct record_batch *record_batch_new(struct store *store, unsigned database, const char *what)
{
	struct record_batch *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	*b = (struct record_batch){ .store = store, .database = database, .what = what };
	buf_init(&b->records, BATCH_OCTETS);
	return b;
}

void record_batch_add(struct record_batch *b, struct span key, struct span value)
{
	const uint32_t lengths[2] = { (uint32_t)key.n, (uint32_t)value.n };

	if (key.n == 0 || key.n > KV_KEY_MAX || value.n > UINT32_MAX)
		b->records.failed = true;
	buf_add(&b->records, lengths, sizeof lengths);
	buf_add_span(&b->records, key);
	buf_add_span(&b->records, value);
}

static enum err put_all(const struct record_batch *b, struct kv_txn *txn)
{
	struct span rest = buf_span(&b->records);
	enum err e = ERR_OK;

	while (e == ERR_OK && rest.n > 0) {
		uint32_t lengths[2];
		struct span key, value;

		memcpy(lengths, rest.p, sizeof lengths);
		key = span_head(span_from(rest, sizeof lengths), lengths[0]);
		value = span_head(span_from(rest, sizeof lengths + key.n), lengths[1]);
		rest = span_from(rest, sizeof lengths + key.n + value.n);
		e = value.n > 0 ? kv_put(txn, b->database, key, value)
				: kv_delete(txn, b->database, key);
		if (e == ERR_NOTFOUND)
			e = ERR_OK;
	}
	return e;
}

static void batch_run(struct kv *kv, void *argument)
{
	struct record_batch *b = argument;
	struct kv_txn *txn;

	do {
		txn = NULL;
		b->result = kv_begin(kv, true, &txn);
		if (b->result == ERR_OK)
			b->result = put_all(b, txn);
		if (b->result == ERR_OK)
			b->result = kv_commit(&txn);
		else
			kv_abort(&txn);
	} while (b->result == ERR_FULL && kv_grow(kv) == ERR_OK);
}

static void batch_done(void *argument)
{
	struct record_batch *b = argument;

	if (b->result != ERR_OK)
		log_text(LOG_LEVEL_ERROR, "store: %s: %s; a restart will not know it", b->what,
		    err_text(b->result));
	if (b->done != NULL)
		b->done(b->context, b->result);
	record_batch_free(&b);
}

enum err record_batch_write(struct record_batch **b, record_done *done, void *context)
{
	enum err e = ERR_NOMEM;

	if (*b == NULL)
		return e;
	(*b)->done = done;
	(*b)->context = context;
	if (buf_ok(&(*b)->records))
		e = store_run((*b)->store, batch_run, batch_done, *b);
	if (e != ERR_OK)
		record_batch_free(b);
	*b = NULL;
	return e;
}

enum err record_change(struct store *store, unsigned database, struct span key,
    struct span value, const char *what, record_done *done, void *context)
{
	struct record_batch *b = record_batch_new(store, database, what);

	if (b != NULL)
		record_batch_add(b, key, value);
	return record_batch_write(&b, done, context);
}
