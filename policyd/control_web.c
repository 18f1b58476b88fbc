/* control_web - penguin-web's verbs: unsubscribe, event, metrics. */
#include <stdio.h>

#include "addr.h"
#include "clock.h"
#include "control_handlers.h"
#include "log.h"

/* ---- counting ---- */

/* For the tenant, and the stream where it is said. */
static void count(struct server *s, struct span tenant, struct span stream,
    struct span provider, int64_t time_s, enum count what)
{
	char space[2 * EVENT_NAME_MAX + 2];
	struct buf both = { .p = space, .size = sizeof space, .max = sizeof space };
	struct count_subject subject = { COUNT_TENANT, tenant, provider };

	feedback_count(s->feedback, &subject, time_s, what);
	buf_printf(&both, "%.*s/%.*s", SPAN_ARG(tenant), SPAN_ARG(stream));
	subject.scope = COUNT_STREAM;
	subject.name = buf_span(&both);
	if (stream.n > 0 && buf_ok(&both))
		feedback_count(s->feedback, &subject, time_s, what);
}

/* A group; the many sites that are of none count as one. */
static struct span provider_of(const struct server *s, struct span address)
{
	char space[DOMAIN_MAX];
	struct span place = place_of(s->providers, address, space);
	const char *group = s->providers != NULL ? providers_name(s->providers, place) : NULL;

	return span_cstr(group != NULL ? group : TRACK_OTHER);
}

/* Where its reader's mailbox is, a click does not say. */
static void count_event(struct server *s, const struct event *e)
{
	static const struct {
		struct span kind;
		enum count what;
	} kinds[] = { { { "click", 5 }, COUNT_CLICKED }, { { "open", 4 }, COUNT_OPENED } };

	if (span_eq(e->class, SPAN("machine")))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (span_eq(e->kind, kinds[i].kind))
			count(s, e->tenant, e->stream, SPAN(TRACK_OTHER), e->time_s,
			    kinds[i].what);
}

/* ---- unsubscribe ---- */

static bool is_hex(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_digit(s.p[i]) &&
		    !(ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'f'))
			return false;
	return s.n > 0 && s.n <= 16;
}

static bool is_source(struct span s)
{
	return span_eq(s, SPAN("one-click")) || span_eq(s, SPAN("page")) ||
	       span_eq(s, SPAN("mailto"));
}

/* NULL, or what is wrong. Only what cannot be stored is: whoever wants out gets out, also of a
 * stream that is there no more, and of a tenant that is suspended. */
static const char *read_unsubscribe(const struct control_call *call, struct suppress_key *key_r)
{
	struct span scope = control_get(call, "scope"), address = control_get(call, "address");

	*key_r = (struct suppress_key){ .scope = SUPPRESS_TENANT,
		.stream = control_get(call, "stream") };
	if (span_eq(scope, SPAN("stream")))
		key_r->scope = SUPPRESS_STREAM;
	else if (!span_eq(scope, SPAN("tenant")))
		return "scope: stream or tenant";
	if (key_r->scope == SUPPRESS_STREAM &&
	    (key_r->stream.n == 0 || key_r->stream.n > EVENT_NAME_MAX))
		return "stream: a name is needed";
	if (address.n == 0 || address.n >= ADDR_MAX)
		return "address: not one";
	if (!is_source(control_get(call, "source")))
		return "source: one-click, page or mailto";
	return is_hex(control_get(call, "message")) ? NULL : "message: not hexadecimal";
}

static void on_unsubscribed(void *context, enum err e, size_t added, size_t present)
{
	struct control_session *s = context;

	(void)present;
	if (e == ERR_OK) {
		control_ok(&s->reply);
		attr_put(&s->reply, "added", added > 0 ? SPAN("yes") : SPAN("no"));
	} else {
		control_error_value(&s->reply, e);
	}
	control_finish(s);
}

