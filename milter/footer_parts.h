/* footer_parts.h - the inside of footer: looking (footer_look.c) and writing (footer_write.c). */
#ifndef FOOTER_PARTS_H
#define FOOTER_PARTS_H

#include "footer.h"

#define FOOTER_OCTETS_MAX 65536u /* of a footer as it is written */

/* The item can be told to readers: FOOTER_BIT of all those of which this is true. */
unsigned footer_known(const struct footer_facts *facts);

/* An http, https or mailto URL that may stand in any text: printable ASCII without blanks and
 * brackets. */
bool footer_is_url(struct span url);
/* "https://..." */
bool footer_is_page(struct span text);

/* What of the items is missing in a part, as its text needs it, appended to out. */
void footer_write_html(const struct footer_facts *facts, unsigned items, struct buf *out);
void footer_write_text(const struct footer_facts *facts, unsigned items, struct buf *out);

/* footer_write_text's lines, parted from the text around them. */
void footer_frame_text(
    const struct rewrite_part *part, size_t place, struct span lines, struct buf *out);

/* A copy in plainer characters: quotation marks, dashes and the like as ASCII writes them. */
void footer_plainer(struct span utf8, struct buf *out);

#endif
