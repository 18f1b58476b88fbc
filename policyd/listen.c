/* listen - the life of a connection. Knows octets, framing and deadlines; no meaning. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "listen.h"
#include "log.h"

#define READ_OCTETS     4096u
#define ACCEPTS_A_TURN  64
#define OUT_MAX         (2u << 20)
#define CLOSE_AFTER_NS  (10 * NS_PER_S) /* a peer that does not take its reply */
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS)

struct listener {
	struct listener *next;
	struct listeners *all;
	int fd;
	const char *name;
	const struct listen_handler *handler;
	struct loop_io *io;
	int64_t resume_ns; /* descriptors ran out: accept again then; 0: accepting */
};

struct connection {
	struct ticket ticket; /* first: a ticket is its connection */
	struct connection *next, *previous;
	struct listener *listener;
	int fd;
	struct loop_io *io;
	void *session;
	struct buf in, out;
	int64_t since_ns; /* last change of state: idle, request begun, reply begun */
	bool pending;     /* a request is with the handler */
	bool in_call;     /* inside handler->request: answers must not recurse */
	bool dead;        /* closed by the peer or by us; freed when nothing is pending */
};

struct listeners {
	struct loop *loop;
	struct listen_limits limits;
	struct listener *first;
	struct connection *connections;
	size_t count;
	bool draining;
};

/* ---- connections ---- */

static void connection_free(struct connection *c)
{
	struct listeners *all = c->listener->all;
	const struct listen_handler *h = c->listener->handler;

	loop_unwatch(&c->io);
	close(c->fd);
	if (c->session != NULL)
		h->close(h->context, c->session);
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		all->connections = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	all->count--;
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

/* Frees now, or when the pending request is answered. */
static void connection_end(struct connection *c)
{
	c->dead = true;
	if (c->pending || c->in_call)
		loop_want(c->io, false, false);
	else
		connection_free(c);
}

static void log_end(const struct connection *c, const char *why)
{
	log_record(LOG_LEVEL_WARNING, SPAN(""), "disconnect",
	    LOG_CSTR("socket", c->listener->name), LOG_CSTR("reason", why));
}

/* Sends what is due. False: the connection is gone. */
static bool send_out(struct connection *c)
{
	while (c->out.n > 0) {
		ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			loop_want(c->io, true, true);
			return true;
		}
		if (n < 0) {
			connection_end(c);
			return false;
		}
		buf_consume(&c->out, (size_t)n);
	}
	loop_want(c->io, true, false);
	return true;
}

static bool handle_requests(struct connection *c);

static void on_answer(struct ticket *t, struct span reply)
{
	struct connection *c = (struct connection *)t;

	c->pending = false;
	c->since_ns = clock_mono_ns();
	if (!c->dead)
		buf_add_span(&c->out, reply);
	if (!c->dead && !buf_ok(&c->out)) {
		log_end(c, "reply is too long");
		c->dead = true;
	}
	if (c->in_call)
		return; /* handle_requests goes on where it called */
	if (c->dead)
		connection_free(c);
	else if (send_out(c))
		handle_requests(c);
}

static void on_hang_up(struct ticket *t, const char *why)
{
	struct connection *c = (struct connection *)t;

	if (!c->dead)
		log_end(c, why);
	c->pending = false;
	c->dead = true;
	if (!c->in_call)
		connection_free(c);
}

/* Requests in the buffer, one after the other while answers come at once. False: gone. */
static bool handle_requests(struct connection *c)
{
	const struct listen_handler *h = c->listener->handler;
	struct attr_request request;
	size_t used;

	while (!c->pending && c->in.n > 0 && c->out.n == 0) {
		enum attr_result r = attr_scan(buf_span(&c->in), h->limits, &request, &used);

		if (r == ATTR_MORE)
			break;
		if (r != ATTR_COMPLETE) {
			log_end(c, attr_result_text(r));
			connection_end(c);
			return false;
		}
		c->pending = c->in_call = true;
		h->request(h->context, c->session, &request, &c->ticket);
		c->in_call = false;
		buf_consume(&c->in, used);
		c->since_ns = clock_mono_ns();
		if (c->dead && !c->pending) {
			connection_free(c);
			return false;
		}
		if (!c->pending && !send_out(c))
			return false;
	}
	return true;
}

static void on_readable(struct connection *c)
{
	ssize_t n;

	if (c->in.n > c->listener->handler->limits->request) {
		loop_want(c->io, false, c->out.n > 0); /* pipelined far ahead: later */
		return;
	}
	if (!buf_reserve(&c->in, READ_OCTETS)) {
		log_end(c, "out of memory");
		connection_end(c);
		return;
	}
	n = recv(c->fd, c->in.p + c->in.n, c->in.size - c->in.n, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0 && (c->pending || c->out.n > 0)) {
		/* It will ask no more, but may wait for the answer; what else it sent is looked at
		 * then, when reading says the same again. */
		loop_want(c->io, false, c->out.n > 0);
		return;
	}
	if (n <= 0) {
		if (c->in.n > 0 && !c->pending)
			log_end(c, n == 0 ? "closed inside a request" : "connection lost");
		connection_end(c);
		return;
	}
	if (c->in.n == 0 && !c->pending)
		c->since_ns = clock_mono_ns();
	c->in.n += (size_t)n;
	handle_requests(c);
}

