/* texts - the words of our pages in each language, from a file that an admin may edit:
 *
 *   # comment
 *   [de]
 *   ask_title = Abmelden
 *   ask = Keine Nachrichten „{{stream}}“ von {{tenant}} mehr?
 *
 * A section a language (lower case, as in RFC 5646), a line a text, UTF-8. The first language is
 * the one for browsers that want none of them; it has all texts, and lends them to the others.
 * Immutable once read. */
#ifndef TEXTS_H
#define TEXTS_H

#include "base.h"
#include "err.h"
#include "span.h"

#define TEXTS_OCTETS_MAX    (256 * 1024)
#define TEXTS_LANGUAGES_MAX 64

enum text_id {
	TEXT_DIRECTION, /* "ltr" or "rtl" */
	TEXT_ASK_TITLE,
	TEXT_ASK,
	TEXT_ASK_BUTTON,
	TEXT_CHOOSE_LINK,
	TEXT_CHOOSE_TITLE,
	TEXT_CHOOSE,
	TEXT_CHOOSE_BUTTON,
	TEXT_ALL,
	TEXT_ALL_BUTTON,
	TEXT_DONE_TITLE,
	TEXT_DONE,
	TEXT_NOTHING_TITLE,
	TEXT_NOTHING,
	TEXT_GONE_TITLE,
	TEXT_GONE,
	TEXT_LATER_TITLE,
	TEXT_LATER,
	TEXT_BLOCKED_TITLE,
	TEXT_BLOCKED,
	TEXT_COUNT
};

struct texts {
	char *file_text; /* owned; what all spans point into */
	size_t count;    /* languages, at least 1 */
	struct span tags[TEXTS_LANGUAGES_MAX];
	struct span at[TEXTS_LANGUAGES_MAX][TEXT_COUNT];
};

/* error gets "file:line: text" on failure. */
enum err texts_read(const char *path, struct texts **texts_r, char *error, size_t size) CHECKED;
/* The same from memory; name stands in messages. */
enum err texts_parse(struct span text, const char *name, struct texts **texts_r, char *error,
    size_t size) CHECKED;
void texts_free(struct texts **t); /* NULL is fine */

#endif
