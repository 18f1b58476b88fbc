/* policy - the glue of one policy request: facts in, decision, admission, reply out. Decides
 * nothing itself; knows neither sockets nor LMDB. */
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "policy.h"

#define REPLY_MAX 1024u

struct policy_session {
	struct policy_session *next, *previous; /* server->sessions */
	struct server *server;
	struct ticket *ticket;  /* of the request under way */
	struct hash128 current; /* the transaction asked about last */
	bool has_current;
	uint64_t service; /* of the last request with an instance */
	/* the request under way, for its log line */
	struct account *account; /* valid inside the call that set it */
	bool end_of_message;
	bool bound;     /* the message has its source already */
	bool filter;    /* a pass at its end sends the message to its source */
	bool split;     /* a pass sends it to where copies are made */
	struct buf log; /* login NUL sender NUL recipient NUL queue id NUL tenant NUL */
	uint64_t size, recipients;
};

struct hash128 policy_transaction(struct span instance)
{
	return hash128(instance, 0);
}

/* ---- sessions: one per connection of an smtpd ---- */

void *policy_open(void *context, uid_t peer_uid)
{
	struct policy_session *s = calloc(1, sizeof *s);

	(void)peer_uid;
	if (s == NULL)
		return NULL;
	s->server = context;
	buf_init(&s->log, 16384);
	s->next = s->server->sessions;
	if (s->next != NULL)
		s->next->previous = s;
	s->server->sessions = s;
	return s;
}

static void abandon(struct policy_session *s, bool finished)
{
	if (s->has_current)
		store_abandon(s->server->store, s->current, finished,
		    services_known(s->server->services, s->service));
	s->has_current = false;
}

/* Postfix asks again on a new connection when one broke: the transaction has moved there. */
static bool asked_elsewhere(const struct policy_session *s)
{
	const struct policy_session *other = s->server->sessions;

	for (; other != NULL; other = other->next)
		if (other != s && other->has_current && hash128_eq(other->current, s->current))
			return true;
	return false;
}

void policy_close(void *context, void *session)
{
	struct policy_session *s = session;

	(void)context;
	if (!s->server->stopping && s->has_current && !asked_elsewhere(s))
		abandon(s, false);
	if (s->next != NULL)
		s->next->previous = s->previous;
	if (s->previous != NULL)
		s->previous->next = s->next;
	else
		s->server->sessions = s->next;
	buf_free(&s->log);
	free(s);
}

/* An smtpd handles one message at a time: another instance on its connection is the proof that
 * the one before has ended, one way or the other. */
static void follow_instance(struct policy_session *s, const struct policy_request *r)
{
	struct hash128 id = policy_transaction(r->instance);

	if (r->instance.n == 0)
		return;
	if (s->has_current && !hash128_eq(s->current, id))
		abandon(s, true);
	s->current = id;
	s->has_current = true;
	s->service = services_key(r->context, r->server_port);
	if (r->state == STATE_END_OF_MESSAGE)
		services_learn(s->server->services, s->service);
}

/* ---- log ---- */

static void remember(
    struct policy_session *s, const struct policy_request *r, const char *tenant)
{
	const struct span parts[] = { r->login, r->sender, r->recipient, r->queue_id,
		span_cstr(tenant) };

	buf_reset(&s->log);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		buf_add_span(&s->log, span_head(parts[i], 1024));
		buf_add_char(&s->log, '\0');
	}
	s->end_of_message = r->state == STATE_END_OF_MESSAGE;
	s->size = r->size;
	s->recipients = r->recipient_count;
}

static void log_verdict(const struct policy_session *s, enum verdict v, const struct quota *q)
{
	struct span part[5] = { 0 }, rest = buf_span(&s->log);
	enum log_level level = LOG_LEVEL_INFO;

	for (size_t i = 0; i < ARRAY_SIZE(part); i++)
		span_next(&rest, '\0', &part[i]);
	if (v == VERDICT_PASS && !s->end_of_message)
		level = LOG_LEVEL_DEBUG; /* the message gets its line at its end */
	if (v == VERDICT_NOT_OWNER)
		log_record(LOG_LEVEL_WARNING, part[3], "audit",
		    LOG_CSTR("event", "cross_tenant"), LOG_SPAN("tenant", part[4]),
		    LOG_SPAN("login", part[0]), LOG_SPAN("sender", part[1]));
	log_record(level, part[3], v == VERDICT_PASS ? "admitted" : "refused",
	    LOG_CSTR("verdict", reply_word(v)), LOG_SPAN("tenant", part[4]),
	    LOG_SPAN("login", part[0]), LOG_SPAN("sender", part[1]),
	    LOG_SPAN("recipient", part[2]), LOG_NUMBER("recipients", s->recipients),
	    LOG_NUMBER("size", s->size),
	    LOG_CSTR("scope", q != NULL ? quota_scope_text(q->scope) : ""),
	    LOG_CSTR("limit", q != NULL ? q->limit->text : ""));
}

