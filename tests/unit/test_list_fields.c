/* test_list_fields - List-Unsubscribe: what is there, what may leave, what stands there in the end.
 * What goes with it is test_rules'. */
#include <check.h>
#include <stdlib.h>

#include "list_fields.h"
#include "token_payload.h"
#include "unit_snapshot.h"
#include "unit_token.h"

#define HOST   "click.acme.example"
#define PREFIX "https://" HOST "/u/"
#define RCPT   "Jo@dest.example"

static struct snapshot *snapshot;
static struct token_key *key;

static const char *const tenants[] = {
	"tenant = \"acme\"; domains = ( { name = \"acme.example\"; subdomains = true;\n"
	"  tracking_host = \"" HOST "\"; } );",
	"tenant = \"beta\"; domains = ( { name = \"beta.example\"; tracking_host = "
	"\"t.beta.example\"; } );",
};

static void load(void)
{
	snapshot = unit_snapshot(tenants, ARRAY_SIZE(tenants));
	key = unit_key(TOKEN_UNSUBSCRIBE, "acme");
}

static void unload(void)
{
	token_key_free(&key);
	snapshot_unref(&snapshot);
}

/* "https://HOST/u/TOKEN" */
static void put_uri(struct buf *out, const char *stream, const char *address, const char *host)
{
	const struct token_unsubscribe t = {
		.message = 7, .stream = span_cstr(stream), .address = span_cstr(address)
	};
	struct buf payload = BUF_INIT(1024);

	token_put_unsubscribe(&payload, &t);
	buf_printf(out, "https://%s/u/", host);
	ck_assert_int_eq(token_seal(key, span_cstr(host), buf_span(&payload), out), ERR_OK);
	buf_free(&payload);
}

struct answer {
	enum list_fault fault;
	char subject[64];
	bool one_click;
	char unsubscribe[2048]; /* in the end; "-" none */
};

/* fields: "Name:value|Name:value" */
static struct answer ask(const char *fields, bool single, const char *mailto)
{
	struct message *m =
	    message_new(SPAN("a@acme.example"), SPAN("acme"), SPAN("192.0.2.1"));
	struct answer a = { .unsubscribe = "-" };
	struct list_decision decision;
	struct buf uri = BUF_INIT(2048);
	struct list_facts facts = { .snapshot = snapshot,
		.tenant = snapshot_find_tenant(snapshot, SPAN("acme")),
		.host = SPAN(HOST),
		.key = key,
		.stream = SPAN("news"),
		.mailto = span_cstr(mailto) };
	struct span rest = span_cstr(fields), piece;

	message_add_header(m, SPAN("From"), SPAN(" a@acme.example"));
	while (span_next(&rest, '|', &piece)) {
		size_t colon = span_find(piece, ':', 0);

		message_add_header(m, span_head(piece, colon), span_from(piece, colon + 1));
	}
	ck_assert_int_eq(m->fault, MESSAGE_FINE);
	if (single) {
		put_uri(&uri, "news", RCPT, HOST);
		facts.own_uri = buf_span(&uri);
		facts.recipient = SPAN(RCPT);
	}
	ck_assert_int_eq(list_decide(m, &facts, &decision), ERR_OK);
	a.fault = decision.fault;
	ck_assert(span_copy(decision.subject, a.subject, sizeof a.subject));
	a.one_click = decision.one_click;
	if (a.fault == LIST_FINE) {
		const struct header *h =
		    message_find_header(m, SPAN(LIST_UNSUBSCRIBE), 0, NULL);

		if (decision.replace)
			ck_assert(
			    span_copy(decision.value, a.unsubscribe, sizeof a.unsubscribe));
		else if (h != NULL)
			ck_assert(span_copy(h->value, a.unsubscribe, sizeof a.unsubscribe));
	}
	buf_free(&uri);
	message_free(&m);
	return a;
}

