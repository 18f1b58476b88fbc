/* server - small things the handlers share: learned services, tenant states, reload. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "addr.h"
#include "clock.h"
#include "hash.h"
#include "log.h"
#include "server.h"
#include "table.h"

/* ---- services that send END-OF-MESSAGE ---- */

#define SERVICES_MAX 256u /* distinct (context, port); beyond that none is learned */

struct services {
	uint64_t keys[SERVICES_MAX];
	size_t count;
};

struct services *services_new(void)
{
	return calloc(1, sizeof(struct services));
}

void services_free(struct services **s)
{
	free(*s);
	*s = NULL;
}

uint64_t services_key(struct span context, uint16_t server_port)
{
	return hash64(context, server_port);
}

bool services_known(const struct services *s, uint64_t key)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->keys[i] == key)
			return true;
	return false;
}

void services_learn(struct services *s, uint64_t key)
{
	if (s->count < SERVICES_MAX && !services_known(s, key))
		s->keys[s->count++] = key;
}

/* ---- tenant states ---- */

struct state_entry {
	UT_hash_handle hh;
	enum tenant_state state;
	char name[];
};

struct states {
	struct store *store;
	unsigned database;
	struct state_entry *entries; /* tenant => entry */
	enum err load_result;
};

static const char *const stored_words[] = {
	[TENANT_ACTIVE] = "active",
	[TENANT_PAST_DUE] = "past_due",
	[TENANT_SUSPENDED] = "suspended",
	[TENANT_CLOSED] = "closed",
};

static enum err put_state(struct states *s, struct span tenant, enum tenant_state state)
{
	struct state_entry *e = NULL;

	HASH_FIND(hh, s->entries, tenant.p, tenant.n, e);
	if (e != NULL) {
		e->state = state;
		return ERR_OK;
	}
	e = calloc(1, sizeof *e + tenant.n + 1);
	if (e == NULL)
		return ERR_NOMEM;
	memcpy(e->name, tenant.p, tenant.n);
	e->state = state;
	HASH_ADD_KEYPTR(hh, s->entries, e->name, tenant.n, e);
	return ERR_OK;
}

/* A stored state is its word and a checksum over tenant and word: a name that changed on the disk
 * must not set its tenant free. */
static uint64_t state_checksum(struct span tenant, struct span word)
{
	return htole64(hash64(word, hash64(tenant, 0)));
}

static bool load_state(void *context, struct span key, struct span value)
{
	struct states *s = context;
	struct span word = value;
	uint64_t checksum = 0;

	if (value.n > sizeof checksum) {
		word = span_head(value, value.n - sizeof checksum);
		memcpy(&checksum, value.p + word.n, sizeof checksum);
	}
	for (size_t i = 0; i < ARRAY_SIZE(stored_words); i++)
		if (checksum == state_checksum(key, word) &&
		    span_eq(word, span_cstr(stored_words[i]))) {
			s->load_result = put_state(s, key, (enum tenant_state)i);
			return s->load_result == ERR_OK;
		}
	s->load_result = ERR_CORRUPT;
	return false;
}

enum err states_open(struct store *store, struct states **states_r)
{
	struct states *s = calloc(1, sizeof *s);
	const struct span all = { "", 0 };
	struct kv_txn *txn = NULL;
	enum err e = ERR_NOMEM;

	if (s == NULL)
		return e;
	s->store = store;
	s->database = store_database(store, STORE_TENANT);
	e = kv_begin(store_kv(store), false, &txn);
	if (e == ERR_OK)
		e = kv_scan(txn, s->database, all, all, load_state, s);
	kv_abort(&txn);
	if (e == ERR_OK)
		e = s->load_result;
	if (e == ERR_OK)
		*states_r = s;
	else
		states_close(&s);
	return e;
}

void states_close(struct states **s)
{
	struct state_entry *e, *next;

	if (*s == NULL)
		return;
	HASH_ITER(hh, (*s)->entries, e, next)
	{
		HASH_DEL((*s)->entries, e);
		free(e);
	}
	free(*s);
	*s = NULL;
}

enum tenant_state states_get(const struct states *s, struct span tenant)
{
	struct state_entry *e = NULL;

	if (s->entries == NULL)
		return TENANT_ACTIVE;
	HASH_FIND(hh, s->entries, tenant.p, tenant.n, e);
	return e != NULL ? e->state : TENANT_ACTIVE;
}

struct state_change {
	struct states *states;
	struct buf tenant;
	enum tenant_state state;
	enum err result;
	states_done *done;
	void *context;
};

static enum err change_once(struct kv *kv, const struct state_change *c, struct span value)
{
	struct span tenant = buf_span(&c->tenant);
	struct kv_txn *txn = NULL;
	enum err e = kv_begin(kv, true, &txn);

