/* keyring - the file of a domain's keys, and what follows. Knows no DNS and no key. */
#include <stdio.h>

#include "domain.h"
#include "keyring.h"
#include "sections.h"
#include "text_time.h"
#include "zone.h"

static const char *const type_words[RING_TYPES] = { "rsa", "ed25519" };
static const char *const state_words[DKIM_STATES] = {
	[DKIM_ACTIVE] = "active",
	[DKIM_GENERATED] = "generated",
	[DKIM_PUBLISHED] = "published",
	[DKIM_RETIRING] = "retiring",
	[DKIM_REVOKED] = "revoked",
};

const char *ring_type_text(enum ring_type t)
{
	return type_words[t];
}

const char *ring_state_text(enum dkim_state s)
{
	return state_words[s];
}

/* ---- the file ---- */

struct reading {
	struct ring *ring;
	bool has_type, has_state;
	unsigned line; /* of the section */
};

static struct reading *reading_of(const struct sections *s)
{
	return s->context;
}

static struct ring_key *key_of(const struct sections *s)
{
	return reading_of(s)->ring->at + reading_of(s)->ring->count - 1;
}

static enum err wrong(const struct sections *s, const char *what, struct span value)
{
	return sections_fail(s, s->line, ERR_SYNTAX, what, value);
}

static enum err begin_key(struct sections *s, struct span id)
{
	struct reading *x = reading_of(s);

	if (!domain_selector_ok(id))
		return wrong(s, "not a selector:", id);
	x->has_type = x->has_state = false;
	x->line = s->line;
	return ring_add(x->ring, id, RING_RSA, 0)
		   ? ERR_OK
		   : sections_fail(s, s->line, ERR_EXISTS,
			 "stands in the file twice, or is one too many:", id);
}

static enum err end_key(struct sections *s)
{
	const struct reading *x = reading_of(s);

	return x->has_type && x->has_state && key_of(s)->since_s != 0
		   ? ERR_OK
		   : sections_fail(s, x->line, ERR_SYNTAX,
			 "a key without type, state or since:", span_cstr(key_of(s)->selector));
}

static enum err set_type(struct sections *s, struct span value)
{
	for (size_t i = 0; i < RING_TYPES; i++)
		if (span_eq(value, span_cstr(type_words[i]))) {
			key_of(s)->type = (enum ring_type)i;
			reading_of(s)->has_type = true;
			return ERR_OK;
		}
	return wrong(s, "type: rsa or ed25519, not", value);
}

static enum err set_state(struct sections *s, struct span value)
{
	for (size_t i = 0; i < DKIM_STATES; i++)
		if (span_eq(value, span_cstr(state_words[i]))) {
			key_of(s)->state = (enum dkim_state)i;
			reading_of(s)->has_state = true;
			return ERR_OK;
		}
	return wrong(s, "not a state:", value);
}

static enum err set_since(struct sections *s, struct span value)
{
	return text_time_parse(value, &key_of(s)->since_s)
		   ? ERR_OK
		   : wrong(s, "since: not an RFC 3339 time:", value);
}

static const struct section_key keys[] = {
	{ { "type", 4 }, set_type },
	{ { "state", 5 }, set_state },
	{ { "since", 5 }, set_since },
};
static const struct section_form form = { begin_key, end_key, keys, ARRAY_SIZE(keys) };

enum err ring_parse(
    struct span text, const char *file, struct ring *r_r, char *error, size_t size)
{
	struct reading x = { .ring = r_r };
	struct sections s = { .file = file, .error = error, .size = size, .context = &x };

	*r_r = (struct ring){ .count = 0 };
	return text.n <= RING_OCTETS
		   ? sections_read(&s, &form, text)
		   : sections_fail(&s, 1, ERR_TOOBIG, err_text(ERR_TOOBIG), SPAN(""));
}

enum err ring_read(const char *path, struct ring *r_r, char *error, size_t size)
{
	struct buf text = BUF_INIT(RING_OCTETS + 8192);
	enum err e = sections_file(path, &text, error, size);

	*r_r = (struct ring){ .count = 0 };
	if (e == ERR_OK)
		e = ring_parse(buf_span(&text), path, r_r, error, size);
	buf_free(&text);
	return e;
}

void ring_put(struct buf *out, const struct ring *r)
{
	buf_add_cstr(out, "# Written by penguinctl dkim; see penguinctl(8). Keys are files "
			  "beside this one.\n");
	for (size_t i = 0; i < r->count; i++) {
		char since[ZONE_TEXT_MAX];

		zone_format(zone_utc(), r->at[i].since_s, since);
		buf_printf(out, "\n[%s]\ntype  = %s\nstate = %s\nsince = %s\n",
		    r->at[i].selector, type_words[r->at[i].type], state_words[r->at[i].state],
		    since);
	}
}

struct ring_key *ring_find(struct ring *r, struct span selector)
{
	for (size_t i = 0; i < r->count; i++)
		if (span_eq_nocase(span_cstr(r->at[i].selector), selector))
			return r->at + i;
	return NULL;
}

