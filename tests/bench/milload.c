/*
 * milload - load generator that speaks the milter protocol (version 6) as the
 * MTA does, from one epoll loop.
 *
 *   milload -s SOCKET -f FOLDER-OF-EML [-c conns] [-m messages/conn]
 *           [-T seconds] [-r abort|quitnc|reconnect] [-D domains] [-R rcpts]
 *           [-w warmup-messages] [-o dump-folder] [-k how-many-dumped]
 *           [-a] [-H hot] [-q serial] [-P sid[,sid]] [-l label] [-v]
 *
 *   -r abort      one connection, SMFIC_ABORT between messages (Postfix; default)
 *      quitnc     SMFIC_QUIT_NC and a new CONNECT on the same socket
 *      reconnect  SMFIC_QUIT and a new socket for every message
 *   -D N          author and envelope sender are user@dK.example, K < N
 *   -H N          only N of those domains send
 *   -q N          number of the first message: its queue id and its domain follow
 *                 from it, as in polload -e, which leaves the assignments
 *   -a            no authentication macros
 *   -o DIR        write the message as the MTA would deliver it afterwards:
 *                 header inserts, adds, changes and body replacement applied
 *
 * Header indices follow Postfix: the MTA's own Received: line sits on top, is
 * not shown to the filter, and counts for "insert" but not for "change".
 *
 * Prints one line: RESULT key=value ...
 */
#include "lab.h"
#include <sys/uio.h>

#define CHUNK       65535
#define P_NOCONNECT 0x1u
#define P_NOHELO    0x2u
#define P_NOMAIL    0x4u
#define P_NORCPT    0x8u
#define P_NOBODY    0x10u
#define P_NOHDRS    0x20u
#define P_NOEOH     0x40u
#define P_NRHDR     0x80u
#define P_NODATA    0x200u
#define P_SKIP      0x400u
#define P_NRCONN    0x1000u
#define P_NRHELO    0x2000u
#define P_NRMAIL    0x4000u
#define P_NRRCPT    0x8000u
#define P_NRDATA    0x10000u
#define P_NREOH     0x40000u
#define P_NRBODY    0x80000u
#define P_LEADSPC   0x100000u

struct hdr {
	char *name, *value; /* value without the one space after the colon */
};

struct msg {
	struct hdr *h;
	size_t nh;
	char *body;
	size_t blen, size;
	char *wire; /* body packets, ready to send */
	size_t *at; /* packet boundaries: nchunk + 1 offsets */
	size_t nchunk;
};

enum kind {
	K_NEG,
	K_CONN,
	K_HELO,
	K_MAIL,
	K_RCPT,
	K_DATA,
	K_HDR,
	K_EOH,
	K_BODY,
	K_EOM,
	K_NONE
};

struct step {
	enum kind kind;
	const char *p; /* NULL: at offset `off` of the connection's own buffer */
	size_t off, len;
	int wait;
};

struct mod {
	char op;
	uint32_t idx;
	char *name, *value;
	size_t len;
};

struct conn {
	int fd;
	unsigned id;
	unsigned wantout;
	struct step *st;
	size_t nst, capst, cur, pos; /* cur: step being written; pos: bytes of it gone */
	size_t pend;                 /* step whose reply we wait for, or SIZE_MAX */
	char *own;
	size_t own_n, own_size;
	char *in;
	size_t in_n, in_size;
	const struct msg *m;
	long left;
	uint64_t t0, teom;
	char from[160];
	long dumpno;
	struct mod *mods;
	size_t nmods;
	int skipbody;
};

static struct {
	const char *sock, *dir, *dump, *label;
	unsigned conns, domains, rcpts, hot;
	long per, warmup, ndump;
	double limit;
	int mode, auth, verbose;
} o = { .label = "-",
	.conns = 1,
	.domains = 1,
	.rcpts = 1,
	.per = 100,
	.ndump = 1,
	.limit = 60,
	.auth = 1 };

static struct endpoint addr;
static int ep;
static struct msg *msgs;
static size_t nmsgs;
static uint32_t neg_version, neg_actions, neg_proto;
static int negotiated;
static uint64_t seed = 0x2545f4914f6cdd1dull, queueno;
static long started, done, failed, open_conns, dumped, total;
static uint64_t bytes;
static struct lat lat, late;
static struct meter meter;
static int metering;
static long replies[256], finals[256];

