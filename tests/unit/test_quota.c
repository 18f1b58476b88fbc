/* test_quota - which limits hold, where they count, and what they ask. */
#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "quota.h"

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

	snprintf(root, sizeof root, "/tmp/test_quota.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(path, sizeof path, "%s/tenants.d", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	write_file("penguinmails.conf",
	    "plans = ( { name = \"p\"; recipients = [\"500/h\", \"10000/month\"];\n"
	    "  messages = [\"100/d\"]; bytes = [\"1G/d\"]; rate = [\"10/s burst 20\"];\n"
	    "  overage = \"alert\";\n"
	    "  login = { recipients = [\"50/h\"]; messages = [\"20/d\"]; }; } );\n");
	write_file("tenants.d/acme.conf",
	    "tenant = \"acme\"; plan = \"p\"; timezone = \"Europe/Berlin\"; cycle_day = 15;\n"
	    "logins = [\"joe\"]; domains = ( { name = \"acme.example\"; } );\n"
	    "recipients = [\"400/h\"];\n"
	    "login = { recipients = [\"40/h\"]; messages = [\"30/d\"]; };\n"
	    "streams = ( { name = \"news\"; recipients = [\"1000/cycle\"]; } );\n");
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

static const struct tenant *acme(const struct plan **plan_r)
{
	size_t i = snapshot_find_tenant(snapshot, SPAN("acme"));

	ck_assert_uint_ne(i, TENANT_NONE);
	*plan_r = snapshot_plan(snapshot, i);
	return snapshot_tenant(snapshot, i);
}

static size_t list(const char *login, struct quota out[QUOTA_MAX])
{
	const struct plan *plan;
	const struct tenant *t = acme(&plan);

	return quota_list(t, plan, &t->streams[0], span_cstr(login), out);
}

static const char *name_of(const char *tenant, const struct quota *q)
{
	static struct buf b = BUF_INIT(1024);

	buf_reset(&b);
	quota_bucket_name(&b, span_cstr(tenant), q);
	ck_assert_uint_le(b.n, 480);
	return buf_cstr(&b);
}

START_TEST(scopes_and_merging)
{
	static const struct {
		const char *name;
		uint64_t amount;
		bool alert_only;
	} want[] = {
		{ "acme\tplan\tp\trecipients\thour", 500, true },
		{ "acme\tplan\tp\trecipients\tmonth", 10000, true },
		{ "acme\tplan\tp\tmessages\tday", 100, true },
		{ "acme\tplan\tp\tbytes\tday", 1000000000, true },
		{ "acme\tplan\tp\trecipients\trate 10/s burst 20", 10, true },
		{ "acme\ttenant\tacme\trecipients\thour", 400, false },
		{ "acme\tstream\tnews\trecipients\tcycle", 1000, false },
		{ "acme\tlogin\tjoe\trecipients\thour", 40,
		    false },                                      /* the tenant's is tighter */
		{ "acme\tlogin\tjoe\tmessages\tday", 20, false }, /* the plan's is */
	};
	struct quota q[QUOTA_MAX];
	size_t n = list("joe", q);

	ck_assert_uint_eq(n, ARRAY_SIZE(want));
	for (size_t i = 0; i < n; i++) {
		size_t k;

		for (k = 0; k < n && strcmp(name_of("acme", &q[k]), want[i].name) != 0; k++)
			;
		ck_assert_msg(k < n, "%s", want[i].name);
		ck_assert_uint_eq(q[k].bucket, BUCKET_NONE);
		ck_assert_int_eq(q[k].alert_only, want[i].alert_only);
		if (!q[k].limit->is_rate)
			ck_assert_uint_eq(q[k].limit->amount, want[i].amount);
	}
	ck_assert_uint_eq(list("", q), ARRAY_SIZE(want) - 2); /* no login, no login's limits */
}
END_TEST

