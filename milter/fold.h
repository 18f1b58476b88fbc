/* fold - text in the form in which phrases are looked for in it: words in lower case, one blank in
 * front of each and behind the last; what is no letter and no digit only parts words. So "Acme
 * GmbH,\r\nHauptstr. 1" and "ACME GmbH | Hauptstr. 1" are alike. Letters of the Latin, Greek and
 * Cyrillic alphabets have case; accents count, as composed characters. Pure. */
#ifndef FOLD_H
#define FOLD_H

#include "base.h"
#include "buf.h"
#include "span.h"

/* utf8: octets that are none part words. Appended to out, which is empty before: at most 2 octets
 * more than utf8 has, and nothing at all when there is no word. */
void fold(struct span utf8, struct buf *out);

/* Do the words of phrase stand in text, one after the other? Both folded; an empty phrase does
 * not. */
bool fold_has(struct span text, struct span phrase);

#endif
