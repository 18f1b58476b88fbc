/* trouble - hits, counted by a table. */
#include <endian.h>

#include "hash.h"
#include "trouble.h"

#define VERSION 1
#define DAY_S   86400

static const struct trouble_rule rules[] = {
	{ REPLY_INVALID_RECIPIENT, 1, 0, 30 * DAY_S, 0, "bounce invalid" },
	{ REPLY_INACTIVE_MAILBOX, 2, 3 * DAY_S, 30 * DAY_S, 0, "bounce inactive" },
	{ REPLY_BAD_DOMAIN, 2, DAY_S, 30 * DAY_S, 0, "bounce domain" },
	{ REPLY_MAILBOX_FULL, 5, 0, 30 * DAY_S, 90 * DAY_S, "bounce full" },
	{ REPLY_UNKNOWN, 3, DAY_S, 30 * DAY_S, 90 * DAY_S, "bounce soft" },
};

const struct trouble_rule *trouble_rule(enum reply_class class)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].class == class)
			return rules + i;
	return NULL;
}

/* Drops what is too old, and the oldest when there is no room. */
static void forget(struct trouble *t, int64_t before_s)
{
	size_t kept = 0;
	size_t from = t->count == TROUBLE_HITS ? 1 : 0;

	for (size_t i = from; i < t->count; i++)
		if (t->hits[i].time_s >= before_s)
			t->hits[kept++] = t->hits[i];
	t->count = kept;
}

bool trouble_add(struct trouble *t, enum reply_class class, int64_t time_s)
{
	const struct trouble_rule *rule = trouble_rule(class);
	unsigned hits = 1;

	if (rule == NULL)
		return false;
	forget(t, time_s - rule->within_s);
	for (size_t i = t->count; i-- > 0;) {
		int64_t since_s = time_s - t->hits[i].time_s;

		if (t->hits[i].class != class)
			continue;
		/* One campaign twice in an hour is one hit. */
		if (since_s < rule->apart_s && hits == 1)
			return false;
		hits++;
	}
	if (hits >= rule->hits) {
		t->count = 0;
		return true;
	}
	t->hits[t->count].class = class;
	t->hits[t->count++].time_s = time_s;
	return false;
}

/* ---- version u8, count u8, then class u8 and time i64 each, checksum u64 ---- */

static uint64_t checksum(struct span key, struct span body)
{
	return htole64(hash64(body, hash64(key, VERSION)));
}

void trouble_put(struct buf *out, struct span key, const struct trouble *t)
{
	size_t from = out->n;
	uint64_t sum;

	buf_add_char(out, VERSION);
	buf_add_char(out, (char)t->count);
	for (size_t i = 0; i < t->count; i++) {
		uint64_t time = htole64((uint64_t)t->hits[i].time_s);

		buf_add_char(out, (char)t->hits[i].class);
		buf_add(out, &time, sizeof time);
	}
	sum = buf_ok(out) ? checksum(key, span_make(out->p + from, out->n - from)) : 0;
	buf_add(out, &sum, sizeof sum);
}

enum err trouble_get(struct span key, struct span octets, struct trouble *t_r)
{
	uint64_t sum, time;
	struct span body;

	*t_r = (struct trouble){ .count = 0 };
	if (octets.n < 2 + sizeof sum)
		return ERR_CORRUPT;
	body = span_head(octets, octets.n - sizeof sum);
	memcpy(&sum, octets.p + body.n, sizeof sum);
	if (sum != checksum(key, body))
		return ERR_CORRUPT;
	if (body.p[0] != VERSION)
		return ERR_VERSION;
	if ((unsigned char)body.p[1] > TROUBLE_HITS ||
	    body.n != 2 + 9 * (size_t)(unsigned char)body.p[1])
		return ERR_CORRUPT;
	for (size_t i = 0; i < (unsigned char)body.p[1]; i++) {
		const char *hit = body.p + 2 + 9 * i;

		if ((unsigned char)hit[0] >= REPLY_CLASSES) {
			t_r->count = 0;
			return ERR_CORRUPT;
		}
		memcpy(&time, hit + 1, sizeof time);
		t_r->hits[t_r->count].class = (enum reply_class)hit[0];
		t_r->hits[t_r->count++].time_s = (int64_t)le64toh(time);
	}
	return ERR_OK;
}
