/* routes - connections, frames and deadlines of the socketmap server. Knows no map. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "loop.h"
#include "netstring.h"
#include "routes.h"

#define READ_OCTETS     4096u
#define FRAME_MAX       (ROUTING_REQUEST_MAX + 8u)
#define OUT_MAX         65536u
#define ACCEPTS_A_TURN  16
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS)
#define IDLE_NS         (120 * NS_PER_S) /* Postfix closes an idle one after 10 s */
#define BUSY_NS         (10 * NS_PER_S)  /* to finish a request, or to take its reply */

struct peer {
	struct peer *next, *previous;
	struct routes *routes;
	int fd;
	struct loop_io *io;
	struct buf in, out;
	struct routing_memory memory;
	int64_t since_ns; /* last octet of progress */
};

struct routes {
	pthread_t thread;
	struct loop *loop;
	int fd, stop_fd;
	struct loop_io *io, *stop_io;
	struct peer *peers;
	size_t count;
	int64_t resume_ns; /* descriptors ran out: accept again then; 0: accepting */

	pthread_mutex_t lock; /* over what follows */
	struct routing routing;
	struct routes_counters counters;
};

/* ---- peers ---- */

static void peer_free(struct peer *p)
{
	struct routes *r = p->routes;

	loop_unwatch(&p->io);
	close(p->fd);
	if (p->previous != NULL)
		p->previous->next = p->next;
	else
		r->peers = p->next;
	if (p->next != NULL)
		p->next->previous = p->previous;
	r->count--;
	buf_free(&p->in);
	buf_free(&p->out);
	free(p);
}

static void count_refused(struct routes *r)
{
	pthread_mutex_lock(&r->lock);
	r->counters.refused++;
	pthread_mutex_unlock(&r->lock);
}

static void hang_up(struct peer *p, const char *why)
{
	log_record(LOG_LEVEL_WARNING, SPAN(""), "disconnect", LOG_CSTR("socket", "routes"),
	    LOG_CSTR("reason", why));
	count_refused(p->routes);
	peer_free(p);
}

static void answer(struct peer *p, struct span request)
{
	struct routes *r = p->routes;
	char space[ROUTING_WAY_MAX + 64];
	struct buf reply = { .p = space, .size = sizeof space, .max = sizeof space };

	pthread_mutex_lock(&r->lock);
	routing_answer(&r->routing, request, &p->memory, clock_wall_ns() / NS_PER_S, &reply);
	r->counters.lookups++;
	r->counters.found += span_starts(buf_span(&reply), SPAN("OK "));
	pthread_mutex_unlock(&r->lock);
	netstring_put(&p->out, buf_span(&reply));
}

/* False: the peer is gone. */
static bool send_out(struct peer *p)
{
	while (p->out.n > 0) {
		ssize_t n = send(p->fd, p->out.p, p->out.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			loop_want(p->io, false, true);
			return true;
		}
		if (n < 0) {
			peer_free(p);
			return false;
		}
		buf_consume(&p->out, (size_t)n);
		p->since_ns = clock_mono_ns();
	}
	loop_want(p->io, true, false);
	return true;
}

/* Every request that is complete; one that is not waits for more. */
static void handle_requests(struct peer *p)
{
	enum netstring_result result = NETSTRING_MORE;
	struct span request;
	size_t used;

	while (p->out.n < OUT_MAX / 2 && p->in.n > 0) {
		result = netstring_scan(buf_span(&p->in), ROUTING_REQUEST_MAX, &request, &used);
		if (result != NETSTRING_COMPLETE)
			break;
		answer(p, request);
		buf_consume(&p->in, used);
	}
	if (p->in.n > 0 && result != NETSTRING_MORE && result != NETSTRING_COMPLETE)
		hang_up(p, netstring_result_text(result));
	else if (!buf_ok(&p->in) || !buf_ok(&p->out))
		hang_up(p, "out of memory");
	else
		(void)send_out(p);
}

static void on_peer(void *argument, bool read, bool write)
{
	struct peer *p = argument;
	ssize_t n;

	if (write) {
		if (send_out(p) && p->out.n == 0)
			handle_requests(p); /* what waited for room */
		return;
	}
	if (!read)
		return;
	if (!buf_reserve(&p->in, READ_OCTETS)) {
		hang_up(p, "out of memory");
		return;
	}
	n = recv(p->fd, p->in.p + p->in.n, p->in.size - p->in.n, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_free(p);
		return;
	}
	if (p->in.n == 0)
		p->since_ns = clock_mono_ns();
	p->in.n += (size_t)n;
	handle_requests(p);
}

