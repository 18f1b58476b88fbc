/* settings.h - what the configuration files say, as immutable structs: the provider's file
 * (penguinmails.conf) and one file a tenant (tenants.d). Data only; what follows from it is
 * decided in policyd/ and milter/. Both daemons read the same files with the same tables.
 *
 * A snapshot is built whole and never changed; readers hold a reference. Domains are canonical
 * (domain.h), logins as written. Strings live as long as what holds them. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <sys/types.h>

#include "base.h"
#include "buf.h"
#include "err.h"
#include "law.h"
#include "network.h"
#include "rate.h"
#include "span.h"
#include "zone.h"

/* ---- limits: data that plans, tenants, streams and logins share ---- */

enum limit_unit { LIMIT_RECIPIENTS, LIMIT_MESSAGES, LIMIT_BYTES, LIMIT_UNITS };

struct limit {
	const char *text;     /* as written: "500/h" */
	enum limit_unit unit; /* what is counted */
	bool is_rate;         /* true: rate (of recipients); false: window */
	uint64_t amount;
	enum window_kind window; /* window only */
	struct rate_limit rate;  /* rate only */
};

struct limits {
	const struct limit *at;
	size_t count;
};

enum overage { OVERAGE_BLOCK, OVERAGE_ALERT }; /* what 100 percent of a window does */

struct plan {
	const char *name;
	struct limits tenant; /* a budget for each tenant of the plan */
	struct limits login;  /* a budget for each login of such a tenant ("login" group) */
	enum overage overage;
	const char *const *bulk_rules; /* "ID=MODE" (rules.h); NULL-terminated; may be NULL */
	const char *const *transactional_rules;
};

/* ---- where mail leaves from ---- */

/* An address of this host (a Postfix transport with bind address and HELO name), a relay, or a
 * sending mailbox. */
struct source {
	const char *name;
	uint32_t id;                     /* of its name; what return paths carry; never 0 */
	const char *address4, *address6; /* as written; NULL: mail does not leave over it */
	const char *helo;                /* canonical; NULL: Postfix's own (a relay's) */
	const char *relay;               /* Postfix's next hop: "[host]:port"; NULL: by MX */
	const char *password_maps;       /* Postfix's table for that relay; or NULL */
	const char *mailbox;             /* the address it sends as; or NULL */
	const char *warmup;              /* plan that it begins with (warmup.h); or NULL */
};

enum pool_strategy { POOL_ROUND_ROBIN, POOL_WEIGHTED, POOL_RANDOM, POOL_STICKY };
enum pool_sticky { STICKY_RECIPIENT, STICKY_THREAD, STICKY_CAMPAIGN };

#define RETURNS_TRANSPORT "penguin-returns" /* Postfix's transport to "penguinctl ingest" */

#define POOL_MEMBERS_MAX   256u
#define POOL_LIMITS_MAX    3u  /* hour, day, month */
#define POOL_WEIGHT_UNIT   100 /* weight 1.00 */
#define POOL_MAILBOX_GAP_S 120

struct pool_member {
	const char *source_name;
	const char *weight_text;
	unsigned weight;      /* hundredths, 0 to 999; 0: gets no new mail */
	struct limits limits; /* of recipients, UTC windows; the pool's where it has none */
	int64_t gap_s;        /* between two messages; 0: none */
	const struct source *source;
};

struct pool {
	const char *name;
	enum pool_strategy strategy;
	enum pool_sticky sticky;        /* strategy sticky only */
	const char *const *sources;     /* as written: all of weight 1; or NULL */
	const struct pool_member *list; /* as written; or NULL */
	size_t list_count;
	struct limits limits;        /* for each member that has none of its own */
	int64_t gap_s;               /* the same; 0: not written */
	struct limits capacity;      /* for all members together */
	struct pool_member *members; /* one or the other, with what holds for each */
	size_t member_count;
};

