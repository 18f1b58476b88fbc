/* test_bucket_model - random admissions against a reference that shares no arithmetic with the
 * code. It keeps a plain list of all grants and asks the definitions: a window holds what was
 * granted in it and not given back; a rate holds when the sum over every interval that ends now is
 * at most burst + rate * time. Calendars come from the C library, not from zone.c.
 *
 * PENGUIN_BUCKET_CASES (100,000 admissions), PENGUIN_SEED. */
#include "chance.h"

#include "bucket.h"
#include "zone.h"

__extension__ typedef __int128 wide;

#define FIRST_S    INT64_C(1767225600) /* 2026-01-01; the calendars go on to 2029, */
#define LAST_S     INT64_C(1861920000) /* over all changes of the clocks and a leap day */
#define STEP_S     900                 /* all of these zones change at whole quarters */
#define WINDOWS    8u
#define RATES      3u
#define BUCKETS    (WINDOWS + RATES)
#define STORY      200u /* admissions until everything begins anew */
#define GRANTS     (STORY + 1)
#define CANDIDATES 3u
#define KINDS      4u

/* ---- calendars, by the C library ---- */

static const char *const zone_names[] = { "UTC", "Europe/Berlin", "America/New_York",
	"Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu", "Africa/Cairo" };
#define ZONES     ARRAY_SIZE(zone_names)
#define CYCLE_DAY 31

struct calendar {
	int64_t *start_s; /* ascending; the first and the last window are not whole */
	size_t count, size;
};

static struct calendar calendars[ZONES][KINDS];
static struct zone *zones[ZONES];
static int64_t *changes_s[ZONES]; /* of the clocks */
static size_t change_count[ZONES];

static int month_length(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month] + (month == 1 && year % 4 == 0);
}

static void add_start(struct calendar *c, int64_t at_s)
{
	if (c->count == c->size) {
		c->size = c->size == 0 ? 1024 : c->size * 2;
		c->start_s = realloc(c->start_s, c->size * sizeof *c->start_s);
		ck_assert_ptr_nonnull(c->start_s);
	}
	c->start_s[c->count++] = at_s;
}

/* A number for each window, from the broken-down time; only the hour's may fall. */
static int64_t window_number(enum window_kind kind, const struct tm *t)
{
	int length = month_length(t->tm_year + 1900, t->tm_mon), month;
	int day = CYCLE_DAY < length ? CYCLE_DAY : length;

	month = t->tm_year * 12 + t->tm_mon;
	switch (kind) {
	case WINDOW_HOUR: return ((int64_t)t->tm_year * 366 + t->tm_yday) * 24 + t->tm_hour;
	case WINDOW_DAY: return (int64_t)t->tm_year * 366 + t->tm_yday;
	case WINDOW_MONTH: return month;
	default: return t->tm_mday >= day ? month : month - 1;
	}
}

static void read_calendar(size_t zone)
{
	int64_t number, last[KINDS] = { 0 };
	long offset = 0;

	setenv("TZ", zone_names[zone], 1);
	tzset();
	changes_s[zone] = calloc(64, sizeof *changes_s[zone]);
	for (int64_t at_s = FIRST_S; at_s < LAST_S; at_s += STEP_S) {
		time_t when = at_s;
		bool changed;
		struct tm t;

		ck_assert_ptr_nonnull(localtime_r(&when, &t));
		changed = at_s > FIRST_S && t.tm_gmtoff != offset;
		offset = t.tm_gmtoff;
		if (changed)
			changes_s[zone][change_count[zone]++] = at_s;
		for (size_t kind = 0; kind < KINDS; kind++) {
			number = window_number((enum window_kind)kind, &t);
			if (kind == WINDOW_HOUR ? number != last[kind] || changed
						: number > last[kind])
				add_start(&calendars[zone][kind], at_s);
			if (kind == WINDOW_HOUR || number > last[kind])
				last[kind] = number;
		}
	}
}

/* The window that at_s lies in, as its index. */
static size_t window_at(const struct calendar *c, int64_t at_s)
{
	size_t low = 0, high = c->count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (c->start_s[middle] <= at_s)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* ---- the reference ---- */

struct grant {
	int64_t window; /* index in the calendar */
	int64_t at_ns;  /* rate: on a clock that only the steps forward move */
	uint64_t units;
	bool gone; /* given back */
	struct booking booking;
};

struct reference {
	enum window_kind kind;
	uint64_t limit;        /* window */
	uint64_t units, burst; /* rate: units in period_ns */
	int64_t period_ns;
	struct rate_limit rate; /* what the code makes of it */
	int64_t newest;         /* window that was ever charged, or -1 */
	unsigned told;          /* thresholds crossed in it */
	struct grant grants[GRANTS];
	size_t count;
};

static struct reference reference[BUCKETS];
static struct bucket_table *table;
static uint64_t rng;
static size_t zone;
static int64_t now_ns, forward_ns;
static bool back; /* the clock has stepped back in this story */
static struct {
	uint64_t granted, refused, by_candidate, given_back, windows;
} seen;

static uint64_t sum_of(const struct reference *r, int64_t window)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->grants[i].window == window && !r->grants[i].gone)
			sum += r->grants[i].units;
	return sum;
}

