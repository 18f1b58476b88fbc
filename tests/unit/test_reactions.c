/* test_reactions - rules of what follows from replies: the shipped file, mistakes, when one acts. */
#include <check.h>
#include <stdlib.h>

#include "react.h"
#include "reactions.h"

static struct reactions *must_parse(const char *text)
{
	struct reactions *r = NULL;
	char error[256];

	ck_assert_msg(reactions_parse(span_cstr(text), "f", &r, error, sizeof error) == ERR_OK,
	    "%s", error);
	return r;
}

/* Every reply that the shipped rules name is there, and every class of block and rate has a rule
 * that any provider's replies come to. */
START_TEST(shipped)
{
	struct reactions *r = NULL;
	struct replies *replies = NULL;
	char error[512];
	uint32_t classes = 0;

	ck_assert_msg(reactions_read("etc/reactions.conf", &r, error, sizeof error) == ERR_OK,
	    "%s", error);
	ck_assert_msg(replies_read("etc/replies.conf", &replies, error, sizeof error) == ERR_OK,
	    "%s", error);
	for (size_t i = 0; i < reactions_count(r); i++) {
		const struct reaction *rule = reactions_rule(r, i);

		classes |= rule->providers == NULL ? rule->classes : 0;
		for (size_t k = 0; rule->replies != NULL && rule->replies[k] != NULL; k++) {
			bool found = false;

			for (size_t n = 0; n < replies_count(replies); n++)
				found = found || strcmp(replies_rule(replies, n)->id,
						     rule->replies[k]) == 0;
			ck_assert_msg(found, "%s: no rule %s", rule->id, rule->replies[k]);
		}
	}
	ck_assert_uint_eq(classes, 1u << REPLY_RATE_LIMIT | 1u << REPLY_IP_BLOCK |
				       1u << REPLY_DOMAIN_BLOCK | 1u << REPLY_CONTENT |
				       1u << REPLY_AUTHENTICATION);
	ck_assert_ptr_null(reactions_rule(r, reactions_count(r)));
	replies_free(&replies);
	reactions_free(&r);
	reactions_free(&r);
}
END_TEST

#define HEAD "[a]\nsource = s\nscope = source\n"

START_TEST(mistakes)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{ HEAD "count = 1/1h\n",
		    "f:1: a rule needs one of replies, classes and share: \"a\"" },
		{ HEAD "classes = policy\nshare = hard\ncount = 1/1h\n",
		    "f:1: a rule needs one of replies, classes and share: \"a\"" },
		{ HEAD "classes = policy\n", "f:1: a rule without count: \"a\"" },
		{ HEAD "share = hard\n", "f:1: a rule without percent: \"a\"" },
		{ "[a]\nsource = s\nclasses = policy\ncount = 1/1h\n",
		    "f:1: a rule without scope: \"a\"" },
		{ "[a]\nscope = tenant\nclasses = policy\ncount = 1/1h\n",
		    "f:1: a rule without source: \"a\"" },
		{ HEAD "classes = nothing\n", "f:4: not a class: \"nothing\"" },
		{ HEAD "count = 0/1h\n", "f:4: count: as in 3/10m, at most 64, not \"0/1h\"" },
		{ HEAD "count = 65/1h\n",
		    "f:4: count: as in 3/10m, at most 64, not \"65/1h\"" },
		{ HEAD "count = 3\n", "f:4: count: as in 3/10m, at most 64, not \"3\"" },
		{ HEAD "percent = x\n", "f:4: percent: as in 0.3, not \"x\"" },
		{ HEAD "percent = 101\n", "f:4: percent: as in 0.3, not \"101\"" },
		{ HEAD "percent = 0.12345\n", "f:4: percent: as in 0.3, not \"0.12345\"" },
		{ HEAD "scope = host\n",
		    "f:4: scope: source, domain, stream or tenant, not \"host\"" },
		{ HEAD "where = here\n", "f:4: where: provider or everywhere, not \"here\"" },
		{ HEAD "pause = 10\n", "f:4: not a duration of at most a year: \"10\"" },
		{ HEAD "share = opens\n",
		    "f:4: share: hard, complained or delayed, not \"opens\"" },
		{ HEAD "least = -1\n", "f:4: least: not a number: \"-1\"" },
		{ HEAD "action = stop\n", "f:4: unknown key \"action\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct reactions *r = NULL;
		char error[256] = "";

		ck_assert_int_ne(
		    reactions_parse(span_cstr(table[i].text), "f", &r, error, sizeof error),
		    ERR_OK);
		ck_assert_ptr_null(r);
		ck_assert_str_eq(error, table[i].error);
	}
}
END_TEST