/* ---- messages ----------------------------------------------------------- */

static char *slurp(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *p;
	size_t n = 0;

	if (fd < 0 || fstat(fd, &st) != 0)
		die("%s: %s", path, strerror(errno));
	p = xalloc((size_t)st.st_size + 1);
	while (n < (size_t)st.st_size) {
		ssize_t k = read(fd, p + n, (size_t)st.st_size - n);

		if (k <= 0)
			break;
		n += (size_t)k;
	}
	close(fd);
	*len = n;
	return p;
}

/* Header values keep bare LF inside folds, bodies get CRLF: as MTAs send them. */
static void load(const char *path, struct msg *m)
{
	size_t len, i, w;
	char *p = slurp(path, &len), *e, *colon;

	for (i = w = 0; i < len; i++)
		if (p[i] != '\r' || p[i + 1] != '\n')
			p[w++] = p[i];
	p[w] = 0;
	len = w;
	while (*p && *p != '\n') {
		e = p;
		while ((e = strchr(e, '\n')) != NULL && (e[1] == ' ' || e[1] == '\t'))
			e++;
		if (e == NULL || (colon = memchr(p, ':', (size_t)(e - p))) == NULL)
			die("%s: bad header", path);
		m->h = realloc(m->h, (m->nh + 1) * sizeof *m->h);
		*e = *colon = 0;
		m->h[m->nh].name = p;
		m->h[m->nh++].value = colon[1] == ' ' ? colon + 2 : colon + 1;
		len -= (size_t)(e + 1 - p);
		p = e + 1;
	}
	if (*p == '\n')
		p++;
	m->body = xalloc(2 * strlen(p) + 2);
	for (; *p; p++) {
		if (*p == '\n')
			m->body[m->blen++] = '\r';
		m->body[m->blen++] = *p;
	}
	m->size = m->blen;
	for (i = 0; i < m->nh; i++)
		m->size += strlen(m->h[i].name) + strlen(m->h[i].value) + 4;
	m->nchunk = (m->blen + CHUNK - 1) / CHUNK;
	m->wire = xalloc(m->blen + m->nchunk * 5);
	m->at = xalloc((m->nchunk + 1) * sizeof *m->at);
	for (i = w = 0; i < m->nchunk; i++) {
		size_t n = m->blen - i * CHUNK < CHUNK ? m->blen - i * CHUNK : CHUNK;
		uint32_t be = htonl((uint32_t)n + 1);

		m->at[i] = w;
		memcpy(m->wire + w, &be, 4);
		m->wire[w + 4] = 'B';
		memcpy(m->wire + w + 5, m->body + i * CHUNK, n);
		w += n + 5;
	}
	m->at[i] = w;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_folder(const char *dir)
{
	struct dirent **l;
	int i, n = scandir(dir, &l, NULL, by_name);
	char path[4096];

	for (i = 0; i < n; i++) {
		size_t k = strlen(l[i]->d_name);

		if (k > 4 && strcmp(l[i]->d_name + k - 4, ".eml") == 0) {
			msgs = realloc(msgs, (nmsgs + 1) * sizeof *msgs);
			memset(&msgs[nmsgs], 0, sizeof *msgs);
			snprintf(path, sizeof path, "%s/%s", dir, l[i]->d_name);
			load(path, &msgs[nmsgs++]);
		}
		free(l[i]);
	}
	if (n >= 0)
		free(l);
	if (nmsgs == 0)
		die("%s: no .eml files", dir);
}

/* ---- packets ------------------------------------------------------------ */

static void put(struct conn *c, const void *p, size_t n)
{
	if (c->own_n + n > c->own_size) {
		c->own_size = (c->own_n + n) * 2;
		c->own = realloc(c->own, c->own_size);
		if (c->own == NULL)
			die("out of memory");
	}
	memcpy(c->own + c->own_n, p, n);
	c->own_n += n;
}

static size_t pkt_open(struct conn *c, char cmd)
{
	size_t at = c->own_n;

	put(c, "\0\0\0\0", 4);
	put(c, &cmd, 1);
	return at;
}

static void pkt_close(struct conn *c, size_t at)
{
	uint32_t be = htonl((uint32_t)(c->own_n - at - 4));

	memcpy(c->own + at, &be, 4);
}

static void puts0(struct conn *c, const char *s)
{
	put(c, s, strlen(s) + 1);
}

static void step(struct conn *c, enum kind k, const char *p, size_t off, size_t len, int wait)
{
	struct step *s;

	if (c->nst == c->capst) {
		c->capst = c->capst ? c->capst * 2 : 64;
		c->st = realloc(c->st, c->capst * sizeof *c->st);
		if (c->st == NULL)
			die("out of memory");
	}
	s = &c->st[c->nst++];
	s->kind = k;
	s->p = p;
	s->off = off;
	s->len = len;
	s->wait = wait;
}

/* Everything put() since `from` becomes one step. */
static void own_step(struct conn *c, enum kind k, size_t from, int wait)
{
	if (c->own_n > from || wait)
		step(c, k, NULL, from, c->own_n - from, wait);
}

static void macros(struct conn *c, int cmd, ...)
{
	va_list ap;
	const char *s;
	size_t at = pkt_open(c, 'D');
	char what = (char)cmd;

	put(c, &what, 1);
	va_start(ap, cmd);
	while ((s = va_arg(ap, const char *)) != NULL)
		puts0(c, s);
	va_end(ap);
	pkt_close(c, at);
}

/* Send the event unless the filter declined it; wait unless it said no reply. */
static void event(
    struct conn *c, enum kind k, size_t from, size_t pkt, uint32_t no, uint32_t nr)
{
	if (neg_proto & no)
		c->own_n = pkt; /* the macros still go */
	else
		pkt_close(c, pkt);
	own_step(c, k, from, !(neg_proto & no) && !(neg_proto & nr));
}

static void plan_connect(struct conn *c)
{
	size_t from = c->own_n, at;
	uint16_t port = htons((uint16_t)(20000 + c->id));

	macros(c, 'C', "j", "mx.lab.example", "{daemon_name}", "mx.lab.example", "v",
	    "Postfix 3.7.11", NULL);
	at = pkt_open(c, 'C');
	puts0(c, "app.tenant.example");
	put(c, "4", 1);
	put(c, &port, 2);
	puts0(c, "10.1.2.3");
	event(c, K_CONN, from, at, P_NOCONNECT, P_NRCONN);
	from = c->own_n;
	macros(c, 'H', "{tls_version}", "TLSv1.3", "{cipher}", "TLS_AES_256_GCM_SHA384",
	    "{cipher_bits}", "256", NULL);
	at = pkt_open(c, 'H');
	puts0(c, "app.tenant.example");
	event(c, K_HELO, from, at, P_NOHELO, P_NRHELO);
}

static void plan_header(struct conn *c, const char *name, const char *value)
{
	size_t from = c->own_n, at = pkt_open(c, 'L');

	puts0(c, name);
	if (neg_proto & P_LEADSPC)
		put(c, " ", 1);
	puts0(c, value);
	event(c, K_HDR, from, at, P_NOHDRS, P_NRHDR);
}

static void plan_message(struct conn *c)
{
	size_t from, at, i;
	char q[32], login[64], sender[100], arg[160], size[40];
	unsigned k = tenant_of(++queueno, o.domains, o.hot), r;
	const struct msg *m = &msgs[rnd(&seed) % nmsgs];

	c->m = m;
	c->skipbody = 0;
	c->dumpno = -1;
	started++;
	if (o.dump && dumped < o.ndump)
		c->dumpno = dumped++;
	snprintf(q, sizeof q, "4b%llX", (unsigned long long)(0xC0000000ull + queueno));
	snprintf(login, sizeof login, "user0@d%u.example", k);
	snprintf(
	    sender, sizeof sender, "bounce+%llu@d%u.example", (unsigned long long)queueno, k);
	snprintf(c->from, sizeof c->from, "Campaign Desk <user%u@d%u.example>",
	    (unsigned)(rnd(&seed) % 100), k);
	snprintf(size, sizeof size, "SIZE=%zu", m->size);

	from = c->own_n;
	if (o.auth)
		macros(c, 'M', "{auth_type}", "PLAIN", "{auth_authen}", login, "{mail_addr}",
		    sender, "{mail_host}", "d.example", "{mail_mailer}", "smtp", NULL);
	else
		macros(c, 'M', "{mail_addr}", sender, "{mail_mailer}", "smtp", NULL);
	at = pkt_open(c, 'M');
	snprintf(arg, sizeof arg, "<%s>", sender);
	puts0(c, arg);
	puts0(c, size);
	event(c, K_MAIL, from, at, P_NOMAIL, P_NRMAIL);
	for (r = 0; r < o.rcpts; r++) {
		from = c->own_n;
		snprintf(arg, sizeof arg, "<subscriber%u@dest.example>",
		    (unsigned)(rnd(&seed) % 1000000));
		macros(c, 'R', "i", q, "{rcpt_mailer}", "smtp", "{rcpt_host}", "dest.example",
		    NULL);
		at = pkt_open(c, 'R');
		puts0(c, arg);
		event(c, K_RCPT, from, at, P_NORCPT, P_NRRCPT);
	}
	from = c->own_n;
	macros(c, 'T', "i", q, NULL);
	at = pkt_open(c, 'T');
	event(c, K_DATA, from, at, P_NODATA, P_NRDATA);
	for (i = 0; i < m->nh; i++)
		plan_header(c, m->h[i].name,
		    strcasecmp(m->h[i].name, "From") == 0 ? c->from : m->h[i].value);
	from = c->own_n;
	macros(c, 'N', "i", q, NULL);
	at = pkt_open(c, 'N');
	event(c, K_EOH, from, at, P_NOEOH, P_NREOH);
	if (!(neg_proto & P_NOBODY))
		for (i = 0; i < m->nchunk; i++)
			step(c, K_BODY, m->wire + m->at[i], 0, m->at[i + 1] - m->at[i],
			    !(neg_proto & P_NRBODY));
	from = c->own_n;
	macros(c, 'E', "i", q, NULL);
	at = pkt_open(c, 'E');
	pkt_close(c, at);
	own_step(c, K_EOM, from, 1);
	c->t0 = now_ns();
}

static void plan_clear(struct conn *c)
{
	c->nst = c->cur = c->pos = c->own_n = 0;
	c->pend = SIZE_MAX;
}

/* ---- applying the modifications ------------------------------------------ */

static void mod_add(struct conn *c, char op, const char *p, size_t n)
{
	struct mod *m;
	uint32_t be;

	c->mods = realloc(c->mods, (c->nmods + 1) * sizeof *c->mods);
	m = &c->mods[c->nmods++];
	memset(m, 0, sizeof *m);
	m->op = op;
	if (op == 'b') {
		m->value = xalloc(n + 1);
		memcpy(m->value, p, n);
		m->len = n;
		return;
	}
	if (op == 'i' || op == 'm') {
		if (n < 4)
			die("short header edit");
		memcpy(&be, p, 4);
		m->idx = ntohl(be);
		p += 4;
		n -= 4;
	}
	m->name = strndup(p, n);
	m->value = strlen(m->name) + 1 < n
		       ? strndup(p + strlen(m->name) + 1, n - strlen(m->name) - 1)
		       : strdup("");
}

static void write_fold(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '\r' && s[1] == '\n')
			continue;
		if (*s == '\n')
			fputc('\r', f);
		fputc(*s, f);
	}
}

