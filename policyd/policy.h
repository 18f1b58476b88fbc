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

/* What a refusal says, with the tenant's local time. text lies in resets. */
void policy_refusal_facts(const struct account *account, const struct quota *refused,
    const struct outcome *outcome, char resets[ZONE_TEXT_MAX], struct reply_facts *facts_r);

/* The quota that an outcome's refused charge belongs to. */
const struct quota *policy_refused_quota(
    const struct account *account, const struct outcome *o);

/* One log line for each threshold that was reached. */
void policy_log_alerts(const struct crossing *crossings, size_t count);

#endif
