/* dns_dmarc.h - DMARC policies (RFC 9989, which readers of RFC 7489 must understand, too): records,
 * where the one of a domain is, what its organisational domain is, and what to do next. Nothing
 * here changes a policy: advice is text. Pure over a book of answers. */
#ifndef DNS_DMARC_H
#define DNS_DMARC_H

#include "base.h"
#include "buf.h"
#include "dns_book.h"
#include "span.h"

#define DMARC_WALK_MAX 8 /* queries of one tree walk (RFC 9989 section 4.10) */

enum dmarc_policy { DMARC_NONE, DMARC_QUARANTINE, DMARC_REJECT };

struct dmarc_record {
	enum dmarc_policy p, sp;
	bool strict_dkim, strict_spf; /* adkim=s, aspf=s */
	bool test;                    /* t=y */
	bool has_pct;                 /* gone in RFC 9989 */
	char psd;                     /* 'y', 'n' or 'u' */
	struct span rua;              /* as written; empty: no reports */
};

/* NULL, or what is wrong with it. text: dns_tags_is(text, "DMARC1"). */
const char *dmarc_read(struct span text, struct dmarc_record *record_r);

struct dmarc_walk {
	bool pending, failed;
	bool found;     /* a good record holds for the domain */
	struct span at; /* the domain whose record holds */
	struct span
	    organisation; /* organisational domain; the domain itself without any record */
	struct dmarc_record record;
};

/* Climbs from the domain (canonical) to its record and its organisational domain. */
void dmarc_find(struct dns_book *book, struct span domain, struct dmarc_walk *walk_r);

/* Would mail with that From be aligned with the other domain? organisation: of each. */
bool dmarc_aligned(struct span from, struct span other, bool strict,
    struct span from_organisation, struct span other_organisation);

/* What the owner should look at next; nothing when there is nothing. */
void dmarc_advise(const struct dmarc_record *record, struct buf *out);

/* The next "mailto:" target of a rua value: its domain. False at the end. */
bool dmarc_next_rua(struct span *rest_io, struct span *domain_r);

#endif
