/* control_admin - the administrator's verbs: status, reload, tenants, quotas, explain. */
#include <stdio.h>

#include "clock.h"
#include "control_handlers.h"
#include "daemon.h"
#include "log.h"
#include "policy.h"

/* ---- status, reload ---- */

static void put_routes_and_events(const struct server *s, struct buf *reply)
{
	struct routes_counters routes = { 0 };
	struct events_statistics ev;

	if (s->routes != NULL)
		routes_counters(s->routes, &routes);
	events_statistics(s->events, &ev);
	attr_put_u64(reply, "routes_lookups", routes.lookups);
	attr_put_u64(reply, "routes_found", routes.found);
	attr_put(reply, "split", s->split_way[0] != '\0' ? SPAN("yes") : SPAN("no"));
	attr_put_u64(reply, "events", ev.taken);
	attr_put_u64(reply, "events_dropped", ev.dropped);
	attr_put(reply, "event_log", ev.healthy ? SPAN("ok") : SPAN("writes fail"));
	attr_put_u64(reply, "event_log_octets", ev.usage.octets);
}

static void put_feedback(const struct server *s, struct buf *reply)
{
	struct feedback_statistics f;
	char newest[ZONE_TEXT_MAX] = "";

	feedback_statistics(s->feedback, &f);
	if (f.newest_s != 0)
		zone_format(zone_utc(), f.newest_s, newest);
	attr_put(reply, "mail_log",
	    !f.configured ? SPAN("none")
	    : f.healthy   ? SPAN("ok")
			  : SPAN("trouble"));
	attr_put_u64(reply, "log_lines", f.lines);
	attr_put_u64(reply, "log_deliveries", f.deliveries);
	attr_put_u64(reply, "log_foreign", f.foreign);
	attr_put_u64(reply, "log_unreadable", f.unreadable);
	attr_put(reply, "log_newest", span_cstr(newest));
	attr_put_u64(reply, "tracked", f.tracked);
	attr_put_u64(reply, "suppressed_by_log", f.suppressed);
}

enum control_progress control_status(struct control_call *call)
{
	struct server *s = call->session->server;
	struct store_statistics st;
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "uptime_s", (uint64_t)((clock_mono_ns() - s->started_ns) / NS_PER_S) },
		{ "generation", snapshot_generation(s->snapshot) },
		{ "tenants", snapshot_tenant_count(s->snapshot) },
		{ "tenants_kept", s->kept_tenants },
		{ "connections", listeners_connections(s->listeners) },
		{ "requests", s->counters.requests },
		{ "admitted", s->counters.passed - s->counters.not_ours },
		{ "not_ours", s->counters.not_ours },
		{ "refused", s->counters.refused },
		{ "deferred", s->counters.deferred },
		{ "suppressions", suppress_count(s->suppress) },
	};

	store_statistics(s->store, &st);
	attr_put(call->reply, "version", span_cstr(daemon_version()));
	attr_put(
	    call->reply, "store", store_healthy(s->store) ? SPAN("ok") : SPAN("commits fail"));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		attr_put_u64(call->reply, numbers[i].name, numbers[i].value);
	attr_put_u64(call->reply, "transactions", st.transactions);
	attr_put_u64(call->reply, "buckets", st.buckets);
	attr_put_u64(call->reply, "commits", st.commits);
	attr_put_u64(call->reply, "commit_failures", st.failures);
	attr_put_u64(call->reply, "commit_p50_us", st.commit_p50_us);
	attr_put_u64(call->reply, "commit_p99_us", st.commit_p99_us);
	attr_put_u64(call->reply, "store_octets", st.usage.used_octets);
	attr_put_u64(call->reply, "store_ceiling", st.usage.map_ceiling);
	put_routes_and_events(s, call->reply);
	put_feedback(s, call->reply);
	return CONTROL_DONE;
}

enum control_progress control_reload(struct control_call *call)
{
	struct server *s = call->session->server;
	struct config_report report = { .text = BUF_INIT(16u << 20) };
	struct span rest, line;
	size_t n = 0;