static void dump_message(struct conn *c)
{
	struct hdr h[1024];
	size_t n = 0, i, j;
	char path[4096];
	FILE *f;
	int replaced = 0;

	h[n].name = (char[]){ "Received" };
	h[n++].value = (char[]){
		"from app.tenant.example by mx.lab.example; Thu, 1 Jan 2026 00:00:00 +0000"
	};
	for (i = 0; i < c->m->nh && n < 1000; i++) {
		h[n] = c->m->h[i];
		if (strcasecmp(h[n].name, "From") == 0)
			h[n].value = c->from;
		n++;
	}
	for (i = 0; i < c->nmods; i++) {
		struct mod *m = &c->mods[i];
		size_t at = n, seen = 0;

		if (n >= 1000)
			break;
		if (m->op == 'm') {
			for (j = 1; j < n; j++)
				if (strcasecmp(h[j].name, m->name) == 0 &&
				    ++seen == (m->idx ? m->idx : 1))
					break;
			if (j < n && *m->value) {
				h[j].value = m->value;
				continue;
			}
			if (j < n) {
				memmove(&h[j], &h[j + 1], (n - j - 1) * sizeof *h);
				n--;
				continue;
			}
			if (!*m->value)
				continue;
		} else if (m->op == 'i') {
			at = m->idx < n ? m->idx : n;
		} else if (m->op != 'h') {
			continue;
		}
		memmove(&h[at + 1], &h[at], (n - at) * sizeof *h);
		h[at].name = m->name;
		h[at].value = m->value;
		n++;
	}
	snprintf(path, sizeof path, "%s/%s-%ld.eml", o.dump, o.label, c->dumpno);
	if ((f = fopen(path, "w")) == NULL)
		die("%s: %s", path, strerror(errno));
	for (i = 0; i < n; i++) {
		fprintf(f, "%s:%s", h[i].name,
		    neg_proto & P_LEADSPC && *h[i].value == ' ' ? "" : " ");
		write_fold(f, h[i].value);
		fputs("\r\n", f);
	}
	fputs("\r\n", f);
	for (i = 0; i < c->nmods; i++)
		if (c->mods[i].op == 'b') {
			fwrite(c->mods[i].value, 1, c->mods[i].len, f);
			replaced = 1;
		}
	if (!replaced)
		fwrite(c->m->body, 1, c->m->blen, f);
	fclose(f);
}

