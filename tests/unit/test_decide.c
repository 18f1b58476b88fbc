/* test_decide - whose mail it is, and what is decided before quotas are asked. */
#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decide.h"

static char root[64];
static struct snapshot *snapshot;

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", root, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void load(void)
{
	struct config_report report = { .text = BUF_INIT(1 << 20) };
	char path[128];
	enum err e;

	snprintf(path, sizeof path, "%s/penguinmails.conf", root);
	e = snapshot_load(path, NULL, &report, &snapshot);
	ck_assert_msg(e == ERR_OK && report.errors == 0, "%s", buf_cstr(&report.text));
	buf_free(&report.text);
}

static void setup(void)
{
	char path[128];

	snprintf(root, sizeof root, "/tmp/test_decide.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(path, sizeof path, "%s/tenants.d", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	write_file("penguinmails.conf",
	    "policyd = { unknown_login = \"refuse\"; past_due_grace = \"2d\"; };\n"
	    "plans = ( { name = \"p\"; recipients = [\"500/h\"]; } );\n");
	write_file("tenants.d/acme.conf",
	    "tenant = \"acme\"; plan = \"p\"; logins = [\"joe\", \"*@acme.example\"];\n"
	    "networks = [\"192.0.2.0/24\"];\n"
	    "domains = ( { name = \"acme.example\"; }, { name = \"xn--mnchen-3ya.example\";\n"
	    "  subdomains = true; } );\n"
	    "streams = ( { name = \"news\"; }, { name = \"bill\"; class = \"transactional\";\n"
	    "  ports = [465]; } );\n");
	write_file("tenants.d/globex.conf",
	    "tenant = \"globex\"; plan = \"p\"; logins = [\"hank\"]; state = \"past_due\";\n"
	    "past_due_since = \"2026-11-20\"; domains = ( { name = \"globex.example\"; } );\n");
	load();
}

static void teardown(void)
{
	static const char *const names[] = { "tenants.d/acme.conf", "tenants.d/globex.conf",
		"penguinmails.conf", "tenants.d", "" };

	snapshot_unref(&snapshot);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[128];

		snprintf(path, sizeof path, "%s/%s", root, names[i]);
		remove(path);
	}
}

#define DAY_21 INT64_C(1795219200) /* 2026-11-21 */

static struct identity who(const char *login, const char *client, uint16_t port)
{
	return decide_identity(snapshot, span_cstr(login), span_cstr(client), SPAN(""), port);
}

