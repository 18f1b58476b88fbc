/* returned_inside.h - what the two halves of returned ask of each other. Included by
 * common/returned*.c only.
 *
 *   returned.c      what a report says
 *   returned_mime.c where in a message it stands */
#ifndef RETURNED_INSIDE_H
#define RETURNED_INSIDE_H

#include "returned.h"

/* The line at the start, without its end; text moves behind it. False at the end. */
bool returned_line(struct span *text_io, struct span *line_r);

/* The next field of a header block (or of a group of fields), its value unfolded, into the arena,
 * at most RETURNED_FIELD_MAX octets. Lines that are none are passed over. False at an empty line,
 * which text moves behind, or at the end. */
bool returned_field(
    struct arena *arena, struct span *text_io, struct span *name_r, struct span *value_r);

/* A leaf of the message: type is "text/plain" and the like, lower case; empty where none is said.
 * header and body: as they stand, but for a transfer encoding, which is undone. */
struct returned_part {
	struct span type, header, body;
	bool report; /* it is inside of a multipart/report */
};
typedef bool returned_visit(void *context, const struct returned_part *part);

/* Calls visit for each leaf in order; false ends it. ERR_NOMEM. */
enum err returned_walk(
    struct span message, struct arena *arena, returned_visit *visit, void *context) CHECKED;

#endif
