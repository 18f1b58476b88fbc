/*
 * polload - load generator for the Postfix policy delegation protocol.
 *
 * Every connection has one outstanding request, as smtpd has. A "message" is
 * N RCPT requests and one END-OF-MESSAGE request with the same instance; a
 * message the server refuses (a reply that starts with 4, 5, REJECT or DEFER)
 * at RCPT simply goes on with its next recipient.
 *
 *   polload -s SOCKET [-c conns] [-n requests] [-T seconds] [-m N]
 *           [-t tenants] [-u senders/tenant] [-d recipient-domains]
 *           [-H hot] [-S size] [-x context] [-w warmup] [-r seed] [-o]
 *           [-e] [-q serial] [-X suppressed] [-P sid[,sid]] [-l label] [-v]
 *
 *   -m 0 (default)  RCPT requests only, a new instance each
 *   -m N            whole messages: N RCPT, then END-OF-MESSAGE
 *   -H n            only n of the tenants send
 *   -o              messages come from one tenant after the other: fills caches
 *   -e              END-OF-MESSAGE only, each on a connection of its own: leaves
 *                   assignments for milload, which asks for the same queue ids
 *   -q N            number of the first message
 *   -X n            recipients are s0..sN-1@suppressed.example
 *   -P sid,sid      account the CPU of those sessions' processes
 *
 * Prints one line: RESULT key=value ...
 */
#include "lab.h"

#define MAXVERB 32
#define REQMAX  4096
#define REPMAX  4096

struct conn {
	int fd;
	char req[REQMAX];
	size_t len, off;
	char rep[REPMAX];
	size_t got;
	uint64_t t0;
	uint64_t serial; /* message number, for instance and queue id */
	unsigned tenant, user, rcpt, wantout;
};

static struct {
	const char *context, *label;
	unsigned conns, msg, tenants, users, domains, hot, size, verbose, in_order, only_end;
	unsigned suppressed;
	long total, warmup;
	double limit;
} o = { .context = "egress",
	.label = "-",
	.conns = 1,
	.tenants = 100,
	.users = 10,
	.domains = 500,
	.size = 51200,
	.total = 10000,
	.limit = 60 };

static struct endpoint ep_addr;
static int ep;
static uint64_t seed = 0x9e3779b97f4a7c15ull, serial;
static long sent, done, failed, reconnects;
static struct lat lat;
static struct meter meter;
static int metering;
static struct {
	char verb[24];
	long n;
} verbs[MAXVERB];

static void count_verb(const char *rep)
{
	char v[24];
	size_t i;

	if (strncmp(rep, "action=", 7) != 0) {
		strcpy(v, "(malformed)");
	} else {
		for (i = 0;
		     i < sizeof v - 1 && rep[7 + i] && !isspace((unsigned char)rep[7 + i]); i++)
			v[i] = (char)toupper((unsigned char)rep[7 + i]);
		v[i] = 0;
	}
	for (i = 0; i < MAXVERB - 1 && verbs[i].n && strcmp(verbs[i].verb, v) != 0; i++)
		;
	strcpy(verbs[i].verb, v);
	verbs[i].n++;
}

