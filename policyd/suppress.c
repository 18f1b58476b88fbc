/* suppress - who must not be mailed. Knows digests and scopes; neither SMTP nor sockets.
 *
 * key   : scope letter, tenant, NUL, stream, NUL, digest (16 octets)
 * value : version u8, added i64, expires i64, reason u8+octets, source u8+octets, checksum u64
 *         (over key and value) */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "addr.h"
#include "key_file.h"
#include "log.h"
#include "suppress.h"

#define VALUE_VERSION 1
#define EXPIRING_MAX  4096 /* removed a tick */

struct suppress_list {
	struct store *store;
	unsigned database;
	struct digest_key *digest_key;
	char *key_path; /* owned */
	uint64_t seed;  /* of hashes that stand for recipients in transactions; from the key */
	struct fingerprints set;
	int64_t next_expiry_s; /* no entry expires before that; INT64_MAX: none does */
};

static const char letters[SUPPRESS_SCOPES] = { 'p', 't', 's' };

/* ---- keys and values ---- */

static bool put_prefix(struct buf *b, const struct suppress_key *key)
{
	buf_add_char(b, letters[key->scope]);
	if (key->scope >= SUPPRESS_TENANT)
		buf_add_span(b, key->tenant);
	buf_add_char(b, '\0');
	if (key->scope >= SUPPRESS_STREAM)
		buf_add_span(b, key->stream);
	buf_add_char(b, '\0');
	return buf_ok(b);
}

/* The scope's share of a slot: the same digest in two scopes makes two values. */
static uint64_t salt(const struct suppress_key *key)
{
	char space[KV_KEY_MAX];
	struct buf b = { .p = space, .size = sizeof space, .max = sizeof space };

	put_prefix(&b, key);
	return hash64(buf_span(&b), 0);
}

static uint64_t slot_value(const uint8_t digest[DIGEST_SIZE], uint64_t scope_salt)
{
	uint64_t v;

	memcpy(&v, digest, sizeof v);
	v ^= scope_salt;
	return v > 1 ? v : v + 2;
}

static void put_text(struct buf *b, struct span s)
{
	s = span_head(s, SUPPRESS_TEXT_MAX);
	buf_add_char(b, (char)s.n);
	buf_add_span(b, s);
}

/* Covers the key too: an entry whose address changed on the disk would suppress nobody. */
static uint64_t sum(struct span prefix, const uint8_t digest[DIGEST_SIZE], struct span body)
{
	uint64_t seed = hash64(prefix, VALUE_VERSION);

	seed = hash64(span_make((const char *)digest, DIGEST_SIZE), seed);
	return hash64(body, seed);
}

static void put_value(struct buf *b, struct span prefix, const struct suppress_row *row)
{
	uint64_t added = htole64((uint64_t)row->added_s),
		 expires = htole64((uint64_t)row->expires_s), checksum;

	buf_add_char(b, VALUE_VERSION);
	buf_add(b, &added, sizeof added);
	buf_add(b, &expires, sizeof expires);
	put_text(b, row->reason);
	put_text(b, row->source);
	checksum = htole64(sum(prefix, row->digest, buf_span(b)));
	buf_add(b, &checksum, sizeof checksum);
}

static bool take_text(struct span *s, struct span *out)
{
	size_t n;

	if (s->n == 0)
		return false;
	n = (unsigned char)s->p[0];
	if (n > s->n - 1)
		return false;
	*out = span_make(s->p + 1, n);
	*s = span_from(*s, n + 1);
	return true;
}

static enum err read_value(struct span key, struct span value, struct suppress_row *row_r)
{
	uint64_t checksum, number[2];
	struct span body, prefix;

	if (key.n <= DIGEST_SIZE || value.n < 1 + sizeof number + sizeof checksum)
		return ERR_CORRUPT;
	prefix = span_head(key, key.n - DIGEST_SIZE);
	body = span_head(value, value.n - sizeof checksum);
	memcpy(&checksum, value.p + body.n, sizeof checksum);
	if (le64toh(checksum) != sum(prefix, (const uint8_t *)key.p + prefix.n, body))
		return ERR_CORRUPT;
	if (body.p[0] != VALUE_VERSION)
		return ERR_VERSION;
	memcpy(number, body.p + 1, sizeof number);
	row_r->added_s = (int64_t)le64toh(number[0]);
	row_r->expires_s = (int64_t)le64toh(number[1]);
	body = span_from(body, 1 + sizeof number);
	if (!take_text(&body, &row_r->reason) || !take_text(&body, &row_r->source) ||
	    body.n != 0)
		return ERR_CORRUPT;
	return ERR_OK;
}

