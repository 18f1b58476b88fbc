/* forwarded - who is at the other end, where proxies stand between. Pure. */
#ifndef FORWARDED_H
#define FORWARDED_H

#include "base.h"
#include "network.h"
#include "span.h"

#define FORWARDED_HOPS_MAX 16 /* elements looked at */

/* The client's address: that of the peer, or, while that is one of the proxies, the last element of
 * X-Forwarded-For that is not. An element that is no address ends the search: what stands in front
 * of it was not written by somebody we believe. */
void forwarded_client(struct span x_forwarded_for, const struct network *proxies, size_t count,
    const uint8_t peer[16], uint8_t client_r[16]);

/* The address as it may be kept: IPv4 without its last octet, IPv6 without all but 48 bits. */
void forwarded_truncate(const uint8_t address[16], char out[NETWORK_ADDRESS_MAX]);

#endif
