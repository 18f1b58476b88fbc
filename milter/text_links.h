/* text_links.h - finds URLs in plain text: http:// or https:// that does not follow a letter or
 * digit, a host with a dot, up to a blank, a control octet or one of < > ", without the punctuation
 * behind; all between < and > (RFC 3986 appendix C), also over line ends. Quoted lines and what
 * follows a signature line ("-- ") are left alone. In format=flowed text with DelSp=yes (RFC 3676)
 * a URL goes on behind a line that ends in a blank. Text must be of a charset in which ASCII octets
 * are ASCII; a URL with other octets is not listed. Pure; linear. */
#ifndef TEXT_LINKS_H
#define TEXT_LINKS_H

#include "arena.h"
#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

struct text_link {
	size_t start, end; /* octets of the text, line ends of a joined URL included */
};

struct text_links {
	struct text_link *at; /* in the arena, in the order of the text */
	size_t count;
	size_t
	    append; /* where a text to be shown last goes: before a signature, else the end */
};

/* ERR_TOOBIG: more than links_max; ERR_NOMEM. */
enum err text_links_find(struct arena *arena, struct span text, bool flowed, bool delsp,
    size_t links_max, struct text_links *links_r) CHECKED;

/* Appends the URL of a range: all blanks, line ends among them, removed. */
void text_links_url(struct span range, struct buf *out);

#endif
