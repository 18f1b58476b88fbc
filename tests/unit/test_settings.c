/* test_settings - files in a directory of their own, loaded, asked, changed and loaded again. */
#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "settings.h"

#define PLANS "plans = ( { name = \"p\"; recipients = \"500/h\"; } );\n"

#define SOURCES                                                                                \
	"sources = ( { name = \"a\"; address4 = \"192.0.2.1\"; helo = \"a.example\"; },\n"     \
	"{ name = \"b\"; relay = \"[r]:587\"; }, { name = \"m\"; relay = \"r\"; mailbox = "    \
	"\"m@t.example\"; } );\n"
#define WAYS                                                                                   \
	SOURCES                                                                                \
	"pools = (\n"                                                                          \
	"{ name = \"two\"; sources = [\"a\", \"b\"]; limit = [\"10/h\", \"90/d\"]; gap = "     \
	"\"5s\"; capacity = \"150/day\"; },\n"                                                 \
	"{ name = \"boxes\"; strategy = \"weighted\"; members = (\n"                           \
	"{ source = \"m\"; weight = \"0.25\"; }, { source = \"a\"; weight = \"9.99\"; "        \
	"gap = \"1m\"; limit = \"7/month\"; }, { source = \"b\"; weight = \"0\"; } ); } "      \
	");\n"                                                                                 \
	"pool_rules = ( { class = \"transactional\"; region = \"eu\";\n"                       \
	"pool = \"two\"; }\n);\n"

/* One provider's file and its tenants, in a directory that goes away. */
struct fixture {
	char directory[64], provider[96];
	struct config_report report;
};