/* The address itself stays out of the log; the digest tells whether two lines are about one. */
static void log_unsubscribe(
    const struct control_call *call, const struct suppress_key *key, const uint8_t *digest)
{
	char prefix[9];

	(void)snprintf(prefix, sizeof prefix, "%02x%02x%02x%02x", digest[0], digest[1],
	    digest[2], digest[3]);
	log_record(LOG_LEVEL_INFO, SPAN(""), "audit", LOG_CSTR("event", "unsubscribe"),
	    LOG_SPAN("tenant", key->tenant), LOG_SPAN("stream", key->stream),
	    LOG_SPAN("scope", control_get(call, "scope")),
	    LOG_SPAN("source", control_get(call, "source")),
	    LOG_SPAN("message", control_get(call, "message")), LOG_CSTR("digest", prefix),
	    LOG_NUMBER("uid", call->session->ticket->peer_uid));
}

enum control_progress control_unsubscribe(struct control_call *call)
{
	struct control_session *s = call->session;
	struct span name = control_get(call, "tenant");
	size_t index = snapshot_find_tenant(s->server->snapshot, name);
	struct suppress_key key;
	struct suppress_row row = { .reason = SPAN("unsubscribe"),
		.source = control_get(call, "source"),
		.added_s = clock_wall_ns() / NS_PER_S };
	const char *wrong;
	enum err e;

	if (index == TENANT_NONE) {
		control_error(
		    call->reply, "notfound", "there is no tenant \"%.*s\"", SPAN_ARG(name));
		return CONTROL_DONE;
	}
	wrong = read_unsubscribe(call, &key);
	if (wrong != NULL) {
		control_error(call->reply, "syntax", "%s", wrong);
		return CONTROL_DONE;
	}
	key.tenant = span_cstr(snapshot_tenant(s->server->snapshot, index)->name);
	e = suppress_digest(s->server->suppress, control_get(call, "address"), row.digest);
	if (e == ERR_OK) {
		log_unsubscribe(call, &key, row.digest);
		count(s->server, key.tenant, control_get(call, "stream"),
		    provider_of(s->server, control_get(call, "address")), row.added_s,
		    COUNT_UNSUBSCRIBED);
		e = suppress_add(s->server->suppress, &key, &row, 1, on_unsubscribed, s);
	}
	if (e == ERR_OK)
		return CONTROL_LATER;
	control_error_value(call->reply, e);
	return CONTROL_DONE;
}

/* ---- event ---- */

enum control_progress control_event(struct control_call *call)
{
	struct server *s = call->session->server;
	int64_t now_s = clock_wall_ns() / NS_PER_S;
	uint64_t accepted = 0;
	size_t bad = 0;

	for (size_t i = 0; i < CONTROL_ROWS; i++) {
		struct span item = control_get_item(call, "event", i);
		struct event event;
		const char *wrong;

		if (item.p == NULL)
			break;
		wrong = event_read(item, now_s, &event);
		if (wrong == NULL &&
		    snapshot_find_tenant(s->snapshot, event.tenant) == TENANT_NONE)
			wrong = "there is no such tenant";
		if (wrong == NULL) {
			accepted += events_add(s->events, &event);
			count_event(s, &event);
		}
		if (wrong != NULL && bad++ == 0)
			log_record(LOG_LEVEL_WARNING, SPAN(""), "event_refused",
			    LOG_CSTR("reason", wrong),
			    LOG_NUMBER("uid", call->session->ticket->peer_uid));
	}
	attr_put_u64(call->reply, "accepted", accepted);
	return CONTROL_DONE;
}

/* ---- metrics ---- */

struct metric {
	const char *name, *labels, *type, *help;
	uint64_t value;
};

static void put_metrics(
    struct buf *reply, size_t *count_io, const struct metric *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(reply, "metric.%zu=penguin_policyd_%s\t%s\t%llu\t%s\t%s\n",
		    (*count_io)++, list[i].name, list[i].labels,
		    (unsigned long long)list[i].value, list[i].type, list[i].help);
}