/* ---- matching ---- */

static void note_expiry(struct suppress_list *l, int64_t expires_s)
{
	if (expires_s != 0 && expires_s < l->next_expiry_s)
		l->next_expiry_s = expires_s;
}

bool suppress_match(const struct suppress_list *list, const uint8_t digest[DIGEST_SIZE],
    struct span tenant, struct span stream, enum suppress_scope *scope_r)
{
	if (list->set.used == 0)
		return false;
	for (int scope = 0; scope < SUPPRESS_SCOPES; scope++) {
		struct suppress_key key = { (enum suppress_scope)scope, tenant, stream };

		if (!fingerprints_have(&list->set, slot_value(digest, salt(&key))))
			continue;
		*scope_r = (enum suppress_scope)scope;
		return true;
	}
	return false;
}

size_t suppress_count(const struct suppress_list *list)
{
	return list->set.used;
}

enum err suppress_digest_by(
    struct digest_key *key, struct span address, uint8_t out[DIGEST_SIZE])
{
	char canonical[ADDR_MAX], lower[1024];

	if (addr_canonical(address, canonical) == ERR_OK)
		address = span_cstr(canonical);
	if (span_lower(address, lower, sizeof lower))
		address.p = lower;
	return digest(key, address, out);
}

enum err suppress_digest(
    struct suppress_list *list, struct span address, uint8_t out[DIGEST_SIZE])
{
	return suppress_digest_by(list->digest_key, address, out);
}

struct digest_key *suppress_digest_key(const struct suppress_list *list)
{
	uint8_t key[DIGEST_KEY_SIZE];
	char error[256];
	struct digest_key *copy =
	    key_file_read(list->key_path, key, error, sizeof error) == ERR_OK
		? digest_key_new(key)
		: NULL;

	explicit_bzero(key, sizeof key);
	return copy;
}

uint64_t suppress_recipient_hash(const struct suppress_list *list, struct span address)
{
	char canonical[ADDR_MAX];

	if (addr_canonical(address, canonical) == ERR_OK)
		address = span_cstr(canonical);
	return hash64(address, list->seed);
}

/* ---- loading ---- */

struct loading {
	struct suppress_list *list;
	enum err result;
};

static bool load_entry(void *context, struct span key, struct span value)
{
	struct loading *c = context;
	struct suppress_row row;
	struct span prefix;

	c->result = read_value(key, value, &row);
	if (c->result == ERR_OK && !fingerprints_reserve(&c->list->set, 1))
		c->result = ERR_NOMEM;
	if (c->result != ERR_OK)
		return false;
	prefix = span_head(key, key.n - DIGEST_SIZE);
	fingerprints_add(
	    &c->list->set, slot_value((const uint8_t *)key.p + prefix.n, hash64(prefix, 0)));
	note_expiry(c->list, row.expires_s);
	return true;
}

static enum err load(struct suppress_list *l)
{
	struct loading c = { .list = l };
	const struct span all = { "", 0 };
	struct kv_txn *txn = NULL;
	enum err e = kv_begin(store_kv(l->store), false, &txn);

	if (e == ERR_OK)
		e = kv_scan(txn, l->database, all, all, load_entry, &c);
	kv_abort(&txn);
	return e == ERR_OK ? c.result : e;
}

enum err suppress_backup_key(const struct suppress_list *list, const char *directory)
{
	uint8_t key[DIGEST_KEY_SIZE];
	char path[1024], error[256];
	int n = snprintf(path, sizeof path, "%s/address.key", directory);
	enum err e = n > 0 && (size_t)n < sizeof path
			 ? key_file_read(list->key_path, key, error, sizeof error)
			 : ERR_TOOBIG;

	if (e == ERR_OK)
		e = key_file_write(path, key, error, sizeof error);
	explicit_bzero(key, sizeof key);
	return e;
}

static enum err obtain_key(
    struct suppress_list *l, const char *path, bool empty, char *error, size_t size)
{
	uint8_t key[DIGEST_KEY_SIZE], seed[DIGEST_SIZE] = { 0 };
	enum err e = key_file_read(path, key, error, size);

