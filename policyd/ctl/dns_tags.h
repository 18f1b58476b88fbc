/* dns_tags.h - "v=DKIM1; k=rsa; p=..." as names and values (RFC 6376 section 3.2): the form of
 * DKIM keys, DMARC policies, MTA-STS and TLS-RPT records. Pure; spans point into the text. */
#ifndef DNS_TAGS_H
#define DNS_TAGS_H

#include "base.h"
#include "span.h"

#define DNS_TAGS_MAX 32

struct dns_tags {
	struct {
		struct span name, value; /* without blanks around */
	} at[DNS_TAGS_MAX];
	size_t count;
};

/* NULL, or the sentence for what is wrong: a piece without "=", a tag twice, too many. Names
 * compare with regard to case, as RFC 6376 wants. */
const char *dns_tags_read(struct span text, struct dns_tags *tags_r);

/* False: no such tag; *value_r is empty then. */
bool dns_tags_get(const struct dns_tags *tags, const char *name, struct span *value_r);

/* Is the first tag v with that value? What else is in a TXT record is not ours to judge. */
bool dns_tags_is(struct span text, const char *version);

#endif
