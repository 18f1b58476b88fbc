/* spool - events on disk while penguin-policyd is away. Knows files and lines only. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool.h"

#define NAME_DIGITS 16

struct spool {
	int directory;        /* descriptor */
	uint64_t first, next; /* numbers of the oldest file and of the one to come */
	uint64_t octets, max; /* on the disk, in whole blocks */
	uint64_t tail_octets; /* of the newest file */
	size_t tail_lines;
};

static uint64_t in_blocks(uint64_t octets)
{
	return (octets + SPOOL_BLOCK - 1) / SPOOL_BLOCK * SPOOL_BLOCK;
}

static void name_of(uint64_t number, char name[NAME_DIGITS + 1])
{
	snprintf(name, NAME_DIGITS + 1, "%016ju", (uintmax_t)number);
}

size_t spool_count_lines(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* ---- what there is ---- */

static void take_up(struct spool *s, const char *name)
{
	uint64_t number;
	struct stat st;

	if (strlen(name) != NAME_DIGITS || !span_u64(span_cstr(name), &number) ||
	    fstatat(s->directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return;
	if (s->first == s->next) {
		s->first = number;
		s->next = number + 1;
	}
	if (number < s->first)
		s->first = number;
	if (number >= s->next)
		s->next = number + 1;
	s->octets += in_blocks((uint64_t)st.st_size);
}

static enum err take_up_all(struct spool *s)
{
	int fd = dup(s->directory);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (d == NULL) {
		enum err e = err_from_errno(errno);

		if (fd >= 0)
			close(fd);
		return e;
	}
	while ((entry = readdir(d)) != NULL)
		take_up(s, entry->d_name);
	closedir(d);
	/* The newest may end in half a line: nothing is added to it. */
	s->tail_lines = SPOOL_LINES;
	return ERR_OK;
}

enum err spool_open(
    const char *directory, uint64_t max, struct spool **spool_r, char *error, size_t size)
{
	struct spool *s = calloc(1, sizeof *s);
	struct stat st;
	enum err e = ERR_NOMEM;

	*spool_r = NULL;
	snprintf(error, size, "%s: %s", directory, err_text(ERR_NOMEM));
	if (s == NULL)
		return ERR_NOMEM;
	s->max = max;
	s->directory = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->directory < 0 || fstat(s->directory, &st) != 0) {
		e = err_from_errno(errno);
		snprintf(error, size, "spool %s: %m", directory);
		goto out;
	}
	if (st.st_uid != geteuid() || (st.st_mode & 0022) != 0) {
		e = ERR_DENIED;
		snprintf(error, size, "spool %s: must be ours, and writable by nobody else",
		    directory);
		goto out;
	}
	e = take_up_all(s);
	if (e != ERR_OK)
		snprintf(error, size, "spool %s: %s", directory, err_text(e));
out:
	if (e != ERR_OK)
		spool_close(&s);
	*spool_r = s;
	return e;
}

void spool_close(struct spool **s)
{
	if (*s == NULL)
		return;
	if ((*s)->directory >= 0)
		close((*s)->directory);
	free(*s);
	*s = NULL;
}

bool spool_empty(const struct spool *s)
{
	return s->first == s->next;
}

uint64_t spool_octets(const struct spool *s)
{
	return s->octets;
}

/* ---- the oldest ---- */

static enum err read_whole(int fd, struct buf *out)
{
	ssize_t n;

	do {
		if (!buf_reserve(out, 65536))
			return ERR_TOOBIG;
		n = read(fd, out->p + out->n, 65536);
		if (n > 0)
			out->n += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? err_from_errno(errno) : ERR_OK;
}

static enum err read_file(struct spool *s, uint64_t number, struct buf *out)
{
	char name[NAME_DIGITS + 1];
	enum err e;
	int fd;

	buf_reset(out);
	name_of(number, name);
	fd = openat(s->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_from_errno(errno);
	e = read_whole(fd, out);
	close(fd);
	while (e == ERR_OK && out->n > 0 && out->p[out->n - 1] != '\n')
		out->n--;
	return e;
}

enum err spool_oldest(struct spool *s, struct buf *out)
{
	while (!spool_empty(s)) {
		if (read_file(s, s->first, out) == ERR_OK && out->n > 0)
			return ERR_OK;
		spool_remove_oldest(s);
	}
	return ERR_NOTFOUND;
}

void spool_remove_oldest(struct spool *s)
{
	char name[NAME_DIGITS + 1];
	struct stat st;

	if (spool_empty(s))
		return;
	name_of(s->first, name);
	if (fstatat(s->directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    unlinkat(s->directory, name, 0) == 0) {
		uint64_t blocks = in_blocks((uint64_t)st.st_size);

		s->octets -= blocks < s->octets ? blocks : s->octets;
	}
	s->first++;
	if (spool_empty(s))
		s->octets = 0;
}

/* ---- adding ---- */

/* All of it, or the file as it was. */
static enum err append(struct spool *s, uint64_t number, uint64_t offset, struct span lines)
{
	char name[NAME_DIGITS + 1];
	struct span rest = lines;
	enum err e = ERR_OK;
	int fd;

	name_of(number, name);
	fd = openat(s->directory, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_from_errno(errno);
	while (e == ERR_OK && rest.n > 0) {
		ssize_t n = pwrite(fd, rest.p, rest.n, (off_t)(offset + (lines.n - rest.n)));

		if (n > 0)
			rest = span_from(rest, (size_t)n);
		else if (n == 0 || errno != EINTR)
			e = n == 0 ? ERR_FULL : err_from_errno(errno);
	}
	if (e != ERR_OK && ftruncate(fd, (off_t)offset) != 0)
		e = ERR_IO;
	close(fd);
	return e;
}

static uint64_t make_room(struct spool *s, uint64_t octets)
{
	struct buf lines = BUF_INIT(2 * SPOOL_FILE_MAX);
	uint64_t dropped = 0;

	while (s->octets + octets > s->max && !spool_empty(s)) {
		if (read_file(s, s->first, &lines) == ERR_OK)
			dropped += spool_count_lines(buf_span(&lines));
		spool_remove_oldest(s);
	}
	buf_free(&lines);
	return dropped;
}

enum err spool_add(struct spool *s, struct span lines, uint64_t *dropped_r)
{
	size_t count = spool_count_lines(lines);
	uint64_t before, grows;
	enum err e;

	*dropped_r = 0;
	if (count > SPOOL_LINES || lines.n > SPOOL_FILE_MAX || in_blocks(lines.n) > s->max)
		return ERR_TOOBIG;
	if (spool_empty(s) || s->tail_lines + count > SPOOL_LINES ||
	    s->tail_octets + lines.n > SPOOL_FILE_MAX) {
		s->tail_lines = 0;
		s->tail_octets = 0;
	}
	before = in_blocks(s->tail_octets);
	grows = in_blocks(s->tail_octets + lines.n) - before;
	*dropped_r = make_room(s, grows);
	if (spool_empty(s) && before > 0) { /* the tail itself had to go */
		s->tail_lines = 0;
		s->tail_octets = 0;
		grows = in_blocks(lines.n);
	}
	e = append(s, s->next - (s->tail_octets > 0), s->tail_octets, lines);
	if (e != ERR_OK) {
		s->tail_lines = SPOOL_LINES;
		return e;
	}
	s->next += s->tail_octets == 0;
	s->tail_octets += lines.n;
	s->tail_lines += count;
	s->octets += grows;
	return ERR_OK;
}
