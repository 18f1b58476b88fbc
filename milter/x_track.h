/* x_track.h - what the sending application asks for in a header field: "X-Track: open=0;
 * click=agg". It can only ask for less than its stream does. Pure. */
#ifndef X_TRACK_H
#define X_TRACK_H

#include "base.h"
#include "settings.h"
#include "span.h"

#define X_TRACK_HEADER "X-Track"

struct x_track {
	enum tracking clicks, opens;
};

/* Lowers *io to what one field's value asks for: "click" and "open" with off or 0,
 * agg (aggregate), ind (individual) or 1. False, and both off, for anything else: what cannot be
 * read may have been a wish for less. */
bool x_track_lower(struct span value, struct x_track *io);

#endif
