/* dns_spf.h - SPF (RFC 7208): records as terms, what a check of them costs, and whether addresses
 * pass. Macros, exists and ptr depend on the single mail: they are counted and match nothing.
 * Pure over a book of answers. */
#ifndef DNS_SPF_H
#define DNS_SPF_H

#include "base.h"
#include "buf.h"
#include "dns_book.h"
#include "network.h"
#include "span.h"

#define SPF_TERMS_MAX     64
#define SPF_LOOKUPS_MAX   10 /* section 4.6.4 */
#define SPF_LOOKUPS_WARN  8
#define SPF_VOIDS_MAX     2   /* section 4.6.4 */
#define SPF_OCTETS_WARN   450 /* section 3.4: the answer fits a UDP packet of 512 octets */
#define SPF_ADDRESSES_MAX 64
#define SPF_MX_MAX        10

enum spf_kind {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
	SPF_REDIRECT,
	SPF_OTHER, /* exp= and modifiers nobody knows */
};

struct spf_term {
	enum spf_kind kind;
	char qualifier;     /* '+', '-', '~', '?' */
	struct span text;   /* as written */
	struct span domain; /* what stands behind ':' or '='; may be empty */
	unsigned bits4, bits6;
	uint8_t address[16]; /* ip4, ip6 */
};

struct spf_record {
	struct spf_term at[SPF_TERMS_MAX];
	size_t count;
};

/* Is it one, good or bad? "v=spf1" alone or with a blank behind it (section 4.5). */
bool spf_is(struct span text);
/* NULL, or what is wrong, in *error_r with the term it is about. */
bool spf_read(
    struct span text, struct spf_record *record_r, const char **error_r, struct span *term_r);

struct spf_sum {
	bool pending; /* answers are missing: ask again when they are in the book */
	bool failed;  /* DNS failed: nothing can be said */
	unsigned lookups, voids;
	bool uses_ptr, uses_macros;
	const char *error; /* why checks end with permerror; NULL: they do not */
	struct span error_at;
	char result[SPF_ADDRESSES_MAX]; /* qualifier of the term that matched; 0: none did */
};

/* Checks all addresses against the record of the domain. More than SPF_ADDRESSES_MAX: the first. */
void spf_check(struct dns_book *book, struct span domain, struct span text,
    const struct network *addresses, size_t count, struct spf_sum *sum_r);

/* One record that says what all of the given say, with the mechanisms of add (may be empty) in
 * front of "all": for merging two records, and for adding ours to one. */
void spf_merge(const struct span *texts, size_t count, struct span add, struct buf *out);

#endif
