/* test_web_spool - events on disk: order, the files that lines share, every bound, what a crash and
 * strangers leave in the directory. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool.h"

static char directory[] = "/tmp/penguin-spool-XXXXXX";

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void path_of(char path[300], const char *name)
{
	snprintf(path, 300, "%s/%s", directory, name);
}

static size_t count_files(bool unlink_them)
{
	DIR *d = opendir(directory);
	const struct dirent *entry;
	size_t n = 0;

	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (unlink_them)
			unlinkat(dirfd(d), entry->d_name, 0);
	}
	closedir(d);
	return n;
}

static void teardown(void)
{
	count_files(true);
	rmdir(directory);
}

static struct spool *open_spool(uint64_t max)
{
	struct spool *s;
	char error[512];

	ck_assert_msg(
	    spool_open(directory, max, &s, error, sizeof error) == ERR_OK, "%s", error);
	return s;
}

/* count lines, numbered from first, each of octets octets. */
static void make_lines(struct buf *out, unsigned first, unsigned count, int octets)
{
	buf_reset(out);
	for (unsigned i = 0; i < count; i++)
		buf_printf(out, "%0*u\n", octets - 1, first + i);
}

static enum err add(
    struct spool *s, unsigned first, unsigned count, int octets, uint64_t *dropped_r)
{
	struct buf lines = BUF_INIT(1 << 20);
	enum err e;

	make_lines(&lines, first, count, octets);
	e = spool_add(s, buf_span(&lines), dropped_r);
	buf_free(&lines);
	return e;
}

static void must_add(struct spool *s, unsigned first, unsigned count, int octets)
{
	uint64_t dropped;

	ck_assert_int_eq(add(s, first, count, octets, &dropped), ERR_OK);
	ck_assert_uint_eq(dropped, 0);
}

/* The oldest file holds these lines, and is taken away. */
static void must_take(struct spool *s, unsigned first, unsigned count, int octets)
{
	struct buf want = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);

	make_lines(&want, first, count, octets);
	ck_assert_int_eq(spool_oldest(s, &got), ERR_OK);
	ck_assert_str_eq(buf_cstr(&got), buf_cstr(&want));
	spool_remove_oldest(s);
	buf_free(&want);
	buf_free(&got);
}

static void must_be_empty(struct spool *s)
{
	struct buf got = BUF_INIT(1 << 20);

	ck_assert_int_eq(spool_oldest(s, &got), ERR_NOTFOUND);
	ck_assert(spool_empty(s));
	ck_assert_uint_eq(spool_octets(s), 0);
	buf_free(&got);
}

START_TEST(in_order)
{
	struct spool *s = open_spool(1 << 20);

	must_be_empty(s);
	must_add(s, 0, 3, 20);
	must_add(s, 3, SPOOL_LINES - 3, 20); /* n: one file */
	ck_assert_uint_eq(count_files(false), 1);
	ck_assert_uint_eq(spool_octets(s), SPOOL_BLOCK);
	must_add(s, SPOOL_LINES, 1, 20); /* n + 1: another */
	ck_assert_uint_eq(count_files(false), 2);
	must_take(s, 0, SPOOL_LINES, 20);
	must_add(s, SPOOL_LINES + 1, 1, 20);
	must_take(s, SPOOL_LINES, 2, 20);
	must_be_empty(s);
	must_add(s, 7, 1, 20);
	must_take(s, 7, 1, 20);
	must_be_empty(s);
	ck_assert_uint_eq(count_files(false), 0);
	spool_close(&s);
	ck_assert_ptr_null(s);
	spool_close(&s);
}
END_TEST

START_TEST(at_once)
{
	struct spool *s = open_spool(1 << 20);
	uint64_t dropped;

	must_add(s, 0, SPOOL_LINES, 20);
	ck_assert_int_eq(add(s, 0, SPOOL_LINES + 1, 20, &dropped), ERR_TOOBIG);
	must_add(s, 100, 1, SPOOL_FILE_MAX);
	ck_assert_int_eq(add(s, 0, 1, SPOOL_FILE_MAX + 1, &dropped), ERR_TOOBIG);
	must_take(s, 0, SPOOL_LINES, 20);
	must_take(s, 100, 1, SPOOL_FILE_MAX);
	/* Together one octet more than a file may have. */
	must_add(s, 0, 1, SPOOL_FILE_MAX - 20);
	must_add(s, 1, 1, 20);
	ck_assert_uint_eq(count_files(false), 1);
	spool_remove_oldest(s);
	must_add(s, 0, 1, SPOOL_FILE_MAX - 20);
	must_add(s, 1, 1, 21);
	ck_assert_uint_eq(count_files(false), 2);
	must_take(s, 0, 1, SPOOL_FILE_MAX - 20);
	must_take(s, 1, 1, 21);
	spool_close(&s);
}
END_TEST

