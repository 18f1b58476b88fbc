/* test_web_hit - a hit as a line: its fields, what stays away, and what an agent cannot do to it. */
#include <check.h>
#include <stdlib.h>

#include "hit.h"
#include "network.h"

static struct hit example(void)
{
	struct hit h = { .kind = HIT_CLICK,
		.tenant = SPAN("acme"),
		.message = 0x4d,
		.recipient = UINT64_MAX,
		.link = 65535,
		.verdict = { HIT_MACHINE, "burst" },
		.time_s = 1795000000,
		.agent = SPAN("Agent/1") };

	ck_assert(network_parse_address(SPAN("203.0.113.77"), h.address));
	return h;
}

static void expect_line(const struct hit *h, const char *want)
{
	struct buf out = BUF_INIT(HIT_LINE_MAX);

	hit_put(&out, h);
	ck_assert(buf_ok(&out));
	ck_assert_str_eq(buf_cstr(&out), want);
	buf_free(&out);
}

#define FRONT "click\tacme\t\t000000000000004d\t65535\t"

START_TEST(lines)
{
	struct hit h = example();

	expect_line(
	    &h, FRONT "ffffffffffffffff\tmachine\tburst\t1795000000\t203.0.113.0\tAgent/1\n");
	h.anonymous = true;
	expect_line(&h, FRONT "0000000000000000\tmachine\tburst\t1795000000\t\t\n");
	h.kind = HIT_OPEN;
	h.link = 0;
	h.message = UINT64_MAX;
	h.verdict = (struct hit_verdict){ HIT_HUMAN, "" };
	h.time_s = -1;
	expect_line(
	    &h, "open\tacme\t\tffffffffffffffff\t0\t0000000000000000\thuman\t\t-1\t\t\n");
}
END_TEST

START_TEST(agents)
{
	struct hit h = example();

	h.agent = SPAN("  a\tb\nc\r\xc3\xa4\x7f\x01~ ");
	expect_line(&h,
	    FRONT "ffffffffffffffff\tmachine\tburst\t1795000000\t203.0.113.0\ta?b?c???"
		  "??~\n");
	h.agent = SPAN("");
	expect_line(&h, FRONT "ffffffffffffffff\tmachine\tburst\t1795000000\t203.0.113.0\t\n");
}
END_TEST

START_TEST(bounds)
{
	struct buf out = BUF_INIT(HIT_LINE_MAX);
	char agent[HIT_AGENT_MAX + 1], tenant[255];
	struct hit h = example();
	size_t least;

	memset(agent, 'x', sizeof agent);
	memset(tenant, 't', sizeof tenant);
	h.agent = span_make(agent, HIT_AGENT_MAX - 1);
	hit_put(&out, &h);
	least = out.n;
	for (size_t n = HIT_AGENT_MAX; n <= HIT_AGENT_MAX + 1; n++) {
		buf_reset(&out);
		h.agent = span_make(agent, n);
		hit_put(&out, &h);
		ck_assert_uint_eq(out.n, least + 1);
	}
	/* The longest line there can be fits. */
	h.tenant = span_make(tenant, sizeof tenant);
	h.time_s = INT64_MIN;
	memset(h.address, 0xff, 16);
	buf_reset(&out);
	hit_put(&out, &h);
	ck_assert(buf_ok(&out));
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("web_hit");
	TCase *tests = tcase_create("web_hit");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, lines);
	tcase_add_test(tests, agents);
	tcase_add_test(tests, bounds);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