	if (e == ERR_NOTFOUND && empty) {
		e = random_octets(key, DIGEST_KEY_SIZE);
		if (e == ERR_OK)
			e = key_file_write(path, key, error, size);
	} else if (e == ERR_NOTFOUND)
		snprintf(error, size,
		    "%s: missing, but the store holds suppressions made with it; restore the "
		    "file",
		    path);
	if (e == ERR_OK) {
		l->digest_key = digest_key_new(key);
		if (l->digest_key == NULL ||
		    digest(l->digest_key, SPAN("recipients of a transaction"), seed) != ERR_OK)
			e = ERR_CRYPTO;
		memcpy(&l->seed, seed, sizeof l->seed);
	}
	explicit_bzero(key, sizeof key);
	return e;
}

enum err suppress_open(struct store *store, const char *key_path, struct suppress_list **list_r,
    char *error, size_t size)
{
	struct suppress_list *l = calloc(1, sizeof *l);
	enum err e = ERR_NOMEM;

	snprintf(error, size, "suppressions: %s", err_text(ERR_NOMEM));
	if (l == NULL)
		return e;
	l->store = store;
	l->database = store_database(store, STORE_SUPPRESS);
	l->next_expiry_s = INT64_MAX;
	l->key_path = strdup(key_path);
	if (l->key_path != NULL)
		e = load(l);
	if (e != ERR_OK)
		snprintf(error, size, "suppressions: %s; restore a backup", err_text(e));
	else
		e = obtain_key(l, key_path, l->set.used == 0, error, size);
	if (e == ERR_OK)
		*list_r = l;
	else
		suppress_close(&l);
	return e;
}

void suppress_close(struct suppress_list **list)
{
	if (*list == NULL)
		return;
	digest_key_free(&(*list)->digest_key);
	free((*list)->key_path);
	fingerprints_free(&(*list)->set);
	free(*list);
	*list = NULL;
}

/* ---- changes: a job in the store's thread, memory afterwards in the loop ---- */

struct change {
	struct suppress_list *list;
	struct buf prefix, bytes; /* bytes: for each row u16 value length, digest, value */
	size_t count, present;
	int64_t expires_s; /* the earliest among the rows */
	uint64_t salt;
	uint8_t *digests; /* count of them */
	bool remove;
	enum err result;
	suppress_done *done;
	void *context;
};

static void change_free(struct change *c)
{
	buf_free(&c->prefix);
	buf_free(&c->bytes);
	free(c->digests);
	free(c);
}

static enum err change_write(struct change *c, struct kv_txn *txn)
{
	struct buf key = BUF_INIT(KV_KEY_MAX), old = BUF_INIT(4096);
	struct span rest = buf_span(&c->bytes);
	enum err e = ERR_OK;

	c->present = 0;
	for (size_t i = 0; i < c->count && e == ERR_OK; i++) {
		uint16_t n = 0;

		buf_reset(&key);
		buf_add_span(&key, buf_span(&c->prefix));
		buf_add(&key, c->digests + i * DIGEST_SIZE, DIGEST_SIZE);
		memcpy(&n, rest.p, sizeof n);
		rest = span_from(rest, sizeof n);
		e = kv_get(txn, c->list->database, buf_span(&key), &old);
		if (e == ERR_OK)
			c->present++;
		if (c->remove && e == ERR_OK)
			e = kv_delete(txn, c->list->database, buf_span(&key));
		else if (!c->remove && e == ERR_NOTFOUND)
			e = kv_put(txn, c->list->database, buf_span(&key), span_head(rest, n));
		else if (e == ERR_NOTFOUND)
			e = ERR_OK;
		rest = span_from(rest, n);
	}
	buf_free(&key);
	buf_free(&old);
	return e;
}

static void change_run(struct kv *kv, void *argument)
{
	struct change *c = argument;
	struct kv_txn *txn;

	do {
		txn = NULL;
		c->result = kv_begin(kv, true, &txn);
		if (c->result == ERR_OK)
			c->result = change_write(c, txn);
		if (c->result == ERR_OK)
			c->result = kv_commit(&txn);
		else
			kv_abort(&txn);
	} while (c->result == ERR_FULL && kv_grow(kv) == ERR_OK);
}

static void change_done(void *argument)
{
	struct change *c = argument;

	for (size_t i = 0; i < c->count && c->result == ERR_OK; i++) {
		uint64_t v = slot_value(c->digests + i * DIGEST_SIZE, c->salt);

		if (c->remove)
			fingerprints_remove(&c->list->set, v);
		else if (fingerprints_reserve(&c->list->set, 1))
			fingerprints_add(&c->list->set, v);
		else
			c->result = ERR_NOMEM;
	}
	note_expiry(c->list, c->expires_s);
	if (c->done != NULL)
		c->done(c->context, c->result, c->remove ? c->present : c->count - c->present,
		    c->present);
	change_free(c);
}

