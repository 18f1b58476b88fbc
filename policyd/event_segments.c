/* event_segments - files of the event log: append, cut, delete, read. Knows lines, not what they
 * say. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event_segments.h"

#define SUFFIX    ".events"
#define DIGITS    12
#define READ_STEP 65536u
#define SCAN_MAX  (4u << 20) /* octets looked at in one read */

/* ---- names ---- */

static bool read_name(const char *name, int64_t *start_r)
{
	struct span s = span_cstr(name);
	uint64_t start;

	if (s.n != DIGITS + sizeof SUFFIX - 1 || !span_eq(span_from(s, DIGITS), SPAN(SUFFIX)) ||
	    !span_u64(span_head(s, DIGITS), &start))
		return false;
	*start_r = (int64_t)start;
	return true;
}

static void make_path(const char *directory, int64_t start_s, char path[PATH_MAX])
{
	(void)snprintf(
	    path, PATH_MAX, "%s/%0*lld" SUFFIX, directory, DIGITS, (long long)start_s);
}

static int is_segment(const struct dirent *entry)
{
	int64_t start;

	return read_name(entry->d_name, &start);
}

/* All segments, oldest first: names have a fixed length. */
static int list(const char *directory, struct dirent ***entries_r)
{
	return scandir(directory, entries_r, is_segment, alphasort);
}

static void list_free(struct dirent **entries, int count)
{
	for (int i = 0; i < count; i++)
		free(entries[i]);
	if (count >= 0)
		free(entries);
}

/* ---- writing ---- */

void segments_init(struct event_segments *s, const char *directory)
{
	*s = (struct event_segments){ .directory = directory, .fd = -1 };
}

void segments_deinit(struct event_segments *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static enum err sync_directory(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = fd >= 0 && fsync(fd) == 0 ? ERR_OK : err_from_errno(errno);

	if (fd >= 0)
		close(fd);
	return e;
}

/* Where the last whole line ends: a power failure may have left a part of one behind it. -1: not
 * near the end, so this is not what we wrote. */
static off_t whole_lines(int fd, off_t size)
{
	char tail[EVENT_LINE_MAX + 16];
	size_t want = size > (off_t)sizeof tail ? sizeof tail : (size_t)size;
	ssize_t n = pread(fd, tail, want, size - (off_t)want);

	if (n != (ssize_t)want)
		return -1;
	while (n > 0 && tail[n - 1] != '\n') {
		n--;
		size--;
	}
	return n > 0 || size == 0 ? size : -1;
}

static enum err open_segment(struct event_segments *s, int64_t start_s)
{
	char path[PATH_MAX];
	enum err e = ERR_OK;
	struct stat st;
	off_t whole;

	make_path(s->directory, start_s, path);
	s->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0)
		return err_from_errno(errno);
	if (fstat(s->fd, &st) < 0) {
		e = err_from_errno(errno);
		goto fail;
	}
	whole = whole_lines(s->fd, st.st_size);
	if (whole >= 0 && whole != st.st_size && ftruncate(s->fd, whole) < 0) {
		e = err_from_errno(errno);
		goto fail;
	}
	s->start_s = start_s;
	s->octets =
	    whole >= 0 ? (uint64_t)whole : UINT64_MAX; /* the latter: go on in another */
	e = sync_directory(s->directory);
	if (e == ERR_OK)
		return e;
fail:
	segments_deinit(s);
	return e;
}

/* The newest file of the directory; 0 when there is none. */
static int64_t newest(const char *directory)
{
	struct dirent **entries = NULL;
	int count = list(directory, &entries);
	int64_t start = 0;

	if (count > 0)
		(void)read_name(entries[count - 1]->d_name, &start);
	list_free(entries, count);
	return start;
}

static bool is_spent(const struct event_segments *s, uint64_t octets_max, int64_t now_s)
{
	return s->octets >= octets_max || now_s - s->start_s >= EVENT_SEGMENT_S;
}

/* A file to append to. */
static enum err prepare(
    struct event_segments *s, const struct events_limits *limits, int64_t now_s)
{
	uint64_t octets_max = limits->octets / 8 < EVENT_SEGMENT_OCTETS ? limits->octets / 8
									: EVENT_SEGMENT_OCTETS;
	enum err e = ERR_OK;

	if (s->fd < 0) {
		if (mkdir(s->directory, 0700) < 0 && errno != EEXIST)
			return err_from_errno(errno);
		s->start_s = newest(s->directory);
		e = s->start_s != 0 ? open_segment(s, s->start_s) : ERR_OK;
	}
	if (e != ERR_OK || (s->fd >= 0 && !is_spent(s, octets_max, now_s)))
		return e;
	segments_deinit(s);
	return open_segment(s, now_s > s->start_s ? now_s : s->start_s + 1);
}

