/* decide - the order of checks. Pure; knows neither sockets nor LMDB. */
#include "decide.h"
#include "addr.h"

struct identity decide_identity(const struct snapshot *s, struct span login,
    struct span client_address, struct span context, uint16_t server_port)
{
	struct identity who = { .direction = DIRECTION_OTHER, .tenant_index = TENANT_NONE };

	if (login.n > 0) {
		who.tenant_index = snapshot_find_login(s, login);
		who.login = login;
	}
	if (who.tenant_index == TENANT_NONE && client_address.n > 0) {
		who.tenant_index = snapshot_find_client(s, client_address);
		who.login = SPAN("");
	}
	if (who.tenant_index == TENANT_NONE) {
		if (login.n > 0)
			who.direction = DIRECTION_UNKNOWN;
		return who;
	}
	who.direction = DIRECTION_TENANT;
	who.tenant = snapshot_tenant(s, who.tenant_index);
	who.plan = snapshot_plan(s, who.tenant_index);
	who.stream = tenant_stream(who.tenant, who.login, context, server_port);
	return who;
}

bool decide_sender_owned(const struct snapshot *s, size_t tenant_index, struct span sender)
{
	char domain[DOMAIN_MAX];
	struct addr a;

	if (sender.n == 0 || span_eq(sender, SPAN("<>")))
		return true;
	if (addr_split(sender, &a) != ERR_OK || domain_canonical(a.domain, domain) != ERR_OK)
		return false;
	return snapshot_find_domain(s, span_cstr(domain), NULL) == tenant_index;
}

enum verdict decide(
    const struct snapshot *s, const struct identity *who, const struct decision_facts *facts)
{
	const struct provider *p = snapshot_provider(s);

	if (who->direction == DIRECTION_UNKNOWN)
		return p->policyd.unknown_login_refused ? VERDICT_UNKNOWN_LOGIN : VERDICT_PASS;
	if (who->direction == DIRECTION_OTHER && facts->return_unknown)
		return VERDICT_STORE_DOWN;
	if (who->direction == DIRECTION_OTHER)
		return facts->no_return ? VERDICT_NO_RETURN : VERDICT_PASS;
	switch (tenant_effective_state(
	    who->tenant, facts->override, p->policyd.past_due_grace_s, facts->now_s)) {
	case TENANT_CLOSED: return VERDICT_CLOSED;
	case TENANT_SUSPENDED: return VERDICT_SUSPENDED;
	case TENANT_ACTIVE:
	case TENANT_PAST_DUE: break;
	}
	if (!facts->sender_owned)
		return VERDICT_NOT_OWNER;
	if (facts->suppressed)
		return VERDICT_SUPPRESSED;
	if (facts->braked)
		return VERDICT_BRAKED;
	if (facts->changing)
		return VERDICT_CHANGING;
	if (facts->pool_away)
		return VERDICT_POOL_AWAY;
	return facts->one_too_many ? VERDICT_ONE_RECIPIENT : VERDICT_PASS;
}

enum verdict decide_refusal(const struct quota *refused, const struct outcome *outcome)
{
	if (outcome->retry_s == INT64_MAX)
		return VERDICT_NEVER_FITS;
	if (refused->limit->is_rate)
		return VERDICT_RATE;
	if (refused->limit->window == WINDOW_MONTH || refused->limit->window == WINDOW_CYCLE)
		return VERDICT_PERIOD;
	return VERDICT_QUOTA;
}

enum verdict decide_pool_refusal(const struct outcome *outcome, bool bound)
{
	bool capacity = outcome->refused_index != SIZE_MAX;

	if (bound && !capacity)
		return VERDICT_SOURCE_FULL;
	return outcome->refused.is_rate ? VERDICT_POOL_GAP : VERDICT_POOL_SPENT;
}
