/* health.h - one figure for how well mail of somebody is received: 0 to 100, from what receivers
 * and recipients did. Openings never count: they say nothing of reading. Pure. */
#ifndef HEALTH_H
#define HEALTH_H

#include "base.h"

#define HEALTH_VERSION 1   /* of the formula; changes with it */
#define HEALTH_LEAST   20u /* attempts; fewer say nothing */

struct health_counts {
	uint64_t delivered, bounced; /* for good */
	uint64_t hard;               /* of the bounced: no such address or domain */
	uint64_t delayed;            /* messages that had to wait at their first attempt */
	uint64_t blocked; /* replies that block a source or domain, or call it spam */
	uint64_t complained, unsubscribed;
};

enum health_part {
	HEALTH_HARD,
	HEALTH_COMPLAINED,
	HEALTH_BLOCKED,
	HEALTH_DELAYED,
	HEALTH_UNSUBSCRIBED,
	HEALTH_PARTS,
};
const char *health_part_text(enum health_part part);

/* 100 minus the points of each part, at least 0. Version 1, for each percent of what it is part of:
 *
 *   hard bounces  4 points, of all attempts     (5 % pauses; the line of 80)
 *   complaints  100 points, of what was delivered (0.3 % pauses; 70)
 *   blocks        5 points, of all attempts
 *   delays      0.5 points, of all attempts
 *   unsubscribed  5 points, of what was delivered
 *
 * False: fewer than HEALTH_LEAST attempts, so nothing is known. */
bool health_score(
    const struct health_counts *c, double *score_r, double points_r[HEALTH_PARTS]);

#endif
