/* control_milter - the milter's verbs: assign, admit, close. */
#include "addr.h"
#include "clock.h"
#include "control_handlers.h"
#include "log.h"
#include "policy.h"

/* Are copies for single recipients still to be made? False in *possible_r: they would have to be,
 * but the configuration changed since the recipients were accepted. */
static bool is_split(const struct server *server, const struct transaction_facts *f,
    uint64_t recipients, bool *possible_r)
{
	size_t index = snapshot_find_tenant(server->snapshot, f->tenant);
	const struct tenant *tenant = snapshot_tenant(server->snapshot, index);

	*possible_r = true;
	if (index == TENANT_NONE || recipients < 2)
		return false;
	for (size_t i = 0; i < tenant->stream_count; i++) {
		if (!span_eq(span_cstr(tenant->streams[i].name), f->stream) ||
		    !stream_is_individual(tenant, &tenant->streams[i]))
			continue;
		*possible_r = server_can_split(server, tenant);
		return true;
	}
	return false;
}

/* recipients: of a local submission, whose transaction does not tell one from another; else 0. */
static void put_assignment(const struct server *server, struct buf *reply,
    const struct transaction *t, uint64_t recipients)
{
	struct transaction_facts f = ledger_facts(t);
	bool possible, split = is_split(server, &f, recipients + t->charged, &possible);

	if (!possible) {
		control_error(reply, "unavailable",
		    "copies for single recipients are needed and cannot be made");
		return;
	}

	attr_put(reply, "found", SPAN("yes"));
	attr_put(reply, "tenant", f.tenant);
	attr_put(reply, "stream", f.stream);
	attr_put(reply, "class", span_cstr(stream_class_text((enum stream_class)f.class)));
	attr_put(reply, "login", f.login);
	attr_put(reply, "sender", f.sender);
	attr_put(reply, "source", f.source);
	attr_put_u64(reply, "recipients", t->charged);
	attr_put(reply, "split", split ? SPAN("pending") : SPAN("no"));
}

enum control_progress control_assign(struct control_call *call)
{
	const struct transaction *t =
	    store_transaction(call->session->server->store, control_get(call, "queue_id"));

	if (t != NULL)
		put_assignment(call->session->server, call->reply, t, 0);
	else
		attr_put(call->reply, "found", SPAN("no"));
	return CONTROL_DONE;
}

/* ---- local submissions ---- */

static void put_verdict(
    struct buf *reply, const char *what, enum verdict v, const struct reply_facts *facts)
{
	const char *code, *enhanced;
	char space[512];
	struct buf text = { .p = space, .size = sizeof space, .max = sizeof space };

	reply_parts(v, facts, strcmp(what, "refuse") == 0, &code, &enhanced, &text);
	attr_put(reply, "verdict", span_cstr(what));
	attr_put(reply, "code", span_cstr(code));
	attr_put(reply, "dsn", span_cstr(enhanced));
	attr_put(reply, "text", buf_span(&text));
}

static void put_plain(struct buf *reply, const char *what, enum verdict v)
{
	const struct reply_facts none = { 0 };

	put_verdict(reply, what, v, &none);
}

static void on_admitted(
    void *context, const struct outcome *o, const struct crossing *crossings, size_t count)
{
	struct control_session *s = context;
	const struct transaction *t;
	char resets[ZONE_TEXT_MAX];
	struct reply_facts facts;
	const struct quota *q;
	enum verdict v;

	control_ok(&s->reply);
	switch (o->result) {
	case ADMISSION_GRANTED:
	case ADMISSION_REPEATED:
		policy_log_alerts(crossings, count);
		put_plain(&s->reply, "accept", VERDICT_PASS);
		t = store_transaction(s->server->store, span_cstr(s->local.queue_id));
		if (t != NULL)
			put_assignment(s->server, &s->reply, t, s->local.recipients);
		break;
	case ADMISSION_FAILED: put_plain(&s->reply, "tempfail", VERDICT_STORE_DOWN); break;
	case ADMISSION_REFUSED:
		/* Inside store_admit: the account is still there. */
		v = policy_refusal(s->server, s->account, o, false, resets, &facts, &q);
		put_verdict(&s->reply, "refuse", v, &facts);
		break;
	}
	log_record(LOG_LEVEL_INFO, span_cstr(s->local.queue_id), "local",
	    LOG_NUMBER("result", o->result), LOG_NUMBER("recipients", s->local.recipients));
	s->local = (struct local_submission){ 0 };
	control_finish(s);
}

