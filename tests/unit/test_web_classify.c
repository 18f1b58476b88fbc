/* test_web_classify - what a hit is taken for: one row for each rule and for what just misses it. */
#include <check.h>
#include <stdlib.h>

#include "classify.h"

#define BROWSER "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

static const struct {
	enum hit_kind kind;
	bool head;
	const char *purpose, *agent, *referer;
	unsigned links;
	int64_t delivered_s;
	enum hit_class class;
	const char *reason;
} rows[] = {
	{ HIT_CLICK, false, "", BROWSER, "", 1, -1, HIT_HUMAN, "" },
	{ HIT_OPEN, false, "", BROWSER, "", 0, -1, HIT_HUMAN, "" },
	{ HIT_CLICK, true, "", BROWSER, "", 1, -1, HIT_MACHINE, "head" },
	{ HIT_CLICK, false, "prefetch", BROWSER, "", 1, -1, HIT_MACHINE, "prefetch" },
	{ HIT_CLICK, false, "Prefetch;prerender", BROWSER, "", 1, -1, HIT_MACHINE, "prefetch" },
	{ HIT_CLICK, false, "preview", BROWSER, "", 1, -1, HIT_MACHINE, "prefetch" },
	{ HIT_CLICK, false, "prefetc", BROWSER, "", 1, -1, HIT_HUMAN, "" },
	{ HIT_OPEN, false, "", "Mozilla/5.0 (via ggpht.com GoogleImageProxy)", "", 0, -1,
	    HIT_PROXIED, "gmail" },
	{ HIT_OPEN, false, "", "YahooMailProxy; https://help.yahoo.com/", "", 0, -1,
	    HIT_PROXIED, "yahoo" },
	{ HIT_OPEN, false, "", "Mozilla/5.0", "", 0, -1, HIT_PROXIED, "apple" },
	{ HIT_CLICK, false, "", " mozilla/5.0 ", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "", "", 1, -1, HIT_MACHINE, "no_agent" },
	{ HIT_CLICK, false, "", " \t", "", 1, -1, HIT_MACHINE, "no_agent" },
	{ HIT_CLICK, false, "", "x", "", 1, -1, HIT_HUMAN, "" },
	{ HIT_CLICK, false, "", "Barracuda Sentinel", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "x proofpoint", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "MIMECAST", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "Mozilla/5.0 (compatible; Googlebot/2.1)", "", 1, -1,
	    HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "acrawler", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "a spider", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "Scanner/1", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "SkypeUriPreview", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "HeadlessChrome/120", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "curl/8.5", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "curl", "", 1, -1, HIT_HUMAN, "" },
	{ HIT_CLICK, false, "", "Wget/1.21", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "python-requests/2", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "Go-http-client/1.1", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "Java/17", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", "okhttp/4", "", 1, -1, HIT_MACHINE, "agent" },
	{ HIT_CLICK, false, "", BROWSER " bo", "", 1, -1, HIT_HUMAN, "" },
	{ HIT_CLICK, false, "", BROWSER,
	    "https://eur01.safelinks.protection.outlook.com/?url=x", 1, -1, HIT_PROXIED,
	    "safelinks" },
	{ HIT_CLICK, false, "", BROWSER, "https://URLdefense.com:443/v3/", 1, -1, HIT_PROXIED,
	    "urldefense" },
	{ HIT_CLICK, false, "", BROWSER, "http://linkprotect.cudasvc.com?a=b", 1, -1,
	    HIT_PROXIED, "barracuda" },
	{ HIT_CLICK, false, "", BROWSER, "https://protect-us.mimecast.com#x", 1, -1,
	    HIT_PROXIED, "mimecast" },
	{ HIT_CLICK, false, "", BROWSER, "https://secure-web.cisco.com", 1, -1, HIT_PROXIED,
	    "cisco" },
	{ HIT_CLICK, false, "", BROWSER, "https://notmimecast.com/", 1, -1, HIT_HUMAN, "" },
	{ HIT_CLICK, false, "", BROWSER, "https://mimecast.com.evil.example/", 1, -1, HIT_HUMAN,
	    "" },
	{ HIT_CLICK, false, "", BROWSER, "https://evil.example/mimecast.com", 1, -1, HIT_HUMAN,
	    "" },
	{ HIT_CLICK, false, "", BROWSER, "mimecast.com", 1, -1, HIT_HUMAN, "" },
	{ HIT_CLICK, false, "", BROWSER, "://", 1, -1, HIT_HUMAN, "" },
	{ HIT_CLICK, false, "", BROWSER, "", CLASSIFY_BURST - 1, -1, HIT_HUMAN, "" },
	{ HIT_CLICK, false, "", BROWSER, "", CLASSIFY_BURST, -1, HIT_MACHINE, "burst" },
	{ HIT_CLICK, false, "", BROWSER, "", 1, 0, HIT_MACHINE, "early" },
	{ HIT_CLICK, false, "", BROWSER, "", 1, 9, HIT_MACHINE, "early" },
	{ HIT_CLICK, false, "", BROWSER, "", 1, 10, HIT_HUMAN, "" },
};

START_TEST(each_rule)
{
	const struct hit_facts facts = {
		.kind = rows[_i].kind,
		.head = rows[_i].head,
		.purpose = span_cstr(rows[_i].purpose),
		.agent = span_cstr(rows[_i].agent),
		.referer = span_cstr(rows[_i].referer),
		.links = rows[_i].links,
		.delivered_s = rows[_i].delivered_s,
	};
	struct hit_verdict v = classify(&facts);

	ck_assert_int_eq(v.class, rows[_i].class);
	ck_assert_str_eq(v.reason, rows[_i].reason);
}
END_TEST

/* A word of the agent is found wherever it stands, in any case, and not when it is cut. */
START_TEST(anywhere)
{
	char text[32];

	for (size_t at = 0; at <= 20; at++) {
		struct hit_facts facts = { .kind = HIT_CLICK, .delivered_s = -1 };

		memset(text, 'o', sizeof text);
		memcpy(text + at, "WGet/", 5);
		facts.agent = span_make(text, at + 5);
		ck_assert_int_eq(classify(&facts).class, HIT_MACHINE);
		facts.agent.n--;
		ck_assert_int_eq(classify(&facts).class, HIT_HUMAN);
	}
}
END_TEST

START_TEST(words)
{
	ck_assert_str_eq(hit_kind_text(HIT_CLICK), "click");
	ck_assert_str_eq(hit_kind_text(HIT_OPEN), "open");
	ck_assert_str_eq(hit_class_text(HIT_HUMAN), "human");
	ck_assert_str_eq(hit_class_text(HIT_MACHINE), "machine");
	ck_assert_str_eq(hit_class_text(HIT_PROXIED), "proxied");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("web_classify");
	TCase *tests = tcase_create("web_classify");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, each_rule, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, anywhere);
	tcase_add_test(tests, words);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
