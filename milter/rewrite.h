/* rewrite.h - links in a message: finds them all, lets the caller decide on each, and makes the new
 * body. Every octet outside of an edit is that of the original. Knows no tenants and no tokens.
 *
 *	rewrite_scan      parts, their text, their links
 *	rewrite_replace, rewrite_remove_attr, rewrite_insert, rewrite_relabel
 *	                  what shall be changed
 *	rewrite_apply     the new body, when anything is to be changed
 *
 * Each part stands for itself: one that is over a bound, or that does not decode and encode to the
 * same octets, stays as it is and says why (skip). Not thread safe: one owner. */
#ifndef REWRITE_H
#define REWRITE_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "html.h"
#include "message.h"
#include "mime.h"
#include "span.h"

struct rewrite_limits {
	size_t part_max;       /* octets of a text part, encoded and decoded */
	size_t links_max;      /* in a message */
	size_t url_max;        /* octets of one URL; a longer one is not listed */
	size_t attributes_max; /* of one tag */
	size_t octets_max;     /* of text looked at in a message; stands for CPU time */
	size_t
	    memory_max;  /* octets beside the message and the new body; 0: 2 x body + 32 MiB */
	size_t line_max; /* octets of a line that an edit may make, without CRLF */
};

#define REWRITE_LIMITS_DEFAULT                                                                 \
	{                                                                                      \
		.part_max = 10u << 20, .links_max = 5000, .url_max = 8192,                     \
		.attributes_max = 256, .octets_max = 256u << 20, .line_max = 990               \
	}

struct rewrite_options {
	struct rewrite_limits limits;
	bool html; /* look for links in text/html */
	bool text; /* and in text/plain */
	/* A 7bit or 8bit part whose line would be too long, that would hold 8-bit octets under
	 * another name, a NUL or a bare CR or LF, or end early at a line like a delimiter, becomes
	 * quoted-printable; else it is left alone (MIME_LONG_LINE). */
	bool convert;
};

enum rewrite_kind { REWRITE_HTML, REWRITE_TEXT };

struct rewrite_link {
	enum rewrite_kind kind;
	unsigned part; /* index into parts */
	struct span
	    url; /* as a reader sees it: UTF-8, any scheme, any octets but NUL CR LF TAB */
	struct span tag;    /* HTML: the whole tag as written, for html_next_attr; else empty */
	struct span anchor; /* HTML: the markup between <a> and </a>; empty for <area>, text */
	size_t start, end;  /* what a replacement replaces: octets of the part's text */
	bool replaced;
};

struct rewrite_part {
	struct mime_part mime; /* skip there: why it has no text and no links */
	enum rewrite_kind kind;
	struct span
	    text; /* decoded; UTF-8 for charsets that are converted; else in its charset */
	size_t link_first, link_count;
	size_t body_end;      /* where rewrite_insert puts what is to be shown last */
	bool body_end_usable; /* not inside an unclosed tag, comment, ... */
	bool
	    stopped; /* HTML: not all can be told for sure; links behind a place are not listed */
	bool edited;
};

struct rewrite {
	struct rewrite_part *parts; /* all parts of the message, the root first */
	size_t part_count;
	struct rewrite_link *links; /* of all parts, in their order */
	size_t link_count;
	/* Links with a href that are not listed: URL over url_max, a character reference or octets
	 * that browsers may read in two ways. */
	size_t links_left_out;
	/* Parts that are text/html or text/plain, or hide them, by reason. */
	unsigned skipped[MIME_SKIP_COUNT];
	struct rewrite_state *state;
};

/* body: as it arrived, CRLF line ends; headers and body must outlive the result. ERR_NOMEM only;
 * *r is owned by the caller. */
enum err rewrite_scan(const struct header *headers, size_t header_count, struct span body,
    const struct rewrite_options *options, struct rewrite **r) CHECKED;
void rewrite_free(struct rewrite **r); /* NULL is fine */

/* url replaces that of the link; ASCII, printable, no blanks: ERR_SYNTAX otherwise. It is escaped
 * as its place needs it. ERR_EXISTS: replaced already. Copied. */
enum err rewrite_replace(struct rewrite *r, size_t link, struct span url) CHECKED;

/* An attribute (of html_next_attr over the link's tag) goes, with the blanks before it. */
enum err rewrite_remove_attr(
    struct rewrite *r, size_t link, const struct html_attr *attr) CHECKED;

/* UTF-8 (CRLF line ends) comes in at an octet of the part's text: body_end, or any place between
 * tokens that the caller knows. In HTML all that is not ASCII becomes character references; plain
 * text is converted to the part's charset. ERR_ORDER: the part is not editable. ERR_SYNTAX: not
 * UTF-8, bare CR or LF. ERR_NOTFOUND: the charset lacks a character. ERR_RANGE: no such place.
 * Copied. */
enum err rewrite_insert(
    struct rewrite *r, size_t part, size_t offset, struct span utf8) CHECKED;

/* Plain text whose charset lacks a character of what shall come in is called UTF-8 from now on, in
 * its header. Only where that is true of every octet as it stands: where all are ASCII and mean
 * that in the charset they were given. ERR_RANGE: they do not, or the header does not tell the
 * charset in one piece. ERR_ORDER: the part is not editable, or has edits that are not ASCII. */
enum err rewrite_relabel(struct rewrite *r, size_t part) CHECKED;

struct rewrite_outcome {
	bool changed; /* false: nothing was to be done, out is empty */
	/* The root became quoted-printable: the caller sets the message's
	 * Content-Transfer-Encoding. */
	bool root_quoted;
	/* The root became UTF-8: the caller makes this the value of the message's Content-Type;
	 * lives as long as the rewrite; else empty. */
	struct span root_type;
	unsigned parts_edited,
	    parts_failed; /* failed: left as they were; their skip says why */
	size_t links_replaced;
};

/* The new body, appended to out. A part that cannot be edited within the bounds is left as it is.
 * ERR_TOOBIG: over out's cap (out is not usable then); ERR_NOMEM; ERR_RANGE: edits overlap. Once
 * only. */
enum err rewrite_apply(
    struct rewrite *r, struct buf *out, struct rewrite_outcome *outcome_r) CHECKED;

#endif