static enum err change_start(struct suppress_list *l, const struct suppress_key *key,
    const struct suppress_row *rows, size_t count, bool remove, suppress_done *done,
    void *context)
{
	struct change *c = calloc(1, sizeof *c);
	struct buf value = BUF_INIT(1024);
	enum err e = ERR_NOMEM;

	if (c == NULL)
		return e;
	buf_init(&c->prefix, KV_KEY_MAX - DIGEST_SIZE);
	buf_init(&c->bytes, 1u << 20);
	c->list = l;
	c->remove = remove;
	c->done = done;
	c->context = context;
	c->count = count;
	c->salt = salt(key);
	c->digests = malloc(count * DIGEST_SIZE + 1);
	put_prefix(&c->prefix, key);
	for (size_t i = 0; i < count && c->digests != NULL; i++) {
		uint16_t n;

		memcpy(c->digests + i * DIGEST_SIZE, rows[i].digest, DIGEST_SIZE);
		buf_reset(&value);
		put_value(&value, buf_span(&c->prefix), &rows[i]);
		n = (uint16_t)value.n;
		buf_add(&c->bytes, &n, sizeof n);
		buf_add_span(&c->bytes, buf_span(&value));
		if (rows[i].expires_s != 0 &&
		    (c->expires_s == 0 || rows[i].expires_s < c->expires_s))
			c->expires_s = rows[i].expires_s;
	}
	if (c->digests != NULL && buf_ok(&c->prefix) && buf_ok(&c->bytes) && buf_ok(&value))
		e = store_run(l->store, change_run, change_done, c);
	buf_free(&value);
	if (e != ERR_OK)
		change_free(c);
	return e;
}

enum err suppress_add(struct suppress_list *list, const struct suppress_key *key,
    const struct suppress_row *rows, size_t count, suppress_done *done, void *context)
{
	return change_start(list, key, rows, count, false, done, context);
}

enum err suppress_remove(struct suppress_list *list, const struct suppress_key *key,
    const uint8_t digest[DIGEST_SIZE], suppress_done *done, void *context)
{
	struct suppress_row row = { .reason = SPAN(""), .source = SPAN("") };

	memcpy(row.digest, digest, DIGEST_SIZE);
	return change_start(list, key, &row, 1, true, done, context);
}

/* ---- reading ---- */

struct reading {
	const struct span *prefix;
	const uint8_t *after;
	size_t left;
	suppress_visit *visit;
	void *context;
	enum err result;
};

static bool read_entry(void *context, struct span key, struct span value)
{
	struct reading *c = context;
	struct suppress_row row = { 0 };

	if (key.n != c->prefix->n + DIGEST_SIZE)
		return true;
	memcpy(row.digest, key.p + c->prefix->n, DIGEST_SIZE);
	if (c->after != NULL && memcmp(row.digest, c->after, DIGEST_SIZE) == 0)
		return true;
	c->result = read_value(key, value, &row);
	if (c->result == ERR_OK)
		c->visit(c->context, &row);
	return c->result == ERR_OK && --c->left > 0;
}

enum err suppress_read(struct suppress_list *list, const struct suppress_key *key,
    const uint8_t *after, size_t limit, suppress_visit *visit, void *context)
{
	struct buf b = BUF_INIT(KV_KEY_MAX);
	struct span prefix, from;
	struct reading c = { .prefix = &prefix,
		.after = after,
		.left = limit,
		.visit = visit,
		.context = context };
	struct kv_txn *txn = NULL;
	enum err e = ERR_NOMEM;

	put_prefix(&b, key);
	prefix.n = b.n;
	if (after != NULL)
		buf_add(&b, after, DIGEST_SIZE);
	from = buf_span(&b);
	prefix.p = from.p;
	if (buf_ok(&b))
		e = kv_begin(store_kv(list->store), false, &txn);
	if (e == ERR_OK)
		e = kv_scan(txn, list->database, prefix, from, read_entry, &c);
	kv_abort(&txn);
	buf_free(&b);
	return e == ERR_OK ? c.result : e;
}

enum err suppress_find(struct suppress_list *list, const struct suppress_key *key,
    const uint8_t digest[DIGEST_SIZE], suppress_visit *visit, void *context)
{
	struct buf b = BUF_INIT(KV_KEY_MAX), value = BUF_INIT(4096);
	struct suppress_row row = { 0 };
	struct kv_txn *txn = NULL;
	enum err e = ERR_NOMEM;

	put_prefix(&b, key);
	buf_add(&b, digest, DIGEST_SIZE);
	if (buf_ok(&b))
		e = kv_begin(store_kv(list->store), false, &txn);
	if (e == ERR_OK)
		e = kv_get(txn, list->database, buf_span(&b), &value);
	if (e == ERR_OK)
		e = read_value(buf_span(&b), buf_span(&value), &row);
	if (e == ERR_OK) {
		memcpy(row.digest, digest, DIGEST_SIZE);
		visit(context, &row);
	}
	kv_abort(&txn);
	buf_free(&value);
	buf_free(&b);
	return e;
}

