/* alerts - the table of alerts, and its records.
 *
 * key  : name
 * value: version u8, severity u8, state u8, told u8, count u64, first i64, last i64, over i64,
 *        muted i64, text (rest but 8), checksum u64 over key and value */
#include <endian.h>
#include <stdlib.h>

#include "alerts.h"
#include "log.h"
#include "record.h"
#include "table.h"

#define VERSION    1
#define FIXED      44u
#define VALUE_MAX  (FIXED + ALERT_TEXT_MAX + 8)
#define WHAT       "an alert"
#define TOO_MANY_S 3600
#define TICK_S     60
#define MOMENT_S   86400 /* after the last time */

struct entry {
	UT_hash_handle hh;
	struct alert alert;
	char text[ALERT_TEXT_MAX + 1];
	size_t name_n;
	char name[];
};

struct alerts {
	struct store *store;
	unsigned database;
	struct entry *entries;
	int64_t complained_s, ticked_s;
	enum err load_result;
};

static const char *const severity_words[ALERT_SEVERITIES] = { "info", "warning", "error" };
static const char *const state_words[ALERT_STATES] = { "open", "acknowledged", "over" };

const char *alert_severity_text(enum alert_severity s)
{
	return severity_words[s];
}

const char *alert_state_text(enum alert_state s)
{
	return state_words[s];
}

static struct entry *find(const struct alerts *a, struct span name)
{
	struct entry *e = NULL;

	if (name.n > 0 && a->entries != NULL)
		HASH_FIND(hh, a->entries, name.p, name.n, e);
	return e;
}

static struct entry *obtain(struct alerts *a, struct span name)
{
	struct entry *e = find(a, name);

	if (e != NULL || name.n == 0 || name.n > ALERT_NAME_MAX ||
	    HASH_COUNT(a->entries) >= ALERTS_MAX)
		return e;
	e = calloc(1, sizeof *e + name.n + 1);
	if (e == NULL)
		return NULL;
	memcpy(e->name, name.p, name.n);
	e->name_n = name.n;
	e->alert.name = e->name;
	e->alert.text = e->text;
	e->alert.state = ALERT_OVER;
	HASH_ADD_KEYPTR(hh, a->entries, e->name, name.n, e);
	return e;
}

static void forget(struct alerts *a, struct entry *e)
{
	HASH_DEL(a->entries, e);
	free(e);
}

/* ---- records ---- */

static void put_i64(struct buf *out, int64_t value)
{
	uint64_t v = htole64((uint64_t)value);

	buf_add(out, &v, sizeof v);
}

static int64_t get_i64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return (int64_t)le64toh(v);
}

static uint64_t checksum(struct span key, struct span body)
{
	return hash64(body, hash64(key, VERSION));
}

static void put_value(struct buf *out, const struct entry *e)
{
	const struct alert *a = &e->alert;

	buf_add_char(out, VERSION);
	buf_add_char(out, (char)a->severity);
	buf_add_char(out, (char)a->state);
	buf_add_char(out, (char)a->told);
	put_i64(out, (int64_t)a->count);
	put_i64(out, a->first_s);
	put_i64(out, a->last_s);
	put_i64(out, a->over_s);
	put_i64(out, a->muted_until_s);
	buf_add_cstr(out, e->text);
	put_i64(out, (int64_t)checksum(span_make(e->name, e->name_n), buf_span(out)));
}

static bool get_value(struct span key, struct span value, struct entry *e)
{
	struct span body = span_head(value, value.n < 8 ? 0 : value.n - 8);
	const char *p = body.p;

	if (body.n < FIXED || p[0] != VERSION || (unsigned char)p[1] >= ALERT_SEVERITIES ||
	    (unsigned char)p[2] >= ALERT_STATES ||
	    (uint64_t)get_i64(value.p + body.n) != checksum(key, body) ||
	    !span_copy(span_from(body, FIXED), e->text, sizeof e->text))
		return false;
	e->alert.severity = (enum alert_severity)p[1];
	e->alert.state = (enum alert_state)p[2];
	e->alert.told = p[3] != 0;
	e->alert.count = (uint64_t)get_i64(p + 4);
	e->alert.first_s = get_i64(p + 12);
	e->alert.last_s = get_i64(p + 20);
	e->alert.over_s = get_i64(p + 28);
	e->alert.muted_until_s = get_i64(p + 36);
	return true;
}

static enum err keep(struct alerts *a, const struct entry *e, alerts_done *done, void *context)
{
	char space[VALUE_MAX];
	struct buf value = { .p = space, .size = sizeof space, .max = sizeof space };

	put_value(&value, e);
	return record_change(a->store, a->database, span_make(e->name, e->name_n),
	    buf_span(&value), WHAT, done, context);
}

static void keep_soon(struct alerts *a, const struct entry *e)
{
	if (keep(a, e, NULL, NULL) != ERR_OK)
		log_text(LOG_LEVEL_ERROR, "store: " WHAT ": %s", err_text(ERR_NOMEM));
}

static bool load_entry(void *context, struct span key, struct span value)
{
	struct alerts *a = context;
	struct entry *e = obtain(a, key);

	if (e == NULL) {
		a->load_result = ERR_NOMEM;
	} else if (!get_value(key, value, e)) {
		/* It comes again if it lasts. */
		log_text(LOG_LEVEL_ERROR, "store: a damaged alert is left out");
		forget(a, e);
	}
	return a->load_result == ERR_OK;
}

