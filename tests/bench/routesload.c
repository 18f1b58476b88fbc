/*
 * routesload - asks a socketmap server as Postfix's trivial-rewrite does: one question at a time on
 * each connection, keys out of a file in turn.
 *
 *   routesload -s SOCKET -k KEYS [-c conns] [-T seconds] [-w warmup] [-P sid[,sid]] [-l label]
 *
 * KEYS: one request a line, "sdt b+..@b.example". Prints one line: RESULT key=value ...
 */
#include "lab.h"

#define KEYS_MAX 65536
#define CONNS    64

static struct {
	char *frames[KEYS_MAX];
	size_t lengths[KEYS_MAX], count;
} keys;

static struct conn {
	int fd;
	uint64_t asked_ns;
} conns[CONNS];

static struct lat lat;
static long done, failed, found;

static void read_keys(const char *path)
{
	static char line[4096], frame[8192];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		die("%s: %s", path, strerror(errno));
	while (keys.count < KEYS_MAX && fgets(line, sizeof line, f) != NULL) {
		size_t n = strcspn(line, "\n");
		int length = snprintf(frame, sizeof frame, "%zu:%.*s,", n, (int)n, line);

		keys.frames[keys.count] = xalloc((size_t)length);
		memcpy(keys.frames[keys.count], frame, (size_t)length);
		keys.lengths[keys.count++] = (size_t)length;
	}
	fclose(f);
	if (keys.count == 0)
		die("%s: no keys", path);
}

static void ask(struct conn *c)
{
	static size_t next;
	size_t k = next++ % keys.count;

	c->asked_ns = now_ns();
	if (write(c->fd, keys.frames[k], keys.lengths[k]) != (ssize_t)keys.lengths[k])
		failed++;
}

/* A reply is short: it comes in one piece. */
static void take(struct conn *c, long warmup)
{
	char reply[1024];
	ssize_t n = read(c->fd, reply, sizeof reply);

	if (n <= 0 || reply[n - 1] != ',') {
		failed++;
		return;
	}
	if (done++ >= warmup) {
		lat_add(&lat, now_ns() - c->asked_ns);
		found += memmem(reply, (size_t)n, ":OK ", 4) != NULL;
	}
	ask(c);
}

int main(int argc, char **argv)
{
	const char *sock = NULL, *file = NULL, *label = "-";
	struct epoll_event ev = { .events = EPOLLIN }, evs[CONNS];
	struct meter meter = { 0 };
	struct endpoint e;
	double limit = 3, secs;
	long warmup = 1000, count = 4;
	uint64_t deadline;
	int opt, ep, metering = 0;

	while ((opt = getopt(argc, argv, "s:k:c:T:w:P:l:")) != -1)
		switch (opt) {
		case 's': sock = optarg; break;
		case 'k': file = optarg; break;
		case 'c': count = atol(optarg); break;
		case 'T': limit = atof(optarg); break;
		case 'w': warmup = atol(optarg); break;
		case 'P': meter_sessions(&meter, optarg); break;
		case 'l': label = optarg; break;
		default: return 2;
		}
	if (sock == NULL || file == NULL || count < 1 || count > CONNS)
		die("usage: routesload -s unix:/path|inet:host:port -k keys [options]");
	signal(SIGPIPE, SIG_IGN);
	read_keys(file);
	endpoint_parse(sock, &e);
	ep = epoll_create1(EPOLL_CLOEXEC);
	for (long i = 0; i < count; i++) {
		conns[i].fd = endpoint_connect(&e);
		if (conns[i].fd < 0)
			die("connect %s: %s", sock, strerror(errno));
		ev.data.ptr = &conns[i];
		epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev);
		ask(&conns[i]);
	}
	deadline = now_ns() + (uint64_t)(limit * 1e9);
	while (failed == 0 && now_ns() < deadline) {
		int n = epoll_wait(ep, evs, CONNS, 200);

		if (!metering && done >= warmup) {
			metering = 1;
			meter_start(&meter);
		}
		for (int i = 0; i < n; i++)
			take(evs[i].data.ptr, warmup);
	}
	if (!metering)
		meter_start(&meter);
	printf("RESULT label=%s conns=%ld requests=%zu", label, count, lat.n);
	secs = meter_print(&meter, (double)lat.n);
	printf(" rps=%.0f p50_us=%.1f p99_us=%.1f found=%ld failed=%ld\n", (double)lat.n / secs,
	    lat_q(&lat, .5), lat_q(&lat, .99), found, failed);
	return failed != 0;
}
