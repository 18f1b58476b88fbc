/* test_keyring - the file of a domain's keys, and thousands of days of their lives: what signs was seen
 * by every server, nobody is without a key, nothing is skipped. */
#include <check.h>
#include <stdlib.h>

#include "chance.h"
#include "keyring.h"

#define DAY INT64_C(86400)

static const bool rsa[RING_TYPES] = { [RING_RSA] = true };
static const bool both[RING_TYPES] = { true, true };

START_TEST(file)
{
	static const char text[] = "# x\n[pm1]\ntype = rsa\nstate = retiring\n"
				   "since = 2026-01-02T03:04:05Z\n\n[pm2]\ntype = ed25519\n"
				   "state = active\nsince = 2026-06-01T00:00:00Z\n";
	struct ring r, again;
	struct buf out = BUF_INIT(65536);
	char error[256];

	ck_assert_int_eq(ring_parse(SPAN(text), "f", &r, error, sizeof error), ERR_OK);
	ck_assert_uint_eq(r.count, 2);
	ck_assert_str_eq(r.at[0].selector, "pm1");
	ck_assert_int_eq(r.at[0].state, DKIM_RETIRING);
	ck_assert_int_eq(r.at[0].since_s, 1767323045);
	ck_assert_int_eq(r.at[1].type, RING_ED25519);
	ring_put(&out, &r);
	ck_assert_int_eq(ring_parse(buf_span(&out), "f", &again, error, sizeof error), ERR_OK);
	ck_assert_int_eq(memcmp(&r, &again, sizeof r), 0);
	ck_assert_ptr_eq(ring_find(&r, SPAN("PM2")), &r.at[1]);
	ck_assert(!ring_add(&r, SPAN("pm1"), RING_RSA, 5));
	buf_free(&out);
}
END_TEST

START_TEST(mistakes)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{ "[a]\n", "f:1: a key without type, state or since:" },
		{ "[a]\ntype = rsa\nstate = active\n", "f:1: a key without" },
		{ "[a]\ntype = dsa\n", "f:2: type: rsa or ed25519, not" },
		{ "[a]\nstate = asleep\n", "f:2: not a state:" },
		{ "[a]\nsince = soon\n", "f:2: since: not an RFC 3339 time:" },
		{ "[a]\ncolour = red\n", "f:2: unknown key" },
		{ "[a]\ntype = rsa\nstate = active\nsince = 2026-01-01T00:00:00Z\n[A]\n",
		    "f:5: stands in the file twice" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct ring r;
		char error[256];

		ck_assert_int_ne(
		    ring_parse(span_cstr(table[i].text), "f", &r, error, sizeof error), ERR_OK);
		ck_assert_msg(
		    strncmp(error, table[i].error, strlen(table[i].error)) == 0, "%s", error);
	}
}
END_TEST

static size_t count(const struct ring *r, enum ring_type type, enum dkim_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		n += r->at[i].type == type && r->at[i].state == state;
	return n;
}

/* Each step is one that is allowed from where the key was. */
static void check_step(const struct ring *r, const struct ring_step *s,
    const enum ring_seen *seen, const struct ring_policy *p, int64_t now_s)
{
	const struct ring_key *k = &r->at[s->key];
	int64_t age = now_s - k->since_s;

	if (s->action == RING_GENERATE)
		return;
	MUST(s->key < r->count);
	if (s->action == RING_REMOVE) {
		MUST(k->state == DKIM_REVOKED && age >= p->revoked_s);
		return;
	}
	switch (s->state) {
	case DKIM_PUBLISHED:
		MUST(k->state == DKIM_GENERATED && seen[s->key] == RING_SEEN);
		break;
	case DKIM_ACTIVE:
		MUST(k->state == DKIM_GENERATED || k->state == DKIM_PUBLISHED);
		MUST(seen[s->key] == RING_SEEN);
		break;
	case DKIM_RETIRING: MUST(k->state == DKIM_ACTIVE); break;
	case DKIM_REVOKED:
		MUST(p->emergency || (k->state == DKIM_RETIRING && age >= p->overlap_s));
		break;
	case DKIM_GENERATED:
	case DKIM_STATES: ck_abort_msg("no way back");
	}
}

