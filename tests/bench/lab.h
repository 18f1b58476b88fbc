/*
 * lab.h - what the load generators and null servers share: clock, sockets,
 * latency samples, and CPU accounting of the server under test.
 *
 * Included once per program; everything is static.
 */
#ifndef LAB_H
#define LAB_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LAB_UNUSED __attribute__((unused))

static LAB_UNUSED __attribute__((format(printf, 1, 2), noreturn)) void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static LAB_UNUSED void *xalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (p == NULL)
		die("out of memory");
	return p;
}

static LAB_UNUSED uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* xorshift64*: repeatable runs, no libc lock. */
static LAB_UNUSED uint64_t rnd(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717ull;
}

/* ---- endpoints: "unix:/path" or "inet:host:port" ------------------------ */

struct endpoint {
	struct sockaddr_storage sa;
	socklen_t len;
	int family;
};

static LAB_UNUSED void endpoint_parse(const char *s, struct endpoint *e)
{
	memset(e, 0, sizeof *e);
	if (strncmp(s, "unix:", 5) == 0) {
		struct sockaddr_un *u = (struct sockaddr_un *)&e->sa;

		u->sun_family = AF_UNIX;
		if (strlen(s + 5) >= sizeof u->sun_path)
			die("socket path too long: %s", s);
		strcpy(u->sun_path, s + 5);
		e->len = sizeof *u;
		e->family = AF_UNIX;
	} else if (strncmp(s, "inet:", 5) == 0) {
		struct sockaddr_in *in = (struct sockaddr_in *)&e->sa;
		char host[64];
		const char *colon = strrchr(s + 5, ':');

		if (colon == NULL || (size_t)(colon - s - 5) >= sizeof host)
			die("want inet:host:port, got %s", s);
		memcpy(host, s + 5, (size_t)(colon - s - 5));
		host[colon - s - 5] = 0;
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)atoi(colon + 1));
		if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
			die("not an IPv4 address: %s", host);
		e->len = sizeof *in;
		e->family = AF_INET;
	} else {
		die("want unix:/path or inet:host:port, got %s", s);
	}
}

static LAB_UNUSED void nonblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Blocking connect (loopback: immediate), then non-blocking traffic. */
static LAB_UNUSED int endpoint_connect(const struct endpoint *e)
{
	int one = 1, tries, fd = -1;

	for (tries = 0; tries < 200; tries++) {
		fd = socket(e->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			die("socket: %s", strerror(errno));
		if (connect(fd, (const struct sockaddr *)&e->sa, e->len) == 0)
			break;
		close(fd);
		fd = -1;
		if (errno != EAGAIN && errno != ECONNREFUSED && errno != EINTR)
			break;
		usleep(10000); /* full accept queue */
	}
	if (fd < 0)
		return -1;
	if (e->family == AF_INET)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	nonblock(fd);
	return fd;
}

static LAB_UNUSED int endpoint_listen(const struct endpoint *e)
{
	int one = 1, fd = socket(e->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	if (e->family == AF_UNIX)
		unlink(((const struct sockaddr_un *)&e->sa)->sun_path);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (const struct sockaddr *)&e->sa, e->len) != 0 || listen(fd, 1024) != 0)
		die("bind/listen: %s", strerror(errno));
	nonblock(fd);
	return fd;
}

/* ---- latency samples, kept raw (units of 10 ns in 32 bits: up to 42 s) -- */

struct lat {
	uint32_t *v;
	size_t n, cap;
	int sorted;
};

static LAB_UNUSED void lat_add(struct lat *l, uint64_t ns)
{
	uint64_t u = ns / 10;

	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 65536;
		l->v = realloc(l->v, l->cap * sizeof *l->v);
		if (l->v == NULL)
			die("out of memory");
	}
	l->v[l->n++] = u > UINT32_MAX ? UINT32_MAX : (uint32_t)u;
}

static int lat_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Microseconds at quantile q (q = 1 is the maximum). */
static LAB_UNUSED double lat_q(struct lat *l, double q)
{
	size_t i;

	if (l->n == 0)
		return 0;
	if (!l->sorted) {
		qsort(l->v, l->n, sizeof *l->v, lat_cmp);
		l->sorted = 1;
	}
	i = (size_t)(q * (double)l->n);
	return l->v[i >= l->n ? l->n - 1 : i] / 100.0;
}

/* ---- CPU accounting ----------------------------------------------------- */

/* Seconds of CPU used by every process of one session (setsid) so far, and by those of their
 * children that have ended. The processes' own clocks are exact; /proc counts in 10 ms. */
