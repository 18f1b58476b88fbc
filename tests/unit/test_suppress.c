/* test_suppress - who must not be mailed: scopes, removal, expiry, and what survives. */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suppress.h"

static char root[64], key_path[96], error[512];
static struct store *store;
static struct suppress_list *list;

static enum err open_list(void)
{
	struct store_options o = {
		.path = root, .map_octets = 1 << 20, .map_ceiling = 1 << 28
	};

	ck_assert_msg(store_open(&o, &store, error, sizeof error) == ERR_OK, "%s", error);
	return suppress_open(store, key_path, &list, error, sizeof error);
}

static void close_list(void)
{
	store_close(&store);
	suppress_close(&list);
	ck_assert_ptr_null(list);
	suppress_close(&list);
}

static void setup(void)
{
	snprintf(root, sizeof root, "%s/test_suppress.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(key_path, sizeof key_path, "%s/key", root);
	ck_assert_msg(open_list() == ERR_OK, "%s", error);
}

static void teardown(void)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "key", "" };

	close_list();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[128];

		snprintf(path, sizeof path, "%s/%s", root, names[i]);
		remove(path);
	}
}

static unsigned done_count;
static size_t done_added, done_present;

static void on_done(void *context, enum err e, size_t added, size_t present)
{
	(void)context;
	ck_assert_int_eq(e, ERR_OK);
	done_count++;
	done_added = added;
	done_present = present;
}

static void wait_for_store(void)
{
	struct pollfd p = { .fd = store_wake_fd(store), .events = POLLIN };

	ck_assert_int_eq(poll(&p, 1, 60000), 1);
	store_complete(store);
}

static struct suppress_row row_of(const char *address)
{
	struct suppress_row row = {
		.reason = SPAN("bounce"), .source = SPAN("import"), .added_s = 1000
	};

	ck_assert_int_eq(suppress_digest(list, span_cstr(address), row.digest), ERR_OK);
	return row;
}

static void add(const struct suppress_key *key, const struct suppress_row *rows, size_t n)
{
	unsigned before = done_count;

	ck_assert_int_eq(suppress_add(list, key, rows, n, on_done, NULL), ERR_OK);
	while (done_count == before)
		wait_for_store();
}

static const struct suppress_key keys[] = {
	{ SUPPRESS_PLATFORM, SPAN(""), SPAN("") },
	{ SUPPRESS_TENANT, SPAN("acme"), SPAN("") },
	{ SUPPRESS_STREAM, SPAN("acme"), SPAN("news") },
};

/* -1: not suppressed */
static int match(const char *address, const char *tenant, const char *stream)
{
	struct suppress_row row = row_of(address);
	enum suppress_scope scope;

	if (!suppress_match(list, row.digest, span_cstr(tenant), span_cstr(stream), &scope))
		return -1;
	return (int)scope;
}

static void expect_scopes(void)
{
	ck_assert_int_eq(match("0@x.example", "acme", "news"), SUPPRESS_PLATFORM);
	ck_assert_int_eq(match("0@x.example", "other", "any"), SUPPRESS_PLATFORM);
	ck_assert_int_eq(match("1@x.example", "acme", "bill"), SUPPRESS_TENANT);
	ck_assert_int_eq(match("1@x.example", "other", "bill"), -1);
	ck_assert_int_eq(match("2@x.example", "acme", "news"), SUPPRESS_STREAM);
	ck_assert_int_eq(match("2@x.example", "acme", "bill"), -1);
	ck_assert_int_eq(match("2@x.example", "other", "news"), -1);
	ck_assert_int_eq(match("3@x.example", "acme", "news"), -1);
	/* The border between tenant and stream is not to be moved. */
	ck_assert_int_eq(match("2@x.example", "acmen", "ews"), -1);
}

static void visit_row(void *context, const struct suppress_row *row)
{
	struct suppress_row *first = context;

	ck_assert(span_eq(row->source, SPAN("import")));
	first->expires_s++; /* how many */
	if (first->expires_s == 1)
		ck_assert(span_eq(row->reason, SPAN("bounce")));
	memcpy(first->digest, row->digest, DIGEST_SIZE);
}

