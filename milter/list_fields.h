/* list_fields.h - List-Unsubscribe of bulk mail (RFC 2369, RFC 8058): what is there, whether it may
 * leave, and what shall stand there. Pure but for the opening of tokens. */
#ifndef LIST_FIELDS_H
#define LIST_FIELDS_H

#include "base.h"
#include "buf.h"
#include "message.h"
#include "settings.h"
#include "span.h"
#include "token.h"

#define LIST_UNSUBSCRIBE      "List-Unsubscribe"
#define LIST_UNSUBSCRIBE_POST "List-Unsubscribe-Post"
#define LIST_ONE_CLICK        "List-Unsubscribe=One-Click"

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

/* ERR_NOMEM; ERR_TOOBIG: a line would be over LIST_VALUE_MAX; ERR_SYNTAX: a URI that was there
 * holds octets that no URI has. m may be a draft. */
enum err list_decide(const struct message *m, const struct list_facts *facts,
    struct list_decision *decision_r) CHECKED;

/* What a field says that is not ours to write. */
struct list_survey {
	size_t fields, https, foreign; /* fields; https URIs; those at hosts of somebody else */
	struct span uri;               /* the first https URI */
	bool clean; /* every field is URIs in <>, with commas between and no blank inside */
};
void list_look(const struct message *m, const struct snapshot *s, size_t tenant,
    struct list_survey *survey_r);

/* Is this a URI of ours, genuine, for this very recipient and stream? */
bool list_is_current(const struct list_facts *facts, struct span uri);

#endif
