/* counts - rows of counters. Knows no tenant's rules and no reaction. */
#include <endian.h>
#include <stdlib.h>

#include "counts.h"
#include "table.h"

#define VERSION 1
#define HOUR_S  3600
#define DAY_S   86400

static const char *const words[COUNTS] = { "delivered", "deferred", "delayed", "bounced",
	"hard", "blocked", "refused", "unproven", "slowed", "complained", "unsubscribed",
	"clicked", "opened" };
static const char *const scope_words[COUNT_SCOPES] = { "tenant", "stream", "domain", "source" };
static const char letters[COUNT_SCOPES] = { 't', 's', 'd', 'o' };

const char *count_text(enum count c)
{
	return words[c];
}

const char *count_scope_text(enum count_scope scope)
{
	return scope_words[scope];
}

bool count_scope_of(struct span word, enum count_scope *scope_r)
{
	for (size_t i = 0; i < COUNT_SCOPES; i++)
		if (span_eq(word, span_cstr(scope_words[i]))) {
			*scope_r = (enum count_scope)i;
			return true;
		}
	return false;
}

/* ---- what an attempt counts as ---- */

static const struct {
	enum reply_class class;
	enum count count;
	bool final; /* only of messages that failed for good */
} extras[] = {
	{ REPLY_INVALID_RECIPIENT, COUNT_HARD, true },
	{ REPLY_INACTIVE_MAILBOX, COUNT_HARD, true },
	{ REPLY_BAD_DOMAIN, COUNT_HARD, true },
	{ REPLY_IP_BLOCK, COUNT_BLOCKED, false },
	{ REPLY_DOMAIN_BLOCK, COUNT_BLOCKED, false },
	{ REPLY_CONTENT, COUNT_REFUSED, false },
	{ REPLY_AUTHENTICATION, COUNT_UNPROVEN, false },
	{ REPLY_RATE_LIMIT, COUNT_SLOWED, false },
};

void counts_of_attempt(
    enum delivery_status status, bool first, enum reply_class class, struct counts *counts_io)
{
	bool final = status == DELIVERY_BOUNCED || status == DELIVERY_EXPIRED;

	if (status == DELIVERY_SENT) {
		counts_io->at[COUNT_DELIVERED]++;
		return;
	}
	if (final)
		counts_io->at[COUNT_BOUNCED]++;
	else
		counts_io->at[COUNT_DEFERRED]++;
	if (!final && first)
		counts_io->at[COUNT_DELAYED]++;
	for (size_t i = 0; i < ARRAY_SIZE(extras); i++)
		if (extras[i].class == class && (final || !extras[i].final))
			counts_io->at[extras[i].count]++;
}

/* ---- keys and values ---- */

static void put_start(struct buf *b, char period, uint32_t number)
{
	number = htobe32(number);
	buf_add_char(b, period);
	buf_add(b, &number, sizeof number);
}

static void put_key(struct buf *b, char period, uint32_t number, const struct count_subject *s)
{
	put_start(b, period, number);
	buf_add_char(b, letters[s->scope]);
	buf_add_span(b, s->name);
	buf_add_char(b, '\0');
	buf_add_span(b, s->provider);
}

static void put_value(struct buf *b, struct span key, const struct counts *counts)
{
	size_t from = b->n;
	uint64_t sum;

	buf_add_char(b, VERSION);
	for (size_t i = 0; i < COUNTS; i++) {
		uint32_t n = counts->at[i] > UINT32_MAX ? UINT32_MAX : (uint32_t)counts->at[i];

		n = htole32(n);
		buf_add(b, &n, sizeof n);
	}
	sum = buf_ok(b) ? hash64(span_make(b->p + from, b->n - from), hash64(key, VERSION)) : 0;
	sum = htole64(sum);
	buf_add(b, &sum, sizeof sum);
}

static bool get_value(struct span key, struct span value, struct counts *counts_io)
{
	uint64_t sum;
	struct span body = span_head(value, 1 + 4 * COUNTS);

	if (value.n != 1 + 4 * COUNTS + sizeof sum || value.p[0] != VERSION)
		return false;
	memcpy(&sum, value.p + body.n, sizeof sum);
	if (le64toh(sum) != hash64(body, hash64(key, VERSION)))
		return false;
	for (size_t i = 0; i < COUNTS; i++) {
		uint32_t n;

		memcpy(&n, body.p + 1 + 4 * i, sizeof n);
		counts_io->at[i] += le32toh(n);
	}
	return true;
}

