/* policy.h - a request of the policy socket, from attributes to reply: fetch facts, decide, ask
 * the store, answer when it is durable. The handler that listen.c calls. */
#ifndef POLICY_H
#define POLICY_H

#include "admission.h"
#include "listen.h"
#include "reply.h"
#include "server.h"

/* context: struct server */
void *policy_open(void *context, uid_t peer_uid);
void policy_request(
    void *context, void *session, const struct attr_request *request, struct ticket *ticket);
void policy_close(void *context, void *session);

/* ---- shared with the control socket (local submissions, explain) ---- */

/* Identity of a transaction from its Postfix instance. */
struct hash128 policy_transaction(struct span instance);

/* What a refusal means and says: of a quota in the tenant's local time, of a pool or a warm-up in
 * UTC; the time lies in resets. bound: the message has its source already. *quota_r: whose charge
 * was refused; NULL: the pool's, or a warm-up's. */
enum verdict policy_refusal(struct server *server, const struct account *account,
    const struct outcome *outcome, bool bound, char resets[ZONE_TEXT_MAX],
    struct reply_facts *facts_r, const struct quota **quota_r);

/* The message cannot carry its source in its return path: for want of one (RFC 5321 section
 * 4.5.5), or of a domain for it. */
bool policy_needs_filter(const struct account *account, struct span sender);

/* What one admission asks: of the account's quotas and of its pool. m's charges and candidates
 * point into it. */
struct policy_charges {
	struct charge common[CHARGES_MAX];
	struct pool_plan plan;
	bool bound;
};
/* From where to where. */
struct policy_way {
	struct span sender;
	struct span place, provider; /* of the recipient (places.h); empty: not known */
};
/* False: the pool has nobody. */
bool policy_plan(struct server *server, struct account *account,
    const struct quota_amounts *amounts, const struct policy_way *way,
    struct policy_charges *charges, struct admission *m);

/* One log line for each threshold that was reached. */
void policy_log_alerts(const struct crossing *crossings, size_t count);

#endif
