/* zone.h - calendar windows in a timezone: days of 23 and 25 hours are right. Time zones are read
 * from the system's TZif files (RFC 8536) once; the answers are pure and thread safe. */
#ifndef ZONE_H
#define ZONE_H

#include "base.h"
#include "err.h"
#include "span.h"

struct zone; /* immutable after zone_load */

/* name as in "Europe/Berlin" or "UTC"; read below directory (NULL: /usr/share/zoneinfo). Names
 * with "..", a leading '/' or other octets than [A-Za-z0-9_+/-] are ERR_SYNTAX. Owned by the
 * caller. */
enum err zone_load(const char *directory, struct span name, struct zone **zone_r) CHECKED;
/* From the bytes of a TZif file (versions 1-4, footer rule included). For tests and fuzzing. */
enum err zone_parse(struct span bytes, struct zone **zone_r) CHECKED;
void zone_free(struct zone **zone);

/* UTC, never NULL, not to be freed. */
const struct zone *zone_utc(void);

/* Local time minus UTC, in seconds, at that moment. */
int32_t zone_offset_s(const struct zone *zone, int64_t utc_s);

enum window_kind {
	WINDOW_HOUR, /* the local clock's hour; a repeated hour at the end of DST is two windows */
	WINDOW_DAY,   /* local midnight to local midnight */
	WINDOW_MONTH, /* first of the local month */
	WINDOW_CYCLE, /* billing cycle: from cycle_day of one month to that of the next; a month
			 without that day starts on its last */
};

struct window_bounds {
	int64_t start_s, end_s; /* UTC seconds, end exclusive; start_s <= utc_s < end_s */
};

/* cycle_day 1..31, looked at for WINDOW_CYCLE only. Where a local midnight does not exist (DST
 * starts at 00:00), the day starts at the first moment after the gap. */
struct window_bounds zone_window(
    const struct zone *zone, enum window_kind kind, int cycle_day, int64_t utc_s);

/* Local time with its offset, RFC 3339 ("2026-11-23T18:00:00+01:00"), into out (NUL). */
#define ZONE_TEXT_MAX 32
void zone_format(const struct zone *zone, int64_t utc_s, char out[ZONE_TEXT_MAX]);

#endif
