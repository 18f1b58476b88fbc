/* test_kv - the store's floor: round trips, batches, growth, a full map, locks, backups, readers
 * that died, and files that were cut or damaged. PENGUIN_KV_DAMAGES sets how many of those
 * (default 400), PENGUIN_SEED which. */
#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kv.h"
#include "kv_check.h"

#define MIB UINT64_C(1048576)

static char root[64], store[96], error[512];

static const struct kv_options writer = {
	.map_octets = MIB, .map_ceiling = 8 * MIB, .databases = 4
};
static const struct kv_options reader = {
	.map_octets = MIB, .map_ceiling = 8 * MIB, .databases = 4, .read_only = true
};

static void setup(void)
{
	snprintf(root, sizeof root, "/tmp/test_kv.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(store, sizeof store, "%s/store", root);
	ck_assert_int_eq(mkdir(store, 0700), 0);
}

static void remove_in(const char *directory)
{
	char path[256];

	snprintf(path, sizeof path, "%s/data.mdb", directory);
	unlink(path);
	snprintf(path, sizeof path, "%s/lock.mdb", directory);
	unlink(path);
	rmdir(directory);
}

static void teardown(void)
{
	char path[96];

	remove_in(store);
	snprintf(path, sizeof path, "%s/copy", root);
	remove_in(path);
	rmdir(root);
}

#define OK(call) ck_assert_int_eq((call), ERR_OK)

static struct kv *open_store(const struct kv_options *options, unsigned *database_r)
{
	struct kv *kv;
	enum err e = kv_open(store, options, &kv, error, sizeof error);

	ck_assert_msg(e == ERR_OK, "%s", error);
	OK(kv_database(kv, "records", database_r));
	return kv;
}

static void put(struct kv_txn *txn, unsigned database, const char *key, const char *value)
{
	OK(kv_put(txn, database, span_cstr(key), span_cstr(value)));
}

static void put_one(struct kv *kv, unsigned database, const char *key, const char *value)
{
	struct kv_txn *txn;

	OK(kv_begin(kv, true, &txn));
	put(txn, database, key, value);
	OK(kv_commit(&txn));
	ck_assert_ptr_null(txn);
}

static void expect(struct kv *kv, unsigned database, const char *key, const char *value)
{
	struct buf b = BUF_INIT(1 << 20);
	struct kv_txn *txn;
	enum err e;

	OK(kv_begin(kv, false, &txn));
	e = kv_get(txn, database, span_cstr(key), &b);
	kv_abort(&txn);
	if (value == NULL) {
		ck_assert_int_eq(e, ERR_NOTFOUND);
		ck_assert_uint_eq(b.n, 0);
	} else {
		OK(e);
		ck_assert(span_eq(buf_span(&b), span_cstr(value)));
	}
	buf_free(&b);
}

START_TEST(round_trip)
{
	struct kv_txn *txn;
	struct kv *kv;
	struct stat st;
	char path[128];
	unsigned db;

	umask(0);
	kv = open_store(&writer, &db);
	put_one(kv, db, "a", "1");
	put_one(kv, db, "a", "2");
	put_one(kv, db, "empty", "");
	expect(kv, db, "a", "2");
	expect(kv, db, "empty", "");
	expect(kv, db, "b", NULL);
	OK(kv_begin(kv, true, &txn));
	put(txn, db, "b", "x");
	kv_abort(&txn);
	ck_assert_ptr_null(txn);
	kv_abort(&txn);
	expect(kv, db, "b", NULL);
	OK(kv_begin(kv, true, &txn));
	OK(kv_delete(txn, db, SPAN("a")));
	ck_assert_int_eq(kv_delete(txn, db, SPAN("a")), ERR_NOTFOUND);
	OK(kv_commit(&txn));
	expect(kv, db, "a", NULL);
	put_one(kv, db, "kept", "for ever");
	snprintf(path, sizeof path, "%s/data.mdb", store);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	snprintf(path, sizeof path, "%s/lock.mdb", store);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	kv_close(&kv);
	ck_assert_ptr_null(kv);
	kv_close(&kv);
	kv = open_store(&writer, &db);
	expect(kv, db, "kept", "for ever");
	ck_assert_ptr_nonnull(strstr(kv_library_version(), "LMDB"));
	kv_close(&kv);
}
END_TEST

START_TEST(key_and_value_bounds)
{
	char key[KV_KEY_MAX + 1];
	unsigned db;
	struct kv *kv = open_store(&writer, &db);
	struct buf b = BUF_INIT(4);
	struct kv_txn *txn;

	memset(key, 'k', sizeof key);
	OK(kv_begin(kv, true, &txn));
	OK(kv_put(txn, db, span_make(key, KV_KEY_MAX), SPAN("1234")));
	ck_assert_int_eq(kv_put(txn, db, span_make(key, sizeof key), SPAN("v")), ERR_RANGE);
	ck_assert_int_eq(kv_put(txn, db, SPAN(""), SPAN("v")), ERR_RANGE);
	ck_assert_int_eq(kv_delete(txn, db, span_make(key, sizeof key)), ERR_RANGE);
	ck_assert_int_eq(kv_delete(txn, db, SPAN("")), ERR_RANGE);
	OK(kv_put(txn, db, SPAN("five"), SPAN("12345")));
	OK(kv_commit(&txn));
	OK(kv_begin(kv, false, &txn));
	OK(kv_get(txn, db, span_make(key, KV_KEY_MAX), &b));
	ck_assert_int_eq(kv_get(txn, db, SPAN("five"), &b), ERR_TOOBIG);
	ck_assert_int_eq(kv_get(txn, db, SPAN(""), &b), ERR_RANGE);
	OK(kv_get(txn, db, span_make(key, KV_KEY_MAX), &b));
	ck_assert(span_eq(buf_span(&b), SPAN("1234")));
	ck_assert_int_eq(kv_put(txn, db, SPAN("x"), SPAN("v")), ERR_READONLY);
	ck_assert_int_eq(kv_delete(txn, db, SPAN("x")), ERR_READONLY);
	kv_abort(&txn);
	buf_free(&b);
	kv_close(&kv);
}
END_TEST

struct seen {
	char keys[64];
	size_t stop_after;
};

static bool note(void *context, struct span key, struct span value)
{
	struct seen *s = context;
	size_t n = strlen(s->keys);

	ck_assert(span_eq(value, SPAN("v")));
	snprintf(s->keys + n, sizeof s->keys - n, "%.*s ", SPAN_ARG(key));
	return s->stop_after == 0 || --s->stop_after > 0;
}

START_TEST(scan)
{
	static const struct {
		const char *prefix, *from;
		size_t stop_after;
		const char *keys;
	} table[] = {
		{ "", "", 0, "a a1 a2 a3 b b1 c " },
		{ "a", "", 0, "a a1 a2 a3 " },
		{ "a", "a2", 0, "a2 a3 " },
		{ "a", "a2x", 0, "a3 " },
		{ "a", "a9", 0, "" },
		{ "a", "b", 0, "" },
		{ "b", "a", 0, "b b1 " },
		{ "", "b", 0, "b b1 c " },
		{ "", "a", 2, "a a1 " },
		{ "z", "", 0, "" },
		{ "aa", "", 0, "" },
	};
	static const char *const keys[] = { "c", "b1", "a3", "a", "a2", "b", "a1" };
	char longest[KV_KEY_MAX + 1];
	unsigned db;
	struct kv *kv = open_store(&writer, &db);
	struct seen none = { .keys = "" };
	struct kv_txn *txn;
	uint64_t count;

	OK(kv_begin(kv, false, &txn));
	OK(kv_scan(txn, db, SPAN(""), SPAN(""), note, &none));
	ck_assert_str_eq(none.keys, "");
	kv_abort(&txn);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		put_one(kv, db, keys[i], "v");
	OK(kv_begin(kv, false, &txn));
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct seen s = { .stop_after = table[i].stop_after };

		OK(kv_scan(
		    txn, db, span_cstr(table[i].prefix), span_cstr(table[i].from), note, &s));
		ck_assert_msg(strcmp(s.keys, table[i].keys) == 0, "case %zu: %s", i, s.keys);
	}
	memset(longest, 'z', sizeof longest);
	ck_assert_int_eq(
	    kv_scan(txn, db, SPAN(""), span_make(longest, sizeof longest), note, &none),
	    ERR_RANGE);
	OK(kv_count(txn, db, &count));
	ck_assert_uint_eq(count, ARRAY_SIZE(keys));
	kv_abort(&txn);
	kv_close(&kv);
}
END_TEST

