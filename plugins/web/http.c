/* http - HTTP by libmicrohttpd (the interface of 0.9.72). Knows the library; no token, no page. */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "head.h"
#include "http.h"
#include "log.h"

/* Of one connection: the head, what the library makes of it, and the answer's head. */
#define CONNECTION_OCTETS ((size_t)24 * 1024)
#define RETRY_AFTER       "60"

struct http {
	struct MHD_Daemon *daemon;
	struct site *site;
	struct asks *asks;
	struct peers *peers;
	atomic_uint_fast64_t under_way; /* requests */
};

enum exchange_state { HEAD_NEXT, BODY_NEXT, ASKED, ANSWERED };

/* One request. */
struct exchange {
	struct http *http;
	struct MHD_Connection *connection;
	struct edition *edition;
	struct site_work *work; /* POST and /metrics */
	const char *target;     /* as it came; the library's */
	enum exchange_state state;
	struct head head;
};

/* ---- answers ---- */

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
	return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* No script, no frame, nothing from anywhere; our own style and our own form. */
static bool add_page_policy(struct MHD_Response *response, const char *nonce)
{
	char text[256];

	snprintf(text, sizeof text,
	    "default-src 'none'; style-src 'nonce-%s'; form-action 'self'; base-uri 'none'; "
	    "frame-ancestors 'none'",
	    nonce);
	return add(response, "Content-Security-Policy", text);
}

static bool add_headers(struct MHD_Response *response, const struct site_answer *a)
{
	bool ok = add(response, "Cache-Control", "no-store, private") &&
		  add(response, "Referrer-Policy", "no-referrer") &&
		  add(response, "X-Robots-Tag", "noindex, nofollow");

	if (a->location != NULL)
		return ok && add(response, "Location", a->location);
	ok = ok && add(response, "X-Content-Type-Options", "nosniff");
	if (a->type != NULL)
		ok = ok && add(response, "Content-Type", a->type);
	if (a->nonce[0] != '\0')
		ok = ok && add_page_policy(response, a->nonce);
	if (a->allow != NULL)
		ok = ok && add(response, "Allow", a->allow);
	if (a->later)
		ok = ok && add(response, "Retry-After", RETRY_AFTER);
	if (a->close)
		ok = ok && add(response, "Connection", "close");
	return ok;
}

static enum MHD_Result send_answer(struct exchange *x, struct site_answer *a)
{
	bool copied = a->text.n > 0;
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(a->body.n, (void *)(uintptr_t)a->body.p,
		copied ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result = MHD_NO; /* closes the connection */

	if (response != NULL && buf_ok(&a->text) && add_headers(response, a))
		result = MHD_queue_response(x->connection, a->status, response);
	if (response != NULL)
		MHD_destroy_response(response);
	site_answer_free(a);
	x->state = ANSWERED;
	return result;
}

/* ---- requests ---- */

static enum MHD_Result take_field(
    void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	head_field(context, span_cstr(name), span_cstr(value));
	return MHD_YES;
}

static const struct sockaddr *address_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info != NULL ? info->client_addr : NULL;
}