START_TEST(identities)
{
	static const struct {
		const char *login, *client, *tenant, *stream, *kept_login;
		uint16_t port;
		enum direction direction;
	} table[] = {
		{ "joe", "203.0.113.1", "acme", "news", "joe", 587, DIRECTION_TENANT },
		{ "joe", "203.0.113.1", "acme", "bill", "joe", 465, DIRECTION_TENANT },
		{ "a@acme.example", "", "acme", "news", "a@acme.example", 0, DIRECTION_TENANT },
		{ "", "192.0.2.7", "acme", "news", "", 25, DIRECTION_TENANT },
		{ "hank", "192.0.2.7", "globex", "default", "hank", 0, DIRECTION_TENANT },
		{ "stranger", "192.0.2.7", "acme", "news", "", 0, DIRECTION_TENANT },
		{ "stranger", "203.0.113.1", NULL, NULL, "stranger", 0, DIRECTION_UNKNOWN },
		{ "JOE", "203.0.113.1", NULL, NULL, "JOE", 0, DIRECTION_UNKNOWN },
		{ "", "203.0.113.1", NULL, NULL, "", 0, DIRECTION_OTHER },
		{ "", "", NULL, NULL, "", 0, DIRECTION_OTHER },
		{ "", "junk", NULL, NULL, "", 0, DIRECTION_OTHER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct identity w = who(table[i].login, table[i].client, table[i].port);

		ck_assert_msg(w.direction == table[i].direction, "case %zu", i);
		if (table[i].tenant == NULL) {
			ck_assert_uint_eq(w.tenant_index, TENANT_NONE);
			continue;
		}
		ck_assert_str_eq(w.tenant->name, table[i].tenant);
		ck_assert_str_eq(w.stream->name, table[i].stream);
		ck_assert_str_eq(w.plan->name, "p");
		ck_assert(span_eq(w.login, span_cstr(table[i].kept_login)));
	}
}
END_TEST

START_TEST(senders)
{
	static const struct {
		const char *sender;
		bool owned;
	} table[] = {
		{ "", true },
		{ "<>", true },
		{ "a@acme.example", true },
		{ "a@ACME.Example", true },
		{ "a@acme.example.", true },
		{ "a@m\xc3\xbcnchen.example", true },
		{ "a@M\xc3\x9cNCHEN.example", true },
		{ "a@xn--mnchen-3ya.example", true },
		{ "a@x.xn--mnchen-3ya.example", true },
		{ "\"a@globex.example\"@acme.example", true },
		{ "a@sub.acme.example", false },
		{ "a@notacme.example", false },
		{ "a@globex.example", false },
		{ "a@example", false },
		{ "a", false },
		{ "a@", false },
		{ "@acme.example", false },
		{ "a@[192.0.2.1]", false },
		{ "a@acme.example..", false },
		{ "a@acme.example@globex.example", false },
		{ "<", false },
		{ "\xff@acme.example", false },
	};
	size_t acme = snapshot_find_tenant(snapshot, SPAN("acme"));

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		ck_assert_msg(decide_sender_owned(snapshot, acme, span_cstr(table[i].sender)) ==
				  table[i].owned,
		    "%s", table[i].sender);
}
END_TEST

START_TEST(order_of_checks)
{
	static const struct {
		const char *login;
		enum tenant_state override;
		bool owned, suppressed, changing, one_too_many;
		int64_t now_s;
		enum verdict verdict;
	} table[] = {
		{ "joe", TENANT_ACTIVE, true, false, false, false, DAY_21, VERDICT_PASS },
		{ "joe", TENANT_PAST_DUE, true, false, false, false, DAY_21, VERDICT_PASS },
		{ "joe", TENANT_SUSPENDED, true, false, false, false, DAY_21,
		    VERDICT_SUSPENDED },
		{ "joe", TENANT_CLOSED, false, true, false, false, DAY_21, VERDICT_CLOSED },
		{ "joe", TENANT_SUSPENDED, false, true, false, false, DAY_21,
		    VERDICT_SUSPENDED },
		{ "joe", TENANT_ACTIVE, false, true, false, false, DAY_21, VERDICT_NOT_OWNER },
		{ "joe", TENANT_ACTIVE, true, true, false, false, DAY_21, VERDICT_SUPPRESSED },
		{ "joe", TENANT_ACTIVE, true, false, true, false, DAY_21, VERDICT_CHANGING },
		{ "joe", TENANT_ACTIVE, true, true, true, false, DAY_21, VERDICT_SUPPRESSED },
		{ "joe", TENANT_ACTIVE, false, false, true, false, DAY_21, VERDICT_NOT_OWNER },
		{ "joe", TENANT_ACTIVE, true, false, false, true, DAY_21,
		    VERDICT_ONE_RECIPIENT },
		{ "joe", TENANT_ACTIVE, true, true, false, true, DAY_21, VERDICT_SUPPRESSED },
		{ "joe", TENANT_ACTIVE, true, false, true, true, DAY_21, VERDICT_CHANGING },
		{ "joe", TENANT_SUSPENDED, true, false, false, true, DAY_21,
		    VERDICT_SUSPENDED },
		{ "hank", TENANT_ACTIVE, true, false, false, false, DAY_21, VERDICT_PASS },
		{ "hank", TENANT_ACTIVE, true, false, false, false, DAY_21 + 2 * 86400,
		    VERDICT_SUSPENDED },
		{ "hank", TENANT_CLOSED, true, false, false, false, DAY_21, VERDICT_CLOSED },
		{ "stranger", TENANT_ACTIVE, true, false, false, false, DAY_21,
		    VERDICT_UNKNOWN_LOGIN },
		{ "", TENANT_CLOSED, false, true, false, false, DAY_21, VERDICT_PASS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct identity w = who(table[i].login, "203.0.113.1", 0);
		struct decision_facts f = { .override = table[i].override,
			.sender_owned = table[i].owned,
			.suppressed = table[i].suppressed,
			.changing = table[i].changing,
			.one_too_many = table[i].one_too_many,
			.now_s = table[i].now_s };

		ck_assert_msg(decide(snapshot, &w, &f) == table[i].verdict, "case %zu", i);
		/* Without a pool nothing passes, and nothing else changes but for the number of
		 * recipients. */
		f.pool_away = true;
		ck_assert_msg(decide(snapshot, &w, &f) ==
				  (w.direction == DIRECTION_TENANT &&
					      (table[i].verdict == VERDICT_PASS ||
						  table[i].verdict == VERDICT_ONE_RECIPIENT)
					  ? VERDICT_POOL_AWAY
					  : table[i].verdict),
		    "case %zu", i);
	}
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		bool is_rate;
		enum window_kind window;
		int64_t retry_s;
		enum verdict verdict;
	} table[] = {
		{ true, WINDOW_HOUR, 1, VERDICT_RATE },
		{ false, WINDOW_HOUR, 1, VERDICT_QUOTA },
		{ false, WINDOW_DAY, 1, VERDICT_QUOTA },
		{ false, WINDOW_MONTH, 1, VERDICT_PERIOD },
		{ false, WINDOW_CYCLE, 1, VERDICT_PERIOD },
		{ false, WINDOW_HOUR, INT64_MAX, VERDICT_NEVER_FITS },
		{ true, WINDOW_HOUR, INT64_MAX, VERDICT_NEVER_FITS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct limit l = { .is_rate = table[i].is_rate, .window = table[i].window };
		struct quota q = { .limit = &l };
		struct outcome o = { .retry_s = table[i].retry_s };

		ck_assert_int_eq(decide_refusal(&q, &o), table[i].verdict);
	}
}
END_TEST

START_TEST(pool_refusals)
{
	static const struct {
		bool is_rate, bound;
		size_t index;
		enum verdict verdict;
	} table[] = {
		{ true, false, SIZE_MAX, VERDICT_POOL_GAP },
		{ false, false, SIZE_MAX, VERDICT_POOL_SPENT },
		{ false, true, SIZE_MAX, VERDICT_SOURCE_FULL },
		/* The pool's own capacity has no other message to offer. */
		{ false, true, 3, VERDICT_POOL_SPENT },
		{ false, false, 3, VERDICT_POOL_SPENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct outcome o = { .refused = { .is_rate = table[i].is_rate },
			.refused_index = table[i].index };

		ck_assert_int_eq(decide_pool_refusal(&o, table[i].bound), table[i].verdict);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("decide");
	TCase *cases = tcase_create("decide");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 120);
	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, identities);
	tcase_add_test(cases, senders);
	tcase_add_test(cases, order_of_checks);
	tcase_add_test(cases, refusals);
	tcase_add_test(cases, pool_refusals);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
