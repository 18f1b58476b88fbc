/* dns_message.h - an answer of a DNS server (RFC 1035 section 4.1) as records. Only the answer
 * section is read, and of it only what belongs to the question: the chain of aliases from the
 * name asked for, and records of the type asked for at its end. Pure, thread safe. */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include "arena.h"
#include "base.h"
#include "err.h"
#include "span.h"

/* The numbers of RFC 1035, 3596 and 8659. */
enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_CAA = 257,
};

/* What came of a question. */
enum dns_status {
	DNS_FOUND,    /* at least one record of the type */
	DNS_NO_DATA,  /* the name is there (or an alias is), without such a record */
	DNS_NO_NAME,  /* NXDOMAIN; with an alias: its target is not there */
	DNS_SERVFAIL, /* the server has trouble, as when a zone did not load */
	DNS_REFUSED,  /* the server does not answer such questions, as when it is lame */
	DNS_BROKEN,   /* no DNS message, or another error code */
	DNS_TIMEOUT,  /* no answer, whatever the reason */
	DNS_STATUS_COUNT
};

#define DNS_RECORDS_MAX 256 /* of one answer; more is DNS_BROKEN */
#define DNS_ALIASES_MAX 16
#define DNS_NAME_MAX    1024 /* octets of a name with all its escapes, with NUL */

struct dns_record {
	enum dns_type type;
	uint32_t ttl_s;
	struct span owner; /* lower case, no trailing dot; "" is the root */
	/* CNAME, NS, PTR, MX: a name in that form; SOA: that of the primary; TXT: its strings
	 * joined without anything between them (RFC 7208 section 3.3); CAA: the value. Octets of
	 * a name that are no letter, digit, '-' or '_' are written \DDD. */
	struct span text;
	struct span tag;     /* CAA, lower case */
	uint16_t number;     /* MX: preference; CAA: flags */
	uint8_t address[16]; /* A, AAAA: network.h's form */
};

struct dns_answer {
	enum dns_status status;
	bool authoritative; /* the server says that the zone is its own */
	uint32_t ttl_s;     /* the least of all records; 0 without any */
	/* Aliases in their order, then the records of the type; all text lives in the arena. */
	const struct dns_record *records;
	size_t aliases, count; /* count: without the aliases, which stand in front */
};

/* Reads a whole message of at most 65,535 octets. name: as asked for, without trailing dot; case
 * does not matter. Never fails: what is no answer is DNS_BROKEN; ERR_NOMEM is the arena's cap. */
enum err dns_message_read(struct span message, const char *name, enum dns_type type,
    struct arena *arena, struct dns_answer *answer_r) CHECKED;

/* "no such name" and the like; never NULL. */
const char *dns_status_text(enum dns_status status);
const char *dns_type_text(enum dns_type type);

/* The records of the type asked for. */
static inline const struct dns_record *dns_answer_at(const struct dns_answer *a, size_t i)
{
	return &a->records[a->aliases + i];
}

#endif
