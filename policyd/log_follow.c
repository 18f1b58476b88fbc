/* log_follow - one file after the other, by inode. Knows no form of lines. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log_follow.h"

#define PATH_OCTETS 1024

void log_follow_init(struct log_follow *f, const char *path, const struct log_position *at)
{
	*f = (struct log_follow){ .path = path, .fd = -1, .at = *at };
	buf_init(&f->chunk, LOG_FOLLOW_CHUNK);
}

static void let_go(struct log_follow *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->skipping = false;
}

void log_follow_deinit(struct log_follow *f)
{
	let_go(f);
	buf_free(&f->chunk);
}

static bool is_at(const struct log_follow *f, const struct stat *s)
{
	return (uint64_t)s->st_ino == f->at.inode && (uint64_t)s->st_dev == f->at.device;
}

static enum err open_file(struct log_follow *f, const char *path)
{
	struct stat s;

	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0 || fstat(f->fd, &s) != 0)
		return err_from_errno(errno);
	if (!S_ISREG(s.st_mode)) {
		let_go(f);
		return ERR_DENIED;
	}
	if (!is_at(f, &s))
		f->at = (struct log_position){ .device = (uint64_t)s.st_dev,
			.inode = (uint64_t)s.st_ino };
	return ERR_OK;
}

/* The file that we were in, under whatever name beside path. */
static bool open_renamed(struct log_follow *f)
{
	const char *slash = strrchr(f->path, '/');
	char directory[PATH_OCTETS], path[PATH_OCTETS];
	const struct dirent *entry;
	bool found = false;
	struct stat s;
	DIR *d;
	int n = snprintf(directory, sizeof directory, "%.*s",
	    slash != NULL ? (int)(slash - f->path) + 1 : 2, slash != NULL ? f->path : "./");

	if (n <= 0 || (size_t)n >= sizeof directory || (d = opendir(directory)) == NULL)
		return false;
	while (!found && (entry = readdir(d)) != NULL) {
		n = snprintf(path, sizeof path, "%s%s", directory, entry->d_name);
		found = n > 0 && (size_t)n < sizeof path && lstat(path, &s) == 0 &&
			S_ISREG(s.st_mode) && is_at(f, &s);
	}
	closedir(d);
	return found && open_file(f, path) == ERR_OK;
}

static enum err begin(struct log_follow *f)
{
	struct stat s;

	if (f->fd >= 0)
		return ERR_OK;
	if (f->at.inode != 0 && (stat(f->path, &s) != 0 || !is_at(f, &s)) && open_renamed(f))
		return ERR_OK;
	return open_file(f, f->path);
}

/* What is at the position, as much as there is and fits. */
static enum err fill(struct log_follow *f)
{
	struct stat s;
	ssize_t n = 1;

	if (fstat(f->fd, &s) != 0)
		return err_from_errno(errno);
	if ((uint64_t)s.st_size < f->at.offset) {
		f->at.offset = 0;
		f->skipping = false;
		f->truncations++;
	}
	buf_reset(&f->chunk);
	if (!buf_reserve(&f->chunk, LOG_FOLLOW_CHUNK))
		return ERR_NOMEM;
	while (n > 0 && f->chunk.n < LOG_FOLLOW_CHUNK) {
		n = pread(f->fd, f->chunk.p + f->chunk.n, LOG_FOLLOW_CHUNK - f->chunk.n,
		    (off_t)(f->at.offset + f->chunk.n));
		if (n < 0 && errno != EINTR)
			return err_from_errno(errno);
		if (n > 0)
			f->chunk.n += (size_t)n;
	}
	return ERR_OK;
}

/* The whole lines of the chunk. */
static struct span take_lines(struct log_follow *f)
{
	struct span all = buf_span(&f->chunk), lines;
	size_t end = all.n;

	if (f->skipping) {
		size_t newline = span_find(all, '\n', 0);

		f->at.offset += newline < all.n ? newline + 1 : all.n;
		f->skipping = newline == all.n;
		all = span_from(all, newline + 1);
		end = all.n;
	}
	while (end > 0 && all.p[end - 1] != '\n')
		end--;
	lines = span_head(all, end);
	if (end == 0 && all.n == LOG_FOLLOW_CHUNK) {
		f->skipping = true;
		f->skipped++;
		f->at.offset += all.n;
	}
	f->at.offset += lines.n;
	return lines;
}

/* Is there another file under the path, and nothing more to come in this one? What was begun
 * without a newline in a file that was left is no line. */
static bool was_left(const struct log_follow *f)
{
	struct stat now, ours;

	return stat(f->path, &now) == 0 && !is_at(f, &now) && fstat(f->fd, &ours) == 0 &&
	       (uint64_t)ours.st_size <= f->at.offset + f->chunk.n;
}

enum err log_follow_read(struct log_follow *f, struct span *lines_r)
{
	*lines_r = SPAN("");
	for (;;) {
		enum err e = begin(f);

		if (e == ERR_OK)
			e = fill(f);
		if (e != ERR_OK) {
			let_go(f);
			return e;
		}
		*lines_r = take_lines(f);
		if (lines_r->n > 0)
			return ERR_OK;
		if (f->skipping && f->chunk.n == LOG_FOLLOW_CHUNK)
			continue;
		if (!was_left(f))
			return ERR_OK;
		let_go(f);
		f->at = (struct log_position){ .inode = 0 };
	}
}