static int64_t window_now(const struct reference *r)
{
	int64_t now = (int64_t)window_at(&calendars[zone][r->kind], now_ns / NS_PER_S);

	return now > r->newest ? now : r->newest;
}

static bool window_fits(const struct reference *r, uint64_t amount)
{
	return amount == 0 || sum_of(r, window_now(r)) + amount <= r->limit;
}

/* Every interval that begins with a grant and ends now. exact: in multiples of the whole
 * nanoseconds that a unit is rounded up to; else by the rate as it was asked for. */
static bool rate_fits(const struct reference *r, uint64_t amount, bool exact)
{
	wide per_unit = (r->period_ns + (wide)r->units - 1) / (wide)r->units;
	wide sum = amount;

	if (amount == 0)
		return true;
	if (amount > r->burst)
		return false;
	for (size_t i = r->count; i-- > 0;) {
		wide elapsed = forward_ns - r->grants[i].at_ns;

		sum += r->grants[i].units;
		if (exact ? (sum - (wide)r->burst) * per_unit > elapsed
			  : (sum - (wide)r->burst) * r->period_ns > elapsed * (wide)r->units)
			return false;
	}
	return true;
}

static bool is_rate(uint32_t bucket)
{
	return bucket >= WINDOWS;
}

/* ---- one admission ---- */

static struct charge make_charge(uint32_t bucket)
{
	const struct reference *r = &reference[bucket];
	struct charge c = { .bucket = bucket, .is_rate = is_rate(bucket) };
	const struct calendar *calendar;
	struct window_bounds w;
	size_t index;

	if (c.is_rate) {
		c.rate = r->rate;
		c.amount = chance_below(&rng, r->burst + 2) / (1 + chance_below(&rng, 4));
		return c;
	}
	c.limit = r->limit;
	c.amount = chance_below(&rng, r->limit / 4 + 2);
	w = zone_window(zones[zone], r->kind, CYCLE_DAY, now_ns / NS_PER_S);
	calendar = &calendars[zone][r->kind];
	index = window_at(calendar, now_ns / NS_PER_S);
	if (w.start_s != calendar->start_s[index] || w.end_s != calendar->start_s[index + 1])
		ck_abort_msg("%s, kind %d, at %" PRId64 ": %" PRId64 " to %" PRId64,
		    zone_names[zone], r->kind, now_ns / NS_PER_S, w.start_s, w.end_s);
	c.start_s = w.start_s;
	c.end_s = w.end_s;
	return c;
}

/* yes: all certainly fit; no: at least one does not; with the clock gone back a rate may also
 * refuse what its definition would allow. */
static void predict(const struct charge *charges, size_t count, bool *may_r, bool *must_r)
{
	*may_r = *must_r = true;
	for (size_t i = 0; i < count; i++) {
		const struct reference *r = &reference[charges[i].bucket];
		bool fits = charges[i].is_rate ? rate_fits(r, charges[i].amount, false)
					       : window_fits(r, charges[i].amount);

		*may_r = *may_r && fits;
		if (charges[i].is_rate)
			fits = charges[i].amount == 0 ||
			       (!back && rate_fits(r, charges[i].amount, true));
		*must_r = *must_r && fits;
	}
}

/* 80, 90, 95 and 100 percent; a limit of nothing has reached them all. */
static unsigned thresholds_of(uint64_t limit, uint64_t sum)
{
	static const uint64_t percent[] = { 80, 90, 95, 100 };
	unsigned reached = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(percent); i++)
		reached |= sum * 100 >= limit * percent[i] ? 1u << i : 0;
	return reached;
}

/* undone: its commit fails. That leaves no grant, but where it was the first of a newer window the
 * older one is over, as if the clock had led there. */
static void note(const struct charge *c, const struct booking *b, bool undone)
{
	struct reference *r = &reference[c->bucket];
	int64_t window = c->is_rate || c->amount == 0 ? r->newest : window_now(r);
	unsigned reached;

	MUST(b->bucket == c->bucket);
	if (c->amount == 0)
		return;
	if (window > r->newest) {
		r->newest = window;
		r->told = 0;
		seen.windows++;
	}
	reached = c->is_rate ? 0 : thresholds_of(r->limit, sum_of(r, window) + c->amount);
	MUST(b->crossed == (reached & ~r->told));
	if (undone)
		return;
	r->told |= reached;
	MUST(r->count < GRANTS);
	r->grants[r->count++] = (struct grant){
		.window = window, .at_ns = forward_ns, .units = c->amount, .booking = *b
	};
}

