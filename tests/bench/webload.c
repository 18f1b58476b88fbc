/*
 * webload - GET requests on connections that stay open, each with the next path of a list.
 *
 *   webload -s inet:127.0.0.1:PORT -f PATHS -h HOST [options]
 *     -c N      connections (50)         -T S   seconds (3)
 *     -w N      requests before counting begins (500)
 *     -P sid,.. sessions whose CPU is counted; the first is the server's
 *     -l TEXT   label
 */
#include "lab.h"

#define REQUEST_MAX  6144
#define RESPONSE_MAX 16384

struct conn {
	int fd;
	uint64_t t0;
	size_t len, off, got;
	char req[REQUEST_MAX], rep[RESPONSE_MAX];
};

static struct {
	const char *sock, *host, *label;
	unsigned conns;
	double limit;
	size_t warmup;
} o = { .label = "-", .conns = 50, .limit = 3, .warmup = 500 };

static char **paths;
static size_t path_count, next_path, done, redirects;
static int ep, metering;
static struct meter meter;
static struct lat lat;

static void read_paths(const char *file)
{
	FILE *f = fopen(file, "r");
	char line[REQUEST_MAX / 2];
	size_t room = 0;

	if (f == NULL)
		die("%s: %s", file, strerror(errno));
	while (fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (path_count == room) {
			room = room > 0 ? 2 * room : 1024;
			paths = realloc(paths, room * sizeof *paths);
			if (paths == NULL)
				die("out of memory");
		}
		paths[path_count++] = strdup(line);
	}
	fclose(f);
	if (path_count == 0)
		die("%s: no paths", file);
}

static void ask(struct conn *c)
{
	int n = snprintf(c->req, sizeof c->req,
	    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; "
	    "rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept-Language: en\r\n\r\n",
	    paths[next_path++ % path_count], o.host);

	c->len = (size_t)n;
	c->got = 0;
	c->t0 = now_ns();
	/* A request is far smaller than a socket's buffer. */
	if (write(c->fd, c->req, c->len) != n)
		die("write: %s", strerror(errno));
}

/* Octets of the whole response; 0: not all of it is here. */
static size_t response_octets(const struct conn *c)
{
	const char *end = strstr(c->rep, "\r\n\r\n"), *length;
	size_t body = 0;

	if (end == NULL)
		return 0;
	length = strcasestr(c->rep, "\r\nContent-Length:");
	if (length != NULL && length < end)
		body = strtoul(length + 17, NULL, 10);
	body += (size_t)(end - c->rep) + 4;
	return c->got >= body ? body : 0;
}

static void readable(struct conn *c)
{
	ssize_t n = read(c->fd, c->rep + c->got, sizeof c->rep - 1 - c->got);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("the server hung up after %zu responses", done);
	c->got += (size_t)n;
	c->rep[c->got] = '\0';
	if (response_octets(c) == 0)
		return;
	done++;
	if (metering) {
		lat_add(&lat, now_ns() - c->t0);
		redirects += memcmp(c->rep, "HTTP/1.1 302 ", 13) == 0;
	} else if (done >= o.warmup) {
		metering = 1;
		meter_start(&meter);
	}
	ask(c);
}

static void open_all(const struct endpoint *e, struct conn *cs)
{
	for (unsigned i = 0; i < o.conns; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &cs[i] };

		cs[i].fd = endpoint_connect(e);
		if (cs[i].fd < 0)
			die("connect %s: %s", o.sock, strerror(errno));
		epoll_ctl(ep, EPOLL_CTL_ADD, cs[i].fd, &ev);
	}
	for (unsigned i = 0; i < o.conns; i++)
		ask(&cs[i]);
}

static void report(void)
{
	double secs;

	printf("RESULT label=%s conns=%u requests=%zu", o.label, o.conns, lat.n);
	secs = meter_print(&meter, (double)lat.n);
	printf(" rps=%.0f p50_us=%.1f p99_us=%.1f max_us=%.1f failed=%zu\n",
	    (double)lat.n / secs, lat_q(&lat, .5), lat_q(&lat, .99), lat_q(&lat, 1),
	    lat.n - redirects);
}

int main(int argc, char **argv)
{
	struct epoll_event evs[256];
	const char *file = NULL;
	struct endpoint e;
	uint64_t deadline;
	int opt;

	while ((opt = getopt(argc, argv, "s:f:h:c:T:w:P:l:")) != -1)
		switch (opt) {
		case 's': o.sock = optarg; break;
		case 'f': file = optarg; break;
		case 'h': o.host = optarg; break;
		case 'c': o.conns = (unsigned)atoi(optarg); break;
		case 'T': o.limit = atof(optarg); break;
		case 'w': o.warmup = strtoul(optarg, NULL, 10); break;
		case 'P': meter_sessions(&meter, optarg); break;
		case 'l': o.label = optarg; break;
		default: return 2;
		}
	if (o.sock == NULL || file == NULL || o.host == NULL || o.conns == 0)
		die("usage: webload -s inet:ADDRESS:PORT -f PATHS -h HOST [options]");
	signal(SIGPIPE, SIG_IGN);
	read_paths(file);
	endpoint_parse(o.sock, &e);
	ep = epoll_create1(EPOLL_CLOEXEC);
	open_all(&e, xalloc(o.conns * sizeof(struct conn)));
	for (deadline = now_ns() + (uint64_t)(o.limit * 1e9); now_ns() < deadline;) {
		int n = epoll_wait(ep, evs, 256, 200);

		for (int k = 0; k < n; k++)
			readable(evs[k].data.ptr);
	}
	if (!metering)
		meter_start(&meter);
	report();
	return 0;
}
