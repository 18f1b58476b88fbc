/* test_dns_dmarc - DMARC records, the walk up the tree, alignment, advice; and tag lists. */
#include <check.h>
#include <stdlib.h>

#include "dns_dmarc.h"
#include "dns_tags.h"
#include "unit_dns.h"

START_TEST(tags)
{
	static const struct {
		const char *text, *error;
		size_t count;
	} rows[] = {
		{ "v=DKIM1; k=rsa; p=", NULL, 3 },
		{ " v = DKIM1 ;; p = a b ; ", NULL, 2 },
		{ "", NULL, 0 },
		{ "v=1; v=2", "a tag is there twice", 0 },
		{ "v=1; V=2", NULL, 2 },
		{ "v=1; nothing", "a piece is no TAG=VALUE", 0 },
		{ "=x", "a piece is no TAG=VALUE", 0 },
	};
	struct buf many = BUF_INIT(4096);
	struct dns_tags t;
	struct span value;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *error = dns_tags_read(span_cstr(rows[i].text), &t);

		ck_assert_int_eq(error == NULL, rows[i].error == NULL);
		if (error != NULL)
			ck_assert_str_eq(error, rows[i].error);
		else
			ck_assert_uint_eq(t.count, rows[i].count);
	}
	ck_assert_ptr_null(dns_tags_read(SPAN("v=1; p=a=b"), &t));
	ck_assert(dns_tags_get(&t, "p", &value) && span_eq(value, SPAN("a=b")));
	ck_assert(!dns_tags_get(&t, "q", &value) && value.n == 0);
	for (unsigned i = 0; i < DNS_TAGS_MAX; i++)
		buf_printf(&many, "t%u=;", i);
	ck_assert_ptr_null(dns_tags_read(buf_span(&many), &t));
	buf_add_cstr(&many, "x=");
	ck_assert_ptr_nonnull(dns_tags_read(buf_span(&many), &t));
	buf_free(&many);
	ck_assert(dns_tags_is(SPAN("v=DMARC1; p=none"), "DMARC1"));
	ck_assert(dns_tags_is(SPAN("v = DMARC1"), "DMARC1"));
	ck_assert(!dns_tags_is(SPAN("v=DMARC12; p=none"), "DMARC1"));
	ck_assert(!dns_tags_is(SPAN("p=none; v=DMARC1"), "DMARC1"));
}
END_TEST