/* Which pool a stream without one of its own uses: the first rule that fits. */
enum pool_class { POOL_CLASS_ANY, POOL_CLASS_BULK, POOL_CLASS_TRANSACTIONAL };
struct pool_rule {
	enum pool_class class;
	const char *region; /* of the tenant; NULL: any */
	const char *pool_name;
	const struct pool *pool;
};

/* ---- plug-ins ---- */

struct plugin_setting {
	const char *name;
	const char *file;     /* absolute */
	const char *argument; /* its own; may be empty */
	int64_t budget_ms;    /* of one call */
	bool must;            /* failure = "tempfail": mail waits when it is disabled */
};

/* ---- one tenant ---- */

enum stream_class { CLASS_BULK, CLASS_TRANSACTIONAL };

/* Of a key (keyring.h); those that a tenant's file names are active. */
enum dkim_state {
	DKIM_ACTIVE,
	DKIM_GENERATED,
	DKIM_PUBLISHED,
	DKIM_RETIRING, /* from here on it does not sign any more */
	DKIM_REVOKED,
	DKIM_STATES
};

struct dkim_key {
	const char *selector;
	enum dkim_state state;
	const char *path;           /* absolute: relative names are below milter.keys */
	const char *const *streams; /* NULL-terminated names it signs for; NULL = all */
};

struct tenant_domain {
	const char *name;              /* canonical */
	bool subdomains;               /* names below belong to the tenant too */
	const char *tracking_host;     /* canonical; NULL: no links of ours */
	const char *bounce_domain;     /* canonical; NULL: return paths stay the tenant's */
	const char *complaint_address; /* where receivers send complaints (RFC 9477); or NULL */
	bool ring; /* its keys are those of its ring (keyring.h), not of the tenant's file */
	const struct dkim_key *keys;
	size_t key_count;
};

enum tracking {
	TRACKING_OFF,
	TRACKING_AGGREGATE,  /* counts, no recipient is named */
	TRACKING_INDIVIDUAL, /* each copy names its recipient, by a pseudonym */
};
enum merge_tags_rule { MERGE_TAGS_WARN, MERGE_TAGS_PASS, MERGE_TAGS_REFUSE };
enum unsubscribe { UNSUBSCRIBE_ADD, UNSUBSCRIBE_KEEP };
enum returns { RETURNS_KEEP, RETURNS_ABSORB }; /* to whom reports about its mail go */

struct stream {
	const char *name;
	const char *title; /* what recipients are shown; NULL: name */
	enum stream_class class;
	const char *const *logins;   /* NULL-terminated; may be NULL */
	const char *const *contexts; /* Postfix policy_context values */
	const uint16_t *ports;       /* submission ports (server_port), 0-terminated */
	const char *const *domains;  /* From domains it may use; NULL = all of the tenant */
	enum tracking tracking;      /* of links */
	enum tracking opens;         /* by an image */
	bool text_links;             /* links in plain text, too */
	const char *const *utm;      /* "utm_source=news", added to links that have none */
	const char *const *exclude_hosts; /* canonical; links to them and below stay */
	enum merge_tags_rule merge_tags;  /* what leftovers of templates do to a message */
	enum unsubscribe unsubscribe;
	enum returns returns;
	const char *unsubscribe_mailto; /* an address for List-Unsubscribe; or NULL */
	enum law law;                   /* what footers of class bulk have to say */
	bool advertisement;             /* recipients did not ask for it: it says what it is */
	const char *language;           /* of footers: a section of footer-texts.conf */
	const char *preferences_url; /* page where recipients choose what they get; or NULL */
	const char *pool;   /* what its mail leaves from; NULL: as the provider's rules say */
	const char *warmup; /* plan of its senders' domains (warmup.h); NULL: none */
	const char *list_help;    /* a URI for List-Help; or NULL */
	const char *list_owner;   /* an address for List-Owner; or NULL */
	bool class_header;        /* X-PM-Class may make a message transactional */
	const char *const *rules; /* "ID=MODE", which tighten the plan's (rules.h); or NULL */
	struct limits limits;
};

