/* html.h - finds links in HTML: a tokenizer after the WHATWG standard (section 13.2.5) as far as it
 * takes to know what is a tag and what is an attribute's value. Reports octet ranges, changes
 * nothing, keeps no tree. What lies in comments (conditional ones too), in raw text (script, style,
 * textarea, title, xmp, iframe, noembed, noframes, noscript, plaintext), in template, svg and math
 * is not reported; where browsers may disagree about what follows, nothing more is reported. Text
 * must be of a charset in which ASCII octets are ASCII (charset.h). Pure; linear. */
#ifndef HTML_H
#define HTML_H

#include "arena.h"
#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

struct html_attr {
	size_t start; /* with the blanks and slashes before it */
	size_t name, name_end;
	size_t value, value_end; /* without quotes; equal when there is none */
	size_t end;              /* after the closing quote */
	char quote;              /* '"', '\'', or 0 */
};

struct html_link {
	size_t tag, tag_end;     /* '<' to after '>' of <a> or <area> */
	size_t value, value_end; /* of its first href, without quotes */
	size_t text, text_end;   /* markup between <a> and its end; equal for <area> */
	char quote;              /* '"', '\'', or 0 */
	bool area;
};

struct html_limits {
	size_t links_max;
	size_t attributes_max; /* of one tag */
};

struct html_links {
	struct html_link *at; /* in the arena, in the order of the text */
	size_t count;
	/* Where something to be shown last is inserted: before the last </body>, else before the
	 * last </html>, else at the end. Not usable when the text ends inside a tag, a comment, raw
	 * text, ... */
	size_t body_end;
	bool body_end_usable;
	bool stopped; /* what follows somewhere is doubtful: links there are not listed */
};

/* Links with a href, whatever its scheme. ERR_TOOBIG: over links_max; ERR_RANGE: a tag with more
 * attributes than attributes_max; ERR_NOMEM. */
enum err html_scan(struct arena *arena, struct span text, const struct html_limits *limits,
    struct html_links *links_r) CHECKED;

/* The next attribute of a tag that starts at tag.p[0] == '<'; *at_io is 0 at first. Offsets are
 * within tag. False at its end. */
bool html_next_attr(struct span tag, size_t *at_io, struct html_attr *attr_r);

/* A character reference at s.p[0] == '&' (section 13.2.5.72 on). Appends what it stands for to
 * out as UTF-8; gives the octets it takes, 0 when it is none (an '&' as text). *doubt_r is set for
 * a name with a semicolon that is not in our table (all of HTML 4 and all that give ASCII). */
size_t html_reference(struct span s, bool in_attribute, struct buf *out, bool *doubt_r);

/* The URL that a browser sees in a raw attribute value: character references resolved, blanks
 * around it cut, TAB, CR and LF inside removed. False: over out's cap, or doubtful. */
bool html_url(struct span raw, struct buf *out);

/* Appends url, escaped so that it may stand in an attribute value of any quoting. */
void html_escape_url(struct span url, struct buf *out);

/* The text that a reader sees of some markup: tags and comments cut out, references resolved, runs
 * of blanks one blank, none at the ends. */
void html_plain_text(struct span markup, struct buf *out);

#endif