bool ring_add(struct ring *r, struct span selector, enum ring_type type, int64_t now_s)
{
	struct ring_key *k = r->at + r->count;

	if (r->count == RING_KEYS_MAX || ring_find(r, selector) != NULL ||
	    !span_copy(selector, k->selector, sizeof k->selector))
		return false;
	k->type = type;
	k->state = DKIM_GENERATED;
	k->since_s = now_s;
	r->count++;
	return true;
}

/* ---- what is to be done ---- */

struct planning {
	const struct ring *ring;
	const struct ring_policy *policy;
	const enum ring_seen *seen;
	int64_t now_s;
	struct ring_step *steps;
	size_t count;
};

static void change(struct planning *p, size_t key, enum dkim_state state)
{
	p->steps[p->count++] =
	    (struct ring_step){ .action = RING_CHANGE, .key = key, .state = state };
}

/* The newest of that type in that state; RING_KEYS_MAX: none. */
static size_t newest(const struct ring *r, enum ring_type type, enum dkim_state state)
{
	for (size_t i = r->count; i-- > 0;)
		if (r->at[i].type == type && r->at[i].state == state)
			return i;
	return RING_KEYS_MAX;
}

static int64_t age(const struct planning *p, size_t key)
{
	return p->now_s - p->ring->at[key].since_s;
}

/* From the one that signs to the one that is to; says whether a new one is needed. */
static bool plan_succession(struct planning *p, enum ring_type type)
{
	const struct ring *r = p->ring;
	size_t active = newest(r, type, DKIM_ACTIVE), next = newest(r, type, DKIM_PUBLISHED);
	size_t fresh = newest(r, type, DKIM_GENERATED);
	bool none = active == RING_KEYS_MAX || p->policy->emergency;
	bool due = none || p->policy->now || age(p, active) >= p->policy->lifetime_s;

	if (fresh != RING_KEYS_MAX && p->seen[fresh] == RING_SEEN && next == RING_KEYS_MAX) {
		next = fresh;
		if (!due)
			change(p, fresh, DKIM_PUBLISHED);
	}
	/* Its record may have gone since. */
	if (due && next != RING_KEYS_MAX && p->seen[next] == RING_SEEN) {
		change(p, next, DKIM_ACTIVE);
		for (size_t i = 0; i < r->count; i++)
			if (r->at[i].type == type && r->at[i].state == DKIM_ACTIVE &&
			    !p->policy->emergency)
				change(p, i, DKIM_RETIRING);
		return false;
	}
	if (next != RING_KEYS_MAX || fresh != RING_KEYS_MAX)
		return false;
	return due || age(p, active) >= p->policy->lifetime_s - p->policy->lead_s;
}

static void plan_ends(struct planning *p)
{
	for (size_t i = 0; i < p->ring->count; i++) {
		enum dkim_state state = p->ring->at[i].state;

		if ((state == DKIM_ACTIVE && p->policy->emergency) ||
		    (state == DKIM_RETIRING &&
			(p->policy->emergency || age(p, i) >= p->policy->overlap_s)))
			change(p, i, DKIM_REVOKED);
		else if (state == DKIM_REVOKED && age(p, i) >= p->policy->revoked_s)
			p->steps[p->count++] =
			    (struct ring_step){ .action = RING_REMOVE, .key = i };
	}
}

size_t ring_steps(const struct ring *r, const struct ring_policy *policy, int64_t now_s,
    const enum ring_seen *seen, const bool wanted[RING_TYPES],
    struct ring_step steps_r[RING_STEPS_MAX])
{
	struct planning p = {
		.ring = r, .policy = policy, .seen = seen, .now_s = now_s, .steps = steps_r
	};

	for (size_t t = 0; t < RING_TYPES; t++) {
		bool has = false;

		for (size_t i = 0; i < r->count; i++)
			has = has || (r->at[i].type == (enum ring_type)t &&
					 r->at[i].state < DKIM_RETIRING);
		if ((has || wanted[t]) && plan_succession(&p, (enum ring_type)t))
			steps_r[p.count++] = (struct ring_step){ .action = RING_GENERATE,
				.type = (enum ring_type)t };
	}
	plan_ends(&p);
	return p.count;
}

void ring_apply(struct ring *r, const struct ring_step *steps, size_t count, int64_t now_s)
{
	size_t kept = 0;
	bool gone[RING_KEYS_MAX] = { false };

	for (size_t i = 0; i < count; i++) {
		if (steps[i].action == RING_CHANGE) {
			r->at[steps[i].key].state = steps[i].state;
			r->at[steps[i].key].since_s = now_s;
		} else if (steps[i].action == RING_REMOVE) {
			gone[steps[i].key] = true;
		}
	}
	for (size_t i = 0; i < r->count; i++)
		if (!gone[i])
			r->at[kept++] = r->at[i];
	r->count = kept;
}