static void mods_free(struct conn *c)
{
	size_t i;

	for (i = 0; i < c->nmods; i++) {
		free(c->mods[i].name);
		free(c->mods[i].value);
	}
	c->nmods = 0;
}

/* ---- the connection machine ---------------------------------------------- */

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

/* Write steps up to and including the next one that has a reply. */
static int pump(struct conn *c)
{
	while (c->pend == SIZE_MAX && c->cur < c->nst) {
		struct iovec v[64];
		int nv = 0;
		size_t i, off = c->pos, want = 0;
		ssize_t n;

		for (i = c->cur; i < c->nst && nv < 64; i++) {
			const struct step *s = &c->st[i];

			if (s->len > off) {
				v[nv].iov_base =
				    (char *)(uintptr_t)(s->p ? s->p : c->own + s->off) + off;
				v[nv].iov_len = s->len - off;
				want += v[nv++].iov_len;
			}
			off = 0;
			if (s->wait) {
				i++;
				break;
			}
		}
		if (want && (n = writev(c->fd, v, nv)) < 0) {
			if (errno == EAGAIN) {
				arm(c, 1);
				return 0;
			}
			return -1;
		}
		if (!want)
			n = 0;
		while (c->cur < i) {
			const struct step *s = &c->st[c->cur];

			if ((size_t)n < s->len - c->pos) {
				c->pos += (size_t)n;
				break;
			}
			n -= (ssize_t)(s->len - c->pos);
			c->pos = 0;
			if (s->kind == K_EOM)
				c->teom = now_ns();
			if (s->wait)
				c->pend = c->cur;
			c->cur++;
		}
	}
	arm(c, 0);
	return 0;
}