static void put_service_metrics(const struct server *s, struct buf *reply, size_t *count_io)
{
	static const char answers[] = "Policy requests answered, by outcome.";
	const struct server_counters *n = &s->counters;
	const struct metric list[] = {
		{ "uptime_seconds", "", "gauge", "Time since the start.",
		    (uint64_t)((clock_mono_ns() - s->started_ns) / NS_PER_S) },
		{ "requests_total", "", "counter", "Policy requests.", n->requests },
		{ "answers_total", "result=\"admitted\"", "counter", answers,
		    n->passed - n->not_ours },
		{ "answers_total", "result=\"not_ours\"", "counter", answers, n->not_ours },
		{ "answers_total", "result=\"refused\"", "counter", answers, n->refused },
		{ "answers_total", "result=\"deferred\"", "counter", answers, n->deferred },
		{ "connections", "", "gauge", "Connections to the policy and control sockets.",
		    listeners_connections(s->listeners) },
		{ "tenants", "", "gauge", "Tenants of the configuration.",
		    snapshot_tenant_count(s->snapshot) },
		{ "tenants_kept", "", "gauge",
		    "Files that were broken when the configuration was read last.",
		    s->kept_tenants },
		{ "reloads_total", "", "counter", "Reloads of the configuration that worked.",
		    s->reloads },
		{ "suppressions", "", "gauge", "Entries of the suppression lists.",
		    suppress_count(s->suppress) },
	};

	put_metrics(reply, count_io, list, ARRAY_SIZE(list));
}

static void put_store_metrics(const struct server *s, struct buf *reply, size_t *count_io)
{
	struct store_statistics st;

	store_statistics(s->store, &st);
	{
		const struct metric list[] = {
			{ "transactions", "", "gauge", "Messages under way or just sent.",
			    st.transactions },
			{ "buckets", "", "gauge", "Counters of quotas.", st.buckets },
			{ "commits_total", "", "counter", "Commits of the store.", st.commits },
			{ "commit_failures_total", "", "counter",
			    "Commits that failed; mail was deferred.", st.failures },
			{ "store_healthy", "", "gauge", "1 when the last commit worked.",
			    store_healthy(s->store) },
			{ "store_bytes", "", "gauge", "Size of the store.",
			    st.usage.used_octets },
			{ "store_ceiling_bytes", "", "gauge", "Size it may grow to.",
			    st.usage.map_ceiling },
		};

		put_metrics(reply, count_io, list, ARRAY_SIZE(list));
	}
}

static void put_log_metrics(const struct server *s, struct buf *reply, size_t *count_io)
{
	struct routes_counters routes = { 0 };
	struct events_statistics ev;

	if (s->routes != NULL)
		routes_counters(s->routes, &routes);
	events_statistics(s->events, &ev);
	{
		const struct metric list[] = {
			{ "routes_lookups_total", "", "counter", "Questions of the socketmap.",
			    routes.lookups },
			{ "routes_found_total", "", "counter", "Of these, answered with OK.",
			    routes.found },
			{ "routes_refused_total", "", "counter",
			    "Connections of the socketmap that were refused or broken off.",
			    routes.refused },
			{ "events_total", "", "counter", "Events taken.", ev.taken },
			{ "events_written_total", "", "counter", "Events on the disk.",
			    ev.written },
			{ "events_dropped_total", "", "counter",
			    "Events lost for want of room.", ev.dropped },
			{ "event_log_failures_total", "", "counter",
			    "Writes of the event log that failed.", ev.failures },
			{ "event_log_healthy", "", "gauge", "1 when the last write worked.",
			    ev.healthy },
			{ "event_log_bytes", "", "gauge", "Size of the event log.",
			    ev.usage.octets },
			{ "event_log_files", "", "gauge", "Files of the event log.",
			    ev.usage.files },
		};

		put_metrics(reply, count_io, list, ARRAY_SIZE(list));
	}
}

enum control_progress control_metrics(struct control_call *call)
{
	const struct server *s = call->session->server;
	size_t count = 0;

	put_service_metrics(s, call->reply, &count);
	put_store_metrics(s, call->reply, &count);
	put_log_metrics(s, call->reply, &count);
	return CONTROL_DONE;
}
