/* verdict.h - what each kind of trouble means for the mail: one table from trouble to what Postfix
 * is told. Everything that is not named there is tempfailed. Pure, thread safe. */
#ifndef VERDICT_H
#define VERDICT_H

#include "author.h"
#include "base.h"
#include "span.h"

enum verdict_action {
	VERDICT_ACCEPT,   /* carry out the edits, then go on */
	VERDICT_TEMPFAIL, /* 4xx: the client, or the pickup daemon for sendmail(1), tries again */
	VERDICT_REJECT,   /* 5xx: for mail from sendmail(1) Postfix sends a bounce */
};

enum trouble {
	TROUBLE_NONE,
	/* ours */
	TROUBLE_MEMORY,
	TROUBLE_POLICY_AWAY,  /* no answer on the control socket */
	TROUBLE_NOT_ADMITTED, /* mail of ours that the policy service never saw */
	TROUBLE_MISMATCH,     /* login and assignment name different tenants, or unknown ones */
	TROUBLE_NO_KEY,       /* no dkim entry applies */
	TROUBLE_KEY,          /* a key file is missing, unreadable, unsafe or damaged */
	TROUBLE_SIGN,         /* the signing library failed */
	TROUBLE_APPLY,        /* Postfix did not take an edit */
	TROUBLE_SPLIT,        /* copies for single recipients: keys or facts are not there */
	TROUBLE_RETURN_PATH,  /* the keys of the return path are not there */
	TROUBLE_LATER,        /* the policy service says: later */
	TROUBLE_ORDER,        /* events without the MAIL that belongs to them */
	/* the message's */
	TROUBLE_TOO_BIG,
	TROUBLE_TOO_MANY_RECIPIENTS,
	TROUBLE_BAD_HEADER,
	TROUBLE_BAD_BODY,
	TROUBLE_REFUSED,      /* the policy service refuses */
	TROUBLE_LIST_FOREIGN, /* List-Unsubscribe leads to somebody else */
	TROUBLE_LIST_TWICE,
	TROUBLE_TEMPLATE, /* leftovers of a template, where the stream refuses them */
	/* one for each author_fault, in its order */
	TROUBLE_AUTHOR,
	TROUBLE_COUNT = TROUBLE_AUTHOR + AUTHOR_FAULTS
};

#define VERDICT_TEXT_MAX 512

struct verdict {
	enum trouble trouble;
	enum verdict_action action;
	char code[4];                /* "550"; empty when accepted */
	char dsn[12];                /* "5.7.1" (RFC 3463) */
	char text[VERDICT_TEXT_MAX]; /* printable ASCII, one line */
};

/* The trouble that stands for a fault of the author check. */
enum trouble verdict_author_trouble(enum author_fault fault);
/* The trouble that stands for a fault of the message. */
enum trouble verdict_message_trouble(enum message_fault fault);

/* Fills *verdict_r from the table. subject (may be empty): what it is about, e.g. a domain; shown
 * after the text in parentheses with everything but printable ASCII made harmless. */
void verdict_decide(enum trouble trouble, struct span subject, struct verdict *verdict_r);

/* A reply that the policy service worded. Malformed codes fall back to the table's. */
void verdict_foreign(enum trouble trouble, struct span code, struct span dsn, struct span text,
    struct verdict *verdict_r);

/* A word for the log. Never NULL. */
const char *verdict_word(enum trouble trouble);

/* The text as smfi_setreply wants it: Postfix takes "%%" for '%' and drops a single one. Into
 * out (NUL-terminated, cut if need be). */
void verdict_escape(const char *text, char *out, size_t size);

#endif
