/* test_log_line - lines of Postfix's mail log: stamps, services, addresses that look like more. */
#include <check.h>
#include <stdlib.h>

#include "log_line.h"

#define NOW_S INT64_C(1780000000) /* 2026-05-28T20:26:40Z */
#define HEAD  "May 28 20:26:40 host postfix/smtp[77]: 4jXpzn3Bfjz1dPn3: "

static struct log_line read_at(const char *text, int64_t now_s, bool good)
{
	const struct log_clock clock = { .now_s = now_s };
	struct log_line l;

	ck_assert_msg(log_line_read(span_cstr(text), &clock, &l) == good, "%s", text);
	return l;
}

static struct log_line must_read(const char *text)
{
	return read_at(text, NOW_S, true);
}

static void expect_text(struct span got, const char *want)
{
	ck_assert_msg(
	    span_eq(got, span_cstr(want)), "\"%.*s\", not \"%s\"", SPAN_ARG(got), want);
}

#define REST " h postfix/qmgr[1]: 4jXpzn3Bfjz1dPn3: removed"

START_TEST(stamps)
{
	static const struct {
		const char *text;
		int64_t time_s;
	} table[] = {
		{ "May 28 20:26:40" REST, NOW_S },
		{ "May 29 20:26:40" REST, NOW_S + 86400 }, /* zones differ by a day at most */
		{ "May 31 00:00:00" REST, 1748649600 },    /* then it was last year */
		{ "Jan  1 00:00:00" REST, 1767225600 },
		{ "Dec 31 23:59:59" REST, 1767225599 },
		{ "Feb 28 12:00:00" REST, 1772280000 },
		{ "2026-05-28T20:26:40Z" REST, NOW_S },
		{ "2026-05-28T20:26:40.123456+02:00" REST, NOW_S - 7200 },
		{ "2026-05-28T20:26:40-0130" REST, NOW_S + 5400 },
		{ "2024-02-29 00:00:00+00:00" REST, 1709164800 },
	};
	static const char *const bad[] = { "", "May", "Mai 28 20:26:40" REST,
		"May 28 24:26:40" REST, "May 00 20:26:40" REST, "May 28 20-26-40" REST,
		"May 28 20:26:40", "2026-13-28T20:26:40Z" REST, "2026-05-28T20:26:40+1" REST,
		"1780000000" REST, "May 28 20:26:40 host x",
		"May 28 20:26:40 host postfix/qmgr: x", "May 28 20:26:40 host qmgr[1]: x" };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct log_line l = must_read(table[i].text);

		ck_assert_msg(l.time_s == table[i].time_s, "%s: %lld", table[i].text,
		    (long long)l.time_s);
		ck_assert_int_eq(l.kind, LOG_LINE_REMOVED);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		(void)read_at(bad[i], NOW_S, false);
}
END_TEST

static int32_t two_hours(const void *context UNUSED, int64_t local_s UNUSED)
{
	return 7200;
}

START_TEST(zones)
{
	const struct log_clock clock = { NOW_S, two_hours, NULL };
	struct log_line l;

	ck_assert(log_line_read(SPAN("May 28 22:26:40" REST), &clock, &l));
	ck_assert_int_eq(l.time_s, NOW_S);
	ck_assert(log_line_read(SPAN("2026-05-28T20:26:40Z" REST), &clock, &l));
	ck_assert_int_eq(l.time_s, NOW_S);
}
END_TEST

