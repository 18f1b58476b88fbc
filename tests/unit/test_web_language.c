/* test_web_language - Accept-Language against the languages that there are. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "language.h"

static const struct span tags[] = { { "en", 2 }, { "de", 2 }, { "de-at", 5 }, { "zh-hant", 7 },
	{ "fr", 2 } };

static const struct {
	const char *header, *want;
} rows[] = {
	{ "", "en" },
	{ "de", "de" },
	{ "DE", "de" },
	{ "de-AT", "de-at" },
	{ "de-CH", "de" },
	{ "de-CH-1996", "de" },
	{ "de-AT-1996", "de-at" },
	{ "zh-Hant-TW", "zh-hant" },
	{ "zh-Hans, fr;q=0.1", "fr" },
	{ "zh", "en" },
	{ "*", "en" },
	{ "xx, *;q=0.5, fr;q=0.6", "fr" },
	{ "fr;q=0.4, de;q=0.5", "de" },
	{ "fr, de", "fr" },
	{ "fr;q=0.5,de;q=0.5", "fr" },
	{ "de;q=0", "en" },
	{ "de;q=0, fr;q=0.001", "fr" },
	{ "de;q=0.000, fr;q=0.001", "fr" },
	{ "de;q=1.000, fr", "de" },
	{ "de;q=1.001, fr;q=0.1", "fr" },
	{ "de;q=0.9999, fr;q=0.1", "fr" },
	{ "de;q=2, fr;q=0.1", "fr" },
	{ "de;q=-1, fr;q=0.1", "fr" },
	{ "de;q=.5, fr;q=0.1", "fr" },
	{ "de;q=, fr;q=0.1", "de" }, /* no weight is the whole weight */
	{ "de;q=0x5, fr;q=0.1", "fr" },
	{ "de;q=0., fr;q=0.1", "fr" },
	{ "de;q=1., fr", "de" },
	{ " de ; Q=0.8 , fr ; q=0.7", "de" },
	{ "de;level=1;q=0.1, fr;q=0.2", "fr" },
	{ ";;,;q=,,", "en" },
	{ "-", "en" },
	{ "--de", "en" },
	{ "de-", "de" },
	{ "d", "en" },
	{ "deu", "en" },
};

START_TEST(chosen)
{
	size_t i = language_choose(span_cstr(rows[_i].header), tags, ARRAY_SIZE(tags));

	ck_assert_uint_lt(i, ARRAY_SIZE(tags));
	ck_assert_str_eq(tags[i].p, rows[_i].want);
}
END_TEST

START_TEST(bound)
{
	struct buf header = BUF_INIT(4096);

	for (unsigned i = 1; i < LANGUAGE_RANGES_MAX; i++)
		buf_add_cstr(&header, "xx,");
	buf_add_cstr(&header, "fr");
	ck_assert_uint_eq(language_choose(buf_span(&header), tags, ARRAY_SIZE(tags)), 4);
	buf_reset(&header);
	for (unsigned i = 1; i < LANGUAGE_RANGES_MAX + 1; i++)
		buf_add_cstr(&header, "xx,");
	buf_add_cstr(&header, "fr");
	ck_assert_uint_eq(language_choose(buf_span(&header), tags, ARRAY_SIZE(tags)), 0);
	buf_free(&header);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("web_language");
	TCase *tests = tcase_create("web_language");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, chosen, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, bound);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
