/* bucket - counters in memory. Charges are checked first and booked after, so a refusal costs
 * nothing. The arithmetic itself is common/rate. Knows neither tenants nor storage. */
#include <stdlib.h>

#include "bucket.h"
#include "table.h"

#define PAGE 4096u /* buckets a page: pages never move, so pointers stay good while it grows */

struct entry {
	struct bucket bucket;
	uint32_t number;
	UT_hash_handle by_name;
	char name[];
};

struct bucket_table {
	struct entry **at; /* number => entry; gaps only during replay */
	uint32_t count, size;
	struct entry *names; /* name => entry */
};

struct bucket_table *bucket_table_new(void)
{
	return calloc(1, sizeof(struct bucket_table));
}

void bucket_table_free(struct bucket_table **t)
{
	if (*t == NULL)
		return;
	HASH_CLEAR(by_name, (*t)->names);
	for (uint32_t i = 0; i < (*t)->count; i++)
		free((*t)->at[i]);
	free((*t)->at);
	free(*t);
	*t = NULL;
}

uint32_t bucket_count(const struct bucket_table *t)
{
	return t->count;
}

struct bucket *bucket_at(struct bucket_table *t, uint32_t number)
{
	return number < t->count && t->at[number] != NULL ? &t->at[number]->bucket : NULL;
}

static struct entry *find(const struct bucket_table *t, struct span name)
{
	struct entry *e = NULL;

	HASH_FIND(by_name, t->names, name.p, name.n, e);
	return e;
}

uint32_t bucket_find(const struct bucket_table *t, struct span name)
{
	struct entry *e = find(t, name);

	return e != NULL ? e->number : BUCKET_NONE;
}

static bool make_room(struct bucket_table *t, uint32_t number)
{
	uint32_t size = (number / PAGE + 1) * PAGE;
	struct entry **at;

	if (number < t->size)
		return true;
	if (size < t->size * 2)
		size = t->size * 2;
	at = realloc(t->at, size * sizeof *at);
	if (at == NULL)
		return false;
	memset(at + t->size, 0, (size - t->size) * sizeof *at);
	t->at = at;
	t->size = size;
	return true;
}

enum err bucket_restore(struct bucket_table *t, uint32_t number, struct span name)
{
	struct entry *e = find(t, name), *added = NULL;

	if (e != NULL)
		return e->number == number ? ERR_OK : ERR_CORRUPT;
	if (name.n == 0 || name.n > BUCKET_NAME_MAX || number >= BUCKET_NONE - PAGE)
		return ERR_RANGE;
	if (bucket_at(t, number) != NULL)
		return ERR_CORRUPT;
	if (!make_room(t, number))
		return ERR_NOMEM;
	e = calloc(1, sizeof *e + name.n + 1);
	if (e == NULL)
		return ERR_NOMEM;
	memcpy(e->name, name.p, name.n);
	e->bucket.name = e->name;
	e->number = number;
	HASH_ADD_KEYPTR(by_name, t->names, e->name, name.n, e);
	HASH_FIND(by_name, t->names, name.p, name.n, added);
	if (added == NULL) {
		free(e);
		return ERR_NOMEM;
	}
	t->at[number] = e;
	if (number >= t->count)
		t->count = number + 1;
	return ERR_OK;
}

uint32_t bucket_obtain(struct bucket_table *t, struct span name)
{
	struct entry *e = find(t, name);
	uint32_t number = t->count;

	if (e != NULL)
		return e->number;
	return bucket_restore(t, number, name) == ERR_OK ? number : BUCKET_NONE;
}

/* ---- charging ---- */

struct check {
	bool fits;
	int64_t retry_s;
	struct booking booking;
};

static int64_t ns_to_s_up(int64_t ns)
{
	return ns == INT64_MAX ? INT64_MAX : ns / NS_PER_S + (ns % NS_PER_S != 0);
}

static struct check check_charge(const struct bucket *b, const struct charge *c, int64_t now_ns)
{
	struct check r = { .booking = { .bucket = c->bucket, .is_rate = c->is_rate } };

	if (c->is_rate) {
		struct rate_answer a = rate_charge(c->rate, b->rate, c->amount, now_ns);

		r.fits = a.granted;
		r.retry_s = ns_to_s_up(a.retry_ns);
		r.booking.value = a.after.tat_ns;
		r.booking.amount = (uint64_t)a.added_ns;
	} else {
		uint64_t limit = c->alert_only ? UINT64_MAX : c->limit;
		struct window_answer a = window_charge(
		    limit, b->window, c->amount, c->start_s, c->end_s, now_ns / NS_PER_S);
		bool same = a.after.start_s == b->window.start_s;
		unsigned before = same ? b->alerted : 0;

		r.fits = a.granted;
		r.retry_s = a.retry_s;
		r.booking.value = a.after.start_s;
		r.booking.length_s = (uint32_t)(a.after.end_s - a.after.start_s);
		r.booking.amount = c->amount;
		r.booking.alerted =
		    (uint8_t)(before | window_thresholds(c->limit, a.after.used));
		r.booking.crossed = (uint8_t)(r.booking.alerted & ~before);
	}
	return r;
}