enum tenant_state { TENANT_ACTIVE, TENANT_PAST_DUE, TENANT_SUSPENDED, TENANT_CLOSED };
enum reply_to_rule { REPLY_TO_ANY, REPLY_TO_WARN, REPLY_TO_OWN };

struct tenant {
	const char *name;
	const char *file; /* where it was read, for messages */
	const char *plan_name;
	const char *display_name;          /* what recipients are shown; NULL: name */
	const char *const *postal_address; /* lines, NULL-terminated; or NULL */
	const char *contact;               /* telephone, address or page; or NULL */
	const char *const *imprint;        /* lines, NULL-terminated; or NULL */
	const char *timezone;
	const char *region; /* chooses pools; or NULL */
	const struct zone *zone;
	int cycle_day; /* 1..31 */
	enum tenant_state state;
	int64_t past_due_since_s;  /* 0 unless past_due */
	int64_t expires_s;         /* 0 = never; afterwards as suspended */
	const char *const *logins; /* NULL-terminated; "name" or "*@domain" */
	const struct network *networks;
	size_t network_count;
	const struct tenant_domain *domains;
	size_t domain_count;
	const struct stream *streams; /* at least one; an unnamed default is class bulk */
	size_t stream_count;
	struct limits limits; /* tightens the plan: both hold */
	struct limits login;  /* for each login of this tenant */
	enum reply_to_rule reply_to;
	uint64_t generation; /* changes when the file's contents change; 1.. */
};

/* ---- the provider ---- */

struct provider {
	const char *file;              /* the file read */
	const char *tenants_directory; /* absolute */
	const char *providers;         /* file (providers.h), absolute */
	const char *replies;           /* file (replies.h), absolute */
	const char *warmup;            /* file (warmup.h), absolute */
	const char *reactions;         /* file (reactions.h), absolute; empty: none */
	struct {
		const char *user, *group;
		const char *policy, *control; /* net.h names */
		const char *routes;           /* net.h name; empty: no routes */
		const uid_t *admins;          /* uids besides root that may use every verb */
		size_t admin_count;
		uint64_t connections;      /* most at once, all sockets */
		int64_t request_timeout_s; /* a started request must be complete by then */
		int64_t idle_timeout_s;
		int64_t past_due_grace_s; /* full service after past_due_since; 7 days */
		bool
		    unknown_login_refused; /* a SASL login no tenant has: refuse; default pass */
	} policyd;
	struct {
		const char *user, *group;
		const char *listen;
		const char *keys;        /* directory, absolute */
		int64_t signature_ttl_s; /* x= minus t=; 0 = no x= */
		int64_t control_timeout_s;
		const char
		    *notice_domain; /* sign Postfix's own notices as this; NULL = do not */
		struct dkim_key notice_key;
		const char *footer_texts; /* file, absolute */
	} milter;
	struct {
		const char *sender_id;      /* of Feedback-ID; empty: none is made */
		const char *csa_complaints; /* of X-CSA-Complaints; empty: none leaves */
	} compliance;
	struct {
		const char *keys;    /* directory of the token keys, absolute */
		int64_t click_ttl_s; /* a click is counted so long; 0 = for ever */
	} tokens;
	struct {
		const char *user, *group;
		const char *listen; /* "HOST:PORT", numeric */
		const struct network *proxies;
		size_t proxy_count;
		const struct network *metrics; /* who may see /metrics and /healthz */
		size_t metrics_count;
		uint64_t connections, connections_per_address;
		int64_t request_timeout_s, control_timeout_s;
		const char *spool; /* directory, absolute */
		uint64_t spool_octets;
		const char *texts; /* file, absolute */
	} web;
	struct {
		const char *path;
		uint64_t map_octets, map_ceiling;
		bool relaxed; /* durability = "relaxed" */
		int64_t relaxed_interval_ms;
		const char *events;         /* directory; empty: "events" below path */
		int64_t events_retention_s; /* 0: for ever */
		uint64_t events_octets;     /* all segments together */
	} store;
	struct {
		const char *log;      /* Postfix's mail log, absolute; empty: none is read */
		const char *timezone; /* of stamps that say none; empty: the host's */
	} feedback;
	struct {
		const char *mail; /* an address; empty: no mail */
		const char *hook; /* a program, absolute; empty: none */
	} alerts;
	struct {
		const char *queue_directory, *config_directory;
		const char *returns; /* user of "penguinctl ingest"; empty: not installed */
		const char *split;   /* "127.0.0.1:10027"; empty: no split is installed */
		bool
		    local_senders_checked; /* local_login_sender_maps is set: sender names tenant */
	} postfix;
	struct {                  /* what customers' domains must say of us (penguinctl dns) */
		const char *host; /* canonical; empty: Postfix's myhostname */
		const struct network *addresses; /* whole addresses that mail leaves from */
		size_t address_count;
		const char *spf;             /* mechanisms; empty: made of the addresses */
		const char *tracking_target; /* canonical; empty: any address will do */
		const char *dmarc_reports, *tls_reports; /* mail addresses; or empty */
		const char *const *issuers; /* NULL-terminated CAA names; may be NULL */
	} dns;
	const struct plan *plans;
	size_t plan_count;
	struct source *sources;
	size_t source_count;
	struct pool *pools;
	size_t pool_count;
	struct pool_rule *pool_rules;
	size_t pool_rule_count;
	struct plugin_setting *plugins;
	size_t plugin_count;
};

