/* decide.h - whose mail is it, and may it leave: the order of checks. Pure: facts are fetched
 * before, charges are booked after. "Where is the daily quota decided?": decide says that quotas
 * are asked, quota.c which, bucket.c whether they fit. */
#ifndef DECIDE_H
#define DECIDE_H

#include "quota.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

enum direction {
	DIRECTION_OTHER,   /* not ours: passes untouched */
	DIRECTION_TENANT,  /* a tenant's login or network */
	DIRECTION_UNKNOWN, /* authenticated, but no tenant has that login */
};

struct identity {
	enum direction direction;
	size_t tenant_index;
	const struct tenant *tenant;
	const struct plan *plan;
	const struct stream *stream;
	struct span login; /* empty when the tenant was known by network */
};

/* Who asks? login, then client network. */
struct identity decide_identity(const struct snapshot *s, struct span login,
    struct span client_address, struct span context, uint16_t server_port);

struct decision_facts {
	enum tenant_state override; /* the store's; TENANT_ACTIVE when there is none */
	bool sender_owned;          /* decide_sender_owned */
	bool suppressed;            /* recipient; false where there is none */
	bool braked; /* mail like this to that recipient's provider is paused (brakes.h) */
	/* A reload came in the middle: what was charged so far was another tenant's or stream's. */
	bool changing;
	bool pool_away;    /* what the mail should leave from is not there */
	bool one_too_many; /* copies must differ, and cannot be made for more than one */
	/* The recipient of mail that is not ours looks like a return path: it is none, or that is
	 * not known at present. */
	bool no_return, return_unknown;
	int64_t now_s;
};

/* Is the envelope sender the tenant's? The null sender (RFC 5321 section 4.5.5) is everybody's:
 * it gets no other exemption. */
bool decide_sender_owned(const struct snapshot *s, size_t tenant_index, struct span sender);

/* Everything that is decided before quotas are asked: PASS means ask them. */
enum verdict decide(
    const struct snapshot *s, const struct identity *who, const struct decision_facts *facts);

/* What a refused charge means to the sender. */
enum verdict decide_refusal(const struct quota *refused, const struct outcome *outcome);
/* The same of a charge that no quota asked for: the pool's (capacity) or a source's. bound: the
 * message has its source already. */
enum verdict decide_pool_refusal(const struct outcome *outcome, bool bound);

#endif