static int by_beginning(const struct entry *a, const struct entry *b)
{
	return (a->alert.first_s > b->alert.first_s) - (a->alert.first_s < b->alert.first_s);
}

/* ---- life ---- */

enum err alerts_open(struct store *store, struct alerts **a_r)
{
	struct alerts *a = calloc(1, sizeof *a);
	const struct span all = { "", 0 };
	struct kv_txn *txn = NULL;
	enum err e = ERR_NOMEM;

	if (a == NULL)
		return e;
	a->store = store;
	a->database = store_database(store, STORE_ALERTS);
	e = kv_begin(store_kv(store), false, &txn);
	if (e == ERR_OK)
		e = kv_scan(txn, a->database, all, all, load_entry, a);
	kv_abort(&txn);
	if (e == ERR_OK)
		e = a->load_result;
	if (a->entries != NULL)
		HASH_SORT(a->entries, by_beginning);
	if (e == ERR_OK)
		*a_r = a;
	else
		alerts_close(&a);
	return e;
}

void alerts_close(struct alerts **a)
{
	struct entry *e = NULL, *next = NULL;

	if (*a == NULL)
		return;
	HASH_ITER(hh, (*a)->entries, e, next)
	{
		forget(*a, e);
	}
	free(*a);
	*a = NULL;
}

/* ---- what happens ---- */

void alerts_raise(struct alerts *a, struct span name, enum alert_severity severity,
    struct span text, int64_t now_s)
{
	struct entry *e = obtain(a, name);
	bool begins = e != NULL && e->alert.state == ALERT_OVER;

	if (e == NULL) {
		if (now_s - a->complained_s >= TOO_MANY_S)
			log_text(LOG_LEVEL_ERROR, "too many alerts; %.*s is left out",
			    SPAN_ARG(name));
		a->complained_s = now_s;
		return;
	}
	if (begins) {
		/* A mute that is not over yet holds. */
		e->alert.count = 0;
		e->alert.first_s = now_s;
		e->alert.told = false;
		e->alert.state = ALERT_OPEN;
	}
	e->alert.count++;
	e->alert.last_s = now_s;
	if (begins || severity > e->alert.severity) {
		e->alert.severity = severity;
		(void)span_copy(span_head(text, ALERT_TEXT_MAX), e->text, sizeof e->text);
		keep_soon(a, e);
	}
}

void alerts_over(struct alerts *a, struct span name, int64_t now_s)
{
	struct entry *e = find(a, name);

	if (e == NULL || e->alert.state == ALERT_OVER)
		return;
	e->alert.state = ALERT_OVER;
	e->alert.over_s = now_s;
	keep_soon(a, e);
}

void alerts_watch(
    struct alerts *a, struct span name, bool holds, struct span text, int64_t now_s)
{
	const struct entry *e = find(a, name);

	if (!holds)
		alerts_over(a, name, now_s);
	else if (e == NULL || e->alert.state == ALERT_OVER)
		alerts_raise(a, name, ALERT_ERROR, text, now_s);
}

enum err alerts_change(struct alerts *a, struct span name, enum alert_action action,
    int64_t until_s, alerts_done *done, void *context)
{
	struct entry *e = find(a, name);

	if (e == NULL)
		return ERR_NOTFOUND;
	switch (action) {
	case ALERT_ACKNOWLEDGE:
		if (e->alert.state == ALERT_OPEN)
			e->alert.state = ALERT_ACKNOWLEDGED;
		break;
	case ALERT_MUTE: e->alert.muted_until_s = until_s; break;
	case ALERT_TOLD: e->alert.told = true; break;
	}
	return keep(a, e, done, context);
}

void alerts_each(const struct alerts *a, alerts_visit *visit, void *context)
{
	for (const struct entry *e = a->entries; e != NULL; e = e->hh.next)
		visit(context, &e->alert);
}

bool alert_pending(const struct alert *alert, int64_t now_s)
{
	return alert->state == ALERT_OPEN && !alert->told && now_s >= alert->muted_until_s;
}

/* What only happened, and has no end that somebody would see. */
static bool is_momentary(const struct entry *e)
{
	struct span name = span_make(e->name, e->name_n);

	return span_starts(name, SPAN("reaction/")) || span_eq(name, SPAN("test"));
}

void alerts_tick(struct alerts *a, int64_t now_s)
{
	struct entry *e = NULL, *next = NULL;

	if (now_s - a->ticked_s < TICK_S && now_s >= a->ticked_s)
		return;
	a->ticked_s = now_s;
	HASH_ITER(hh, a->entries, e, next)
	{
		if (is_momentary(e) && now_s - e->alert.last_s >= MOMENT_S)
			alerts_over(a, span_make(e->name, e->name_n), now_s);
		if (e->alert.state != ALERT_OVER || now_s - e->alert.over_s < ALERT_KEPT_S ||
		    now_s < e->alert.muted_until_s)
			continue;
		if (record_change(a->store, a->database, span_make(e->name, e->name_n),
			SPAN(""), WHAT, NULL, NULL) == ERR_OK)
			forget(a, e);
	}
}