/* ---- snapshot ---- */

struct snapshot;

/* A message about the configuration, for humans: "file:line: error: text". */
struct config_report {
	struct buf text; /* all lines so far */
	unsigned errors, warnings;
};

/* Reads everything. previous may be NULL; with it, a tenant whose file is broken keeps its last
 * good contents, and files that did not change are not parsed again. Fails (ERR_SYNTAX and such)
 * only when the provider's file is broken or nothing could be read; broken tenants are counted in
 * the report and left out, or kept from previous. All errors of all files are reported, not just
 * the first. */
enum err snapshot_load(const char *config_file, const struct snapshot *previous,
    struct config_report *report, struct snapshot **snapshot_r) CHECKED;

/* The same without any tenant: for programs that only look for a socket or a directory. */
enum err snapshot_load_provider(const char *config_file, struct config_report *report,
    struct snapshot **snapshot_r) CHECKED;

/* References; thread safe. snapshot_unref frees at zero and sets the pointer to NULL. */
struct snapshot *snapshot_ref(const struct snapshot *s);
void snapshot_unref(struct snapshot **s);

const struct provider *snapshot_provider(const struct snapshot *s);
uint64_t snapshot_generation(const struct snapshot *s); /* counts loads: 1, 2, .. */
size_t snapshot_tenant_count(const struct snapshot *s);
const struct tenant *snapshot_tenant(const struct snapshot *s, size_t index);
const struct plan *snapshot_plan(const struct snapshot *s, size_t tenant_index);

#define TENANT_NONE SIZE_MAX

/* All look-ups cost the same with 10 or 100,000 tenants; they give a tenant index or
 * TENANT_NONE. */
/* Without regard to case: names are unique that way. */
size_t snapshot_find_tenant(const struct snapshot *s, struct span name);
/* An exact login wins over "*@domain". Logins compare octet by octet (case matters). */
size_t snapshot_find_login(const struct snapshot *s, struct span login);
/* The most specific network wins. address: text as Postfix gives it ("192.0.2.1",
 * "2001:db8::1", "::ffff:192.0.2.1"). */
size_t snapshot_find_client(const struct snapshot *s, struct span address);
/* Whose is this domain (canonical)? Exact, or below one with subdomains = true; the closest
 * parent wins. *domain_r (may be NULL) gets the owning entry. */
size_t snapshot_find_domain(
    const struct snapshot *s, struct span domain, const struct tenant_domain **domain_r);

