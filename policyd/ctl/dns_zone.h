/* dns_zone.h - the zone that a name lies in, and the servers that have it. Pure over a book. */
#ifndef DNS_ZONE_H
#define DNS_ZONE_H

#include "base.h"
#include "dns_book.h"
#include "span.h"

#define DNS_ZONE_SERVERS_MAX 16 /* servers that are asked; more are not */

struct dns_server {
	struct span name;
	bool has_address;
	uint8_t address[16]; /* the first one, IPv4 where there is one */
};

struct dns_zone {
	bool pending; /* answers are missing */
	bool failed;  /* DNS failed; status says how */
	enum dns_status status;
	struct span name; /* of the zone; empty: none below the top-level domain */
	struct dns_server at[DNS_ZONE_SERVERS_MAX];
	size_t count;
};

void dns_zone_find(struct dns_book *book, struct span name, struct dns_zone *zone_r);

#endif