START_TEST(names_do_not_collide)
{
	char big[600];
	const struct limit hour = { .text = "5/h", .amount = 5, .window = WINDOW_HOUR },
			   more = { .text = "9/h", .amount = 9, .window = WINDOW_HOUR },
			   day = { .text = "5/d", .amount = 5, .window = WINDOW_DAY },
			   pace = { .text = "5/h", .is_rate = true };
	const struct {
		const char *tenant;
		struct quota q;
	} table[] = {
		{ "a:b", { .limit = &hour, .scope = SCOPE_LOGIN, .name = SPAN("c") } },
		{ "a", { .limit = &hour, .scope = SCOPE_LOGIN, .name = SPAN("b:c") } },
		{ "a", { .limit = &hour, .scope = SCOPE_LOGIN, .name = SPAN("b\tc") } },
		{ "a", { .limit = &hour, .scope = SCOPE_LOGIN, .name = SPAN("b\nc") } },
		{ "a", { .limit = &hour, .scope = SCOPE_LOGIN, .name = SPAN("") } },
		{ "a", { .limit = &hour, .scope = SCOPE_LOGIN, .name = SPAN("#1") } },
		{ "a", { .limit = &hour, .scope = SCOPE_LOGIN, .name = { big, 200 } } },
		{ "a", { .limit = &hour, .scope = SCOPE_LOGIN, .name = { big, 201 } } },
		{ "a", { .limit = &hour, .scope = SCOPE_LOGIN, .name = { big, 512 } } },
		{ "a", { .limit = &hour, .scope = SCOPE_STREAM, .name = SPAN("b:c") } },
		{ "a", { .limit = &hour, .scope = SCOPE_TENANT, .name = SPAN("b:c") } },
		{ "a", { .limit = &day, .scope = SCOPE_LOGIN, .name = SPAN("b:c") } },
		{ "a", { .limit = &pace, .scope = SCOPE_LOGIN, .name = SPAN("b:c") } },
	};
	struct quota raised = table[0].q;

	memset(big, 'l', sizeof big);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char *one = strdup(name_of(table[i].tenant, &table[i].q));
		struct quota_bucket_parts p;

		for (size_t k = 0; k < ARRAY_SIZE(table); k++)
			ck_assert_int_eq(
			    strcmp(one, name_of(table[k].tenant, &table[k].q)) == 0, i == k);
		ck_assert(quota_split_bucket_name(span_cstr(one), &p));
		ck_assert(span_eq(p.tenant, span_cstr(table[i].tenant)));
		ck_assert(span_eq(p.scope, span_cstr(quota_scope_text(table[i].q.scope))));
		ck_assert_ptr_null(strchr(one, '\n'));
		free(one);
	}
	/* A raised limit keeps its count. */
	raised.limit = &more;
	ck_assert_str_eq(name_of("a:b", &raised), "a:b\tlogin\tc\trecipients\thour");
	ck_assert(
	    !quota_split_bucket_name(SPAN("a\tb\tc\td"), &(struct quota_bucket_parts){ 0 }));
	ck_assert(!quota_split_bucket_name(
	    SPAN("a\tb\tc\td\te\tf"), &(struct quota_bucket_parts){ 0 }));
}
END_TEST

START_TEST(windows_of_the_zone)
{
	const struct plan *plan;
	const struct tenant *t = acme(&plan);
	struct quota_windows w = { 0 };
	int64_t now = 1795473000; /* 2026-11-23T23:30:00+01:00 */

	quota_windows_update(&w, t, now);
	ck_assert_int_eq(w.at[WINDOW_HOUR].end_s, now + 1800);
	ck_assert_int_eq(w.at[WINDOW_DAY].start_s, now - 84600);
	ck_assert_int_eq(w.at[WINDOW_DAY].end_s, now + 1800);
	ck_assert_int_eq(w.at[WINDOW_CYCLE].start_s, now - 84600 - 8 * 86400);
	quota_windows_update(&w, t, now + 1799);
	ck_assert_int_eq(w.at[WINDOW_DAY].end_s, now + 1800);
	quota_windows_update(&w, t, now + 1800);
	ck_assert_int_eq(w.at[WINDOW_DAY].start_s, now + 1800);
	ck_assert_int_eq(w.at[WINDOW_MONTH].end_s, 1796079600); /* 2026-12-01 in Berlin */
}
END_TEST

START_TEST(charges_of_amounts)
{
	static const struct {
		struct quota_amounts amounts;
		size_t count, alert_only;
	} table[] = {
		{ { { 1, 0, 0 } }, 6, 2 },
		{ { { 0, 1, 0 } }, 2, 1 },
		{ { { 0, 1, 5000 } }, 3, 2 },
		{ { { 0, 0, 0 } }, 0, 0 },
		{ { { 7, 1, 1 } }, 9, 4 },
	};
	const struct plan *plan;
	struct quota_windows w = { 0 };
	struct quota q[QUOTA_MAX];
	struct charge c[CHARGES_MAX];
	size_t n = list("joe", q);

	quota_windows_update(&w, acme(&plan), 1795473000);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		size_t alerts = 0, count = quota_charges(q, n, &w, &table[i].amounts, c);

		ck_assert_uint_eq(count, table[i].count);
		for (size_t k = 0; k < count; k++) {
			alerts += c[k].alert_only;
			ck_assert(!c[k].is_rate || !c[k].alert_only);
			ck_assert(c[k].is_rate || c[k].end_s > c[k].start_s);
		}
		ck_assert_uint_eq(alerts, table[i].alert_only);
	}
	/* A thousand at once empty the pace, at most. */
	n = quota_charges(q, n, &w, &(struct quota_amounts){ { 1000, 0, 0 } }, c);
	for (size_t k = 0; k < n; k++)
		ck_assert_uint_eq(c[k].amount, c[k].is_rate ? 20 : 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quota");
	TCase *cases = tcase_create("quota");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 120);
	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, scopes_and_merging);
	tcase_add_test(cases, names_do_not_collide);
	tcase_add_test(cases, windows_of_the_zone);
	tcase_add_test(cases, charges_of_amounts);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