void policy_log_alerts(const struct crossing *crossings, size_t count)
{
	static const int percent[] = { 80, 90, 95, 100 };
	char ends[ZONE_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		const struct crossing *c = &crossings[i];
		struct quota_bucket_parts p;

		/* A warm-up's budget is there to be used up. */
		if (!quota_split_bucket_name(span_cstr(c->name), &p) ||
		    span_eq(p.scope, SPAN("warmup")))
			continue;
		zone_format(zone_utc(), c->end_s, ends);
		for (size_t k = 0; k < ARRAY_SIZE(percent); k++)
			if ((c->bits & 1u << k) != 0)
				log_record(LOG_LEVEL_WARNING, SPAN(""), "alert",
				    LOG_NUMBER("percent", percent[k]),
				    LOG_SPAN("tenant", p.tenant), LOG_SPAN("scope", p.scope),
				    LOG_SPAN("name", p.name), LOG_SPAN("unit", p.unit),
				    LOG_SPAN("period", p.period), LOG_NUMBER("used", c->used),
				    LOG_NUMBER("limit", c->limit), LOG_CSTR("ends", ends));
	}
}

/* ---- answering ---- */

static const struct quota *refused_quota(const struct account *account, const struct outcome *o)
{
	for (size_t i = 0; i < account->quota_count; i++)
		if (account->quotas[i].bucket == o->refused.bucket)
			return &account->quotas[i];
	return NULL;
}

static struct span pool_name(const struct account *a)
{
	return a->pool != NULL ? span_cstr(pool_of(a->pool)->name) : SPAN("");
}

/* Of a warm-up's charge; false: it is none. What is bound to its source could go another way in
 * another message. */
static bool refusal_of_ramp(
    struct server *server, const struct outcome *outcome, bool bound, struct reply_facts *f)
{
	struct ramp_figures figures;

	if ((bound && outcome->refused_index == SIZE_MAX) ||
	    !ramps_of_bucket(server->ramps, outcome->refused.bucket,
		outcome->refused.start_s * NS_PER_S, &figures))
		return false;
	f->subject = span_cstr(figures.ramp->name);
	f->place = span_cstr(figures.ramp->place[0] != '\0' ? figures.ramp->place : WARMUP_ALL);
	f->day = figures.day;
	f->days = figures.days;
	f->budget = outcome->refused.limit > 0 ? figures.day_budget : 0;
	return true;
}

enum verdict policy_refusal(struct server *server, const struct account *account,
    const struct outcome *outcome, bool bound, char resets[ZONE_TEXT_MAX],
    struct reply_facts *facts_r, const struct quota **quota_r)
{
	const struct quota *refused = refused_quota(account, outcome);

	*quota_r = refused;
	*facts_r = (struct reply_facts){ .retry_s = outcome->retry_s };
	bool ramp = refused == NULL && refusal_of_ramp(server, outcome, bound, facts_r);

	resets[0] = '\0';
	if (refused == NULL && account->pool == NULL && !ramp)
		return VERDICT_STORE_DOWN;
	if (!outcome->refused.is_rate && outcome->retry_s != INT64_MAX)
		zone_format(refused != NULL ? account->who.tenant->zone : zone_utc(),
		    outcome->refused.end_s, resets);
	facts_r->resets = span_cstr(resets);
	if (ramp)
		return VERDICT_WARMING;
	if (refused == NULL) {
		facts_r->pool = pool_name(account);
		return decide_pool_refusal(outcome, bound);
	}
	facts_r->scope = span_cstr(quota_scope_text(refused->scope));
	facts_r->limit = span_cstr(refused->limit->text);
	return decide_refusal(refused, outcome);
}

/* The transport of what the message is bound to. False: it is bound to nothing. */
static bool put_way(const struct policy_session *s, struct buf *out)
{
	char way[ROUTING_WAY_MAX];
	const struct source *source;
	struct transaction_facts f;

	if (!store_facts(s->server->store, s->current, &f) || f.source.n == 0)
		return false;
	source = snapshot_find_source(s->server->snapshot, f.source);
	if (source == NULL || !routing_way(source, way))
		return false;
	reply_filter(out, way);
	return true;
}