START_TEST(added)
{
	struct answer a = ask("", true, "u@acme.example");
	struct buf want = BUF_INIT(2048);

	buf_add_cstr(&want, " <");
	put_uri(&want, "news", RCPT, HOST);
	buf_add_cstr(&want, ">,\n <mailto:u@acme.example>");
	ck_assert_str_eq(a.unsubscribe, buf_cstr(&want));
	ck_assert(a.one_click);
	/* no address to be read in it */
	ck_assert_ptr_null(strstr(a.unsubscribe, "dest"));
	a = ask("", true, "");
	ck_assert_ptr_null(strchr(a.unsubscribe, ','));
	/* several recipients: there is no URI for all of them */
	a = ask("", false, "u@acme.example");
	ck_assert_str_eq(a.unsubscribe, "-");
	ck_assert(!a.one_click);
	buf_free(&want);
}
END_TEST

/* The value in the end: "=" as it came, "own" our URI, "own,x" our URI and x. */
static const struct {
	const char *fields;
	const char *unsubscribe;
	enum list_fault fault;
} rows[] = {
	/* the tenant's own URI stays */
	{ "List-Unsubscribe: <https://acme.example/u?id=7>", "=", LIST_FINE },
	{ "List-Unsubscribe: <https://x.acme.example/u>, <mailto:a@b.example>", "=",
	    LIST_FINE },
	/* only mailto: ours comes in front, theirs stays */
	{ "List-Unsubscribe: <mailto:a@b.example?subject=u>",
	    "own,<mailto:a@b.example?subject=u>", LIST_FINE },
	/* repaired */
	{ "List-Unsubscribe: <http://acme.example/u>", "own", LIST_FINE },
	{ "List-Unsubscribe: https://acme.example/u", "own", LIST_FINE },
	{ "List-Unsubscribe:", "own", LIST_FINE },
	{ "List-Unsubscribe: <https://acme.example/\n u>", "<https://acme.example/u>",
	    LIST_FINE },
	{ "List-Unsubscribe: <https://acme.example/1>, <https://acme.example/2>",
	    "<https://acme.example/1>", LIST_FINE },
	{ "List-Unsubscribe: <https://acme.example/1>|list-unsubscribe: "
	  "<https://acme.example/1>",
	    "<https://acme.example/1>", LIST_FINE },
	/* ours, but not of this message: a token that does not open, another of our hosts */
	{ "List-Unsubscribe: <" PREFIX "AAAA>", "own", LIST_FINE },
	{ "List-Unsubscribe: <https://" HOST "/c/AAAA>", "own", LIST_FINE },
	/* strangers' */
	{ "List-Unsubscribe: <https://esp.example/u>", "", LIST_FOREIGN },
	{ "List-Unsubscribe: <mailto:a@b.example>, <https://esp.example/u>", "", LIST_FOREIGN },
	{ "List-Unsubscribe: <https://acme.example.evil.example/u>", "", LIST_FOREIGN },
	{ "List-Unsubscribe: <https://acme.example@evil.example/u>", "", LIST_FOREIGN },
	{ "List-Unsubscribe: <https://t.beta.example/u/AAAA>", "", LIST_FOREIGN },
	{ "List-Unsubscribe: <https://beta.example/u>", "", LIST_FOREIGN },
	{ "List-Unsubscribe: <HTTPS://ESP.example/u>", "", LIST_FOREIGN },
	{ "List-Unsubscribe: <https:>", "", LIST_FOREIGN },
	{ "List-Unsubscribe: <https://acme.example/1>|List-Unsubscribe: <mailto:a@b.example>",
	    "", LIST_TWICE },
};

