/* charset.h - which charsets can be searched for ASCII delimiters octet by octet, and conversion of
 * the others (the only place that knows iconv). Only names of a table ever reach iconv: a name is
 * from outside. Pure; each call opens a converter of its own. */
#ifndef CHARSET_H
#define CHARSET_H

#include "arena.h"
#include "base.h"
#include "err.h"
#include "span.h"

enum charset_kind {
	CHARSET_ASCII, /* US-ASCII, or no name at all */
	CHARSET_UTF8,
	CHARSET_SAFE,    /* no octet of a longer character is one of " & ' < = > */
	CHARSET_CONVERT, /* stateful or wide: ISO-2022-*, HZ, UTF-7, UTF-16, UTF-32 */
	CHARSET_UNKNOWN,
};

/* name: any case, may be empty. */
enum charset_kind charset_kind(struct span name);

/* ERR_SYNTAX: not all of it converts, or converting back gives other octets; ERR_NOTFOUND: name is
 * not known; ERR_NOMEM. The result lies in the arena. UTF-16 and UTF-32 without a byte order in
 * their name take that of the mark at the start of text (big endian without one, RFC 2781). */
enum err charset_decode(
    struct arena *arena, struct span name, struct span text, struct span *utf8_r) CHECKED;

/* The other way; like: octets of the same text before the edit, for the byte order. */
enum err charset_encode(struct arena *arena, struct span name, struct span like,
    struct span utf8, struct span *text_r) CHECKED;

#endif
