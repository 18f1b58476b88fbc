/* test_providers - hosts and domains to groups; the shipped file; files with mistakes. */
#include <check.h>
#include <stdlib.h>

#include "providers.h"

#define SHIPPED "etc/providers.conf"

static struct providers *must_read(void)
{
	struct providers *p = NULL;
	char error[256];

	ck_assert_msg(providers_read(SHIPPED, &p, error, sizeof error) == ERR_OK, "%s", error);
	ck_assert_uint_gt(providers_count(p), 150);
	return p;
}

START_TEST(groups)
{
	static const struct {
		const char *hosts[4], *group;
	} table[] = {
		{ { "gmail-smtp-in.l.google.com" }, "google" },
		{ { "aspmx.l.google.com", "alt1.aspmx.l.google.com", "aspmx2.googlemail.com" },
		    "google" },
		{ { "google.com" }, "google" },
		{ { "notgoogle.com" }, "site:notgoogle.com" },
		{ { "google.com.example.net" }, "site:google.com.example.net" },
		/* The longest name counts, not the first. */
		{ { "hotmail-com.olc.protection.outlook.com" }, "microsoft_consumer" },
		{ { "acme-example.mail.protection.outlook.com" }, "microsoft365" },
		{ { "x.protection.outlook.com" }, "site:x.protection.outlook.com" },
		/* All of them, or none. */
		{ { "mx1.acme.example", "aspmx.l.google.com" },
		    "site:aspmx.l.google.com,mx#.acme.example" },
		{ { "aspmx.l.google.com", "mta5.am0.yahoodns.net" },
		    "site:aspmx.l.google.com,mta#.am#.yahoodns.net" },
		/* Sites differ in more than numbers and order. */
		{ { "mx2.acme.example", "mx1.acme.example" }, "site:mx#.acme.example" },
		{ { "b10.acme.example", "a7.acme.example", "b2.acme.example" },
		    "site:a#.acme.example,b##.acme.example,b#.acme.example" },
		{ { NULL }, "" },
	};
	struct providers *p = must_read();

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct buf out = BUF_INIT(1024);
		struct span hosts[4];
		size_t n = 0;

		for (; n < 4 && table[i].hosts[n] != NULL; n++)
			hosts[n] = span_cstr(table[i].hosts[n]);
		providers_of_hosts(p, hosts, n, &out);
		ck_assert_msg(strcmp(buf_cstr(&out), table[i].group) == 0, "case %zu: %s", i,
		    buf_cstr(&out));
		buf_free(&out);
	}
	providers_free(&p);
	providers_free(&p);
}
END_TEST

START_TEST(domains)
{
	static const char *const table[][2] = { { "gmail.com", "google" },
		{ "aol.com", "yahoo" }, { "web.de", "united_internet" }, { "me.com", "apple" },
		{ "sub.gmail.com", NULL }, { "acme.example", NULL }, { "", NULL } };
	struct providers *p = must_read();

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *group = providers_of_domain(p, span_cstr(table[i][0]));

		ck_assert_msg((group == NULL) == (table[i][1] == NULL), "case %zu", i);
		if (group != NULL)
			ck_assert_str_eq(group, table[i][1]);
	}
	providers_free(&p);
}
END_TEST

/* Hosts beyond the bound are not looked at; what is written stays within its own. */
START_TEST(bounds)
{
	struct providers *p = must_read();
	struct span hosts[PROVIDERS_HOSTS_MAX + 1];
	static char names[PROVIDERS_HOSTS_MAX + 1][64];

	for (size_t i = 0; i < PROVIDERS_HOSTS_MAX; i++)
		hosts[i] = SPAN("aspmx.l.google.com");
	hosts[PROVIDERS_HOSTS_MAX] = SPAN("mx.acme.example");
	for (size_t n = PROVIDERS_HOSTS_MAX; n <= PROVIDERS_HOSTS_MAX + 1; n++) {
		struct buf out = BUF_INIT(1024);

		providers_of_hosts(p, hosts, n, &out);
		ck_assert_str_eq(buf_cstr(&out), "google");
		buf_free(&out);
	}
	for (size_t i = 0; i < PROVIDERS_HOSTS_MAX; i++) {
		struct buf out = BUF_INIT(1024);

		snprintf(names[i], sizeof names[i], "%c%c.a-rather-long-name.acme.example",
		    (char)('a' + i / 26), (char)('a' + i % 26));
		hosts[i] = span_cstr(names[i]);
		providers_of_hosts(p, hosts, i + 1, &out);
		ck_assert_uint_le(out.n, PROVIDERS_SITE_MAX);
		ck_assert(out.n > 0 && out.p[out.n - 1] == 'e');
		buf_free(&out);
	}
	providers_free(&p);
}
END_TEST

START_TEST(mistakes)
{
	static const struct {
		const char *text, *error; /* error NULL: none */
		enum err e;
	} table[] = {
		{ "", NULL, ERR_OK },
		{ "# x\n\n \t# y\r\n", NULL, ERR_OK },
		{ "a mx A.Example. # c\na domain b.example#c", NULL, ERR_OK },
		{ "a mx b.example\na", "f:2: expected \"mx\" or \"domain\" after the group",
		    ERR_SYNTAX },
		{ "a max b.example",
		    "f:1: expected \"mx\" or \"domain\" after the group \"max\"", ERR_SYNTAX },
		{ "a mx", "f:1: no names", ERR_SYNTAX },
		{ "a mx # b.example", "f:1: no names", ERR_SYNTAX },
		{ "a mx b.example c_d.example", "f:1: not a domain name: \"c_d.example\"",
		    ERR_SYNTAX },
		{ "a.b mx c.example", "f:1: not a name of a group: \"a.b\"", ERR_SYNTAX },
		{ "a mx b.example\n\nc mx B.example",
		    "f:3: stands in the file twice: \"B.example\"", ERR_EXISTS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct providers *p = NULL;
		char error[256] = "";
		enum err e =
		    providers_parse(span_cstr(table[i].text), "f", &p, error, sizeof error);

		ck_assert_msg(e == table[i].e, "case %zu: %s", i, error);
		ck_assert((p != NULL) == (e == ERR_OK));
		if (table[i].error != NULL)
			ck_assert_str_eq(error, table[i].error);
		providers_free(&p);
	}
}
END_TEST

START_TEST(files)
{
	struct providers *p = NULL;
	char error[256];

	ck_assert_int_eq(
	    providers_read("/nonexistent/x", &p, error, sizeof error), ERR_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(error, "/nonexistent/x: "));
	ck_assert_int_eq(providers_read("/dev/zero", &p, error, sizeof error), ERR_TOOBIG);
	ck_assert_ptr_null(p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("providers");
	TCase *cases = tcase_create("providers");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, groups);
	tcase_add_test(cases, domains);
	tcase_add_test(cases, bounds);
	tcase_add_test(cases, mistakes);
	tcase_add_test(cases, files);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
