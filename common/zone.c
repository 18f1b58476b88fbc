/* zone - local time and the calendar windows that follow from it. Knows no quota; reads no
 * clock. Reading TZif bytes is zone_tzif.c. */
#include <stdio.h>
#include <stdlib.h>

#include "zone_data.h"

#define SECONDS_A_DAY INT64_C(86400)

/* Beyond +-35 million years nothing here is meant to be right, only to stay within int64_t. */
#define TIME_MAX (INT64_C(1) << 50)

static int64_t clamp(int64_t t)
{
	if (t > TIME_MAX)
		return TIME_MAX;
	return t < -TIME_MAX ? -TIME_MAX : t;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* ---- civil days (proleptic Gregorian; day 0 is 1970-01-01) ---- */

struct civil {
	int64_t year;
	int month, day; /* 1.. */
};

/* Years are counted from March, so that the leap day is the last day of its year; 400 of them
 * are 146,097 days. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(y, 400);
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static struct civil civil_from_days(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = floor_div(z, 146097);
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	struct civil c;

	c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
	c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c.year = yoe + era * 400 + (c.month <= 2);
	return c;
}

static int month_days(int64_t year, int month)
{
	int64_t next =
	    month == 12 ? days_from_civil(year + 1, 1, 1) : days_from_civil(year, month + 1, 1);

	return (int)(next - days_from_civil(year, month, 1));
}

/* ---- the footer's rule, for times after the table ---- */

static int64_t rule_day(const struct zone_rule_day *r, int64_t year)
{
	int64_t first, days;
	int weekday;

	switch (r->form) {
	case ZONE_RULE_JULIAN: /* 1..365, 29 February never counted */
		days = days_from_civil(year, 1, 1) + r->day - 1;
		return days + (r->day >= 60 && month_days(year, 2) == 29);
	case ZONE_RULE_DAY: return days_from_civil(year, 1, 1) + r->day;
	case ZONE_RULE_WEEK: break;
	}
	first = days_from_civil(year, r->month, 1);
	weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
	days = (r->day - weekday + 7) % 7 + 7 * (r->week - 1);
	if (days >= month_days(year, r->month)) /* week 5 is the last one */
		days -= 7;
	return first + days;
}

struct change {
	int64_t at_s;
	int32_t offset_s;
};

/* A rule's times reach a week into the years beside, so five years surely hold a change before
 * and one after any moment of the middle one. */
#define CHANGES 10

/* The changes of the years around t, in order of their year. */
static void rule_changes(const struct zone_rule *r, int64_t t, struct change out[CHANGES])
{
	int64_t year = civil_from_days(floor_div(t + r->std_s, SECONDS_A_DAY)).year - 2;

	for (size_t i = 0; i < CHANGES; i += 2, year++) {
		out[i].at_s =
		    rule_day(&r->start, year) * SECONDS_A_DAY + r->start.time_s - r->std_s;
		out[i].offset_s = r->dst_s;
		out[i + 1].at_s =
		    rule_day(&r->end, year) * SECONDS_A_DAY + r->end.time_s - r->dst_s;
		out[i + 1].offset_s = r->std_s;
	}
}

static int32_t rule_offset(const struct zone_rule *r, int64_t t)
{
	struct change changes[CHANGES];
	int64_t best = INT64_MIN;
	int32_t offset = r->std_s;

	if (!r->has_dst)
		return r->std_s;
	rule_changes(r, t, changes);
	/* Of two changes at once the later year's holds: DST all year ends and starts at the
	 * same moment (RFC 8536 section 3.3.1). */
	for (size_t i = 0; i < CHANGES; i++)
		if (changes[i].at_s <= t && changes[i].at_s >= best) {
			best = changes[i].at_s;
			offset = changes[i].offset_s;
		}
	return offset;
}

static int64_t rule_next(const struct zone_rule *r, int64_t t)
{
	struct change changes[CHANGES];
	int64_t next = INT64_MAX;

	if (!r->has_dst)
		return INT64_MAX;
	rule_changes(r, t, changes);
	for (size_t i = 0; i < CHANGES; i++)
		if (changes[i].at_s > t && changes[i].at_s < next)
			next = changes[i].at_s;
	return next;
}

/* ---- offsets ---- */

/* How many changes of the table lie at or before t. */
static size_t table_count(const struct zone *z, int64_t t)
{
	size_t low = 0, high = z->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (z->at_s[middle] <= t)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int32_t offset_at(const struct zone *z, int64_t t)
{
	size_t n = table_count(z, t);

	if (n == z->count && z->has_rule)
		return rule_offset(&z->rule, t);
	return n == 0 ? z->first_s : z->offset_s[n - 1];
}

/* The first moment after t at which the offset may change. */
static int64_t next_change(const struct zone *z, int64_t t)
{
	size_t n = table_count(z, t);

	if (n < z->count)
		return z->at_s[n];
	return z->has_rule ? rule_next(&z->rule, t) : INT64_MAX;
}

int32_t zone_offset_s(const struct zone *zone, int64_t utc_s)
{
	return offset_at(zone, clamp(utc_s));
}

/* ---- windows ---- */

/* The first moment whose local time is local_s or later. It grows with local_s, which is why
 * windows that start at such moments tile time, whatever the clocks do: a midnight that does
 * not exist becomes the end of the gap, one that comes twice counts the first time. */
static int64_t first_reaching(const struct zone *z, int64_t local_s)
{
	int64_t from = local_s - ZONE_OFFSET_MAX, until, reached;

	for (;;) {
		until = next_change(z, from);
		reached = local_s - offset_at(z, from);
		if (reached < from)
			reached = from;
		if (reached < until)
			return reached;
		from = until;
	}
}

/* Local start (as if UTC) of the index-th window of its kind. */
static int64_t local_start(enum window_kind kind, int cycle_day, int64_t index)
{
	int64_t year = floor_div(index, 12);
	int month = (int)(index - year * 12) + 1, day = 1;

	if (kind == WINDOW_DAY)
		return index * SECONDS_A_DAY;
	if (kind == WINDOW_CYCLE) {
		day = cycle_day < month_days(year, month) ? cycle_day : month_days(year, month);
		if (day < 1)
			day = 1;
	}
	return days_from_civil(year, month, day) * SECONDS_A_DAY;
}

/* Two hours with the same name at the end of DST are two windows, so every change of the clocks
 * is a boundary as well. */
static struct window_bounds hour_window(const struct zone *z, int64_t t)
{
	int64_t offset = offset_at(z, t), end;
	struct window_bounds w;
	int64_t low = t - 3600, change;

	w.start_s = floor_div(t + offset, 3600) * 3600 - offset;
	end = w.start_s + 3600;
	for (change = next_change(z, low); change <= t; change = next_change(z, change))
		if (change > w.start_s && offset_at(z, change) != offset_at(z, change - 1))
			w.start_s = change;
	w.end_s = end;
	for (; change < end; change = next_change(z, change))
		if (offset_at(z, change) != offset_at(z, change - 1)) {
			w.end_s = change;
			break;
		}
	return w;
}

struct window_bounds zone_window(
    const struct zone *zone, enum window_kind kind, int cycle_day, int64_t utc_s)
{
	int64_t t = clamp(utc_s), index;
	struct window_bounds w;
	struct civil c;

	if (kind == WINDOW_HOUR)
		return hour_window(zone, t);
	index = floor_div(t + offset_at(zone, t), SECONDS_A_DAY);
	if (kind != WINDOW_DAY) {
		c = civil_from_days(index);
		index = c.year * 12 + c.month - 1;
	}
	/* The local date may be before the window's day (a clock set back over midnight), and
	 * in a cycle the month's start may still lie ahead. */
	index -= 1;
	w.start_s = first_reaching(zone, local_start(kind, cycle_day, index));
	for (;; index++) {
		w.end_s = first_reaching(zone, local_start(kind, cycle_day, index + 1));
		if (w.end_s > t)
			return w;
		w.start_s = w.end_s;
	}
}

void zone_format(const struct zone *zone, int64_t utc_s, char out[ZONE_TEXT_MAX])
{
	int32_t offset = zone_offset_s(zone, utc_s);
	int64_t local, second;
	struct civil c;
	char sign = offset < 0 ? '-' : '+';
	char text[96] = ""; /* the compiler does not see how few digits there are */

	/* Offsets before standard time have seconds, RFC 3339 has none for them. */
	offset -= offset % 60;
	local = clamp(utc_s) + offset;
	c = civil_from_days(floor_div(local, SECONDS_A_DAY));
	second = local - floor_div(local, SECONDS_A_DAY) * SECONDS_A_DAY;
	if (offset < 0)
		offset = -offset;
	snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", (int)c.year,
	    c.month, c.day, (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60),
	    sign, (int)(offset / 3600), (int)(offset / 60 % 60));
	text[ZONE_TEXT_MAX - 1] = '\0';
	memcpy(out, text, ZONE_TEXT_MAX);
}

const struct zone *zone_utc(void)
{
	static const struct zone utc = { .count = 0 };

	return &utc;
}

void zone_free(struct zone **zone)
{
	if (*zone == NULL)
		return;
	free((*zone)->at_s);
	free((*zone)->offset_s);
	free(*zone);
	*zone = NULL;
}
