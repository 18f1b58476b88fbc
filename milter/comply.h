/* comply.h - the rules of common/rules.h applied to one message: each a pure function over the
 * draft of its header, its stream, and facts that were fetched beforehand. What can be repaired is
 * repaired in the draft; what cannot adds up to one refusal that names every rule.
 *
 *	comply_open      modes, the draft
 *	comply_fields    rules about header fields and envelope; repairs
 *	comply_body      rules about the body, once it is known
 *	comply_reply     the refusal, or none
 *
 * A fact that nobody knows makes a rule's answer unknown; it never passes on it. */
#ifndef COMPLY_H
#define COMPLY_H

#include "author.h"
#include "base.h"
#include "footer.h"
#include "list_fields.h"
#include "message.h"
#include "rewrite.h"
#include "rules.h"
#include "settings.h"
#include "span.h"

#define COMPLY_CLASS_HEADER "X-PM-Class"
#define COMPLY_INTERNAL     "X-PM-" /* what fields for us alone begin with */

/* What is known about something outside of the message. */
enum knowledge {
	NOT_KNOWN, /* nobody asked */
	KNOWN_GOOD,
	KNOWN_BAD,
	KNOWN_LOST, /* it was asked and could not be told, and what was known is too old */
};

struct comply_facts {
	const struct snapshot *snapshot;
	size_t tenant;
	const struct stream *stream;
	enum stream_class class; /* of this message */
	int64_t now_s;
	struct span host; /* this host's name; empty: not known */
	bool smtputf8;    /* it was submitted with SMTPUTF8 */
	bool splits;      /* copies for single recipients leave in its place */
	const struct author *author;
	/* Only where the author is the tenant's. */
	const struct tenant_domain *signer; /* whose keys sign; NULL: not known */
	const struct list_facts *list;      /* NULL: List-Unsubscribe is not ours to set */
	struct span complaint_id;           /* of CFBL-Feedback-ID; empty: none */
	bool has_footer; /* the tenant has a postal_address: rules F are in force */
	/* For each of these NOT_KNOWN until somebody can tell. */
	enum knowledge message_id_unused, uri_unused; /* in other messages of the tenant */
	enum knowledge key_in_dns, reply_to_takes_mail, senders_exist;
};

enum rule_outcome {
	OUTCOME_OFF,     /* by its mode, or not for this class */
	OUTCOME_PASSED,  /* or nothing to look at */
	OUTCOME_UNKNOWN, /* a fact is missing */
	OUTCOME_FIXED,
	OUTCOME_WARNED,
	OUTCOME_LATER, /* cannot be told now: the message has to wait */
	OUTCOME_REFUSED,
	OUTCOMES
};
const char *outcome_text(enum rule_outcome o);

/* What a rule found. */
enum finding {
	FOUND_FINE,
	FOUND_UNKNOWN,
	FOUND_REPAIRABLE,
	FOUND_BLEMISH, /* nothing that mode fix refuses, and no repair */
	FOUND_FLAW,    /* no repair; the rule's severity decides */
	FOUND_LATER,
	FOUND_FORBIDDEN, /* refused in every mode */
};

struct found {
	enum finding what;
	const char *why;        /* a sentence's worth, for reply and log; NULL: fine */
	struct span about;      /* what it is about, or empty; in the message's arena */
	const char *code, *dsn; /* NULL: the rule's */
	const char *word;       /* for the log; NULL: the rule's id */
};

struct comply {
	struct comply_facts facts;
	const struct message *message; /* as it came */
	struct message draft;
	enum rule_mode modes[RULE_COUNT];
	enum rule_outcome outcomes[RULE_COUNT];
	struct found found[RULE_COUNT]; /* the worst of each */
	/* What is known of the body: structure and links, where it was held; else NULL. */
	const struct rewrite *body;
	const bool *ways_out;        /* of each of its parts: has it an unsubscribe link? */
	struct span template;        /* a leftover in a link, or empty */
	const struct footer *footer; /* what the texts say of what laws ask for; or NULL */
	unsigned demands;            /* of those laws (law.h) */
	bool may_edit;               /* the body may be changed */
	bool failed;                 /* no memory */
};

/* What the log calls a fault of the author check. */
const char *comply_author_word(enum author_fault fault);

/* The class that holds for the message: its stream's, unless it declares another that it may. Bulk
 * may be declared by anybody; transactional only where the stream allows it. */
enum stream_class comply_class(const struct message *m, const struct stream *stream);

/* modes: of rules_settle. facts and m must outlive c. ERR_NOMEM only. */
enum err comply_open(struct comply *c, const struct message *m,
    const struct comply_facts *facts, const enum rule_mode modes[RULE_COUNT]) CHECKED;
/* ERR_NOMEM only. */
enum err comply_fields(struct comply *c) CHECKED;
void comply_body(struct comply *c);
/* FOOTER_BIT of what rules in mode fix want added. */
unsigned comply_footer_items(const struct comply *c);
/* After footer_settle: what could not be added after all is as bad as without repair. */
void comply_footer_done(struct comply *c, bool applied);

/* Does any rule refuse, or ask to wait? */
bool comply_is_refused(const struct comply *c);
bool comply_must_wait(const struct comply *c);

#define COMPLY_TEXT_MAX 400
struct comply_reply {
	char code[4], dsn[12];
	char text[COMPLY_TEXT_MAX]; /* "[L01,H03] why (about)"; why is the first one's */
	const char *word;           /* for the log: the first one's */
};
/* Of the rules that refuse; of those that wait where none does. The code is theirs where they
 * agree, else 550 5.7.1. */
void comply_reply(const struct comply *c, struct comply_reply *reply_r);

/* Does mode or message ask for the body to be held, so that comply_body can see it? */
bool comply_wants_body(const struct comply *c);

/* Ids of all rules with that outcome, "H03+L01", appended to out. */
void comply_put_ids(const struct comply *c, enum rule_outcome o, struct buf *out);

#endif
