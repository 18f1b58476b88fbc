/* test_split - what pass 1 tells pass 2, and X-Track, which both read. */
#include <check.h>
#include <stdlib.h>

#include "domain.h"
#include "return_path.h"
#include "split.h"
#include "token_payload.h"
#include "unit_snapshot.h"
#include "unit_token.h"
#include "x_track.h"

#define HOST SPAN("b.acme.example")

static struct snapshot *snapshot;

static const char *const tenants[] = {
	"tenant = \"acme\"; domains = ( { name = \"acme.example\"; subdomains = true;\n"
	"  bounce_domain = \"b.acme.example\"; } );",
	"tenant = \"beta\"; domains = ( { name = \"beta.example\"; bounce_domain = "
	"\"b.beta.example\"; } );",
};

static void load(void)
{
	snapshot = unit_snapshot(tenants, ARRAY_SIZE(tenants));
}

static void unload(void)
{
	snapshot_unref(&snapshot);
}

START_TEST(senders)
{
	struct token_ring *ring = unit_ring(TOKEN_RETURN);
	struct token_key *key = unit_key(TOKEN_RETURN, "acme");
	struct buf sender = BUF_INIT(512);
	char host[DOMAIN_MAX], text[512];
	struct token_return message = { .message = 0 };
	size_t tenant = TENANT_NONE;

	ck_assert_int_eq(
	    return_path_put(key, HOST,
		&(struct token_return){
		    .flags = TOKEN_SPLIT, .message = 0x1122334455667788, .source = 0xfedcba98 },
		&sender),
	    ERR_OK);
	ck_assert_uint_le(span_find(buf_span(&sender), '@', 0), 64);
	ck_assert_int_eq(
	    split_get_sender(snapshot, ring, buf_span(&sender), &tenant, host, &message),
	    ERR_OK);
	ck_assert_uint_eq(message.message, 0x1122334455667788);
	ck_assert_uint_eq(message.source, 0xfedcba98);
	ck_assert_uint_eq(tenant, snapshot_find_tenant(snapshot, SPAN("acme")));
	ck_assert_str_eq(host, "b.acme.example");
	/* case is lost on some ways */
	for (size_t i = 0; i <= sender.n; i++)
		text[i] = i < sender.n && sender.p[i] >= 'a' && sender.p[i] <= 'z'
			      ? (char)(sender.p[i] - 32)
			      : buf_cstr(&sender)[i];
	ck_assert_int_eq(
	    split_get_sender(snapshot, ring, span_cstr(text), &tenant, host, &message), ERR_OK);
	/* every changed character, another's host, no token */
	for (size_t i = 0; i < sender.n; i++) {
		char was = sender.p[i];

		sender.p[i] = was == 'x' ? 'y' : 'x';
		ck_assert_int_ne(split_get_sender(snapshot, ring, buf_span(&sender), &tenant,
				     host, &message),
		    ERR_OK);
		sender.p[i] = was;
	}
	snprintf(text, sizeof text, "%.*s@b.beta.example",
	    (int)span_find(buf_span(&sender), '@', 0), sender.p);
	ck_assert_int_ne(
	    split_get_sender(snapshot, ring, span_cstr(text), &tenant, host, &message), ERR_OK);
	ck_assert_int_ne(split_get_sender(snapshot, ring, SPAN("b+@b.acme.example"), &tenant,
			     host, &message),
	    ERR_OK);
	ck_assert_int_ne(
	    split_get_sender(snapshot, ring, SPAN(""), &tenant, host, &message), ERR_OK);
	buf_free(&sender);
	token_key_free(&key);
	token_ring_free(&ring);
}
END_TEST

/* A return path of mail that has been copied already asks for no copies. */
START_TEST(other_return_paths)
{
	const struct token_return t = { .message = 1 };
	struct token_ring *ring = unit_ring(TOKEN_RETURN);
	struct token_key *key = unit_key(TOKEN_RETURN, "acme");
	struct buf payload = BUF_INIT(64), sender = BUF_INIT(512);
	char host[DOMAIN_MAX];
	struct token_return message;
	size_t tenant;

	token_put_return(&payload, &t);
	buf_add_cstr(&sender, "b+");
	ck_assert_int_eq(token_seal(key, HOST, buf_span(&payload), &sender), ERR_OK);
	buf_add_cstr(&sender, "@b.acme.example");
	ck_assert_int_eq(
	    split_get_sender(snapshot, ring, buf_span(&sender), &tenant, host, &message),
	    ERR_NOTFOUND);
	buf_free(&sender);
	buf_free(&payload);
	token_key_free(&key);
	token_ring_free(&ring);
}
END_TEST

