/* test_account - the cache of who is asking: the same answer as without it. */
#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "server.h"

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

	snprintf(root, sizeof root, "/tmp/test_account.XXXXXX");
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
	static const char *const names[] = { "data.mdb", "lock.mdb", "tenants.d/acme.conf",
		"tenants.d/globex.conf", "penguinmails.conf", "tenants.d", "" };

	snapshot_unref(&snapshot);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[128];

		snprintf(path, sizeof path, "%s/%s", root, names[i]);
		remove(path);
	}
}

START_TEST(obtained_and_forgotten)
{
	struct store_options options = {
		.path = root, .map_octets = 1 << 20, .map_ceiling = 1 << 24
	};
	struct accounts *accounts = accounts_new();
	struct store *store = NULL;
	struct states *states = NULL;
	struct pools *pools;
	char error[256], login[3000];
	const struct span none = { NULL, 0 }, joe = SPAN("joe"), far = SPAN("203.0.113.1"),
			  near = SPAN("192.0.2.7");
	struct account *a, *b;
	struct quota quotas[QUOTA_MAX];
	size_t count;

	ck_assert_msg(store_open(&options, &store, error, sizeof error) == ERR_OK, "%s", error);
	ck_assert_int_eq(states_open(store, &states), ERR_OK);
	pools = pools_new(store, states, snapshot);
	ck_assert_ptr_nonnull(pools);
	a = accounts_obtain(accounts, snapshot, store, pools, joe, far, none, 587);
	ck_assert_int_eq(a->who.direction, DIRECTION_TENANT);
	ck_assert(span_eq(a->who.login, joe) && a->who.login.p != joe.p);
	ck_assert_uint_eq(a->quota_count, 1);
	ck_assert_str_eq(
	    store_bucket_name(store, a->quotas[0].bucket), "acme\tplan\tp\trecipients\thour");
	/* The client does not matter to a login, the port does. */
	ck_assert_ptr_eq(
	    accounts_obtain(accounts, snapshot, store, pools, joe, near, none, 587), a);
	b = accounts_obtain(accounts, snapshot, store, pools, joe, near, none, 465);
	ck_assert_ptr_ne(a, b);
	ck_assert_str_eq(b->who.stream->name, "bill");
	ck_assert_uint_eq(b->quotas[0].bucket, a->quotas[0].bucket);
	/* Without a login it does. */
	a = accounts_obtain(accounts, snapshot, store, pools, none, near, none, 25);
	ck_assert_str_eq(a->who.tenant->name, "acme");
	a = accounts_obtain(accounts, snapshot, store, pools, none, far, none, 25);
	ck_assert_int_eq(a->who.direction, DIRECTION_OTHER);
	a = accounts_obtain(accounts, snapshot, store, pools, SPAN("x"), far, none, 25);
	ck_assert_int_eq(a->who.direction, DIRECTION_UNKNOWN);
	ck_assert_uint_eq(a->quota_count, 0);
	ck_assert_uint_eq(store_bucket_count(store), 1);
	memset(login, 'l', sizeof login);
	ck_assert_ptr_null(accounts_obtain(
	    accounts, snapshot, store, pools, span_make(login, sizeof login), far, none, 25));
	/* Looking makes no buckets. */
	b = accounts_obtain(accounts, snapshot, store, pools, SPAN("hank"), far, none, 0);
	ck_assert_uint_eq(store_bucket_count(store), 2);
	ck_assert(account_quotas(store, false, b->who.tenant, b->who.plan, b->who.stream,
	    SPAN("new"), quotas, &count));
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(store_bucket_count(store), 2);
	accounts_forget(accounts);
	ck_assert_ptr_nonnull(
	    accounts_obtain(accounts, snapshot, store, pools, joe, far, none, 587));
	accounts_free(&accounts);
	ck_assert_ptr_null(accounts);
	accounts_free(&accounts);
	pools_free(&pools);
	store_close(&store);
	states_close(&states);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("account");
	TCase *cases = tcase_create("account");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 120);
	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, obtained_and_forgotten);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
