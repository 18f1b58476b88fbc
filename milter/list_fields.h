/* list_fields.h - List-Unsubscribe, List-Unsubscribe-Post (RFC 2369, RFC 8058) and List-Id
 * (RFC 2919) of bulk mail: what is there, whether it may leave, and what shall stand there. Pure
 * but for the opening of tokens. */
#ifndef LIST_FIELDS_H
#define LIST_FIELDS_H

#include "base.h"
#include "buf.h"
#include "message.h"
#include "settings.h"
#include "span.h"
#include "token.h"

#define LIST_URIS_MAX  16  /* of one field */
#define LIST_VALUE_MAX 990 /* octets of a line that we write */

/* The next URI between '<' and '>' of a List-* field (RFC 2369 section 2); blanks inside it, which
 * folding may have left, are kept. False: no more. */
bool list_next_uri(struct span *rest_io, struct span *uri_r);

struct list_facts {
	const struct snapshot *snapshot;
	size_t tenant;
	struct span host;      /* tracking host of the message */
	struct token_key *key; /* of unsubscribe tokens */
	struct span stream;    /* name */
	struct span recipient; /* the only one, or empty: no URI of ours is possible */
	struct span own_uri;   /* for that recipient, or empty */
	struct span mailto;    /* an address, or empty */
};

enum list_fault {
	LIST_FINE,
	LIST_TWICE,   /* two fields that differ */
	LIST_FOREIGN, /* an https URI of somebody else */
};

struct list_decision {
	enum list_fault fault;
	struct span subject; /* the foreign host; lives in the message's arena */
	bool replace;        /* value takes the place of the fields that are there */
	struct span value;   /* with the blank in front; in the message's arena */
	bool one_click;      /* an https URI stands there in the end: Post belongs beside it */
};

/* ERR_NOMEM; ERR_TOOBIG: a line would be over LIST_VALUE_MAX. */
enum err list_decide(const struct message *m, const struct list_facts *facts,
    struct list_decision *decision_r) CHECKED;

/* Carries a decision out as edits: the two fields, and List-Id where there is none. domain: of the
 * signature. */
enum err list_edit(struct message *m, const struct list_facts *facts,
    const struct list_decision *decision, struct span domain) CHECKED;

#endif
