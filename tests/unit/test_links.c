/* test_links - which links are tracked and which are not, and what they lead to in the end. */
#include <check.h>
#include <stdlib.h>

#include "links.h"
#include "unit_snapshot.h"

static struct snapshot *snapshot;

static const char *const tenants[] = {
	"tenant = \"acme\"; domains = ( { name = \"acme.example\"; subdomains = true;\n"
	"  tracking_host = \"click.acme.example\"; }, { name = \"other.example\"; } );\n"
	"streams = ( { name = \"news\"; exclude_hosts = [\"app.acme.example\", "
	"\"m\xc3\xbcnchen.example\"]; },\n"
	"  { name = \"utm\"; utm = [\"utm_source=news\", \"utm_medium=e%20mail\"]; } );",
	"tenant = \"beta\"; domains = ( { name = \"beta.example\"; tracking_host = "
	"\"t.beta.example\"; } );",
};

static void load(void)
{
	snapshot = unit_snapshot(tenants, ARRAY_SIZE(tenants));
}

static void unload(void)
{
	snapshot_unref(&snapshot);
}

static const struct stream *stream(const char *name)
{
	const struct tenant *t =
	    snapshot_tenant(snapshot, snapshot_find_tenant(snapshot, SPAN("acme")));

	for (size_t i = 0; i < t->stream_count; i++)
		if (strcmp(t->streams[i].name, name) == 0)
			return &t->streams[i];
	return NULL;
}

static const struct span listed[] = { { "https://acme.example/u?id=7", 27 },
	{ "mailto:u@acme.example", 21 } };

static enum link_fate judge(const char *stream_name, const char *domain, const char *url,
    const char *anchor, bool foreign, struct buf *target)
{
	const struct link_rules rules = { .snapshot = snapshot,
		.stream = stream(stream_name),
		.host = SPAN("click.acme.example"),
		.domain = span_cstr(domain),
		.listed = listed,
		.listed_count = ARRAY_SIZE(listed) };
	const struct rewrite_link link = {
		.kind = REWRITE_HTML, .url = span_cstr(url), .anchor = span_cstr(anchor)
	};

	buf_reset(target);
	return links_judge(&rules, &link, foreign, target);
}

struct row {
	const char *url;
	enum link_fate fate;
	const char *target; /* NULL: as the URL */
};

