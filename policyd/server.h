/* server.h - what the handlers of policyd share: the snapshot, the store, and what was learned
 * while running. Owned by main; one thread. */
#ifndef SERVER_H
#define SERVER_H

#include "account.h"
#include "alerts.h"
#include "brakes.h"
#include "events.h"
#include "feedback.h"
#include "listen.h"
#include "places.h"
#include "pools.h"
#include "ramps.h"
#include "routes.h"
#include "settings.h"
#include "store.h"
#include "suppress.h"

struct server_counters {
	uint64_t requests, passed, refused, deferred, not_ours;
};

struct services; /* which submission services are known to send END-OF-MESSAGE */
struct states;   /* tenant, source or pool => state set by the administrator */
struct policy_session;

struct server {
	const char *config_file;
	struct snapshot *snapshot;
	struct store *store;
	struct suppress_list *suppress;
	struct accounts *accounts;
	struct services *services;
	struct states *states;
	struct pools *pools;
	struct listeners *listeners;
	struct routes *routes; /* NULL: not listening */
	struct events *events;
	struct feedback *feedback;
	struct brakes *brakes;
	struct ramps *ramps;
	struct alerts *alerts;
	uint64_t routes_brakes;      /* their generation that routes answers from */
	struct senders senders;      /* opens return paths of reports */
	struct providers *providers; /* NULL: the file could not be read */
	char split_way
	    [ROUTING_WAY_MAX]; /* Postfix makes copies for single recipients; or empty */
	struct server_counters counters;
	int64_t started_ns; /* monotonic */
	uint64_t reloads;
	unsigned kept_tenants;           /* broken files at the last load */
	struct policy_session *sessions; /* policy.c's */
	bool stopping; /* connections end because we go, not because their peers do */
};

struct services *services_new(void);
void services_free(struct services **s);
uint64_t services_key(struct span context, uint16_t server_port);
void services_learn(struct services *s, uint64_t key);
bool services_known(const struct services *s, uint64_t key);

/* Overrides live in the store; memory answers. */
enum err states_open(struct store *store, struct states **states_r) CHECKED;
void states_close(struct states **s);
enum tenant_state states_get(const struct states *s, struct span tenant);
typedef void states_done(void *context, enum err e);
/* TENANT_ACTIVE removes the override. */
enum err states_set(struct states *s, struct span tenant, enum tenant_state state,
    states_done *done, void *context) CHECKED;

/* Can a message of the tenant with several recipients become copies? */
bool server_can_split(const struct server *server, const struct tenant *tenant);

/* Takes the new routing over, and the way of the split with it; gives back the old one. */
void server_use_routing(struct server *server, struct routing *routing_io);

/* After a reload, or a pause: what routes answers from. */
void server_update_routes(struct server *server);

/* The brake that holds mail of that tenant and stream, from that sender, to that place; or NULL. */
const struct brake *server_brake(const struct server *server, const struct identity *who,
    struct span sender, struct span place, int64_t now_s);

/* The tenant's domain that an envelope sender is at; NULL: none. */
const struct tenant_domain *server_domain(const struct identity *who, struct span sender);

/* The alert of a pause: its end, however it came. */
void server_brake_over(
    struct server *server, enum brake_scope scope, struct span name, struct span place);
/* An alert when a warm-up went back, or paused; its end when it goes on. */
void server_ramp_judged(struct server *server, const struct ramp *ramp);

/* Reads the keys of return paths for reports; without them reports wait. */
void server_read_senders(struct server *server);

/* Reads the file of warm-up plans; those of before stay when it cannot be read. */
void server_read_warmup(struct server *server);

/* Reads the file of providers that the snapshot names; what cannot be read is said in the log. */
void server_read_providers(struct server *server);

/* Loads the configuration again; the old one stays when the provider's file is broken. The
 * report is the caller's to free. */
enum err server_reload(struct server *server, struct config_report *report) CHECKED;

#endif
