/* ramps_record - how far each has come, as records.
 *
 * key  : scope letter, name, NUL, place
 * value: version u8, state u8 (and CHOSEN), reason u8, plan u8 + octets, day u32, idle u32, judged
 *        i64, went back i64, since i64, checksum u64 over key and value */
#include <endian.h>

#include "log.h"
#include "ramps_inside.h"
#include "record.h"

#define VERSION 1
#define CHOSEN  0x80u

static void put_u32(struct buf *out, uint32_t value)
{
	value = htole32(value);
	buf_add(out, &value, sizeof value);
}

static void put_i64(struct buf *out, int64_t value)
{
	uint64_t v = htole64((uint64_t)value);

	buf_add(out, &v, sizeof v);
}

static struct span key_of(const struct ramp_entry *e)
{
	return span_make(e->key, e->key_n);
}

static uint64_t checksum(struct span key, struct span body)
{
	return hash64(body, hash64(key, VERSION));
}

static void put_value(struct buf *out, const struct ramp_entry *e)
{
	const struct warmup_progress *p = &e->ramp.progress;
	struct span plan = span_cstr(e->plan);

	buf_add_char(out, VERSION);
	buf_add_char(out, (char)(p->state | (e->ramp.chosen ? CHOSEN : 0)));
	buf_add_char(out, (char)p->reason);
	buf_add_char(out, (char)plan.n);
	buf_add_span(out, plan);
	put_u32(out, p->day);
	put_u32(out, p->idle);
	put_i64(out, p->judged);
	put_i64(out, p->went_back);
	put_i64(out, e->ramp.since_s);
	put_i64(out, (int64_t)checksum(key_of(e), buf_span(out)));
}

struct record_batch *ramp_batch(struct ramps *r)
{
	return record_batch_new(r->store, r->database, "a warm-up");
}

void ramp_batch_add(struct record_batch *b, const struct ramp_entry *e)
{
	char space[512];
	struct buf value = { .p = space, .size = sizeof space, .max = sizeof space };

	put_value(&value, e); /* fits: a plan's name is the only part that varies */
	record_batch_add(b, key_of(e), buf_span(&value));
}

void ramp_store(struct ramps *r, const struct ramp_entry *e)
{
	struct record_batch *b = ramp_batch(r);

	if (b != NULL)
		ramp_batch_add(b, e);
	if (record_batch_write(&b, NULL, NULL) != ERR_OK)
		log_text(LOG_LEVEL_ERROR, "store: a warm-up: %s", err_text(ERR_NOMEM));
}

struct fixed {
	uint32_t day, idle;
	uint64_t judged, went_back, since;
} __attribute__((packed));

static bool get_value(struct span key, struct span value, struct ramp_entry *e)
{
	struct span body = span_head(value, value.n < 8 ? 0 : value.n - 8);
	struct warmup_progress *p = &e->ramp.progress;
	struct fixed f;
	uint64_t sum;
	size_t n;

	if (body.n < 4 + sizeof f || body.p[0] != VERSION)
		return false;
	memcpy(&sum, value.p + body.n, sizeof sum);
	n = (unsigned char)body.p[3];
	if (le64toh(sum) != checksum(key, body) || body.n != 4 + n + sizeof f ||
	    ((unsigned char)body.p[1] & ~CHOSEN) >= WARMUP_STATES ||
	    (unsigned char)body.p[2] >= WARMUP_REASONS ||
	    !span_copy(span_head(span_from(body, 4), n), e->plan, sizeof e->plan))
		return false;
	memcpy(&f, body.p + 4 + n, sizeof f);
	*p = (struct warmup_progress){ .state = (enum warmup_state)(
					   (unsigned char)body.p[1] & ~CHOSEN),
		.reason = (enum warmup_reason)body.p[2],
		.day = le32toh(f.day),
		.idle = le32toh(f.idle),
		.judged = (int64_t)le64toh(f.judged),
		.went_back = (int64_t)le64toh(f.went_back) };
	e->ramp.since_s = (int64_t)le64toh(f.since);
	e->ramp.chosen = ((unsigned char)body.p[1] & CHOSEN) != 0;
	return true;
}

/* A damaged one is no reason to begin anew, or not to be limited: as with counters, a backup is. */
static bool load_entry(void *context, struct span key, struct span value)
{
	struct ramps *r = context;
	struct ramp_entry *e = ramp_obtain(r, key);

	if (e == NULL)
		r->load_result = ERR_NOMEM;
	else if (!get_value(key, value, e))
		r->load_result = ERR_CORRUPT;
	return r->load_result == ERR_OK;
}

static int by_beginning(const struct ramp_entry *a, const struct ramp_entry *b)
{
	return (a->ramp.since_s > b->ramp.since_s) - (a->ramp.since_s < b->ramp.since_s);
}

enum err ramp_load_all(struct ramps *r)
{
	const struct span all = { "", 0 };
	struct kv_txn *txn = NULL;
	enum err e = kv_begin(store_kv(r->store), false, &txn);

	if (e == ERR_OK)
		e = kv_scan(txn, r->database, all, all, load_entry, r);
	kv_abort(&txn);
	if (r->entries != NULL)
		HASH_SORT(r->entries, by_beginning);
	return e == ERR_OK ? r->load_result : e;
}
