/* test_event_segments - the files of the event log: a day each, cut and went on with after a power
 * failure, deleted whole by age and size, read in pages. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event_segments.h"

#define T0  INT64_C(1800000000)
#define DAY EVENT_SEGMENT_S

static char root[64];
static struct event_segments segments;
static const struct events_limits wide = { .octets = 1u << 30, .retention_s = 30 * DAY };

static void setup(void)
{
	snprintf(root, sizeof root, "/tmp/test_segments.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(rmdir(root), 0); /* made by the first append */
	segments_init(&segments, root);
}

static size_t files(bool delete)
{
	DIR *d = opendir(root);
	struct dirent *entry;
	size_t n = 0;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		char path[400];

		if (entry->d_name[0] == '.')
			continue;
		n++;
		snprintf(path, sizeof path, "%s/%s", root, entry->d_name);
		if (delete)
			unlink(path);
	}
	if (d != NULL)
		closedir(d);
	return n;
}

static void teardown(void)
{
	segments_deinit(&segments);
	files(true);
	rmdir(root);
}

static void append(const char *kind, uint64_t message, int64_t now_s)
{
	struct event e = { .kind = span_cstr(kind),
		.tenant = message % 2 == 0 ? SPAN("even") : SPAN("odd"),
		.message = message,
		.time_s = now_s };
	struct buf b = BUF_INIT(4096);

	event_put(&b, &e);
	ck_assert_int_eq(segments_append(&segments, buf_span(&b), &wide, now_s), ERR_OK);
	buf_free(&b);
}

struct seen {
	uint64_t count, sum, last;
};

static void visit(void *context, const struct event *e)
{
	struct seen *s = context;

	ck_assert_uint_gt(e->message, s->last);
	s->last = e->message;
	s->count++;
	s->sum += e->message;
}

/* All that fits, page by page. */
static struct seen read_all(struct events_query q, uint64_t *damaged_r)
{
	struct seen seen = { 0 };
	uint64_t damaged;
	bool more = true;

	*damaged_r = 0;
	for (int pages = 0; more; pages++) {
		uint64_t before = seen.count;

		ck_assert_int_lt(pages, 10000);
		ck_assert_int_eq(
		    segments_read(root, &q, visit, &seen, &more, &damaged), ERR_OK);
		ck_assert_uint_le(seen.count - before, q.rows);
		*damaged_r += damaged;
	}
	return seen;
}

START_TEST(days_and_pages)
{
	struct segments_usage usage;
	struct seen seen;
	uint64_t damaged;

	for (uint64_t i = 1; i <= 100; i++)
		append("click", i, T0 + (int64_t)i * DAY / 10);
	ck_assert_uint_eq(files(false), 10);
	for (size_t rows = 1; rows < 8; rows++) {
		seen = read_all((struct events_query){ .rows = rows }, &damaged);
		ck_assert(seen.count == 100 && seen.sum == 5050 && damaged == 0);
	}
	seen = read_all((struct events_query){ .rows = 7, .tenant = "odd" }, &damaged);
	ck_assert(seen.count == 50 && seen.sum == 2500);
	seen = read_all((struct events_query){ .rows = 7, .kind = "open" }, &damaged);
	ck_assert_uint_eq(seen.count, 0);
	seen = read_all(
	    (struct events_query){ .rows = 7, .since_s = T0 + 95 * DAY / 10 }, &damaged);
	ck_assert_uint_eq(seen.count, 6);

	/* Whole files go, when the last that may be in them is too old. */
	segments_expire(
	    &segments, &(struct events_limits){ 1u << 30, 5 * DAY }, T0 + 10 * DAY, &usage);
	ck_assert_uint_eq(usage.files, files(false));
	seen = read_all((struct events_query){ .rows = 7 }, &damaged);
	ck_assert_uint_ge(seen.count, 50);
	ck_assert_uint_le(seen.count, 70);
	ck_assert_uint_eq(seen.last, 100);
	/* Never the one that is written to for its size, but for its age. */
	segments_expire(&segments, &(struct events_limits){ 1, 0 }, T0 + 10 * DAY, &usage);
	ck_assert_uint_eq(usage.files, 1);
	segments_expire(&segments, &(struct events_limits){ 1, DAY }, T0 + 90 * DAY, &usage);
	ck_assert(usage.files == 0 && usage.octets == 0 && files(false) == 0);
	append("click", 1, T0 + 90 * DAY);
	ck_assert_uint_eq(files(false), 1);
}
END_TEST

static int open_only(int flags)
{
	DIR *d = opendir(root);
	struct dirent *entry;
	char path[400];
	int fd = -1;

	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", root, entry->d_name);
		fd = open(path, flags);
	}
	closedir(d);
	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(torn_and_damaged)
{
	struct seen seen;
	uint64_t damaged;
	char old;
	int fd;

	append("click", 1, T0);
	append("click", 2, T0);
	append("click", 3, T0);
	segments_deinit(&segments);
	/* A line that was cut by a power failure: the next start goes on in front of it. */
	fd = open_only(O_WRONLY | O_APPEND);
	ck_assert_int_eq(write(fd, "01234567\tcli", 12), 12);
	close(fd);
	append("click", 4, T0 + 1);
	ck_assert_uint_eq(files(false), 1);
	seen = read_all((struct events_query){ .rows = 100 }, &damaged);
	ck_assert(seen.count == 4 && damaged == 0);
	/* One octet: that line is skipped and counted, no other. */
	fd = open_only(O_RDWR);
	ck_assert_int_eq(pread(fd, &old, 1, 20), 1);
	old ^= 4;
	ck_assert_int_eq(pwrite(fd, &old, 1, 20), 1);
	seen = read_all((struct events_query){ .rows = 100 }, &damaged);
	ck_assert(seen.count == 3 && damaged == 1);
	close(fd);
	/* A long stretch without a line is left alone; another file goes on. */
	segments_deinit(&segments);
	fd = open_only(O_WRONLY | O_APPEND);
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(write(fd, "0123456789", 10), 10);
	close(fd);
	append("click", 5, T0 + 2);
	ck_assert_uint_eq(files(false), 2);
	seen = read_all((struct events_query){ .rows = 100 }, &damaged);
	ck_assert_uint_eq(seen.last, 5);
}
END_TEST

START_TEST(no_directory)
{
	struct segments_usage usage;
	struct events_query q = { .rows = 5 };
	struct seen seen = { 0 };
	uint64_t damaged;
	bool more;

	segments_expire(&segments, &wide, T0, &usage);
	ck_assert_uint_eq(usage.files, 0);
	ck_assert_int_eq(segments_read(root, &q, visit, &seen, &more, &damaged), ERR_OK);
	ck_assert(!more && seen.count == 0);
	segments_init(&segments, "/dev/null/x");
	ck_assert_int_ne(segments_append(&segments, SPAN("x\n"), &wide, T0), ERR_OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("event_segments");
	TCase *tests = tcase_create("event_segments");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, days_and_pages);
	tcase_add_test(tests, torn_and_damaged);
	tcase_add_test(tests, no_directory);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
