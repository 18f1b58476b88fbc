/* dns_ours.h - what we are to the DNS of our customers: the host, the addresses mail leaves from,
 * what links lead to. */
#ifndef DNS_OURS_H
#define DNS_OURS_H

#include "base.h"
#include "network.h"

struct dns_ours {
	const char *host;        /* canonical: our MX and HELO name; never NULL */
	const char *spf;         /* mechanisms of SPF records, as "include:_spf.example.net" */
	bool spf_is_given;       /* of the configuration; else made of addresses or host */
	const char *target;      /* what tracking hosts are an alias of; "" : not known */
	const char *reports;     /* mail address of DMARC reports; "" : none */
	const char *tls_reports; /* mail address of TLS reports; "" : none */
	const char *const
	    *issuers; /* NULL-terminated; CAs that tracking hosts need; may be NULL */
	const struct network *addresses; /* whole addresses */
	size_t address_count;
};

#endif
