/* brakes - the table of what is paused, and its records.
 *
 * key  : scope letter, name, NUL, place
 * value: version u8, level u8, since i64, until i64, rule u8 + octets, checksum u64 over both */
#include <endian.h>
#include <stdlib.h>

#include "brakes.h"
#include "log.h"
#include "record.h"
#include "table.h"

#define VERSION 1

struct entry {
	UT_hash_handle hh;
	struct brake brake;
	bool over; /* it was told that it ended */
	char rule[SECTION_ID_MAX];
	size_t key_n;
	char key[]; /* scope letter, name, NUL, place, NUL */
};

struct brakes {
	struct store *store;
	unsigned database;
	struct entry *entries;
	uint64_t generation;
	enum err load_result;
};

static const char letters[BRAKE_SCOPES] = { 'o', 'd', 's', 't' };

#define KEY_MAX (TRIGGER_NAME_MAX + TRIGGER_PLACE_MAX + 4)

static struct span put_key(
    char space[KEY_MAX], enum brake_scope scope, struct span name, struct span place)
{
	struct buf key = { .p = space, .size = KEY_MAX, .max = KEY_MAX };

	buf_add_char(&key, letters[scope]);
	buf_add_span(&key, name);
	buf_add_char(&key, '\0');
	buf_add_span(&key, place);
	return buf_ok(&key) ? buf_span(&key) : SPAN("");
}

static struct entry *find(const struct brakes *b, struct span key)
{
	struct entry *e = NULL;

	if (key.n > 0)
		HASH_FIND(hh, b->entries, key.p, key.n, e);
	return e;
}

static struct entry *obtain(struct brakes *b, struct span key)
{
	struct entry *e = find(b, key);
	size_t nul = span_find(key, '\0', 0);

	if (e != NULL || key.n == 0 || nul == key.n || HASH_COUNT(b->entries) >= BRAKES_MAX)
		return e;
	e = calloc(1, sizeof *e + key.n + 1);
	if (e == NULL)
		return NULL;
	memcpy(e->key, key.p, key.n);
	e->key_n = key.n;
	for (size_t i = 0; i < BRAKE_SCOPES; i++)
		if (letters[i] == key.p[0])
			e->brake.scope = (enum brake_scope)i;
	e->brake.name = e->key + 1;
	e->brake.place = e->key + nul + 1;
	e->brake.rule = e->rule;
	HASH_ADD_KEYPTR(hh, b->entries, e->key, key.n, e);
	return e;
}

/* ---- records ---- */

static void put_u64(struct buf *out, uint64_t value)
{
	value = htole64(value);
	buf_add(out, &value, sizeof value);
}

static void put_value(struct buf *out, const struct entry *e)
{
	struct span rule = span_cstr(e->rule), key = span_make(e->key, e->key_n);
	size_t from = out->n;

	buf_add_char(out, VERSION);
	buf_add_char(out, (char)e->brake.level);
	put_u64(out, (uint64_t)e->brake.since_s);
	put_u64(out, (uint64_t)e->brake.until_s);
	buf_add_char(out, (char)rule.n);
	buf_add_span(out, rule);
	put_u64(out, buf_ok(out)
			 ? hash64(span_make(out->p + from, out->n - from), hash64(key, VERSION))
			 : 0);
}

static bool get_value(struct span key, struct span value, struct entry *e)
{
	struct span body = span_head(value, value.n < 8 ? 0 : value.n - 8);
	uint64_t number[2], sum;

	if (body.n < 19 || body.p[0] != VERSION)
		return false;
	memcpy(&sum, value.p + body.n, sizeof sum);
	if (le64toh(sum) != hash64(body, hash64(key, VERSION)))
		return false;
	memcpy(number, body.p + 2, sizeof number);
	e->brake.level = (unsigned char)body.p[1];
	e->brake.since_s = (int64_t)le64toh(number[0]);
	e->brake.until_s = (int64_t)le64toh(number[1]);
	return body.n == 19 + (size_t)(unsigned char)body.p[18] &&
	       span_copy(span_from(body, 19), e->rule, sizeof e->rule);
}

/* e NULL: the key is deleted. */
static enum err store_change(
    struct brakes *b, struct span key, const struct entry *e, brakes_done *done, void *context)
{
	struct buf value = BUF_INIT(512);
	enum err result = ERR_NOMEM;

	if (e != NULL)
		put_value(&value, e);
	if (buf_ok(&value))
		result = record_change(
		    b->store, b->database, key, buf_span(&value), "a pause", done, context);
	buf_free(&value);
	return result;
}

/* ---- life ---- */

static bool load_entry(void *context, struct span key, struct span value)
{
	struct brakes *b = context;
	struct entry *e = obtain(b, key);

	if (e == NULL)
		b->load_result = ERR_NOMEM;
	else if (!get_value(key, value, e)) {
		log_text(LOG_LEVEL_ERROR, "store: a damaged pause is left out");
		HASH_DEL(b->entries, e);
		free(e);
	}
	return b->load_result == ERR_OK;
}

enum err brakes_open(struct store *store, struct brakes **b_r)
{
	struct brakes *b = calloc(1, sizeof *b);
	const struct span all = { "", 0 };
	struct kv_txn *txn = NULL;
	enum err e = ERR_NOMEM;

