/* template - text with {{names}} in it, to HTML. Whatever is put in is escaped; there is no way
 * around it. No logic. Pure. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include "base.h"
#include "buf.h"
#include "span.h"

struct template_value {
	const char *name;
	struct span text;
	bool nested; /* text has {{names}} of its own, of values that are not nested */
};

/* The five characters that could end text or an attribute in quotes; control characters but
 * newline and tab become U+FFFD. */
void template_escape(struct buf *out, struct span text);

/* Appends markup with its names replaced. A name that no value has stays away. */
void template_put(
    struct buf *out, struct span markup, const struct template_value *values, size_t count);

#endif
