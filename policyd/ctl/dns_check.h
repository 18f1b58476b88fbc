/* dns_check.h - from what should be in DNS and what is there to a state: the table of kinds, the
 * views of the resolver and of each server, points. Pure over the book. */
#ifndef DNS_CHECK_H
#define DNS_CHECK_H

#include "base.h"
#include "dns_record.h"

const char *record_name_text(enum record_name kind);

/* Judges what the resolver and every server of the zone say. v: initialised; pending: run it again
 * when the book has its answers. */
void dns_check(struct dns_book *book, const struct expected *e, struct verdict *v);

/* What it is worth: of_r is 0 when it does not count (unknown, or optional and missing). */
void dns_points(
    const struct expected *e, const struct verdict *v, unsigned *points_r, unsigned *of_r);

/* How bad it is for the exit status. */
enum dns_trouble {
	DNS_TROUBLE_NONE,
	DNS_TROUBLE_UNKNOWN,
	DNS_TROUBLE_WARNING,
	DNS_TROUBLE_ERROR
};
enum dns_trouble dns_trouble(const struct expected *e, const struct verdict *v);

#endif
