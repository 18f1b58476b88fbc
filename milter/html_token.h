/* html_token.h - the tokens of HTML text, one at a time: tags and comments as octet ranges; what
 * lies between two of them is text. For html.c. Allocates nothing. Pure. */
#ifndef HTML_TOKEN_H
#define HTML_TOKEN_H

#include "base.h"
#include "html.h"
#include "span.h"

enum html_token_kind {
	HTML_END,     /* of the text */
	HTML_OPEN,    /* the text ends inside this tag or comment */
	HTML_START,   /* <name ...> */
	HTML_CLOSE,   /* </name ...> */
	HTML_COMMENT, /* also <!doctype>, <?...>, </ >, CDATA in foreign content */
};

/* Elements that matter to a tokenizer or to who looks for links. */
enum html_element {
	HTML_OTHER,
	HTML_A,
	HTML_AREA,
	HTML_BODY,
	HTML_HTML,
	HTML_SELECT,
	HTML_TEMPLATE,
	HTML_FRAMESET,
	HTML_SVG,
	HTML_MATH,
	HTML_INTEGRATION, /* where HTML begins again inside of svg and math */
	HTML_BREAKOUT,    /* what ends svg and math when it stands in them */
	HTML_BLOCK,       /* the same, and starts a line */
	/* content is not markup up to the end tag: */
	HTML_RAW,
	HTML_TITLE,
	HTML_TEXTAREA,
	HTML_NOSCRIPT, /* for browsers that run scripts; mail readers differ */
	HTML_SCRIPT,
	HTML_PLAINTEXT,
};

struct html_token {
	enum html_token_kind kind;
	enum html_element element;
	size_t start, end;
	struct span name;
	bool self_closing;
	size_t attributes;
	bool has_href;
	size_t value, value_end; /* of the first href */
	char quote;
};

/* The token at or after *at_io, which moves behind it. foreign: inside of svg or math, where
 * <![CDATA[ is known. */
void html_next_token(struct span text, size_t *at_io, bool foreign, struct html_token *token_r);

/* Where raw text that begins at from (behind its start tag) ends: at the '<' of its end tag; text.n
 * when there is none. */
size_t html_raw_end(struct span text, size_t from, const struct html_token *start);

static inline bool html_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

#endif
