/* network - IP addresses and networks in one form: 16 octets, IPv4 as ::ffff:a.b.c.d. Pure, thread
 * safe. */
#ifndef NETWORK_H
#define NETWORK_H

#include "base.h"
#include "span.h"

#define NETWORK_ADDRESS_MAX 46 /* octets of an address as text, with NUL */

struct network {
	uint8_t bytes[16];
	uint8_t bits; /* 0..128 in that form */
};

/* "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; nothing else, no blanks, no port. */
bool network_parse_address(struct span text, uint8_t bytes_r[16]);

/* The shortest form of it (RFC 5952), IPv4 with dots. */
void network_print_address(const uint8_t bytes[16], char out[NETWORK_ADDRESS_MAX]);

bool network_is_v4(const uint8_t bytes[16]);

/* Is the address in one of the networks? */
bool network_holds(const struct network *at, size_t count, const uint8_t bytes[16]);

#endif
