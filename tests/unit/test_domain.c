/* test_domain - one spelling for each domain, and none for what is not a domain. */
#include <check.h>

#include "domain.h"

START_TEST(canonical)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} table[] = {
		{ "acme.example", "acme.example" },
		{ "ACME.Example", "acme.example" },
		{ "acme.example.", "acme.example" },
		{ "a-b.c--d.example", "a-b.c--d.example" },
		{ "123.example", "123.example" },
		{ "b\xc3\xbc"
		  "cher.example",
		    "xn--bcher-kva.example" },
		{ "B\xc3\x9c"
		  "CHER.example",
		    "xn--bcher-kva.example" },
		/* u and a combining diaeresis: the same name, not yet composed */
		{ "bu\xcc\x88"
		  "cher.example",
		    "xn--bcher-kva.example" },
		{ "XN--BCHER-KVA.example.", "xn--bcher-kva.example" },
		/* not transitional: sharp s stays itself */
		{ "stra\xc3\x9f"
		  "e.example",
		    "xn--strae-oqa.example" },
		/* full-width letters and dot */
		{ "\xef\xbd\x81"
		  "cme.example",
		    "acme.example" },
		{ "acme\xe3\x80\x82"
		  "example",
		    "acme.example" },
		{ "acme.example..", NULL },
		{ "acme.example\xe3\x80\x82", NULL },
		{ ".acme.example", NULL },
		{ "acme..example", NULL },
		{ "-acme.example", NULL },
		{ "acme-.example", NULL },
		{ "ac_me.example", NULL },
		{ "ac me.example", NULL },
		{ "acme.example ", NULL },
		{ "*.example", NULL },
		{ "example", NULL },
		{ "localhost.", NULL },
		{ "", NULL },
		{ ".", NULL },
		{ "[192.0.2.1]", NULL },
		{ "192.0.2.1", NULL },
		{ "a.example\n", NULL },
		{ "a\xff.example", NULL },
		{ "a@b.example", NULL },
		/* labels that look encoded but are no encoding, or not the shortest one */
		{ "xn--a.example", NULL },
		{ "xn--acme-.example", NULL },
		{ "xn---.example", NULL },
		{ "xn--bcher-kvA\xc3\xbc.example", NULL },
		/* zero width joiner where no script asks for it */
		{ "ac\xe2\x80\x8dme.example", NULL },
	};
	char out[DOMAIN_MAX], again[DOMAIN_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		enum err e = domain_canonical(span_cstr(table[i].in), out);

		ck_assert_msg((e == ERR_OK) == (table[i].out != NULL), "case %zu: %s, \"%s\"",
		    i, err_text(e), out);
		if (e != ERR_OK)
			continue;
		ck_assert_str_eq(out, table[i].out);
		ck_assert_int_eq(domain_canonical(span_cstr(out), again), ERR_OK);
		ck_assert_str_eq(out, again);
	}
	ck_assert_int_eq(domain_canonical(SPAN("a\0b.example"), out), ERR_SYNTAX);
}
END_TEST

START_TEST(lengths)
{
	char name[2000], out[DOMAIN_MAX];

	memset(name, 'a', sizeof name);
	for (size_t i = 63; i < sizeof name; i += 64)
		name[i] = '.';
	ck_assert_int_eq(domain_canonical(span_make(name, 253), out), ERR_OK);
	ck_assert_int_ne(domain_canonical(span_make(name, 254), out), ERR_OK);
	ck_assert_int_ne(domain_canonical(span_make(name, 2000), out), ERR_OK);
	name[63] = 'a'; /* a label of 127 */
	ck_assert_int_ne(domain_canonical(span_make(name, 200), out), ERR_OK);
}
END_TEST

START_TEST(within)
{
	ck_assert(domain_is_within(SPAN("a.example"), SPAN("a.example")));
	ck_assert(domain_is_within(SPAN("b.a.example"), SPAN("a.example")));
	ck_assert(!domain_is_within(SPAN("ba.example"), SPAN("a.example")));
	ck_assert(!domain_is_within(SPAN("a.example"), SPAN("b.a.example")));
	ck_assert(!domain_is_within(SPAN("a.example"), SPAN("")));
	ck_assert(!domain_is_within(SPAN("a."), SPAN("")));
}
END_TEST

START_TEST(selectors)
{
	static const struct {
		const char *in;
		bool ok;
	} table[] = {
		{ "pm202611r", true },
		{ "a.b", true },
		{ "s_1-x", true },
		{ "", false },
		{ ".", false },
		{ "a.", false },
		{ ".a", false },
		{ "a..b", false },
		{ "a/b", false },
		{ "..", false },
		{ "a b", false },
		{ "\xc3\xbc", false },
		{ "0123456789012345678901234567890123456789012345678901234567890123", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		ck_assert_msg(
		    domain_selector_ok(span_cstr(table[i].in)) == table[i].ok, "case %zu", i);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("domain");
	TCase *cases = tcase_create("domain");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, canonical);
	tcase_add_test(cases, lengths);
	tcase_add_test(cases, within);
	tcase_add_test(cases, selectors);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
