/* test_routing - what routes answers: only a sender with a genuine token that asks for copies gets a
 * way; everything else is not found. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "routing.h"
#include "token_payload.h"
#include "token_ring.h"

static char root[64];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", root, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

static struct token_ring *write_keys(void)
{
	struct token_ring *platform = calloc(1, sizeof *platform), *r = calloc(1, sizeof *r);
	struct buf text = BUF_INIT(TOKEN_RING_OCTETS);

	platform->count = 1;
	platform->at[0] = (struct token_secret){ .id = 1, .since = "2026-11-25" };
	ck_assert_int_eq(token_ring_derive(platform, TOKEN_RETURN, r), ERR_OK);
	token_ring_put(r, "test", &text);
	write_file("tokens/return.keys", buf_cstr(&text));
	buf_free(&text);
	token_ring_free(&platform);
	return r;
}

static void setup(void)
{
	static const char *const directories[] = { "tenants.d", "tokens" };
	char path[128], text[1024];

	snprintf(root, sizeof root, "/tmp/test_routing.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		snprintf(path, sizeof path, "%s/%s", root, directories[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	snprintf(text, sizeof text,
	    "tokens = { keys = \"%s/tokens\"; };\n"
	    "postfix = { split = \"127.0.0.1:10027\"; };\nplans = ( { name = \"p\"; } );\n"
	    "sources = ( { name = \"ip1\"; address4 = \"192.0.2.1\"; helo = \"a.example\"; },\n"
	    "{ name = \"relay\"; relay = \"[r.example]:587\"; } );\n",
	    root);
	write_file("penguinmails.conf", text);
	write_file("tenants.d/acme.conf", "tenant = \"acme\"; plan = \"p\";\n"
					  "domains = ( { name = \"acme.example\"; "
					  "bounce_domain = \"b.acme.example\"; } );\n");
	write_file("tenants.d/globex.conf",
	    "tenant = \"globex\"; plan = \"p\";\n"
	    "domains = ( { name = \"globex.example\"; bounce_domain = \"b.globex.example\"; } "
	    ");\n");
}

static void teardown(void)
{
	static const char *const names[] = { "tenants.d/acme.conf", "tenants.d/globex.conf",
		"penguinmails.conf", "tenants.d", "tokens/return.keys", "tokens", "" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[128];

		snprintf(path, sizeof path, "%s/%s", root, names[i]);
		remove(path);
	}
}

static struct snapshot *load(void)
{
	struct config_report report = { .text = BUF_INIT(1 << 20) };
	struct snapshot *s = NULL;
	char path[128];
	enum err e;

	snprintf(path, sizeof path, "%s/penguinmails.conf", root);
	e = snapshot_load(path, NULL, &report, &s);
	ck_assert_msg(e == ERR_OK && report.errors == 0, "%s", buf_cstr(&report.text));
	buf_free(&report.text);
	return s;
}

static void seal_source(const struct token_ring *ring, const char *tenant, const char *domain,
    uint8_t flags, uint32_t source, struct buf *out)
{
	struct token_key *key = token_key_new(ring, span_cstr(tenant));
	struct buf payload = BUF_INIT(64);

	token_put_return(
	    &payload, &(struct token_return){
			  .flags = flags, .message = 7, .recipient = 1, .source = source });
	buf_reset(out);
	buf_add_cstr(out, "b+");
	ck_assert_int_eq(token_seal(key, span_cstr(domain), buf_span(&payload), out), ERR_OK);
	buf_printf(out, "@%s", domain);
	ck_assert(buf_ok(out));
	buf_free(&payload);
	token_key_free(&key);
}

static void seal(const struct token_ring *ring, const char *tenant, const char *domain,
    uint8_t flags, struct buf *out)
{
	seal_source(ring, tenant, domain, flags, 0, out);
}

static void expect_answer(
    struct routing *r, const char *map, const char *key, const char *answer)
{
	struct buf request = BUF_INIT(ROUTING_REQUEST_MAX), out = BUF_INIT(1024);
	struct routing_memory memory = { .asked_s = 0 };

	buf_printf(&request, "%s %s", map, key);
	routing_answer(r, buf_span(&request), &memory, 1, &out);
	ck_assert_msg(
	    strcmp(buf_cstr(&out), answer) == 0, "%s %s: %s", map, key, buf_cstr(&out));
	buf_free(&request);
	buf_free(&out);
}

#define WAY "OK penguin-split:[127.0.0.1]:10027"

START_TEST(answers)
{
	static const char *const foreign[] = { "*", "<>", "", "a@acme.example",
		"b+@b.acme.example", "b+aaaa@b.acme.example", "b@b.acme.example", "no at",
		"b+x@", "@b.acme.example",
		"b+aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcai@b.acme.example" };
	struct token_ring *ring = write_keys();
	struct snapshot *s = load();
	struct buf sender = BUF_INIT(512), other = BUF_INIT(512);
	struct routing r;

	routing_init(&r, s, NULL, NULL);
	snapshot_unref(&s); /* it holds its own */
	ck_assert_str_eq(routing_split_way(&r), WAY + 3);
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		expect_answer(&r, "sdt", foreign[i], "NOTFOUND ");
		expect_answer(&r, "tr", foreign[i], "NOTFOUND ");
	}
	seal(ring, "acme", "b.acme.example", TOKEN_SPLIT, &sender);
	expect_answer(&r, "sdt", buf_cstr(&sender), WAY);
	expect_answer(&r, "tr", buf_cstr(&sender), "NOTFOUND ");
	/* Local parts may lose their case. */
	for (size_t i = 0; i < sender.n; i++)
		if (sender.p[i] >= 'a' && sender.p[i] <= 'z')
			sender.p[i] = (char)(sender.p[i] - 'a' + 'A');
	expect_answer(&r, "sdt", buf_cstr(&sender), WAY);
	/* A copy that was made; another tenant's token; a changed one. */
	seal(ring, "acme", "b.acme.example", 0, &other);
	expect_answer(&r, "sdt", buf_cstr(&other), "NOTFOUND ");
	seal(ring, "globex", "b.acme.example", TOKEN_SPLIT, &other);
	expect_answer(&r, "sdt", buf_cstr(&other), "NOTFOUND ");
	seal(ring, "acme", "b.globex.example", TOKEN_SPLIT, &other);
	expect_answer(&r, "sdt", buf_cstr(&other), "NOTFOUND ");
	seal(ring, "acme", "b.acme.example", TOKEN_SPLIT, &other);
	other.p[8] = other.p[8] == 'a' ? 'b' : 'a';
	expect_answer(&r, "sdt", buf_cstr(&other), "NOTFOUND ");
	/* Maps that are none. */
	expect_answer(&r, "sdtx", "a@b", "PERM the maps here are sdt and tr");
	routing_deinit(&r);
	routing_deinit(&r);
	buf_free(&sender);
	buf_free(&other);
	token_ring_free(&ring);
}
END_TEST

