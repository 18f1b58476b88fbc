/* dns - questions on the wire, by c-ares. Knows no record. */
#include <ares.h>
#include <poll.h>

#include "dns.h"
#include "network.h"

#define SERVER_TEXT_MAX 80
#define EDNS_OCTETS     1232 /* fits the least MTU of IPv6 */
#define LONGEST_WAIT_MS 10000

/* A set of servers with a channel of its own. */
struct peer {
	struct peer *next;
	ares_channel channel;
	size_t pending;
	bool is_resolver;
	uint8_t address[16]; /* not the resolver's */
};

struct question {
	struct question *next;
	struct dns *dns;
	struct peer *peer;
	dns_done *done;
	void *context;
	bool has_server;
	uint8_t server[16];
	enum dns_type type;
	char name[];
};

struct dns {
	struct peer *resolver, *peers;  /* peers: list, the resolver among them */
	struct question *first, **last; /* waiting for their turn */
	size_t waiting, in_flight;
	uint16_t authority_port;
	int timeout_ms, tries;
	bool closing;
};

static void peer_free(struct peer **peer)
{
	if (*peer == NULL)
		return;
	ares_destroy((*peer)->channel);
	free(*peer);
	*peer = NULL;
}

/* servers: as ares_set_servers_ports_csv takes it; NULL: resolv.conf. */
static struct peer *peer_new(const struct dns *dns, const char *servers, bool recurse)
{
	struct ares_options options = {
		/* Error codes shall reach us, not "no server left". */
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP |
			 ARES_FLAG_EDNS | (recurse ? 0 : ARES_FLAG_NORECURSE),
		.timeout = dns->timeout_ms,
		.tries = dns->tries,
		.ednspsz = EDNS_OCTETS,
	};
	const int mask =
	    ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ;
	struct peer *peer = calloc(1, sizeof *peer);

	if (peer == NULL)
		return NULL;
	if (ares_init_options(&peer->channel, &options, mask) != ARES_SUCCESS) {
		free(peer);
		return NULL;
	}
	if (servers != NULL &&
	    ares_set_servers_ports_csv(peer->channel, servers) != ARES_SUCCESS)
		peer_free(&peer);
	return peer;
}

/* "ADDRESS", "ADDRESS:PORT", "[ADDRESS]:PORT" in the form that c-ares wants: an address that c-ares
 * could not read would be skipped in silence. */
static bool server_text(struct span text, char *out, size_t size)
{
	struct span host = text, port = SPAN("53");
	uint8_t bytes[16];
	char address[NETWORK_ADDRESS_MAX];
	uint64_t number;
	size_t end;

	if (text.n > 0 && text.p[0] == '[') {
		end = span_find(text, ']', 0);
		if (end == text.n)
			return false;
		host = span_make(text.p + 1, end - 1);
		text = span_from(text, end + 1);
		if (text.n > 0 && text.p[0] != ':')
			return false;
		port = text.n > 0 ? span_from(text, 1) : port;
	} else if (!network_parse_address(text, bytes)) {
		end = span_find(text, ':', 0);
		host = span_head(text, end);
		port = span_from(text, end + 1);
	}
	if (!network_parse_address(host, bytes) || !span_u64(port, &number) || number == 0 ||
	    number > UINT16_MAX)
		return false;
	network_print_address(bytes, address);
	(void)snprintf(
	    out, size, network_is_v4(bytes) ? "%s:%u" : "[%s]:%u", address, (unsigned)number);
	return true;
}