static void plan_negotiation(struct conn *c)
{
	uint32_t v[3] = { htonl(6), htonl(0x1ff), htonl(0x1fffff) };
	size_t from = c->own_n, at = pkt_open(c, 'O');

	put(c, v, sizeof v);
	pkt_close(c, at);
	own_step(c, K_NEG, from, 1);
}

static int open_conn(struct conn *c)
{
	struct epoll_event ev;

	if ((c->fd = endpoint_connect(&addr)) < 0)
		return -1;
	open_conns++;
	c->wantout = 0;
	c->in_n = 0;
	ev.events = EPOLLIN;
	ev.data.ptr = c;
	epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
	plan_clear(c);
	plan_negotiation(c);
	return pump(c);
}

static void close_conn(struct conn *c)
{
	if (c->fd >= 0) {
		close(c->fd);
		open_conns--;
	}
	c->fd = -1;
}

static void lost(struct conn *c, const char *why)
{
	if (o.verbose || failed < 3)
		fprintf(stderr, "connection %u: %s (step %zu of %zu)\n", c->id, why, c->cur,
		    c->nst);
	failed++;
	close_conn(c);
}

static void simple(struct conn *c, char cmd)
{
	size_t from = c->own_n, at = pkt_open(c, cmd);

	pkt_close(c, at);
	own_step(c, K_NONE, from, 0);
}

