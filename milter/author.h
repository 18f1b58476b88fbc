/* author.h - may this tenant send under these names? From, Sender, Resent-From, Resent-Sender and
 * Reply-To of one message against who owns which domain. Pure: (snapshot, tenant, stream, header
 * fields) -> answer; thread safe. */
#ifndef AUTHOR_H
#define AUTHOR_H

#include "base.h"
#include "domain.h"
#include "message.h"
#include "settings.h"

enum author_fault {
	AUTHOR_FINE,
	AUTHOR_FROM_MISSING,
	AUTHOR_FROM_TWICE,
	AUTHOR_FROM_SYNTAX,
	AUTHOR_FROM_SEVERAL, /* not exactly one mailbox, or a group: large receivers refuse it */
	AUTHOR_FROM_FOREIGN,
	AUTHOR_FROM_STREAM, /* the tenant's, but not for this stream */
	AUTHOR_SENDER_SYNTAX,
	AUTHOR_SENDER_FOREIGN,
	AUTHOR_RESENT_SYNTAX,
	AUTHOR_RESENT_FOREIGN,
	AUTHOR_REPLY_TO_SYNTAX,
	AUTHOR_REPLY_TO_FOREIGN,
	AUTHOR_FAULTS
};

struct author {
	enum author_fault fault;
	char from[DOMAIN_MAX];    /* canonical domain of From; "" when not known */
	char foreign[DOMAIN_MAX]; /* the domain that was refused, or that Reply-To names while
				     the tenant only wants to be warned; else "" */
};

/* tenant: an index of the snapshot; stream: one of its streams. The closest owner of a domain
 * counts: with a.example (subdomains = true) one tenant's and b.a.example another's, b.a.example is
 * not the first one's. */
void author_check(const struct snapshot *s, size_t tenant, const struct stream *stream,
    const struct message *m, struct author *author_r);

/* The canonical domain of the only mailbox of the only From field; false when there is no such
 * thing. */
bool author_from_domain(const struct message *m, char domain[DOMAIN_MAX]);

#endif