START_TEST(scopes_and_removal)
{
	struct suppress_row rows[3] = { row_of("0@x.example"), row_of("1@x.example"),
		row_of("2@x.example") };
	struct suppress_row seen = { 0 };

	for (size_t i = 0; i < 3; i++) {
		/* Not before it is durable. */
		ck_assert_int_eq(
		    suppress_add(list, &keys[i], &rows[i], 1, on_done, NULL), ERR_OK);
		ck_assert_uint_eq(suppress_count(list), i);
		wait_for_store();
		ck_assert_uint_eq(done_added, 1);
	}
	expect_scopes();
	close_list();
	ck_assert_int_eq(open_list(), ERR_OK);
	ck_assert_uint_eq(suppress_count(list), 3);
	expect_scopes();
	/* Again: the first reason stays. */
	rows[1].reason = SPAN("other");
	add(&keys[1], &rows[1], 1);
	ck_assert_uint_eq(done_added, 0);
	ck_assert_uint_eq(done_present, 1);
	ck_assert_int_eq(
	    suppress_find(list, &keys[1], rows[1].digest, visit_row, &seen), ERR_OK);
	ck_assert_int_eq(
	    suppress_find(list, &keys[2], rows[1].digest, visit_row, &seen), ERR_NOTFOUND);
	ck_assert_int_eq(seen.expires_s, 1);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
		    suppress_remove(list, &keys[0], rows[0].digest, on_done, NULL), ERR_OK);
		wait_for_store();
		ck_assert_uint_eq(done_present, i == 0);
	}
	ck_assert_int_eq(match("0@x.example", "acme", "news"), -1);
	ck_assert_int_eq(match("1@x.example", "acme", "news"), SUPPRESS_TENANT);
	ck_assert_uint_eq(suppress_count(list), 2);
}
END_TEST

START_TEST(expiry)
{
	struct suppress_row rows[3] = { row_of("0@x.example"), row_of("1@x.example"),
		row_of("2@x.example") };

	rows[0].expires_s = 2000;
	rows[1].expires_s = 3000;
	add(&keys[1], rows, 3);
	ck_assert_uint_eq(suppress_count(list), 3);
	suppress_tick(list, 1999);
	for (int64_t now = 2000; now <= 3000; now += 1000) {
		suppress_tick(list, now);
		wait_for_store();
		ck_assert_uint_eq(suppress_count(list), now == 2000 ? 2 : 1);
	}
	ck_assert_int_eq(match("0@x.example", "acme", ""), -1);
	ck_assert_int_eq(match("2@x.example", "acme", ""), SUPPRESS_TENANT);
	close_list();
	ck_assert_int_eq(open_list(), ERR_OK);
	ck_assert_uint_eq(suppress_count(list), 1);
	/* Known again after a start. */
	rows[0].expires_s = 2000;
	add(&keys[1], rows, 1);
	close_list();
	ck_assert_int_eq(open_list(), ERR_OK);
	suppress_tick(list, 2000);
	wait_for_store();
	ck_assert_uint_eq(suppress_count(list), 1);
}
END_TEST

START_TEST(a_hundred_thousand)
{
	static struct suppress_row rows[1000];
	struct suppress_row seen = { 0 };
	uint8_t after[DIGEST_SIZE];
	char address[32];

	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < 1000; k++) {
			snprintf(address, sizeof address, "%u@x.example", i * 1000 + k);
			rows[k] = row_of(address);
		}
		add(&keys[2], rows, 1000);
		ck_assert_uint_eq(done_added, 1000);
	}
	ck_assert_uint_eq(suppress_count(list), 100000);
	close_list();
	ck_assert_int_eq(open_list(), ERR_OK);
	ck_assert_uint_eq(suppress_count(list), 100000);
	for (unsigned i = 0; i < 200000; i += 50) {
		snprintf(address, sizeof address, "%u@x.example", i);
		ck_assert_int_eq(
		    match(address, "acme", "news"), i < 100000 ? SUPPRESS_STREAM : -1);
	}
	/* Page by page, each row once. */
	ck_assert_int_eq(suppress_read(list, &keys[2], NULL, 777, visit_row, &seen), ERR_OK);
	ck_assert_int_eq(seen.expires_s, 777);
	for (int64_t before = 0; before != seen.expires_s;) {
		before = seen.expires_s;
		memcpy(after, seen.digest, sizeof after);
		ck_assert_int_eq(
		    suppress_read(list, &keys[2], after, 5000, visit_row, &seen), ERR_OK);
	}
	ck_assert_int_eq(seen.expires_s, 100000);
}
END_TEST

