/* test_postconf - edits of main.cf and master.cf change what they should and no other octet; and
 * attaching is undone by detaching. */
#include <check.h>
#include <stdlib.h>

#include "diff.h"
#include "hookup.h"
#include "inspect.h"
#include "postconf.h"

static const char main_cf[] = "# comment = not one\n"
			      "a = 1\n"
			      "list = x,\n"
			      "# between\n"
			      "\n"
			      "   y {z, w = v}  \n"
			      "a = 2\n"
			      "empty =\n"
			      "first_on_next =\n"
			      "   # c\n"
			      "   p q\n"
			      "last = end";

static const char master_cf[] = "smtp inet n - y - - smtpd\n"
				"# c\n"
				"submission inet n - y - - smtpd\n"
				"  -o a=1 -o { b = 2 3 }\n"
				"#  -o commented=1\n"
				"  -o c=3\n"
				"  -oa=4\n"
				"x unix - n n - - pipe\n"
				"  flags=F user=ftn argv=/x -o r $nexthop\n";

static const struct {
	const char *name, *value; /* flat */
	unsigned line;
} found[] = {
	{ "a", "2", 7 },
	{ "list", "x, y {z, w = v}", 3 },
	{ "empty", "", 8 },
	{ "first_on_next", "p q", 9 },
	{ "last", "end", 12 },
};

START_TEST(finds)
{
	struct postconf_parameter p;
	struct buf flat = BUF_INIT(1024);

	ck_assert(postconf_find(span_cstr(main_cf), span_cstr(found[_i].name), &p));
	postconf_flatten(p.value, &flat);
	ck_assert_str_eq(buf_cstr(&flat), found[_i].value);
	ck_assert_uint_eq(p.line, found[_i].line);
	ck_assert(!postconf_find(span_cstr(main_cf), SPAN("# comment"), &p));
	ck_assert(!postconf_find(span_cstr(main_cf), SPAN("w"), &p));
	buf_free(&flat);
}
END_TEST

/* Setting a value and setting it back leaves every octet; removing an added one as well. */
START_TEST(sets_and_unsets)
{
	struct span text = span_cstr(main_cf);
	struct postconf_parameter p;

	for (size_t i = 0; i < ARRAY_SIZE(found); i++) {
		struct buf once = BUF_INIT(4096), back = BUF_INIT(4096);
		struct span name = span_cstr(found[i].name);

		ck_assert(postconf_find(text, name, &p));
		postconf_set(text, name, SPAN("new value"), &once);
		postconf_set(buf_span(&once), name, p.value, &back);
		ck_assert(postconf_find(buf_span(&back), name, &p));
		ck_assert_msg(span_eq(buf_span(&back), text) || p.value.n == 0, "%s: %s",
		    found[i].name, buf_cstr(&back));
		buf_free(&once);
		buf_free(&back);
	}
	{
		struct buf once = BUF_INIT(4096), back = BUF_INIT(4096);

		postconf_set(text, SPAN("fresh"), SPAN("v"), &once);
		ck_assert_str_eq(buf_cstr(&once) + strlen(main_cf), "\nfresh = v\n");
		postconf_remove(buf_span(&once), SPAN("fresh"), &back);
		ck_assert(span_starts(buf_span(&back), text) && back.n == text.n + 1);
		buf_free(&once);
		buf_free(&back);
	}
}
END_TEST

static const struct {
	const char *value, *element, *first, *last, *removed; /* removed: of "x" */
} lists[] = {
	{ "", "E", "E", "E", "" },
	{ "x", "E", "E, x", "x, E", "" },
	{ "x, y", "E", "E, x, y", "x, y, E", "y" },
	{ "y, x", "E", "E, y, x", "y, x, E", "y" },
	{ "y x z", "E", "E, y x z", "y x z, E", "y z" },
	{ "x,", "E", "E, x,", "x, E", "" },
	{ "{ x, y=z }, w", "E", "E, { x, y=z }, w", "{ x, y=z }, w, E", "{ x, y=z }, w" },
	{ "y,\n  # c\n  x", "E", "E, y,\n  # c\n  x", "y,\n  # c\n  x, E", "y,\n  # c" },
	{ "x,\n  y", "E", "E, x,\n  y", "x,\n  y, E", "\n  y" },
};