enum err dns_open(
    const struct dns_options *options, struct dns **dns_r, char *error, size_t size)
{
	char server[SERVER_TEXT_MAX];
	struct dns *dns;

	*dns_r = NULL;
	if (options->server != NULL &&
	    !server_text(span_cstr(options->server), server, sizeof server)) {
		(void)snprintf(
		    error, size, "\"%s\" is no ADDRESS or ADDRESS:PORT", options->server);
		return ERR_SYNTAX;
	}
	(void)snprintf(error, size, "the resolver cannot start: %s", err_text(ERR_NOMEM));
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return ERR_NOMEM;
	dns = calloc(1, sizeof *dns);
	if (dns == NULL)
		goto fail;
	dns->last = &dns->first;
	dns->authority_port = options->authority_port != 0 ? options->authority_port : 53;
	dns->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : 2000;
	dns->tries = options->tries != 0 ? options->tries : 2;
	dns->resolver = peer_new(dns, options->server != NULL ? server : NULL, true);
	if (dns->resolver == NULL)
		goto fail;
	dns->resolver->is_resolver = true;
	dns->peers = dns->resolver;
	*dns_r = dns;
	return ERR_OK;
fail:
	free(dns);
	ares_library_cleanup();
	return ERR_NOMEM;
}

void dns_close(struct dns **dns)
{
	struct peer *peer, *next_peer;
	struct question *q, *next;

	if (*dns == NULL)
		return;
	(*dns)->closing = true;
	for (peer = (*dns)->peers; peer != NULL; peer = next_peer) {
		next_peer = peer->next;
		peer_free(&peer);
	}
	for (q = (*dns)->first; q != NULL; q = next) {
		next = q->next;
		free(q);
	}
	free(*dns);
	*dns = NULL;
	ares_library_cleanup();
}

size_t dns_pending(const struct dns *dns)
{
	return dns->waiting + dns->in_flight;
}

/* The answer of c-ares, which may hold a message also where status says failure. */
static void on_answer(void *context, int status, int timeouts, unsigned char *bytes, int n)
{
	struct question *q = context;
	struct dns_answer answer = { .status = DNS_TIMEOUT };
	struct arena *arena = arena_new(DNS_ANSWER_OCTETS_MAX);
	enum err e = ERR_OK;

	(void)timeouts;
	q->peer->pending--;
	q->dns->in_flight--;
	if (q->dns->closing)
		goto out;
	if (bytes != NULL && n > 0)
		e = arena != NULL ? dns_message_read(span_make((const char *)bytes, (size_t)n),
					q->name, q->type, arena, &answer)
				  : ERR_NOMEM;
	else if (status == ARES_EBADRESP || status == ARES_EFORMERR)
		answer.status = DNS_BROKEN;
	if (e != ERR_OK)
		answer = (struct dns_answer){ .status = DNS_BROKEN };
	q->done(q->context, &answer);
out:
	arena_free(&arena);
	free(q);
}

static struct peer *find_peer(struct dns *dns, const struct question *q)
{
	char address[NETWORK_ADDRESS_MAX], server[SERVER_TEXT_MAX];
	struct peer *peer;

	if (!q->has_server)
		return dns->resolver;
	for (peer = dns->peers; peer != NULL; peer = peer->next)
		if (!peer->is_resolver &&
		    memcmp(peer->address, q->server, sizeof peer->address) == 0)
			return peer;
	network_print_address(q->server, address);
	(void)snprintf(server, sizeof server, network_is_v4(q->server) ? "%s:%u" : "[%s]:%u",
	    address, (unsigned)dns->authority_port);
	peer = peer_new(dns, server, false);
	if (peer == NULL)
		return NULL;
	memcpy(peer->address, q->server, sizeof peer->address);
	peer->next = dns->peers;
	dns->peers = peer;
	return peer;
}

/* Sends what waits while there is room. c-ares may call back at once. */
static void send_waiting(struct dns *dns)
{
	while (dns->first != NULL && dns->in_flight < DNS_IN_FLIGHT_MAX) {
		struct question *q = dns->first;

		dns->first = q->next;
		if (dns->first == NULL)
			dns->last = &dns->first;
		dns->waiting--;
		q->peer = find_peer(dns, q);
		if (q->peer == NULL) {
			q->done(q->context, &(struct dns_answer){ .status = DNS_TIMEOUT });
			free(q);
			continue;
		}
		dns->in_flight++;
		q->peer->pending++;
		ares_query(q->peer->channel, q->name, 1, (int)q->type, on_answer, q);
	}
}