/* ---- a batch ---- */

struct change {
	UT_hash_handle hh;
	struct counts counts;
	size_t key_n;
	char key[];
};

struct count_batch {
	struct change *changes;
};

struct count_batch *count_batch_new(void)
{
	return calloc(1, sizeof(struct count_batch));
}

void count_batch_reset(struct count_batch *b)
{
	struct change *c, *next;

	HASH_ITER(hh, b->changes, c, next)
	{
		HASH_DEL(b->changes, c);
		free(c);
	}
}

void count_batch_free(struct count_batch **b)
{
	if (*b == NULL)
		return;
	count_batch_reset(*b);
	free(*b);
	*b = NULL;
}

static bool add_key(struct count_batch *b, struct span key, const struct counts *counts)
{
	struct change *c = NULL;

	HASH_FIND(hh, b->changes, key.p, key.n, c);
	if (c == NULL) {
		c = calloc(1, sizeof *c + key.n);
		if (c == NULL)
			return false;
		memcpy(c->key, key.p, key.n);
		c->key_n = key.n;
		HASH_ADD_KEYPTR(hh, b->changes, c->key, key.n, c);
	}
	for (size_t i = 0; i < COUNTS; i++)
		c->counts.at[i] += counts->at[i];
	return true;
}

bool count_batch_add(struct count_batch *b, const struct count_subject *subject, int64_t time_s,
    const struct counts *counts)
{
	char space[KV_KEY_MAX];
	struct buf key = { .p = space, .size = sizeof space, .max = sizeof space };
	bool good;

	put_key(&key, 'h', (uint32_t)(time_s / HOUR_S), subject);
	good = buf_ok(&key) && add_key(b, buf_span(&key), counts);
	buf_reset(&key);
	put_key(&key, 'd', (uint32_t)(time_s / DAY_S), subject);
	return good && buf_ok(&key) && add_key(b, buf_span(&key), counts);
}

enum err count_batch_write(
    const struct count_batch *b, struct kv_txn *txn, unsigned database, uint64_t *damaged_r)
{
	struct buf value = BUF_INIT(512);
	const struct change *c;
	enum err e = ERR_OK;

	*damaged_r = 0;
	for (c = b->changes; c != NULL && e == ERR_OK; c = c->hh.next) {
		struct span key = span_make(c->key, c->key_n);
		struct counts sum = c->counts;

		e = kv_get(txn, database, key, &value);
		if (e == ERR_OK && !get_value(key, buf_span(&value), &sum))
			(*damaged_r)++;
		if (e != ERR_OK && e != ERR_NOTFOUND)
			break;
		buf_reset(&value);
		put_value(&value, key, &sum);
		e = buf_ok(&value) ? kv_put(txn, database, key, buf_span(&value)) : ERR_NOMEM;
	}
	buf_free(&value);
	return e;
}

void count_batch_each_bad(const struct count_batch *b, count_batch_visit *visit, void *context)
{
	for (const struct change *c = b->changes; c != NULL; c = c->hh.next) {
		struct span rest = span_from(span_make(c->key, c->key_n), 6);
		struct count_subject subject = { .scope = COUNT_TENANT };
		size_t nul = span_find(rest, '\0', 0);

		if (c->key[0] != 'h' || nul == rest.n ||
		    c->counts.at[COUNT_HARD] + c->counts.at[COUNT_COMPLAINED] +
			    c->counts.at[COUNT_DELAYED] ==
			0)
			continue;
		for (size_t i = 0; i < COUNT_SCOPES; i++)
			if (letters[i] == c->key[5])
				subject.scope = (enum count_scope)i;
		subject.name = span_head(rest, nul);
		subject.provider = span_from(rest, nul + 1);
		visit(context, &subject);
	}
}

struct expiry {
	struct buf keys; /* u16 length, then the key */
	uint32_t before;
	size_t left;
};