static void check_used(uint32_t bucket)
{
	struct charge c = make_charge(bucket);
	uint64_t used;
	int64_t retry_s;
	bool fits;

	if (is_rate(bucket))
		return;
	fits = bucket_peek(table, &c, now_ns, &used, &retry_s);
	MUST(used == sum_of(&reference[bucket], window_now(&reference[bucket])));
	MUST(fits == window_fits(&reference[bucket], c.amount));
	if (!fits && c.amount <= c.limit) {
		const struct calendar *k = &calendars[zone][reference[bucket].kind];

		MUST(retry_s ==
		     k->start_s[window_now(&reference[bucket]) + 1] - now_ns / NS_PER_S);
	}
}

/* One charge for each bucket of the mask. */
static size_t make_charges(uint32_t mask, struct charge *out)
{
	size_t n = 0;

	for (uint32_t b = 0; b < BUCKETS; b++)
		if ((mask & 1u << b) != 0)
			out[n++] = make_charge(b);
	return n;
}

struct asked {
	struct charge common[BUCKETS], choice[CANDIDATES][BUCKETS];
	struct candidate candidates[CANDIDATES];
	size_t common_count, candidate_count;
};

static void make_admission(struct asked *a)
{
	uint32_t mask =
	    (uint32_t)(chance_next(&rng) & chance_next(&rng)) & ((1u << BUCKETS) - 1);

	a->common_count = make_charges(mask, a->common);
	a->candidate_count = chance_below(&rng, CANDIDATES + 1);
	for (size_t i = 0; i < a->candidate_count; i++) {
		uint32_t other = (uint32_t)(chance_next(&rng) & chance_next(&rng)) &
				 ((1u << BUCKETS) - 1) & ~mask;

		a->candidates[i] = (struct candidate){ .charges = a->choice[i],
			.count = make_charges(other, a->choice[i]) };
	}
}

/* The verdict against the definitions. Returns the index of the candidate granted. */
static void check_verdict(const struct asked *a, const struct outcome *o)
{
	bool granted = o->result == ADMISSION_GRANTED, may, must, any = a->candidate_count == 0;
	bool all_refused = true;

	predict(a->common, a->common_count, &may, &must);
	MUST(may || !granted);
	for (size_t i = 0; i < a->candidate_count; i++) {
		bool one_may, one_must;

		predict(a->candidates[i].charges, a->candidates[i].count, &one_may, &one_must);
		MUST(!granted || i != o->candidate || one_may);
		MUST(!granted || i >= o->candidate || !one_must);
		any = any || one_must;
		all_refused = all_refused && !one_may;
	}
	MUST(granted || !must || !any);
	MUST(!granted || a->candidate_count == 0 || !all_refused);
}

static void admit(void)
{
	struct booking bookings[CHARGES_MAX];
	struct bucket before[BUCKETS];
	struct outcome o;
	struct asked a;
	bool undone;
	size_t n;

	make_admission(&a);
	for (uint32_t b = 0; b < BUCKETS; b++)
		before[b] = *bucket_at(table, b);
	bucket_admit(table, a.common, a.common_count, a.candidates, a.candidate_count, now_ns,
	    &o, bookings, &n);
	check_verdict(&a, &o);
	if (o.result != ADMISSION_GRANTED) {
		MUST(n == 0);
		seen.refused++;
		/* It cost nothing; a rate from the future may only have come nearer. */
		for (uint32_t b = 0; b < BUCKETS; b++) {
			const struct bucket *now = bucket_at(table, b);

			MUST(memcmp(&now->window, &before[b].window, sizeof now->window) == 0);
			MUST(now->rate.tat_ns <= before[b].rate.tat_ns &&
			     (back || now->rate.tat_ns == before[b].rate.tat_ns));
		}
		return;
	}
	seen.granted++;
	seen.by_candidate += a.candidate_count > 0 && o.candidate > 0;
	MUST(n ==
	     a.common_count + (a.candidate_count > 0 ? a.candidates[o.candidate].count : 0));
	undone = chance_below(&rng, 16) == 0;
	for (size_t i = 0; i < n; i++) {
		note(i < a.common_count ? &a.common[i]
					: &a.choice[o.candidate][i - a.common_count],
		    &bookings[i], undone);
		if (!undone)
			continue;
		bucket_undo(table, &bookings[i]);
		bucket_at(table, bookings[i].bucket)->alerted &= (uint8_t)~bookings[i].crossed;
	}
}

