/* control_stats - the verb "stats": sums of what became of mail, for each name, each provider, each
 * hour or day. The store's thread reads and adds up; the loop answers. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "control_handlers.h"
#include "table.h"
#include "text_time.h"
#include "zone.h"

#define SUMS_MAX  200000u
#define LONGEST_S (401 * 86400)

struct sum {
	UT_hash_handle hh;
	struct counts counts;
	int64_t start_s; /* 0: all together */
	size_t key_n;
	char key[]; /* start, name, NUL, provider */
};

struct stats_call {
	struct control_session *session;
	unsigned database;
	enum count_scope scope;
	char name[EVENT_NAME_MAX * 2 + 2]; /* empty: all; of streams also the tenant's name */
	char period;                       /* rows that are read: 'h' or 'd' */
	bool each_period, each_provider, all; /* all: every column */
	int64_t since_s, until_s;
	uint64_t from;
	struct sum *sums;
	bool too_many;
	enum err result;
};

static bool is_asked(const struct stats_call *c, struct span name)
{
	struct span asked = span_cstr(c->name);

	return asked.n == 0 || span_eq(name, asked) ||
	       (c->scope == COUNT_STREAM && name.n > asked.n && span_starts(name, asked) &&
		   name.p[asked.n] == '/');
}

static void add_row(void *context, int64_t start_s, const struct count_subject *subject,
    const struct counts *counts)
{
	struct stats_call *c = context;
	char space[KV_KEY_MAX + 8];
	struct buf key = { .p = space, .size = sizeof space, .max = sizeof space };
	struct sum *s = NULL;

	if (!is_asked(c, subject->name))
		return;
	start_s = c->each_period ? start_s : 0;
	buf_add(&key, &start_s, sizeof start_s);
	buf_add_span(&key, subject->name);
	buf_add_char(&key, '\0');
	if (c->each_provider)
		buf_add_span(&key, subject->provider);
	HASH_FIND(hh, c->sums, key.p, key.n, s);
	if (s == NULL) {
		s = HASH_COUNT(c->sums) < SUMS_MAX ? calloc(1, sizeof *s + key.n) : NULL;
		if (s == NULL) {
			c->too_many = true;
			return;
		}
		s->start_s = start_s;
		s->key_n = key.n;
		memcpy(s->key, key.p, key.n);
		HASH_ADD_KEYPTR(hh, c->sums, s->key, key.n, s);
	}
	for (size_t i = 0; i < COUNTS; i++)
		s->counts.at[i] += counts->at[i];
}

static int compare(struct sum *a, struct sum *b)
{
	int order = (a->start_s > b->start_s) - (a->start_s < b->start_s);

	if (order == 0)
		order = memcmp(a->key, b->key, a->key_n < b->key_n ? a->key_n : b->key_n);
	return order != 0 ? order : (a->key_n > b->key_n) - (a->key_n < b->key_n);
}

static void run(struct kv *kv, void *argument)
{
	struct stats_call *c = argument;
	struct kv_txn *txn = NULL;

	c->result = kv_begin(kv, false, &txn);
	if (c->result == ERR_OK)
		c->result = counts_read(
		    txn, c->database, c->period, c->since_s, c->until_s, c->scope, add_row, c);
	kv_abort(&txn);
	HASH_SORT(c->sums, compare);
}

static void put_percent(char space[24], uint64_t part, uint64_t whole)
{
	if (whole == 0)
		space[0] = '\0';
	else
		(void)snprintf(space, 24, "%.2f", 100.0 * (double)part / (double)whole);
}

#define PERCENTS 3

/* What a table has room for. */
static bool is_shown(const struct stats_call *c, size_t count)
{
	static const enum count few[] = { COUNT_DELIVERED, COUNT_DELAYED, COUNT_BOUNCED,
		COUNT_HARD, COUNT_BLOCKED, COUNT_COMPLAINED };

	for (size_t i = 0; i < ARRAY_SIZE(few); i++)
		if (few[i] == count)
			return true;
	return c->all;
}

static void put_row(
    const struct stats_call *c, struct buf *reply, size_t row, const struct sum *s)
{
	char time[ZONE_TEXT_MAX] = "", number[COUNTS + 1][24], percent[PERCENTS][24];
	struct span rest = span_make(s->key + sizeof s->start_s, s->key_n - sizeof s->start_s);
	struct span field[3 + 1 + COUNTS + PERCENTS];
	const uint64_t *n = s->counts.at;
	uint64_t attempted = n[COUNT_DELIVERED] + n[COUNT_BOUNCED];
	size_t count = 0, nul = span_find(rest, '\0', 0);

	if (s->start_s != 0)
		zone_format(zone_utc(), s->start_s, time);
	field[count++] = span_cstr(time);
	field[count++] = span_head(rest, nul);
	field[count++] = span_from(rest, nul + 1);
	for (size_t i = 0; i <= COUNTS; i++) {
		if (i > 0 && !is_shown(c, i - 1))
			continue;
		(void)snprintf(number[i], sizeof number[i], "%llu",
		    (unsigned long long)(i == 0 ? attempted : n[i - 1]));
		field[count++] = span_cstr(number[i]);
	}
	put_percent(percent[0], n[COUNT_HARD], attempted);
	put_percent(percent[1], n[COUNT_DELAYED], attempted);
	put_percent(percent[2], n[COUNT_COMPLAINED], n[COUNT_DELIVERED]);
	for (size_t i = 0; i < PERCENTS; i++)
		field[count++] = span_cstr(percent[i]);
	control_row(reply, row, field, count);
}