	if (server_reload(s, &report) != ERR_OK)
		control_error(call->reply, "config",
		    "the provider's file is broken; the configuration read before stays");
	log_record(LOG_LEVEL_INFO, SPAN(""), "audit", LOG_CSTR("event", "reload"),
	    LOG_NUMBER("uid", call->session->ticket->peer_uid),
	    LOG_NUMBER("errors", report.errors));
	attr_put_u64(call->reply, "generation", snapshot_generation(s->snapshot));
	attr_put_u64(call->reply, "tenants", snapshot_tenant_count(s->snapshot));
	attr_put_u64(call->reply, "errors", report.errors);
	attr_put_u64(call->reply, "warnings", report.warnings);
	rest = buf_span(&report.text);
	while (n < CONTROL_ROWS && span_next(&rest, '\n', &line))
		buf_printf(call->reply, "line.%zu=%.*s\n", n++, SPAN_ARG(line));
	buf_free(&report.text);
	return CONTROL_DONE;
}

/* ---- tenants ---- */

static enum tenant_state effective(const struct server *s, const struct tenant *t)
{
	return tenant_effective_state(t, states_get(s->states, span_cstr(t->name)),
	    snapshot_provider(s->snapshot)->policyd.past_due_grace_s,
	    clock_wall_ns() / NS_PER_S);
}

static size_t count_logins(const struct tenant *t)
{
	size_t n = 0;

	while (t->logins != NULL && t->logins[n] != NULL)
		n++;
	return n;
}

static struct span number(char space[24], uint64_t value)
{
	return span_make(space, (size_t)snprintf(space, 24, "%llu", (unsigned long long)value));
}

enum control_progress control_tenant_list(struct control_call *call)
{
	const struct server *s = call->session->server;
	size_t count = snapshot_tenant_count(s->snapshot), rows = 0;
	uint64_t i = 0;

	if (control_get(call, "from").n > 0 && !span_u64(control_get(call, "from"), &i)) {
		control_error(call->reply, "syntax", "from: not a number");
		return CONTROL_DONE;
	}
	attr_put(call->reply, "columns",
	    SPAN("name\tplan\tstate\tfile_state\tstreams\tdomains\tlogins"));
	for (; i < count && rows < CONTROL_ROWS; i++, rows++) {
		const struct tenant *t = snapshot_tenant(s->snapshot, (size_t)i);
		char a[24], b[24], c[24];
		const struct span fields[] = { span_cstr(t->name), span_cstr(t->plan_name),
			span_cstr(tenant_state_text(effective(s, t))),
			span_cstr(tenant_state_text(t->state)), number(a, t->stream_count),
			number(b, t->domain_count), number(c, count_logins(t)) };

		control_row(call->reply, rows, fields, ARRAY_SIZE(fields));
	}
	if (i < count)
		attr_put_u64(call->reply, "next", i);
	return CONTROL_DONE;
}

static const struct tenant *find_tenant(struct control_call *call, size_t *index_r)
{
	const struct server *s = call->session->server;
	struct span name = control_get(call, "tenant");

	*index_r = snapshot_find_tenant(s->snapshot, name);
	if (*index_r == TENANT_NONE) {
		control_error(
		    call->reply, "notfound", "there is no tenant \"%.*s\"", SPAN_ARG(name));
		return NULL;
	}
	return snapshot_tenant(s->snapshot, *index_r);
}

static void put_list(struct buf *reply, const char *name, const char *const *list)
{
	buf_printf(reply, "%s=", name);
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		buf_printf(reply, "%s%s", i > 0 ? ", " : "", list[i]);
	buf_add_char(reply, '\n');
}

enum control_progress control_tenant_show(struct control_call *call)
{
	const struct server *s = call->session->server;
	size_t index;
	const struct tenant *t = find_tenant(call, &index);
	struct buf *reply = call->reply;