static LAB_UNUSED double cpu_session(long sid)
{
	DIR *d;
	struct dirent *de;
	double total = 0;
	long hz = sysconf(_SC_CLK_TCK);

	if (sid <= 0 || (d = opendir("/proc")) == NULL)
		return 0;
	while ((de = readdir(d)) != NULL) {
		char path[300], buf[1024], *p;
		struct timespec t;
		clockid_t clock;
		long s, cut, cst;
		int fd;
		ssize_t n;

		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		snprintf(path, sizeof path, "/proc/%s/stat", de->d_name);
		if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
			continue;
		n = read(fd, buf, sizeof buf - 1);
		close(fd);
		if (n <= 0)
			continue;
		buf[n] = 0;
		if ((p = strrchr(buf, ')')) == NULL)
			continue;
		if (sscanf(p + 2, "%*c %*d %*d %ld %*d %*d %*u %*u %*u %*u %*u %*u %*u %ld %ld",
			&s, &cut, &cst) != 3 ||
		    s != sid)
			continue;
		total += (double)(cut + cst) / (double)hz;
		if (clock_getcpuclockid((pid_t)atol(de->d_name), &clock) == 0 &&
		    clock_gettime(clock, &t) == 0)
			total += (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	}
	closedir(d);
	return total;
}

/* Seconds of CPU the whole machine spent busy; stolen time goes to *steal. */
static LAB_UNUSED double cpu_machine(double *steal)
{
	FILE *f = fopen("/proc/stat", "r");
	unsigned long u = 0, n = 0, s = 0, id = 0, io = 0, hi = 0, si = 0, stl = 0;
	double hz = (double)sysconf(_SC_CLK_TCK);

	if (f == NULL || fscanf(f, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &u, &n, &s, &id, &io,
			     &hi, &si, &stl) != 8)
		die("/proc/stat");
	fclose(f);
	*steal = (double)stl / hz;
	return (double)(u + n + s + hi + si) / hz;
}

static LAB_UNUSED double cpu_self(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)r.ru_utime.tv_sec + (double)r.ru_stime.tv_sec +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

#define METER_SESSIONS 4

struct meter {
	long sid[METER_SESSIONS]; /* the first is the server, the others help it */
	uint64_t t0;
	double srv[METER_SESSIONS], mach, self, steal;
};

/* sids: session ids with commas between; NULL: none. */
static LAB_UNUSED void meter_sessions(struct meter *m, const char *sids)
{
	char *end;

	for (unsigned i = 0; i < METER_SESSIONS && sids != NULL && *sids != 0; i++) {
		m->sid[i] = strtol(sids, &end, 10);
		sids = *end == ',' ? end + 1 : NULL;
	}
}

static LAB_UNUSED void meter_start(struct meter *m)
{
	for (unsigned i = 0; i < METER_SESSIONS; i++)
		m->srv[i] = cpu_session(m->sid[i]);
	m->mach = cpu_machine(&m->steal);
	m->self = cpu_self();
	m->t0 = now_ns();
}

/*
 * Print what the meter saw as key=value: seconds; CPU of server, helpers and
 * loader in microseconds per operation; the cores other processes kept busy.
 */
static LAB_UNUSED double meter_print(struct meter *m, double ops)
{
	double secs = (double)(now_ns() - m->t0) / 1e9, steal, srv = 0, aux = 0, other;
	double self = cpu_self() - m->self, mach = cpu_machine(&steal) - m->mach;

	for (unsigned i = 0; i < METER_SESSIONS; i++)
		*(i == 0 ? &srv : &aux) += cpu_session(m->sid[i]) - m->srv[i];
	other = (mach - self - srv - aux) / secs;
	if (ops < 1)
		ops = 1;
	printf(" secs=%.3f srv_us=%.3f aux_us=%.3f load_us=%.3f srv_cores=%.2f other=%.2f"
	       " steal=%.2f",
	    secs, srv * 1e6 / ops, aux * 1e6 / ops, self * 1e6 / ops, srv / secs,
	    other < 0 ? 0 : other, (steal - m->steal) / secs);
	return secs;
}

/* Which of n tenants a message comes from: the same for every program that knows its serial
 * number. hot: only so many of them, evenly spread, send at all (0: all). */
static LAB_UNUSED unsigned tenant_of(uint64_t serial, unsigned n, unsigned hot)
{
	uint64_t x = serial * 0x9e3779b97f4a7c15ull;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 32;
	return hot != 0 && hot < n ? (unsigned)(x % hot) * (n / hot) : (unsigned)(x % n);
}

#endif