START_TEST(records)
{
	static const struct {
		const char *text;
		bool good, strict_dkim, strict_spf;
		enum dmarc_policy p, sp;
		const char *advice;
	} rows[] = {
		{ "v=DMARC1; p=none; rua=mailto:a@b.test", true, false, false, DMARC_NONE,
		    DMARC_NONE, "p=quarantine" },
		{ "v=DMARC1; p=Quarantine; sp=reject; rua=mailto:a@b.test", true, false, false,
		    DMARC_QUARANTINE, DMARC_REJECT, "p=reject" },
		{ "v=DMARC1; p=reject; adkim=s; aspf=S; rua=mailto:a@b.test", true, true, true,
		    DMARC_REJECT, DMARC_REJECT, "" },
		{ "v=DMARC1; p=reject", true, false, false, DMARC_REJECT, DMARC_REJECT,
		    "nobody reports" },
		{ "v=DMARC1; p=reject; pct=10; rua=x", true, false, false, DMARC_REJECT,
		    DMARC_REJECT, "RFC 9989" },
		{ "v=DMARC1; p=reject; t=y; rua=x", true, false, false, DMARC_REJECT,
		    DMARC_REJECT, "only test" },
		{ "v=DMARC1; rua=x", true, false, false, DMARC_NONE, DMARC_NONE, "30 days" },
		{ "v=DMARC1; p=rejected", false, false, false, 0, 0, "" },
		{ "v=DMARC1; p=none; sp=x", false, false, false, 0, 0, "" },
		{ "v=DMARC1; p=none; aspf=strict", false, false, false, 0, 0, "" },
		{ "v=DMARC1; p=none; p=none", false, false, false, 0, 0, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf advice = BUF_INIT(4096);
		struct dmarc_record r;

		ck_assert_int_eq(dmarc_read(span_cstr(rows[i].text), &r) == NULL, rows[i].good);
		if (!rows[i].good)
			continue;
		ck_assert_int_eq(r.p, rows[i].p);
		ck_assert_int_eq(r.sp, rows[i].sp);
		ck_assert_int_eq(r.strict_dkim, rows[i].strict_dkim);
		ck_assert_int_eq(r.strict_spf, rows[i].strict_spf);
		dmarc_advise(&r, &advice);
		ck_assert_ptr_nonnull(strstr(buf_cstr(&advice), rows[i].advice));
		ck_assert_int_eq(rows[i].advice[0] == '\0', advice.n == 0);
		buf_free(&advice);
	}
}
END_TEST

START_TEST(walks)
{
	static const char zone[] = "_dmarc.a.test TXT v=DMARC1; p=reject; sp=none\n"
				   "_dmarc.x.a.test TXT v=DMARC1; p=none\n"
				   "_dmarc.co.psd TXT v=DMARC1; p=none; psd=y\n"
				   "_dmarc.b.co.psd TXT v=DMARC1; p=reject\n"
				   "_dmarc.own.a.test TXT v=DMARC1; p=none; psd=n\n"
				   "_dmarc.two.test TXT v=DMARC1; p=none\n"
				   "_dmarc.two.test TXT v=DMARC1; p=none\n"
				   "_dmarc.bad.test TXT !servfail\n";
	static const struct {
		const char *domain, *at, *organisation; /* at NULL: none */
		bool failed;
	} rows[] = {
		{ "a.test", "a.test", "a.test", false },
		{ "y.a.test", "a.test", "a.test", false },
		{ "x.a.test", "x.a.test", "a.test", false },
		/* A record between the domain and its organisation does not count. */
		{ "z.x.a.test", "a.test", "a.test", false },
		{ "m.own.a.test", "own.a.test", "own.a.test", false },
		{ "c.b.co.psd", "b.co.psd", "b.co.psd", false },
		{ "m.d.co.psd", "co.psd", "d.co.psd", false },
		{ "n.test", NULL, "n.test", false },
		{ "two.test", NULL, "two.test", false },
		{ "bad.test", NULL, "bad.test", true },
		{ "1.2.3.4.5.6.7.8.9.10.a.test", "a.test", "a.test", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dns_book *book = dns_book_new();
		struct dmarc_walk w;

		do
			dmarc_find(book, span_cstr(rows[i].domain), &w);
		while (unit_dns_answer(book, zone));
		ck_assert(!w.pending);
		ck_assert_msg(w.found == (rows[i].at != NULL), "%s", rows[i].domain);
		if (w.found)
			ck_assert_msg(
			    span_eq(w.at, span_cstr(rows[i].at)), "%s", rows[i].domain);
		ck_assert_msg(span_eq(w.organisation, span_cstr(rows[i].organisation)), "%s",
		    rows[i].domain);
		ck_assert_int_eq(w.failed, rows[i].failed);
		dns_book_free(&book);
	}
}
END_TEST

START_TEST(aligns)
{
	struct span a = SPAN("a.test"), b = SPAN("b.a.test"), c = SPAN("c.test");

	ck_assert(dmarc_aligned(a, a, true, a, a));
	ck_assert(dmarc_aligned(a, b, false, a, a));
	ck_assert(!dmarc_aligned(a, b, true, a, a));
	ck_assert(!dmarc_aligned(a, c, false, a, c));
}
END_TEST

START_TEST(receivers)
{
	struct span rest = SPAN("mailto:a@x.test, https://y.test/, MAILTO:b@z.test!10m"),
		    domain;

	ck_assert(dmarc_next_rua(&rest, &domain) && span_eq(domain, SPAN("x.test")));
	ck_assert(dmarc_next_rua(&rest, &domain) && span_eq(domain, SPAN("z.test")));
	ck_assert(!dmarc_next_rua(&rest, &domain));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_dmarc");
	TCase *tests = tcase_create("dns_dmarc");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, tags);
	tcase_add_test(tests, records);
	tcase_add_test(tests, walks);
	tcase_add_test(tests, aligns);
	tcase_add_test(tests, receivers);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
