/* draft.h - the header of a message as it shall leave. A draft is a message whose fields may be
 * changed: everything that reads a message reads a draft, too, and what is repaired is seen by
 * whoever looks next. In the end the differences become edits of the message. Fields of the message
 * keep their place and every octet that is not changed; new ones stand on top. Lives in the
 * message's arena. */
#ifndef DRAFT_H
#define DRAFT_H

#include "base.h"
#include "err.h"
#include "message.h"
#include "span.h"

/* *draft_r shares all but the fields with m, owns nothing and must not be freed. */
enum err draft_open(const struct message *m, struct message *draft_r) CHECKED;

/* A new field above all others. value: as of struct field (field.h), with its blank in front;
 * ERR_SYNTAX when it is not fit to leave. */
enum err draft_add(struct message *draft, const char *name, struct span value) CHECKED;
/* Another value in the place of the old one; the same demands, but 8-bit octets may stay where the
 * old value has some. */
enum err draft_set(struct message *draft, size_t index, struct span value) CHECKED;
void draft_drop(struct message *draft, size_t index);
/* All fields of that name. */
void draft_drop_all(struct message *draft, struct span name);
/* Drops all of that name and adds one. */
enum err draft_replace(struct message *draft, const char *name, struct span value) CHECKED;

/* Is a field of the draft one that was added to it? */
static inline bool draft_is_new(const struct header *h)
{
	return h->nth == 0;
}

/* Lists the edits that turn m into the draft. */
enum err draft_adopt(struct message *m, const struct message *draft) CHECKED;

#endif
