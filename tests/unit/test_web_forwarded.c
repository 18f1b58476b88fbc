/* test_web_forwarded - whom a request is from, through no proxy, ours, and lies. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "forwarded.h"

#define PROXY "10.0.0.1"

static struct network proxies[2];

static void setup(void)
{
	ck_assert(network_parse_address(SPAN("10.0.0.0"), proxies[0].bytes));
	proxies[0].bits = 104;
	ck_assert(network_parse_address(SPAN("2001:db8:ffff::"), proxies[1].bytes));
	proxies[1].bits = 48;
}

static void expect_client(struct span header, const char *peer, const char *want)
{
	uint8_t from[16], client[16];
	char text[NETWORK_ADDRESS_MAX];

	ck_assert(network_parse_address(span_cstr(peer), from));
	forwarded_client(header, proxies, ARRAY_SIZE(proxies), from, client);
	network_print_address(client, text);
	ck_assert_str_eq(text, want);
}

static const struct {
	const char *header, *peer, *want;
} rows[] = {
	{ "", "192.0.2.9", "192.0.2.9" },
	{ "203.0.113.5", "192.0.2.9", "192.0.2.9" },
	{ "", PROXY, PROXY },
	{ "203.0.113.5", PROXY, "203.0.113.5" },
	{ "203.0.113.5:4711", PROXY, "203.0.113.5" },
	{ " \t203.0.113.5 ", PROXY, "203.0.113.5" },
	{ "2001:db8::1", PROXY, "2001:db8::1" },
	{ "[2001:db8::1]", PROXY, "2001:db8::1" },
	{ "[2001:db8::1]:4711", PROXY, "2001:db8::1" },
	{ "::ffff:203.0.113.5", PROXY, "203.0.113.5" },
	/* What the client wrote itself stands in front, and is not looked at. */
	{ "1.2.3.4, 203.0.113.5", PROXY, "203.0.113.5" },
	{ "1.2.3.4, 203.0.113.5, 10.9.9.9", PROXY, "203.0.113.5" },
	{ "1.2.3.4, 203.0.113.5, 2001:db8:ffff::7", PROXY, "203.0.113.5" },
	{ "10.0.0.2, 10.0.0.3", PROXY, "10.0.0.2" },
	{ "junk", PROXY, PROXY },
	{ "203.0.113.5, junk", PROXY, PROXY },
	{ "203.0.113.5, junk, 10.0.0.2", PROXY, "10.0.0.2" },
	{ "203.0.113.5,", PROXY, PROXY },
	{ ",203.0.113.5", PROXY, "203.0.113.5" },
	{ "[2001:db8::1", PROXY, PROXY },
	{ "[2001:db8::1]x", PROXY, PROXY },
	{ "[]", PROXY, PROXY },
	{ "[", PROXY, PROXY },
	{ ":", PROXY, PROXY },
	{ "203.0.113.5:1:2", PROXY, PROXY },
	{ "unknown", PROXY, PROXY },
	{ "_hidden", PROXY, PROXY },
};

START_TEST(clients)
{
	expect_client(span_cstr(rows[_i].header), rows[_i].peer, rows[_i].want);
}
END_TEST

START_TEST(bound)
{
	struct buf header = BUF_INIT(4096);

	buf_add_cstr(&header, "203.0.113.5");
	for (unsigned i = 1; i < FORWARDED_HOPS_MAX; i++)
		buf_add_cstr(&header, ", 10.0.0.2");
	expect_client(buf_span(&header), PROXY, "203.0.113.5");
	buf_add_cstr(&header, ", 10.0.0.2");
	expect_client(buf_span(&header), PROXY, "10.0.0.2");
	buf_free(&header);
}
END_TEST

START_TEST(truncated)
{
	static const struct {
		const char *address, *want;
	} kept[] = {
		{ "203.0.113.77", "203.0.113.0" },
		{ "255.255.255.255", "255.255.255.0" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1::" },
		{ "::1", "::" },
		{ "2001:db8:ffff:ffff::", "2001:db8:ffff::" },
	};
	char text[NETWORK_ADDRESS_MAX];
	uint8_t address[16];

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		ck_assert(network_parse_address(span_cstr(kept[i].address), address));
		forwarded_truncate(address, text);
		ck_assert_str_eq(text, kept[i].want);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("web_forwarded");
	TCase *tests = tcase_create("web_forwarded");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_loop_test(tests, clients, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, bound);
	tcase_add_test(tests, truncated);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
