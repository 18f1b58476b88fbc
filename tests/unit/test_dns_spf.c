/* test_dns_spf - SPF records: which text is one, terms, look-ups and void ones at their limits,
 * addresses that pass, merging. */
#include <check.h>
#include <stdlib.h>

#include "dns_spf.h"
#include "unit_dns.h"

static const struct {
	const char *text, *error; /* NULL: good */
	size_t terms;
} records[] = {
	{ "v=spf1", NULL, 0 },
	{ "v=spf1 -all", NULL, 1 },
	{ "v=spf1  a  mx ", NULL, 2 },
	{ "V=SPF1 A:x.test MX/24 a//64 mx:y.test/24//64 ?all", NULL, 5 },
	{ "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ip6:::1", NULL, 3 },
	{ "v=spf1 include:%{d}.x.test exists:%{i}.y.test redirect=z.test", NULL, 3 },
	{ "v=spf1 exp=why.test unknown=thing", NULL, 2 },
	{ "v=spf1 ipv4:192.0.2.1", "is no mechanism that exists", 0 },
	{ "v=spf1 ip4:192.0.2.256", "has no such address", 0 },
	{ "v=spf1 ip4:::1", "has no such address", 0 },
	{ "v=spf1 ip6:192.0.2.1", "has no such address", 0 },
	{ "v=spf1 ip4", "has nothing behind it", 0 },
	{ "v=spf1 include:", "has nothing behind it", 0 },
	{ "v=spf1 include", "has nothing behind it", 0 },
	{ "v=spf1 redirect=", "is no modifier", 0 },
	{ "v=spf1 ip4:192.0.2.0/32", NULL, 1 },
	{ "v=spf1 ip4:192.0.2.0/33", "has a bad prefix length", 0 },
	{ "v=spf1 ip6:::/128", NULL, 1 },
	{ "v=spf1 ip6:::/129", "has a bad prefix length", 0 },
	{ "v=spf1 a/33", "has a bad prefix length", 0 },
	{ "v=spf1 a/", "has a bad prefix length", 0 },
	{ "v=spf1 a//129", "has a bad prefix length", 0 },
	{ "v=spf1 a/24/64", "has a bad prefix length", 0 },
	{ "v=spf1 all:x", "has something behind it", 0 },
	{ "v=spf1 -", "is no mechanism that exists", 0 },
};

START_TEST(reads)
{
	struct spf_record record;
	const char *error;
	struct span term;
	bool ok;

	ck_assert(spf_is(span_cstr(records[_i].text)));
	ok = spf_read(span_cstr(records[_i].text), &record, &error, &term);
	ck_assert_int_eq(ok, records[_i].error == NULL);
	if (ok)
		ck_assert_uint_eq(record.count, records[_i].terms);
	else
		ck_assert_str_eq(error, records[_i].error);
}
END_TEST

START_TEST(which_is_one)
{
	ck_assert(!spf_is(SPAN("v=spf10 -all")));
	ck_assert(!spf_is(SPAN("v=spf")));
	ck_assert(!spf_is(SPAN(" v=spf1")));
	ck_assert(!spf_is(SPAN("spf2.0/pra -all")));
}
END_TEST

static const char zone[] = "inc.test TXT v=spf1 ip4:192.0.2.0/28 -all\n"
			   "soft.test TXT v=spf1 ip4:192.0.2.0/28 ~all\n"
			   "deny.test TXT v=spf1 -ip4:192.0.2.1 +all\n"
			   "a.test A 192.0.2.1\n"
			   "six.test AAAA 2001:db8::1\n"
			   "mx.test MX 10 a.test\n"
			   "loop.test TXT v=spf1 include:loop.test\n"
			   "two.test TXT v=spf1 -all\n"
			   "two.test TXT v=spf1 +all\n"
			   "deep.test TXT v=spf1 include:inc.test a:a.test mx:mx.test -all\n"
			   "bad.test TXT v=spf1 nonsense\n"
			   "dead.test TXT !servfail\n";