START_TEST(edits_lists)
{
	struct span value = span_cstr(lists[_i].value), each;
	struct buf first = BUF_INIT(1024), last = BUF_INIT(1024), removed = BUF_INIT(1024);
	size_t offset = 0;
	bool there = false;

	postconf_list_prepend(value, span_cstr(lists[_i].element), &first);
	postconf_list_append(value, span_cstr(lists[_i].element), &last);
	ck_assert_str_eq(buf_cstr(&first), lists[_i].first);
	ck_assert_str_eq(buf_cstr(&last), lists[_i].last);
	while (!there && postconf_element(value, &offset, &each))
		there = span_eq(each, SPAN("x"));
	if (there) {
		postconf_list_remove(value, each, each, &removed);
		ck_assert_str_eq(buf_cstr(&removed), lists[_i].removed);
	}
	buf_free(&first);
	buf_free(&last);
	buf_free(&removed);
}
END_TEST

START_TEST(edits_options)
{
	struct span text = span_cstr(master_cf);
	struct master_service s;
	struct master_option o;
	struct buf out = BUF_INIT(4096), back = BUF_INIT(4096);
	size_t offset = 0, count = 0;

	while (master_next(text, &offset, &s))
		count++;
	ck_assert_uint_eq(count, 3);
	ck_assert(master_find(text, SPAN("submission"), SPAN("inet"), &s));
	ck_assert(span_eq(s.chroot, SPAN("y")) && s.line == 3);
	ck_assert(master_find_option(text, &s, SPAN("a"), &o));
	ck_assert(span_eq(o.value, SPAN("4")));
	ck_assert(master_find_option(text, &s, SPAN("b"), &o));
	ck_assert(span_eq(o.value, SPAN("2 3")));
	ck_assert(!master_find_option(text, &s, SPAN("commented"), &o));
	master_set_option(text, &s, SPAN("c"), SPAN("{ u, v = w }, x"), &out);
	ck_assert(strstr(buf_cstr(&out), "\n  -o { c = { u, v = w }, x }\n  -oa=4\n") != NULL);
	ck_assert(master_find(buf_span(&out), SPAN("submission"), SPAN("inet"), &s));
	master_set_option(buf_span(&out), &s, SPAN("c"), SPAN("3"), &back);
	ck_assert_str_eq(buf_cstr(&back), master_cf);
	buf_reset(&out);
	buf_reset(&back);
	/* added and taken away */
	ck_assert(master_find(text, SPAN("submission"), SPAN("inet"), &s));
	master_set_option(text, &s, SPAN("fresh"), SPAN("1"), &out);
	ck_assert(strstr(buf_cstr(&out), "  -oa=4\n  -o fresh=1\nx unix") != NULL);
	ck_assert(master_find(buf_span(&out), SPAN("submission"), SPAN("inet"), &s));
	master_remove_option(buf_span(&out), &s, SPAN("fresh"), &back);
	ck_assert_str_eq(buf_cstr(&back), master_cf);
	buf_reset(&out);
	/* within a line */
	ck_assert(master_find(text, SPAN("submission"), SPAN("inet"), &s));
	master_remove_option(text, &s, SPAN("b"), &out);
	ck_assert(strstr(buf_cstr(&out), "\n  -o a=1\n#  -o") != NULL);
	buf_free(&out);
	buf_free(&back);
}
END_TEST

static const struct hookup_names names = { .milter = { "unix:m/s", 8 },
	.policy = { "unix:p/s", 8 } };
static const struct hookup_names split_names = { .milter = { "unix:m/s", 8 },
	.policy = { "unix:p/s", 8 },
	.routes = { "unix:p/r", 8 },
	.split = { "127.0.0.1:10027", 15 } };
static const struct source sources[] = {
	{ .name = "ip1",
	    .address4 = "192.0.2.1",
	    .address6 = "2001:db8::1",
	    .helo = "a.example" },
	{ .name = "ip2", .address4 = "192.0.2.2", .helo = "b.example" },
	{ .name = "ip3", .address6 = "2001:db8::3", .helo = "c.example" },
	{ .name = "relay", .relay = "[r.example]:587", .password_maps = "hash:/p" },
};
static const struct hookup_names source_names = { .milter = { "unix:m/s", 8 },
	.policy = { "unix:p/s", 8 },
	.routes = { "unix:p/r", 8 },
	.sources = sources,
	.source_count = ARRAY_SIZE(sources) };
