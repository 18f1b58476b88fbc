/* client - speaks the control protocol to penguin-policyd. Knows framing and deadlines; not what
 * verbs mean. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"
#include "control_wire.h"

#define CONNECT_TIMEOUT_MS 5000
#define TICK_MS            200
#define READ_OCTETS        65536

struct client {
	int fd;
	struct buf in;
	size_t used; /* octets of in that the reply handed out last took */
};

enum err client_open(
    const struct net_address *address, struct client **client_r, char *error, size_t size)
{
	struct client *c = calloc(1, sizeof *c);
	enum err e;

	*client_r = NULL;
	if (c == NULL) {
		(void)snprintf(error, size, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	buf_init(&c->in, attr_limits_control.request + READ_OCTETS);
	e = net_connect(address, CONNECT_TIMEOUT_MS, &c->fd, error, size);
	if (e != ERR_OK) {
		free(c);
		return e;
	}
	*client_r = c;
	return ERR_OK;
}

void client_close(struct client **c)
{
	if (*c == NULL)
		return;
	close((*c)->fd);
	buf_free(&(*c)->in);
	free(*c);
	*c = NULL;
}

void client_begin(struct buf *request, const char *verb)
{
	buf_reset(request);
	attr_put(request, "request", SPAN(CONTROL_REQUEST));
	attr_put(request, "version", SPAN(CONTROL_VERSION));
	attr_put(request, "verb", span_cstr(verb));
}

enum err client_send(struct client *c, struct buf *request)
{
	attr_end(request);
	if (!buf_ok(request))
		return ERR_TOOBIG;
	return net_write_all(c->fd, buf_span(request));
}

/* Waits for octets and takes them in; ERR_TIMEOUT when deadline_ns has passed. */
static enum err read_more(struct client *c, int64_t deadline_ns, const struct client_tick *tick)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	ssize_t n;

	for (;;) {
		int ready = poll(&p, 1, TICK_MS);

		if (ready > 0)
			break;
		if (ready < 0 && errno != EINTR)
			return ERR_IO;
		if (tick != NULL)
			tick->call(tick->context);
		if (clock_mono_ns() > deadline_ns)
			return ERR_TIMEOUT;
	}
	if (!buf_reserve(&c->in, READ_OCTETS))
		return ERR_NOMEM;
	n = recv(c->fd, c->in.p + c->in.n, READ_OCTETS, 0);
	if (n > 0) {
		c->in.n += (size_t)n;
		return ERR_OK;
	}
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return ERR_OK;
	return n == 0 ? ERR_CLOSED : err_from_errno(errno);
}

enum err client_receive(struct client *c, int64_t timeout_s, const struct client_tick *tick,
    struct attr_request *reply_r)
{
	int64_t deadline_ns = clock_mono_ns() + timeout_s * NS_PER_S;
	enum err e;

	buf_consume(&c->in, c->used);
	c->used = 0;
	for (;;) {
		enum attr_result r = ATTR_MORE;

		if (c->in.n > 0)
			r = attr_scan(
			    buf_span(&c->in), &attr_limits_control, reply_r, &c->used);
		if (r == ATTR_COMPLETE)
			return ERR_OK;
		c->used = 0;
		if (r != ATTR_MORE)
			return ERR_SYNTAX;
		e = read_more(c, deadline_ns, tick);
		if (e != ERR_OK)
			return e;
	}
}
