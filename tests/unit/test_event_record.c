/* test_event_record - events from the wire and from lines of the log: bounds at n and n + 1, nothing
 * that could pass for another field or line, and no damage that is not seen. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "event_record.h"

#define NOW INT64_C(1800000000)

static const char good[] = "click\tacme\tnews\t0123456789abcdef\t3\tff\thuman\t\t1799999999\t19"
			   "2.0.2.0/24\tMozilla/5.0 (x)";

START_TEST(reads)
{
	struct event e;

	ck_assert_ptr_null(event_read(span_cstr(good), NOW, &e));
	ck_assert(span_eq(e.kind, SPAN("click")) && span_eq(e.tenant, SPAN("acme")) &&
		  span_eq(e.stream, SPAN("news")) && span_eq(e.class, SPAN("human")) &&
		  span_eq(e.reason, SPAN("")) && span_eq(e.address, SPAN("192.0.2.0/24")) &&
		  span_eq(e.agent, SPAN("Mozilla/5.0 (x)")));
	ck_assert_uint_eq(e.message, UINT64_C(0x0123456789abcdef));
	ck_assert_uint_eq(e.recipient, 255);
	ck_assert_uint_eq(e.link, 3);
	ck_assert_int_eq(e.time_s, 1799999999);
	/* Optional fields empty; a clock a little ahead counts as now. */
	ck_assert_ptr_null(event_read(SPAN("open\ta\t\t0\t0\t0\t\t\t1800000300\t\t"), NOW, &e));
	ck_assert_int_eq(e.time_s, NOW);
	ck_assert_ptr_null(event_read(SPAN("open\ta\t\t0\t0\t0\t\t\t1"), NOW, &e));
	ck_assert_uint_eq(e.agent.n, 0);
}
END_TEST

START_TEST(refuses)
{
	static const char *const bad[] = { "", "click", "\tacme\tnews\t1\t0\t0\t\t\t1\t\t",
		"Click\tacme\tnews\t1\t0\t0\t\t\t1\t\t", "click\t\tnews\t1\t0\t0\t\t\t1\t\t",
		"click\ta b\tnews\t1\t0\t0\t\t\t1\t\t", "click\ta\tn/s\t1\t0\t0\t\t\t1\t\t",
		"click\ta\tn\t\t0\t0\t\t\t1\t\t", "click\ta\tn\tg\t0\t0\t\t\t1\t\t",
		"click\ta\tn\t11112222333344445\t0\t0\t\t\t1\t\t",
		"click\ta\tn\t1\t65536\t0\t\t\t1\t\t", "click\ta\tn\t1\t-1\t0\t\t\t1\t\t",
		"click\ta\tn\t1\t0\t\t\t\t1\t\t", "click\ta\tn\t1\t0\t0\tA\t\t1\t\t",
		"click\ta\tn\t1\t0\t0\t\ta b\t1\t\t", "click\ta\tn\t1\t0\t0\t\t\t\t\t",
		"click\ta\tn\t1\t0\t0\t\t\t1800000301\t\t",
		"click\ta\tn\t1\t0\t0\t\t\t99999999999999999999\t\t",
		"click\ta\tn\t1\t0\t0\t\t\t1\tlocalhost\t",
		"click\ta\tn\t1\t0\t0\t\t\t1\t\tx\ty" };
	struct event e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(event_read(span_cstr(bad[i]), NOW, &e) != NULL, "%zu", i);
}
END_TEST

static bool reads_with(size_t kind, size_t tenant, size_t address, size_t agent)
{
	char word[300], name[300], ip[300], text[2000];
	struct event e;

	memset(word, 'k', sizeof word);
	memset(name, 'n', sizeof name);
	memset(ip, '1', sizeof ip);
	snprintf(text, sizeof text, "%.*s\t%.*s\t\t1\t0\t0\t\t\t1\t%.*s\t%.*s", (int)kind, word,
	    (int)tenant, name, (int)address, ip, (int)agent, word);
	return event_read(span_cstr(text), NOW, &e) == NULL && e.agent.n <= EVENT_AGENT_MAX;
}

START_TEST(bounds)
{
	ck_assert(reads_with(EVENT_WORD_MAX, EVENT_NAME_MAX, EVENT_ADDRESS_MAX, 299));
	ck_assert(!reads_with(EVENT_WORD_MAX + 1, EVENT_NAME_MAX, EVENT_ADDRESS_MAX, 1));
	ck_assert(!reads_with(EVENT_WORD_MAX, EVENT_NAME_MAX + 1, EVENT_ADDRESS_MAX, 1));
	ck_assert(!reads_with(EVENT_WORD_MAX, EVENT_NAME_MAX, EVENT_ADDRESS_MAX + 1, 1));
}
END_TEST

/* The longest event fits, and every line says what it was made of. */
START_TEST(lines)
{
	char word[EVENT_AGENT_MAX];
	struct event e, back;
	struct buf b = BUF_INIT(4096);

	memset(word, 'w', sizeof word);
	e = (struct event){ .kind = span_make(word, EVENT_WORD_MAX),
		.tenant = span_make(word, EVENT_NAME_MAX),
		.stream = span_make(word, EVENT_NAME_MAX),
		.message = UINT64_MAX,
		.recipient = UINT64_MAX,
		.link = UINT16_MAX,
		.class = span_make(word, EVENT_WORD_MAX),
		.reason = span_make(word, EVENT_WORD_MAX),
		.time_s = INT64_MAX / 2,
		.address = span_make(
		    "1111111111111111111111111111111111111111111111111111111111111111",
		    EVENT_ADDRESS_MAX),
		.agent = span_make(word, EVENT_AGENT_MAX) };
	event_put(&b, &e);
	ck_assert(buf_ok(&b) && b.n <= EVENT_LINE_MAX);
	ck_assert(event_get(span_head(buf_span(&b), b.n - 1), &back));
	ck_assert(span_eq(back.agent, e.agent) && back.message == e.message);
	ck_assert_int_eq(back.time_s, e.time_s);

	/* What could end a field or a line is gone. */
	buf_reset(&b);
	e = (struct event){ .kind = SPAN("open"),
		.tenant = SPAN("a"),
		.time_s = 5,
		.agent = SPAN("a\nb\tc\x01\xff") };
	event_put(&b, &e);
	ck_assert_uint_eq(span_find(buf_span(&b), '\n', 0), b.n - 1);
	ck_assert(event_get(span_head(buf_span(&b), b.n - 1), &back));
	ck_assert(span_eq(back.agent, SPAN("a?b?c??")));
	/* Every octet counts. */
	for (size_t i = 0; i < b.n - 1; i++) {
		b.p[i] ^= 1;
		ck_assert_msg(!event_get(span_head(buf_span(&b), b.n - 1), &back), "%zu", i);
		b.p[i] ^= 1;
	}
	buf_free(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("event_record");
	TCase *tests = tcase_create("event_record");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, reads);
	tcase_add_test(tests, refuses);
	tcase_add_test(tests, bounds);
	tcase_add_test(tests, lines);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