static void put_columns(const struct stats_call *c, struct buf *reply)
{
	struct buf columns = BUF_INIT(1024);

	buf_add_cstr(&columns, "time\tname\tprovider\tattempted");
	for (size_t i = 0; i < COUNTS; i++)
		if (is_shown(c, i))
			buf_printf(&columns, "\t%s", count_text((enum count)i));
	buf_add_cstr(&columns, "\thard_percent\tdelayed_percent\tcomplained_percent");
	attr_put(reply, "columns", buf_span(&columns));
	buf_free(&columns);
}

static void done(void *argument)
{
	struct stats_call *c = argument;
	struct control_session *s = c->session;
	struct sum *sum = NULL, *next = NULL;
	uint64_t index = 0;

	if (c->result == ERR_OK && c->too_many)
		control_error(&s->reply, "range",
		    "over %u rows; ask for one name, or for a shorter time", SUMS_MAX);
	else if (c->result != ERR_OK)
		control_error_value(&s->reply, c->result);
	else {
		control_ok(&s->reply);
		put_columns(c, &s->reply);
	}
	HASH_ITER(hh, c->sums, sum, next)
	{
		if (c->result == ERR_OK && !c->too_many && index >= c->from &&
		    index < c->from + CONTROL_ROWS)
			put_row(c, &s->reply, (size_t)(index - c->from), sum);
		index++;
		HASH_DEL(c->sums, sum);
		free(sum);
	}
	if (c->result == ERR_OK && !c->too_many && index > c->from + CONTROL_ROWS)
		attr_put_u64(&s->reply, "next", c->from + CONTROL_ROWS);
	free(c);
	control_finish(s);
}

/* NULL, or what is wrong. */
static const char *read_call(struct control_call *call, struct stats_call *c, int64_t now_s)
{
	struct span by = control_get(call, "by"), since = control_get(call, "since");
	struct span until = control_get(call, "until"), each = control_get(call, "each");
	struct span from = control_get(call, "from");

	c->scope = COUNT_TENANT;
	c->each_provider = span_eq(control_get(call, "providers"), SPAN("yes"));
	c->each_period = each.n > 0;
	c->all = span_eq(control_get(call, "all"), SPAN("yes"));
	c->until_s = now_s;
	if (by.n > 0 && !count_scope_of(by, &c->scope))
		return "by: tenant, stream, domain or source";
	if (!span_copy(control_get(call, "subject"), c->name, sizeof c->name))
		return "subject: too long";
	if (each.n > 0 && !span_eq(each, SPAN("hour")) && !span_eq(each, SPAN("day")))
		return "each: hour or day";
	if (until.n > 0 && !text_time_parse(until, &c->until_s))
		return "until: not an RFC 3339 date or time";
	c->since_s = c->until_s - 86400;
	if (since.n > 0 && !text_time_parse(since, &c->since_s))
		return "since: not an RFC 3339 date or time";
	if (from.n > 0 && !span_u64(from, &c->from))
		return "from: not one of ours";
	if (c->since_s < 0 || c->until_s < c->since_s || c->until_s - c->since_s > LONGEST_S)
		return "since and until: up to 400 days, forward";
	/* Hours are kept for three days. */
	c->period = span_eq(each, SPAN("hour")) ||
			    (each.n == 0 &&
				now_s - c->since_s <= (int64_t)(COUNT_HOURS_KEPT - 1) * 3600)
			? 'h'
			: 'd';
	return NULL;
}

enum control_progress control_stats(struct control_call *call)
{
	struct stats_call *c = calloc(1, sizeof *c);
	struct store *store = call->session->server->store;
	const char *wrong;
	enum err e = ERR_NOMEM;

	if (c != NULL) {
		c->session = call->session;
		c->database = store_database(store, STORE_COUNTS);
		wrong = read_call(call, c, clock_wall_ns() / NS_PER_S);
		if (wrong != NULL) {
			control_error(call->reply, "syntax", "%s", wrong);
			free(c);
			return CONTROL_DONE;
		}
		e = store_run(store, run, done, c);
	}
	if (e == ERR_OK)
		return CONTROL_LATER;
	free(c);
	control_error_value(call->reply, e);
	return CONTROL_DONE;
}
