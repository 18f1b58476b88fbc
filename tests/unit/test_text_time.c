/* test_text_time - dates and times as people write them. */
#include <check.h>

#include "text_time.h"

START_TEST(table)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: refused */
	} rows[] = {
		{ "1970-01-01", 0 },
		{ "1970-01-01T00:00:01Z", 1 },
		{ "2000-02-29", 951782400 },
		{ "2000-02-29T23:59:59Z", 951868799 },
		{ "2024-02-29t12:00:00z", 1709208000 },
		{ "2026-11-23T18:00:00Z", 1795456800 },
		{ "2026-11-23 18:00:00Z", 1795456800 },
		{ "2026-11-23T18:00:00+01:00", 1795453200 },
		{ "2026-11-23T18:00:00-05:30", 1795476600 },
		{ "2026-11-24T00:30:00+14:00", 1795429800 },
		{ "2026-11-23T18:00:00.999999999Z", 1795456800 },
		{ "2016-12-31T23:59:60Z", 1483228800 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
		{ "2100-02-28", 4107456000 },
		{ "2400-02-29", 13574563200 },
		{ "", -1 },
		{ "1969-12-31", -1 },
		{ "2023-02-29", -1 },
		{ "2100-02-29", -1 },
		{ "2026-04-31", -1 },
		{ "2026-00-10", -1 },
		{ "2026-13-01", -1 },
		{ "2026-01-00", -1 },
		{ "2026-01-32", -1 },
		{ "2026-1-01", -1 },
		{ "26-01-01", -1 },
		{ "+026-01-01", -1 },
		{ "2026-01-01T", -1 },
		{ "2026-01-01T10:00Z", -1 },
		{ "2026-01-01T24:00:00Z", -1 },
		{ "2026-01-01T10:60:00Z", -1 },
		{ "2026-01-01T10:00:61Z", -1 },
		{ "2026-01-01T10:00:00", -1 },
		{ "2026-01-01T10:00:00.Z", -1 },
		{ "2026-01-01T10:00:00,5Z", -1 },
		{ "2026-01-01T10:00:00ZZ", -1 },
		{ "2026-01-01T10:00:00+24:00", -1 },
		{ "2026-01-01T10:00:00+01:60", -1 },
		{ "2026-01-01T10:00:00+0100", -1 },
		{ "2026-01-01T10:00:00+1:00", -1 },
		{ " 2026-01-01", -1 },
		{ "2026-01-01 ", -1 },
		{ "2026/01/01", -1 },
		{ "10000-01-01", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t s = -1;
		bool ok = text_time_parse(span_cstr(rows[i].text), &s);

		ck_assert_msg(ok == (rows[i].seconds >= 0), "%s", rows[i].text);
		ck_assert_msg(
		    !ok || s == rows[i].seconds, "%s: %lld", rows[i].text, (long long)s);
	}
	ck_assert(!text_time_parse(SPAN("2026-01-01\0"), &(int64_t){ 0 }));
}
END_TEST

/* Every day of 430 years is one day after the day before. */
START_TEST(every_day)
{
	int64_t expect = 0;

	for (int y = 1970; y < 2400; y++) {
		for (int m = 1; m <= 12; m++) {
			for (int d = 1; d <= 31; d++) {
				char text[64];
				int64_t s;

				snprintf(text, sizeof text, "%04d-%02d-%02d", y, m, d);
				if (!text_time_parse(span_cstr(text), &s))
					continue;
				ck_assert_int_eq(s, expect);
				expect += 86400;
			}
		}
	}
	ck_assert_int_eq(expect, 13569465600);
}
END_TEST

static const struct {
	const char *text;
	int64_t seconds; /* -1: none */
} mails[] = {
	{ "Mon, 23 Nov 2026 08:00:00 +0000", 1795420800 },
	{ " Mon, 23 Nov 2026 08:00:00 +0000", 1795420800 },
	{ "mon,23 nov 2026 08:00:00 -0000", 1795420800 },
	{ "23 Nov 2026 08:00 +0000", 1795420800 },
	{ "23 Nov 26 8:00 GMT", 1795420800 },
	{ "Mon, 23 Nov 2026 03:00:00 EST", 1795420800 },
	{ "Mon, 23 Nov 2026 08:00:00 Z", 1795420800 },
	{ "Mon, 23 Nov 2026 09:30:00 +0130", 1795420800 },
	{ "Mon,\n 23 Nov 2026 08:00:00 +0000 (a (b) \\) c)", 1795420800 },
	{ "Sun, 23 Nov 2026 08:00:00 +0000", 1795420800 }, /* a wrong day's name */
	{ "1 Jan 70 00:00:00 +0000", 0 },
	{ "29 Feb 2024 00:00 +0000", 1709164800 },
	{ "", -1 },
	{ "Mon", -1 },
	{ "Mon 23 Nov 2026 08:00:00 +0000", -1 },
	{ "Mux, 23 Nov 2026 08:00:00 +0000", -1 },
	{ "29 Feb 2026 00:00 +0000", -1 },
	{ "0 Nov 2026 00:00 +0000", -1 },
	{ "23 Nov 2026 24:00 +0000", -1 },
	{ "23 Nov 2026 08:60 +0000", -1 },
	{ "23 Nov 2026 08:00:61 +0000", -1 },
	{ "23 Nov 2026 08:00:00", -1 },
	{ "23 Nov 2026 08:00:00 +00", -1 },
	{ "23 Nov 2026 08:00:00 +0060", -1 },
	{ "23 Nov 2026 08:00:00 +0000 x", -1 },
	{ "23 Nov 2026 08:00:00 +0000 (", 1795420800 },
	{ "23 Nov 20261 08:00:00 +0000", -1 },
	{ "2026-11-23T08:00:00Z", -1 },
};

START_TEST(of_mail)
{
	char out[TEXT_TIME_MAIL_MAX];
	int64_t s = -1;

	for (size_t i = 0; i < ARRAY_SIZE(mails); i++) {
		bool ok = text_time_parse_mail(span_cstr(mails[i].text), &s);

		ck_assert_msg(ok == (mails[i].seconds >= 0) && (!ok || s == mails[i].seconds),
		    "\"%s\": %d, %lld", mails[i].text, ok, (long long)s);
	}
	for (int64_t t = 0; t < INT64_C(4102444800); t += 7654321) {
		text_time_put_mail(t, out);
		ck_assert(text_time_parse_mail(span_cstr(out), &s));
		ck_assert_int_eq(s, t);
	}
	text_time_put_mail(1795420800, out);
	ck_assert_str_eq(out, "Mon, 23 Nov 2026 08:00:00 +0000");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text_time");
	TCase *cases = tcase_create("text_time");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 120);
	tcase_add_test(cases, table);
	tcase_add_test(cases, every_day);
	tcase_add_test(cases, of_mail);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