static void live(uint64_t *chance, const bool wanted[RING_TYPES], unsigned days)
{
	struct ring_policy policy = RING_POLICY;
	struct ring r = { .count = 0 };
	bool signs[RING_TYPES] = { false };
	unsigned name = 0, changes = 0;
	int64_t now_s = 1780000000;

	for (unsigned day = 0; day < days; day++) {
		struct ring_step steps[RING_STEPS_MAX];
		enum ring_seen seen[RING_KEYS_MAX];
		size_t n;

		now_s += DAY * (1 + (int64_t)chance_below(chance, 3)) -
			 (int64_t)chance_below(chance, 3600);
		policy.now = chance_below(chance, 200) == 0;
		policy.emergency = chance_below(chance, 500) == 0;
		for (size_t i = 0; i < r.count; i++)
			seen[i] = chance_below(chance, 3) != 0
				      ? RING_SEEN
				      : (enum ring_seen)chance_below(chance, 2);
		n = ring_steps(&r, &policy, now_s, seen, wanted, steps);
		MUST(n <= RING_STEPS_MAX);
		for (size_t i = 0; i < n; i++)
			check_step(&r, &steps[i], seen, &policy, now_s);
		changes += n > 0;
		for (size_t i = 0; i < n; i++) {
			char selector[32];

			if (steps[i].action != RING_GENERATE)
				continue;
			(void)snprintf(selector, sizeof selector, "s%u", name++);
			MUST(ring_add(&r, span_cstr(selector), steps[i].type, now_s));
		}
		ring_apply(&r, steps, n, now_s);
		for (size_t t = 0; t < RING_TYPES; t++) {
			size_t active = count(&r, (enum ring_type)t, DKIM_ACTIVE);

			MUST(active <= 1);
			/* Only an emergency leaves a type without a key. */
			MUST(active == 1 || !signs[t] || policy.emergency);
			signs[t] = active == 1;
			MUST(count(&r, (enum ring_type)t, DKIM_GENERATED) +
				 count(&r, (enum ring_type)t, DKIM_PUBLISHED) <=
			     1);
			MUST(!wanted[t] || active == 1 ||
			     count(&r, (enum ring_type)t, DKIM_GENERATED) == 1 ||
			     count(&r, (enum ring_type)t, DKIM_PUBLISHED) == 1);
		}
	}
	MUST(changes > days / 100);
}

START_TEST(lives)
{
	uint64_t lives_count = chance_number("PENGUIN_LIVES", 100);
	uint64_t chance = chance_seed("keys of domains", lives_count);

	for (uint64_t i = 0; i < lives_count; i++)
		live(&chance, i % 2 == 0 ? rsa : both, 2000);
}
END_TEST

/* By the calendar, with a DNS that always has it. */
START_TEST(calendar)
{
	const struct ring_policy policy = RING_POLICY;
	const enum ring_seen seen[RING_KEYS_MAX] = { RING_SEEN, RING_SEEN, RING_SEEN,
		RING_SEEN };
	struct ring r = { .count = 0 };
	static const struct {
		int64_t day;
		size_t steps;
		const char *states;
	} table[] = {
		{ 0, 0, "a" },
		{ 165, 0, "a" },
		{ 166, 1, "ag" },
		{ 167, 1, "ap" },
		{ 179, 0, "ap" },
		{ 180, 2, "ra" },
		{ 191, 0, "ra" },
		{ 192, 1, "va" },
		{ 221, 0, "va" },
		{ 222, 1, "a" },
	};

	ck_assert(ring_add(&r, SPAN("s0"), RING_RSA, 1000));
	r.at[0].state = DKIM_ACTIVE;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int64_t now_s = 1000 + table[i].day * DAY;
		struct ring_step steps[RING_STEPS_MAX];
		size_t n = ring_steps(&r, &policy, now_s, seen, rsa, steps);
		static const char letters[DKIM_STATES + 1] = "agprv";

		ck_assert_uint_eq(n, table[i].steps);
		if (n > 0 && steps[0].action == RING_GENERATE)
			ck_assert(ring_add(&r, SPAN("s1"), RING_RSA, now_s));
		ring_apply(&r, steps, n, now_s);
		ck_assert_uint_eq(r.count, strlen(table[i].states));
		for (size_t k = 0; k < r.count; k++)
			ck_assert_int_eq(letters[r.at[k].state], table[i].states[k]);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("keyring");
	TCase *all = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(all, file);
	tcase_add_test(all, mistakes);
	tcase_add_test(all, lives);
	tcase_add_test(all, calendar);
	suite_add_tcase(s, all);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