/* As network.h has it; zeroes for what is no IP address. */
static void address_octets(const struct sockaddr *from, uint8_t out[16])
{
	memset(out, 0, 16);
	if (from != NULL && from->sa_family == AF_INET) {
		out[10] = out[11] = 0xff;
		memcpy(
		    out + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
	} else if (from != NULL && from->sa_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
	}
}

static struct peer *peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* In a thread of asks: the library calls handle again. */
static void answered(struct ask *ask, void *context)
{
	struct exchange *x = context;

	(void)ask;
	MHD_resume_connection(x->connection);
}

static enum MHD_Result finish(struct exchange *x)
{
	struct site_answer a;

	site_finish(x->http->site, x->edition, &x->head.request, x->work, &a);
	return send_answer(x, &a);
}

static enum MHD_Result respond(struct exchange *x)
{
	struct site_answer a;

	if (!site_handle(x->http->site, x->edition, &x->head.request, x->work, &a))
		return send_answer(x, &a);
	x->work->ask.done = answered;
	x->work->ask.context = x;
	x->state = ASKED;
	peers_busy(x->http->peers, peer_of(x->connection));
	MHD_suspend_connection(x->connection);
	if (asks_put(x->http->asks, &x->work->ask))
		return MHD_YES;
	/* Too many are waiting: as if policyd were away. */
	x->work->ask.result = ERR_FULL;
	MHD_resume_connection(x->connection);
	return MHD_YES;
}

static enum MHD_Result refuse(struct exchange *x, unsigned status)
{
	struct site_answer a;

	site_refuse(x->http->site, status, &a);
	return send_answer(x, &a);
}

static enum MHD_Result begin(struct exchange *x, const char *method, const char *version)
{
	unsigned status;

	head_begin(&x->head, span_cstr(method), span_cstr(x->target), span_cstr(version));
	MHD_get_connection_values(x->connection, MHD_HEADER_KIND, take_field, &x->head);
	address_octets(address_of(x->connection), x->head.request.peer);
	status = head_judge(&x->head);
	if (status != 0)
		return refuse(x, status);
	if (site_wants_work(&x->head.request)) {
		x->work = malloc(sizeof *x->work);
		if (x->work == NULL)
			return MHD_NO;
		site_work_init(x->work);
	}
	x->edition = site_edition(x->http->site);
	x->state = BODY_NEXT;
	/* An answer now, before the library has looked for a body, would close the connection. */
	return MHD_YES;
}

/* Only POST comes with a body; it is no longer than it said, but who knows. */
static enum MHD_Result take_body(struct exchange *x, const char *data, size_t *size)
{
	struct site_work *w = x->work;

	if (w == NULL || *size > sizeof w->body - w->body_n)
		return MHD_NO;
	memcpy(w->body + w->body_n, data, *size);
	w->body_n += *size;
	*size = 0;
	return MHD_YES;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *size, void **request)
{
	struct exchange *x = *request;

	(void)context;
	(void)url;
	if (x == NULL)
		return MHD_NO;
	x->connection = connection;
	switch (x->state) {
	case HEAD_NEXT: return begin(x, method, version);
	case BODY_NEXT: return *size > 0 ? take_body(x, data, size) : respond(x);
	case ASKED: return finish(x);
	case ANSWERED: break;
	}
	/* Refused with a body under way: it is read and forgotten. */
	*size = 0;
	return MHD_YES;
}

/* The request line was read; uri as it came. What this returns is *request above. */
static void *request_line(void *context, const char *uri, struct MHD_Connection *connection)
{
	struct exchange *x = malloc(sizeof *x);

	if (x == NULL)
		return NULL;
	x->http = context;
	x->connection = connection;
	x->edition = NULL;
	x->work = NULL;
	x->target = uri;
	x->state = HEAD_NEXT;
	atomic_fetch_add(&x->http->under_way, 1);
	return x;
}

static void completed(void *context, struct MHD_Connection *connection, void **request,
    enum MHD_RequestTerminationCode how)
{
	struct http *s = context;
	struct exchange *x = *request;

	(void)how;
	*request = NULL;
	if (x == NULL)
		return;
	peers_completed(s->peers, peer_of(connection), clock_mono_ns());
	edition_unref(&x->edition);
	site_work_free(&x->work);
	free(x);
	atomic_fetch_sub(&s->under_way, 1);
}

/* ---- connections ---- */

static bool exempt(struct http *s, const uint8_t address[16])
{
	struct edition *g = site_edition(s->site);
	const struct provider *p = snapshot_provider(g->snapshot);
	bool is = network_holds(p->web.proxies, p->web.proxy_count, address);

	edition_unref(&g);
	return is;
}

static enum MHD_Result may_connect(void *context, const struct sockaddr *from, socklen_t size)
{
	struct http *s = context;
	uint8_t address[16];

	(void)size;
	address_octets(from, address);
	if (peers_may(s->peers, address, exempt(s, address)))
		return MHD_YES;
	count_add(&s->site->counters, COUNTER_CONNECTIONS_REFUSED, 1);
	return MHD_NO;
}

static void connection_changed(void *context, struct MHD_Connection *connection,
    void **socket_context, enum MHD_ConnectionNotificationCode what)
{
	struct http *s = context;
	const union MHD_ConnectionInfo *info;
	uint8_t address[16];

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		peers_closed(s->peers, *socket_context);
		*socket_context = NULL;
	} else {
		info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		address_octets(address_of(connection), address);
		*socket_context = info == NULL
				      ? NULL
				      : peers_opened(s->peers, info->connect_fd, address,
					    exempt(s, address), clock_mono_ns());
	}
	count_set(&s->site->counters, GAUGE_CONNECTIONS, peers_count(s->peers));
}

static void PRINTF_LIKE(2, 0) library_says(void *context, const char *format, va_list arguments)
{
	char text[512];

	(void)context;
	vsnprintf(text, sizeof text, format, arguments);
	text[strcspn(text, "\r\n")] = '\0';
	log_text(LOG_LEVEL_DEBUG, "libmicrohttpd: %s", text);
}

/* Tokens hold no percent sign; what is decoded is never looked at. */
static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

/* ---- life ---- */

enum err http_start(struct site *site, struct asks *asks, struct peers *peers,
    const struct http_limits *limits, int listen_fd, struct http **http_r)
{
	struct http *s = calloc(1, sizeof *s);

	*http_r = s;
	if (s == NULL) {
		close(listen_fd);
		return ERR_NOMEM;
	}
	s->site = site;
	s->asks = asks;
	s->peers = peers;
	s->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
	    may_connect, s, handle, s, MHD_OPTION_EXTERNAL_LOGGER, library_says, NULL,
	    MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_URI_LOG_CALLBACK, request_line, s,
	    MHD_OPTION_NOTIFY_COMPLETED, completed, s, MHD_OPTION_NOTIFY_CONNECTION,
	    connection_changed, s, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)limits->connections,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)limits->request_timeout_s,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_OCTETS, MHD_OPTION_STRICT_FOR_CLIENT,
	    1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
	if (s->daemon != NULL)
		return ERR_OK;
	close(listen_fd);
	free(s);
	*http_r = NULL;
	return ERR_IO;
}

void http_drain(struct http *s, int64_t timeout_s)
{
	const struct timespec pause = { 0, 10 * NS_PER_MS };
	int64_t until = clock_mono_ns() + timeout_s * NS_PER_S;
	int fd = MHD_quiesce_daemon(s->daemon);

	if (fd >= 0)
		close(fd);
	while (atomic_load(&s->under_way) > 0 && clock_mono_ns() < until)
		nanosleep(&pause, NULL);
}

void http_stop(struct http **http)
{
	struct http *s = *http;

	*http = NULL;
	if (s == NULL)
		return;
	MHD_stop_daemon(s->daemon);
	free(s);
}
