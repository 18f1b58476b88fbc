/* listen.h - connections: accept, read one request at a time, hold the reply until it is due,
 * deadlines, bounds. Knows the framing (attr.h), not the meaning. One thread. */
#ifndef LISTEN_H
#define LISTEN_H

#include "attr.h"
#include "err.h"
#include "loop.h"
#include "net.h"
#include "ticket.h"

/* What the listener's user does with connections. session is what open returned. */
struct listen_handler {
	const struct attr_limits *limits;
	bool wants_peer; /* unix: refuse a peer without credentials */
	void *(*open)(void *context, uid_t peer_uid); /* NULL: refuse the connection */
	/* Answers through ticket now or later; one request of a connection at a time. The request's
	 * spans last for this call: what a later answer needs is copied. */
	void (*request)(void *context, void *session, const struct attr_request *request,
	    struct ticket *ticket);
	void (*close)(void *context, void *session); /* after the last ticket was answered */
	void *context;
};

struct listen_limits {
	size_t connections;         /* all listeners together */
	int64_t request_timeout_ns; /* from the first octet of a request to its last */
	int64_t idle_timeout_ns;
};

struct listeners;

struct listeners *listeners_new(struct loop *loop, const struct listen_limits *limits);
/* Takes fd. handler must stay. name is for the log. */
enum err listeners_add(struct listeners *l, int fd, const char *name,
    const struct listen_handler *handler) CHECKED;
size_t listeners_connections(const struct listeners *l);
void listeners_set_limits(struct listeners *l, const struct listen_limits *limits);
/* Once a second: deadlines. */
void listeners_tick(struct listeners *l, int64_t mono_ns);
/* Stops accepting; connections without a request under way close. True when none is left. */
bool listeners_drain(struct listeners *l);
void listeners_free(struct listeners **l);

#endif