START_TEST(deliveries)
{
	static const struct {
		const char *text, *recipient, *host, *address, *dsn, *said;
		enum delivery_status status;
	} table[] = {
		{ HEAD "to=<s@soft.test>, relay=mx.soft.test[192.0.2.7]:25, conn_use=2, "
		       "delay=0.1, "
		       "delays=0/0/0/0, dsn=4.3.0, status=deferred (host mx said: 450 x)",
		    "s@soft.test", "mx.soft.test", "192.0.2.7", "4.3.0", "host mx said: 450 x",
		    DELIVERY_DEFERRED },
		{ HEAD
		    "to=<a@b.test>, orig_to=<c@d.test>, relay=none, delay=1, delays=1/0/0/0, "
		    "dsn=5.4.4, status=bounced (Host or domain name not found)",
		    "a@b.test", "none", "", "5.4.4", "Host or domain name not found",
		    DELIVERY_BOUNCED },
		{ HEAD
		    "to=<a@b.test>, relay=m[2001:db8::1]:25, delay=1, dsn=2.0.0, status=sent "
		    "(250 2.0.0 Ok: (queued) as X)",
		    "a@b.test", "m", "2001:db8::1", "2.0.0", "250 2.0.0 Ok: (queued) as X",
		    DELIVERY_SENT },
		{ HEAD
		    "to=<\"a b>, relay=evil, status=sent (x\"@b.test>, relay=m[192.0.2.1]:25, "
		    "delay=1, dsn=5.0.0, status=bounced (status=sent (250))",
		    "\"a b>, relay=evil, status=sent (x\"@b.test", "m", "192.0.2.1", "5.0.0",
		    "status=sent (250)", DELIVERY_BOUNCED },
		{ HEAD "to=<\"a\\\"> , \"@b.test>, relay=m[192.0.2.1]:25, dsn=2.0.0, "
		       "status=sent (x",
		    "\"a\\\"> , \"@b.test", "m", "192.0.2.1", "2.0.0", "x", DELIVERY_SENT },
		{ "May 28 20:26:40 host postfix/out/ip-1/smtp[77]: ABCDEF12: to=<a@b.test>, "
		  "relay=none, dsn=4.4.1, status=expired",
		    "a@b.test", "none", "", "4.4.1", "", DELIVERY_EXPIRED },
	};
	static const char *const none[] = {
		HEAD "to=<a@b.test", HEAD "to=<a@b.test>",
		HEAD "to=<\"a@b.test>, relay=none, status=sent (x)",
		HEAD "to=<a@b.test>, relay=none, dsn=2.0.0", HEAD "host x said: 450 y",
		HEAD "to=<a@b.test>, relay=none, status=undeliverable (x)",
		HEAD "xto=<a@b.test>, relay=none, status=sent (x)",
		"May 28 20:26:40 host postfix/smtp[1]: NOQUEUE: to=<a@b.test>, relay=n, "
		"status=sent (",
		"May 28 20:26:40 host postfix/smtp[1]: to=<a@b.test>, relay=n, status=sent (x)"
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct log_line l = must_read(table[i].text);

		ck_assert_msg(l.kind == LOG_LINE_DELIVERY, "case %zu", i);
		expect_text(l.recipient, table[i].recipient);
		expect_text(l.relay_host, table[i].host);
		expect_text(l.relay_address, table[i].address);
		expect_text(l.dsn, table[i].dsn);
		expect_text(l.text, table[i].said);
		ck_assert_int_eq(l.status, table[i].status);
	}
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		ck_assert_msg(must_read(none[i]).kind == LOG_LINE_OTHER, "%s", none[i]);
}
END_TEST

#define QUEUE "May 28 20:26:40 h postfix/"

START_TEST(others)
{
	struct log_line l = must_read(QUEUE "submission/smtpd[9]: 4jXpzn3Bfjz1dPn3: "
					    "client=a.test[192.0.2.3], sasl_method=PLAIN, "
					    "sasl_username=acme, sasl_sender=x");

	ck_assert_int_eq(l.kind, LOG_LINE_CLIENT);
	expect_text(l.login, "acme");
	expect_text(l.client_address, "192.0.2.3");
	expect_text(l.queue_id, "4jXpzn3Bfjz1dPn3");
	l = must_read(QUEUE "qmgr[9]: A1B2C3D4E5: from=<>, size=2, nrcpt=12 (queue active)");
	ck_assert_int_eq(l.kind, LOG_LINE_SENDER);
	expect_text(l.sender, "");
	ck_assert_uint_eq(l.recipients, 12);
	l = must_read(
	    QUEUE "qmgr[9]: A1B2C3D4E5: from=<\"a, nrcpt=9 (\"@b.test>, size=2, nrcpt=1 (q");
	expect_text(l.sender, "\"a, nrcpt=9 (\"@b.test");
	ck_assert_uint_eq(l.recipients, 1);
	l = must_read(QUEUE "pickup[9]: A1B2C3D4E5: uid=0 from=<a@b.test> orig_id=F1B2C3D4E5");
	ck_assert_int_eq(l.kind, LOG_LINE_PICKUP);
	expect_text(l.previous, "F1B2C3D4E5");
	l = must_read(QUEUE "pickup[9]: A1B2C3D4E5: uid=1000 from=<root>");
	expect_text(l.previous, "");
	expect_text(l.sender, "root");
	l = must_read(QUEUE "qmgr[9]: A1B2C3D4E5: from=<a@b.test>, status=expired, returned");
	ck_assert_int_eq(l.kind, LOG_LINE_OTHER);
	l = must_read(QUEUE "anvil[9]: statistics: max connection rate 1/60s");
	ck_assert_int_eq(l.kind, LOG_LINE_OTHER);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_line");
	TCase *cases = tcase_create("log_line");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, stamps);
	tcase_add_test(cases, zones);
	tcase_add_test(cases, deliveries);
	tcase_add_test(cases, others);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