static void send(struct policy_session *s, enum verdict v, const struct reply_facts *facts,
    const struct quota *q)
{
	struct server_counters *n = &s->server->counters;
	char space[REPLY_MAX];
	struct buf b = { .p = space, .size = sizeof space, .max = sizeof space };
	struct ticket *t = s->ticket;

	if (v == VERDICT_PASS && s->split)
		reply_filter(&b, s->server->split_way);
	else if (v != VERDICT_PASS || !s->filter || !put_way(s, &b))
		reply_policy(&b, v, facts);
	if (v == VERDICT_PASS)
		n->passed++;
	else if (verdict_is_temporary(v))
		n->deferred++;
	else
		n->refused++;
	log_verdict(s, v, q);
	s->ticket = NULL;
	if (buf_ok(&b))
		t->answer(t, buf_span(&b));
	else
		t->hang_up(t, "reply does not fit");
}

static void send_plain(struct policy_session *s, enum verdict v)
{
	const struct reply_facts none = { 0 };

	send(s, v, &none, NULL);
}

static void on_outcome(
    void *context, const struct outcome *o, const struct crossing *crossings, size_t count)
{
	struct policy_session *s = context;
	char resets[ZONE_TEXT_MAX];
	const struct quota *q;
	struct reply_facts facts;
	enum verdict v;

	switch (o->result) {
	case ADMISSION_GRANTED:
	case ADMISSION_REPEATED:
		policy_log_alerts(crossings, count);
		send_plain(s, VERDICT_PASS);
		return;
	case ADMISSION_FAILED: send_plain(s, VERDICT_STORE_DOWN); return;
	case ADMISSION_REFUSED: break;
	}
	/* A refusal comes inside store_admit, so the account is still there. */
	v = policy_refusal(s->server, s->account, o, s->bound, resets, &facts, &q);
	send(s, v, &facts, q);
}

/* ---- deciding ---- */

/* The same question as assign's: the milter will wait for the copies. Postfix asks routes only for
 * recipients that its tables do not know; a filter counts for all of them. */
static bool is_to_be_split(const struct policy_session *s, const struct account *a)
{
	return stream_is_individual(a->who.tenant, a->who.stream) &&
	       server_can_split(s->server, a->who.tenant);
}

bool policy_needs_filter(const struct account *account, struct span sender)
{
	return account->pool != NULL && (sender.n == 0 || span_eq(sender, SPAN("<>")) ||
					    !tenant_has_bounce_domain(account->who.tenant));
}

/* The charges of a domain that warms up. False: out of memory. */
static bool warm_domain(struct server *server, const struct account *a,
    const struct policy_way *way, const struct pool_request *r, struct policy_charges *c,
    struct admission *m)
{
	const struct tenant_domain *domain = NULL;
	struct ramp_question q = { .scope = COUNT_DOMAIN,
		.provider = way->provider,
		.amount = r->amount,
		.now_ns = r->now_ns };
	size_t n;

	if (r->amount > 0 &&
	    (a->who.stream->warmup != NULL || ramps_any(server->ramps, COUNT_DOMAIN)))
		domain = server_domain(&a->who, way->sender);
	if (domain == NULL)
		return true;
	/* Mail of a stream that names no plan is not what warms up. */
	if (a->who.stream->warmup != NULL)
		q.plan = tenant_warmup(a->who.tenant, domain->name);
	q.name = span_cstr(domain->name);
	n = ramps_charges(server->ramps, &q, true, c->common + m->count);
	for (size_t i = 0; i < n; i++)
		if (c->common[m->count + i].bucket == BUCKET_NONE)
			return false;
	m->count += n;
	return true;
}

bool policy_plan(struct server *server, struct account *account,
    const struct quota_amounts *amounts, const struct policy_way *way, struct policy_charges *c,
    struct admission *m)
{
	const struct pool_subject subject = { .tenant = m->facts.tenant,
		.stream = m->facts.stream,
		.sender = way->sender,
		.recipient = m->recipient,
		.transaction = m->transaction };
	struct pool_request r = { .amount = amounts->units[LIMIT_RECIPIENTS],
		.now_ns = m->now_ns,
		.brakes = server->brakes,
		.ramps = server->ramps,
		.place = way->place,
		.provider = way->provider };
	struct transaction_facts began;