static void next_request(struct conn *c)
{
	int eom = 0, n;
	unsigned dom = (unsigned)(rnd(&seed) % o.domains);
	char rcpt[128];

	if (o.msg == 0 || c->rcpt > o.msg || c->serial == 0 || o.only_end) { /* new message */
		c->serial = ++serial;
		c->rcpt = o.only_end ? o.msg : 0;
		c->tenant = o.in_order ? (unsigned)(serial % o.tenants)
				       : tenant_of(serial, o.tenants, o.hot);
		c->user = (unsigned)((o.in_order ? serial / o.tenants : rnd(&seed)) % o.users);
	}
	if (o.msg && c->rcpt == o.msg)
		eom = 1;
	c->rcpt++;
	snprintf(rcpt, sizeof rcpt, "subscriber%u@mx%u.dest.example",
	    (unsigned)(rnd(&seed) % 1000000), dom);
	if (o.suppressed)
		snprintf(rcpt, sizeof rcpt, "s%u@suppressed.example",
		    (unsigned)(rnd(&seed) % o.suppressed));
	if (eom && o.msg > 1)
		rcpt[0] = 0; /* Postfix: empty when there is more than one */
	n = snprintf(c->req, REQMAX,
	    "request=smtpd_access_policy\nprotocol_state=%s\nprotocol_name=ESMTP\n"
	    "client_address=10.%u.%u.%u\nclient_name=app%u.d%u.example\nclient_port=%u\n"
	    "reverse_client_name=app%u.d%u.example\nserver_address=192.0.2.25\n"
	    "server_port=587\nhelo_name=app%u.d%u.example\n"
	    "sender=bounce+%llx@mail%u.d%u.example\nrecipient=%s\nrecipient_count=%u\n"
	    "queue_id=%s%.0llX\ninstance=%x.%llx.%llx.0\nsize=%u\netrn_domain=\nstress=\n"
	    "sasl_method=PLAIN\nsasl_username=user%u@d%u.example\nsasl_sender=\n"
	    "ccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\n"
	    "encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\n"
	    "encryption_keysize=256\npolicy_context=%s\n\n",
	    eom ? "END-OF-MESSAGE" : "RCPT", c->tenant >> 8 & 255, c->tenant & 255,
	    c->user & 255, c->user, c->tenant, 20000 + (unsigned)(c->serial % 40000), c->user,
	    c->tenant, c->user, c->tenant, (unsigned long long)c->serial, c->user, c->tenant,
	    rcpt, eom ? o.msg : 0, c->rcpt > 1 ? "4b" : "",
	    c->rcpt > 1 ? (unsigned long long)c->serial + 0xC0000000ull : 0, (unsigned)getpid(),
	    (unsigned long long)c->serial * 2654435761ull % 0xffffffffull,
	    (unsigned long long)c->serial, o.size, c->user, c->tenant, o.context);
	if (n >= REQMAX)
		die("request too long");
	c->len = (size_t)n;
	c->off = 0;
	c->got = 0;
}

static void arm(struct conn *c, unsigned out)
{
	struct epoll_event ev;

	if (c->wantout == out)
		return;
	ev.events = EPOLLIN | (out ? (unsigned)EPOLLOUT : 0u);
	ev.data.ptr = c;
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
	c->wantout = out;
}

static int push(struct conn *c)
{
	while (c->off < c->len) {
		ssize_t n = write(c->fd, c->req + c->off, c->len - c->off);

		if (n < 0 && errno == EAGAIN) {
			arm(c, 1);
			return 0;
		}
		if (n <= 0)
			return -1;
		c->off += (size_t)n;
	}
	arm(c, 0);
	return 0;
}

static void start(struct conn *c)
{
	if (sent >= o.total + o.warmup)
		return;
	sent++;
	next_request(c);
	if (o.verbose && sent == 1)
		fwrite(c->req, 1, c->len, stdout);
	c->t0 = now_ns();
}

static int open_conn(struct conn *c)
{
	struct epoll_event ev;

	c->fd = endpoint_connect(&ep_addr);
	if (c->fd < 0)
		return -1;
	c->wantout = 0;
	ev.events = EPOLLIN;
	ev.data.ptr = c;
	epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
	return 0;
}

/* The server hung up: count it, reconnect, and repeat the request once. */
static void hangup(struct conn *c)
{
	int pending = c->len && c->fd >= 0;

	close(c->fd);
	c->fd = -1;
	if (++reconnects > 100000 || open_conn(c) != 0) {
		failed++;
		return;
	}
	if (pending) {
		c->off = c->got = 0;
		if (push(c) != 0)
			failed++;
	}
}

static void readable(struct conn *c)
{
	ssize_t n = read(c->fd, c->rep + c->got, REPMAX - 1 - c->got);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		hangup(c);
		return;
	}
	c->got += (size_t)n;
	c->rep[c->got] = 0;
	if (c->got < 2 || memcmp(c->rep + c->got - 2, "\n\n", 2) != 0) {
		if (c->got >= REPMAX - 1)
			hangup(c);
		return;
	}
	done++;
	if (done > o.warmup) {
		if (metering)
			lat_add(&lat, now_ns() - c->t0);
		count_verb(c->rep);
	}
	if (o.verbose && done == 1)
		fwrite(c->rep, 1, c->got, stdout);
	if (!metering && done >= o.warmup) {
		metering = 1;
		meter_start(&meter);
	}
	c->len = 0;
	if (o.only_end) {
		close(c->fd);
		if (open_conn(c) != 0) {
			failed++;
			return;
		}
	}
	start(c);
	if (c->len && push(c) != 0)
		hangup(c);
}