/* Whose is this host of links (canonical)? Exact. *domain_r (may be NULL) gets the first of the
 * tenant's domains that names it. */
size_t snapshot_find_tracking_host(
    const struct snapshot *s, struct span host, const struct tenant_domain **domain_r);
/* The same for the domain of a return path. */
size_t snapshot_find_bounce_domain(
    const struct snapshot *s, struct span domain, const struct tenant_domain **domain_r);

/* By name, and by what return paths carry; NULL: there is none. */
const struct source *snapshot_find_source(const struct snapshot *s, struct span name);
const struct source *snapshot_find_source_id(const struct snapshot *s, uint32_t id);
const struct pool *snapshot_find_pool(const struct snapshot *s, struct span name);
/* A mailbox of the pool that is at no domain of the tenant, or NULL: it may use the pool. */
const char *pool_foreign_mailbox(const struct pool *pool, const struct tenant *tenant);
/* The plan of warm-up of that domain of the tenant: that of the first stream which names one and
 * may use the domain, for all of them, as they warm it up together. NULL: none. */
const char *tenant_warmup(const struct tenant *t, const char *domain);
/* Where the stream's mail leaves from: its own pool, else the first rule's that fits. False: its
 * own pool is not there, or not for this tenant (any more). *pool_r NULL: Postfix's own way. */
bool snapshot_stream_pool(const struct snapshot *s, const struct tenant *tenant,
    const struct stream *stream, const struct pool **pool_r) CHECKED;
/* What a source is called in Postfix: the name of its transport. */
#define SOURCE_TRANSPORT     "penguin-out-"
#define SOURCE_TRANSPORT_MAX 80
/* What stands for a source of that name in a return path. */
uint32_t source_id_of(struct span name);
const char *pool_strategy_text(enum pool_strategy s);

/* The tenant's stream for a message: by login, then policy_context, then server port, then the
 * first stream that names none of these, then the first stream of class bulk, then the first.
 * Never NULL. port 0: not known. */
const struct stream *tenant_stream(
    const struct tenant *t, struct span login, struct span context, uint16_t port);
/* Do copies of a message for several recipients differ (tokens that name the recipient)? Then each
 * recipient needs a message of its own. */
bool stream_is_individual(const struct tenant *t, const struct stream *stream);
/* Can a message of the tenant be split: has it a domain for the return path that asks for it? */
bool tenant_has_bounce_domain(const struct tenant *t);

/* The tenant's own entry for a canonical domain: its own name or the closest one above it with
 * subdomains = true, or NULL. */
const struct tenant_domain *tenant_find_domain(const struct tenant *t, struct span domain);

/* State with time and an override from the store applied: the worse one wins; past_due becomes
 * suspended after the grace, an expired tenant is suspended. Pure. */
enum tenant_state tenant_effective_state(const struct tenant *t, enum tenant_state override,
    int64_t past_due_grace_s, int64_t now_s);
const char *tenant_state_text(enum tenant_state s);
const char *stream_class_text(enum stream_class c);
const char *limit_unit_text(enum limit_unit u);

/* ---- for penguinctl config show, the man pages' check, and "did you mean" ---- */

struct config_field;
struct setting_row {
	const char *block; /* "", "policyd", "tenant", "tenant.domains", ... */
	const char *key;
	const char *type;     /* "string", "list of strings", "yes/no", "duration", ... */
	const char *fallback; /* default as it would be written, or NULL: required / none */
	const char *help;     /* one line */
	const struct config_field *field; /* how it is read: common/config.h only */
};
/* All keys of both files, in the order of the man pages; ends with key == NULL. */
const struct setting_row *settings_rows(void);

/* A text of the provider's file by its block and key; NULL where there is no such key. */
const char *snapshot_text(const struct snapshot *s, const char *block, const char *key);

/* Effective settings of the provider's file as it could be written back; only_changed: without
 * those at their default. */
void snapshot_show(const struct snapshot *s, bool only_changed, struct buf *out);

#endif
