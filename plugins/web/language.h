/* language - which of our languages a browser wants (Accept-Language, RFC 9110 section 12.5.4;
 * looked up as in RFC 4647 section 3.4). Pure. */
#ifndef LANGUAGE_H
#define LANGUAGE_H

#include "base.h"
#include "span.h"

#define LANGUAGE_RANGES_MAX 32 /* ranges looked at */

/* Index into tags (lower case) of the best one; 0 when none is wanted. Ranges of the same weight
 * count in their order. "de-AT" finds "de-at", else "de"; "*" finds the first. */
size_t language_choose(struct span accept_language, const struct span *tags, size_t count);

#endif