static void local_admit(struct control_call *call, const struct identity *who, uint64_t size)
{
	struct control_session *s = call->session;
	struct server *server = s->server;
	struct account account = { .who = *who };
	struct policy_charges charges;
	struct quota_amounts amounts = {
		.units = { [LIMIT_RECIPIENTS] = s->local.recipients,
		    [LIMIT_MESSAGES] = 1,
		    [LIMIT_BYTES] = size },
	};
	char key[QUEUE_ID_MAX + 8] = "local ";
	struct buf id = { .p = key, .n = 6, .size = sizeof key, .max = sizeof key };
	struct admission m = { .stage = STAGE_END_OF_MESSAGE,
		.queue_id = span_cstr(s->local.queue_id),
		.facts = { .tenant = span_cstr(who->tenant->name),
		    .stream = span_cstr(who->stream->name),
		    .login = SPAN(""),
		    .sender = control_get(call, "sender"),
		    .class = (uint8_t)who->stream->class },
		.now_ns = clock_wall_ns(),
		.context = s };
	const struct outcome failed = { .result = ADMISSION_FAILED };
	const struct policy_way way = { m.facts.sender, SPAN(""), SPAN("") };

	buf_add_cstr(&id, s->local.queue_id);
	m.transaction = policy_transaction(buf_span(&id));
	if (!account_quotas(server->store, true, who->tenant, who->plan, who->stream, SPAN(""),
		account.quotas, &account.quota_count) ||
	    !account_pool(server->pools, server->snapshot, &account)) {
		on_admitted(s, &failed, NULL, 0);
		return;
	}
	/* No filter can be set for such mail. */
	if (policy_needs_filter(&account, m.facts.sender))
		account.pool = NULL;
	if (account.pool_missing ||
	    !policy_plan(server, &account, &amounts, &way, &charges, &m)) {
		on_admitted(s, &failed, NULL, 0);
		return;
	}
	s->account = &account;
	store_admit(server->store, &m, 1, on_admitted);
	s->account = NULL;
}

/* Tenant of a checked local sender; false: not a tenant's. */
static bool local_identity(
    const struct server *server, struct span sender, struct identity *who_r)
{
	const struct snapshot *snap = server->snapshot;
	char domain[DOMAIN_MAX];
	struct addr a;

	*who_r = (struct identity){ .direction = DIRECTION_TENANT, .login = SPAN("") };
	if (addr_split(sender, &a) != ERR_OK || domain_canonical(a.domain, domain) != ERR_OK)
		return false;
	who_r->tenant_index = snapshot_find_domain(snap, span_cstr(domain), NULL);
	if (who_r->tenant_index == TENANT_NONE)
		return false;
	who_r->tenant = snapshot_tenant(snap, who_r->tenant_index);
	who_r->plan = snapshot_plan(snap, who_r->tenant_index);
	who_r->stream = tenant_stream(who_r->tenant, SPAN(""), SPAN(""), 0);
	return true;
}

/* False: the store could not say. */
static bool check_recipients(struct control_call *call, const struct identity *who)
{
	struct control_session *s = call->session;
	uint8_t digest[DIGEST_SIZE];
	enum suppress_scope scope;

	for (size_t i = 0; i < CONTROL_ROWS; i++) {
		struct span recipient = control_get_item(call, "recipient", i);

		if (recipient.p == NULL)
			break;
		s->local.recipients++;
		if (suppress_digest(s->server->suppress, recipient, digest) != ERR_OK)
			return false;
		s->local.suppressed =
		    s->local.suppressed ||
		    suppress_match(s->server->suppress, digest, span_cstr(who->tenant->name),
			span_cstr(who->stream->name), &scope);
	}
	return true;
}

enum control_progress control_admit(struct control_call *call)
{
	struct control_session *s = call->session;
	struct span queue_id = control_get(call, "queue_id"),
		    sender = control_get(call, "sender");
	struct decision_facts facts = { .sender_owned = true };
	struct identity who;
	enum verdict v;
	uint64_t size;

