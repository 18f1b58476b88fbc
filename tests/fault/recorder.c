/* recorder - preloaded into penguin-policyd, writes down in order what it does to the files of its
 * store and what it says on sockets, so that powerloss.py can work out every state that a disk may
 * be left in when the power goes. A call is noted before it is made and, where its end matters,
 * after it: an octet may reach the disk from the moment write() is called, and is safe once the
 * sync after it has returned; a reply may be read from the moment send() is called.
 *
 * PENGUIN_RECORD: file to write; PENGUIN_RECORD_BELOW: directory of the store. A record is a struct
 * note and its octets. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define DESCRIPTORS 4096 /* above that nothing is recorded */
#define LOG_FD      1000

enum note_kind {
	NOTE_OPEN = 'O',  /* octets: the path; extra: 1 the file was made, 2 synced writes */
	NOTE_WRITE = 'W', /* at offset */
	NOTE_WRITTEN = 'w',
	NOTE_SYNC = 'S',
	NOTE_SYNCED = 's',
	NOTE_CHANGE = 'X', /* what powerloss.py does not know; octets: its name */
	NOTE_ACCEPT = 'A', /* a socket */
	NOTE_HEARD = 'Q',
	NOTE_SAID = 'R',
};

struct note {
	uint32_t kind;
	int32_t fd;
	int64_t offset;
	uint32_t extra, length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char below[512];
static uint8_t recorded[DESCRIPTORS]; /* descriptors of files of the store */

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void put(const struct note *n, const void *octets)
{
	struct iovec parts[2] = { { (void *)(uintptr_t)n, sizeof *n },
		{ (void *)(uintptr_t)octets, n->length } };

	if (log_fd < 0)
		return;
	pthread_mutex_lock(&lock);
	if (syscall(SYS_writev, log_fd, parts, 2) != (long)(sizeof *n + n->length))
		abort(); /* half a story proves nothing */
	pthread_mutex_unlock(&lock);
}

static void note(enum note_kind kind, int fd, int64_t offset, const void *octets, size_t length)
{
	put(&(struct note){ kind, fd, offset, 0, (uint32_t)length }, octets);
}

static int is_recorded(int fd)
{
	return fd >= 0 && fd < DESCRIPTORS && recorded[fd];
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("PENGUIN_RECORD"),
		   *directory = getenv("PENGUIN_RECORD_BELOW");
	int fd;

	if (path == NULL || directory == NULL)
		return;
	snprintf(below, sizeof below, "%s", directory);
	fd = (int)syscall(
	    SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	log_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, LOG_FD);
	if (log_fd < 0)
		abort();
	syscall(SYS_close, fd);
}

/* ---- files ---- */

static void opened(int fd, int flags, int was_there)
{
	char link[64], path[1024];
	ssize_t n;

	if (fd < 0 || fd >= DESCRIPTORS)
		return;
	recorded[fd] = 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0 || strncmp(path, below, strlen(below)) != 0)
		return;
	path[n] = '\0';
	if ((flags & O_ACCMODE) == O_RDONLY && (flags & O_DIRECTORY) == 0)
		return;
	recorded[fd] = 1;
	put(&(struct note){ NOTE_OPEN, fd, 0,
		(uint32_t)((was_there ? 0 : 1) | ((flags & O_DSYNC) != 0 ? 2 : 0)),
		(uint32_t)n },
	    path);
}

static mode_t mode_of(int flags, va_list ap)
{
	return (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
}

int openat(int at, const char *path, int flags, ...)
{
	int there = faccessat(at, path, F_OK, 0) == 0, fd;
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	fd = REAL(openat)(at, path, flags, mode);
	opened(fd, flags, there);
	return fd;
}

int open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return openat(AT_FDCWD, path, flags, mode);
}

/* What a fortified open() without a mode becomes. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

int close(int fd)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		recorded[fd] = 0;
	return REAL(close)(fd);
}

static ssize_t written(int fd, ssize_t n)
{
	note(NOTE_WRITTEN, fd, n, NULL, 0);
	return n;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset)
{
	if (!is_recorded(fd))
		return REAL(pwrite)(fd, p, n, offset);
	note(NOTE_WRITE, fd, offset, p, n);
	return written(fd, REAL(pwrite)(fd, p, n, offset));
}

ssize_t write(int fd, const void *p, size_t n)
{
	if (!is_recorded(fd))
		return REAL(write)(fd, p, n);
	note(NOTE_WRITE, fd, lseek(fd, 0, SEEK_CUR), p, n);
	return written(fd, REAL(write)(fd, p, n));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	size_t total = 0, at = 0;
	char *all;

	if (!is_recorded(fd))
		return REAL(writev)(fd, parts, count);
	for (int i = 0; i < count; i++)
		total += parts[i].iov_len;
	all = malloc(total);
	if (all == NULL)
		abort();
	for (int i = 0; i < count; i++) {
		memcpy(all + at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	note(NOTE_WRITE, fd, lseek(fd, 0, SEEK_CUR), all, total);
	free(all);
	return written(fd, REAL(writev)(fd, parts, count));
}

static int synced(int fd, int result)
{
	note(NOTE_SYNCED, fd, result, NULL, 0);
	return result;
}

int fdatasync(int fd)
{
	if (!is_recorded(fd))
		return REAL(fdatasync)(fd);
	note(NOTE_SYNC, fd, 0, NULL, 0);
	return synced(fd, REAL(fdatasync)(fd));
}

int fsync(int fd)
{
	if (!is_recorded(fd))
		return REAL(fsync)(fd);
	note(NOTE_SYNC, fd, 0, NULL, 0);
	return synced(fd, REAL(fsync)(fd));
}

/* ---- changes that the replay does not know: it says so instead of being wrong ---- */

static void change(const char *name)
{
	note(NOTE_CHANGE, -1, 0, name, strlen(name));
}

int ftruncate(int fd, off_t length)
{
	if (is_recorded(fd))
		note(NOTE_CHANGE, fd, length, "ftruncate", 9);
	return REAL(ftruncate)(fd, length);
}

int msync(void *p, size_t n, int flags)
{
	change("msync");
	return REAL(msync)(p, n, flags);
}

int rename(const char *from, const char *to)
{
	change("rename");
	return REAL(rename)(from, to);
}

/* ---- sockets ---- */

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	int peer = REAL(accept4)(fd, address, size, flags);

	if (peer >= 0)
		note(NOTE_ACCEPT, peer, 0, NULL, 0);
	return peer;
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
	ssize_t got = REAL(recv)(fd, p, n, flags);

	if (got > 0)
		note(NOTE_HEARD, fd, 0, p, (size_t)got);
	return got;
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	note(NOTE_SAID, fd, 0, p, n);
	return REAL(send)(fd, p, n, flags);
}
