/* react - windows of replies, by rule and whom it is about. Knows no pause and no store. */
#include <stdlib.h>

#include "addr.h"
#include "react.h"
#include "table.h"

struct window {
	UT_hash_handle hh;
	size_t next, used;
	int64_t *times_s; /* owned; as many as the rule counts */
	char key[];
};

struct react {
	struct window *windows;
};

struct react *react_new(void)
{
	return calloc(1, sizeof(struct react));
}

void react_reset(struct react *r)
{
	struct window *w, *next;

	HASH_ITER(hh, r->windows, w, next)
	{
		HASH_DEL(r->windows, w);
		free(w->times_s);
		free(w);
	}
}

void react_free(struct react **r)
{
	if (*r == NULL)
		return;
	react_reset(*r);
	free(*r);
	*r = NULL;
}

static struct window *obtain(struct react *r, struct span key, size_t count)
{
	struct window *w = NULL;

	HASH_FIND(hh, r->windows, key.p, key.n, w);
	if (w != NULL)
		return w;
	if (HASH_COUNT(r->windows) >= REACT_MAX)
		react_reset(r);
	w = calloc(1, sizeof *w + key.n);
	if (w == NULL)
		return NULL;
	w->times_s = calloc(count, sizeof *w->times_s);
	if (w->times_s == NULL) {
		free(w);
		return NULL;
	}
	memcpy(w->key, key.p, key.n);
	HASH_ADD_KEYPTR(hh, r->windows, w->key, key.n, w);
	return w;
}

/* The count-th reply within the period. */
static bool reached(struct window *w, const struct reaction *rule, int64_t time_s)
{
	int64_t oldest;

	w->times_s[w->next] = time_s;
	w->next = (w->next + 1) % rule->count;
	if (w->used < rule->count)
		w->used++;
	oldest = w->times_s[w->used < rule->count ? 0 : w->next];
	if (w->used < rule->count || time_s - oldest > rule->within_s)
		return false;
	w->used = w->next = 0;
	return true;
}

/* A group, or for recipients of none their domain. */
static bool put_place(const struct delivery *d, char out[TRIGGER_PLACE_MAX])
{
	char space[DOMAIN_MAX];
	struct addr a;

	if (!span_eq(d->provider, SPAN(TRACK_OTHER)))
		return span_copy(d->provider, out, TRIGGER_PLACE_MAX);
	return addr_split(d->recipient, &a) == ERR_OK &&
	       domain_canonical(a.domain, space) == ERR_OK &&
	       span_copy(span_cstr(space), out, TRIGGER_PLACE_MAX);
}

static bool put_name(const struct delivery *d, enum brake_scope scope, struct buf *out)
{
	static const size_t most = TRIGGER_NAME_MAX - 1;

	switch (scope) {
	case BRAKE_SOURCE: buf_add_span(out, d->source); break;
	case BRAKE_DOMAIN: buf_add_span(out, d->domain); break;
	case BRAKE_STREAM:
		buf_printf(out, "%.*s/%.*s", SPAN_ARG(d->tenant), SPAN_ARG(d->stream));
		break;
	case BRAKE_TENANT:
	case BRAKE_SCOPES: buf_add_span(out, d->tenant); break;
	}
	return buf_ok(out) && out->n > 0 && out->n <= most;
}

static void try_rule(struct react *r, const struct reaction *rule, size_t index,
    const struct delivery *d, react_act *act, void *context)
{
	char name[TRIGGER_NAME_MAX], space[TRIGGER_NAME_MAX + TRIGGER_PLACE_MAX + 24];
	struct buf key = { .p = space, .size = sizeof space, .max = sizeof space };
	struct buf who = { .p = name, .size = sizeof name, .max = sizeof name };
	struct trigger t = { .rule = rule, .time_s = d->time_s };
	struct window *w;

	if (!put_name(d, rule->scope, &who) ||
	    !span_copy(buf_span(&who), t.name, sizeof t.name) ||
	    (!rule->everywhere && !put_place(d, t.place)))
		return;
	buf_printf(&key, "%zu %s", index, t.name);
	buf_add_char(&key, '\0');
	buf_add_cstr(&key, t.place);
	w = buf_ok(&key) ? obtain(r, buf_span(&key), rule->count) : NULL;
	if (w == NULL || !reached(w, rule, d->time_s) ||
	    !span_copy(d->tenant, t.tenant, sizeof t.tenant) ||
	    !span_copy(d->stream, t.stream, sizeof t.stream))
		return;
	act(context, &t);
}

void react_delivery(struct react *r, const struct reactions *rules, const struct delivery *d,
    react_act *act, void *context)
{
	for (size_t i = 0; i < reactions_count(rules); i++) {
		const struct reaction *rule = reactions_rule(rules, i);

		if (reaction_counts(rule, d->provider, d->rule, d->class))
			try_rule(r, rule, i, d, act, context);
	}
}

/* ---- shares ---- */

static const enum brake_scope scopes[COUNT_SCOPES] = {
	[COUNT_TENANT] = BRAKE_TENANT,
	[COUNT_STREAM] = BRAKE_STREAM,
	[COUNT_DOMAIN] = BRAKE_DOMAIN,
	[COUNT_SOURCE] = BRAKE_SOURCE,
};

static bool share_reached(const struct reaction *rule, struct span provider, const uint64_t *at)
{
	uint64_t attempted = at[COUNT_DELIVERED] + at[COUNT_BOUNCED];

	switch (rule->share) {
	case SHARE_HARD:
		return reaction_share_reached(rule, provider, at[COUNT_HARD], attempted);
	case SHARE_COMPLAINED:
		return reaction_share_reached(
		    rule, provider, at[COUNT_COMPLAINED], at[COUNT_DELIVERED]);
	case SHARE_DELAYED:
		return reaction_share_reached(rule, provider, at[COUNT_DELAYED],
		    attempted > at[COUNT_DELAYED] ? attempted : at[COUNT_DELAYED]);
	case SHARE_NONE: break;
	}
	return false;
}

void react_sums(const struct reactions *rules, const struct count_subject *subject,
    const struct counts *sums, int64_t now_s, react_act *act, void *context)
{
	for (size_t i = 0; i < reactions_count(rules); i++) {
		const struct reaction *rule = reactions_rule(rules, i);
		struct trigger t = { .rule = rule, .time_s = now_s };
		struct span tenant = span_head(subject->name, span_find(subject->name, '/', 0));
		struct span place = rule->everywhere ? SPAN("") : subject->provider;

		if (rule->share == SHARE_NONE || scopes[subject->scope] != rule->scope ||
		    !share_reached(rule, subject->provider, sums->at) ||
		    !span_copy(subject->name, t.name, sizeof t.name) ||
		    !span_copy(place, t.place, sizeof t.place))
			continue;
		if ((rule->scope == BRAKE_TENANT || rule->scope == BRAKE_STREAM) &&
		    !span_copy(tenant, t.tenant, sizeof t.tenant))
			continue;
		act(context, &t);
	}
}
