/* test_zone - offsets and windows against values of another implementation, and the property that
 * windows tile time. */
#include <check.h>
#include <stdlib.h>

#include "zone.h"

static struct zone *load(const char *name)
{
	struct zone *z = NULL;
	enum err e = zone_load(NULL, span_cstr(name), &z);

	ck_assert_msg(e == ERR_OK, "%s: %s", name, err_text(e));
	return z;
}

START_TEST(offsets)
{
	static const struct {
		const char *zone;
		int64_t at;
		int32_t offset;
	} table[] = {
		{ "Europe/Berlin", INT64_C(-2208988800), 3600 },
		{ "Europe/Berlin", 1774745999, 3600 },
		{ "Europe/Berlin", 1774746000, 7200 },
		{ "Europe/Berlin", 2540246400, 7200 },
		{ "Europe/Berlin", INT64_C(13537929600), 3600 },
		{ "America/New_York", 1793512799, -14400 },
		{ "America/New_York", 1793512800, -18000 },
		{ "America/New_York", 2540246400, -14400 },
		{ "Australia/Lord_Howe", 562129200, 39600 },
		{ "Australia/Lord_Howe", 1782864000, 37800 },
		{ "Australia/Lord_Howe", 2540246400, 37800 },
		{ "Asia/Kathmandu", INT64_C(-2208988800), 20476 },
		{ "Asia/Kathmandu", 1782864000, 20700 },
		{ "Africa/Casablanca", 1325235600, 0 },
		{ "Africa/Casablanca", 2145913200, 3600 },
		{ "America/Sao_Paulo", 1508032800, -10800 },
		{ "America/Sao_Paulo", 1508036400, -7200 },
		{ "America/Sao_Paulo", 1782864000, -10800 },
		{ "Pacific/Apia", 1325235600, -36000 },
		{ "Pacific/Apia", 1325239200, 50400 },
		{ "Pacific/Apia", 2540246400, 46800 },
		{ "Antarctica/Troll", 1782864000, 7200 },
		{ "UTC", 1782864000, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct zone *z = load(table[i].zone);

		ck_assert_msg(zone_offset_s(z, table[i].at) == table[i].offset, "case %zu: %d",
		    i, zone_offset_s(z, table[i].at));
		zone_free(&z);
	}
}
END_TEST

START_TEST(windows)
{
	static const struct {
		const char *zone;
		enum window_kind kind;
		int cycle_day;
		int64_t at, start, hours; /* hours: length, -1: half an hour */
	} table[] = {
		/* 2026-03-29 has 23 hours in Berlin, 2026-10-25 has 25. */
		{ "Europe/Berlin", WINDOW_DAY, 1, 1774746000, 1774738800, 23 },
		{ "Europe/Berlin", WINDOW_DAY, 1, 1792891000, 1792879200, 25 },
		/* 02:00-03:00 comes twice. */
		{ "Europe/Berlin", WINDOW_HOUR, 1, 1792888500, 1792886400, 1 },
		{ "Europe/Berlin", WINDOW_HOUR, 1, 1792890100, 1792890000, 1 },
		{ "Europe/Berlin", WINDOW_MONTH, 1, 1774746000, 1772319600, 743 },
		/* 2026-11-15 to 2026-12-15, from any day of it. */
		{ "Europe/Berlin", WINDOW_CYCLE, 15, 1794697200, 1794697200, 720 },
		{ "Europe/Berlin", WINDOW_CYCLE, 15, 1797289199, 1794697200, 720 },
		{ "Europe/Berlin", WINDOW_CYCLE, 15, 1794697199, 1792015200, 745 },
		/* The 31st: from 2026-02-28 to 2026-03-31, to 2026-04-30. */
		{ "UTC", WINDOW_CYCLE, 31, 1773000000, 1772236800, 744 },
		{ "UTC", WINDOW_CYCLE, 31, 1774915200, 1774915200, 720 },
		{ "UTC", WINDOW_HOUR, 1, 0, 0, 1 },
		{ "UTC", WINDOW_DAY, 1, -1, -86400, 24 },
		/* No midnight on 2017-10-15 in Sao Paulo: the day starts at 01:00. */
		{ "America/Sao_Paulo", WINDOW_DAY, 1, 1508040000, 1508036400, 23 },
		{ "America/Sao_Paulo", WINDOW_DAY, 1, 1508036399, 1507950000, 24 },
		/* 2011-12-30 is not a day in Apia. */
		{ "Pacific/Apia", WINDOW_DAY, 1, 1325239199, 1325152800, 24 },
		{ "Pacific/Apia", WINDOW_DAY, 1, 1325239200, 1325239200, 24 },
		{ "Australia/Lord_Howe", WINDOW_DAY, 1, 1791043200, 1791034200, -1 },
		{ "Asia/Kathmandu", WINDOW_HOUR, 1, 1782864000, 1782861300, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct zone *z = load(table[i].zone);
		struct window_bounds w =
		    zone_window(z, table[i].kind, table[i].cycle_day, table[i].at);
		int64_t length = table[i].hours < 0 ? 23 * 3600 + 1800 : table[i].hours * 3600;

		ck_assert_msg(w.start_s == table[i].start && w.end_s - w.start_s == length,
		    "case %zu: start %jd, length %jd", i, (intmax_t)w.start_s,
		    (intmax_t)(w.end_s - w.start_s));
		zone_free(&z);
	}
}
END_TEST

/* From window to window: each starts where the one before ended, and every moment of it says the
 * same window. */
static void walk(const struct zone *z, const char *name, enum window_kind kind, int cycle_day,
    int64_t from, int count)
{
	struct window_bounds w = zone_window(z, kind, cycle_day, from), at;
	int64_t probes[4];

	ck_assert(w.start_s <= from && from < w.end_s);
	for (int i = 0; i < count; i++) {
		probes[0] = w.start_s;
		probes[1] = w.end_s - 1;
		probes[2] = w.start_s + (w.end_s - w.start_s) / 2;
		probes[3] = w.start_s + (w.end_s - w.start_s) / 7;
		for (size_t k = 0; k < ARRAY_SIZE(probes); k++) {
			at = zone_window(z, kind, cycle_day, probes[k]);
			ck_assert_msg(at.start_s == w.start_s && at.end_s == w.end_s,
			    "%s kind %d at %jd: %jd..%jd, not %jd..%jd", name, (int)kind,
			    (intmax_t)probes[k], (intmax_t)at.start_s, (intmax_t)at.end_s,
			    (intmax_t)w.start_s, (intmax_t)w.end_s);
		}
		at = zone_window(z, kind, cycle_day, w.end_s);
		ck_assert_msg(at.start_s == w.end_s && at.end_s > at.start_s,
		    "%s kind %d: gap or overlap at %jd", name, (int)kind, (intmax_t)w.end_s);
		w = at;
	}
}

START_TEST(tiling)
{
	static const char *const zones[] = { "Europe/Berlin", "America/New_York",
		"Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca",
		"America/Sao_Paulo", "Pacific/Apia", "America/St_Johns", "Asia/Gaza",
		"Atlantic/Azores", "America/Havana", "Antarctica/Troll", "UTC" };
	static const int cycle_days[] = { 1, 15, 29, 30, 31 };

	for (size_t i = 0; i < ARRAY_SIZE(zones); i++) {
		struct zone *z = load(zones[i]);

		/* From 1985, 2010 and 2035 (table, table, rule) a few years each. */
		for (int64_t from = 473385600; from < 2100000000; from += 788918400) {
			walk(z, zones[i], WINDOW_HOUR, 1, from, 3000);
			walk(z, zones[i], WINDOW_DAY, 1, from, 1000);
			walk(z, zones[i], WINDOW_MONTH, 1, from, 60);
			for (size_t k = 0; k < ARRAY_SIZE(cycle_days); k++)
				walk(z, zones[i], WINDOW_CYCLE, cycle_days[k], from, 60);
		}
		zone_free(&z);
	}
}
END_TEST

/* A version 2 file without changes, with this rule at its end. */
static size_t rule_file(const char *rule, char out[256])
{
	static const char header[44] = { 'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 1 };
	size_t n = 0, length = strlen(rule);

	for (int block = 0; block < 2; block++) {
		memcpy(out + n, header, sizeof header);
		memset(out + n + sizeof header, 0, 7); /* type 0: offset 0; one character */
		n += sizeof header + 7;
	}
	out[n++] = '\n';
	memcpy(out + n, rule, length);
	out[n + length] = '\n';
	return n + length + 1;
}

START_TEST(rules)
{
	static const struct {
		const char *rule;
		bool ok;
		int64_t at;
		int32_t offset;
	} table[] = {
		{ "CET-1CEST,M3.5.0,M10.5.0/3", true, 1774746000, 7200 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", true, 1774745999, 3600 },
		{ "<-03>3", true, 0, -10800 },
		{ "<+0530>-5:30", true, 0, 19800 },
		/* Nuuk: the last Sunday minus one hour; Gaza: up to 74 hours. */
		{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true, 1774746000, -3600 },
		{ "EET-2EEST,M3.4.4/50,M10.4.4/50", true, 1782864000, 10800 },
		/* DST all year (RFC 8536 section 3.3.1). */
		{ "XXX3EDT4,0/0,J365/23", true, 1767225600, -14400 },
		{ "XXX3EDT4,0/0,J365/23", true, 1782864000, -14400 },
		/* Jn does not count 29 February, n does. */
		{ "A1B", false, 0, 0 },
		{ "AAA0BBB,J60/0,J61/0", true, 1709251200, 3600 }, /* 2024-03-01 */
		{ "AAA0BBB,J60/0,J61/0", true, 1709164800, 0 },    /* 2024-02-29 */
		{ "AAA0BBB,59/0,60/0", true, 1709164800, 3600 },
		{ "", true, 1774746000, 0 },
		{ "CET", false, 0, 0 },
		{ "CET-25", false, 0, 0 },
		{ "CET-1CEST", false, 0, 0 },
		{ "CET-1CEST,M3.5.0", false, 0, 0 },
		{ "CET-1CEST,M13.5.0,M10.5.0", false, 0, 0 },
		{ "CET-1CEST,M3.0.0,M10.5.0", false, 0, 0 },
		{ "CET-1CEST,M3.5.7,M10.5.0", false, 0, 0 },
		{ "CET-1CEST,M3.5.0/168,M10.5.0", false, 0, 0 },
		{ "CET-1CEST,J0,J366", false, 0, 0 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3x", false, 0, 0 },
		{ "<CET-1", false, 0, 0 },
		{ "<>-1", false, 0, 0 },
	};
	char bytes[256];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct zone *z = NULL;
		size_t n = rule_file(table[i].rule, bytes);
		enum err e = zone_parse(span_make(bytes, n), &z);

		ck_assert_msg((e == ERR_OK) == table[i].ok, "case %zu: %s", i, err_text(e));
		if (z != NULL)
			ck_assert_msg(zone_offset_s(z, table[i].at) == table[i].offset,
			    "case %zu: %d", i, zone_offset_s(z, table[i].at));
		zone_free(&z);
		/* A file cut anywhere is refused (the empty rule's is complete one earlier). */
		for (size_t cut = 0; cut < n; cut++) {
			ck_assert_int_ne(zone_parse(span_make(bytes, cut), &z), ERR_OK);
			ck_assert_ptr_null(z);
		}
	}
}
END_TEST

START_TEST(names)
{
	static const struct {
		const char *name;
		enum err e;
	} table[] = {
		{ "", ERR_SYNTAX },
		{ "/etc/passwd", ERR_SYNTAX },
		{ "../passwd", ERR_SYNTAX },
		{ "Europe/../UTC", ERR_SYNTAX },
		{ "zone.tab", ERR_SYNTAX },
		{ "Europe/Berl in", ERR_SYNTAX },
		{ "Europe", ERR_SYNTAX },
		{ "Europe/Nowhere", ERR_NOTFOUND },
		{ "Etc/GMT+5", ERR_OK },
	};
	struct zone *z;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		enum err e = zone_load(NULL, span_cstr(table[i].name), &z);

		ck_assert_msg(e == table[i].e, "case %zu: %s", i, err_text(e));
		ck_assert((z != NULL) == (e == ERR_OK));
		zone_free(&z);
	}
	ck_assert_int_eq(zone_load("/nonexistent", SPAN("UTC"), &z), ERR_NOTFOUND);
}
END_TEST

START_TEST(formats)
{
	static const struct {
		const char *zone;
		int64_t at;
		const char *text;
	} table[] = {
		{ "UTC", 0, "1970-01-01T00:00:00+00:00" },
		{ "Europe/Berlin", 1795453200, "2026-11-23T18:00:00+01:00" },
		{ "Asia/Kathmandu", 1795453200, "2026-11-23T22:45:00+05:45" },
		{ "America/St_Johns", 1795453200, "2026-11-23T13:30:00-03:30" },
	};
	char text[ZONE_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct zone *z = load(table[i].zone);

		zone_format(z, table[i].at, text);
		ck_assert_str_eq(text, table[i].text);
		zone_format(z, INT64_MAX, text);
		zone_format(z, INT64_MIN, text);
		zone_free(&z);
	}
	zone_format(zone_utc(), 951782400, text);
	ck_assert_str_eq(text, "2000-02-29T00:00:00+00:00");
}
END_TEST

START_TEST(far_away)
{
	static const int64_t at[] = { INT64_MIN, INT64_MAX, -1, 0, INT64_C(1) << 49 };
	struct zone *z = load("Europe/Berlin");

	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		for (int kind = WINDOW_HOUR; kind <= WINDOW_CYCLE; kind++) {
			struct window_bounds w =
			    zone_window(z, (enum window_kind)kind, 31, at[i]);

			ck_assert(w.start_s < w.end_s);
		}
	zone_free(&z);
	zone_free(&z);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("zone");
	TCase *cases = tcase_create("zone");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 120);
	tcase_add_test(cases, offsets);
	tcase_add_test(cases, windows);
	tcase_add_test(cases, tiling);
	tcase_add_test(cases, rules);
	tcase_add_test(cases, names);
	tcase_add_test(cases, formats);
	tcase_add_test(cases, far_away);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