static const char defaults[] = "smtpd_milters =\nenable_long_queue_ids = no\n"
			       "local_header_rewrite_clients = permit_inet_interfaces\n"
			       "smtpd_forbid_bare_newline = no\n";

/* Many shapes of a site's lists: attach twice = once, and detach gives the same settings back. */
START_TEST(attaches_and_detaches)
{
	const struct hookup_names *const all[] = { &names, &split_names, &source_names },
					 *who = all[_i];
	static const char *const senders[] = { "",
		"sender_dependent_default_transport_maps = hash:/etc/x\n" };
	static const char *const milters[] = { "", "smtpd_milters =\n",
		"smtpd_milters = unix:a, unix:b\n",
		"smtpd_milters =\n  unix:a\n  # x\n  unix:b\n",
		"smtpd_milters = $mine\nmine = unix:a\n" };
	static const char *const restrictions[] = { "",
		"smtpd_recipient_restrictions = permit_mynetworks, reject\n",
		"smtpd_recipient_restrictions =\n  permit_mynetworks,\n  reject\n",
		"smtpd_recipient_restrictions = check_policy_service unix:other, reject\n" };
	static const char *const services[] = { "smtp inet n - y - - smtpd\n",
		"submission inet n - y - - smtpd\n  -o smtpd_milters=\n"
		"  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject\n",
		"465 inet n - y - - smtpd -o smtpd_milters=unix:a\n"
		"127.0.0.1:10025 inet n - n - - smtpd\n  -o smtpd_milters=\n" };

	for (size_t i = 0;
	     i < ARRAY_SIZE(milters) * ARRAY_SIZE(restrictions) * ARRAY_SIZE(services); i++) {
		const char *master = services[i % ARRAY_SIZE(services)];
		struct hookup one = { 0 }, two = { 0 }, off = { 0 };
		struct buf text = BUF_INIT(4096), changes = BUF_INIT(65536);
		struct span first, last;
		struct postconf_parameter p;

		buf_add_cstr(&text, "myhostname = x\n");
		buf_add_cstr(&text, milters[i / ARRAY_SIZE(services) % ARRAY_SIZE(milters)]);
		buf_add_cstr(
		    &text, restrictions[i / ARRAY_SIZE(services) / ARRAY_SIZE(milters)]);
		buf_add_cstr(&text, senders[i % ARRAY_SIZE(senders)]);
		ck_assert_int_eq(hookup_init(&one, buf_span(&text), span_cstr(master)), ERR_OK);
		ck_assert_int_eq(hookup_attach(&one, who, span_cstr(defaults)), ERR_OK);
		ck_assert(postconf_find(
		    buf_span(&one.main), SPAN("smtpd_recipient_restrictions"), &p));
		ck_assert(hookup_find_policy(p.value, who->policy, &first, &last));
		ck_assert_ptr_eq(first.p, p.value.p);
		ck_assert(postconf_find(buf_span(&one.main), SPAN("smtpd_milters"), &p));
		ck_assert(hookup_find_milter(p.value, who->milter, &first));
		ck_assert_ptr_eq(first.p + first.n, p.value.p + p.value.n);
		ck_assert(strstr(buf_cstr(&one.master), "10025 inet n - n - - smtpd\n  -o "
							"smtpd_milters=\n") != NULL ||
			  strstr(master, "10025") == NULL);

		ck_assert_int_eq(
		    hookup_init(&two, buf_span(&one.main), buf_span(&one.master)), ERR_OK);
		ck_assert_int_eq(hookup_attach(&two, who, span_cstr(defaults)), ERR_OK);
		ck_assert_ptr_null(two.changes);

		ck_assert_int_eq(
		    hookup_init(&off, buf_span(&one.main), buf_span(&one.master)), ERR_OK);
		ck_assert_int_eq(hookup_detach(&off, who, buf_span(&text), span_cstr(master),
				     span_cstr(defaults)),
		    ERR_OK);
		diff_unified(&changes, "x", buf_span(&text), buf_span(&off.main));
		diff_unified(&changes, "y", span_cstr(master), buf_span(&off.master));
		ck_assert_str_eq(buf_cstr(&changes), "");
		hookup_deinit(&one);
		hookup_deinit(&two);
		hookup_deinit(&off);
		buf_free(&text);
		buf_free(&changes);
	}
}
END_TEST

