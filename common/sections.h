/* sections.h - data files of ours: sections "[id]", then "key = value" lines; "#" begins a comment
 * line. What ids and keys mean is the caller's. Pure but for sections_file. */
#ifndef SECTIONS_H
#define SECTIONS_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

#define SECTION_ID_MAX 64u

struct sections {
	const char *file; /* for messages */
	unsigned line;    /* that is read */
	char *error;      /* gets "file:line: text" */
	size_t size;
	void *context; /* the caller's */
	bool begun;    /* in a section; sections_read's */
};

struct section_key {
	struct span key;
	enum err (*set)(struct sections *s, struct span value); /* value is never empty */
};

struct section_form {
	enum err (*begin)(struct sections *s, struct span id);
	enum err (*end)(struct sections *s); /* the section has all it will have */
	const struct section_key *keys;
	size_t key_count;
};

/* ERR_SYNTAX for what has no form, and whatever the form's functions say. */
enum err sections_read(
    struct sections *s, const struct section_form *form, struct span text) CHECKED;

/* Letters, digits, '_' and '-', at least one and fewer than most octets. */
bool section_word_ok(struct span word, size_t most);

/* Writes "file:line: what "value"" and gives e back. */
enum err sections_fail(const struct sections *s, unsigned line, enum err e, const char *what,
    struct span value) CHECKED;

/* A whole file of at most text's cap. A sentence in error on failure. */
enum err sections_file(const char *path, struct buf *text, char *error, size_t size) CHECKED;

#endif