/* Any grant of this story is given back, once: it counts in its own window or nowhere. */
static void give_back(void)
{
	uint32_t b = (uint32_t)chance_below(&rng, BUCKETS);
	struct reference *r = &reference[b];
	struct grant *g;

	if (r->count == 0)
		return;
	g = &r->grants[chance_below(&rng, r->count)];
	if (g->gone)
		return;
	bucket_refund(table, &g->booking);
	g->gone = !is_rate(b); /* a rate recovers by itself */
	seen.given_back++;
	check_used(b);
}

/* ---- stories ---- */

static void begin_story(void)
{
	bucket_table_free(&table);
	table = bucket_table_new();
	ck_assert_ptr_nonnull(table);
	zone = chance_below(&rng, ZONES);
	for (uint32_t b = 0; b < BUCKETS; b++) {
		struct reference *r = &reference[b];
		char name[] = { (char)('a' + b), '\0' };

		MUST(bucket_obtain(table, span_cstr(name)) == b);
		r->count = 0;
		r->newest = -1;
		r->told = 0;
		r->kind = (enum window_kind)chance_below(&rng, KINDS);
		r->limit = chance_size(&rng) % 1000;
		do {
			r->units = 1 + chance_size(&rng) % 100000;
			r->period_ns =
			    (int64_t)(1 + chance_size(&rng) % (86400 * UINT64_C(1000000000)));
			r->burst = 1 + chance_size(&rng) % 1000;
		} while (!rate_limit_make(r->units, r->period_ns, r->burst, &r->rate));
	}
	/* Mostly within three days of a change of the clocks, where there is one. */
	now_ns =
	    FIRST_S + 40 * 86400 + (int64_t)chance_below(&rng, LAST_S - FIRST_S - 80 * 86400);
	if (change_count[zone] > 0 && chance_below(&rng, 4) > 0)
		now_ns = changes_s[zone][chance_below(&rng, change_count[zone])] - 3 * 86400 +
			 (int64_t)chance_below(&rng, 6 * 86400);
	now_ns = now_ns * NS_PER_S + (int64_t)chance_below(&rng, NS_PER_S);
	forward_ns = 0;
	back = false;
}

/* Some stories never step back: in those a rate is exact. */
static void step_clock(bool may_step_back)
{
	static const int64_t sizes_s[] = { 1, 60, 3600, 7200, 86400, 86400 * 9 };
	int64_t step = (int64_t)chance_below(
	    &rng, (uint64_t)sizes_s[chance_below(&rng, ARRAY_SIZE(sizes_s))] * NS_PER_S);

	if (chance_below(&rng, 3) > 0) { /* as long as a rate takes to recover, or less */
		const struct rate_limit *l =
		    &reference[WINDOWS + chance_below(&rng, RATES)].rate;

		step =
		    (int64_t)(chance_size(&rng) % ((uint64_t)l->emission_ns * (l->burst + 2)));
	}
	if (may_step_back && chance_below(&rng, 3) == 0)
		step = -step;
	if (now_ns + step < (FIRST_S + 32 * 86400) * NS_PER_S ||
	    now_ns + step > (LAST_S - 64 * 86400) * NS_PER_S)
		return;
	now_ns += step;
	forward_ns += step > 0 ? step : 0;
	back = back || step < 0;
}

START_TEST(like_the_definitions)
{
	uint64_t cases = chance_number("PENGUIN_BUCKET_CASES", 100000);
	bool may_step_back = false;

	rng = chance_seed("bucket model", cases);
	for (size_t i = 0; i < ZONES; i++) {
		read_calendar(i);
		ck_assert_int_eq(zone_load(NULL, span_cstr(zone_names[i]), &zones[i]), ERR_OK);
	}
	for (uint64_t i = 0; i < cases; i++) {
		if (i % STORY == 0) {
			begin_story();
			may_step_back = chance_below(&rng, 2) == 0;
		}
		step_clock(may_step_back);
		if (chance_below(&rng, 4) == 0)
			give_back();
		admit();
		check_used((uint32_t)chance_below(&rng, BUCKETS));
	}
	printf("bucket model: %" PRIu64 " granted, %" PRIu64 " refused, %" PRIu64
	       " by a later candidate, %" PRIu64 " given back, %" PRIu64 " windows\n",
	    seen.granted, seen.refused, seen.by_candidate, seen.given_back, seen.windows);
	if (cases >= 10000) {
		ck_assert_uint_gt(seen.granted, cases / 10);
		ck_assert_uint_gt(seen.refused, cases / 10);
		ck_assert_uint_gt(seen.by_candidate, cases / 100);
	}
	for (size_t i = 0; i < ZONES; i++) {
		zone_free(&zones[i]);
		free(changes_s[i]);
		for (size_t kind = 0; kind < KINDS; kind++)
			free(calendars[i][kind].start_s);
	}
	bucket_table_free(&table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bucket_model");
	TCase *cases = tcase_create("bucket_model");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 600);
	tcase_add_test(cases, like_the_definitions);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