static int next_message(struct conn *c, int how)
{
	plan_clear(c);
	if (c->left <= 0) {
		simple(c, 'Q');
		if (pump(c) != 0)
			return -1;
		close_conn(c);
		return 0;
	}
	c->left--;
	if (how == 'q') {
		simple(c, 'Q');
		pump(c);
		close_conn(c);
		return open_conn(c);
	}
	if (how == 'K') {
		simple(c, 'K');
		plan_connect(c);
	} else if (how == 'A') {
		simple(c, 'A');
	} else {
		plan_connect(c);
	}
	plan_message(c);
	return pump(c);
}

static int finish(struct conn *c, char verdict)
{
	uint64_t t = now_ns();

	done++;
	if (metering) {
		lat_add(&lat, t - c->t0);
		if (c->pend != SIZE_MAX && c->st[c->pend].kind == K_EOM)
			lat_add(&late, t - c->teom);
		bytes += c->m->size;
		finals[(unsigned char)verdict]++;
	}
	if (c->dumpno >= 0) {
		dump_message(c);
		mods_free(c);
	}
	if (!metering && done >= o.warmup) {
		metering = 1;
		meter_start(&meter);
	}
	return next_message(c, o.mode);
}

/* One packet from the filter. */
static int reply(struct conn *c, char op, const char *p, size_t n)
{
	enum kind k;

	if (c->pend == SIZE_MAX) {
		lost(c, "reply that nobody waits for");
		return 0;
	}
	k = c->st[c->pend].kind;
	if (k == K_NEG) {
		uint32_t v[3];

		if (op != 'O' || n < 12) {
			lost(c, "bad negotiation");
			return 0;
		}
		memcpy(v, p, 12);
		neg_version = ntohl(v[0]);
		neg_actions = ntohl(v[1]);
		neg_proto = ntohl(v[2]);
		if (!negotiated && o.verbose)
			fprintf(stderr, "negotiated version %u actions 0x%x protocol 0x%x\n",
			    neg_version, neg_actions, neg_proto);
		negotiated = 1;
		plan_clear(c);
		plan_connect(c);
		plan_message(c);
		return pump(c);
	}
	if (metering)
		replies[(unsigned char)op]++;
	switch (op) {
	case 'p': /* progress */
	case 'q': /* quarantine */ return 0;
	case 's':
		c->skipbody = k == K_BODY;
		/* fall through */
	case 'c':
		if (k == K_EOM)
			return finish(c, op);
		c->pend = SIZE_MAX;
		while (c->skipbody && c->cur < c->nst && c->st[c->cur].kind == K_BODY)
			c->cur++;
		return pump(c);
	case 'r':
	case 't':
	case 'y':
		if (k == K_RCPT) { /* refuses that recipient only */
			c->pend = SIZE_MAX;
			return pump(c);
		}
		/* fall through */
	case 'a':
	case 'd': return finish(c, op);
	case 'h':
	case 'i':
	case 'm':
	case 'b':
	case 'e':
	case '+':
	case '-':
	case '2':
		if (k != K_EOM)
			lost(c, "modification before end of message");
		else if (c->dumpno >= 0)
			mod_add(c, op, p, n);
		return 0;
	default: lost(c, "unknown or fatal reply"); return 0;
	}
}

static void readable(struct conn *c)
{
	size_t at = 0;
	ssize_t n;

	if (c->in_size - c->in_n < 65536) {
		c->in_size = c->in_size * 2 + 131072;
		c->in = realloc(c->in, c->in_size);
		if (c->in == NULL)
			die("out of memory");
	}
	n = read(c->fd, c->in + c->in_n, c->in_size - c->in_n);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		lost(c, n ? strerror(errno) : "filter closed the connection");
		return;
	}
	c->in_n += (size_t)n;
	while (c->fd >= 0 && c->in_n - at >= 5) {
		uint32_t len;
		int fd = c->fd;

		memcpy(&len, c->in + at, 4);
		len = ntohl(len);
		if (len == 0 || len > (16u << 20)) {
			lost(c, "bad packet length");
			return;
		}
		if (c->in_n - at < len + 4u)
			break;
		at += len + 4u;
		if (reply(c, c->in[at - len], c->in + at - len + 1, len - 1) != 0) {
			lost(c, strerror(errno));
			return;
		}
		if (c->fd != fd || c->in_n < at)
			return; /* reconnected: the input buffer was reset */
	}
	memmove(c->in, c->in + at, c->in_n - at);
	c->in_n -= at;
}

