/* domain.h - domain names as Postfix and DNS compare them: A-labels, lower case, no trailing dot.
 * Pure functions, thread safe. idn2.h is included only in domain.c. */
#ifndef DOMAIN_H
#define DOMAIN_H

#include "base.h"
#include "err.h"
#include "span.h"

#define DOMAIN_MAX 254 /* octets with NUL; RFC 1035 section 2.3.4 allows 253 visible */

/* Writes the canonical form of a host name into out[DOMAIN_MAX]: U-labels become A-labels
 * (IDNA2008 with UTS 46 mapping, RFC 5891), ASCII letters become lower case, one trailing dot
 * goes. Labels must be LDH (RFC 1123 section 2.1; '_' is not allowed), 1-63 octets. Address
 * literals ("[192.0.2.1]") and names of one label are ERR_SYNTAX. */
enum err domain_canonical(struct span name, char out[DOMAIN_MAX]) CHECKED;

/* name equals parent, or ends in "." parent. Both canonical. */
bool domain_is_within(struct span name, struct span parent);

/* A DKIM selector: one or more LDH-or-underscore labels joined by dots, at most 63 octets a label
 * (RFC 6376 section 3.1). */
bool domain_selector_ok(struct span selector);

#endif
