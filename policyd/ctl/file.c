/* file - reads and writes whole small files. Knows nothing of what they hold. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define READ_OCTETS ((size_t)65536)

static enum err fail(void)
{
	return err_from_errno(errno);
}

enum err file_read(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum err e = ERR_OK;
	struct stat st;

	if (fd < 0)
		return fail();
	if (fstat(fd, &st) < 0)
		e = fail();
	else if (!S_ISREG(st.st_mode))
		e = ERR_SYNTAX;
	while (e == ERR_OK) {
		size_t room = out->max - out->n < READ_OCTETS ? out->max - out->n : READ_OCTETS;
		ssize_t n;
		char c;

		if (room > 0 && !buf_reserve(out, room)) {
			e = ERR_NOMEM;
			break;
		}
		n = room > 0 ? read(fd, out->p + out->n, room) : read(fd, &c, 1);
		if (n < 0 && errno != EINTR)
			e = fail();
		else if (n > 0 && room == 0)
			e = ERR_TOOBIG;
		if (n == 0)
			break;
		if (n > 0 && room > 0)
			out->n += (size_t)n;
	}
	close(fd);
	return e;
}

static enum err write_and_sync(int fd, struct span contents)
{
	while (contents.n > 0) {
		ssize_t n = write(fd, contents.p, contents.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail();
		contents = span_from(contents, (size_t)n);
	}
	return fsync(fd) == 0 ? ERR_OK : fail();
}

static void sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[4096];
	int fd;

	(void)snprintf(directory, sizeof directory, "%.*s",
	    slash != NULL ? (int)(slash - path) + 1 : 1, slash != NULL ? path : ".");
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

enum err file_replace(const char *path, struct span contents, const char *like)
{
	char target[4096], temporary[4128];
	struct stat st = { .st_mode = 0600 };
	enum err e = ERR_OK;
	int fd;

	if (realpath(path, target) == NULL &&
	    (errno != ENOENT ||
		(size_t)snprintf(target, sizeof target, "%s", path) >= sizeof target))
		return fail();
	if (like != NULL && stat(like, &st) < 0)
		return fail();
	(void)snprintf(temporary, sizeof temporary, "%s.XXXXXX", target);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return fail();
	if (like != NULL && (st.st_uid != geteuid() || st.st_gid != getegid()) &&
	    fchown(fd, st.st_uid, st.st_gid) < 0)
		e = fail();
	if (e == ERR_OK && fchmod(fd, st.st_mode & 07777) < 0)
		e = fail();
	if (e == ERR_OK)
		e = write_and_sync(fd, contents);
	close(fd);
	if (e == ERR_OK && rename(temporary, target) < 0)
		e = fail();
	if (e == ERR_OK)
		sync_directory_of(target);
	else
		(void)unlink(temporary);
	return e;
}

enum err file_create(int directory, const char *name, struct span contents, mode_t mode,
    uid_t owner, gid_t group)
{
	int fd =
	    openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	enum err e = ERR_OK;

	if (fd < 0)
		return fail();
	if (fchmod(fd, mode) < 0)
		e = fail();
	if (e == ERR_OK && (owner != (uid_t)-1 || group != (gid_t)-1) &&
	    fchown(fd, owner, group) < 0)
		e = fail();
	if (e == ERR_OK)
		e = write_and_sync(fd, contents);
	close(fd);
	if (e != ERR_OK)
		(void)unlinkat(directory, name, 0);
	else
		(void)fsync(directory);
	return e;
}
