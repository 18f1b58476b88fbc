/* http - HTTP by libmicrohttpd: one thread, epoll. Converts requests and answers, and keeps peers
 * within bounds; what is answered is site's. microhttpd.h has its home in http.c. */
#ifndef HTTP_H
#define HTTP_H

#include "asks.h"
#include "err.h"
#include "peers.h"
#include "site.h"

struct http_limits {
	uint64_t connections;
	int64_t request_timeout_s;
};

struct http;

/* Serves on a listening socket, which it takes over in every case. */
enum err http_start(struct site *site, struct asks *asks, struct peers *peers,
    const struct http_limits *limits, int listen_fd, struct http **http_r) CHECKED;

/* Takes no more connections, and waits until no request is under way, at most so long. */
void http_drain(struct http *s, int64_t timeout_s);
/* After asks_stop. */
void http_stop(struct http **s); /* NULL is fine */

#endif