	if (b == NULL)
		return e;
	b->store = store;
	b->database = store_database(store, STORE_BRAKES);
	e = kv_begin(store_kv(store), false, &txn);
	if (e == ERR_OK)
		e = kv_scan(txn, b->database, all, all, load_entry, b);
	kv_abort(&txn);
	if (e == ERR_OK)
		e = b->load_result;
	if (e == ERR_OK)
		*b_r = b;
	else
		brakes_close(&b);
	return e;
}

void brakes_close(struct brakes **b)
{
	struct entry *e, *next;

	if (*b == NULL)
		return;
	HASH_ITER(hh, (*b)->entries, e, next)
	{
		HASH_DEL((*b)->entries, e);
		free(e);
	}
	free(*b);
	*b = NULL;
}

/* ---- setting, looking ---- */

bool brakes_set(struct brakes *b, const struct trigger *t, int64_t now_s)
{
	char space[KEY_MAX];
	struct span key =
	    put_key(space, t->rule->scope, span_cstr(t->name), span_cstr(t->place));
	struct entry *e = find(b, key);
	unsigned level = 0;
	int64_t until_s;

	/* While it is in force, replies to what was on its way say nothing new. */
	if (e != NULL && now_s < e->brake.until_s)
		return false;
	if (e != NULL && now_s - e->brake.until_s < BRAKE_RELAPSE_S && e->brake.level < 30)
		level = e->brake.level + 1;
	until_s = t->time_s + reaction_pause_s(t->rule, level);
	if (t->rule->pause_s == 0 || until_s <= now_s)
		return false;
	e = obtain(b, key);
	if (e == NULL || !span_copy(span_cstr(t->rule->id), e->rule, sizeof e->rule))
		return false;
	e->brake.since_s = now_s;
	e->brake.until_s = until_s;
	e->brake.level = level;
	e->over = false;
	b->generation++;
	if (store_change(b, key, e, NULL, NULL) != ERR_OK)
		log_text(LOG_LEVEL_ERROR, "store: a pause: %s", err_text(ERR_NOMEM));
	return true;
}

void brake_alert_name(
    struct buf *out, enum brake_scope scope, struct span name, struct span place)
{
	buf_printf(out, "pause/%s/%.*s/%.*s", brake_scope_text(scope), SPAN_ARG(name),
	    SPAN_ARG(place.n > 0 ? place : SPAN("everywhere")));
}

uint64_t brakes_generation(const struct brakes *b)
{
	return b->generation;
}

struct brakes *brakes_copy(const struct brakes *b, int64_t now_s)
{
	struct brakes *copy = brakes_any(b) ? calloc(1, sizeof *copy) : NULL;

	for (const struct entry *e = b != NULL ? b->entries : NULL; copy != NULL && e != NULL;
	     e = e->hh.next) {
		struct entry *c =
		    now_s < e->brake.until_s ? obtain(copy, span_make(e->key, e->key_n)) : NULL;

		if (c == NULL)
			continue;
		memcpy(c->rule, e->rule, sizeof c->rule);
		c->brake.since_s = e->brake.since_s;
		c->brake.until_s = e->brake.until_s;
		c->brake.level = e->brake.level;
	}
	if (copy != NULL && copy->entries == NULL)
		brakes_close(&copy);
	return copy;
}

bool brakes_any(const struct brakes *b)
{
	return b != NULL && b->entries != NULL;
}

const struct brake *brakes_find(const struct brakes *b, enum brake_scope scope,
    struct span name, struct span place, int64_t now_s)
{
	const struct span places[] = { place, SPAN("") };
	char space[KEY_MAX];

	if (b == NULL || b->entries == NULL || name.n == 0)
		return NULL;
	for (size_t i = place.n == 0; i < ARRAY_SIZE(places); i++) {
		const struct entry *e = find(b, put_key(space, scope, name, places[i]));

		if (e != NULL && now_s < e->brake.until_s)
			return &e->brake;
	}
	return NULL;
}

enum err brakes_release(struct brakes *b, enum brake_scope scope, struct span name,
    struct span place, brakes_done *done, void *context)
{
	char space[KEY_MAX];
	struct span key = put_key(space, scope, name, place);
	struct entry *e = find(b, key);
	enum err result;

	if (e == NULL)
		return ERR_NOTFOUND;
	result = store_change(b, key, NULL, done, context);
	if (result != ERR_OK)
		return result;
	HASH_DEL(b->entries, e);
	free(e);
	b->generation++;
	return ERR_OK;
}

void brakes_each(const struct brakes *b, int64_t now_s, brakes_visit *visit, void *context)
{
	const struct entry *e;

	for (e = b->entries; e != NULL; e = e->hh.next)
		if (now_s < e->brake.until_s)
			visit(context, &e->brake);
}

void brakes_tick(struct brakes *b, int64_t now_s, brakes_visit *over, void *context)
{
	struct entry *e = NULL, *next = NULL;

	HASH_ITER(hh, b->entries, e, next)
	{
		if (!e->over && now_s >= e->brake.until_s) {
			e->over = true;
			over(context, &e->brake);
		}
		if (now_s - e->brake.until_s < BRAKE_RELAPSE_S)
			continue;
		if (store_change(b, span_make(e->key, e->key_n), NULL, NULL, NULL) != ERR_OK)
			continue;
		HASH_DEL(b->entries, e);
		free(e);
	}
}