	if (t == NULL)
		return CONTROL_DONE;
	attr_put(reply, "tenant", span_cstr(t->name));
	attr_put(reply, "plan", span_cstr(t->plan_name));
	attr_put(reply, "state", span_cstr(tenant_state_text(effective(s, t))));
	attr_put(reply, "file_state", span_cstr(tenant_state_text(t->state)));
	attr_put(reply, "file", span_cstr(t->file));
	attr_put(reply, "timezone", span_cstr(t->timezone));
	attr_put_u64(reply, "cycle_day", (uint64_t)t->cycle_day);
	put_list(reply, "logins", t->logins);
	buf_add_cstr(reply, "domains=");
	for (size_t i = 0; i < t->domain_count; i++)
		buf_printf(reply, "%s%s%s (%zu keys)", i > 0 ? ", " : "", t->domains[i].name,
		    t->domains[i].subdomains ? " and below" : "", t->domains[i].key_count);
	buf_add_cstr(reply, "\nstreams=");
	for (size_t i = 0; i < t->stream_count; i++)
		buf_printf(reply, "%s%s (%s)", i > 0 ? ", " : "", t->streams[i].name,
		    stream_class_text(t->streams[i].class));
	buf_add_char(reply, '\n');
	return CONTROL_DONE;
}

static void on_state(void *context, enum err e)
{
	struct control_session *s = context;

	if (e == ERR_OK)
		control_ok(&s->reply);
	else
		control_error_value(&s->reply, e);
	control_finish(s);
}

enum control_progress control_tenant_state(struct control_call *call)
{
	struct control_session *s = call->session;
	struct span state = control_get(call, "state");
	bool suspend = span_eq(state, SPAN("suspended"));
	size_t index;
	const struct tenant *t = find_tenant(call, &index);
	enum err e;

	if (t == NULL)
		return CONTROL_DONE;
	if (!suspend && !span_eq(state, SPAN("active"))) {
		control_error(call->reply, "syntax", "state: active or suspended");
		return CONTROL_DONE;
	}
	log_record(LOG_LEVEL_WARNING, SPAN(""), "audit", LOG_CSTR("event", "tenant_state"),
	    LOG_CSTR("tenant", t->name), LOG_SPAN("state", state),
	    LOG_SPAN("reason", control_get(call, "reason")),
	    LOG_NUMBER("uid", s->ticket->peer_uid));
	e = states_set(s->server->states, span_cstr(t->name),
	    suspend ? TENANT_SUSPENDED : TENANT_ACTIVE, on_state, s);
	if (e == ERR_OK)
		return CONTROL_LATER;
	control_error_value(call->reply, e);
	return CONTROL_DONE;
}

/* ---- quotas ---- */

static const char quota_columns[] =
    "tenant\tscope\tname\tunit\tlimit\tused\tremaining\tpercent\tresets";

static void put_quota(const struct server *s, const struct tenant *t, const struct quota *q,
    const struct charge *c, int64_t now_ns, size_t row, struct buf *reply, bool explain)
{
	char used_text[24], left_text[24], percent_text[24], resets[ZONE_TEXT_MAX] = "";
	uint64_t limit = c->is_rate ? c->rate.burst : c->limit, used;
	int64_t retry_s;
	bool fits = store_peek(s->store, c, now_ns, &used, &retry_s);
	struct span fields[] = { span_cstr(t->name), span_cstr(quota_scope_text(q->scope)),
		q->name, span_cstr(limit_unit_text(q->limit->unit)), span_cstr(q->limit->text),
		number(used_text, used), number(left_text, used < limit ? limit - used : 0),
		number(percent_text,
		    limit > 0 ? (uint64_t)((double)used * 100.0 / (double)limit) : 100),
		span_cstr(resets), fits ? SPAN("yes") : SPAN("no") };

	if (!c->is_rate)
		zone_format(t->zone, c->end_s, resets);
	fields[8] = span_cstr(resets);
	control_row(reply, row, fields, ARRAY_SIZE(fields) - (explain ? 0 : 1));
}