	if (!span_eq(span_cstr(s->local.queue_id), queue_id))
		s->local = (struct local_submission){ 0 };
	if (queue_id.n == 0 ||
	    !span_copy(queue_id, s->local.queue_id, sizeof s->local.queue_id) ||
	    !span_u64(control_get(call, "size"), &size)) {
		control_error(call->reply, "syntax", "admit: queue_id and size are needed");
		return CONTROL_DONE;
	}
	if (!local_identity(s->server, sender, &who)) {
		control_error(call->reply, "notfound", "admit: the sender is not a tenant's");
		return CONTROL_DONE;
	}
	if (!check_recipients(call, &who)) {
		put_plain(call->reply, "tempfail", VERDICT_STORE_DOWN);
		return CONTROL_DONE;
	}
	if (span_eq(control_get(call, "more"), SPAN("yes")))
		return CONTROL_DONE;
	facts.override = states_get(s->server->states, span_cstr(who.tenant->name));
	facts.now_s = clock_wall_ns() / NS_PER_S;
	facts.suppressed = s->local.suppressed;
	facts.one_too_many = s->local.recipients > 1 &&
			     stream_is_individual(who.tenant, who.stream) &&
			     !server_can_split(s->server, who.tenant);
	v = decide(s->server->snapshot, &who, &facts);
	if (v != VERDICT_PASS) {
		/* Never a temporary answer for a reason of policy: sendmail(1) has no client that
		 * would try again, so the sender gets a bounce. */
		put_plain(call->reply, "refuse", v);
		s->local = (struct local_submission){ 0 };
		return CONTROL_DONE;
	}
	local_admit(call, &who, size);
	return CONTROL_LATER;
}

/* ---- close ---- */

static bool is_listed(struct span hashes, uint64_t hash)
{
	for (size_t at = 0; at < hashes.n; at += sizeof hash)
		if (memcmp(hashes.p + at, &hash, sizeof hash) == 0)
			return true;
	return false;
}

/* Milters see recipients as the client wrote them (routes, comments, needless quotes), policy
 * requests as Postfix understood them. So a recipient that is not listed may have been accepted
 * all the same: never more come back than the count says were not. */
static void list_up_to(struct control_session *s, struct span queue_id, uint64_t accepted)
{
	const struct transaction *t = store_transaction(s->server->store, queue_id);
	uint64_t refused;

	if (t == NULL)
		return;
	refused = t->charged > accepted ? t->charged - accepted : 0;
	for (uint32_t i = 0; i < t->recipient_count; i++) {
		const struct recipient_entry *r = &t->recipients[i];

		if (r->refunded || is_listed(buf_span(&s->accepted), r->hash))
			continue;
		if (refused > 0)
			refused--;
		else
			buf_add(&s->accepted, &r->hash, sizeof r->hash);
	}
}

enum control_progress control_close_message(struct control_call *call)
{
	struct control_session *s = call->session;
	struct span queue_id = control_get(call, "queue_id");
	bool rejected = !span_eq(control_get(call, "outcome"), SPAN("accepted"));
	uint64_t accepted;

	for (size_t i = 0; i < CONTROL_ROWS; i++) {
		struct span recipient = control_get_item(call, "recipient", i);
		uint64_t hash;

		if (recipient.p == NULL)
			break;
		hash = suppress_recipient_hash(s->server->suppress, recipient);
		buf_add(&s->accepted, &hash, sizeof hash);
	}
	if (span_eq(control_get(call, "more"), SPAN("yes")))
		return CONTROL_DONE;
	if (!span_u64(control_get(call, "accepted"), &accepted))
		accepted = s->accepted.n / sizeof(uint64_t);
	if (!rejected && s->accepted.n > 0)
		list_up_to(s, queue_id, accepted);
	if (buf_ok(&s->accepted))
		store_settle(s->server->store, queue_id, rejected,
		    (const uint64_t *)(const void *)s->accepted.p,
		    s->accepted.n / sizeof(uint64_t));
	buf_reset(&s->accepted);
	return CONTROL_DONE;
}