static void on_ready(void *argument, bool read, bool write)
{
	struct connection *c = argument;

	if (write && (!send_out(c) || !handle_requests(c)))
		return;
	if (read)
		on_readable(c);
}

static void connection_new(struct listener *l, int fd)
{
	struct connection *c = calloc(1, sizeof *c);
	uid_t uid = (uid_t)-1;
	gid_t gid;
	pid_t pid;

	if (c == NULL)
		goto fail;
	if (!net_peer(fd, &uid, &gid, &pid) && l->handler->wants_peer)
		goto fail;
	c->listener = l;
	c->fd = fd;
	c->since_ns = clock_mono_ns();
	c->ticket = (struct ticket){ on_answer, on_hang_up, uid };
	buf_init(&c->in, l->handler->limits->request * 2 + READ_OCTETS * 2);
	buf_init(&c->out, OUT_MAX);
	c->session = l->handler->open(l->handler->context, uid);
	if (c->session == NULL)
		goto fail;
	c->io = loop_watch(l->all->loop, fd, on_ready, c);
	if (c->io == NULL) {
		l->handler->close(l->handler->context, c->session);
		goto fail;
	}
	c->next = l->all->connections;
	if (c->next != NULL)
		c->next->previous = c;
	l->all->connections = c;
	l->all->count++;
	return;
fail:
	free(c);
	close(fd);
}

/* ---- listeners ---- */

static void on_accept(void *argument, bool read, bool write)
{
	struct listener *l = argument;

	(void)read;
	(void)write;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (fd < 0) {
			/* Descriptors or memory ran out: without a pause this would spin. */
			log_text(LOG_LEVEL_WARNING, "%s: accept: %s; pausing", l->name,
			    err_text(err_from_errno(errno)));
			l->resume_ns = clock_mono_ns() + ACCEPT_PAUSE_NS;
			loop_want(l->io, false, false);
			return;
		}
		if (l->all->count >= l->all->limits.connections) {
			log_text(LOG_LEVEL_WARNING,
			    "%s: more than %zu connections; refused one", l->name,
			    l->all->limits.connections);
			close(fd);
			continue;
		}
		connection_new(l, fd);
	}
}

struct listeners *listeners_new(struct loop *loop, const struct listen_limits *limits)
{
	struct listeners *l = calloc(1, sizeof *l);

	if (l != NULL) {
		l->loop = loop;
		l->limits = *limits;
	}
	return l;
}

enum err listeners_add(
    struct listeners *l, int fd, const char *name, const struct listen_handler *handler)
{
	struct listener *x = calloc(1, sizeof *x);

	if (x == NULL)
		return ERR_NOMEM;
	*x = (struct listener){
		.next = l->first, .all = l, .fd = fd, .name = name, .handler = handler
	};
	x->io = loop_watch(l->loop, fd, on_accept, x);
	if (x->io == NULL) {
		free(x);
		return ERR_NOMEM;
	}
	l->first = x;
	return ERR_OK;
}

size_t listeners_connections(const struct listeners *l)
{
	return l->count;
}

void listeners_set_limits(struct listeners *l, const struct listen_limits *limits)
{
	l->limits = *limits;
}

/* A pending request has no deadline of ours: the store answers it. */
static const char *overdue(
    const struct connection *c, const struct listen_limits *limits, int64_t now)
{
	int64_t age = now - c->since_ns;

	if (c->pending || c->dead)
		return NULL;
	if (c->out.n > 0)
		return age > CLOSE_AFTER_NS ? "peer does not read its reply" : NULL;
	if (c->in.n > 0)
		return age > limits->request_timeout_ns ? "request not complete in time" : NULL;
	return age > limits->idle_timeout_ns ? "" : NULL;
}

void listeners_tick(struct listeners *l, int64_t mono_ns)
{
	struct connection *c, *next;

	for (struct listener *x = l->first; x != NULL; x = x->next)
		if (x->resume_ns != 0 && mono_ns >= x->resume_ns && !l->draining) {
			x->resume_ns = 0;
			loop_want(x->io, true, false);
		}
	for (c = l->connections; c != NULL; c = next) {
		const char *why = overdue(c, &l->limits, mono_ns);

		next = c->next;
		if (why == NULL)
			continue;
		if (why[0] != '\0')
			log_end(c, why);
		connection_end(c);
	}
}

bool listeners_drain(struct listeners *l)
{
	struct connection *c, *next;

	if (!l->draining)
		for (struct listener *x = l->first; x != NULL; x = x->next)
			loop_want(x->io, false, false);
	l->draining = true;
	for (c = l->connections; c != NULL; c = next) {
		next = c->next;
		if (!c->pending && c->out.n == 0 && !c->dead)
			connection_end(c);
	}
	return l->connections == NULL;
}

void listeners_free(struct listeners **l)
{
	struct connection *c, *next_c;
	struct listener *x, *next;

	if (*l == NULL)
		return;
	for (c = (*l)->connections; c != NULL; c = next_c) {
		next_c = c->next;
		c->pending = c->in_call = false;
		connection_free(c);
	}
	for (x = (*l)->first; x != NULL; x = next) {
		next = x->next;
		loop_unwatch(&x->io);
		close(x->fd);
		free(x);
	}
	free(*l);
	*l = NULL;
}