START_TEST(what_is_there)
{
	struct answer a = ask(rows[_i].fields, true, "");
	const char *want = rows[_i].unsubscribe;
	struct buf text = BUF_INIT(4096);

	ck_assert_msg(a.fault == rows[_i].fault, "%s: fault %d", rows[_i].fields, a.fault);
	if (a.fault != LIST_FINE)
		return;
	if (strcmp(want, "=") == 0) {
		struct span field = span_cstr(rows[_i].fields);

		field = span_head(field, span_find(field, '|', 0));
		buf_add_span(&text, span_from(field, strlen("List-Unsubscribe:")));
	} else if (span_starts(span_cstr(want), SPAN("own"))) {
		buf_add_cstr(&text, " <");
		put_uri(&text, "news", RCPT, HOST);
		buf_printf(&text, ">%s%s", want[3] == ',' ? ",\n " : "",
		    want[3] == ',' ? want + 4 : "");
	} else {
		buf_printf(&text, " %s", want);
	}
	ck_assert_msg(strcmp(a.unsubscribe, buf_cstr(&text)) == 0, "%s:\n%s\n%s",
	    rows[_i].fields, a.unsubscribe, buf_cstr(&text));
	ck_assert(a.one_click);
	buf_free(&text);
}
END_TEST

/* A second time through: our own URI for this recipient and stream stays, others' go. */
START_TEST(again)
{
	static const struct {
		const char *stream, *address, *host;
		bool stays;
	} table[] = {
		{ "news", RCPT, HOST, true }, { "other", RCPT, HOST, false },
		{ "news", "jo@dest.example", HOST, false },
		{ "news", RCPT, "click2.acme.example",
		    true }, /* a host of the tenant's domain */
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct buf field = BUF_INIT(4096);
		struct answer a;

		buf_add_cstr(&field, "List-Unsubscribe: <");
		put_uri(&field, table[i].stream, table[i].address, table[i].host);
		buf_add_cstr(&field, ">");
		a = ask(buf_cstr(&field), true, "u@acme.example");
		ck_assert_int_eq(a.fault, LIST_FINE);
		ck_assert_msg((strchr(a.unsubscribe, ',') == NULL) == table[i].stays, "%zu: %s",
		    i, a.unsubscribe);
		buf_free(&field);
	}
}
END_TEST

/* Bounds: 16 URIs are read, the 17th is not; a line over the bound is not written. */
START_TEST(bounds)
{
	for (size_t extra = 0; extra < 2; extra++) {
		struct buf field = BUF_INIT(65536);
		struct answer a;

		buf_add_cstr(&field, "List-Unsubscribe:");
		for (size_t i = 0; i < LIST_URIS_MAX - 1 + extra; i++)
			buf_add_cstr(&field, "<mailto:a@b.example>,");
		buf_add_cstr(&field, "<https://esp.example/>");
		a = ask(buf_cstr(&field), true, "");
		ck_assert_int_eq(a.fault, extra == 0 ? LIST_FOREIGN : LIST_FINE);
		buf_free(&field);
	}
	for (size_t extra = 0; extra < 2; extra++) {
		struct message *m = message_new(SPAN("a"), SPAN("a"), SPAN("a"));
		struct list_decision decision;
		struct list_facts facts = { .snapshot = snapshot,
			.tenant = 0,
			.host = SPAN(HOST),
			.key = key,
			.stream = SPAN("news"),
			.recipient = SPAN(RCPT) };
		char uri[LIST_VALUE_MAX + 1];

		/* "List-Unsubscribe:" " <" URI ">" */
		memset(uri, 'x', sizeof uri);
		facts.own_uri = span_make(uri, LIST_VALUE_MAX - 17 - 3 + extra);
		ck_assert_int_eq(
		    list_decide(m, &facts, &decision), extra == 0 ? ERR_OK : ERR_TOOBIG);
		message_free(&m);
	}
}
END_TEST

START_TEST(uris)
{
	struct span rest = SPAN(" <a>, x <b c> ,<d"), uri;

	ck_assert(list_next_uri(&rest, &uri) && span_eq(uri, SPAN("a")));
	ck_assert(list_next_uri(&rest, &uri) && span_eq(uri, SPAN("b c")));
	ck_assert(!list_next_uri(&rest, &uri));
	ck_assert(!list_next_uri(&rest, &uri));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("list_fields");
	TCase *all = tcase_create("list_fields");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_unchecked_fixture(all, load, unload);
	tcase_add_test(all, added);
	tcase_add_loop_test(all, what_is_there, 0, ARRAY_SIZE(rows));
	tcase_add_test(all, again);
	tcase_add_test(all, bounds);
	tcase_add_test(all, uris);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
