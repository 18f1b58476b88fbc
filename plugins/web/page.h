/* page - our HTML pages: one question with one button, what else may be stopped, and what became of
 * it. Made for a phone first; no script, nothing that is loaded from elsewhere. Pure. */
#ifndef PAGE_H
#define PAGE_H

#include "buf.h"
#include "span.h"
#include "texts.h"

enum page_kind {
	PAGE_ASK,
	PAGE_CHOOSE,
	PAGE_DONE,
	PAGE_NOTHING, /* the form came without a choice */
	PAGE_GONE,    /* no such link */
	PAGE_LATER,
	PAGE_BLOCKED,
	PAGE_KINDS
};

struct page_stream {
	struct span name, title;
};

struct page_facts {
	enum page_kind kind;
	const struct phrases *texts;
	size_t language;                   /* index into texts */
	struct span nonce;                 /* of the style, for Content-Security-Policy */
	struct span token;                 /* ASK: its path; else empty */
	struct span tenant;                /* display name; empty when not known */
	struct span stream;                /* title of the token's */
	struct span stream_name;           /* CHOOSE: ticked beforehand */
	const struct page_stream *streams; /* CHOOSE */
	size_t stream_count;
};

void page_put(struct buf *out, const struct page_facts *facts);

#endif