/* A name as the wire can carry it: labels of 1 to 63 octets, 253 in all. */
static bool name_ok(const char *name)
{
	struct span rest = span_cstr(name), label;

	if (rest.n == 0 || rest.n > 253 || rest.p[rest.n - 1] == '.')
		return false;
	while (span_next(&rest, '.', &label)) {
		if (label.n == 0 || label.n > 63)
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!ascii_alpha(label.p[i]) && !ascii_digit(label.p[i]) &&
			    label.p[i] != '-' && label.p[i] != '_')
				return false;
	}
	return true;
}

enum err dns_ask(struct dns *dns, const uint8_t *server, const char *name, enum dns_type type,
    dns_done *done, void *context)
{
	size_t n = strlen(name);
	struct question *q;

	if (!name_ok(name))
		return ERR_TOOBIG;
	q = calloc(1, sizeof *q + n + 1);
	if (q == NULL)
		return ERR_NOMEM;
	q->dns = dns;
	q->done = done;
	q->context = context;
	q->type = type;
	q->has_server = server != NULL;
	if (server != NULL)
		memcpy(q->server, server, sizeof q->server);
	memcpy(q->name, name, n + 1);
	*dns->last = q;
	dns->last = &q->next;
	dns->waiting++;
	return ERR_OK;
}

/* What a peer waits for: its sockets into at, the sooner of its time-out and wait_ms. */
static size_t collect(const struct peer *peer, struct pollfd *at, int *wait_ms)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	unsigned bits = (unsigned)ares_getsock(peer->channel, sockets, ARES_GETSOCK_MAXNUM);
	struct timeval time, *timeout = ares_timeout(peer->channel, NULL, &time);
	size_t n = 0;

	for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		/* What the macros of ares.h say, which shift a one into the sign. */
		bool readable = (bits >> i & 1) != 0;
		bool writable = (bits >> (i + ARES_GETSOCK_MAXNUM) & 1) != 0;
		short events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));

		if (events != 0)
			at[n++] = (struct pollfd){ .fd = sockets[i], .events = events };
	}
	if (timeout != NULL && timeout->tv_sec < LONGEST_WAIT_MS / 1000) {
		int ms = (int)(timeout->tv_sec * 1000 + timeout->tv_usec / 1000 + 1);

		*wait_ms = ms < *wait_ms ? ms : *wait_ms;
	}
	return n;
}

/* Peers without a question are not kept: a channel is large. */
static void drop_idle(struct dns *dns)
{
	struct peer **link = &dns->peers;

	while (*link != NULL) {
		struct peer *peer = *link;

		if (peer->is_resolver || peer->pending > 0) {
			link = &peer->next;
			continue;
		}
		*link = peer->next;
		peer_free(&peer);
	}
}

void dns_run(struct dns *dns, int wait_ms)
{
	/* Each peer but the resolver has at least one question on the wire. */
	struct pollfd at[(DNS_IN_FLIGHT_MAX + 1) * ARES_GETSOCK_MAXNUM];
	size_t n = 0, i = 0;

	send_waiting(dns);
	if (dns->in_flight > 0) {
		for (const struct peer *p = dns->peers; p != NULL; p = p->next)
			if (p->pending > 0)
				n += collect(p, at + n, &wait_ms);
		(void)poll(at, n, wait_ms);
		for (i = 0; i < n; i++) {
			/* A socket belongs to one channel; the others ignore it. */
			bool in = (at[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
			bool out = (at[i].revents & (POLLOUT | POLLERR)) != 0;

			for (struct peer *p = dns->peers; p != NULL && (in || out); p = p->next)
				ares_process_fd(p->channel, in ? at[i].fd : ARES_SOCKET_BAD,
				    out ? at[i].fd : ARES_SOCKET_BAD);
		}
		for (struct peer *p = dns->peers; p != NULL; p = p->next)
			ares_process_fd(p->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	}
	drop_idle(dns);
	send_waiting(dns);
}
