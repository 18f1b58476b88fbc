/* health - the formula. */
#include "health.h"

static const struct {
	const char *name;
	double points; /* for each percent */
	bool of_delivered;
} parts[HEALTH_PARTS] = {
	[HEALTH_HARD] = { "hard", 4, false },
	[HEALTH_COMPLAINED] = { "complained", 100, true },
	[HEALTH_BLOCKED] = { "blocked", 5, false },
	[HEALTH_DELAYED] = { "delayed", 0.5, false },
	[HEALTH_UNSUBSCRIBED] = { "unsubscribed", 5, true },
};

const char *health_part_text(enum health_part part)
{
	return parts[part].name;
}

bool health_score(const struct health_counts *c, double *score_r, double points_r[HEALTH_PARTS])
{
	const uint64_t part[HEALTH_PARTS] = { [HEALTH_HARD] = c->hard,
		[HEALTH_COMPLAINED] = c->complained,
		[HEALTH_BLOCKED] = c->blocked,
		[HEALTH_DELAYED] = c->delayed,
		[HEALTH_UNSUBSCRIBED] = c->unsubscribed };
	uint64_t attempted = c->delivered + c->bounced;
	double score = 100;

	for (size_t i = 0; i < HEALTH_PARTS; i++) {
		uint64_t whole = parts[i].of_delivered ? c->delivered : attempted;

		if (whole < part[i])
			whole = part[i]; /* complaints of yesterday's mail */
		points_r[i] =
		    whole == 0 ? 0 : parts[i].points * 100 * (double)part[i] / (double)whole;
		score -= points_r[i];
	}
	*score_r = score < 0 ? 0 : score;
	return attempted >= HEALTH_LEAST;
}
