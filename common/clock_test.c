/* clock_test - the clock of test builds: wall time plus an offset that a test may change while
 * the program runs. The offset (nanoseconds, one int64 in native order) is the first eight octets
 * of the file named by PENGUIN_TEST_CLOCK, mapped once. Never linked into installed programs; a
 * checker proves it. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic int64_t *offset_ns;
static _Atomic int64_t no_offset;

static void map_offset(void)
{
	const char *path = getenv("PENGUIN_TEST_CLOCK");
	void *p;
	int fd;

	offset_ns = &no_offset;
	if (path == NULL)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	p = mmap(NULL, sizeof *offset_ns, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		offset_ns = p;
}

static int64_t read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_wall_ns(void)
{
	pthread_once(&once, map_offset);
	return read_ns(CLOCK_REALTIME) + atomic_load(offset_ns);
}

int64_t clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}