/* Fills until the map is full; the transaction that failed must leave nothing. */
static unsigned fill_until_full(struct kv *kv, unsigned db, unsigned from)
{
	char value[1000];
	struct kv_txn *txn;
	char key[16];
	enum err e;

	memset(value, 'v', sizeof value);
	for (unsigned i = from;; i++) {
		snprintf(key, sizeof key, "%08u", i);
		OK(kv_begin(kv, true, &txn));
		e = kv_put(txn, db, span_cstr(key), span_make(value, sizeof value));
		if (e == ERR_OK) {
			e = kv_commit(&txn);
		} else {
			/* What follows a failure in the same transaction fails, too. */
			ck_assert_int_ne(kv_put(txn, db, SPAN("k"), SPAN("v")), ERR_OK);
			kv_abort(&txn);
		}
		if (e == ERR_FULL)
			return i;
		OK(e);
	}
}

START_TEST(full_map_grows_to_the_ceiling)
{
	unsigned db, count = 0, before;
	struct kv *kv = open_store(&writer, &db);
	struct kv_usage usage;
	struct kv_txn *txn;
	uint64_t entries;
	int grown = 0;
	enum err e;

	for (;;) {
		before = count;
		count = fill_until_full(kv, db, count);
		ck_assert(grown == 0 || count > before);
		kv_usage(kv, &usage);
		ck_assert_uint_le(usage.used_octets, usage.map_octets);
		ck_assert_uint_gt(usage.used_octets, usage.map_octets / 100 * 60);
		OK(kv_begin(kv, false, &txn));
		ck_assert_int_eq(kv_grow(kv), ERR_ORDER);
		kv_abort(&txn);
		e = kv_grow(kv);
		if (e == ERR_FULL)
			break;
		OK(e);
		grown++;
	}
	ck_assert_int_eq(grown, 3); /* 1, 2, 4, 8 MiB */
	kv_usage(kv, &usage);
	ck_assert_uint_eq(usage.map_octets, 8 * MIB);
	ck_assert_uint_eq(usage.map_ceiling, 8 * MIB);
	OK(kv_begin(kv, true, &txn));
	OK(kv_count(txn, db, &entries));
	ck_assert_uint_eq(entries, count);
	/* Full is not the end: room can be made. */
	OK(kv_delete(txn, db, SPAN("00000000")));
	OK(kv_commit(&txn));
	kv_close(&kv);
	/* A file that is bigger than the map we ask for opens all the same. */
	kv = open_store(&writer, &db);
	OK(kv_begin(kv, false, &txn));
	OK(kv_count(txn, db, &entries));
	ck_assert_uint_eq(entries, count - 1);
	kv_abort(&txn);
	kv_close(&kv);
}
END_TEST

