/* field.h - the one place where values of header fields are put together. What it makes is ASCII,
 * has no CR, no NUL, no control octets, and LF only where it folds (RFC 5322 section 2.2.3); no
 * line is over MESSAGE_LINE_MAX octets. Whatever is put in: a word with anything else in it spoils
 * the field, it never leaves half. Text is UTF-8 and becomes encoded words (RFC 2047) where it
 * must. Not thread safe; one owner. */
#ifndef FIELD_H
#define FIELD_H

#include "arena.h"
#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

#define FIELD_FOLD_AT 78 /* octets of a line that a fold comes before, if it can */

struct field {
	struct buf value;
	size_t column; /* octets on the line so far, the name included */
	bool open;     /* a blank may stand before the next word */
	bool bad;
};

/* name: of the field, for the length of its first line. */
void field_begin(struct field *f, const char *name);
/* A word, never split: a blank before it, or a fold where the line would get long. */
void field_word(struct field *f, struct span word);
/* The same without the blank: sticks to the word before. */
void field_glue(struct field *f, struct span more);
/* The next word starts a line. */
void field_fold(struct field *f);
/* Text: its words, as they are where they are ASCII and cannot be taken for encoded words, else
 * encoded words with the blanks between them inside. Not UTF-8, or control octets: spoilt. */
void field_text(struct field *f, struct span utf8);
/* The whole text as encoded words, for a display name. */
void field_encoded(struct field *f, struct span utf8);
/* The value, its blank in front, in the arena; ERR_SYNTAX: spoilt. Gives the memory back in all
 * cases; call it once. */
enum err field_end(struct field *f, struct arena *arena, struct span *value_r) CHECKED;

/* May this value leave under that name? with_8bit: octets over 0x7f are none of the caller's. */
bool field_is_fit(struct span name, struct span value, bool with_8bit);
bool field_has_8bit(struct span value);
/* Octets of the longest line, the name and its colon included. */
size_t field_longest_line(struct span name, struct span value);
/* The value with folds at blanks it has, so that lines stay under FIELD_FOLD_AT octets where they
 * can; unfolded it is the same. In the arena; p == NULL: no memory. */
struct span field_refold(struct arena *arena, struct span name, struct span value);

#endif