int main(int argc, char **argv)
{
	struct epoll_event evs[512];
	struct conn *cs;
	const char *sock = NULL;
	uint64_t deadline;
	double secs;
	unsigned i;
	int opt;

	while ((opt = getopt(argc, argv, "s:c:n:T:m:t:u:d:H:S:x:w:r:q:X:P:l:eov")) != -1)
		switch (opt) {
		case 's': sock = optarg; break;
		case 'c': o.conns = (unsigned)atoi(optarg); break;
		case 'n': o.total = atol(optarg); break;
		case 'T': o.limit = atof(optarg); break;
		case 'm': o.msg = (unsigned)atoi(optarg); break;
		case 't': o.tenants = (unsigned)atoi(optarg); break;
		case 'u': o.users = (unsigned)atoi(optarg); break;
		case 'd': o.domains = (unsigned)atoi(optarg); break;
		case 'H': o.hot = (unsigned)atoi(optarg); break;
		case 'S': o.size = (unsigned)atoi(optarg); break;
		case 'x': o.context = optarg; break;
		case 'w': o.warmup = atol(optarg); break;
		case 'r': seed ^= strtoull(optarg, NULL, 0) * 0xd1342543de82ef95ull; break;
		case 'P': meter_sessions(&meter, optarg); break;
		case 'q': serial = strtoull(optarg, NULL, 0) - 1; break;
		case 'X': o.suppressed = (unsigned)atoi(optarg); break;
		case 'e': o.only_end = 1; break;
		case 'o': o.in_order = 1; break;
		case 'l': o.label = optarg; break;
		case 'v': o.verbose = 1; break;
		default: return 2;
		}
	if (sock == NULL || !o.conns || !o.tenants || !o.users || !o.domains)
		die("usage: polload -s unix:/path|inet:host:port [options], see the source");
	if (o.only_end && o.msg == 0)
		o.msg = 1;
	if (seed == 0)
		seed = 1;
	signal(SIGPIPE, SIG_IGN);
	endpoint_parse(sock, &ep_addr);
	ep = epoll_create1(EPOLL_CLOEXEC);
	cs = xalloc(o.conns * sizeof *cs);
	for (i = 0; i < o.conns; i++)
		if (open_conn(&cs[i]) != 0)
			die("connect %s: %s (connection %u)", sock, strerror(errno), i);
	if (o.warmup == 0) {
		metering = 1;
		meter_start(&meter);
	}
	for (i = 0; i < o.conns; i++) {
		start(&cs[i]);
		if (cs[i].len && push(&cs[i]) != 0)
			hangup(&cs[i]);
	}
	deadline = now_ns() + (uint64_t)(o.limit * 1e9);
	while (done + failed < o.total + o.warmup && failed < (long)o.conns &&
	       now_ns() < deadline) {
		int n = epoll_wait(ep, evs, 512, 200), k;

		for (k = 0; k < n; k++) {
			struct conn *c = evs[k].data.ptr;

			if (c->fd >= 0 && evs[k].events & EPOLLOUT && push(c) != 0)
				hangup(c);
			if (c->fd >= 0 && evs[k].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				readable(c);
		}
	}
	if (!metering)
		meter_start(&meter);
	printf("RESULT label=%s conns=%u requests=%zu", o.label, o.conns, lat.n);
	secs = meter_print(&meter, (double)lat.n);
	printf(" rps=%.0f p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f failed=%ld "
	       "reconnects=%ld"
	       " actions=",
	    (double)lat.n / secs, lat_q(&lat, .5), lat_q(&lat, .99), lat_q(&lat, .999),
	    lat_q(&lat, 1), failed, reconnects);
	for (i = 0; i < MAXVERB && verbs[i].n; i++)
		printf("%s%s:%ld", i ? "," : "", verbs[i].verb, verbs[i].n);
	putchar('\n');
	return failed != 0;
}