static void put(const struct fixture *f, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", f->directory, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void set_up(struct fixture *f, const char *provider)
{
	char path[128];

	*f = (struct fixture){ .directory = "/tmp/test-settings-XXXXXX" };
	buf_init(&f->report.text, 1024 * 1024);
	ck_assert_ptr_nonnull(mkdtemp(f->directory));
	snprintf(path, sizeof path, "%s/tenants.d", f->directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(f->provider, sizeof f->provider, "%s/p.conf", f->directory);
	put(f, "p.conf", provider);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void tear_down(struct fixture *f)
{
	nftw(f->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	buf_free(&f->report.text);
}

static struct snapshot *load(struct fixture *f, const struct snapshot *previous)
{
	struct snapshot *s = NULL;
	enum err e;

	buf_reset(&f->report.text);
	f->report.errors = f->report.warnings = 0;
	e = snapshot_load(f->provider, previous, &f->report, &s);
	ck_assert((s != NULL) == (e == ERR_OK));
	return s;
}

/* The report without the name of the directory. */
static const char *report(struct fixture *f)
{
	static char out[65536];
	const char *p = buf_cstr(&f->report.text), *hit;
	size_t n = 0, length = strlen(f->directory) + 1;

	while ((hit = strstr(p, f->directory)) != NULL) {
		memcpy(out + n, p, (size_t)(hit - p));
		n += (size_t)(hit - p);
		p = hit + length;
	}
	memcpy(out + n, p, strlen(p) + 1);
	return out;
}

static size_t login(const struct snapshot *s, const char *name)
{
	return snapshot_find_login(s, span_cstr(name));
}

static size_t client(const struct snapshot *s, const char *address)
{
	return snapshot_find_client(s, span_cstr(address));
}

static size_t domain(const struct snapshot *s, const char *name)
{
	return snapshot_find_domain(s, span_cstr(name), NULL);
}

/* ---- one file, one message ---- */

START_TEST(tenant_errors)
{
	static const struct {
		const char *text, *report; /* report: without "tenants.d/t.conf:" */
	} table[] = {
#define HEAD "tenant = \"t\"; plan = \"p\";\n"
		{ "plan = \"p\";", "0: error: \"tenant\" is missing in a tenant's file\n" },
		{ "tenant = \"t\"; plan = \"q\";", "1: error: plan: there is no plan \"q\"\n" },
		{ "tenant = \"../t\"; plan = \"p\";",
		    "1: error: tenant: \"../t\": a name is a letter or digit, then up to 62 of "
		    "A-Z a-z 0-9 . _ -\n" },
		{ HEAD "recipents = \"5/h\";",
		    "2: error: unknown key \"recipents\" in a tenant's file; did you mean "
		    "\"recipients\"?\n" },
		{ HEAD "warmup = \"x\";",
		    "2: error: unknown key \"warmup\" in a tenant's file\n" },
		{ HEAD "overage = \"alert\";",
		    "2: error: unknown key \"overage\" in a tenant's file\n" },
		{ HEAD "streams = ( { name = \"s\"; puul = \"x\"; } );",
		    "2: error: unknown key \"puul\" in stream\n" },
		{ HEAD "recipients = 500;",
		    "2: error: recipients: expected quantities in quotes, "
		    "as in [\"500/h\", \"10000/month\"]\n" },
		{ HEAD "recipients = [500, 600];",
		    "2: error: recipients: expected quantities in quotes, "
		    "as in [\"500/h\", \"10000/month\"]\n"
		    "2: error: recipients: expected quantities in quotes, "
		    "as in [\"500/h\", \"10000/month\"]\n" },
		{ HEAD "recipients = [\"5/h\", \"6/hour\"];",
		    "2: error: recipients: \"5/h\" and \"6/hour\" count the same\n" },
		{ HEAD "bytes = \"-5/h\";",
		    "2: error: bytes: \"-5/h\": expected quantities in quotes, as in "
		    "[\"500/h\", \"10000/month\"]\n" },
		{ HEAD "rate = \"0/s\";",
		    "2: error: rate: \"0/s\": expected rates in quotes, as in "
		    "\"10/s\" or \"10/s burst 50\"\n" },
		{ HEAD "streams = ( { name = \"s\"; tracking = \"yes\"; } );",
		    "2: error: tracking: \"yes\": expected one of \"off\", \"aggregate\", "
		    "\"individual\"\n" },
#define UTM "expected \"utm_NAME=VALUE\", at most 128 of A-Z a-z 0-9 - . _ ~ + and %XX\n"
		{ HEAD "streams = ( { name = \"s\"; utm = [\"utm_id=%zz\", \"x=1\", \"utm_a=\","
		       " \"utm_t=a@b\", \"utm_t=a%40b\", \"utm_ok=a%2Fb\"]; } );",
		    "2: error: utm: \"utm_id=%zz\": " UTM "2: error: utm: \"x=1\": " UTM
		    "2: error: utm: \"utm_a=\": " UTM "2: error: utm: \"utm_t=a@b\": " UTM
		    "2: error: utm: \"utm_t=a%40b\": " UTM },
		{ HEAD
		    "streams = ( { name = \"s\"; unsubscribe_mailto = \"a?b@c.example\"; } );",
		    "2: error: unsubscribe_mailto: \"a?b@c.example\": expected an address of "
		    "letters, digits and - . _ ~ + before the @\n" },
		{ HEAD "cycle_day = 0;", "2: error: cycle_day: \"0\" is too small\n" },
		{ HEAD "cycle_day = 32;", "2: error: cycle_day: \"32\" is too large\n" },
		{ HEAD "cycle_day = 4294967297;", "2: error: this number is too large\n" },
		{ HEAD "cycle_day = 0x100000001;", "2: error: this number is too large\n" },
		{ HEAD "cycle_day = 1.5;", "2: error: cycle_day: expected a number\n" },
		{ HEAD "timezone = \"Europe/Nowhere\";",
		    "2: error: timezone: \"Europe/Nowhere\": there is no such time zone\n" },
		{ HEAD "timezone = \"../../etc/passwd\";",
		    "2: error: timezone: \"../../etc/passwd\": syntax error\n" },
		{ HEAD "state = \"paused\";",
		    "2: error: state: \"paused\": expected one of \"active\", \"past_due\", "
		    "\"suspended\", \"closed\"\n" },
		{ HEAD "state = \"past_due\";",
		    "2: error: state \"past_due\" needs past_due_since\n" },
		{ HEAD "expires = \"2027-02-29\";",
		    "2: error: expires: \"2027-02-29\": expected a date in quotes, as in "
		    "\"2026-11-20\"\n" },
		{ HEAD "logins = [\"a*\"];",
		    "2: error: logins: \"a*\": \"*\" stands only in front, as in "
		    "\"*@acme.example\"\n" },
		{ HEAD "logins = [\"a\",\n \"a\"];", "3: error: login \"a\" appears twice\n" },
		{ HEAD "logins = \"a\\x01\";",
		    "2: error: logins: \"a\\x01\": control characters are not allowed\n" },
		{ HEAD "networks = \"192.0.2.1/24\";",
		    "2: error: networks: \"192.0.2.1/24\" has bits set behind the prefix "
		    "length\n" },
		{ HEAD "networks = \"0.0.0.0/0\";",
		    "2: error: networks: \"0.0.0.0/0\" is too wide\n" },
		{ HEAD "networks = [\"192.0.2.1\", \"192.0.2.1/32\"];",
		    "2: error: networks: the same network appears twice\n" },
		{ HEAD "networks = \"::/0\";", "2: error: networks: \"::/0\" is too wide\n" },
		{ HEAD "networks = \"::/80\";", "2: error: networks: \"::/80\" is too wide\n" },
		{ HEAD "networks = \"192.0.2.0/33\";",
		    "2: error: networks: \"192.0.2.0/33\": expected networks in quotes, as in "
		    "[\"192.0.2.0/24\"]\n" },
		{ HEAD "domains = ( { name = \"com\"; } );",
		    "2: error: name: \"com\": is not a domain name\n" },
		{ HEAD "domains = ( { name = \"a.example\"; },\n { name = \"A.example.\"; } );",
		    "3: error: domain \"a.example\" appears twice\n" },
		{ HEAD "domains = ( \"a.example\" );", "2: error: domains: expected a list of "
						       "groups, as in ( { key = value; } )\n" },
		{ HEAD "domains = { name = \"a.example\"; };",
		    "2: error: domains: expected a list of groups, as in ( { key = value; } "
		    ")\n" },
		{ HEAD "domains = ( { name = \"a.example\"; subdomains = \"yes\"; } );",
		    "2: error: subdomains: expected true or false\n" },
		{ HEAD "domains = ( { name = \"a.example\"; dkim = (\n"
		       "{ selector = \"a/b\"; key = \"../k\"; } ); } );",
		    "3: error: selector: \"a/b\": is not a DKIM selector\n"
		    "3: error: key: \"../k\": \"..\" is not allowed\n" },
		{ HEAD "domains = ( { name = \"a.example\"; dkim = (\n"
		       "{ selector = \"a\"; key = \"k\"; streams = [\"x\"]; } ); } );",
		    "3: error: dkim: there is no stream \"x\"\n" },
		{ HEAD "domains = ( { name = \"a.example\"; dkim = (\n"
		       "{ selector = \"a\"; key = \"k\"; streams = []; } ); } );",
		    "3: error: streams: the list is empty\n" },
		{ HEAD "streams = ( { name = \"s\"; domains = [\"b.example\"]; } );",
		    "2: error: domain \"b.example\" is not in this tenant's domains\n" },
		{ HEAD "streams = ( { name = \"s\";\npool = \"x\"; } );",
		    "3: error: pool: there is no pool \"x\"\n" },
		{ HEAD "streams = ( { name = \"s\"; ports = [0]; } );",
		    "2: error: ports: expected port numbers, as in [587, 465]\n" },
		{ HEAD "streams = ( { name = \"s\"; logins = \"a\"; },\n"
		       "{ name = \"s\"; logins = \"a\"; } );",
		    "3: error: stream \"s\" appears twice\n"
		    "3: error: login \"a\" appears twice\n" },
		{ HEAD "@include \"/etc/passwd\"\n",
		    "2: error: @include is not available; each file is read by itself\n" },
		{ HEAD "# \"\n@include \"/tmp\"\n",
		    "3: error: @include is not available; each file is read by itself\n" },
		{ HEAD "x = \"\\\\\";\n@include \"/tmp\"\n",
		    "3: error: @include is not available; each file is read by itself\n" },
		{ HEAD "/* \" */ @include \"/tmp\"\n",
		    "2: error: @include is not available; each file is read by itself\n" },
		{ HEAD "x = \"abc\n", "2: error: this string does not end\n" },
		{ HEAD "/* abc\n", "2: error: this comment does not end\n" },
		{ HEAD "x = ;\n", "2: error: syntax error\n" },
		{ HEAD "plan = \"p\";\n", "2: error: duplicate setting name\n" },
		{ HEAD "x = ((((((((((((((((((((1))))))))))))))))))));\n",
		    "2: error: brackets are nested too deep\n" },
		{ "\xef\xbb\xbf" HEAD, "1: error: not ASCII here; a byte order mark?\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct fixture f;
		struct snapshot *s;
		char expected[1024] = "", *p = expected;
		const char *line = table[i].report;

		set_up(&f, PLANS);
		put(&f, "tenants.d/t.conf", table[i].text);
		put(&f, "tenants.d/u.conf", "tenant = \"u\"; plan = \"p\";");
		s = load(&f, NULL);
		ck_assert_msg(s != NULL && snapshot_tenant_count(s) == 1, "case %zu", i);
		while (*line != '\0') {
			size_t n = strcspn(line, "\n") + 1;
			/* A whole file has no line. */
			bool whole = strncmp(line, "0:", 2) == 0;

			p += snprintf(p, sizeof expected - (size_t)(p - expected),
			    "tenants.d/t.conf:%.*s", (int)(n - (whole ? 2 : 0)),
			    line + (whole ? 2 : 0));
			line += n;
		}
		ck_assert_msg(strcmp(report(&f), expected) == 0, "case %zu:\n%s\nnot\n%s", i,
		    report(&f), expected);
		snapshot_unref(&s);
		tear_down(&f);
	}
}
END_TEST

START_TEST(provider_errors)
{
	static const struct {
		const char *text, *report; /* report NULL: no error */
	} table[] = {
		{ PLANS, NULL },
		{ "# no newline at the end", NULL },
		{ "", NULL },
		{ "polycyd = { };",
		    "1: error: unknown key \"polycyd\" in this file; did you mean "
		    "\"policyd\"?\n" },
		{ "policyd = { connections = 5; };",
		    "1: error: connections: expected a number in quotes, as in \"10k\" or "
		    "\"256Mi\"\n" },
		{ "policyd = { connections = \"0\"; };",
		    "1: error: connections: \"0\" is too small\n" },
		{ "policyd = { control = \"x.sock\"; };",
		    "1: error: control: \"x.sock\": expected an absolute path\n" },
		{ "policyd = { admins = [\"no-such-user-here\"]; };",
		    "1: error: admins: there is no user \"no-such-user-here\"\n" },
		{ "policyd = { request_timeout = \"20m\"; idle_timeout = \"10m\"; };",
		    "1: error: idle_timeout is shorter than request_timeout\n" },
		{ "milter = { notices = { domain = \"a.example\"; }; };",
		    "1: error: \"selector\" is missing in milter.notices\n"
		    "1: error: \"key\" is missing in milter.notices\n" },
		{ "store = { engine = \"valkey\"; };",
		    "1: error: engine: \"valkey\": expected one of \"lmdb\"\n" },
		{ "store = { relaxed_interval = \"101ms\"; };",
		    "1: error: relaxed_interval: \"101ms\" is too large\n" },
		{ "store = { relaxed_interval = \"1s\"; };",
		    "1: error: relaxed_interval: \"1s\": expected milliseconds in quotes, as "
		    "in "
		    "\"100ms\"\n" },
		{ "store = { map_size = \"2Gi\"; map_ceiling = \"1Gi\"; };",
		    "1: error: map_size is larger than map_ceiling\n" },
		{ "plans = ( { name = \"p\"; }, { name = \"p\"; } );",
		    "1: error: plan \"p\" appears twice\n" },
		{ "plans = ( { name = \"p\"; recipents = \"5/h\"; } );",
		    "1: error: unknown key \"recipents\" in plan; did you mean "
		    "\"recipients\"?\n" },
		{ "tenants = \"nowhere\";", "" },
		{ WAYS, NULL },
		{ "sources = ( { name = \"a\"; } );",
		    "1: error: source \"a\" has neither an address nor a relay\n" },
		{ "sources = ( { name = \"a\"; address4 = \"192.0.2.1\"; } );",
		    "1: error: source \"a\" has an address but no \"helo\"\n" },
		{ "sources = ( { name = \"a\"; address4 = \"192.0.2.1\"; helo = "
		  "\"a.example\";\n"
		  "password_maps = \"hash:/p\"; } );",
		    "1: error: source \"a\" has password_maps but no relay\n" },
		{ "sources = (\n{ name = \"a b\"; relay = \"x y\"; } );",
		    "2: error: name: \"a b\": a name is a letter or digit, then up to 62 of "
		    "A-Z "
		    "a-z 0-9 . _ -\n"
		    "2: error: relay: \"x y\": expected a next hop of Postfix, as in "
		    "\"[smtp.example.net]:587\"\n" },
		{ "sources = ( { name = \"a\"; address4 = \"2001:db8::1\"; address6 = "
		  "\"192.0.2.1\"; helo = \"a.example\"; } );",
		    "1: error: address4: \"2001:db8::1\": expected an IPv4 address of this "
		    "host, "
		    "as in \"192.0.2.1\"\n"
		    "1: error: address6: \"192.0.2.1\": expected an IPv6 address of this host, "
		    "as in \"2001:db8::1\"\n"
		    "1: error: source \"a\" has neither an address nor a relay\n" },
		{ "sources = ( { name = \"a\"; relay = \"h\"; password_maps = \"p\"; mailbox = "
		  "\"m\"; } );",
		    "1: error: password_maps: \"p\": expected a table of Postfix, as in "
		    "\"hash:/etc/postfix/passwords\"\n"
		    "1: error: mailbox: \"m\": is not a mail address\n" },
		{ "sources = (\n{ name = \"a\"; address6 = \"2001:db8::1\"; helo = "
		  "\"a.example\"; "
		  "},\n"
		  "{ name = \"a\"; address6 = \"2001:DB8:0::1\"; helo = \"b.example\"; } );",
		    "3: error: source \"a\" appears twice\n"
		    "3: error: source \"a\" has an address of source \"a\"\n" },
		{ WAYS "x = 1;\n", "10: error: unknown key \"x\" in this file\n" },
		{ SOURCES "pools = (\n{ name = \"p\"; } );",
		    "4: error: pool \"p\" has no sources\n" },
		{ SOURCES "pools = (\n{ name = \"p\"; sources = []; } );",
		    "4: error: sources: the list is empty\n"
		    "4: error: pool \"p\" has no sources\n" },
		{ SOURCES "pools = ( { name = \"p\"; sources = [\"a\",\n\"c\", \"a\"]; } );",
		    "4: error: sources: there is no source \"c\"\n"
		    "4: error: pool \"p\" has source \"a\" twice\n" },
		{ SOURCES
		    "pools = ( { name = \"p\"; sources = \"a\"; },\n"
		    "{ name = \"p\"; sources = \"b\"; members = ( { source = \"b\"; } ); } );",
		    "4: error: pool \"p\" has both sources and members\n"
		    "4: error: pool \"p\" appears twice\n" },
		{ SOURCES "pools = ( { name = \"p\"; strategy = \"best\"; sources = \"a\"; "
			  "limit = \"9/cycle\"; gap = \"0s\"; } );",
		    "3: error: strategy: \"best\": expected one of \"round-robin\", "
		    "\"weighted\", \"random\", \"sticky\"\n"
		    "3: error: gap: \"0s\" is too small\n"
		    "3: error: limit: \"9/cycle\": expected an hour, day or month\n" },
		{ SOURCES
		    "pools = ( { name = \"p\"; members = (\n{ source = \"a\"; weight = "
		    "\"10\"; },\n{ source = \"b\"; weight = \"1.234\"; limit = \"1/h\"; } "
		    "); } );",
		    "4: error: weight: \"10\": expected \"0\" to \"9.99\"\n"
		    "5: error: weight: \"1.234\": expected \"0\" to \"9.99\"\n" },
		{ SOURCES "pools = ( { name = \"p\"; members = ( { weight = \"1\"; } ); } );",
		    "3: error: \"source\" is missing in a pool's member\n" },
		{ SOURCES "pool_rules = ( { class = \"bulk\";\npool = \"p\"; } );",
		    "4: error: pool: there is no pool \"p\"\n" },
		{ SOURCES "pools = ( { name = \"p\"; sources = \"m\"; } );\n"
			  "pool_rules = ( { pool = \"p\"; } );",
		    "4: error: pool \"p\" has mailboxes: only streams of their tenant may name "
		    "it\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct fixture f;
		struct snapshot *s;
		char expected[1024] = "";

		set_up(&f, table[i].text);
		s = load(&f, NULL);
		ck_assert_msg((s != NULL) == (table[i].report == NULL), "case %zu", i);
		for (const char *p = table[i].report; p != NULL && *p != '\0';
		     p += strcspn(p, "\n") + 1) {
			size_t n = strlen(expected);

			snprintf(expected + n, sizeof expected - n, "p.conf:%.*s",
			    (int)strcspn(p, "\n") + 1, p);
		}
		if (table[i].report == NULL || table[i].report[0] != '\0')
			ck_assert_msg(
			    strcmp(report(&f), expected) == 0, "case %zu:\n%s", i, report(&f));
		else
			ck_assert_ptr_nonnull(strstr(report(&f), "cannot read the directory"));
		snapshot_unref(&s);
		tear_down(&f);
	}
}
END_TEST

START_TEST(files_that_are_none)
{
	struct fixture f;
	struct snapshot *s;
	char path[128], big[4096];
	int fd;

	set_up(&f, PLANS);
	put(&f, "tenants.d/a.conf", "tenant = \"a\"; plan = \"p\";");
	put(&f, "tenants.d/.hidden.conf", "garbage");
	put(&f, "tenants.d/b.conf.sample", "garbage");
	put(&f, "tenants.d/c.conf~", "garbage");
	snprintf(path, sizeof path, "%s/tenants.d/d.conf", f.directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/tenants.d/e.conf", f.directory);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof path, "%s/tenants.d/f.conf", f.directory);
	ck_assert_int_eq(symlink("a.conf", path), 0);
	snprintf(path, sizeof path, "%s/tenants.d/g.conf", f.directory);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 1 << 30), 0);
	close(fd);
	/* exactly the cap is read, and refused for its NULs */
	snprintf(path, sizeof path, "%s/tenants.d/h.conf", f.directory);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	close(fd);
	s = load(&f, NULL);
	ck_assert_uint_eq(snapshot_tenant_count(s), 1);
	ck_assert_str_eq(report(&f),
	    "tenants.d/d.conf: error: is not a plain file\n"
	    "tenants.d/e.conf: error: is not a plain file\n"
	    "tenants.d/f.conf: error: is a symbolic link; only plain "
	    "files are read\n"
	    "tenants.d/g.conf: error: the file is over 1048576 octets\n"
	    "tenants.d/h.conf:1: error: the file holds a NUL octet\n");
	snapshot_unref(&s);
	/* the report is bounded, the count is not */
	memset(big, 'x', sizeof big);
	big[sizeof big - 1] = '\0';
	put(&f, "tenants.d/i.conf", big);
	f.report.text.max = 2048;
	s = load(&f, NULL);
	ck_assert_uint_eq(f.report.errors, 6);
	ck_assert(buf_ok(&f.report.text));
	snapshot_unref(&s);
	tear_down(&f);
}
END_TEST

/* ---- look-ups ---- */

static const char acme[] =
    "tenant = \"acme\"; plan = \"p\"; timezone = \"Europe/Berlin\"; cycle_day = 15;\n"
    "logins = [\"acme\", \"*@acme.example\"];\n"
    "networks = [\"192.0.2.0/24\", \"2001:db8::/32\"];\n"
    "domains = ( { name = \"Acme.Example\"; subdomains = true;\n"
    "  dkim = ( { selector = \"pm1\"; key = \"acme/pm1.pem\"; streams = [\"tx\"]; } ); },\n"
    "  { name = \"b\xc3\xbc"
    "cher.example\"; } );\n"
    "recipients = [\"5/h\", \"1k/cycle\"]; rate = \"1/s burst 3\"; bytes = \"2G/day\";\n"
    "login = { messages = \"7/d\"; };\n"
    "expires = \"2027-03-28\"; reply_to = \"own\";\n"
    "streams = ( { name = \"news\"; logins = [\"acme-news\", \"*@news.example\"]; },\n"
    "  { name = \"tx\"; class = \"transactional\"; ports = [465]; contexts = \"c\";\n"
    "    domains = [\"X.acme.example\"]; recipients = \"9/d\"; },\n"
    "  { name = \"rest\"; class = \"transactional\"; } );\n";

START_TEST(contents)
{
	struct fixture f;
	struct snapshot *s;
	const struct tenant *t;
	const struct tenant_domain *d;

	set_up(&f, PLANS "milter = { keys = \"/k\"; };");
	put(&f, "tenants.d/a.conf", acme);
	put(&f, "tenants.d/b.conf",
	    "tenant = \"b\"; plan = \"p\"; logins = \"x@acme.example\";\n"
	    "networks = [\"192.0.2.128/25\", \"2001:db8::5\"];");
	s = load(&f, NULL);
	ck_assert_str_eq(report(&f), "");
	ck_assert_uint_eq(snapshot_tenant_count(s), 2);
	t = snapshot_tenant(s, 0);
	ck_assert_str_eq(t->name, "acme");
	ck_assert_str_eq(t->domains[0].name, "acme.example");
	ck_assert_str_eq(t->domains[1].name, "xn--bcher-kva.example");
	ck_assert_str_eq(t->domains[0].keys[0].path, "/k/acme/pm1.pem");
	ck_assert_str_eq(t->domains[0].keys[0].streams[0], "tx");
	ck_assert_int_eq(t->cycle_day, 15);
	ck_assert_int_eq(t->expires_s, 1806188400); /* midnight in Berlin */
	ck_assert_int_eq(t->reply_to, REPLY_TO_OWN);
	ck_assert_uint_eq(t->limits.count, 4);
	ck_assert_str_eq(t->limits.at[1].text, "1k/cycle");
	ck_assert_uint_eq(t->limits.at[1].amount, 1000);
	ck_assert_int_eq(t->limits.at[1].window, WINDOW_CYCLE);
	ck_assert_int_eq(t->limits.at[2].unit, LIMIT_BYTES);
	ck_assert(t->limits.at[3].is_rate && t->limits.at[3].rate.burst == 3);
	ck_assert_uint_eq(t->login.count, 1);
	ck_assert_int_eq(t->login.at[0].unit, LIMIT_MESSAGES);
	ck_assert_str_eq(t->streams[1].domains[0], "x.acme.example");
	ck_assert_uint_eq(t->streams[1].limits.count, 1);
	ck_assert_str_eq(snapshot_plan(s, 0)->name, "p");
	ck_assert_str_eq(snapshot_tenant(s, 1)->streams[0].name, "default");
	ck_assert_int_eq(snapshot_tenant(s, 1)->streams[0].class, CLASS_BULK);
	ck_assert_int_eq(snapshot_tenant(s, 1)->reply_to, REPLY_TO_WARN);
	ck_assert_ptr_null(snapshot_tenant(s, 2));

	ck_assert_uint_eq(snapshot_find_tenant(s, SPAN("ACME")), 0);
	ck_assert_uint_eq(snapshot_find_tenant(s, SPAN("acm")), TENANT_NONE);
	ck_assert_uint_eq(login(s, "acme"), 0);
	ck_assert_uint_eq(login(s, "Acme"), TENANT_NONE);
	ck_assert_uint_eq(login(s, "acme-news"), 0);
	ck_assert_uint_eq(login(s, "y@acme.example"), 0);
	ck_assert_uint_eq(login(s, "x@acme.example"), 1);
	ck_assert_uint_eq(login(s, "z@news.example"), 0);
	ck_assert_uint_eq(login(s, "@acme.example"), TENANT_NONE);
	ck_assert_uint_eq(login(s, "y@sub.acme.example"), TENANT_NONE);
	ck_assert_uint_eq(login(s, ""), TENANT_NONE);
	ck_assert_uint_eq(client(s, "192.0.2.1"), 0);
	ck_assert_uint_eq(client(s, "192.0.2.129"), 1);
	ck_assert_uint_eq(client(s, "::ffff:192.0.2.129"), 1);
	ck_assert_uint_eq(client(s, "2001:db8::4"), 0);
	ck_assert_uint_eq(client(s, "2001:db8::5"), 1);
	ck_assert_uint_eq(client(s, "192.0.3.1"), TENANT_NONE);
	ck_assert_uint_eq(client(s, "unknown"), TENANT_NONE);
	ck_assert_uint_eq(client(s, ""), TENANT_NONE);
	ck_assert_uint_eq(domain(s, "acme.example"), 0);
	ck_assert_uint_eq(domain(s, "a.b.acme.example"), 0);
	ck_assert_uint_eq(domain(s, "badacme.example"), TENANT_NONE);
	ck_assert_uint_eq(domain(s, "xn--bcher-kva.example"), 0);
	ck_assert_uint_eq(domain(s, "a.xn--bcher-kva.example"), TENANT_NONE);
	ck_assert_uint_eq(domain(s, "example"), TENANT_NONE);
	ck_assert_uint_eq(snapshot_find_domain(s, SPAN("q.acme.example"), &d), 0);
	ck_assert_ptr_eq(d, &t->domains[0]);
	ck_assert_ptr_eq(tenant_find_domain(t, SPAN("q.acme.example")), &t->domains[0]);
	ck_assert_ptr_null(tenant_find_domain(t, SPAN("q.xn--bcher-kva.example")));
	snapshot_unref(&s);
	tear_down(&f);
}
END_TEST

START_TEST(streams)
{
	static const struct {
		const char *login, *context;
		uint16_t port;
		const char *stream;
	} table[] = {
		{ "acme-news", "c", 465, "news" },
		{ "y@news.example", "c", 465, "news" },
		{ "acme", "c", 25, "tx" },
		{ "acme", "", 465, "tx" },
		{ "acme", "d", 587, "rest" },
		{ "*@news.example", "", 0, "news" }, /* as a login it is one at that domain */
		{ "", "", 0, "rest" },
	};
	struct fixture f;
	struct snapshot *s;

	set_up(&f, PLANS);
	put(&f, "tenants.d/a.conf", acme);
	s = load(&f, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		ck_assert_msg(
		    strcmp(tenant_stream(snapshot_tenant(s, 0), span_cstr(table[i].login),
			       span_cstr(table[i].context), table[i].port)
			       ->name,
			table[i].stream) == 0,
		    "case %zu", i);
	snapshot_unref(&s);
	tear_down(&f);
}
END_TEST

START_TEST(conflicts)
{
	static const struct {
		const char *second, *report; /* report NULL: no conflict */
	} table[] = {
		{ "logins = \"acme-news\";", "2: error: login \"acme-news\" belongs to tenant "
					     "\"acme\" (tenants.d/a.conf:10)\n" },
		{ "logins = \"*@acme.example\";",
		    "2: error: login \"*@acme.example\" belongs to "
		    "tenant \"acme\" (tenants.d/a.conf:2)\n" },
		{ "logins = \"ACME\";", NULL },
		{ "networks = \"192.0.2.0/24\";",
		    "2: error: network belongs to tenant \"acme\" (tenants.d/a.conf:3)\n" },
		{ "networks = \"192.0.2.0/25\";", NULL },
		{ "domains = ( { name = \"ACME.example.\"; } );",
		    "2: error: domain \"acme.example\" belongs to tenant \"acme\" "
		    "(tenants.d/a.conf:4)\n" },
		{ "domains = ( { name = \"B\xc3\x9c"
		  "CHER.example\"; } );",
		    "2: error: domain \"xn--bcher-kva.example\" belongs to tenant \"acme\" "
		    "(tenants.d/a.conf:6)\n" },
		{ "domains = ( { name = \"a.b.acme.example\"; } );",
		    "2: error: domain above \"a.b.acme.example\" belongs to tenant \"acme\" "
		    "(tenants.d/a.conf:4)\n" },
		{ "domains = ( { name = \"s.xn--bcher-kva.example\"; } );", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct fixture f;
		struct snapshot *s;
		char text[512], expected[512] = "";

		set_up(&f, PLANS);
		put(&f, "tenants.d/a.conf", acme);
		snprintf(
		    text, sizeof text, "tenant = \"b\"; plan = \"p\";\n%s", table[i].second);
		put(&f, "tenants.d/b.conf", text);
		s = load(&f, NULL);
		ck_assert_uint_eq(snapshot_tenant_count(s), table[i].report == NULL ? 2 : 1);
		if (table[i].report != NULL)
			snprintf(
			    expected, sizeof expected, "tenants.d/b.conf:%s", table[i].report);
		ck_assert_msg(
		    strcmp(report(&f), expected) == 0, "case %zu:\n%s", i, report(&f));
		snapshot_unref(&s);
		tear_down(&f);
	}
}
END_TEST

START_TEST(conflicts_below)
{
	struct fixture f;
	struct snapshot *s;

	set_up(&f, PLANS);
	put(&f, "tenants.d/1.conf",
	    "tenant = \"b\"; plan = \"p\";\n"
	    "domains = ( { name = \"s.t.xn--bcher-kva.example\"; } );");
	put(&f, "tenants.d/2.conf",
	    "tenant = \"C\"; plan = \"p\";\n"
	    "domains = ( { name = \"t.xn--bcher-kva.example\"; } );");
	/* 2 has a name below itself, but 1 has one too. */
	put(&f, "tenants.d/3.conf",
	    "tenant = \"D\"; plan = \"p\";\ndomains = (\n"
	    "{ name = \"xn--bcher-kva.example\"; subdomains = true; },\n"
	    "{ name = \"other.xn--bcher-kva.example\"; } );");
	put(&f, "tenants.d/4.conf", "tenant = \"c\"; plan = \"p\";");
	s = load(&f, NULL);
	ck_assert_uint_eq(snapshot_tenant_count(s), 2);
	ck_assert_str_eq(report(&f), "tenants.d/3.conf:3: error: domain below "
				     "\"xn--bcher-kva.example\" belongs to tenant "
				     "\"b\" (tenants.d/1.conf:2)\n"
				     "tenants.d/4.conf:1: error: name \"c\" belongs to tenant "
				     "\"C\" (tenants.d/2.conf:1)\n");
	snapshot_unref(&s);
	tear_down(&f);
}
END_TEST

/* Hosts of links and return paths: whose they are, and who may not have them. */
START_TEST(hosts)
{
	static const struct {
		const char *name, *text;
	} files[] = {
		{ "tenants.d/1.conf", "tenant = \"a\"; plan = \"p\"; domains = (\n"
				      "{ name = \"a.example\"; subdomains = true;\n"
				      "  tracking_host = \"Click.A.example.\";\n"
				      "  bounce_domain = \"b.a.example\"; },\n"
				      "{ name = \"a2.example\";\n"
				      "  tracking_host = \"click.a.example\"; } );" },
		{ "tenants.d/2.conf",
		    "tenant = \"b\"; plan = \"p\"; domains = (\n"
		    "{ name = \"b.example\"; tracking_host = \"b.links.example\"; } );" },
		/* the same host */
		{ "tenants.d/3.conf",
		    "tenant = \"c\"; plan = \"p\"; domains = (\n"
		    "{ name = \"c.example\"; tracking_host = \"b.links.example\"; } );" },
		/* a host in another's domain, and at a name of another's without subdomains */
		{ "tenants.d/4.conf",
		    "tenant = \"d\"; plan = \"p\"; domains = (\n"
		    "{ name = \"d.example\"; bounce_domain = \"x.y.a.example\"; } );" },
		{ "tenants.d/5.conf",
		    "tenant = \"e\"; plan = \"p\"; domains = (\n"
		    "{ name = \"e.example\"; tracking_host = \"a2.example\"; } );" },
		{ "tenants.d/6.conf",
		    "tenant = \"f\"; plan = \"p\"; domains = (\n"
		    "{ name = \"f.example\"; tracking_host = \"x.a2.example\"; } );" },
		/* a domain with another's host in it */
		{ "tenants.d/7.conf", "tenant = \"g\"; plan = \"p\"; domains = (\n"
				      "{ name = \"links.example\"; subdomains = true; } );" },
		{ "tenants.d/8.conf", "tenant = \"h\"; plan = \"p\"; domains = (\n"
				      "{ name = \"links.example\"; } );" },
	};
	const struct tenant_domain *d;
	struct fixture f;
	struct snapshot *s;

	set_up(&f, PLANS);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put(&f, files[i].name, files[i].text);
	s = load(&f, NULL);
	ck_assert_str_eq(report(&f),
	    "tenants.d/3.conf:2: error: tracking_host \"b.links.example\" belongs to tenant "
	    "\"b\" (tenants.d/2.conf:2)\n"
	    "tenants.d/4.conf:2: error: bounce_domain \"x.y.a.example\" belongs to tenant "
	    "\"a\" (tenants.d/1.conf:2)\n"
	    "tenants.d/5.conf:2: error: tracking_host \"a2.example\" belongs to tenant "
	    "\"a\" (tenants.d/1.conf:5)\n"
	    "tenants.d/7.conf:2: error: a host in \"links.example\" belongs to tenant "
	    "\"b\" (tenants.d/2.conf:2)\n");
	ck_assert_uint_eq(snapshot_tenant_count(s), 4);
	ck_assert_uint_eq(snapshot_find_tracking_host(s, SPAN("click.a.example"), &d), 0);
	ck_assert_ptr_eq(d, &snapshot_tenant(s, 0)->domains[0]);
	ck_assert_uint_eq(snapshot_find_tracking_host(s, SPAN("b.links.example"), NULL), 1);
	ck_assert_uint_eq(snapshot_find_tracking_host(s, SPAN("b.a.example"), &d), TENANT_NONE);
	ck_assert_ptr_null(d);
	ck_assert_uint_eq(snapshot_find_bounce_domain(s, SPAN("b.a.example"), &d), 0);
	ck_assert_uint_eq(
	    snapshot_find_bounce_domain(s, SPAN("x.b.a.example"), &d), TENANT_NONE);
	ck_assert_uint_eq(snapshot_find_bounce_domain(s, SPAN(""), &d), TENANT_NONE);
	snapshot_unref(&s);
	tear_down(&f);
}
END_TEST

/* ---- reload ---- */

START_TEST(reload)
{
	struct fixture f;
	struct snapshot *first, *second, *third;
	const struct tenant *old;
	char path[128];

	set_up(&f, PLANS);
	put(&f, "tenants.d/a.conf", acme);
	put(&f, "tenants.d/b.conf", "tenant = \"b\"; plan = \"p\"; logins = \"b1\";");
	put(&f, "tenants.d/c.conf", "tenant = \"c\"; plan = \"p\"; logins = \"c1\";");
	usleep(150 * 1000); /* until the time stamps are old enough to be believed */
	first = load(&f, NULL);
	old = snapshot_tenant(first, 0);
	put(&f, "tenants.d/b.conf", "tenant = \"b\"; plan = \"p\"; logins = \"b2\";");
	snprintf(path, sizeof path, "%s/tenants.d/c.conf", f.directory);
	ck_assert_int_eq(unlink(path), 0);
	second = load(&f, first);
	ck_assert_str_eq(report(&f), "");
	ck_assert_uint_eq(snapshot_generation(second), 2);
	ck_assert_uint_eq(snapshot_tenant_count(second), 2);
	ck_assert_ptr_eq(snapshot_tenant(second, 0), old);
	ck_assert_uint_eq(snapshot_tenant(second, 0)->generation, 1);
	ck_assert_uint_eq(snapshot_tenant(second, 1)->generation, 2);
	ck_assert_uint_eq(login(second, "b1"), TENANT_NONE);
	ck_assert_uint_eq(login(second, "b2"), 1);
	ck_assert_uint_eq(login(first, "b1"), 1);
	snapshot_unref(&first);

	/* Broken: the last good one stays, and says so. */
	put(&f, "tenants.d/b.conf", "tenant = \"b\"; plan = \"p\";\nlogin = \"b3\";");
	third = load(&f, second);
	ck_assert_str_eq(report(&f),
	    "tenants.d/b.conf:2: error: login: expected a group, as in { key = value; }; "
	    "keeping the version read before\n");
	ck_assert_uint_eq(login(third, "b2"), 1);
	ck_assert_ptr_eq(snapshot_tenant(third, 0), old);
	snapshot_unref(&second);
	/* A new file, first by its name, cannot take what another one has. */
	put(&f, "tenants.d/0.conf",
	    "tenant = \"z\"; plan = \"p\"; logins = [\"new\", \"b2\"];");
	second = load(&f, third);
	ck_assert_uint_eq(snapshot_tenant_count(second), 2);
	ck_assert_uint_eq(login(second, "b2"), 1);
	ck_assert_uint_eq(login(second, "new"), TENANT_NONE);
	ck_assert_ptr_nonnull(strstr(report(&f), "0.conf:1: error: login \"b2\" belongs to "));
	snapshot_unref(&third);
	/* Given back and taken at once. */
	put(&f, "tenants.d/b.conf", "tenant = \"b\"; plan = \"p\";");
	third = load(&f, second);
	ck_assert_str_eq(report(&f), "");
	ck_assert_uint_eq(snapshot_tenant_count(third), 3);
	ck_assert_uint_eq(login(third, "b2"), 0);
	snapshot_unref(&second);
	snapshot_unref(&third);
	snapshot_unref(&third);
	tear_down(&f);
}
END_TEST

START_TEST(provider_changes)
{
	struct fixture f;
	struct snapshot *first, *second, *third;

	set_up(&f, PLANS);
	put(&f, "tenants.d/a.conf", acme);
	usleep(150 * 1000);
	first = load(&f, NULL);
	/* A plan that is gone stays for those who have it. */
	put(&f, "p.conf", "plans = ( { name = \"q\"; } );");
	put(&f, "tenants.d/b.conf", "tenant = \"b\"; plan = \"p\";");
	second = load(&f, first);
	ck_assert_str_eq(report(&f), "tenants.d/b.conf:1: error: plan: there is no plan \"p\"\n"
				     "tenants.d/a.conf:1: error: plan: there is no plan \"p\"; "
				     "keeping the version read before\n");
	snapshot_unref(&first);
	ck_assert_uint_eq(snapshot_tenant_count(second), 1);
	ck_assert_str_eq(snapshot_plan(second, 0)->name, "p");
	third = load(&f, second);
	snapshot_unref(&second);
	ck_assert_uint_eq(snapshot_plan(third, 0)->tenant.at[0].amount, 500);
	/* Paths of keys follow milter.keys though the tenant's file did not change. */
	put(&f, "p.conf", PLANS "milter = { keys = \"/other\"; };");
	first = load(&f, third);
	ck_assert_str_eq(
	    snapshot_tenant(first, 0)->domains[0].keys[0].path, "/other/acme/pm1.pem");
	snapshot_unref(&third);
	/* A broken provider's file gives no snapshot; the old one goes on. */
	put(&f, "p.conf", "plans = ;");
	ck_assert_ptr_null(load(&f, first));
	ck_assert_uint_eq(login(first, "acme"), 0);
	snapshot_unref(&first);
	tear_down(&f);
}
END_TEST

/* ---- sources and pools ---- */

#define POOL_TENANT                                                                            \
	"tenant = \"t\"; plan = \"p\"; region = \"eu\"; domains = ( { name = \"t.example\"; "  \
	"} "                                                                                   \
	");\nstreams = ( { name = \"s\"; pool = \"boxes\"; },\n{ name = \"r\"; class = "       \
	"\"transactional\"; }, { name = \"n\"; } );\n"

static const struct pool *stream_pool(const struct snapshot *s, const char *stream, bool *ok_r)
{
	const struct tenant *t = snapshot_tenant(s, snapshot_find_tenant(s, SPAN("t")));
	const struct pool *pool = NULL;

	ck_assert_ptr_nonnull(t);
	for (size_t i = 0; i < t->stream_count; i++)
		if (strcmp(t->streams[i].name, stream) == 0)
			*ok_r = snapshot_stream_pool(s, t, &t->streams[i], &pool);
	return pool;
}

START_TEST(pools)
{
	struct fixture f;
	struct snapshot *s, *next;
	const struct pool *two, *boxes;
	const struct source *a;
	bool ok;

	set_up(&f, PLANS WAYS);
	put(&f, "tenants.d/t.conf", POOL_TENANT);
	s = load(&f, NULL);
	ck_assert_str_eq(report(&f), "");
	a = snapshot_find_source(s, SPAN("a"));
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_eq(snapshot_find_source_id(s, source_id_of(SPAN("a"))), a);
	ck_assert_ptr_null(snapshot_find_source_id(s, 0));
	ck_assert_ptr_null(snapshot_find_source(s, SPAN("A")));
	two = snapshot_find_pool(s, SPAN("two"));
	ck_assert_uint_eq(two->member_count, 2);
	ck_assert_ptr_eq(two->members[0].source, a);
	ck_assert_uint_eq(two->members[1].weight, 100);
	ck_assert_uint_eq(two->members[1].limits.count, 2);
	ck_assert_int_eq(two->members[1].gap_s, 5);
	ck_assert_uint_eq(two->capacity.at[0].amount, 150);
	boxes = snapshot_find_pool(s, SPAN("boxes"));
	/* What a mailbox has without being asked; an address has no limit of its own. */
	ck_assert_str_eq(boxes->members[0].limits.at[0].text, "50/day");
	ck_assert_int_eq(boxes->members[0].gap_s, 120);
	ck_assert_uint_eq(boxes->members[0].weight, 25);
	ck_assert_str_eq(boxes->members[1].limits.at[0].text, "7/month");
	ck_assert_int_eq(boxes->members[1].gap_s, 60);
	ck_assert_uint_eq(boxes->members[1].weight, 999);
	ck_assert_uint_eq(boxes->members[2].limits.count, 0);
	ck_assert_int_eq(boxes->members[2].gap_s, 0);
	ck_assert_uint_eq(boxes->members[2].weight, 0);
	/* A stream's own pool; the rule that fits; none. */
	ck_assert_ptr_eq(stream_pool(s, "s", &ok), boxes);
	ck_assert(ok);
	ck_assert_ptr_eq(stream_pool(s, "r", &ok), two);
	ck_assert(ok);
	ck_assert_ptr_null(stream_pool(s, "n", &ok));
	ck_assert(ok);
	/* Its pool leaves the provider's file, or gets a mailbox of others: the mail waits. */
	put(&f, "p.conf", PLANS SOURCES);
	next = load(&f, s);
	ck_assert_ptr_nonnull(strstr(report(&f), "pool: there is no pool \"boxes\""));
	ck_assert_uint_eq(snapshot_tenant_count(next), 1);
	ck_assert_ptr_null(stream_pool(next, "s", &ok));
	ck_assert(!ok);
	snapshot_unref(&next);
	put(&f, "p.conf",
	    PLANS "sources = ( { name = \"m\"; relay = \"r\"; mailbox = \"m@u.example\"; } );\n"
		  "pools = ( { name = \"boxes\"; sources = \"m\"; } );\n");
	next = load(&f, s);
	ck_assert_ptr_nonnull(strstr(report(&f),
	    "pool: \"boxes\" has the mailbox \"m@u.example\", which is not this tenant's"));
	(void)stream_pool(next, "s", &ok);
	ck_assert(!ok);
	snapshot_unref(&next);
	snapshot_unref(&s);
	tear_down(&f);
}
END_TEST

/* A pool at its bound, and one over it. */
START_TEST(pool_size)
{
	for (unsigned count = POOL_MEMBERS_MAX; count <= POOL_MEMBERS_MAX + 1; count++) {
		struct buf text = BUF_INIT(1 << 20);
		struct fixture f;
		struct snapshot *s;

		buf_add_cstr(&text, "sources = (");
		for (unsigned i = 0; i < count; i++)
			buf_printf(
			    &text, "%s{ name = \"s%u\"; relay = \"r\"; }", i > 0 ? "," : "", i);
		buf_add_cstr(&text, ");\npools = ( { name = \"p\"; sources = [");
		for (unsigned i = 0; i < count; i++)
			buf_printf(&text, "%s\"s%u\"", i > 0 ? "," : "", i);
		buf_add_cstr(&text, "]; } );\n");
		set_up(&f, buf_cstr(&text));
		s = load(&f, NULL);
		ck_assert_str_eq(report(&f), count == POOL_MEMBERS_MAX
						 ? ""
						 : "p.conf:2: error: pool \"p\" has over 256 "
						   "sources\n");
		snapshot_unref(&s);
		tear_down(&f);
		buf_free(&text);
	}
}
END_TEST

/* ---- state, rows, show ---- */

START_TEST(states)
{
	static const struct {
		enum tenant_state file, override;
		int64_t since, expires, now;
		enum tenant_state effective;
	} table[] = {
		{ TENANT_ACTIVE, TENANT_ACTIVE, 0, 0, 1000, TENANT_ACTIVE },
		{ TENANT_ACTIVE, TENANT_SUSPENDED, 0, 0, 1000, TENANT_SUSPENDED },
		{ TENANT_CLOSED, TENANT_ACTIVE, 0, 0, 1000, TENANT_CLOSED },
		{ TENANT_PAST_DUE, TENANT_ACTIVE, 1000, 0, 1099, TENANT_PAST_DUE },
		{ TENANT_PAST_DUE, TENANT_ACTIVE, 1000, 0, 1100, TENANT_SUSPENDED },
		{ TENANT_PAST_DUE, TENANT_ACTIVE, INT64_MAX, 0, 1100, TENANT_PAST_DUE },
		{ TENANT_ACTIVE, TENANT_ACTIVE, 0, 1000, 999, TENANT_ACTIVE },
		{ TENANT_ACTIVE, TENANT_ACTIVE, 0, 1000, 1000, TENANT_SUSPENDED },
		{ TENANT_CLOSED, TENANT_ACTIVE, 0, 1000, 1000, TENANT_CLOSED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct tenant t = { .state = table[i].file,
			.past_due_since_s = table[i].since,
			.expires_s = table[i].expires };

		ck_assert_msg(tenant_effective_state(&t, table[i].override, 100,
				  table[i].now) == table[i].effective,
		    "case %zu", i);
	}
	ck_assert_str_eq(tenant_state_text(TENANT_PAST_DUE), "past_due");
	ck_assert_str_eq(stream_class_text(CLASS_TRANSACTIONAL), "transactional");
	ck_assert_str_eq(limit_unit_text(LIMIT_BYTES), "bytes");
}
END_TEST

START_TEST(rows)
{
	size_t count = 0;

	for (const struct setting_row *r = settings_rows(); r->key != NULL; r++, count++) {
		ck_assert_ptr_nonnull(r->block);
		ck_assert_ptr_nonnull(r->type);
		ck_assert_msg(r->help != NULL && r->help[0] != '\0', "%s.%s", r->block, r->key);
		for (const struct setting_row *k = settings_rows(); k != r; k++)
			ck_assert(
			    strcmp(k->block, r->block) != 0 || strcmp(k->key, r->key) != 0);
	}
	ck_assert_uint_gt(count, 60);
}
END_TEST

/* The words for laws are those of the table of laws, in its order. */
START_TEST(laws)
{
	const struct setting_row *row = settings_rows();

	while (row->key != NULL &&
	       (strcmp(row->block, "tenant.streams") != 0 || strcmp(row->key, "law") != 0))
		row++;
	ck_assert_ptr_nonnull(row->key);
	for (unsigned i = 0; i < LAW_COUNT; i++)
		ck_assert_str_eq(row->field->words[i], law_row((enum law)i)->word);
	ck_assert_ptr_null(row->field->words[LAW_COUNT]);
	ck_assert_str_eq(row->fallback, law_row(LAW_STRICT)->word);
}
END_TEST

START_TEST(show)
{
	static const char changed[] =
	    "policyd = {\n\tconnections = \"2000\";\n\tpast_due_grace = \"36h\";\n"
	    "\tunknown_login = \"refuse\";\n};\n"
	    "milter = {\n\tkeys = \"/a \\\"b\\\\\";\n};\n"
	    "store = {\n\tmap_size = \"512Mi\";\n\tdurability = \"relaxed\";\n};\n"
	    "plans = (\n\t{\n\t\tname = \"a\";\n\t\trecipients = [\"5/h\", \"6/d\"];\n"
	    "\t\trate = [\"1/s\"];\n\t\toverage = \"alert\";\n"
	    "\t\tlogin = {\n\t\t\tbytes = [\"1G/d\"];\n\t\t};\n\t},\n"
	    "\t{\n\t\tname = \"b\";\n\t}\n);\n"
	    "sources = (\n\t{\n\t\tname = \"a\";\n\t\taddress4 = \"192.0.2.1\";\n"
	    "\t\thelo = \"a.example\";\n\t},\n"
	    "\t{\n\t\tname = \"m\";\n\t\trelay = \"[r]:587\";\n"
	    "\t\tmailbox = \"m@t.example\";\n\t}\n);\n"
	    "pools = (\n\t{\n\t\tname = \"x\";\n\t\tsources = [\"a\"];\n"
	    "\t\tcapacity = [\"9/d\"];\n\t},\n"
	    "\t{\n\t\tname = \"y\";\n\t\tstrategy = \"sticky\";\n\t\tmembers = (\n"
	    "\t\t\t{\n\t\t\t\tsource = \"a\";\n\t\t\t\tlimit = [\"5/h\"];\n\t\t\t},\n"
	    "\t\t\t{\n\t\t\t\tsource = \"m\";\n\t\t\t\tweight = \"0.5\";\n"
	    "\t\t\t\tgap = \"3m\";\n\t\t\t}\n\t\t);\n\t\tgap = \"30s\";\n\t}\n);\n"
	    "pool_rules = (\n\t{\n\t\tclass = \"bulk\";\n\t\tpool = \"x\";\n\t}\n);\n";
	struct fixture f;
	struct snapshot *s;
	struct buf out = BUF_INIT(65536), again = BUF_INIT(65536);

	/* Nothing is changed when nothing is written. */
	set_up(&f, "");
	s = load(&f, NULL);
	snapshot_show(s, true, &out);
	ck_assert_str_eq(buf_cstr(&out), "");
	ck_assert_str_eq(snapshot_provider(s)->policyd.user, "penguin");
	ck_assert_uint_eq(snapshot_provider(s)->store.map_ceiling, UINT64_C(8) << 30);
	ck_assert_int_eq(snapshot_provider(s)->policyd.idle_timeout_s, 310);
	ck_assert_int_eq(snapshot_provider(s)->store.relaxed_interval_ms, 100);
	ck_assert(!snapshot_provider(s)->store.relaxed);
	snapshot_unref(&s);
	/* What is shown reads as the same again. */
	for (int all = 0; all < 2; all++) {
		put(&f, "p.conf", changed);
		s = load(&f, NULL);
		ck_assert_str_eq(report(&f), "");
		buf_reset(&out);
		snapshot_show(s, all == 0, &out);
		snapshot_unref(&s);
		if (all == 0)
			ck_assert_str_eq(buf_cstr(&out), changed);
		put(&f, "p.conf", buf_cstr(&out));
		s = load(&f, NULL);
		ck_assert_str_eq(report(&f), "");
		buf_reset(&again);
		snapshot_show(s, all == 0, &again);
		ck_assert_str_eq(buf_cstr(&again), buf_cstr(&out));
		snapshot_unref(&s);
	}
	buf_free(&out);
	buf_free(&again);
	tear_down(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("settings");
	TCase *cases = tcase_create("settings");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, tenant_errors);
	tcase_add_test(cases, provider_errors);
	tcase_add_test(cases, files_that_are_none);
	tcase_add_test(cases, contents);
	tcase_add_test(cases, streams);
	tcase_add_test(cases, conflicts);
	tcase_add_test(cases, conflicts_below);
	tcase_add_test(cases, hosts);
	tcase_add_test(cases, reload);
	tcase_add_test(cases, provider_changes);
	tcase_add_test(cases, pools);
	tcase_add_test(cases, pool_size);
	tcase_add_test(cases, states);
	tcase_add_test(cases, rows);
	tcase_add_test(cases, laws);
	tcase_add_test(cases, show);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