int main(int argc, char **argv)
{
	struct epoll_event evs[256];
	struct conn *cs;
	uint64_t deadline;
	double secs;
	unsigned i, first;
	int opt;

	o.mode = 'A';
	while ((opt = getopt(argc, argv, "s:f:c:m:T:r:D:H:R:q:w:o:k:aP:l:v")) != -1)
		switch (opt) {
		case 's': o.sock = optarg; break;
		case 'f': o.dir = optarg; break;
		case 'c': o.conns = (unsigned)atoi(optarg); break;
		case 'm': o.per = atol(optarg); break;
		case 'T': o.limit = atof(optarg); break;
		case 'r':
			o.mode = !strcmp(optarg, "abort")    ? 'A'
				 : !strcmp(optarg, "quitnc") ? 'K'
							     : 'q';
			break;
		case 'D': o.domains = (unsigned)atoi(optarg); break;
		case 'R': o.rcpts = (unsigned)atoi(optarg); break;
		case 'w': o.warmup = atol(optarg); break;
		case 'o': o.dump = optarg; break;
		case 'k': o.ndump = atol(optarg); break;
		case 'a': o.auth = 0; break;
		case 'P': meter_sessions(&meter, optarg); break;
		case 'H': o.hot = (unsigned)atoi(optarg); break;
		case 'q': queueno = strtoull(optarg, NULL, 0) - 1; break;
		case 'l': o.label = optarg; break;
		case 'v': o.verbose = 1; break;
		default: return 2;
		}
	if (!o.sock || !o.dir || !o.conns || !o.domains || o.per < 1)
		die("usage: milload -s SOCKET -f FOLDER [options], see the source");
	signal(SIGPIPE, SIG_IGN);
	load_folder(o.dir);
	endpoint_parse(o.sock, &addr);
	ep = epoll_create1(EPOLL_CLOEXEC);
	total = (long)o.conns * o.per;
	if (o.warmup >= total)
		die("warmup takes every message");
	cs = xalloc(o.conns * sizeof *cs);
	if (o.warmup == 0) {
		metering = 1;
		meter_start(&meter);
	}
	for (i = 0; i < o.conns; i++) {
		cs[i].id = i;
		cs[i].left = o.per - 1;
		if (open_conn(&cs[i]) != 0)
			die("connect %s: %s", o.sock, strerror(errno));
	}
	deadline = now_ns() + (uint64_t)(o.limit * 1e9);
	while (open_conns > 0 && now_ns() < deadline) {
		int n = epoll_wait(ep, evs, 256, 200), k;

		for (k = 0; k < n; k++) {
			struct conn *c = evs[k].data.ptr;

			if (c->fd >= 0 && evs[k].events & EPOLLOUT && pump(c) != 0)
				lost(c, strerror(errno));
			if (c->fd >= 0 && evs[k].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				readable(c);
		}
	}
	if (!metering)
		meter_start(&meter);
	printf("RESULT label=%s conns=%u messages=%zu", o.label, o.conns, lat.n);
	secs = meter_print(&meter, (double)lat.n);
	printf(
	    " mps=%.1f mbps=%.2f p50_us=%.0f p99_us=%.0f p999_us=%.0f max_us=%.0f eom50_us=%.0f"
	    " eom99_us=%.0f failed=%ld unfinished=%ld final=",
	    (double)lat.n / secs, (double)bytes / secs / 1e6, lat_q(&lat, .5), lat_q(&lat, .99),
	    lat_q(&lat, .999), lat_q(&lat, 1), lat_q(&late, .5), lat_q(&late, .99), failed,
	    started - done);
	for (i = first = 0; i < 256; i++)
		if (finals[i])
			printf("%s%c:%ld", first++ ? "," : "", (int)i, finals[i]);
	printf(" replies=");
	for (i = first = 0; i < 256; i++)
		if (replies[i])
			printf("%s%c:%ld", first++ ? "," : "", (int)i, replies[i]);
	putchar('\n');
	return failed != 0;
}