	if (e == ERR_OK)
		e = c->state == TENANT_ACTIVE ? kv_delete(txn, c->states->database, tenant)
					      : kv_put(txn, c->states->database, tenant, value);
	if (e == ERR_NOTFOUND)
		e = ERR_OK;
	if (e == ERR_OK)
		e = kv_commit(&txn);
	kv_abort(&txn);
	return e;
}

static void change_run(struct kv *kv, void *argument)
{
	struct state_change *c = argument;
	struct span tenant = buf_span(&c->tenant), word = span_cstr(stored_words[c->state]);
	uint64_t checksum = state_checksum(tenant, word);
	struct buf value = BUF_INIT(64);

	buf_add_span(&value, word);
	buf_add(&value, &checksum, sizeof checksum);
	c->result = ERR_NOMEM;
	if (buf_ok(&value))
		do
			c->result = change_once(kv, c, buf_span(&value));
		while (c->result == ERR_FULL && kv_grow(kv) == ERR_OK);
	buf_free(&value);
}

static void change_done(void *argument)
{
	struct state_change *c = argument;

	if (c->result == ERR_OK)
		c->result = put_state(c->states, buf_span(&c->tenant), c->state);
	c->done(c->context, c->result);
	buf_free(&c->tenant);
	free(c);
}

enum err states_set(struct states *s, struct span tenant, enum tenant_state state,
    states_done *done, void *context)
{
	struct state_change *c = calloc(1, sizeof *c);
	enum err e = ERR_NOMEM;

	if (c == NULL)
		return e;
	*c = (struct state_change){
		.states = s, .state = state, .done = done, .context = context
	};
	buf_init(&c->tenant, KV_KEY_MAX);
	buf_add_span(&c->tenant, tenant);
	if (buf_ok(&c->tenant) && tenant.n > 0)
		e = store_run(s->store, change_run, change_done, c);
	if (e != ERR_OK) {
		buf_free(&c->tenant);
		free(c);
	}
	return e;
}

/* ---- alerts ---- */

void server_brake_over(
    struct server *server, enum brake_scope scope, struct span name, struct span place)
{
	char space[ALERT_NAME_MAX];
	struct buf alert = { .p = space, .size = sizeof space, .max = sizeof space };

	brake_alert_name(&alert, scope, name, place);
	if (buf_ok(&alert))
		alerts_over(server->alerts, buf_span(&alert), clock_wall_ns() / NS_PER_S);
}

void server_ramp_judged(struct server *server, const struct ramp *ramp)
{
	enum warmup_reason reason = ramp->progress.reason;
	bool back = reason == WARMUP_BACK || reason == WARMUP_BACK_TWICE;
	char space[ALERT_NAME_MAX], words[ALERT_TEXT_MAX];
	struct buf alert = { .p = space, .size = sizeof space, .max = sizeof space };
	struct buf text = { .p = words, .size = sizeof words, .max = sizeof words };
	int64_t now_s = clock_wall_ns() / NS_PER_S;

	buf_printf(
	    &alert, "warmup/%s/%s/%s", count_scope_text(ramp->scope), ramp->name, ramp->place);
	buf_printf(&text, "warm-up of %s to %s went back to day %u (plan %s)%s", ramp->name,
	    ramp->place, ramp->progress.day, ramp->plan,
	    reason == WARMUP_BACK_TWICE
		? ", again within three days: it is paused until penguinctl warmup resume"
		: ": too many bounces, delays or complaints, or a block");
	if (!buf_ok(&alert) || !buf_ok(&text))
		return;
	if (back)
		alerts_raise(server->alerts, buf_span(&alert),
		    reason == WARMUP_BACK ? ALERT_WARNING : ALERT_ERROR, buf_span(&text),
		    now_s);
	else
		alerts_over(server->alerts, buf_span(&alert), now_s);
}

/* ---- brakes ---- */

const struct tenant_domain *server_domain(const struct identity *who, struct span sender)
{
	char canonical[DOMAIN_MAX];
	struct addr a;

	return addr_split(sender, &a) == ERR_OK &&
		       domain_canonical(a.domain, canonical) == ERR_OK
		   ? tenant_find_domain(who->tenant, span_cstr(canonical))
		   : NULL;
}

const struct brake *server_brake(const struct server *server, const struct identity *who,
    struct span sender, struct span place, int64_t now_s)
{
	const struct tenant_domain *domain = NULL;
	char space[2 * DOMAIN_MAX];
	struct buf stream = { .p = space, .size = sizeof space, .max = sizeof space };
	const struct brake *b;

