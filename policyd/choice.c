/* choice - orders the members of a pool. Pure; knows no buckets, no clock and no store. */
#include <endian.h>
#include <math.h>

#include "choice.h"
#include "hash.h"

/* What members are compared by. */
struct rank {
	enum member_state state;
	double first;   /* draw, or recipients today; of those not ready the wait */
	int64_t second; /* idle since */
	size_t member;
};

static enum member_state state_of(const struct member_facts *m)
{
	if (m->weight == 0)
		return MEMBER_OFF;
	if (m->paused)
		return MEMBER_PAUSED;
	if (m->limit_wait_s > 0)
		return MEMBER_SPENT;
	return m->gap_wait_s > 0 ? MEMBER_WAITING : MEMBER_READY;
}

static int64_t wait_of(const struct member_facts *m)
{
	return m->limit_wait_s > m->gap_wait_s ? m->limit_wait_s : m->gap_wait_s;
}

/* The least u is 2^-54, so that its logarithm is finite. */
static double draw(uint64_t seed, uint32_t id, double mass)
{
	uint64_t pair[2] = { htole64(seed), htole64(id) };
	uint64_t bits = hash64(span_make((const char *)pair, sizeof pair), 0) >> 11;
	double u = ((double)bits + 0.5) / 9007199254740992.0;

	return mass > 0 ? -log(u) / mass : INFINITY;
}

static double weighted_mass(const struct member_facts *m)
{
	double left = m->limit > 0 ? (double)(m->limit - m->used) / (double)m->limit : 1;

	return m->weight * m->health * left;
}

static struct rank rank_of(
    enum pool_strategy strategy, uint64_t seed, const struct member_facts *m, size_t member)
{
	struct rank r = { .state = state_of(m), .member = member };

	if (r.state != MEMBER_READY) {
		r.first = (double)wait_of(m);
		return r;
	}
	switch (strategy) {
	case POOL_ROUND_ROBIN:
		r.first = (double)m->used_today;
		r.second = m->last_ns;
		break;
	case POOL_WEIGHTED: r.first = draw(seed, m->id, weighted_mass(m)); break;
	case POOL_RANDOM: r.first = draw(seed, m->id, 1); break;
	case POOL_STICKY: r.first = draw(seed, m->id, m->weight); break;
	}
	return r;
}

/* Those that will be ready count alike, whatever they wait for. */
static unsigned group_of(enum member_state s)
{
	return s == MEMBER_READY ? 0 : s == MEMBER_WAITING || s == MEMBER_SPENT ? 1 : 2;
}

static bool is_before(const struct rank *a, const struct rank *b)
{
	if (group_of(a->state) != group_of(b->state))
		return group_of(a->state) < group_of(b->state);
	if (a->first < b->first || a->first > b->first)
		return a->first < b->first;
	if (a->second != b->second)
		return a->second < b->second;
	return a->member < b->member;
}

size_t choose(enum pool_strategy strategy, uint64_t seed, const struct member_facts *members,
    size_t count, struct choice *choices_r, size_t max)
{
	struct rank best[POOL_MEMBERS_MAX];
	size_t n = 0;

	if (max > POOL_MEMBERS_MAX)
		max = POOL_MEMBERS_MAX;
	for (size_t i = 0; i < count && max > 0; i++) {
		struct rank r = rank_of(strategy, seed, &members[i], i);
		size_t k;

		if (n == max && !is_before(&r, &best[n - 1]))
			continue;
		for (k = n < max ? n++ : n - 1; k > 0 && is_before(&r, &best[k - 1]); k--)
			best[k] = best[k - 1];
		best[k] = r;
	}
	for (size_t i = 0; i < n; i++)
		choices_r[i] = (struct choice){ best[i].member, best[i].state,
			group_of(best[i].state) == 1 ? wait_of(&members[best[i].member]) : 0 };
	return n;
}

const char *member_state_text(enum member_state s)
{
	static const char *const words[MEMBER_STATES] = {
		[MEMBER_READY] = "ready",
		[MEMBER_WAITING] = "waiting",
		[MEMBER_SPENT] = "spent",
		[MEMBER_PAUSED] = "paused",
		[MEMBER_OFF] = "off",
	};

	return words[s];
}
