/* html_view - what a reader sees of HTML, and whether a block of text may come in at a place: not
 * where it would be inside of a table that does not end, of a link, or of what is not shown. Asks
 * less than a browser: what an inline style or the element itself hides counts as hidden, and so
 * does all behind it when it does not end; style sheets are not looked at. Text must be of a
 * charset in which ASCII octets are ASCII. Pure; linear. */
#ifndef HTML_VIEW_H
#define HTML_VIEW_H

#include "base.h"
#include "buf.h"
#include "span.h"

/* Stretches that are hidden; a text with more of them counts as hidden from there on. */
#define HTML_VIEW_HIDDEN_MAX 256

enum html_place {
	HTML_PLACE_FREE,
	HTML_PLACE_TABLE,  /* a table is open */
	HTML_PLACE_LINK,   /* an <a> is open */
	HTML_PLACE_HIDDEN, /* not shown, or not as text */
};

struct html_view {
	enum html_place place; /* of the octet that was asked for */
	struct {
		size_t start, end;
	} hidden[HTML_VIEW_HIDDEN_MAX];
	size_t hidden_count;
};

/* What is seen goes to out: text as written, with its character references; a line end for each
 * tag that parts words. */
void html_view(struct span markup, size_t place, struct html_view *view_r, struct buf *out);

/* Is what begins at this octet of the markup shown? */
bool html_view_shows(const struct html_view *view, size_t at);

/* text of out, in UTF-8 by now, with its character references resolved, appended to resolved. */
void html_view_resolve(struct span text, struct buf *resolved);

#endif