/* Without the texts from before, list elements go and single values stay. */
START_TEST(detaches_blindly)
{
	struct hookup h = { 0 };

	ck_assert_int_eq(hookup_init(&h,
			     SPAN("smtpd_milters = unix:a, { unix:m/s, x=y }\n"
				  "enable_long_queue_ids = yes\n"
				  "smtpd_end_of_data_restrictions = check_policy_service "
				  "{ unix:p/s, timeout=1s }\n"),
			     SPAN("")),
	    ERR_OK);
	ck_assert_int_eq(
	    hookup_detach(&h, &names, SPAN(""), SPAN(""), span_cstr(defaults)), ERR_OK);
	ck_assert_str_eq(
	    buf_cstr(&h.main), "smtpd_milters = unix:a\nenable_long_queue_ids = yes\n");
	hookup_deinit(&h);
}
END_TEST

/* What the split adds, to the letter where it counts; another port moves it; nothing but ours goes
 * when the texts from before are not known. */
START_TEST(splits)
{
	static const char master[] = "smtp inet n - y - - smtpd\n"
				     "rewrite unix - - y - - trivial-rewrite\n";
	static const char main[] = "sender_dependent_default_transport_maps = hash:/a\n";
	struct hookup_names moved = split_names;
	struct hookup one = { 0 }, two = { 0 }, off = { 0 };
	struct master_service s;
	struct master_option o;

	ck_assert_int_eq(hookup_init(&one, span_cstr(main), span_cstr(master)), ERR_OK);
	ck_assert_int_eq(hookup_attach(&one, &split_names, span_cstr(defaults)), ERR_OK);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&one.main),
	    "sender_dependent_default_transport_maps = hash:/a, socketmap:unix:p/r:sdt\n"));
	ck_assert_ptr_nonnull(
	    strstr(one.main.p, "penguin-split_destination_recipient_limit = 1\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&one.master),
	    "penguin-rewrite unix - - y - - trivial-rewrite\n"
	    "  -o sender_dependent_default_transport_maps=hash:/a\n"));
	ck_assert_ptr_nonnull(strstr(one.master.p,
	    "smtp inet n - y - - smtpd\n  -o rewrite_service_name=penguin-rewrite\n"));
	ck_assert(
	    master_find(buf_span(&one.master), SPAN("127.0.0.1:10027"), SPAN("inet"), &s));
	ck_assert(hookup_is_split(buf_span(&one.master), &s));
	ck_assert(master_find_option(buf_span(&one.master), &s, SPAN("smtpd_milters"), &o));
	ck_assert(hookup_find_milter(o.value, split_names.milter, &(struct span){ 0 }));
	ck_assert(!hookup_split_conflict(buf_span(&one.master), split_names.split, &s));
	ck_assert(hookup_split_conflict(
	    SPAN("[::1]:10027 inet n - n - - smtpd\n"), split_names.split, &s));
	ck_assert(!hookup_split_conflict(
	    SPAN("[::1]:1002 inet n - n - - smtpd\n"), split_names.split, &s));

	moved.split = SPAN("127.0.0.1:10028");
	ck_assert_int_eq(hookup_init(&two, buf_span(&one.main), buf_span(&one.master)), ERR_OK);
	ck_assert_int_eq(hookup_attach(&two, &moved, span_cstr(defaults)), ERR_OK);
	ck_assert(
	    !master_find(buf_span(&two.master), SPAN("127.0.0.1:10027"), SPAN("inet"), &s));
	ck_assert(
	    master_find(buf_span(&two.master), SPAN("127.0.0.1:10028"), SPAN("inet"), &s));

	ck_assert_int_eq(hookup_init(&off, buf_span(&two.main), buf_span(&two.master)), ERR_OK);
	ck_assert_int_eq(
	    hookup_detach(&off, &names, SPAN(""), SPAN(""), span_cstr(defaults)), ERR_OK);
	ck_assert_str_eq(buf_cstr(&off.master), master);
	hookup_deinit(&one);
	hookup_deinit(&two);
	hookup_deinit(&off);
}
END_TEST

/* A transport for each source, to the letter; what differs is mended, what the administrator added
 * stays; nothing but ours goes. */