/* The charge that one unit would be, for looking. */
static bool look(struct server *s, const struct tenant *t, struct quota *q, int64_t now_ns,
    struct charge *charge_r)
{
	struct quota_windows w = { 0 };
	const struct quota_amounts one = { .units = { 1, 1, 1 } };
	struct charge charges[CHARGES_MAX];
	char space[BUCKET_NAME_MAX];
	struct buf name = { .p = space, .size = sizeof space, .max = sizeof space };

	quota_bucket_name(&name, span_cstr(t->name), q);
	if (!buf_ok(&name))
		return false;
	q->bucket = store_find_bucket(s->store, buf_span(&name));
	quota_windows_update(&w, t, now_ns / NS_PER_S);
	if (quota_charges(q, 1, &w, &one, charges) != 1)
		return false;
	*charge_r = charges[0];
	return true;
}

/* Rows of one tenant, from a row number on. */
struct quota_listing {
	struct server *server;
	struct buf *reply;
	const struct tenant *tenant;
	int64_t now_ns;
	size_t row, skip, written;
};

/* False: the page is full. */
static bool list_quota(struct quota_listing *l, struct quota *q)
{
	struct charge c;

	if (l->row++ < l->skip)
		return true;
	if (l->written == CONTROL_ROWS)
		return false;
	if (look(l->server, l->tenant, q, l->now_ns, &c))
		put_quota(
		    l->server, l->tenant, q, &c, l->now_ns, l->written++, l->reply, false);
	return true;
}

static bool list_scope(
    struct quota_listing *l, struct quota *quotas, size_t count, enum quota_scope scope)
{
	for (size_t i = 0; i < count; i++)
		if (quotas[i].scope == scope && !list_quota(l, &quotas[i]))
			return false;
	return true;
}

/* The quotas of a login whose name comes from a bucket's name. */
static size_t list_stored(const struct tenant *t, const struct plan *plan,
    const struct stream *stream, struct span login, struct quota out[QUOTA_MAX])
{
	size_t count = quota_list(t, plan, stream, login, out);

	for (size_t i = 0; i < count; i++)
		out[i].stored_name = out[i].scope == SCOPE_LOGIN;
	return count;
}

/* Logins appear once they have sent: a wildcard names no one. */
static bool list_logins(struct quota_listing *l, const struct plan *plan)
{
	struct span last = { NULL, 0 };

	for (uint32_t i = 0; i < store_bucket_count(l->server->store); i++) {
		const char *text = store_bucket_name(l->server->store, i);
		struct quota quotas[QUOTA_MAX];
		struct quota_bucket_parts p;
		size_t count;

		if (text == NULL || !quota_split_bucket_name(span_cstr(text), &p) ||
		    !span_eq(p.tenant, span_cstr(l->tenant->name)) ||
		    !span_eq(p.scope, SPAN("login")) ||
		    (last.p != NULL && span_eq(last, p.name)))
			continue;
		/* A login's buckets are made together, so they are neighbours. */
		last = p.name;
		count = list_stored(l->tenant, plan, &l->tenant->streams[0], p.name, quotas);
		if (!list_scope(l, quotas, count, SCOPE_LOGIN))
			return false;
	}
	return true;
}

static bool list_tenant(struct quota_listing *l, const struct plan *plan)
{
	struct quota quotas[QUOTA_MAX];
	size_t count = 0;

	for (size_t i = 0; i < l->tenant->stream_count; i++) {
		count = quota_list(l->tenant, plan, &l->tenant->streams[i], SPAN(""), quotas);
		if (i == 0 && (!list_scope(l, quotas, count, SCOPE_PLAN) ||
				  !list_scope(l, quotas, count, SCOPE_TENANT)))
			return false;
		if (!list_scope(l, quotas, count, SCOPE_STREAM))
			return false;
	}
	return list_logins(l, plan);
}

enum control_progress control_quota_show(struct control_call *call)
{
	struct server *s = call->session->server;
	struct span from = control_get(call, "from"), part;
	struct quota_listing l = {
		.server = s, .reply = call->reply, .now_ns = clock_wall_ns()
	};
	size_t index = 0, last = snapshot_tenant_count(s->snapshot);
	uint64_t first = 0, row = 0;