static enum err write_all(int fd, struct span lines)
{
	while (lines.n > 0) {
		ssize_t n = write(fd, lines.p, lines.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_from_errno(errno);
		lines = span_from(lines, (size_t)n);
	}
	return ERR_OK;
}

enum err segments_append(struct event_segments *s, struct span lines,
    const struct events_limits *limits, int64_t now_s)
{
	enum err e = prepare(s, limits, now_s);
	int reason;

	if (e != ERR_OK)
		return e;
	e = write_all(s->fd, lines);
	if (e == ERR_OK && fdatasync(s->fd) < 0)
		e = err_from_errno(errno);
	if (e == ERR_OK) {
		s->octets += lines.n;
		return ERR_OK;
	}
	/* Where not even cutting works, the next one opens the file anew and looks where lines
	 * end. */
	reason = errno;
	if (ftruncate(s->fd, (off_t)s->octets) < 0)
		segments_deinit(s);
	errno = reason;
	return e;
}

/* ---- deleting ---- */

void segments_expire(struct event_segments *s, const struct events_limits *limits,
    int64_t now_s, struct segments_usage *usage_r)
{
	struct dirent **entries = NULL;
	int count = list(s->directory, &entries);
	uint64_t *sizes = count > 0 ? calloc((size_t)count, sizeof *sizes) : NULL;
	char path[PATH_MAX];
	int64_t start = 0;
	struct stat st;

	*usage_r = (struct segments_usage){ 0 };
	for (int i = 0; sizes != NULL && i < count; i++) {
		(void)read_name(entries[i]->d_name, &start);
		make_path(s->directory, start, path);
		sizes[i] = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
		usage_r->octets += sizes[i];
		usage_r->files++;
	}
	for (int i = 0; sizes != NULL && i < count; i++) {
		bool old, written, large = usage_r->octets > limits->octets;

		(void)read_name(entries[i]->d_name, &start);
		written = s->fd >= 0 && s->start_s == start;
		old = limits->retention_s > 0 &&
		      now_s - start > limits->retention_s + EVENT_SEGMENT_S;
		if (!old && (written || !large))
			break;
		make_path(s->directory, start, path);
		if (unlink(path) < 0)
			break;
		if (written)
			segments_deinit(s);
		usage_r->octets -= sizes[i];
		usage_r->files--;
	}
	free(sizes);
	list_free(entries, count);
}

/* ---- reading ---- */

struct scan {
	struct events_query *query;
	events_visit *visit;
	void *context;
	uint64_t damaged;
	size_t rows, octets;
};

static bool fits(const struct events_query *q, const struct event *e)
{
	return (q->tenant[0] == '\0' || span_eq(e->tenant, span_cstr(q->tenant))) &&
	       (q->kind[0] == '\0' || span_eq(e->kind, span_cstr(q->kind))) &&
	       e->time_s >= q->since_s;
}

/* The whole lines of text; how many octets they are. Stops after enough rows. */
static size_t scan_lines(struct scan *x, struct span text)
{
	size_t at = 0;

	while (at < text.n && x->rows < x->query->rows) {
		size_t end = span_find(text, '\n', at);
		struct event e;

		if (end == text.n)
			break;
		if (!event_get(span_make(text.p + at, end - at), &e)) {
			x->damaged++;
		} else if (fits(x->query, &e)) {
			x->visit(x->context, &e);
			x->rows++;
		}
		at = end + 1;
	}
	return at;
}

static bool is_enough(const struct scan *x)
{
	return x->rows >= x->query->rows || x->octets >= SCAN_MAX;
}

static enum err scan_file(struct scan *x, const char *path, char *step)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum err e = ERR_OK;

	if (fd < 0)
		return errno == ENOENT ? ERR_OK : err_from_errno(errno);
	while (!is_enough(x)) {
		ssize_t n = pread(fd, step, READ_STEP, (off_t)x->query->offset);
		size_t used;

		if (n < 0)
			e = err_from_errno(errno);
		if (n <= 0)
			break;
		used = scan_lines(x, span_make(step, (size_t)n));
		/* No line is so long: this is no text of ours. */
		if (used == 0 && (size_t)n == READ_STEP) {
			x->damaged++;
			used = (size_t)n;
		}
		x->query->offset += used;
		x->octets += used;
		if (used == 0)
			break;
	}
	close(fd);
	return e;
}

enum err segments_read(const char *directory, struct events_query *query_io,
    events_visit *visit, void *context, bool *more_r, uint64_t *damaged_r)
{
	struct scan x = { .query = query_io, .visit = visit, .context = context };
	struct dirent **entries = NULL;
	int count = list(directory, &entries);
	char *step = malloc(READ_STEP), path[PATH_MAX];
	enum err e = step != NULL ? ERR_OK : ERR_NOMEM;
	int64_t start = 0;

	*more_r = false;
	for (int i = 0; e == ERR_OK && i < count; i++) {
		(void)read_name(entries[i]->d_name, &start);
		/* What was appended before that day is over happened before it, too. */
		if (start < query_io->segment_s || start + EVENT_SEGMENT_S < query_io->since_s)
			continue;
		if (start != query_io->segment_s) {
			query_io->segment_s = start;
			query_io->offset = 0;
		}
		make_path(directory, start, path);
		e = scan_file(&x, path, step);
		*more_r = e == ERR_OK && is_enough(&x);
		if (*more_r)
			break;
	}
	*damaged_r = x.damaged;
	free(step);
	list_free(entries, count);
	return e;
}