START_TEST(key_file)
{
	struct suppress_row row = row_of("0@x.example");
	char moved[128];
	struct stat st;

	ck_assert_int_eq(stat(key_path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	add(&keys[0], &row, 1);
	close_list();
	snprintf(moved, sizeof moved, "%s.moved", key_path);
	ck_assert_int_eq(rename(key_path, moved), 0);
	ck_assert_int_eq(open_list(), ERR_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(error, "restore"));
	ck_assert_int_ne(access(key_path, F_OK), 0); /* no new one beside old digests */
	store_close(&store);
	ck_assert_int_eq(rename(moved, key_path), 0);
	ck_assert_int_eq(chmod(key_path, 0640), 0);
	ck_assert_int_eq(open_list(), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(error, "only its owner"));
	store_close(&store);
	ck_assert_int_eq(chmod(key_path, 0600), 0);
	ck_assert_int_eq(truncate(key_path, DIGEST_KEY_SIZE - 1), 0);
	ck_assert_int_eq(open_list(), ERR_CORRUPT);
	store_close(&store);
	ck_assert_int_eq(unlink(key_path), 0);
	ck_assert_int_eq(symlink("/etc/passwd", key_path), 0);
	ck_assert_int_ne(open_list(), ERR_OK);
}
END_TEST

START_TEST(canonical_digests)
{
	char big[1100], big2[1100];
	const struct {
		const char *a, *b;
		bool same;
	} table[] = {
		{ "joe@x.example", "joe@X.Example", true },
		{ "joe@x.example", "joe@x.example.", true },
		{ "joe@x.example", "\"joe\"@x.example", true },
		{ "joe@x.example", "\"j\\oe\"@x.example", true },
		{ "a b@x.example", "\"a b\"@x.example", true },
		{ "joe@m\xc3\xbcnchen.example", "joe@xn--mnchen-3ya.example", true },
		{ "joe@x.example", "Joe@x.example", true },
		{ "joe@x.example", "joe@y.example", false },
		{ "joe@x.example", "joe+a@x.example", false },
		{ "not an address", "NOT an address", true },
		{ "not an address", "not an addres", false },
		{ "", "@", false },
		{ big, big2, false },
	};

	memset(big, 'a', sizeof big);
	memset(big2, 'a', sizeof big2);
	big[sizeof big - 1] = big2[sizeof big2 - 1] = '\0';
	big2[sizeof big2 - 2] = 'b';
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct suppress_row a = row_of(table[i].a), b = row_of(table[i].b);

		ck_assert_msg((memcmp(a.digest, b.digest, DIGEST_SIZE) == 0) == table[i].same,
		    "case %zu", i);
	}
}
END_TEST

START_TEST(damage_is_refused)
{
	struct suppress_row row = row_of("0@x.example");
	struct buf key = BUF_INIT(64), value = BUF_INIT(1024);
	struct kv_txn *txn;
	uint64_t rows, damaged;
	unsigned database = store_database(store, STORE_SUPPRESS);

	add(&keys[0], &row, 1);
	ck_assert_int_eq(suppress_verify(store_kv(store), database, &rows, &damaged), ERR_OK);
	ck_assert(rows == 1 && damaged == 0);
	buf_add(&key, "p\0\0", 3);
	buf_add(&key, row.digest, DIGEST_SIZE);
	ck_assert_int_eq(kv_begin(store_kv(store), true, &txn), ERR_OK);
	ck_assert_int_eq(kv_get(txn, database, buf_span(&key), &value), ERR_OK);
	value.p[value.n / 2] ^= 4;
	ck_assert_int_eq(kv_put(txn, database, buf_span(&key), buf_span(&value)), ERR_OK);
	ck_assert_int_eq(kv_commit(&txn), ERR_OK);
	ck_assert_int_eq(suppress_verify(store_kv(store), database, &rows, &damaged), ERR_OK);
	ck_assert(rows == 1 && damaged == 1);
	close_list();
	ck_assert_int_eq(open_list(), ERR_CORRUPT);
	ck_assert_ptr_nonnull(strstr(error, "suppressions"));
	buf_free(&key);
	buf_free(&value);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("suppress");
	TCase *cases = tcase_create("suppress");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 120);
	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, scopes_and_removal);
	tcase_add_test(cases, expiry);
	tcase_add_test(cases, a_hundred_thousand);
	tcase_add_test(cases, key_file);
	tcase_add_test(cases, canonical_digests);
	tcase_add_test(cases, damage_is_refused);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