START_TEST(sources_are_transports)
{
	static const char master[] = "smtp unix - - y - - smtp\n"
				     "rewrite unix - - y - - trivial-rewrite\n";
	static const char wanted[] = "penguin-out-ip1 unix - - y - - smtp\n"
				     "    -o syslog_name=postfix/penguin-out-ip1\n"
				     "    -o smtp_bind_address=192.0.2.1\n"
				     "    -o smtp_bind_address6=2001:db8::1\n"
				     "    -o smtp_bind_address_enforce=yes\n"
				     "    -o smtp_helo_name=a.example\n"
				     "penguin-out-ip2 unix - - y - - smtp\n"
				     "    -o syslog_name=postfix/penguin-out-ip2\n"
				     "    -o smtp_bind_address=192.0.2.2\n"
				     "    -o smtp_bind_address_enforce=yes\n"
				     "    -o inet_protocols=ipv4\n"
				     "    -o smtp_helo_name=b.example\n"
				     "penguin-out-ip3 unix - - y - - smtp\n"
				     "    -o syslog_name=postfix/penguin-out-ip3\n"
				     "    -o smtp_bind_address6=2001:db8::3\n"
				     "    -o smtp_bind_address_enforce=yes\n"
				     "    -o inet_protocols=ipv6\n"
				     "    -o smtp_helo_name=c.example\n"
				     "penguin-out-relay unix - - y - - smtp\n"
				     "    -o syslog_name=postfix/penguin-out-relay\n"
				     "    -o smtp_sasl_auth_enable=yes\n"
				     "    -o smtp_sasl_password_maps=hash:/p\n"
				     "    -o smtp_sasl_security_options=noanonymous\n"
				     "    -o smtp_tls_security_level=encrypt\n";
	static const char edits[][2][64] = {
		{ "=a.example", "=a.example\n    -o smtp_line_length_limit=0" },
		{ "=192.0.2.2", "=192.0.2.9" },
		{ "    -o inet_protocols=ipv6\n", "" },
		{ "hash:/p", "hash:/q" },
		{ "level=encrypt", "level=verify" },
	};
	struct buf known = BUF_INIT(1024), edited = BUF_INIT(8192);
	struct hookup one = { 0 }, two = { 0 }, off = { 0 };
	struct span rest;

	buf_printf(&known, "%ssmtp_bind_address_enforce = no\n", defaults);
	ck_assert_int_eq(hookup_init(&one, SPAN(""), span_cstr(master)), ERR_OK);
	ck_assert_int_eq(hookup_attach(&one, &source_names, buf_span(&known)), ERR_OK);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&one.master), wanted));
	ck_assert_ptr_nonnull(strstr(one.master.p, "penguin-rewrite unix - - y"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&one.main),
	    "sender_dependent_default_transport_maps = socketmap:unix:p/r:sdt\n"));
	/* Edited: ours is mended, TLS and what was added are the administrator's. */
	rest = buf_span(&one.master);
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		const char *hit = strstr(rest.p, edits[i][0]);

		ck_assert_ptr_nonnull(hit);
		buf_add_span(&edited, span_head(rest, (size_t)(hit - rest.p)));
		buf_add_cstr(&edited, edits[i][1]);
		rest = span_from(rest, (size_t)(hit - rest.p) + strlen(edits[i][0]));
	}
	buf_add_span(&edited, rest);
	ck_assert_int_eq(hookup_init(&two, buf_span(&one.main), buf_span(&edited)), ERR_OK);
	ck_assert_int_eq(hookup_attach(&two, &source_names, buf_span(&known)), ERR_OK);
	ck_assert_ptr_null(strstr(buf_cstr(&two.master), "192.0.2.9"));
	ck_assert_ptr_nonnull(strstr(two.master.p, "inet_protocols=ipv6"));
	ck_assert_ptr_nonnull(strstr(two.master.p, "smtp_tls_security_level=verify"));
	ck_assert_ptr_nonnull(strstr(two.master.p, "smtp_sasl_password_maps=hash:/p"));
	ck_assert_ptr_nonnull(strstr(two.master.p, "smtp_line_length_limit=0"));
	ck_assert_int_eq(hookup_init(&off, buf_span(&two.main), buf_span(&two.master)), ERR_OK);
	ck_assert_int_eq(
	    hookup_detach(&off, &source_names, SPAN(""), SPAN(""), buf_span(&known)), ERR_OK);
	ck_assert_str_eq(buf_cstr(&off.master), master);
	hookup_deinit(&one);
	hookup_deinit(&two);
	hookup_deinit(&off);
	buf_free(&edited);
	buf_free(&known);
}
END_TEST