struct verifying {
	uint64_t rows, damaged;
};

static bool verify_entry(void *context, struct span key, struct span value)
{
	struct verifying *v = context;
	struct suppress_row row;

	v->rows++;
	if (read_value(key, value, &row) != ERR_OK)
		v->damaged++;
	return true;
}

enum err suppress_verify(
    struct kv *kv, unsigned database, uint64_t *rows_r, uint64_t *damaged_r)
{
	const struct span all = { "", 0 };
	struct verifying v = { 0 };
	struct kv_txn *txn = NULL;
	enum err e = kv_begin(kv, false, &txn);

	if (e == ERR_OK)
		e = kv_scan(txn, database, all, all, verify_entry, &v);
	kv_abort(&txn);
	*rows_r = v.rows;
	*damaged_r = v.damaged;
	return e;
}

/* ---- expiry ---- */

struct expiring {
	struct suppress_list *list;
	int64_t now_s, next_s;
	struct buf keys; /* u16 length and key, each */
	size_t count;
};

static bool collect_expired(void *context, struct span key, struct span value)
{
	struct expiring *c = context;
	struct suppress_row row;
	uint16_t n = (uint16_t)key.n;

	if (read_value(key, value, &row) != ERR_OK || row.expires_s == 0)
		return true;
	if (row.expires_s > c->now_s) {
		if (row.expires_s < c->next_s)
			c->next_s = row.expires_s;
		return true;
	}
	buf_add(&c->keys, &n, sizeof n);
	buf_add_span(&c->keys, key);
	if (++c->count < EXPIRING_MAX)
		return true;
	c->next_s = c->now_s; /* more to do at the next tick */
	return false;
}

static void expire_run(struct kv *kv, void *argument)
{
	struct expiring *c = argument;
	const struct span all = { "", 0 };
	struct kv_txn *txn = NULL;
	struct span rest;
	uint16_t n;
	enum err e = kv_begin(kv, true, &txn);

	if (e == ERR_OK)
		e = kv_scan(txn, c->list->database, all, all, collect_expired, c);
	if (e == ERR_OK && !buf_ok(&c->keys))
		e = ERR_NOMEM;
	rest = buf_span(&c->keys);
	for (size_t i = 0; i < c->count && e == ERR_OK; i++) {
		memcpy(&n, rest.p, sizeof n);
		rest = span_from(rest, sizeof n);
		e = kv_delete(txn, c->list->database, span_head(rest, n));
		rest = span_from(rest, n);
	}
	if (e == ERR_OK)
		e = kv_commit(&txn);
	else
		kv_abort(&txn);
	if (e != ERR_OK) {
		c->count = 0;
		c->next_s = c->now_s + 60;
		log_text(LOG_LEVEL_WARNING, "suppressions: expiry: %s", err_text(e));
	}
}

static void expire_done(void *argument)
{
	struct expiring *c = argument;
	struct span rest = buf_span(&c->keys);

	for (size_t i = 0; i < c->count; i++) {
		struct span key, prefix;
		uint16_t n;

		memcpy(&n, rest.p, sizeof n);
		key = span_head(span_from(rest, sizeof n), n);
		rest = span_from(rest, sizeof n + n);
		prefix = span_head(key, n - DIGEST_SIZE);
		fingerprints_remove(&c->list->set,
		    slot_value((const uint8_t *)key.p + prefix.n, hash64(prefix, 0)));
	}
	note_expiry(c->list, c->next_s);
	buf_free(&c->keys);
	free(c);
}

void suppress_tick(struct suppress_list *list, int64_t now_s)
{
	struct expiring *c;

	if (now_s < list->next_expiry_s)
		return;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return;
	c->list = list;
	c->now_s = now_s;
	c->next_s = INT64_MAX;
	buf_init(&c->keys, EXPIRING_MAX * (KV_KEY_MAX + 2));
	list->next_expiry_s = INT64_MAX;
	if (store_run(list->store, expire_run, expire_done, c) == ERR_OK)
		return;
	list->next_expiry_s = now_s + 60;
	free(c);
}
