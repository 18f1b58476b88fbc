/* reply.h - verdicts to SMTP: the only place of policyd with SMTP words. One table says code,
 * enhanced code (RFC 3463) and text. A pass is always DUNNO, never OK: other restrictions of the
 * server keep their say. Pure. */
#ifndef REPLY_H
#define REPLY_H

#include "base.h"
#include "buf.h"
#include "span.h"

enum verdict {
	VERDICT_PASS,
	VERDICT_NOT_OWNER,     /* envelope sender is not the login's tenant's */
	VERDICT_NO_RETURN,     /* looks like a return path of ours, and is none */
	VERDICT_SUPPRESSED,    /* recipient is on a suppression list; the scope is not named */
	VERDICT_BRAKED,        /* paused, because of what receivers said */
	VERDICT_WARMING,       /* what it leaves from, or its domain, may not send more yet */
	VERDICT_RATE,          /* a token rate */
	VERDICT_QUOTA,         /* an hour's or a day's window */
	VERDICT_PERIOD,        /* a month's or a billing cycle's window: permanent until then */
	VERDICT_NEVER_FITS,    /* the message alone is over a limit */
	VERDICT_SUSPENDED,     /* tenant: comes back */
	VERDICT_CLOSED,        /* tenant: does not */
	VERDICT_UNKNOWN_LOGIN, /* a login no tenant has, where those are refused */
	VERDICT_CHANGING,      /* another tenant or stream than at the message's beginning */
	VERDICT_ONE_RECIPIENT, /* copies would differ and cannot be made: one recipient a message */
	VERDICT_POOL_AWAY,     /* no member of the pool can be used, whenever */
	VERDICT_POOL_SPENT,  /* limits of all its members, or its own, are used up */
	VERDICT_POOL_GAP,    /* every member sent just now */
	VERDICT_SOURCE_FULL, /* the message's source has no room for this recipient */
	VERDICT_STORE_DOWN,  /* cannot count, so cannot admit */
	VERDICT_COUNT
};

struct reply_facts {
	struct span scope;  /* "plan", "tenant", "stream", "login" */
	struct span pool;   /* its name */
	struct span place;  /* BRAKED: provider or domain; empty: everywhere */
	struct span rule;   /* BRAKED: of reactions.conf */
	struct span limit;  /* "500/h" */
	struct span resets; /* RFC 3339 local time, or empty; of a pool in UTC */
	int64_t retry_s;
	/* WARMING: of whom (place: to which provider), how far; budget 0: paused */
	struct span subject;
	unsigned day, days;
	uint64_t budget; /* recipients a day */
};

/* One word per verdict, for logs and penguinctl explain. */
const char *reply_word(enum verdict v);
bool verdict_is_temporary(enum verdict v);

/* "action=...\n\n" for the policy protocol. */
void reply_policy(struct buf *out, enum verdict v, const struct reply_facts *facts);
/* A pass whose message, all recipients of it, takes that way ("transport:nexthop"), whatever the
 * site's tables say of single recipients (access(5), FILTER). */
void reply_filter(struct buf *out, const char *way);
/* Code, enhanced code and text apart, for the control protocol. Pass gives "250", "2.0.0". final:
 * nobody will try again (a local submission), so a temporary verdict is said as a permanent one. */
void reply_parts(enum verdict v, const struct reply_facts *facts, bool final,
    const char **code_r, const char **enhanced_r, struct buf *text);

#endif
