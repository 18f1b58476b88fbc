/* test_author - tenants and the names they may send under: every tenant with every form of From. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "author.h"

static const char provider[] = "tenants = \"tenants.d\";\n"
			       "plans = ( { name = \"p\"; recipients = \"1/day\"; } );\n";

static const char *const tenants[] = { "acme", "beta", "gamma" };

static const char *const texts[] = {
	"tenant = \"acme\"; plan = \"p\"; logins = [\"acme\"];\n"
	"domains = ( { name = \"acme.example\"; }, { name = \"wide.example\"; subdomains = "
	"true; },"
	" { name = \"m\xc3\xbcnchen.example\"; } );\n"
	"streams = ( { name = \"all\"; }, { name = \"few\"; domains = [\"acme.example\","
	" \"wide.example\"]; } );\n",
	"tenant = \"beta\"; plan = \"p\"; logins = [\"beta\"];\n"
	"domains = ( { name = \"beta.example\"; subdomains = true; } );\nreply_to = \"own\";\n",
	"tenant = \"gamma\"; plan = \"p\"; logins = [\"gamma\"];\n"
	"domains = ( { name = \"gamma.example\"; } );\nreply_to = \"any\";\n",
};

struct form {
	const char *from;        /* value of From; fields behind it after "|" as Name:value */
	const char *owner;       /* the only tenant that may send it; NULL: nobody */
	enum author_fault fault; /* for the owner's rivals, or for all */
};

#define FOREIGN AUTHOR_FROM_FOREIGN
#define SYNTAX  AUTHOR_FROM_SYNTAX
#define SEVERAL AUTHOR_FROM_SEVERAL