	quota_windows_update(&account->windows, account->who.tenant, m->now_ns / NS_PER_S);
	m->charges = c->common;
	m->count = quota_charges(
	    account->quotas, account->quota_count, &account->windows, amounts, c->common);
	c->bound = false;
	if (!warm_domain(server, account, way, &r, c, m))
		return false;
	if (account->pool == NULL)
		return true;
	if (store_facts(server->store, m->transaction, &began))
		r.bound = began.source;
	c->bound = r.bound.n > 0;
	r.seed = pool_seed(pool_of(account->pool), &subject);
	pools_plan(server->pools, account->pool, &r, &c->plan);
	memcpy(
	    c->common + m->count, c->plan.common, c->plan.common_count * sizeof c->common[0]);
	m->count += c->plan.common_count;
	m->candidates = c->plan.candidates;
	m->candidate_count = c->plan.count;
	return r.amount == 0 || c->plan.count > 0;
}

static void admit(struct policy_session *s, const struct policy_request *r, struct account *a,
    uint64_t recipient, int64_t now_ns)
{
	struct policy_charges charges;
	struct quota_amounts amounts = { 0 };
	char space[DOMAIN_MAX];
	struct span place = place_of(s->server->providers, r->recipient, space);
	const struct policy_way way = { r->sender, place, place_group(place, space) };
	struct admission m = { .transaction = s->current,
		.recipient = recipient,
		.queue_id = r->queue_id,
		.facts = { .tenant = span_cstr(a->who.tenant->name),
		    .stream = span_cstr(a->who.stream->name),
		    .login = a->who.login,
		    .sender = r->sender,
		    .class = (uint8_t)a->who.stream->class },
		.now_ns = now_ns,
		.context = s };

	if (r->state == STATE_RCPT) {
		m.stage = STAGE_RECIPIENT;
		amounts.units[LIMIT_RECIPIENTS] = 1;
	} else {
		uint32_t charged = store_charged(s->server->store, s->current);

		/* Recipients we were never asked about (a restriction list without us, a restart
		 * that lost an open transaction) are charged now. */
		m.stage = STAGE_END_OF_MESSAGE;
		amounts.units[LIMIT_MESSAGES] = 1;
		amounts.units[LIMIT_BYTES] = r->size;
		amounts.units[LIMIT_RECIPIENTS] =
		    r->recipient_count > charged ? r->recipient_count - charged : 0;
		s->split = charged > 1 && is_to_be_split(s, a);
		s->filter = policy_needs_filter(a, r->sender);
	}
	if (!policy_plan(s->server, a, &amounts, &way, &charges, &m)) {
		const struct reply_facts facts = { .pool = pool_name(a) };

		send(s, VERDICT_POOL_AWAY, &facts, NULL);
		return;
	}
	s->account = a;
	s->bound = charges.bound;
	store_admit(s->server->store, &m, 1, on_outcome);
}

/* One message, one tenant, one stream, one pool: else its recipients were charged to one and its
 * octets to another, and the milter would sign for whom it began with. */
static bool is_changing(const struct policy_session *s, const struct account *a)
{
	struct transaction_facts began;

	if (!s->has_current || !store_facts(s->server->store, s->current, &began))
		return false;
	if (!span_eq(began.tenant, span_cstr(a->who.tenant->name)) ||
	    !span_eq(began.stream, span_cstr(a->who.stream->name)))
		return true;
	if (began.source.n == 0 || a->pool == NULL)
		return began.source.n > 0 || a->pool != NULL;
	return !pool_has_source(a->pool, began.source);
}

/* A recipient more than the message can have: its copies must differ, and Postfix is not set up
 * to make them. A question asked again is not one more. Where we were never asked about
 * recipients, nobody can tell which copies to make. */
static bool is_one_too_many(const struct policy_session *s, const struct policy_request *r,
    const struct account *a, uint64_t recipient)
{
	const struct server *server = s->server;
	uint32_t charged;

	if (!stream_is_individual(a->who.tenant, a->who.stream))
		return false;
	charged = store_charged(server->store, s->current);
	if (r->state == STATE_RCPT)
		return charged > 0 && !server_can_split(server, a->who.tenant) &&
		       !store_has_recipient(server->store, s->current, recipient);
	return r->state == STATE_END_OF_MESSAGE && charged == 0 && r->recipient_count > 1;
}

/* Of a recipient; only new mail is held back. */
static const struct brake *find_brake(const struct policy_session *s,
    const struct policy_request *r, const struct account *a, int64_t now_s)
{
	char place[DOMAIN_MAX];

	return r->state == STATE_RCPT && brakes_any(s->server->brakes)
		   ? server_brake(s->server, &a->who, r->sender,
			 place_of(s->server->providers, r->recipient, place), now_s)
		   : NULL;
}