static const struct row rows[] = {
	{ "https://shop.example/a?b=c&d=e#f", LINK_TRACKED, NULL },
	{ "http://shop.example", LINK_TRACKED, NULL },
	{ "HTTPS://Shop.Example/Path", LINK_TRACKED, "https://Shop.Example/Path" },
	{ "  https://shop.example/x \n", LINK_TRACKED, "https://shop.example/x" },
	{ "https://shop.example:8443/", LINK_TRACKED, NULL },
	{ "https://shop.example?x", LINK_TRACKED, NULL },
	{ "https://my_shop.example/", LINK_TRACKED, NULL },
	{ "https://192.0.2.7/x", LINK_TRACKED, NULL },
	{ "https://medium.example/@user", LINK_TRACKED, NULL },
	{ "https://shop.example/?next=https://acme.example/u?id=7", LINK_TRACKED, NULL },
	/* what browsers escape is escaped */
	{ "https://shop.example/a b\"<c>", LINK_TRACKED,
	    "https://shop.example/a%20b%22%3Cc%3E" },
	{ "https://shop.example/gr\xc3\xbc\xc3\x9f", LINK_TRACKED,
	    "https://shop.example/gr%C3%BC%C3%9F" },
	{ "https://b\xc3\xbc"
	  "cher.example:81/",
	    LINK_TRACKED, "https://xn--bcher-kva.example:81/" },
	/* schemes */
	{ "mailto:a@b.example", LINK_SCHEME, "" },
	{ "tel:+491234", LINK_SCHEME, "" },
	{ "sms:+491234", LINK_SCHEME, "" },
	{ "cid:part1", LINK_SCHEME, "" },
	{ "data:text/html,x", LINK_SCHEME, "" },
	{ "javascript:alert(1)", LINK_SCHEME, "" },
	{ "ftp://shop.example/", LINK_SCHEME, "" },
	{ "#top", LINK_SCHEME, "" },
	{ "", LINK_SCHEME, "" },
	{ "/path", LINK_SCHEME, "" },
	{ "//shop.example/", LINK_SCHEME, "" },
	{ "shop.example", LINK_SCHEME, "" },
	{ "https:shop.example", LINK_SCHEME, "" },
	{ "https:/shop.example", LINK_SCHEME, "" },
	/* hosts */
	{ "https://user@shop.example/", LINK_USERINFO, "" },
	{ "https://u:p@shop.example/", LINK_USERINFO, "" },
	{ "https://", LINK_UNREADABLE, "" },
	{ "https:///x", LINK_UNREADABLE, "" },
	{ "https://localhost/", LINK_UNREADABLE, "" },
	{ "https://[2001:db8::1]/", LINK_UNREADABLE, "" },
	{ "https://shop.example:x/", LINK_UNREADABLE, "" },
	{ "https://shop.example:/", LINK_UNREADABLE, "" },
	{ "https://shop..example/", LINK_UNREADABLE, "" },
	{ "https://sh%6fp.example/", LINK_UNREADABLE, "" },
	{ "https://shop.example\\@evil.example/", LINK_USERINFO, "" },
	{ "https://shop.example/\\evil.example/", LINK_UNREADABLE, "" },
	{ "https://shop.example/\x01", LINK_UNREADABLE, "" },
	{ "https://shop.example/\x7f", LINK_UNREADABLE, "" },
	/* ours, of any tenant, in any spelling; names beside them are not */
	{ "https://click.acme.example/c/x", LINK_OWN_HOST, "" },
	{ "http://CLICK.acme.example./c/x", LINK_OWN_HOST, "" },
	{ "https://t.beta.example/o/x", LINK_OWN_HOST, "" },
	{ "https://x.click.acme.example/", LINK_TRACKED, NULL },
	/* list fields */
	{ "https://acme.example/u?id=7", LINK_LISTED, "" },
	{ "https://acme.example/u?id=8", LINK_TRACKED, NULL },
	/* unsubscribing */
	{ "https://shop.example/UnSubscribe?x", LINK_UNSUBSCRIBE, "" },
	{ "https://shop.example/opt-out", LINK_UNSUBSCRIBE, "" },
	{ "https://shop.example/optout", LINK_UNSUBSCRIBE, "" },
	{ "https://shop.example/my/preferences", LINK_UNSUBSCRIBE, "" },
	{ "https://shop.example/newsletter/abmelden", LINK_UNSUBSCRIBE, "" },
	{ "https://shop.example/desabonner", LINK_UNSUBSCRIBE, "" },
	{ "https://shop.example/desinscription", LINK_UNSUBSCRIBE, "" },
	/* templates */
	{ "https://shop.example/{{id}}", LINK_TEMPLATE, "" },
	{ "{{url}}", LINK_TEMPLATE, "" },
	{ "https://shop.example/%7B%7Bid%7D%7D", LINK_TEMPLATE, "" },
	{ "*|UNSUB|*", LINK_TEMPLATE, "" },
	{ "https://shop.example/%%id%%", LINK_TEMPLATE, "" },
	{ "https://shop.example/${id}", LINK_TEMPLATE, "" },
	{ "https://shop.example/[[id]]", LINK_TEMPLATE, "" },
	{ "https://shop.example/{id}", LINK_TRACKED, NULL },
	{ "https://shop.example/100%25%20", LINK_TRACKED, NULL },
	{ "https://shop.example/$x", LINK_TRACKED, NULL },
	{ "https://shop.example/a[1]", LINK_TRACKED, NULL },
	/* excluded, and below; IDN by its A-label */
	{ "https://app.acme.example/x", LINK_EXCLUDED, "" },
	{ "https://x.app.acme.example/x", LINK_EXCLUDED, "" },
	{ "https://xn--mnchen-3ya.example/", LINK_EXCLUDED, "" },
	{ "https://myapp.acme.example/", LINK_TRACKED, NULL },
	/* opting out by scheme */
	{ "https+notrack://shop.example/x", LINK_OPTED_OUT, "https://shop.example/x" },
	{ "HTTP+NoTrack://shop.example/x", LINK_OPTED_OUT, "http://shop.example/x" },
};

