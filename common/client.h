/* client.h - our end of a control connection (control_wire.h): requests out, replies in, in
 * order. One owner. */
#ifndef CLIENT_H
#define CLIENT_H

#include "attr.h"
#include "base.h"
#include "buf.h"
#include "err.h"
#include "net.h"

struct client;

/* error gets a sentence. ERR_DENIED when we may not connect. */
enum err client_open(const struct net_address *address, struct client **client_r, char *error,
    size_t size) CHECKED;
void client_close(struct client **c);

/* Empties request and writes the attributes that every request starts with. */
void client_begin(struct buf *request, const char *verb);

/* Ends the request and sends it. */
enum err client_send(struct client *c, struct buf *request) CHECKED;

/* Called about five times a second while we wait. */
struct client_tick {
	void (*call)(void *context);
	void *context;
};

/* The next reply; its spans are valid until the next call. ERR_TIMEOUT, ERR_CLOSED, ERR_SYNTAX
 * (bytes that are no reply) end the connection's use. tick may be NULL. */
enum err client_receive(struct client *c, int64_t timeout_s, const struct client_tick *tick,
    struct attr_request *reply_r) CHECKED;

#endif
