/* verdict.h - what each kind of trouble means for the mail: one table from trouble to what Postfix
 * is told. Everything that is not named there is tempfailed. Pure, thread safe. */
#ifndef VERDICT_H
#define VERDICT_H

#include "base.h"
#include "message.h"
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
	TROUBLE_TOKEN_KEYS,   /* the keys of tokens that the message must have are not there */
	TROUBLE_LATER,        /* the policy service says: later */
	TROUBLE_PLUGIN_LATER, /* a plug-in says: later */
	TROUBLE_PLUGIN_AWAY,  /* a plug-in that mail must pass is disabled */
	TROUBLE_ORDER,        /* events without the MAIL that belongs to them */
	/* the message's */
	TROUBLE_TOO_BIG,
	TROUBLE_TOO_MANY_RECIPIENTS,
	TROUBLE_BAD_HEADER,
	TROUBLE_BAD_BODY,
	TROUBLE_REFUSED, /* the policy service refuses */
	TROUBLE_PLUGIN,  /* a plug-in refuses */
	TROUBLE_RULES,   /* rules refuse (comply.h), */
	TROUBLE_WAIT,    /* or cannot tell now */
	TROUBLE_COUNT
};

#define VERDICT_TEXT_MAX 512

struct verdict {
	enum trouble trouble;
	enum verdict_action action;
	const char *word;            /* for the log */
	char code[4];                /* "550"; empty when accepted */
	char dsn[12];                /* "5.7.1" (RFC 3463) */
	char text[VERDICT_TEXT_MAX]; /* printable ASCII, one line */
};

/* The trouble that stands for a fault of the message. */
enum trouble verdict_message_trouble(enum message_fault fault);

/* Fills *verdict_r from the table. subject (may be empty): what it is about, e.g. a domain; shown
 * after the text in parentheses with everything but printable ASCII made harmless. */
void verdict_decide(enum trouble trouble, struct span subject, struct verdict *verdict_r);

/* A reply that the policy service worded. Malformed codes fall back to the table's. */
void verdict_foreign(enum trouble trouble, struct span code, struct span dsn, struct span text,
    struct verdict *verdict_r);

/* What the rules say; a code of 4xx makes it a tempfail. word: for the log. */
void verdict_rules(const char *word, struct span code, struct span dsn, struct span text,
    struct verdict *verdict_r);

/* A word for the log. Never NULL. */
const char *verdict_word(enum trouble trouble);

/* The text as smfi_setreply wants it: Postfix takes "%%" for '%' and drops a single one. Into
 * out (NUL-terminated, cut if need be). */
void verdict_escape(const char *text, char *out, size_t size);

#endif
