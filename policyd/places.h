/* places.h - where mail to a recipient goes, as far as pauses and counts are concerned: the mailbox
 * provider of its domain, or the domain itself where that is of none. Pure. */
#ifndef PLACES_H
#define PLACES_H

#include "domain.h"
#include "providers.h"
#include "span.h"

/* providers NULL: none is known. Empty: not an address. The result is the group's name, or lies in
 * space. */
struct span place_of(
    const struct providers *providers, struct span recipient, char space[DOMAIN_MAX]);

/* The same without what is of no group: empty then. space is place_of's. */
static inline struct span place_group(struct span place, const char *space)
{
	return place.p == space ? SPAN("") : place;
}

#endif