static void expect_findings(const char *parameters, const char *master, const char *expected)
{
	struct inspect_input input = { .parameters = span_cstr(parameters),
		.services = span_cstr(master),
		.names = source_names };
	struct findings findings;
	struct buf text = BUF_INIT(8192);

	input.names.source_count = 1;
	ck_assert(findings_init(&findings));
	inspect_sources(&input, &findings);
	for (const struct finding *f = findings.first; f != NULL; f = f->next)
		buf_printf(&text, "%s %.*s: %.*s\n",
		    f->severity == SEVERITY_ERROR ? "error" : "warning", SPAN_ARG(f->subject),
		    SPAN_ARG(f->fact));
	ck_assert_str_eq(buf_cstr(&text), expected);
	buf_free(&text);
	findings_deinit(&findings);
}

START_TEST(sources_are_inspected)
{
#define FIRST                                                                                  \
	"penguin-out-ip1 unix - - n - - smtp -o syslog_name=postfix/penguin-out-ip1 "          \
	"-o smtp_bind_address=192.0.2.1 -o smtp_bind_address6=2001:db8::1 "                    \
	"-o smtp_helo_name=a.example"

	expect_findings("", FIRST "\n", "");
	expect_findings("", FIRST " -o smtp_connect_timeout=7s\n", "");
	expect_findings("smtp_bind_address_enforce = no\n", FIRST "\n",
	    "error penguin-out-ip1/unix: smtp_bind_address_enforce is \"\", the configuration "
	    "says \"yes\"\n");
	expect_findings("", "smtp unix - - n - - smtp\n",
	    "error master.cf: the transport penguin-out-ip1 of source \"ip1\" is missing\n");
	expect_findings("", "penguin-out-ip1 unix - - n - - pipe\n",
	    "error penguin-out-ip1/unix: runs pipe, not smtp: its name is that of source "
	    "\"ip1\"\n");
	expect_findings("",
	    FIRST " -o inet_protocols=ipv4\npenguin-out-x unix - - n - - smtp\n",
	    "warning master.cf: the transport penguin-out-x belongs to no source\n"
	    "error penguin-out-ip1/unix: inet_protocols is \"ipv4\", the configuration says "
	    "\"\"\n");
	expect_findings("transport_maps = hash:/t\nsmtp_fallback_relay = r\n", FIRST "\n",
	    "warning main.cf: transport_maps is set (hash:/t): recipients that it knows leave "
	    "by its transports, not from their source\n"
	    "warning main.cf: smtp_fallback_relay is set (r): mail that a source cannot "
	    "deliver "
	    "leaves by the fallback\n");
}
END_TEST

START_TEST(diffs)
{
	struct buf out = BUF_INIT(4096);

	diff_unified(&out, "f", SPAN("1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
	    SPAN("1\n2\n3\n4\nfive\n6\n7\n8\n9\nten"));
	ck_assert_str_eq(buf_cstr(&out),
	    "--- f\n+++ f\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+ten\n"
	    "\\ No newline at end of file\n");
	buf_reset(&out);
	diff_unified(&out, "f", SPAN(""), SPAN("a\n"));
	ck_assert_str_eq(buf_cstr(&out), "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
	buf_reset(&out);
	diff_unified(&out, "f", SPAN("a\n"), SPAN("a\n"));
	ck_assert_str_eq(buf_cstr(&out), "");
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("postconf");
	TCase *tests = tcase_create("postconf");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, finds, 0, ARRAY_SIZE(found));
	tcase_add_test(tests, sets_and_unsets);
	tcase_add_loop_test(tests, edits_lists, 0, ARRAY_SIZE(lists));
	tcase_add_test(tests, edits_options);
	tcase_add_loop_test(tests, attaches_and_detaches, 0, 3);
	tcase_add_test(tests, splits);
	tcase_add_test(tests, sources_are_transports);
	tcase_add_test(tests, sources_are_inspected);
	tcase_add_test(tests, detaches_blindly);
	tcase_add_test(tests, diffs);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