static void book(struct bucket *b, const struct booking *k)
{
	b->is_rate = k->is_rate;
	b->dirty = true;
	if (k->is_rate) {
		b->rate.tat_ns = k->value;
		return;
	}
	if (b->window.start_s != k->value) {
		b->window.start_s = k->value;
		b->window.used = 0;
	}
	b->window.end_s = k->value + k->length_s;
	b->window.used += k->amount;
	b->alerted = k->alerted;
}

/* A rate that the clock, ahead once, has left in the far future is refused and cut to "fully spent
 * now": kept, or it would be refused until that future comes. */
static void keep_cut(struct bucket *b, const struct booking *k)
{
	if (!k->is_rate || b->rate.tat_ns == k->value)
		return;
	b->rate.tat_ns = k->value;
	b->is_rate = true;
	b->dirty = true;
}

/* Checks all; keeps the refusal with the longest wait: a month that is spent says more than a
 * second that is. */
static bool check_all(struct bucket_table *t, const struct charge *charges, size_t count,
    int64_t now_ns, struct booking *bookings, struct outcome *outcome)
{
	bool fits = true;

	for (size_t i = 0; i < count; i++) {
		struct bucket *b = bucket_at(t, charges[i].bucket);
		struct check r = check_charge(b, &charges[i], now_ns);

		bookings[i] = r.booking;
		if (r.fits)
			continue;
		keep_cut(b, &r.booking);
		if (fits || r.retry_s > outcome->retry_s) {
			outcome->retry_s = r.retry_s;
			outcome->refused = charges[i];
			outcome->refused_index = i;
		}
		fits = false;
	}
	return fits;
}

void bucket_admit(struct bucket_table *t, const struct charge *common, size_t count,
    const struct candidate *candidates, size_t candidate_count, int64_t now_ns,
    struct outcome *outcome_r, struct booking *bookings_r, size_t *booking_count_r)
{
	size_t total = count;

	*booking_count_r = 0;
	*outcome_r = (struct outcome){ .result = ADMISSION_REFUSED, .refused_index = SIZE_MAX };
	if (!check_all(t, common, count, now_ns, bookings_r, outcome_r))
		return;
	if (candidate_count > 0) {
		size_t i;

		for (i = 0; i < candidate_count; i++) {
			struct outcome one = { .retry_s = 0 };

			if (check_all(t, candidates[i].charges, candidates[i].count, now_ns,
				bookings_r + count, &one))
				break;
			if (i == 0 || one.retry_s < outcome_r->retry_s) {
				outcome_r->retry_s = one.retry_s;
				outcome_r->refused = one.refused;
			}
		}
		if (i == candidate_count)
			return;
		outcome_r->candidate = i;
		total += candidates[i].count;
	}
	for (size_t i = 0; i < total; i++)
		book(bucket_at(t, bookings_r[i].bucket), &bookings_r[i]);
	outcome_r->result = ADMISSION_GRANTED;
	*booking_count_r = total;
}

bool bucket_peek(const struct bucket_table *t, const struct charge *charge, int64_t now_ns,
    uint64_t *used_r, int64_t *retry_s_r)
{
	static const struct bucket untouched;
	const struct bucket *b = &untouched;
	struct check r;

	if (charge->bucket < t->count && t->at[charge->bucket] != NULL)
		b = &t->at[charge->bucket]->bucket;
	r = check_charge(b, charge, now_ns);
	*used_r = charge->is_rate
		      ? charge->rate.burst - rate_remaining(charge->rate, b->rate, now_ns)
		      : window_used(b->window, charge->start_s);
	*retry_s_r = r.fits ? 0 : r.retry_s;
	return r.fits;
}

void bucket_replay(struct bucket_table *t, const struct booking *b, uint64_t seq)
{
	struct bucket *bucket = bucket_at(t, b->bucket);

	if (bucket != NULL && seq > bucket->record_seq)
		book(bucket, b);
}

void bucket_undo(struct bucket_table *t, const struct booking *b)
{
	struct bucket *bucket = bucket_at(t, b->bucket);

	if (bucket == NULL)
		return;
	if (b->is_rate)
		bucket->rate.tat_ns -= (int64_t)b->amount;
	else
		bucket->window = window_refund(bucket->window, b->value, b->amount);
	bucket->dirty = true;
}

void bucket_refund(struct bucket_table *t, const struct booking *b)
{
	struct bucket *bucket = bucket_at(t, b->bucket);

	if (bucket == NULL || b->is_rate)
		return;
	bucket->window = window_refund(bucket->window, b->value, b->amount);
	bucket->dirty = true;
}

void bucket_reset(struct bucket_table *t, uint32_t number)
{
	struct bucket *b = bucket_at(t, number);

	if (b == NULL)
		return;
	b->window.used = 0;
	b->rate.tat_ns = 0;
	b->alerted = 0;
	b->dirty = true;
}
