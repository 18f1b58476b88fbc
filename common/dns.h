/* dns.h - questions to DNS servers, many at once. One resolver for all of the project; c-ares has
 * its home in dns.c. No search list, no hosts file, no cache: what is asked goes out.
 *
 * A question goes to the resolver (of resolv.conf, or one that is given), or straight to one
 * server, as to the authoritative ones of a zone: then without asking it to recurse. Over UDP with
 * EDNS, over TCP where the answer is cut. One owner, one thread; callbacks come out of dns_run. */
#ifndef DNS_H
#define DNS_H

#include "base.h"
#include "dns_message.h"
#include "err.h"

#define DNS_ANSWER_OCTETS_MAX ((size_t)1 << 20) /* of memory for the records of one answer */
#define DNS_IN_FLIGHT_MAX     64                /* questions on the wire; more wait */

struct dns;

struct dns_options {
	/* "ADDRESS", "ADDRESS:PORT", "[IPV6]:PORT"; NULL: the servers of resolv.conf. */
	const char *server;
	uint16_t authority_port; /* of servers that are asked directly; 0: 53 */
	int timeout_ms;          /* of one try; 0: 2000 */
	int tries;               /* 0: 2 */
};

/* error gets a sentence. ERR_SYNTAX: server is no address. */
enum err dns_open(
    const struct dns_options *options, struct dns **dns_r, char *error, size_t size) CHECKED;
/* Questions without an answer are dropped: their callbacks are not called. NULL is fine. */
void dns_close(struct dns **dns);

/* The answer and all it points to are valid during the call. */
typedef void dns_done(void *context, const struct dns_answer *answer);

/* Asks; done is called from dns_run, once, whatever happens. server: an address to ask directly,
 * or NULL: the resolver. ERR_TOOBIG: no name (RFC 1035 section 2.3.4); ERR_NOMEM. */
enum err dns_ask(struct dns *dns, const uint8_t *server, const char *name, enum dns_type type,
    dns_done *done, void *context) CHECKED;

size_t dns_pending(const struct dns *dns);

/* Waits at most wait_ms for answers and calls back for those that came. */
void dns_run(struct dns *dns, int wait_ms);

#endif
