/* zone_data.h - what a time zone is made of; shared by zone.c and zone_tzif.c only. */
#ifndef ZONE_DATA_H
#define ZONE_DATA_H

#include "zone.h"

/* No zone is or was further than this from UTC, with room: seconds either way. */
#define ZONE_OFFSET_MAX 93600

enum zone_rule_form {
	ZONE_RULE_JULIAN, /* Jn: 1..365, without 29 February */
	ZONE_RULE_DAY,    /* n: 0..365 */
	ZONE_RULE_WEEK,   /* Mm.w.d */
};

struct zone_rule_day {
	enum zone_rule_form form;
	int month, week; /* 1..12; 1..5, 5 = last */
	int day;         /* day of the year, or of the week (0 = Sunday) */
	int32_t time_s;  /* local, -167..167 hours (RFC 8536 section 3.3.1) */
};

struct zone_rule {
	int32_t std_s, dst_s; /* local minus UTC */
	bool has_dst;
	struct zone_rule_day start, end; /* of DST */
};

struct zone {
	int64_t *at_s;     /* ascending moments of change */
	int32_t *offset_s; /* the offset from at_s[i] on */
	size_t count;
	int32_t first_s; /* the offset before at_s[0] */
	bool has_rule;   /* the rule holds after the last change */
	struct zone_rule rule;
};

#endif