static bool collect_old(void *context, struct span key, struct span value)
{
	struct expiry *x = context;
	uint16_t n = (uint16_t)key.n;
	uint32_t number;

	(void)value;
	if (key.n < 5)
		return false;
	memcpy(&number, key.p + 1, sizeof number);
	if (be32toh(number) >= x->before || x->left == 0)
		return false;
	x->left--;
	buf_add(&x->keys, &n, sizeof n);
	buf_add_span(&x->keys, key);
	return true;
}

static enum err expire_period(
    struct kv_txn *txn, unsigned database, char period, uint32_t before, size_t *left_io)
{
	struct expiry x = { .keys = BUF_INIT(8u << 20), .before = before, .left = *left_io };
	struct span prefix = span_make(&period, 1), rest;
	enum err e = kv_scan(txn, database, prefix, prefix, collect_old, &x);

	for (rest = buf_span(&x.keys); e == ERR_OK && rest.n > 2;) {
		uint16_t n;

		memcpy(&n, rest.p, sizeof n);
		rest = span_from(rest, sizeof n);
		e = kv_delete(txn, database, span_head(rest, n));
		rest = span_from(rest, n);
	}
	*left_io = x.left;
	buf_free(&x.keys);
	return e;
}

enum err counts_expire(struct kv_txn *txn, unsigned database, int64_t now_s, size_t limit)
{
	enum err e = expire_period(
	    txn, database, 'h', (uint32_t)(now_s / HOUR_S) - COUNT_HOURS_KEPT, &limit);

	if (e == ERR_OK)
		e = expire_period(
		    txn, database, 'd', (uint32_t)(now_s / DAY_S) - COUNT_DAYS_KEPT, &limit);
	return e;
}

/* ---- reading ---- */

struct reading {
	int64_t start_s;
	enum count_scope scope;
	counts_visit *visit;
	void *context;
};

static bool read_row(void *context, struct span key, struct span value)
{
	const struct reading *r = context;
	struct span rest = span_from(key, 6);
	struct count_subject subject = { .scope = r->scope };
	struct counts counts = { .at = { 0 } };
	size_t nul = span_find(rest, '\0', 0);

	if (nul == rest.n || !get_value(key, value, &counts))
		return true;
	subject.name = span_head(rest, nul);
	subject.provider = span_from(rest, nul + 1);
	r->visit(r->context, r->start_s, &subject, &counts);
	return true;
}

enum err counts_read(struct kv_txn *txn, unsigned database, char period, int64_t since_s,
    int64_t until_s, enum count_scope scope, counts_visit *visit, void *context)
{
	int64_t length = period == 'h' ? HOUR_S : DAY_S;
	enum err e = ERR_OK;

	for (int64_t n = since_s / length; n <= until_s / length && e == ERR_OK; n++) {
		struct reading r = { .start_s = n * length,
			.scope = scope,
			.visit = visit,
			.context = context };
		char space[8];
		struct buf prefix = { .p = space, .size = sizeof space, .max = sizeof space };

		put_start(&prefix, period, (uint32_t)n);
		buf_add_char(&prefix, letters[scope]);
		e = kv_scan(txn, database, buf_span(&prefix), buf_span(&prefix), read_row, &r);
	}
	return e;
}

enum err counts_sum(struct kv_txn *txn, unsigned database, const struct count_subject *subject,
    int64_t now_s, unsigned hours, struct counts *sum_r)
{
	struct buf key = BUF_INIT(KV_KEY_MAX), value = BUF_INIT(512);
	enum err e = ERR_OK;

	*sum_r = (struct counts){ .at = { 0 } };
	for (unsigned i = 0; i < hours && e == ERR_OK; i++) {
		buf_reset(&key);
		put_key(&key, 'h', (uint32_t)(now_s / HOUR_S) - i, subject);
		e = buf_ok(&key) ? kv_get(txn, database, buf_span(&key), &value) : ERR_RANGE;
		if (e == ERR_OK)
			(void)get_value(buf_span(&key), buf_span(&value), sum_r);
		else if (e == ERR_NOTFOUND)
			e = ERR_OK;
	}
	buf_free(&key);
	buf_free(&value);
	return e;
}