	/* from: "tenant index.row" */
	if (from.n > 0 && (!span_next(&from, '.', &part) || !span_u64(part, &first) ||
			      !span_next(&from, '.', &part) || !span_u64(part, &row))) {
		control_error(call->reply, "syntax", "from: not one of ours");
		return CONTROL_DONE;
	}
	if (control_get(call, "tenant").n > 0) {
		if (find_tenant(call, &index) == NULL)
			return CONTROL_DONE;
		first = index;
		last = index + 1;
	}
	attr_put(call->reply, "columns", span_cstr(quota_columns));
	for (index = (size_t)first; index < last; index++) {
		l.tenant = snapshot_tenant(s->snapshot, index);
		l.row = 0;
		l.skip = index == first ? (size_t)row : 0;
		if (list_tenant(&l, snapshot_plan(s->snapshot, index)))
			continue;
		buf_printf(call->reply, "next=%zu.%zu\n", index, l.row - 1);
		break;
	}
	return CONTROL_DONE;
}

static bool wanted(struct span asked, struct span is)
{
	return asked.n == 0 || span_eq(asked, is);
}

enum control_progress control_quota_reset(struct control_call *call)
{
	struct server *s = call->session->server;
	struct span scope = control_get(call, "scope"), name = control_get(call, "name"),
		    limit = control_get(call, "limit");
	size_t index;
	const struct tenant *t = find_tenant(call, &index);
	struct quota quotas[QUOTA_MAX];
	uint64_t reset = 0;

	if (t == NULL)
		return CONTROL_DONE;
	for (uint32_t i = 0; i < store_bucket_count(s->store); i++) {
		const char *text = store_bucket_name(s->store, i);
		struct quota_bucket_parts p;
		bool hit = limit.n == 0;

		if (text == NULL || !quota_split_bucket_name(span_cstr(text), &p) ||
		    !span_eq(p.tenant, span_cstr(t->name)) || !wanted(scope, p.scope) ||
		    !wanted(name, p.name))
			continue;
		for (size_t k = 0; k < t->stream_count && !hit; k++) {
			size_t n = list_stored(t, snapshot_plan(s->snapshot, index),
			    &t->streams[k], p.name, quotas);

			for (size_t j = 0; j < n && !hit; j++) {
				struct charge c;

				hit = span_eq(span_cstr(quotas[j].limit->text), limit) &&
				      look(s, t, &quotas[j], clock_wall_ns(), &c) &&
				      quotas[j].bucket == i;
			}
		}
		if (!hit)
			continue;
		store_reset_bucket(s->store, i);
		reset++;
	}
	log_record(LOG_LEVEL_WARNING, SPAN(""), "audit", LOG_CSTR("event", "quota_reset"),
	    LOG_CSTR("tenant", t->name), LOG_SPAN("scope", scope), LOG_SPAN("name", name),
	    LOG_SPAN("limit", limit), LOG_NUMBER("buckets", reset),
	    LOG_NUMBER("uid", call->session->ticket->peer_uid));
	attr_put_u64(call->reply, "reset", reset);
	return CONTROL_DONE;
}

/* ---- explain ---- */

/* Rows for the charges of one message with one recipient; the worst refusal in outcome. */
static bool explain_quotas(struct control_call *call, struct account *a, uint64_t size,
    int64_t now_ns, struct outcome *outcome_r)
{
	struct server *s = call->session->server;
	const struct quota_amounts amounts = {
		.units = { [LIMIT_RECIPIENTS] = 1, [LIMIT_MESSAGES] = 1, [LIMIT_BYTES] = size }
	};
	struct charge c[CHARGES_MAX];
	bool fits = true;
	size_t row = 0;

	buf_printf(call->reply, "columns=%s\tfits\n", quota_columns);
	quota_windows_update(&a->windows, a->who.tenant, now_ns / NS_PER_S);
	for (size_t i = 0; i < a->quota_count; i++) {
		int64_t retry_s;
		uint64_t used;

		if (quota_charges(&a->quotas[i], 1, &a->windows, &amounts, c) != 1)
			continue;
		put_quota(
		    s, a->who.tenant, &a->quotas[i], &c[0], now_ns, row++, call->reply, true);
		if (store_peek(s->store, &c[0], now_ns, &used, &retry_s))
			continue;
		if (fits || retry_s > outcome_r->retry_s) {
			outcome_r->retry_s = retry_s;
			outcome_r->refused = c[0];
			outcome_r->refused_index = i;
		}
		fits = false;
	}
	return fits;
}