START_TEST(fates)
{
	const struct row *row = &rows[_i];
	struct buf target = BUF_INIT(65536);
	enum link_fate fate = judge("news", "acme.example", row->url, "Go", false, &target);

	ck_assert_msg(fate == row->fate, "%s: %s, not %s", row->url, links_fate_word(fate),
	    links_fate_word(row->fate));
	if (fate == LINK_TRACKED || fate == LINK_OPTED_OUT)
		ck_assert_str_eq(
		    buf_cstr(&target), row->target != NULL ? row->target : row->url);
	buf_free(&target);
}
END_TEST

START_TEST(foreign_charsets)
{
	struct buf target = BUF_INIT(65536);

	ck_assert_int_eq(judge("news", "acme.example", "https://shop.example/?q=\xc3\xbc", "Go",
			     true, &target),
	    LINK_UNREADABLE);
	ck_assert_int_eq(
	    judge("news", "acme.example", "https://shop.example/?q=u", "Go", true, &target),
	    LINK_TRACKED);
	buf_free(&target);
}
END_TEST

START_TEST(utm)
{
	static const struct {
		const char *url, *target;
	} table[] = {
		{ "https://s.example",
		    "https://s.example?utm_source=news&utm_medium=e%20mail" },
		{ "https://s.example/",
		    "https://s.example/?utm_source=news&utm_medium=e%20mail" },
		{ "https://s.example/#x",
		    "https://s.example/?utm_source=news&utm_medium=e%20mail#x" },
		{ "https://s.example/?",
		    "https://s.example/?utm_source=news&utm_medium=e%20mail" },
		{ "https://s.example/?a=b",
		    "https://s.example/?a=b&utm_source=news&utm_medium=e%20mail" },
		{ "https://s.example/?a=b&",
		    "https://s.example/?a=b&utm_source=news&utm_medium=e%20mail" },
		{ "https://s.example/?utm_source=x",
		    "https://s.example/?utm_source=x&utm_medium=e%20mail" },
		{ "https://s.example/?utm_medium&utm_source=",
		    "https://s.example/?utm_medium&utm_source=" },
		{ "https://s.example/?xutm_source=1#utm_medium=2",
		    "https://s.example/"
		    "?xutm_source=1&utm_source=news&utm_medium=e%20mail#utm_medium=2" },
		{ "https+notrack://s.example/", "https://s.example/" },
	};
	struct buf target = BUF_INIT(65536);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		(void)judge("utm", "acme.example", table[i].url, "Go", false, &target);
		ck_assert_str_eq(buf_cstr(&target), table[i].target);
	}
	buf_free(&target);
}
END_TEST

