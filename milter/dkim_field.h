/* dkim_field.h - of a DKIM-Signature field that came with a message: whose it is. Pure. */
#ifndef DKIM_FIELD_H
#define DKIM_FIELD_H

#include "domain.h"
#include "span.h"

/* d= of a field's value (RFC 6376 section 3.5), canonical; false when there is none to be read. */
bool dkim_field_domain(struct span value, char domain[DOMAIN_MAX]);

/* The value of a tag of one letter, without blanks around it; false: it is not there, or twice. */
bool dkim_field_tag(struct span value, char name, struct span *tag_r);
/* How often h= names a field. */
size_t dkim_field_count_name(struct span names, struct span name);

#endif
