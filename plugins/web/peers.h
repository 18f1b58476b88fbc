/* peers - the connections that are open: how many from one address, and on which no request was
 * completed for too long. libmicrohttpd ends only those that are silent; a peer that sends an octet
 * now and then would stay for ever. Thread safe. */
#ifndef PEERS_H
#define PEERS_H

#include "base.h"
#include "network.h"

struct peer; /* one connection */
struct peers;

/* NULL when out of memory. most: from one address; exempt ones are not counted. */
struct peers *peers_new(uint64_t most, uint64_t seed);
void peers_free(struct peers **p); /* NULL is fine; no connection may be left */

/* May one more come from there? */
bool peers_may(struct peers *p, const uint8_t address[16], bool exempt);

/* One is open. NULL when out of memory: then it is not watched. */
struct peer *peers_opened(
    struct peers *p, int fd, const uint8_t address[16], bool exempt, int64_t now_ns);
/* A request begins to be answered elsewhere: the peer is not waited for. */
void peers_busy(struct peers *p, struct peer *peer);
/* A request was completed: the peer has time for another. */
void peers_completed(struct peers *p, struct peer *peer, int64_t now_ns);
/* Before its descriptor is closed. */
void peers_closed(struct peers *p, struct peer *peer);

/* Shuts those down that were waited for since before; how many. */
unsigned peers_cut(struct peers *p, int64_t before_ns);

uint64_t peers_count(struct peers *p);

#endif