START_TEST(texts)
{
	static const struct {
		const char *anchor;
		enum link_fate own,
		    foreign; /* with the author's tracking host, with another's */
	} table[] = {
		{ "Go", LINK_TRACKED, LINK_TRACKED },
		{ "", LINK_TRACKED, LINK_TRACKED },
		{ "<img src=x>", LINK_TRACKED, LINK_TRACKED },
		{ "<b>Un</b>subscribe", LINK_UNSUBSCRIBE, LINK_UNSUBSCRIBE },
		{ "Newsletter abbestellen", LINK_UNSUBSCRIBE, LINK_UNSUBSCRIBE },
		{ "se d&eacute;sabonner", LINK_UNSUBSCRIBE, LINK_UNSUBSCRIBE },
		{ "https://shop.example/a", LINK_TRACKED, LINK_MISLEADING },
		{ "<b>www.</b>shop.example", LINK_TRACKED, LINK_MISLEADING },
		{ " shop.example/a ", LINK_TRACKED, LINK_MISLEADING },
		{ "https://acme.example/", LINK_TRACKED, LINK_TRACKED },
		{ "click.acme.example", LINK_TRACKED, LINK_TRACKED },
		{ "notacme.example", LINK_TRACKED, LINK_MISLEADING },
		{ "version 1.2", LINK_TRACKED, LINK_TRACKED },
		{ "1.2", LINK_TRACKED, LINK_TRACKED },
		{ "see shop.example now", LINK_TRACKED, LINK_TRACKED },
		{ "jo@shop.example", LINK_TRACKED, LINK_TRACKED },
	};
	struct buf target = BUF_INIT(65536);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		ck_assert_msg(judge("news", "acme.example", "https://shop.example/",
				  table[i].anchor, false, &target) == table[i].own,
		    "%s, own", table[i].anchor);
		ck_assert_msg(judge("news", "other.example", "https://shop.example/",
				  table[i].anchor, false, &target) == table[i].foreign,
		    "%s, foreign", table[i].anchor);
	}
	buf_free(&target);
}
END_TEST

START_TEST(opt_outs)
{
	static const struct {
		const char *tag, *names; /* those found, with a blank behind each */
	} table[] = {
		{ "<a href=x>", "" },
		{ "<a href=x data-no-track>", "data-no-track " },
		{ "<a DATA-NOTRACK='' href=x>", "DATA-NOTRACK " },
		{ "<a href=x clicktracking=\"off\">", "clicktracking " },
		{ "<a href=x clicktracking=on>", "" },
		{ "<a href=x clicktracking>", "" },
		{ "<a ses:no-track href=x>", "ses:no-track " },
		{ "<a data-msys-clicktrack=0 href=x>", "data-msys-clicktrack " },
		{ "<a data-msys-clicktrack=1 href=x>", "" },
		{ "<a data-pm-no-track href=x>", "data-pm-no-track " },
		{ "<a disable-tracking=TRUE href=x data-no-track=1>",
		    "disable-tracking data-no-track " },
		{ "<a href=\"data-no-track\" title='clicktracking=off'>", "" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct rewrite_link link = { .tag = span_cstr(table[i].tag) };
		struct buf found = BUF_INIT(1024);
		struct html_attr attr;
		size_t at = 0;

		while (links_next_opt_out(&link, &at, &attr))
			buf_printf(&found, "%.*s ", (int)(attr.name_end - attr.name),
			    link.tag.p + attr.name);
		ck_assert_str_eq(buf_cstr(&found), table[i].names);
		buf_free(&found);
	}
}
END_TEST

START_TEST(hosts)
{
	char host[DOMAIN_MAX];

	ck_assert(links_host(SPAN("https://A.Example:80/x"), host));
	ck_assert_str_eq(host, "a.example");
	ck_assert(!links_host(SPAN("https://u@a.example/"), host));
	ck_assert(!links_host(SPAN("https+notrack://a.example/"), host));
	ck_assert(!links_host(SPAN("a.example"), host));
	for (int i = 0; i < LINK_FATES; i++)
		ck_assert_int_gt(strlen(links_fate_word((enum link_fate)i)), 2);
	ck_assert_str_eq(links_fate_word(LINK_FATES), "unknown");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("links");
	TCase *all = tcase_create("links");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_unchecked_fixture(all, load, unload);
	tcase_add_loop_test(all, fates, 0, ARRAY_SIZE(rows));
	tcase_add_test(all, foreign_charsets);
	tcase_add_test(all, utm);
	tcase_add_test(all, texts);
	tcase_add_test(all, opt_outs);
	tcase_add_test(all, hosts);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