static const struct form forms[] = {
	/* plain */
	{ " a@acme.example", "acme", FOREIGN },
	{ "a@acme.example", "acme", FOREIGN },
	{ " A <a@acme.example>", "acme", FOREIGN },
	{ " <a@acme.example>", "acme", FOREIGN },
	{ "\n a@acme.example", "acme", FOREIGN },
	{ " a@beta.example", "beta", FOREIGN },
	{ " a@gamma.example", "gamma", FOREIGN },
	{ " a@bank.example", NULL, FOREIGN },
	{ " a@localhost", NULL, FOREIGN },
	/* case */
	{ " a@ACME.EXAMPLE", "acme", FOREIGN },
	{ " A@Acme.Example", "acme", FOREIGN },
	/* subdomains: only where the tenant has them */
	{ " a@sub.acme.example", NULL, FOREIGN },
	{ " a@sub.wide.example", "acme", FOREIGN },
	{ " a@x.y.z.wide.example", "acme", FOREIGN },
	{ " a@sub.beta.example", "beta", FOREIGN },
	{ " a@notbeta.example", NULL, FOREIGN },
	{ " a@evilbeta.example", NULL, FOREIGN },
	{ " a@beta.example.bank.example", NULL, FOREIGN },
	{ " a@example", NULL, FOREIGN },
	/* dots */
	{ " a@acme.example.", NULL, SYNTAX },
	{ " a@acme..example", NULL, SYNTAX },
	{ " a@.acme.example", NULL, SYNTAX },
	/* IDN, both forms */
	{ " a@m\xc3\xbcnchen.example", "acme", FOREIGN },
	{ " a@xn--mnchen-3ya.example", "acme", FOREIGN },
	{ " a@XN--MNCHEN-3YA.example", "acme", FOREIGN },
	{ " a@M\xc3\x9cNCHEN.example", "acme", FOREIGN },
	{ " a@munchen.example", NULL, FOREIGN },
	{ " a@mu\xcc\x88nchen.example", "acme", FOREIGN }, /* decomposed: the same name */
	{ " a@\xd0\xb0"
	  "cme.example",
	    NULL, FOREIGN }, /* a Cyrillic a */
	{ " a@\xef\xbd\x81"
	  "cme.example",
	    "acme", FOREIGN }, /* full-width a: mapped by UTS 46 */
	{ " a@acme\xe3\x80\x82"
	  "example",
	    "acme", FOREIGN }, /* ideographic full stop */
	{ " a@acme\xe2\x80\x8b.example", "acme",
	    FOREIGN }, /* zero width space: dropped by UTS 46 */
	/* display names that look like addresses */
	{ " \"a@acme.example\" <x@bank.example>", NULL, FOREIGN },
	{ " \"a@bank.example\" <x@acme.example>", "acme", FOREIGN },
	{ " a@acme.example <x@bank.example>", NULL, SYNTAX },
	{ " a@bank.example <x@acme.example>", NULL, SYNTAX },
	{ " \"<a@acme.example>\" <x@bank.example>", NULL, SYNTAX },
	{ " \"<a@bank.example>\" <x@acme.example>", NULL, SYNTAX },
	{ " <a@acme.example> <x@bank.example>", NULL, SYNTAX },
	{ " =?utf-8?q?a=40bank.example?= <x@acme.example>", "acme", FOREIGN },
	{ " =?utf-8?b?YUBiYW5rLmV4YW1wbGUNCg==?= <x@acme.example>", "acme", FOREIGN },
	{ " =?utf-8?q?=3Ca=40acme.example=3E?= <x@bank.example>", NULL, FOREIGN },
	{ " =?utf-8?q?a?=@acme.example", NULL, SYNTAX },
	/* comments */
	{ " (a@bank.example) a@acme.example", "acme", FOREIGN },
	{ " a@acme.example (a@bank.example)", "acme", FOREIGN },
	{ " (a@acme.example) a@bank.example", NULL, FOREIGN },
	{ " a@acme.example (<a@bank.example>)", NULL, SYNTAX },
	{ " a@(acme.example)bank.example", NULL, SYNTAX },
	{ " a@acme.example(.bank.example)", "acme", FOREIGN },
	{ " a(@bank.example)@acme.example", NULL, SYNTAX },
	/* quoted local parts */
	{ " \"a\"@acme.example", "acme", FOREIGN },
	{ " \"a b\"@acme.example", "acme", FOREIGN },
	{ " \"a@bank.example\"@acme.example", NULL, SYNTAX },
	{ " \"a@acme.example\"@bank.example", NULL, SYNTAX },
	{ " \"a\\\"@bank.example\"@acme.example", NULL, SYNTAX },
	/* routes, literals, bangs, percents */
	{ " <@acme.example:a@bank.example>", NULL, SYNTAX },
	{ " <@bank.example:a@acme.example>", NULL, SYNTAX },
	{ " a@[192.0.2.1]", NULL, SYNTAX },
	{ " bank.example!a@acme.example", "acme", FOREIGN },
	{ " a%bank.example@acme.example", "acme", FOREIGN },
	{ " a%acme.example@bank.example", NULL, FOREIGN },
	{ " a@bank.example@acme.example", NULL, SYNTAX },
	/* several, groups */
	{ " a@acme.example, b@acme.example", NULL, SEVERAL },
	{ " a@acme.example, b@bank.example", NULL, SEVERAL },
	{ " us: a@acme.example;", NULL, SEVERAL },
	{ " us:;", NULL, SEVERAL },
	{ " a@acme.example, us:;", NULL, SEVERAL },
	/* nothing, or not readable */
	{ "", NULL, SYNTAX },
	{ " ", NULL, SYNTAX },
	{ " A", NULL, SYNTAX },
	{ " <>", NULL, SYNTAX },
	{ " a@acme.example\n b@bank.example", NULL, SYNTAX },
	{ " \xff <a@acme.example>", NULL, SYNTAX },
	{ " a@acme.exam\xffple", NULL, SYNTAX },
	{ " a@acme.example|From: a@acme.example", NULL, AUTHOR_FROM_TWICE },
	{ " a@acme.example|FROM: a@bank.example", NULL, AUTHOR_FROM_TWICE },
	{ " a@acme.example|From : a@acme.example", NULL, AUTHOR_FROM_TWICE },
	/* the other names; the fault is the rivals' */
	{ " a@acme.example|Sender: b@acme.example", "acme", FOREIGN },
	{ " a@acme.example|Resent-From: b@acme.example, c@wide.example", "acme", FOREIGN },
	{ " a@beta.example|Reply-To: b@beta.example", "beta", FOREIGN },
	{ " a@gamma.example|Reply-To: b@bank.example", "gamma", FOREIGN },
	{ " a@gamma.example|Reply-To: not readable at all", "gamma", FOREIGN },
	{ " a@acme.example|Reply-To: b@bank.example", "acme", FOREIGN },
};