	if (!brakes_any(server->brakes))
		return NULL;
	b = brakes_find(
	    server->brakes, BRAKE_TENANT, span_cstr(who->tenant->name), place, now_s);
	buf_printf(&stream, "%s/%s", who->tenant->name, who->stream->name);
	if (b == NULL && buf_ok(&stream))
		b = brakes_find(server->brakes, BRAKE_STREAM, buf_span(&stream), place, now_s);
	if (b == NULL)
		domain = server_domain(who, sender);
	if (domain != NULL)
		b = brakes_find(
		    server->brakes, BRAKE_DOMAIN, span_cstr(domain->name), place, now_s);
	return b;
}

void server_read_providers(struct server *server)
{
	struct providers *fresh = NULL;
	char error[512];

	if (providers_read(snapshot_provider(server->snapshot)->providers, &fresh, error,
		sizeof error) != ERR_OK)
		log_text(LOG_LEVEL_WARNING, "%s; recipients' providers are not known", error);
	providers_free(&server->providers);
	server->providers = fresh;
}

void server_read_senders(struct server *server)
{
	char error[512];

	senders_deinit(&server->senders);
	/* routing says what is wrong with the keys. */
	if (senders_init(&server->senders, server->snapshot, error, sizeof error) != ERR_OK)
		server->senders.snapshot = server->snapshot;
}

void server_read_warmup(struct server *server)
{
	const struct provider *p = snapshot_provider(server->snapshot);
	struct warmup_plans *plans = NULL;
	char error[512];
	bool asked = false;
	enum err e = warmup_read(p->warmup, &plans, error, sizeof error);

	for (size_t i = 0; i < p->source_count; i++)
		asked = asked || p->sources[i].warmup != NULL;
	/* Who warms nothing up needs no file. */
	if (e != ERR_OK && (asked || e != ERR_NOTFOUND))
		log_text(LOG_LEVEL_ERROR, "%s; %s", error,
		    ramps_plans(server->ramps) != NULL ? "the plans read before stay"
						       : "what is to warm up sends nothing");
	ramps_use(server->ramps, plans);
}

/* ---- reload ---- */

bool server_can_split(const struct server *server, const struct tenant *tenant)
{
	return server->split_way[0] != '\0' && tenant_has_bounce_domain(tenant);
}

void server_use_routing(struct server *server, struct routing *routing_io)
{
	(void)snprintf(
	    server->split_way, sizeof server->split_way, "%s", routing_split_way(routing_io));
	if (server->routes != NULL)
		routes_swap(server->routes, routing_io);
}

/* What was used before is freed here, not in the thread that answers. */
void server_update_routes(struct server *server)
{
	struct routing routing;

	if (server->routes == NULL)
		return;
	routing_init(&routing, server->snapshot, pools_paused_sources(server->pools),
	    brakes_copy(server->brakes, clock_wall_ns() / NS_PER_S));
	server->routes_brakes = brakes_generation(server->brakes);
	server_use_routing(server, &routing);
	routing_deinit(&routing);
}

static void log_report(const struct config_report *report)
{
	struct span rest = buf_span(&report->text), line;

	while (span_next(&rest, '\n', &line))
		if (line.n > 0)
			log_text(LOG_LEVEL_WARNING, "%.*s", SPAN_ARG(line));
}

enum err server_reload(struct server *server, struct config_report *report)
{
	struct snapshot *fresh = NULL;
	const struct provider *p;
	struct pools *pools;
	enum err e = snapshot_load(server->config_file, server->snapshot, report, &fresh);

	log_report(report);
	if (e != ERR_OK) {
		log_text(LOG_LEVEL_ERROR,
		    "reload: %u errors; the configuration read before stays", report->errors);
		return e;
	}
	pools = pools_new(server->store, server->states, fresh);
	if (pools == NULL) {
		snapshot_unref(&fresh);
		return ERR_NOMEM;
	}
	accounts_forget(server->accounts);
	pools_free(&server->pools);
	server->pools = pools;
	snapshot_unref(&server->snapshot);
	server->snapshot = fresh;
	server->kept_tenants = report->errors;
	server->reloads++;
	server_update_routes(server);
	p = snapshot_provider(fresh);
	listeners_set_limits(server->listeners,
	    &(struct listen_limits){ .connections = (size_t)p->policyd.connections,
		.request_timeout_ns = p->policyd.request_timeout_s * NS_PER_S,
		.idle_timeout_ns = p->policyd.idle_timeout_s * NS_PER_S });
	server_read_providers(server);
	server_read_warmup(server);
	server_read_senders(server);
	feedback_reload(server->feedback, fresh);
	events_set_limits(
	    server->events, &(struct events_limits){ .octets = p->store.events_octets,
				.retention_s = p->store.events_retention_s });
	log_text(LOG_LEVEL_INFO, "reload: generation %llu, %zu tenants, %u errors",
	    (unsigned long long)snapshot_generation(fresh), snapshot_tenant_count(fresh),
	    report->errors);
	return ERR_OK;
}