static void peer_new(struct routes *r, int fd)
{
	struct peer *p = calloc(1, sizeof *p);

	if (p != NULL)
		p->io = loop_watch(r->loop, fd, on_peer, p);
	if (p == NULL || p->io == NULL) {
		free(p);
		close(fd);
		return;
	}
	p->routes = r;
	p->fd = fd;
	p->since_ns = clock_mono_ns();
	buf_init(&p->in, FRAME_MAX + 2 * READ_OCTETS);
	buf_init(&p->out, OUT_MAX);
	p->next = r->peers;
	if (p->next != NULL)
		p->next->previous = p;
	r->peers = p;
	r->count++;
}

/* ---- the thread ---- */

static void on_accept(void *argument, bool read, bool write)
{
	struct routes *r = argument;

	(void)read;
	(void)write;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(r->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (fd < 0) {
			/* Descriptors or memory ran out: without a pause this would spin. */
			log_text(LOG_LEVEL_WARNING, "routes: accept: %s; pausing",
			    err_text(err_from_errno(errno)));
			r->resume_ns = clock_mono_ns() + ACCEPT_PAUSE_NS;
			loop_want(r->io, false, false);
			return;
		}
		if (r->count >= ROUTES_CONNECTIONS) {
			log_text(LOG_LEVEL_WARNING,
			    "routes: more than %u connections; refused one",
			    ROUTES_CONNECTIONS);
			count_refused(r);
			close(fd);
			continue;
		}
		peer_new(r, fd);
	}
}

static void on_second(void *argument)
{
	struct routes *r = argument;
	int64_t now_ns = clock_mono_ns();
	struct peer *p, *next;

	if (r->resume_ns != 0 && now_ns >= r->resume_ns) {
		r->resume_ns = 0;
		loop_want(r->io, true, false);
	}
	for (p = r->peers; p != NULL; p = next) {
		bool busy = p->in.n > 0 || p->out.n > 0;

		next = p->next;
		if (busy && now_ns - p->since_ns > BUSY_NS)
			hang_up(p, p->out.n > 0 ? "reply was not taken in time"
						: "request was not complete in time");
		else if (now_ns - p->since_ns > IDLE_NS)
			peer_free(p);
	}
}

static void on_stop(void *argument, bool read, bool write)
{
	struct routes *r = argument;

	(void)read;
	(void)write;
	loop_stop(r->loop);
}

/* Nothing is put off to the end of a turn. */
static bool on_turn(void *argument, bool busy)
{
	(void)argument;
	(void)busy;
	return false;
}

static void *run(void *argument)
{
	struct routes *r = argument;

	loop_run(r->loop, on_turn, r);
	return NULL;
}

/* ---- life ---- */

static bool prepare(struct routes *r)
{
	r->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->loop = loop_new();
	if (r->stop_fd < 0 || r->loop == NULL)
		return false;
	r->io = loop_watch(r->loop, r->fd, on_accept, r);
	r->stop_io = loop_watch(r->loop, r->stop_fd, on_stop, r);
	return r->io != NULL && r->stop_io != NULL &&
	       loop_every(r->loop, NS_PER_S, on_second, r);
}

static void dispose(struct routes *r)
{
	while (r->peers != NULL)
		peer_free(r->peers);
	loop_unwatch(&r->stop_io);
	loop_unwatch(&r->io);
	if (r->loop != NULL)
		loop_free(&r->loop);
	if (r->stop_fd >= 0)
		close(r->stop_fd);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

enum err routes_start(int fd, struct routing *routing, struct routes **r_r)
{
	struct routes *r = calloc(1, sizeof *r);
	sigset_t all, before;
	int status;

	if (r == NULL)
		return ERR_NOMEM;
	r->fd = fd;
	r->routing = *routing;
	pthread_mutex_init(&r->lock, NULL);
	if (!prepare(r)) {
		dispose(r);
		return ERR_NOMEM;
	}
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	status = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (status != 0) {
		dispose(r);
		return ERR_NOMEM;
	}
	*routing = (struct routing){ .snapshot = NULL };
	*r_r = r;
	return ERR_OK;
}

void routes_swap(struct routes *r, struct routing *routing_io)
{
	struct routing before;

	pthread_mutex_lock(&r->lock);
	before = r->routing;
	r->routing = *routing_io;
	pthread_mutex_unlock(&r->lock);
	*routing_io = before;
}

void routes_counters(struct routes *r, struct routes_counters *counters_r)
{
	pthread_mutex_lock(&r->lock);
	*counters_r = r->counters;
	pthread_mutex_unlock(&r->lock);
}

void routes_stop(struct routes **r)
{
	uint64_t one = 1;
	int fd;

	if (*r == NULL)
		return;
	if (write((*r)->stop_fd, &one, sizeof one) < 0)
		log_text(LOG_LEVEL_ERROR, "eventfd: write failed");
	pthread_join((*r)->thread, NULL);
	fd = (*r)->fd;
	routing_deinit(&(*r)->routing);
	dispose(*r);
	close(fd);
	*r = NULL;
}
