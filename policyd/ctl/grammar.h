/* grammar.h - the command line of penguinctl as data: one row a command, its words, slots and
 * options. Parsing, usage, help, "did you mean" and completion all read the same rows. Pure: no
 * output, no state between calls. */
#ifndef GRAMMAR_H
#define GRAMMAR_H

#include "base.h"
#include "buf.h"

struct ctl;
struct grammar_match;

struct grammar_option {
	char letter;      /* 0: long form only */
	const char *name; /* without the dashes */
	/* What the help calls it; NULL: a flag; "[=WORD]": may be left out, and is else given with
	 * "=" (only options without a letter). */
	const char *argument;
	const char *help; /* one line */
};

struct grammar_command {
	/* Words and slots: "quota show [<tenant>]", "suppress add <address>...", "dns check
	 * [<domain>]...". Optional and
	 * repeated slots stand last. */
	const char *words;
	const char *help;                     /* one line */
	const struct grammar_option *options; /* ends with name NULL; NULL: none */
	int (*run)(struct ctl *ctl, const struct grammar_match *match); /* sysexits status */
};

struct grammar {
	const char *program, *summary;
	const struct grammar_option *options;   /* go with every command; name NULL ends */
	const struct grammar_command *commands; /* words NULL ends */
};

#define GRAMMAR_VALUES_MAX 32

struct grammar_value {
	const struct grammar_option *option;
	const char *text; /* NULL for a flag */
};

struct grammar_match {
	const char **words; /* what is not an option: words first, then slots */
	size_t word_count;
	const struct grammar_command *command; /* NULL until grammar_find succeeded */
	const char **slots;                    /* within words */
	size_t slot_count;
	struct grammar_value values[GRAMMAR_VALUES_MAX];
	size_t value_count;
};

/* Separates options from words. words has room for argc pointers and lives as long as the match;
 * strings stay argv's. Options may stand anywhere; "--" ends them; "-" is a word. An option's
 * name has one meaning in the whole grammar, so the command need not be known yet. False: error
 * holds a sentence. */
bool grammar_scan(const struct grammar *g, int argc, char *const argv[], const char **words,
    struct grammar_match *match_r, struct buf *error) CHECKED;

/* Finds the command that the words name and checks slots and options against its row. False:
 * error holds one line or more, with a suggestion where one is near. */
bool grammar_find(
    const struct grammar *g, struct grammar_match *match, struct buf *error) CHECKED;

/* The last value given for an option, or NULL. For flags use grammar_has. */
const char *grammar_value(const struct grammar_match *match, const char *option);
bool grammar_has(const struct grammar_match *match, const char *option);
/* Slot by position, NULL when it was left out. */
const char *grammar_slot(const struct grammar_match *match, size_t index);

/* Help for the commands that start with the given words (all when none): one gives its options
 * too. False when no command starts so. */
bool grammar_help(
    const struct grammar *g, const char *const *words, size_t word_count, struct buf *out);

/* A completion script for bash. */
void grammar_completion(const struct grammar *g, struct buf *out);

/* Edits (insert, delete, replace, swap of neighbours) between two words, each at most 32 octets
 * long; UINT_MAX when longer. */
unsigned grammar_distance(const char *a, const char *b);

#endif