static void send_braked(struct policy_session *s, const struct policy_request *r,
    const struct account *a, int64_t now_s)
{
	const struct brake *b = find_brake(s, r, a, now_s);
	char until[ZONE_TEXT_MAX] = "";
	struct reply_facts facts = { .retry_s = 0 };

	if (b != NULL) {
		zone_format(a->who.tenant->zone, b->until_s, until);
		facts = (struct reply_facts){ .place = span_cstr(b->place),
			.rule = span_cstr(b->rule),
			.resets = span_cstr(until) };
	}
	send(s, VERDICT_BRAKED, &facts, NULL);
}

/* A report for a message that never was is refused at the door, where reports are read by us. */
static void look_at_return(
    struct server *server, struct span recipient, struct decision_facts *facts_r)
{
	struct token_return token;
	enum sender_kind kind;
	size_t tenant;

	if (snapshot_provider(server->snapshot)->postfix.returns[0] == '\0' ||
	    !senders_is_path(&server->senders, recipient))
		return;
	kind = senders_open(&server->senders, recipient, &tenant, &token);
	facts_r->no_return = kind == SENDER_FOREIGN;
	facts_r->return_unknown = kind == SENDER_UNKNOWN;
}

static bool fetch(struct policy_session *s, const struct policy_request *r,
    const struct account *a, struct decision_facts *facts_r, uint64_t *recipient_r)
{
	struct server *server = s->server;
	uint8_t digest[DIGEST_SIZE];
	enum suppress_scope scope;

	*facts_r = (struct decision_facts){ .sender_owned = true,
		.now_s = clock_wall_ns() / NS_PER_S };
	*recipient_r = 0;
	if (a->who.direction == DIRECTION_OTHER && r->state == STATE_RCPT)
		look_at_return(server, r->recipient, facts_r);
	if (a->who.direction != DIRECTION_TENANT)
		return true;
	facts_r->override = states_get(server->states, span_cstr(a->who.tenant->name));
	if (r->state == STATE_MAIL || r->state == STATE_RCPT || r->state == STATE_DATA ||
	    r->state == STATE_END_OF_MESSAGE)
		facts_r->sender_owned =
		    decide_sender_owned(server->snapshot, a->who.tenant_index, r->sender);
	if (r->state == STATE_RCPT || r->state == STATE_END_OF_MESSAGE)
		facts_r->changing = is_changing(s, a);
	facts_r->pool_away = a->pool_missing;
	facts_r->braked = find_brake(s, r, a, facts_r->now_s) != NULL;
	*recipient_r = r->state == STATE_RCPT
			   ? suppress_recipient_hash(server->suppress, r->recipient)
			   : 0;
	facts_r->one_too_many = is_one_too_many(s, r, a, *recipient_r);
	if (r->state != STATE_RCPT || suppress_count(server->suppress) == 0)
		return true; /* a digest costs more than all else here */
	if (suppress_digest(server->suppress, r->recipient, digest) != ERR_OK)
		return false;
	facts_r->suppressed = suppress_match(server->suppress, digest,
	    span_cstr(a->who.tenant->name), span_cstr(a->who.stream->name), &scope);
	return true;
}

void policy_request(
    void *context, void *session, const struct attr_request *request, struct ticket *ticket)
{
	struct policy_session *s = session;
	struct server *server = context;
	struct policy_request r;
	struct decision_facts facts;
	const char *wrong = request_read(request, &r);
	struct account *a = NULL;
	uint64_t recipient;
	enum verdict v;

	server->counters.requests++;
	s->ticket = ticket;
	s->split = s->filter = false;
	if (wrong == NULL) {
		follow_instance(s, &r);
		a = accounts_obtain(server->accounts, server->snapshot, server->store,
		    server->pools, r.login, r.client_address, r.context, r.server_port);
		if (a == NULL)
			wrong = "out of memory, or login and context are too long";
	}
	if (wrong != NULL) {
		ticket->hang_up(ticket, wrong);
		return;
	}
	remember(s, &r, a->who.tenant != NULL ? a->who.tenant->name : "");
	if (!fetch(s, &r, a, &facts, &recipient)) {
		send_plain(s, VERDICT_STORE_DOWN);
		return;
	}
	v = decide(server->snapshot, &a->who, &facts);
	if (a->who.direction != DIRECTION_TENANT && v == VERDICT_PASS) {
		server->counters.not_ours++;
		s->end_of_message = false;
	}
	if (v == VERDICT_BRAKED)
		send_braked(s, &r, a, facts.now_s);
	else if (v != VERDICT_PASS || a->who.direction != DIRECTION_TENANT ||
		 (r.state != STATE_RCPT && r.state != STATE_END_OF_MESSAGE))
		send_plain(s, v);
	else
		admit(s, &r, a, recipient, clock_wall_ns());
}