static void put_decision(struct buf *reply, enum verdict v, const struct reply_facts *facts)
{
	const char *code, *enhanced;
	char space[512];
	struct buf text = { .p = space, .size = sizeof space, .max = sizeof space };

	reply_parts(v, facts, false, &code, &enhanced, &text);
	attr_put(reply, "decision", span_cstr(reply_word(v)));
	buf_printf(reply, "code=%s %s\n", code, enhanced);
	attr_put(reply, "text", buf_span(&text));
}

enum control_progress control_explain(struct control_call *call)
{
	struct server *s = call->session->server;
	struct account a = { 0 };
	struct decision_facts facts = { 0 };
	struct outcome outcome = { 0 };
	struct reply_facts reply = { 0 };
	char resets[ZONE_TEXT_MAX];
	uint8_t digest[DIGEST_SIZE];
	enum suppress_scope scope;
	int64_t now_ns = clock_wall_ns();
	uint64_t size = 0;
	enum verdict v, of_pool = VERDICT_PASS;
	const struct quota *q;
	bool fits;

	(void)span_u64(control_get(call, "size"), &size);
	a.who = decide_identity(s->snapshot, control_get(call, "login"),
	    control_get(call, "client_address"), SPAN(""), 0);
	if (a.who.direction != DIRECTION_TENANT) {
		put_decision(call->reply, decide(s->snapshot, &a.who, &facts), &reply);
		attr_put(call->reply, "tenant", SPAN(""));
		attr_put(call->reply, "why",
		    a.who.direction == DIRECTION_UNKNOWN
			? SPAN("no tenant has this login")
			: SPAN("not a tenant's mail: it passes untouched"));
		return CONTROL_DONE;
	}
	facts.override = states_get(s->states, span_cstr(a.who.tenant->name));
	facts.sender_owned =
	    decide_sender_owned(s->snapshot, a.who.tenant_index, control_get(call, "sender"));
	facts.now_s = now_ns / NS_PER_S;
	if (suppress_digest(s->suppress, control_get(call, "recipient"), digest) == ERR_OK)
		facts.suppressed = suppress_match(s->suppress, digest,
		    span_cstr(a.who.tenant->name), span_cstr(a.who.stream->name), &scope);
	(void)account_pool(s->pools, s->snapshot, &a);
	facts.pool_away = a.pool_missing;
	v = decide(s->snapshot, &a.who, &facts);
	(void)account_quotas(s->store, false, a.who.tenant, a.who.plan, a.who.stream,
	    a.who.login, a.quotas, &a.quota_count);
	fits = explain_quotas(call, &a, size, now_ns, &outcome);
	if (a.pool != NULL) {
		struct outcome pool_outcome;

		of_pool = control_explain_pool(call, &a, now_ns, &pool_outcome);
		reply.pool = span_cstr(pool_of(a.pool)->name);
		if (fits && of_pool != VERDICT_PASS)
			outcome = pool_outcome;
	}
	if (v == VERDICT_PASS && fits && of_pool == VERDICT_POOL_AWAY)
		v = of_pool;
	else if (v == VERDICT_PASS && (!fits || of_pool != VERDICT_PASS))
		v = policy_refusal(
		    call->session->server, &a, &outcome, false, resets, &reply, &q);
	attr_put(call->reply, "tenant", span_cstr(a.who.tenant->name));
	attr_put(call->reply, "stream", span_cstr(a.who.stream->name));
	put_decision(call->reply, v, &reply);
	return CONTROL_DONE;
}
