/* phrases - words in several languages, from a file that an admin may edit:
 *
 *   # comment
 *   [de]
 *   ask_title = Abmelden
 *   ask = Keine Nachrichten „{{stream}}“ von {{tenant}} mehr?
 *
 * A section a language (lower case, as in RFC 5646), a line a text, UTF-8. Which texts there are
 * says a table of who uses them. The first language is for readers who want none of them; it has
 * all texts, and lends them to the others. Immutable once read. */
#ifndef PHRASES_H
#define PHRASES_H

#include "base.h"
#include "err.h"
#include "span.h"

#define PHRASES_OCTETS_MAX    (256 * 1024)
#define PHRASES_LANGUAGES_MAX 64

struct phrase_row {
	const char *name;
	const char *const *words; /* NULL-terminated: it is one of these; NULL: any text */
	const char *fallback;     /* when the first language lacks it; NULL: it must not */
};

/* For a row that says which way a language is written: its words, and what follows from none. */
#define PHRASE_DIRECTION(row_name)                                                             \
	{                                                                                      \
		.name = (row_name), .words = phrase_directions, .fallback = "ltr"              \
	}
extern const char *const phrase_directions[];

struct phrases_table {
	const struct phrase_row *rows;
	size_t count;
};

struct phrases {
	char *file_text; /* owned; what most spans point into */
	size_t count;    /* languages, at least 1 */
	size_t width;    /* texts of each */
	struct span tags[PHRASES_LANGUAGES_MAX];
	struct span *at; /* owned; language by language */
};

/* table must outlive the result. error gets "file:line: text" on failure. */
enum err phrases_read(const char *path, const struct phrases_table *table,
    struct phrases **phrases_r, char *error, size_t size) CHECKED;
/* The same from memory; name stands in messages. */
enum err phrases_parse(struct span text, const char *name, const struct phrases_table *table,
    struct phrases **phrases_r, char *error, size_t size) CHECKED;
void phrases_free(struct phrases **p); /* NULL is fine */

/* The texts of a language, by row of the table. */
static inline const struct span *phrases_of(const struct phrases *p, size_t language)
{
	return p->at + language * p->width;
}

/* The language of that tag, else 0. */
size_t phrases_find(const struct phrases *p, struct span tag);

#endif
