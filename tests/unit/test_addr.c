/* test_addr - splitting and the canonical form. */
#include <check.h>

#include "addr.h"

START_TEST(canonical)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} table[] = {
		{ "a@acme.example", "a@acme.example" },
		{ "A.b+c@ACME.Example.", "A.b+c@acme.example" },
		{ "\"a\"@acme.example", "a@acme.example" },
		{ "\"a\\b\"@acme.example", "ab@acme.example" },
		{ "\"a b\"@acme.example", "\"a b\"@acme.example" },
		{ "a b@acme.example", "\"a b\"@acme.example" },
		{ "\"a@b\"@acme.example", "\"a@b\"@acme.example" },
		{ "a@b@acme.example", "\"a@b\"@acme.example" },
		{ "\"a\\\"b\"@acme.example", "\"a\\\"b\"@acme.example" },
		{ "\"\"@acme.example", "\"\"@acme.example" },
		{ "a..b@acme.example", "\"a..b\"@acme.example" },
		{ "a.@acme.example", "\"a.\"@acme.example" },
		{ "j\xc3\xbc@b\xc3\xbc"
		  "cher.example",
		    "j\xc3\xbc@xn--bcher-kva.example" },
		{ "", NULL },
		{ "a", NULL },
		{ "@", NULL },
		{ "a@", NULL },
		{ "@acme.example", NULL },
		{ "\"a@acme.example", NULL },
		{ "\"a\"b@acme.example", NULL },
		{ "\"a\".\"b\"@acme.example", NULL },
		{ "\"a\\\"@acme.example", NULL },
		{ "a\n@acme.example", NULL },
		{ "a@acme.example\n", NULL },
		{ "a\x7f@acme.example", NULL },
		{ "a\xff@acme.example", NULL },
		{ "a\xc0\x80@acme.example", NULL }, /* overlong NUL */
		{ "a\xed\xa0\x80@acme.example", NULL },
		{ "a\xe2\x82@acme.example", NULL },
		{ "a@acme.example b", NULL },
		{ "a@[192.0.2.1]", NULL },
		{ "a@localhost", NULL },
	};
	char out[ADDR_MAX], again[ADDR_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		enum err e = addr_canonical(span_cstr(table[i].in), out);

		ck_assert_msg((e == ERR_OK) == (table[i].out != NULL), "case %zu: %s, \"%s\"",
		    i, err_text(e), out);
		if (e != ERR_OK)
			continue;
		ck_assert_str_eq(out, table[i].out);
		ck_assert_int_eq(addr_canonical(span_cstr(out), again), ERR_OK);
		ck_assert_str_eq(out, again);
	}
	ck_assert_int_eq(addr_canonical(SPAN("a\0b@acme.example"), out), ERR_SYNTAX);
}
END_TEST

START_TEST(split)
{
	static const struct {
		const char *in, *local, *domain;
	} table[] = {
		{ "a@b", "a", "b" },
		{ "a@b@c", "a@b", "c" },
		{ "\"a@b\"@c", "\"a@b\"", "c" },
		{ "a@[192.0.2.1]", "a", "[192.0.2.1]" },
		{ "a%b!c@d", "a%b!c", "d" },
	};
	struct addr a;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		ck_assert_int_eq(addr_split(span_cstr(table[i].in), &a), ERR_OK);
		ck_assert(span_eq(a.local, span_cstr(table[i].local)));
		ck_assert(span_eq(a.domain, span_cstr(table[i].domain)));
	}
}
END_TEST

START_TEST(lengths)
{
	char text[12000], out[ADDR_MAX];
	struct addr a;

	memset(text, 'a', sizeof text);
	text[64] = '@';
	ck_assert_int_eq(addr_split(span_make(text, 70), &a), ERR_OK);
	ck_assert_int_eq(addr_split(span_make(text, 65 + 254), &a), ERR_OK);
	ck_assert_int_eq(addr_split(span_make(text, 65 + 256), &a), ERR_TOOBIG);
	ck_assert_int_eq(addr_split(span_make(text, sizeof text), &a), ERR_TOOBIG);
	text[64] = 'a';
	text[65] = '@';
	ck_assert_int_eq(addr_split(span_make(text, 70), &a), ERR_TOOBIG);
	/* 64 octets that need twice as many to be quoted */
	memset(text, '\\', 64);
	memcpy(text + 64, "@acme.example", 13);
	ck_assert_int_eq(addr_canonical(span_make(text, 77), out), ERR_TOOBIG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("addr");
	TCase *cases = tcase_create("addr");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, canonical);
	tcase_add_test(cases, split);
	tcase_add_test(cases, lengths);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