static const struct {
	const char *text;
	char result; /* of 192.0.2.1; 0: nothing matched */
	unsigned lookups, voids;
	const char *error;
} checks[] = {
	{ "v=spf1 ip4:192.0.2.1 -all", '+', 0, 0, NULL },
	{ "v=spf1 ip4:192.0.2.2 -all", '-', 0, 0, NULL },
	{ "v=spf1 ip4:192.0.2.2/30 ~all", '+', 0, 0, NULL },
	{ "v=spf1 ip6:2001:db8::/32", 0, 0, 0, NULL },
	{ "v=spf1 include:inc.test ?all", '+', 1, 0, NULL },
	{ "v=spf1 ~include:inc.test -all", '~', 1, 0, NULL },
	{ "v=spf1 include:deny.test ?all", '?', 1, 0, NULL },
	{ "v=spf1 a:a.test -all", '+', 1, 0, NULL },
	{ "v=spf1 a:a.test/24 -all", '+', 1, 0, NULL },
	{ "v=spf1 a:six.test -all", '-', 1, 1, NULL },
	{ "v=spf1 mx:mx.test -all", '+', 1, 0, NULL },
	{ "v=spf1 redirect=soft.test", '+', 1, 0, NULL },
	{ "v=spf1 redirect=soft.test -all", '-', 0, 0, NULL },
	{ "v=spf1 include:deep.test -all", '+', 4, 0, NULL },
	{ "v=spf1 exists:%{i}.test ptr -all", '-', 2, 0, NULL },
	{ "v=spf1 include:none.test -all", '-', 1, 1,
	    "leads to a domain without an SPF record" },
	{ "v=spf1 include:two.test -all", '-', 1, 0, "leads to a domain with two SPF records" },
	{ "v=spf1 include:bad.test -all", '-', 1, 0, "is no mechanism that exists" },
	{ "v=spf1 a:n1.test a:n2.test ip4:192.0.2.1", '+', 2, 2, NULL },
	{ "v=spf1 a:n1.test a:n2.test a:n3.test ip4:192.0.2.1", '+', 3, 3,
	    "has more than 2 look-ups that find nothing" },
	{ "v=spf1 a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test "
	  "a:a.test "
	  "a:a.test",
	    '+', 10, 0, NULL },
	{ "v=spf1 a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test "
	  "a:a.test "
	  "a:a.test a:a.test",
	    '+', 11, 0, "takes more than 10 look-ups" },
};

static const struct network one = { { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 }, 128 };

START_TEST(counts)
{
	struct dns_book *book = dns_book_new();
	struct spf_sum sum;

	do
		spf_check(book, SPAN("x.test"), span_cstr(checks[_i].text), &one, 1, &sum);
	while (unit_dns_answer(book, zone));
	ck_assert(!sum.pending);
	ck_assert_int_eq(sum.result[0], checks[_i].result);
	ck_assert_uint_eq(sum.lookups, checks[_i].lookups);
	ck_assert_uint_eq(sum.voids, checks[_i].voids);
	ck_assert_msg((sum.error == NULL) == (checks[_i].error == NULL), "%s", sum.error);
	if (sum.error != NULL)
		ck_assert_str_eq(sum.error, checks[_i].error);
	dns_book_free(&book);
}
END_TEST

/* A circle ends, with a true count as far as it goes; failing DNS is no fault of the record. */
START_TEST(trouble)
{
	struct dns_book *book = dns_book_new();
	struct spf_sum sum;

	do
		spf_check(
		    book, SPAN("x.test"), SPAN("v=spf1 include:loop.test"), &one, 1, &sum);
	while (unit_dns_answer(book, zone));
	ck_assert_uint_gt(sum.lookups, SPF_LOOKUPS_MAX);
	ck_assert_str_eq(sum.error, "takes more than 10 look-ups");
	do
		spf_check(
		    book, SPAN("x.test"), SPAN("v=spf1 include:dead.test"), &one, 1, &sum);
	while (unit_dns_answer(book, zone));
	ck_assert(sum.failed);
	dns_book_free(&book);
}
END_TEST

START_TEST(term_bound)
{
	struct buf text = BUF_INIT(4096);
	struct spf_record record;
	const char *error;
	struct span term;

	buf_add_cstr(&text, "v=spf1");
	for (unsigned i = 0; i < SPF_TERMS_MAX; i++)
		buf_add_cstr(&text, " a");
	ck_assert(spf_read(buf_span(&text), &record, &error, &term));
	ck_assert_uint_eq(record.count, SPF_TERMS_MAX);
	buf_add_cstr(&text, " a");
	ck_assert(!spf_read(buf_span(&text), &record, &error, &term));
	buf_free(&text);
}
END_TEST

START_TEST(merges)
{
	static const struct {
		const char *texts[2], *add, *merged;
	} rows[] = {
		{ { "v=spf1 a -all" }, "include:x.test", "v=spf1 a include:x.test -all" },
		{ { "v=spf1 a  mx ~all", "v=spf1 mx ip4:192.0.2.1 -all" }, "",
		    "v=spf1 a mx ip4:192.0.2.1 ~all" },
		{ { "v=spf1 include:x.test ?all" }, "INCLUDE:x.test",
		    "v=spf1 include:x.test ?all" },
		{ { "v=spf1" }, "a:h.test", "v=spf1 a:h.test ~all" },
		{ { "v=spf1 redirect=y.test" }, "a", "v=spf1 a redirect=y.test" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf out = BUF_INIT(4096);
		struct span texts[2] = { span_cstr(rows[i].texts[0]),
			span_cstr(rows[i].texts[1]) };

		spf_merge(
		    texts, rows[i].texts[1] != NULL ? 2 : 1, span_cstr(rows[i].add), &out);
		ck_assert_str_eq(buf_cstr(&out), rows[i].merged);
		buf_free(&out);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_spf");
	TCase *tests = tcase_create("dns_spf");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, reads, 0, ARRAY_SIZE(records));
	tcase_add_test(tests, which_is_one);
	tcase_add_loop_test(tests, counts, 0, ARRAY_SIZE(checks));
	tcase_add_test(tests, trouble);
	tcase_add_test(tests, term_bound);
	tcase_add_test(tests, merges);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