static void *end_soon(void *txn)
{
	struct kv_txn *t = txn;

	usleep(50000);
	kv_abort(&t);
	return NULL;
}

START_TEST(a_reader_does_not_keep_the_map_from_growing)
{
	unsigned db;
	struct kv *kv = open_store(&writer, &db);
	struct kv_txn *txn;
	pthread_t thread;

	OK(kv_begin(kv, false, &txn));
	ck_assert_int_eq(pthread_create(&thread, NULL, end_soon, txn), 0);
	OK(kv_grow(kv));
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	kv_close(&kv);
}
END_TEST

START_TEST(one_writer_or_many_readers)
{
	struct kv *kv, *second, *third;
	struct kv_txn *txn;
	unsigned db;

	kv = open_store(&writer, &db);
	put_one(kv, db, "a", "1");
	ck_assert_int_eq(kv_open(store, &writer, &second, error, sizeof error), ERR_EXISTS);
	ck_assert_ptr_null(second);
	ck_assert_int_eq(kv_open(store, &reader, &second, error, sizeof error), ERR_EXISTS);
	kv_close(&kv);
	second = open_store(&reader, &db);
	ck_assert_int_eq(kv_open(store, &writer, &kv, error, sizeof error), ERR_EXISTS);
	expect(second, db, "a", "1");
	ck_assert_int_eq(kv_begin(second, true, &txn), ERR_READONLY);
	ck_assert_int_eq(kv_grow(second), ERR_READONLY);
	ck_assert_int_eq(kv_database(second, "others", &db), ERR_NOTFOUND);
	if (fork() == 0) {
		/* Another process reads beside us. */
		_exit(kv_open(store, &reader, &third, error, sizeof error) == ERR_OK ? 0 : 1);
	} else {
		int status;

		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	kv_close(&second);
	kv = open_store(&writer, &db);
	kv_close(&kv);
}
END_TEST

START_TEST(open_mistakes)
{
	struct kv *kv;
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/nowhere", root);
	ck_assert_int_eq(kv_open(path, &writer, &kv, error, sizeof error), ERR_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(error, path));
	ck_assert_int_eq(kv_open(store, &reader, &kv, error, sizeof error), ERR_NOTFOUND);
	snprintf(path, sizeof path, "%s/data.mdb", store);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(kv_open(store, &reader, &kv, error, sizeof error), ERR_NOTFOUND);
	ck_assert_int_eq(write(fd, "text, not a store\n", 18), 18);
	ck_assert_int_eq(kv_open(store, &writer, &kv, error, sizeof error), ERR_CORRUPT);
	ck_assert_ptr_nonnull(strstr(error, "too short"));
	ck_assert_int_eq(ftruncate(fd, 65536), 0);
	ck_assert_int_eq(kv_open(store, &writer, &kv, error, sizeof error), ERR_CORRUPT);
	ck_assert_ptr_nonnull(strstr(error, "not an LMDB file"));
	close(fd);
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_ne(kv_open(store, &writer, &kv, error, sizeof error), ERR_OK);
	rmdir(path);
}
END_TEST

START_TEST(other_format_version)
{
	uint32_t version = 2;
	char path[128];
	struct kv *kv;
	unsigned db;
	int fd;

	kv = open_store(&writer, &db);
	kv_close(&kv);
	snprintf(path, sizeof path, "%s/data.mdb", store);
	fd = open(path, O_RDWR);
	ck_assert_int_eq(pwrite(fd, &version, sizeof version, 20), sizeof version);
	close(fd);
	ck_assert_int_eq(kv_open(store, &writer, &kv, error, sizeof error), ERR_VERSION);
}
END_TEST

START_TEST(backup)
{
	char copy[96], path[128];
	struct kv_txn *txn;
	struct kv *kv;
	struct stat st;
	unsigned db;

	umask(0);
	kv = open_store(&writer, &db);
	put_one(kv, db, "a", "1");
	snprintf(copy, sizeof copy, "%s/no/copy", root);
	ck_assert_int_eq(kv_backup(kv, copy), ERR_NOTFOUND);
	snprintf(copy, sizeof copy, "%s/copy", root);
	/* An unfinished write is not in the copy, and does not keep it from being made. */
	OK(kv_begin(kv, true, &txn));
	put(txn, db, "b", "2");
	OK(kv_backup(kv, copy));
	OK(kv_commit(&txn));
	ck_assert_int_eq(kv_backup(kv, copy), ERR_EXISTS);
	kv_close(&kv);
	ck_assert_int_eq(stat(copy, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	snprintf(path, sizeof path, "%s/data.mdb", copy);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	OK(kv_open(copy, &reader, &kv, error, sizeof error));
	OK(kv_database(kv, "records", &db));
	expect(kv, db, "a", "1");
	expect(kv, db, "b", NULL);
	kv_close(&kv);
}
END_TEST

static void *read_many(void *context)
{
	struct kv *kv = context;
	struct buf b = BUF_INIT(4096);
	struct kv_txn *txn;

	for (int i = 0; i < 500; i++) {
		OK(kv_begin(kv, false, &txn));
		/* The two records are written together, so they are seen together. */
		OK(kv_get(txn, 2, SPAN("x"), &b));
		char first = b.p[0];

		OK(kv_get(txn, 2, SPAN("y"), &b));
		ck_assert_int_eq(first, b.p[0]);
		kv_abort(&txn);
	}
	buf_free(&b);
	return NULL;
}

START_TEST(readers_beside_the_writer)
{
	pthread_t threads[3];
	struct kv_txn *txn;
	unsigned db;
	struct kv *kv = open_store(&writer, &db);

	ck_assert_uint_eq(db, 2);
	for (int i = -1; i < 50; i++) {
		char value[2] = { (char)('0' + i % 10), '\0' };

		OK(kv_begin(kv, true, &txn));
		put(txn, db, "x", value);
		put(txn, db, "y", value);
		OK(kv_commit(&txn));
		for (size_t t = 0; i == -1 && t < ARRAY_SIZE(threads); t++)
			ck_assert_int_eq(pthread_create(&threads[t], NULL, read_many, kv), 0);
	}
	for (size_t t = 0; t < ARRAY_SIZE(threads); t++)
		pthread_join(threads[t], NULL);
	kv_check_readers(kv);
	kv_close(&kv);
}
END_TEST

START_TEST(killed_writer_loses_nothing_committed)
{
	char key[16], next[16];
	struct kv_txn *txn;
	uint64_t entries;
	int pipe_ends[2];
	struct kv *kv;
	unsigned db;
	ssize_t got;

	for (int round = 0; round < 5; round++) {
		unsigned committed = 0, value;
		pid_t child;

		ck_assert_int_eq(pipe(pipe_ends), 0);
		child = fork();
		if (child == 0) {
			kv = open_store(&writer, &db);
			for (unsigned i = 0;; i++) {
				snprintf(key, sizeof key, "%u-%u", (unsigned)round, i);
				put_one(kv, db, key, "v");
				if (write(pipe_ends[1], &i, sizeof i) < 0)
					_exit(1);
			}
		}
		close(pipe_ends[1]);
		while (committed < 20 &&
		       (got = read(pipe_ends[0], &value, sizeof value)) == sizeof value)
			committed = value + 1;
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		while ((got = read(pipe_ends[0], &value, sizeof value)) == sizeof value)
			committed = value + 1;
		close(pipe_ends[0]);
		kv = open_store(&writer, &db);
		snprintf(key, sizeof key, "%u-%u", (unsigned)round, committed - 1);
		snprintf(next, sizeof next, "%u-%u", (unsigned)round, committed + 1);
		expect(kv, db, key, "v");
		expect(kv, db, next, NULL);
		OK(kv_begin(kv, false, &txn));
		OK(kv_count(txn, db, &entries));
		kv_abort(&txn);
		kv_close(&kv);
	}
}
END_TEST

/* ---- damage ---- */

static uint64_t number_from(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);
	uint64_t value = fallback;

	if (text != NULL && !span_u64(span_cstr(text), &value))
		ck_abort_msg("%s is not a number", name);
	return value;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* A store with branch pages, large values, free pages and an empty database. */
static void make_varied(void)
{
	unsigned db, other, empty;
	struct kv *kv = open_store(&writer, &db);
	static char big[20000];
	struct kv_txn *txn;
	char key[64];

	OK(kv_database(kv, "other", &other));
	OK(kv_database(kv, "empty", &empty));
	memset(big, 'B', sizeof big);
	for (int round = 0; round < 4; round++) {
		OK(kv_begin(kv, true, &txn));
		for (unsigned i = 0; i < 700; i++) {
			snprintf(
			    key, sizeof key, "tenant%03u/bucket/%05u", i % 7, i * 37 % 701);
			OK(kv_put(txn, db, span_cstr(key), span_make(big, 60 + i % 90)));
		}
		for (unsigned i = 0; i < 8; i++) {
			snprintf(key, sizeof key, "large%u", i);
			OK(kv_put(txn, other, span_cstr(key),
			    span_make(big, 3000 + 2100 * i - (unsigned)round * 100)));
		}
		OK(kv_commit(&txn));
		OK(kv_begin(kv, true, &txn));
		for (unsigned i = 0; i < 700; i += 3) {
			snprintf(
			    key, sizeof key, "tenant%03u/bucket/%05u", i % 7, i * 37 % 701);
			OK(kv_delete(txn, db, span_cstr(key)));
		}
		OK(kv_delete(txn, other, SPAN("large3")));
		OK(kv_commit(&txn));
	}
	kv_close(&kv);
}

static bool touch(void *context, struct span key, struct span value)
{
	unsigned *sum = context;

	for (size_t i = 0; i < key.n; i++)
		*sum += (unsigned char)key.p[i];
	for (size_t i = 0; i < value.n; i++)
		*sum += (unsigned char)value.p[i];
	return true;
}

/* Reads and rewrites everything in a store that opened. Errors are fine here, a crash is not. */
static void use_everything(struct kv *kv)
{
	static const char *const names[] = { "records", "other", "empty" };
	unsigned db, sum = 0;
	struct kv_txn *txn;
	char key[64];

	for (size_t d = 0; d < ARRAY_SIZE(names); d++) {
		if (kv_database(kv, names[d], &db) != ERR_OK)
			continue;
		if (kv_begin(kv, false, &txn) == ERR_OK) {
			if (kv_scan(txn, db, SPAN(""), SPAN(""), touch, &sum) != ERR_OK)
				sum = 0;
			kv_abort(&txn);
		}
		for (unsigned i = 0; i < 60; i++) {
			enum err e;

			if (kv_begin(kv, true, &txn) != ERR_OK)
				break;
			snprintf(key, sizeof key, "tenant%03u/bucket/%05u", i % 7, i * 12);
			e = kv_put(txn, db, span_cstr(key), SPAN("new"));
			if (e == ERR_OK && kv_delete(txn, db, SPAN("large4")) == ERR_OK)
				e = kv_put(txn, db, SPAN("large9"), span_cstr(key));
			if (i % 20 == 19)
				e = kv_commit(&txn);
			kv_abort(&txn);
		}
	}
}

static void write_file(const char *path, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static char *read_whole(const char *path, size_t *n_r)
{
	struct stat st;
	char *bytes;
	int fd = open(path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	*n_r = (size_t)st.st_size;
	bytes = malloc(*n_r);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(read(fd, bytes, *n_r), st.st_size);
	close(fd);
	return bytes;
}

START_TEST(sound_file_passes)
{
	struct kv *kv;
	unsigned db;

	make_varied();
	for (int i = 0; i < 3; i++) {
		kv = open_store(&writer, &db);
		use_everything(kv);
		kv_close(&kv);
	}
}
END_TEST

START_TEST(cut_files)
{
	uint64_t cases = number_from("PENGUIN_KV_DAMAGES", 400), refused = 0;
	uint64_t rng = number_from("PENGUIN_SEED", (uint64_t)time(NULL));
	struct kv *kv;
	char path[128];
	char *bytes;
	size_t n;

	printf("test_kv: cut: seed %" PRIu64 ", %" PRIu64 " cases\n", rng, cases);
	fflush(stdout);
	make_varied();
	snprintf(path, sizeof path, "%s/data.mdb", store);
	bytes = read_whole(path, &n);
	for (uint64_t i = 0; i < cases; i++) {
		size_t length = 1 + next_random(&rng) % (n - 1);

		write_file(path, bytes, length);
		if (kv_open(store, &writer, &kv, error, sizeof error) != ERR_OK) {
			refused++;
			continue;
		}
		/* Only free pages may have been behind the cut. */
		use_everything(kv);
		kv_close(&kv);
	}
	printf("test_kv: cut: %" PRIu64 " refused\n", refused);
	ck_assert(cases < 20 || refused > cases / 2);
	free(bytes);
}
END_TEST

/* The kind of a leaf's first record: several values to a key (0x04), or what nobody knows. LMDB
 * would follow a pointer that is not there. How many were looked at. */
static size_t strange_record(int fd, const char *bytes, size_t page)
{
	static const uint16_t changes[] = { 0x04, 0x08, 0x8000 };
	char reason[160];
	uint16_t slot, kind;
	off_t at;

	memcpy(&slot, bytes + page * 4096 + 16, sizeof slot);
	at = (off_t)(page * 4096 + slot + 4);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		memcpy(&kind, bytes + at, sizeof kind);
		kind ^= changes[i];
		ck_assert_int_eq(pwrite(fd, &kind, sizeof kind, at), 2);
		ck_assert_msg(kv_check_file(fd, reason, sizeof reason) == ERR_CORRUPT,
		    "page %zu: kind %x", page, kind);
		ck_assert_int_eq(pwrite(fd, bytes + at, sizeof kind, at), 2);
	}
	return ARRAY_SIZE(changes);
}

/* One field of a page's header, or its first slot, is set to a value that cannot be right. */
START_TEST(every_page_is_looked_at)
{
	static const struct {
		size_t offset;
		uint16_t change; /* of the 16 bits there, by exclusive or */
		bool overflow;   /* also where the page is the start of a large value */
	} table[] = { { 0, 1, true }, { 2, 1, true }, { 10, 1, true }, { 10, 4, true },
		{ 10, 8, true }, { 12, 1, false }, { 14, 0x8000, false }, { 16, 1, false },
		{ 16, 0x8000, false }, { 16, 0x4000, false } };
	char path[128], copy[96], reason[160];
	size_t n, checked = 0;
	struct kv *kv;
	unsigned db;
	char *bytes;
	int fd;

	make_varied();
	snprintf(copy, sizeof copy, "%s/copy", root);
	ck_assert_int_eq(mkdir(copy, 0700), 0);
	kv = open_store(&writer, &db);
	OK(kv_backup(kv, copy));
	kv_close(&kv);
	snprintf(path, sizeof path, "%s/data.mdb", copy);
	bytes = read_whole(path, &n);
	fd = open(path, O_RDWR);
	for (size_t page = 2; page < n / 4096; page++) {
		uint16_t flags, field;
		size_t number;

		memcpy(&number, bytes + page * 4096, sizeof number);
		memcpy(&flags, bytes + page * 4096 + 10, sizeof flags);
		if (number != page) /* inside of a large value */
			continue;
		if (flags == 2)
			checked += strange_record(fd, bytes, page);
		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			off_t at = (off_t)(page * 4096 + table[i].offset);

			if (flags == 4 && !table[i].overflow)
				continue;
			memcpy(&field, bytes + at, sizeof field);
			field ^= table[i].change;
			ck_assert_int_eq(pwrite(fd, &field, sizeof field, at), 2);
			ck_assert_msg(kv_check_file(fd, reason, sizeof reason) == ERR_CORRUPT,
			    "page %zu flags %u case %zu", page, flags, i);
			ck_assert_int_eq(pwrite(fd, bytes + at, sizeof field, at), 2);
			checked++;
		}
	}
	OK(kv_check_file(fd, reason, sizeof reason));
	ck_assert_uint_gt(checked, 100);
	close(fd);
	free(bytes);
}
END_TEST

START_TEST(flipped_bits)
{
	uint64_t cases = number_from("PENGUIN_KV_DAMAGES", 400), refused = 0;
	uint64_t rng = number_from("PENGUIN_SEED", (uint64_t)time(NULL));
	char path[128], copy[96];
	struct kv *kv;
	unsigned db;
	char *bytes;
	size_t n;

	printf("test_kv: flip: seed %" PRIu64 ", %" PRIu64 " cases\n", rng, cases);
	fflush(stdout);
	make_varied();
	/* The compacted copy has no free pages, where damage would mean nothing. */
	snprintf(copy, sizeof copy, "%s/copy", root);
	ck_assert_int_eq(mkdir(copy, 0700), 0);
	kv = open_store(&writer, &db);
	OK(kv_backup(kv, copy));
	kv_close(&kv);
	snprintf(path, sizeof path, "%s/data.mdb", copy);
	bytes = read_whole(path, &n);
	snprintf(path, sizeof path, "%s/data.mdb", store);
	for (uint64_t i = 0; i < cases; i++) {
		/* Half of them where structure is dense: at the start of a page. */
		size_t at = next_random(&rng) % n;
		char was;

		if (i % 2 == 0)
			at = at / 4096 * 4096 + next_random(&rng) % 160;
		was = bytes[at];
		bytes[at] = (char)(i % 4 < 2 ? was ^ (1 << next_random(&rng) % 8)
					     : was ^ (char)(1 + next_random(&rng) % 255));
		write_file(path, bytes, n);
		bytes[at] = was;
		if (kv_open(store, &writer, &kv, error, sizeof error) != ERR_OK) {
			refused++;
			continue;
		}
		use_everything(kv);
		kv_close(&kv);
	}
	printf("test_kv: flip: %" PRIu64 " refused\n", refused);
	/* Most damage lies in values, which are not looked at; the rest must be seen. */
	ck_assert(cases < 200 || refused > cases / 20);
	free(bytes);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { round_trip, key_and_value_bounds, scan,
		full_map_grows_to_the_ceiling, a_reader_does_not_keep_the_map_from_growing,
		one_writer_or_many_readers, open_mistakes, other_format_version, backup,
		readers_beside_the_writer, killed_writer_loses_nothing_committed,
		sound_file_passes, cut_files, every_page_is_looked_at, flipped_bits };
	Suite *suite = suite_create("kv");
	TCase *cases = tcase_create("kv");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 600);
	tcase_add_checked_fixture(cases, setup, teardown);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(cases, tests[i]);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