START_TEST(full)
{
	struct spool *s = open_spool(3 * SPOOL_BLOCK);
	uint64_t dropped;

	/* A file of 60 lines of 60 octets takes one block; three fit. */
	for (unsigned i = 0; i < 3; i++)
		must_add(s, 60 * i, 60, 60);
	ck_assert_uint_eq(spool_octets(s), 3 * SPOOL_BLOCK);
	ck_assert_int_eq(add(s, 180, 60, 60, &dropped), ERR_OK);
	ck_assert_uint_eq(dropped, 60);
	ck_assert_uint_eq(spool_octets(s), 3 * SPOOL_BLOCK);
	ck_assert_uint_eq(count_files(false), 3);
	/* More than all of it may take is not begun. */
	ck_assert_int_eq(add(s, 0, 1, 3 * SPOOL_BLOCK + 1, &dropped), ERR_TOOBIG);
	ck_assert_uint_eq(dropped, 0);
	ck_assert_int_eq(add(s, 240, 1, 3 * SPOOL_BLOCK, &dropped), ERR_OK);
	ck_assert_uint_eq(dropped, 180);
	must_take(s, 240, 1, 3 * SPOOL_BLOCK);
	must_be_empty(s);
	spool_close(&s);

	/* The newest file itself has to go. */
	s = open_spool(SPOOL_BLOCK);
	must_add(s, 0, 1, SPOOL_BLOCK);
	ck_assert_int_eq(add(s, 1, 1, 20, &dropped), ERR_OK);
	ck_assert_uint_eq(dropped, 1);
	must_take(s, 1, 1, 20);
	must_be_empty(s);
	spool_close(&s);
}
END_TEST

/* A long outage: the disk never holds more than the bound, what is left are the newest, in order. */
START_TEST(bounded)
{
	const uint64_t max = 10 * SPOOL_BLOCK;
	struct spool *s = open_spool(max);
	struct buf got = BUF_INIT(1 << 20);
	uint64_t dropped, lost = 0, left = 0;
	unsigned added = 0, next = 0;

	for (unsigned i = 0; i < 3000; i++) {
		unsigned count = 1 + i * 7 % SPOOL_LINES;

		ck_assert_int_eq(add(s, added, count, 50, &dropped), ERR_OK);
		added += count;
		lost += dropped;
		ck_assert_uint_le(spool_octets(s), max);
		ck_assert_uint_le(count_files(false), max / SPOOL_BLOCK);
	}
	while (spool_oldest(s, &got) == ERR_OK) {
		unsigned first = (unsigned)strtoul(buf_cstr(&got), NULL, 10);
		size_t lines = spool_count_lines(buf_span(&got));

		ck_assert(left == 0 || first == next);
		next = first + (unsigned)lines;
		left += lines;
		spool_remove_oldest(s);
	}
	ck_assert_uint_eq(next, added);
	ck_assert_uint_eq(lost + left, added);
	must_be_empty(s);
	buf_free(&got);
	spool_close(&s);
}
END_TEST

static void write_file(const char *name, const char *text)
{
	char path[300];
	FILE *f;

	path_of(path, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

START_TEST(taken_up)
{
	struct spool *s;
	char path[300];

	/* A crash left half a line; a gap, an empty file, and what is not ours. */
	write_file("0000000000000007", "one\ntwo\nhal");
	write_file("0000000000000009", "");
	write_file("0000000000000010", "half");
	write_file("0000000000000011", "00000\n");
	write_file("README", "x\n");
	write_file("000000000000001", "x\n");
	write_file("000000000000000x", "x\n");
	path_of(path, "0000000000000003");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	s = open_spool(1 << 20);
	ck_assert_uint_eq(spool_octets(s), 3 * SPOOL_BLOCK);
	must_add(s, 1, 1, 6); /* nothing is added to the file that was the newest */
	{
		struct buf got = BUF_INIT(1 << 20);

		ck_assert_int_eq(spool_oldest(s, &got), ERR_OK);
		ck_assert_str_eq(buf_cstr(&got), "one\ntwo\n");
		spool_remove_oldest(s);
		buf_free(&got);
	}
	must_take(s, 0, 1, 6);
	must_take(s, 1, 1, 6);
	must_be_empty(s);
	spool_close(&s);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_uint_eq(count_files(false), 3);
}
END_TEST

START_TEST(refused)
{
	struct spool *s;
	char error[512], path[300];

	path_of(path, "missing");
	ck_assert_int_eq(spool_open(path, 1 << 20, &s, error, sizeof error), ERR_NOTFOUND);
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(error, path));
	path_of(path, "link");
	ck_assert_int_eq(symlink("/tmp", path), 0);
	ck_assert_int_ne(spool_open(path, 1 << 20, &s, error, sizeof error), ERR_OK);
	ck_assert_int_eq(chmod(directory, 0720), 0);
	ck_assert_int_eq(spool_open(directory, 1 << 20, &s, error, sizeof error), ERR_DENIED);
	ck_assert_int_eq(chmod(directory, 0702), 0);
	ck_assert_int_eq(spool_open(directory, 1 << 20, &s, error, sizeof error), ERR_DENIED);
	ck_assert_int_eq(chmod(directory, 0700), 0);
}
END_TEST

/* Files that vanish under it do no harm. */
START_TEST(vanished)
{
	struct spool *s = open_spool(1 << 20);

	must_add(s, 0, SPOOL_LINES, 20);
	must_add(s, 100, 1, 20);
	count_files(true);
	must_be_empty(s);
	must_add(s, 1, 1, 20);
	must_take(s, 1, 1, 20);
	spool_close(&s);
}
END_TEST

START_TEST(counts)
{
	ck_assert_uint_eq(spool_count_lines(SPAN("")), 0);
	ck_assert_uint_eq(spool_count_lines(SPAN("a")), 0);
	ck_assert_uint_eq(spool_count_lines(SPAN("a\n\nb")), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("web_spool");
	TCase *tests = tcase_create("web_spool");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, in_order);
	tcase_add_test(tests, at_once);
	tcase_add_test(tests, full);
	tcase_add_test(tests, bounded);
	tcase_add_test(tests, taken_up);
	tcase_add_test(tests, refused);
	tcase_add_test(tests, vanished);
	tcase_add_test(tests, counts);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
