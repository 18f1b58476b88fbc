/* test_quantity - texts with units. */
#include <check.h>

#include "quantity.h"

START_TEST(counts)
{
	static const struct {
		const char *in;
		bool ok;
		uint64_t value;
	} table[] = {
		{ "0", true, 0 },
		{ "250", true, 250 },
		{ "10k", true, 10000 },
		{ "2G", true, 2000000000 },
		{ "3M", true, 3000000 },
		{ "1T", true, UINT64_C(1000000000000) },
		{ "4Ki", true, 4096 },
		{ "256Mi", true, 268435456 },
		{ "8Gi", true, UINT64_C(8) << 30 },
		{ "1Ti", true, UINT64_C(1) << 40 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "16777216Ti", false, 0 },
		{ "18446744073709552k", false, 0 },
		{ "", false, 0 },
		{ "k", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ "1.5G", false, 0 },
		{ "1 k", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1K", false, 0 },
		{ "1ki", false, 0 },
		{ "1kB", false, 0 },
		{ "0x10", false, 0 },
		{ "1e3", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t value = 77;

		ck_assert_msg(quantity_count(span_cstr(table[i].in), &value) == table[i].ok,
		    "case %zu", i);
		ck_assert_uint_eq(value, table[i].ok ? table[i].value : 77);
	}
}
END_TEST

START_TEST(durations)
{
	static const struct {
		const char *in;
		bool ok;
		int64_t seconds;
	} table[] = {
		{ "0s", true, 0 },
		{ "90s", true, 90 },
		{ "15m", true, 900 },
		{ "48h", true, 172800 },
		{ "7d", true, 604800 },
		{ "2w", true, 1209600 },
		{ "9223372036s", true, INT64_C(9223372036) },
		{ "9223372037s", false, 0 }, /* as nanoseconds it must still fit */
		{ "99999999999999999999d", false, 0 },
		{ "90", false, 0 },
		{ "0", false, 0 },
		{ "s", false, 0 },
		{ "1h30m", false, 0 },
		{ "-1s", false, 0 },
		{ "1 s", false, 0 },
		{ "1ms", false, 0 },
		{ "1y", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int64_t seconds = 77;

		ck_assert_msg(
		    quantity_duration(span_cstr(table[i].in), &seconds) == table[i].ok,
		    "case %zu", i);
		ck_assert_int_eq(seconds, table[i].ok ? table[i].seconds : 77);
	}
}
END_TEST

START_TEST(calendar)
{
	static const struct {
		const char *in;
		bool ok;
		uint64_t amount;
		enum window_kind kind;
	} table[] = {
		{ "500/h", true, 500, WINDOW_HOUR },
		{ "500/hour", true, 500, WINDOW_HOUR },
		{ "2G/day", true, 2000000000, WINDOW_DAY },
		{ "0/d", true, 0, WINDOW_DAY },
		{ "10k/month", true, 10000, WINDOW_MONTH },
		{ "1/cycle", true, 1, WINDOW_CYCLE },
		{ "10/s", false, 0, 0 },
		{ "10/m", false, 0, 0 }, /* month or minute? neither */
		{ "10/", false, 0, 0 },
		{ "/h", false, 0, 0 },
		{ "10", false, 0, 0 },
		{ "10 /h", false, 0, 0 },
		{ "10/ h", false, 0, 0 },
		{ "10/h/h", false, 0, 0 },
		{ "10/hours", false, 0, 0 },
		{ "", false, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t amount = 0;
		enum window_kind kind = 0;

		ck_assert_msg(
		    quantity_window(span_cstr(table[i].in), &amount, &kind) == table[i].ok,
		    "case %zu", i);
		ck_assert_uint_eq(amount, table[i].amount);
		ck_assert_int_eq(kind, table[i].kind);
	}
}
END_TEST

START_TEST(rates)
{
	static const struct {
		const char *in;
		bool ok;
		uint64_t amount, burst;
		int64_t emission_ns;
	} table[] = {
		{ "10/s", true, 10, 10, 100000000 },
		{ "10/s burst 50", true, 10, 50, 100000000 },
		{ "10/s burst 1", true, 10, 1, 100000000 },
		{ "60/m", true, 60, 60, 1000000000 },
		{ "60/min", true, 60, 60, 1000000000 },
		{ "1k/h", true, 1000, 1000, 3600000000 },
		{ "86400/day burst 2k", true, 86400, 2000, 1000000000 },
		{ "0/s", false, 0, 0, 0 },
		{ "10/s burst 0", false, 0, 0, 0 },
		{ "10/s burst", false, 0, 0, 0 },
		{ "10/s 50", false, 0, 0, 0 },
		{ "10/s burst 50 60", false, 0, 0, 0 },
		{ "10/s ", false, 0, 0, 0 },
		{ "10/month", false, 0, 0, 0 },
		{ "10", false, 0, 0, 0 },
		{ "", false, 0, 0, 0 },
		{ "1/d burst 18446744073709551615", false, 0, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct rate_limit limit = { 0, 0 };
		uint64_t amount = 0;

		ck_assert_msg(
		    quantity_rate(span_cstr(table[i].in), &limit, &amount) == table[i].ok,
		    "case %zu", i);
		ck_assert_uint_eq(amount, table[i].amount);
		ck_assert_uint_eq(limit.burst, table[i].burst);
		ck_assert_int_eq(limit.emission_ns, table[i].emission_ns);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quantity");
	TCase *cases = tcase_create("quantity");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, counts);
	tcase_add_test(cases, durations);
	tcase_add_test(cases, calendar);
	tcase_add_test(cases, rates);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
