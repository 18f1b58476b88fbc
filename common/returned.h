/* returned.h - mail that comes back: what a report says of a message of ours. Delivery reports
 * (RFC 3464, RFC 6522), complaints (RFC 5965, also redacted), automatic answers (RFC 3834). Reads
 * any octets; believes nothing: whose message it was is for the return path to say. Pure. */
#ifndef RETURNED_H
#define RETURNED_H

#include "arena.h"
#include "base.h"
#include "err.h"
#include "span.h"

#define RETURNED_OCTETS_MAX     (8u << 20)
#define RETURNED_RECIPIENTS_MAX 20u   /* of one report; more are passed over */
#define RETURNED_FIELD_MAX      4096u /* octets of one value that are kept */
#define RETURNED_DEPTH_MAX      8u
#define RETURNED_PARTS_MAX      200u

enum returned_kind {
	RETURNED_OTHER,  /* nothing that we know: a person's answer, a text without a report */
	RETURNED_BOUNCE, /* somebody was not reached, for good */
	RETURNED_DELAY,  /* not yet */
	RETURNED_COMPLAINT, /* abuse, fraud */
	RETURNED_NOT_SPAM,  /* RFC 6430 */
	RETURNED_AUTOMATIC, /* an answer of nobody */
	RETURNED_KINDS
};
const char *returned_kind_text(enum returned_kind k); /* "bounce", ... */
bool returned_kind_of(struct span word, enum returned_kind *kind_r);

struct returned_recipient {
	struct span address;                    /* Final-Recipient's, without its type */
	struct span original;                   /* Original-Recipient's; may be empty */
	struct span action, status, diagnostic; /* diagnostic: without its type */
	bool failed;
};

/* Spans point into the message or the arena. */
struct returned {
	enum returned_kind kind;
	bool local; /* our own Postfix wrote it: it came over no network */
	struct returned_recipient recipients[RETURNED_RECIPIENTS_MAX];
	size_t count;
	struct span feedback_type;
	/* A complaint's: whom it is about, and our envelope sender; what is redacted is empty. */
	struct span complained, original_sender;
};

/* ERR_NOMEM, or ERR_OK whatever it says. */
enum err returned_read(struct span message, struct arena *arena, struct returned *r_r) CHECKED;

#endif