/* What is wrong with a mail whose From is the tenant's own. */
static const struct {
	const char *tenant, *from;
	enum author_fault fault;
} rest[] = {
	{ "acme", " a@acme.example|Sender: b@bank.example", AUTHOR_SENDER_FOREIGN },
	{ "acme", " a@acme.example|Sender: b@beta.example", AUTHOR_SENDER_FOREIGN },
	{ "acme", " a@acme.example|Sender: b@sub.acme.example", AUTHOR_SENDER_FOREIGN },
	{ "acme", " a@acme.example|Sender: b@acme.example|sender: c@bank.example",
	    AUTHOR_SENDER_FOREIGN },
	{ "acme", " a@acme.example|Sender: b", AUTHOR_SENDER_SYNTAX },
	{ "acme", " a@acme.example|Sender: b@acme.example, c@acme.example",
	    AUTHOR_SENDER_SYNTAX },
	{ "acme", " a@acme.example|Resent-From: b@bank.example", AUTHOR_RESENT_FOREIGN },
	{ "acme", " a@acme.example|Resent-From: b@acme.example, c@bank.example",
	    AUTHOR_RESENT_FOREIGN },
	{ "acme", " a@acme.example|Resent-From: b@acme.example|Resent-From: c@bank.example",
	    AUTHOR_RESENT_FOREIGN },
	{ "acme", " a@acme.example|Resent-From: ?@", AUTHOR_RESENT_SYNTAX },
	{ "acme", " a@acme.example|Resent-Sender: b@bank.example", AUTHOR_RESENT_FOREIGN },
	{ "beta", " a@beta.example|Reply-To: b@bank.example", AUTHOR_REPLY_TO_FOREIGN },
	{ "beta", " a@beta.example|Reply-To: a@beta.example, b@bank.example",
	    AUTHOR_REPLY_TO_FOREIGN },
	{ "beta", " a@beta.example|Reply-To: g: a@bank.example;", AUTHOR_REPLY_TO_FOREIGN },
	{ "beta", " a@beta.example|Reply-To: a@beta.example|Reply-To: b@bank.example",
	    AUTHOR_REPLY_TO_FOREIGN },
	{ "beta", " a@beta.example|Reply-To: b", AUTHOR_REPLY_TO_SYNTAX },
};

static struct snapshot *snapshot;

static void write_file(int directory, const char *name, const char *text)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(text);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
	close(fd);
}

static void load(void)
{
	struct config_report report = { .text = BUF_INIT(65536) };
	char directory[] = "/tmp/penguin-author-XXXXXX", file[64], name[16];
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	write_file(fd, "p.conf", provider);
	ck_assert_int_eq(mkdirat(fd, "tenants.d", 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		snprintf(file, sizeof file, "tenants.d/%s.conf", tenants[i]);
		write_file(fd, file, texts[i]);
	}
	snprintf(file, sizeof file, "%s/p.conf", directory);
	ck_assert_msg(snapshot_load(file, NULL, &report, &snapshot) == ERR_OK, "%s",
	    buf_cstr(&report.text));
	ck_assert_msg(report.errors == 0, "%s", buf_cstr(&report.text));
	buf_free(&report.text);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		snprintf(name, sizeof name, "%s.conf", tenants[i]);
		snprintf(file, sizeof file, "tenants.d/%s", name);
		unlinkat(fd, file, 0);
	}
	unlinkat(fd, "tenants.d", AT_REMOVEDIR);
	unlinkat(fd, "p.conf", 0);
	close(fd);
	rmdir(directory);
}

static void unload(void)
{
	snapshot_unref(&snapshot);
}

/* fields: the value of From, then "|Name:value"... */
static struct message *compose(const char *fields)
{
	struct message *m = message_new(SPAN(""), SPAN(""), SPAN(""));
	struct span rest_of = span_cstr(fields), piece;
	struct span from = span_head(rest_of, span_find(rest_of, '|', 0));

	ck_assert_ptr_nonnull(m);
	message_add_header(m, SPAN("Subject"), SPAN(" From: a@acme.example"));
	message_add_header(m, SPAN("From"), from);
	rest_of = span_from(rest_of, from.n + 1);
	while (span_next(&rest_of, '|', &piece)) {
		size_t colon = span_find(piece, ':', 0);

		message_add_header(m, span_head(piece, colon), span_from(piece, colon + 1));
	}
	ck_assert_int_eq(m->fault, MESSAGE_FINE);
	return m;
}