START_TEST(sharing)
{
	struct reactions *r = must_parse(HEAD "share = complained\npercent = 0.3\nleast = 5\n"
					      "sent = 500\nprovider = google\npause = 1h\n"
					      "most = 5h\n");
	const struct reaction *rule = reactions_rule(r, 0);

	ck_assert(!reaction_share_reached(rule, SPAN("google"), 4, 500));
	ck_assert(reaction_share_reached(rule, SPAN("google"), 5, 500));
	ck_assert(!reaction_share_reached(rule, SPAN("google"), 5, 499));
	ck_assert(reaction_share_reached(rule, SPAN("google"), 6, 2000));
	ck_assert(!reaction_share_reached(rule, SPAN("google"), 5, 2000));
	ck_assert(!reaction_share_reached(rule, SPAN("yahoo"), 100, 2000));
	ck_assert(!reaction_share_reached(rule, SPAN("google"), 0, 0));
	ck_assert_int_eq(reaction_pause_s(rule, 0), 3600);
	ck_assert_int_eq(reaction_pause_s(rule, 2), 4 * 3600);
	ck_assert_int_eq(reaction_pause_s(rule, 3), 5 * 3600);
	ck_assert_int_eq(reaction_pause_s(rule, 1000000), 5 * 3600);
	reactions_free(&r);
}
END_TEST

struct acts {
	unsigned count;
	struct trigger last;
};

static void act(void *context, const struct trigger *trigger)
{
	struct acts *a = context;

	a->count++;
	a->last = *trigger;
}

START_TEST(windows)
{
	struct reactions *r =
	    must_parse(HEAD "classes = ip_block\ncount = 3/10m\npause = 1h\n");
	struct react *react = react_new();
	struct delivery d = { .tenant = SPAN("acme"),
		.stream = SPAN("news"),
		.source = SPAN("ip1"),
		.provider = SPAN("google"),
		.recipient = SPAN("x@gmail.com"),
		.class = REPLY_IP_BLOCK };
	struct acts a = { 0 };
	static const struct {
		int64_t at_s;
		unsigned acts;
	} table[] = { { 0, 0 }, { 300, 0 }, { 601, 0 }, { 899, 1 }, { 900, 1 }, { 901, 1 },
		{ 1500, 2 } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		d.time_s = table[i].at_s;
		react_delivery(react, r, &d, act, &a);
		ck_assert_msg(a.count == table[i].acts, "at %lld", (long long)d.time_s);
	}
	ck_assert_str_eq(a.last.name, "ip1");
	ck_assert_str_eq(a.last.place, "google");
	/* Each provider, and each domain of none, by itself; without a source nobody is. */
	for (int i = 0; i < 9; i++) {
		char to[32];

		snprintf(to, sizeof to, "x@d%d.example", i);
		d.provider = SPAN("other");
		d.recipient = span_cstr(to);
		react_delivery(react, r, &d, act, &a);
		d.source = i < 8 ? d.source : SPAN("");
	}
	ck_assert_uint_eq(a.count, 2);
	for (int i = 0; i < 9; i++)
		react_delivery(react, r, &d, act, &a);
	ck_assert_uint_eq(a.count, 2);
	react_free(&react);
	react_free(&react);
	reactions_free(&r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reactions");
	TCase *cases = tcase_create("reactions");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, shipped);
	tcase_add_test(cases, mistakes);
	tcase_add_test(cases, sharing);
	tcase_add_test(cases, windows);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