START_TEST(facts)
{
	char long_sender[320];
	const struct split_facts table[] = {
		{ 1, SPAN("a@acme.example"), SPAN("acme"), SPAN("news") },
		{ UINT64_MAX, SPAN(""), SPAN(""), SPAN("s") },
		{ 0, span_make(long_sender, sizeof long_sender),
		    SPAN("a login with blanks \xc3\xbc"), SPAN("news") },
	};
	struct token_key *key = unit_key(TOKEN_UNSUBSCRIBE, "acme");
	uint8_t space[TOKEN_PAYLOAD_MAX];
	struct split_facts got;

	memset(long_sender, 's', sizeof long_sender);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct buf value = BUF_INIT(8192);
		struct span rest, line;

		ck_assert_int_eq(split_put_facts(key, HOST, &table[i], &value), ERR_OK);
		rest = buf_span(&value);
		while (span_next(&rest, '\n', &line))
			ck_assert_uint_le(line.n, 78);
		ck_assert_int_eq(
		    split_get_facts(key, HOST, buf_span(&value), space, &got), ERR_OK);
		ck_assert(
		    got.message == table[i].message && span_eq(got.sender, table[i].sender) &&
		    span_eq(got.login, table[i].login) && span_eq(got.stream, table[i].stream));
		ck_assert_int_ne(
		    split_get_facts(key, SPAN("b.beta.example"), buf_span(&value), space, &got),
		    ERR_OK);
		value.p[value.n / 2] ^= 1;
		ck_assert_int_ne(
		    split_get_facts(key, HOST, buf_span(&value), space, &got), ERR_OK);
		buf_free(&value);
	}
	ck_assert_int_ne(split_get_facts(key, HOST, SPAN(""), space, &got), ERR_OK);
	token_key_free(&key);
}
END_TEST

/* An unsubscribe token of the same key, for whatever host, is no such field. */
START_TEST(no_unsubscribe_token)
{
	const struct token_unsubscribe t = { .stream = SPAN("news"), .address = SPAN("a@b") };
	struct token_key *key = unit_key(TOKEN_UNSUBSCRIBE, "acme");
	struct buf payload = BUF_INIT(256), value = BUF_INIT(1024);
	uint8_t space[TOKEN_PAYLOAD_MAX];
	struct split_facts got;

	token_put_unsubscribe(&payload, &t);
	ck_assert_int_eq(token_seal(key, HOST, buf_span(&payload), &value), ERR_OK);
	ck_assert_int_ne(split_get_facts(key, HOST, buf_span(&value), space, &got), ERR_OK);
	buf_free(&value);
	buf_free(&payload);
	token_key_free(&key);
}
END_TEST

START_TEST(x_track)
{
	static const struct {
		const char *value;
		bool readable;
		enum tracking clicks, opens; /* of individual, individual */
	} table[] = {
		{ " open=0; click=agg", true, TRACKING_AGGREGATE, TRACKING_OFF },
		{ "", true, TRACKING_INDIVIDUAL, TRACKING_INDIVIDUAL },
		{ "click=off", true, TRACKING_OFF, TRACKING_INDIVIDUAL },
		{ "CLICK = Off ;; OPEN=AGG;", true, TRACKING_OFF, TRACKING_AGGREGATE },
		{ "open=1;click=ind", true, TRACKING_INDIVIDUAL, TRACKING_INDIVIDUAL },
		{ "open=individual;click=aggregate", true, TRACKING_AGGREGATE,
		    TRACKING_INDIVIDUAL },
		{ "click=agg;click=1", true, TRACKING_AGGREGATE, TRACKING_INDIVIDUAL },
		{ "click=maybe", false, TRACKING_OFF, TRACKING_OFF },
		{ "click", false, TRACKING_OFF, TRACKING_OFF },
		{ "opens=0", false, TRACKING_OFF, TRACKING_OFF },
		{ "off", false, TRACKING_OFF, TRACKING_OFF },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct x_track t = { TRACKING_INDIVIDUAL, TRACKING_INDIVIDUAL };

		ck_assert(x_track_lower(span_cstr(table[i].value), &t) == table[i].readable);
		ck_assert_msg(t.clicks == table[i].clicks && t.opens == table[i].opens, "%s",
		    table[i].value);
		/* never more than there was */
		t = (struct x_track){ TRACKING_OFF, TRACKING_OFF };
		(void)x_track_lower(span_cstr(table[i].value), &t);
		ck_assert(t.clicks == TRACKING_OFF && t.opens == TRACKING_OFF);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("split");
	TCase *all = tcase_create("split");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_unchecked_fixture(all, load, unload);
	tcase_add_test(all, senders);
	tcase_add_test(all, other_return_paths);
	tcase_add_test(all, facts);
	tcase_add_test(all, no_unsubscribe_token);
	tcase_add_test(all, x_track);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