/* Mail that has a source leaves from there, or waits; a copy still to be made is made first. */
START_TEST(sources)
{
	const struct {
		const char *source;
		uint8_t flags;
		bool paused;
		const char *answer;
	} table[] = {
		{ "ip1", 0, false, "OK penguin-out-ip1:" },
		{ "relay", 0, false, "OK penguin-out-relay:[r.example]:587" },
		{ "ip1", TOKEN_SPLIT, false, WAY },
		{ "ip1", 0, true, "OK retry:4.7.1 source ip1 is paused" },
		{ "relay", 0, true, "OK penguin-out-relay:[r.example]:587" },
		{ "ip1", TOKEN_SPLIT, true, WAY },
		{ "gone", 0, false, "OK retry:4.7.1 its source is not configured" },
	};
	struct token_ring *ring = write_keys();
	struct snapshot *s = load();
	struct buf sender = BUF_INIT(512);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		bool *paused = table[i].paused ? calloc(2, sizeof *paused) : NULL;
		struct routing r;

		if (paused != NULL)
			paused[0] = true;
		routing_init(&r, s, paused, NULL);
		seal_source(ring, "acme", "b.acme.example", table[i].flags,
		    source_id_of(span_cstr(table[i].source)), &sender);
		expect_answer(&r, "sdt", buf_cstr(&sender), table[i].answer);
		expect_answer(&r, "tr", buf_cstr(&sender), "NOTFOUND ");
		/* Another's token is nobody's. */
		seal_source(ring, "globex", "b.acme.example", table[i].flags,
		    source_id_of(span_cstr(table[i].source)), &sender);
		expect_answer(&r, "sdt", buf_cstr(&sender), "NOTFOUND ");
		routing_deinit(&r);
	}
	buf_free(&sender);
	snapshot_unref(&s);
	token_ring_free(&ring);
}
END_TEST

/* "penguin-out-NAME:RELAY" fits at the longest that the configuration takes. */
START_TEST(longest_way)
{
	char name[64], relay[271], way[ROUTING_WAY_MAX];
	struct source source = { .name = name, .relay = relay };

	memset(name, 'n', sizeof name - 1);
	memset(relay, 'r', sizeof relay - 1);
	name[sizeof name - 1] = relay[sizeof relay - 1] = '\0';
	ck_assert(routing_way(&source, way));
	ck_assert_uint_eq(strlen(way), 12 + 63 + 1 + 270);
}
END_TEST

START_TEST(no_blank)
{
	struct snapshot *s = load();
	struct buf out = BUF_INIT(1024);
	struct routing r;
	struct routing_memory memory = { .asked_s = 0 };

	routing_init(&r, s, NULL, NULL);
	routing_answer(&r, SPAN("sdt"), &memory, 1, &out);
	ck_assert_int_eq(strncmp(buf_cstr(&out), "PERM ", 5), 0);
	buf_reset(&out);
	routing_answer(&r, SPAN(""), &memory, 1, &out);
	ck_assert_int_eq(strncmp(buf_cstr(&out), "PERM ", 5), 0);
	buf_free(&out);
	routing_deinit(&r);
	snapshot_unref(&s);
}
END_TEST

/* Keys that are gone: nothing is sent to a way that nobody would recognise. */
START_TEST(no_keys)
{
	struct snapshot *s = load();
	struct routing r;

	routing_init(&r, s, NULL, NULL);
	ck_assert_str_eq(routing_split_way(&r), "");
	/* Its source cannot be known: it waits rather than leave from elsewhere. */
	expect_answer(&r, "sdt", "b+aaaa@b.acme.example",
	    "OK retry:4.3.0 keys of return paths cannot be read");
	expect_answer(&r, "sdt", "b+aaaa@acme.example", "NOTFOUND ");
	routing_deinit(&r);
	snapshot_unref(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("routing");
	TCase *tests = tcase_create("routing");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, answers);
	tcase_add_test(tests, sources);
	tcase_add_test(tests, longest_way);
	tcase_add_test(tests, no_blank);
	tcase_add_test(tests, no_keys);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