static struct author ask(const char *tenant, const char *stream, const char *fields)
{
	size_t index = snapshot_find_tenant(snapshot, span_cstr(tenant));
	const struct tenant *t = snapshot_tenant(snapshot, index);
	const struct stream *s = &t->streams[0];
	struct message *m = compose(fields);
	struct author author;

	for (size_t i = 0; i < t->stream_count; i++)
		if (strcmp(t->streams[i].name, stream) == 0)
			s = &t->streams[i];
	author_check(snapshot, index, s, m, &author);
	message_free(&m);
	return author;
}

_Static_assert(ARRAY_SIZE(forms) * ARRAY_SIZE(tenants) >= 200, "combinations");

START_TEST(every_tenant_every_form)
{
	const struct form *f = &forms[_i];
	unsigned allowed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tenants); i++) {
		struct author a = ask(tenants[i], "", f->from);
		bool own = f->owner != NULL && strcmp(f->owner, tenants[i]) == 0;

		ck_assert_msg(a.fault == (own ? AUTHOR_FINE : f->fault), "%s: %s: fault %d",
		    tenants[i], f->from, (int)a.fault);
		if (own)
			ck_assert_uint_eq(
			    snapshot_find_domain(snapshot, span_cstr(a.from), NULL), i);
		allowed += own;
	}
	ck_assert_uint_eq(allowed, f->owner != NULL);
}
END_TEST

START_TEST(other_fields)
{
	ck_assert_int_eq(ask(rest[_i].tenant, "", rest[_i].from).fault, rest[_i].fault);
}
END_TEST

START_TEST(stream_domains)
{
	ck_assert_int_eq(ask("acme", "few", " a@acme.example").fault, AUTHOR_FINE);
	ck_assert_int_eq(ask("acme", "few", " a@sub.wide.example").fault, AUTHOR_FINE);
	ck_assert_int_eq(
	    ask("acme", "few", " a@xn--mnchen-3ya.example").fault, AUTHOR_FROM_STREAM);
	ck_assert_int_eq(ask("acme", "few", " a@bank.example").fault, AUTHOR_FROM_FOREIGN);
	ck_assert_int_eq(ask("acme", "all", " a@xn--mnchen-3ya.example").fault, AUTHOR_FINE);
}
END_TEST

START_TEST(foreign_domain_is_named)
{
	struct author a = ask("acme", "", " a@Bank.Example");

	ck_assert_str_eq(a.foreign, "bank.example");
	a = ask("acme", "", " a@acme.example|Sender: b@bank.example");
	ck_assert_str_eq(a.foreign, "bank.example");
	/* reply_to = warn, the default: fine, but named for the log */
	a = ask("acme", "", " a@acme.example|Reply-To: x@bank.example");
	ck_assert_int_eq(a.fault, AUTHOR_FINE);
	ck_assert_str_eq(a.foreign, "bank.example");
	a = ask("gamma", "", " a@gamma.example|Reply-To: x@bank.example");
	ck_assert_str_eq(a.foreign, "");
}
END_TEST

START_TEST(no_from_at_all)
{
	struct message *m = message_new(SPAN(""), SPAN(""), SPAN(""));
	char domain[DOMAIN_MAX];
	struct author a;

	message_add_header(m, SPAN("X-From"), SPAN(" a@acme.example"));
	author_check(snapshot, 0, &snapshot_tenant(snapshot, 0)->streams[0], m, &a);
	ck_assert_int_eq(a.fault, AUTHOR_FROM_MISSING);
	ck_assert(!author_from_domain(m, domain));
	message_free(&m);
	m = compose(" <X@Host.Example>");
	ck_assert(author_from_domain(m, domain));
	ck_assert_str_eq(domain, "host.example");
	message_free(&m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("author");
	TCase *all = tcase_create("author");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_unchecked_fixture(all, load, unload);
	tcase_add_loop_test(all, every_tenant_every_form, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(all, other_fields, 0, ARRAY_SIZE(rest));
	tcase_add_test(all, stream_domains);
	tcase_add_test(all, foreign_domain_is_named);
	tcase_add_test(all, no_from_at_all);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
