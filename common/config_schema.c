/* config_schema - every key of both files: one row says where it stands, what it may be, where
 * it goes, what it is without being written, and what it is for. Reading, showing, "did you
 * mean" and the check of the manual all follow from these rows. */
#include "config.h"
#include "config_check.h"
#include "rules.h"

static const char *const overage_words[] = { "block", "alert", NULL };
static const char *const class_words[] = { "bulk", "transactional", NULL };
static const char *const state_words[] = { "active", "past_due", "suspended", "closed", NULL };
static const char *const reply_to_words[] = { "any", "warn", "own", NULL };
static const char *const tracking_words[] = { "off", "aggregate", "individual", NULL };
static const char *const merge_tags_words[] = { "warn", "pass", "refuse", NULL };
static const char *const unsubscribe_words[] = { "add", "keep", NULL };
static const char *const returns_words[] = { "keep", "absorb", NULL };
/* In the order of enum law; test_settings compares them with law_row. */
static const char *const law_words[] = { "strict", "recipient", "can-spam", "casl", "eu",
	"pecr", "spam-act", NULL };
static const char *const strategy_words[] = { "round-robin", "weighted", "random", "sticky",
	NULL };
static const char *const sticky_words[] = { "recipient", "thread", "campaign", NULL };
static const char *const pool_class_words[] = { "any", "bulk", "transactional", NULL };
static const char *const failure_words[] = { "skip", "tempfail", NULL };
static const char *const engine_words[] = { "lmdb", NULL };
static const char *const durability_words[] = { "strict", "relaxed", NULL };
static const char *const unknown_login_words[] = { "pass", "refuse", NULL };
static const char *const local_senders_words[] = { "host", "checked", NULL };

/* What the type is called in the manual; the other half of a row's type is its enum. */
#define CONFIG_STRING_NAME       "string"
#define CONFIG_PATH_NAME         "path"
#define CONFIG_CHOICE_NAME       "word"
#define CONFIG_YES_NO_NAME       "yes/no"
#define CONFIG_COUNT_NAME        "quantity"
#define CONFIG_DURATION_NAME     "duration"
#define CONFIG_MILLISECONDS_NAME "milliseconds"
#define CONFIG_DATE_NAME         "date"
#define CONFIG_SMALL_NAME        "number"
#define CONFIG_STRINGS_NAME      "list of strings"
#define CONFIG_DOMAINS_NAME      "list of domains"
#define CONFIG_PORTS_NAME        "list of ports"
#define CONFIG_NETWORKS_NAME     "list of networks"
#define CONFIG_USERS_NAME        "list of users"
#define CONFIG_WINDOWS_NAME      "list of quantities"
#define CONFIG_RATES_NAME        "list of rates"
#define CONFIG_GROUP_NAME        "group"
#define CONFIG_GROUPS_NAME       "list of groups"

/* A row; what follows help are designated members of struct config_field. */
#define ROW(in, key, kind, fallback, help, ...)                                                \
	{                                                                                      \
		in, key, kind##_NAME, fallback, help, &(const struct config_field)             \
		{                                                                              \
			.type = kind, __VA_ARGS__                                              \
		}                                                                              \
	}
#define AT(structure, member) .offset = offsetof(structure, member)
#define CHOICE(structure, member)                                                              \
	AT(structure, member), .size = sizeof(((structure *)NULL)->member)
/* A list: its pointer and its count. */
#define LIST(structure, member, number)                                                        \
	AT(structure, member), .offset2 = offsetof(structure, number)

/* The four keys that fill one struct limits. */
#define LIMIT_ROWS(in, structure, member, whose)                                               \
	ROW(in, "recipients", CONFIG_WINDOWS, NULL,                                            \
	    "recipients " whose " may send to in an hour, day, month or billing cycle",        \
	    AT(structure, member), .unit = LIMIT_RECIPIENTS),                                  \
	    ROW(in, "messages", CONFIG_WINDOWS, NULL,                                          \
		"messages " whose " may send in an hour, day, month or billing cycle",         \
		AT(structure, member), .unit = LIMIT_MESSAGES),                                \
	    ROW(in, "bytes", CONFIG_WINDOWS, NULL,                                             \
		"octets of mail " whose " may send in an hour, day, month or billing cycle",   \
		AT(structure, member), .unit = LIMIT_BYTES),                                   \
	    ROW(in, "rate", CONFIG_RATES, NULL,                                                \
		"recipients " whose " may send to at a steady pace", AT(structure, member),    \
		.unit = LIMIT_RECIPIENTS)

static const struct setting_row rows[] = {
	/* ---- penguinmails.conf ---- */
	ROW("", "tenants", CONFIG_PATH, "tenants.d",
	    "directory with one file NAME.conf for each tenant",
	    AT(struct provider, tenants_directory), .check = check_not_empty),
	ROW("", "providers", CONFIG_STRING, "/etc/penguinmails/providers.conf",
	    "file with groups of recipient domains behind one mailbox provider",
	    AT(struct provider, providers), .check = check_absolute),
	ROW("", "replies", CONFIG_STRING, "/etc/penguinmails/replies.conf",
	    "file with rules of what receivers' SMTP replies mean",
	    AT(struct provider, replies), .check = check_absolute),
	ROW("", "reactions", CONFIG_STRING, "/etc/penguinmails/reactions.conf",
	    "file with rules of what is paused when receivers complain; empty: nothing is",
	    AT(struct provider, reactions), .check = check_absolute_or_empty),
	ROW("", "warmup", CONFIG_STRING, "/etc/penguinmails/warmup.conf",
	    "file with plans of how much a new source or domain may send a day",
	    AT(struct provider, warmup), .check = check_absolute),
	ROW("", "policyd", CONFIG_GROUP, NULL, "settings of penguin-policyd",
	    .block = "policyd", .finish = finish_policyd),
	ROW("", "milter", CONFIG_GROUP, NULL, "settings of penguin-milter", .block = "milter",
	    .finish = finish_milter),
	ROW("", "web", CONFIG_GROUP, NULL, "settings of penguin-web", .block = "web",
	    .finish = finish_web),
	ROW("", "tokens", CONFIG_GROUP, NULL, "what makes links and return paths ours",
	    .block = "tokens"),
	ROW("", "compliance", CONFIG_GROUP, NULL,
	    "what the provider adds to mail so that mailbox providers can report",
	    .block = "compliance"),
	ROW("", "store", CONFIG_GROUP, NULL, "where counters are kept", .block = "store",
	    .finish = finish_store),
	ROW("", "feedback", CONFIG_GROUP, NULL, "how it is learned what became of mail",
	    .block = "feedback"),
	ROW("", "alerts", CONFIG_GROUP, NULL, "who is told of what (penguinctl alert send)",
	    .block = "alerts"),
	ROW("", "postfix", CONFIG_GROUP, NULL, "the Postfix that is served",
	    .block = "postfix"),
	ROW("", "dns", CONFIG_GROUP, NULL, "what the customers' domains must say of us",
	    .block = "dns", .finish = finish_dns),
	ROW("", "plans", CONFIG_GROUPS, NULL, "the plans that tenants choose from",
	    LIST(struct provider, plans, plan_count), .block = "plans",
	    .size = sizeof(struct plan)),
	ROW("", "sources", CONFIG_GROUPS, NULL,
	    "what mail may leave from: addresses of this host, relays, mailboxes",
	    LIST(struct provider, sources, source_count), .block = "sources",
	    .size = sizeof(struct source), .finish = finish_source),
	ROW("", "pools", CONFIG_GROUPS, NULL, "sources that share mail",
	    LIST(struct provider, pools, pool_count), .block = "pools",
	    .size = sizeof(struct pool)),
	ROW("", "pool_rules", CONFIG_GROUPS, NULL,
	    "pools of streams that name none; the first that fits holds",
	    LIST(struct provider, pool_rules, pool_rule_count), .block = "pool_rules",
	    .size = sizeof(struct pool_rule)),
	ROW("", "plugins", CONFIG_GROUPS, NULL,
	    "plug-ins of penguin-milter, loaded when it starts, in this order",
	    LIST(struct provider, plugins, plugin_count), .block = "plugins",
	    .size = sizeof(struct plugin_setting)),

	ROW("policyd", "user", CONFIG_STRING, "penguin",
	    "user that penguin-policyd runs as; empty: who starts it, never root",
	    AT(struct provider, policyd.user), .check = check_account_or_empty),
	ROW("policyd", "group", CONFIG_STRING, "",
	    "group that penguin-policyd runs as; empty: the user's own",
	    AT(struct provider, policyd.group), .check = check_account_or_empty),
	ROW("policyd", "policy", CONFIG_STRING, "unix:penguinmails/policy.sock",
	    "socket on which Postfix asks (check_policy_service)",
	    AT(struct provider, policyd.policy), .check = check_socket),
	ROW("policyd", "control", CONFIG_STRING, "/run/penguinmails/control.sock",
	    "socket on which penguinctl and penguin-milter ask",
	    AT(struct provider, policyd.control), .check = check_absolute),
	ROW("policyd", "routes", CONFIG_STRING, "unix:penguinmails/routes.sock",
	    "socket on which Postfix asks for transports (socketmap); empty: none",
	    AT(struct provider, policyd.routes), .check = check_socket_or_empty),
	ROW("policyd", "admins", CONFIG_USERS, NULL, "users besides root that penguinctl obeys",
	    LIST(struct provider, policyd.admins, policyd.admin_count)),
	ROW("policyd", "connections", CONFIG_COUNT, "1024", "most connections at once",
	    AT(struct provider, policyd.connections), .least = 1, .most = 100000),
	ROW("policyd", "request_timeout", CONFIG_DURATION, "10s",
	    "a request that has begun must be complete by then",
	    AT(struct provider, policyd.request_timeout_s), .least = 1, .most = 3600),
	ROW("policyd", "idle_timeout", CONFIG_DURATION, "310s",
	    "a connection without requests is closed then; Postfix keeps one for 300s",
	    AT(struct provider, policyd.idle_timeout_s), .least = 1, .most = 86400),
	ROW("policyd", "past_due_grace", CONFIG_DURATION, "7d",
	    "full service for a tenant after its past_due_since",
	    AT(struct provider, policyd.past_due_grace_s), .most = 3650 * 86400),
	ROW("policyd", "unknown_login", CONFIG_CHOICE, "pass",
	    "mail of a login that no tenant has: \"pass\" as not ours, or \"refuse\"",
	    CHOICE(struct provider, policyd.unknown_login_refused),
	    .words = unknown_login_words),

	ROW("milter", "user", CONFIG_STRING, "penguin-milter",
	    "user that penguin-milter runs as; empty: who starts it, never root",
	    AT(struct provider, milter.user), .check = check_account_or_empty),
	ROW("milter", "group", CONFIG_STRING, "",
	    "group that penguin-milter runs as; empty: the user's own",
	    AT(struct provider, milter.group), .check = check_account_or_empty),
	ROW("milter", "listen", CONFIG_STRING, "unix:penguinmails-milter/milter.sock",
	    "socket that Postfix connects to (smtpd_milters)",
	    AT(struct provider, milter.listen), .check = check_socket),
	ROW("milter", "keys", CONFIG_STRING, "/etc/penguinmails/keys",
	    "directory that the names of key files are relative to",
	    AT(struct provider, milter.keys), .check = check_absolute),
	ROW("milter", "signature_ttl", CONFIG_DURATION, "7d",
	    "how long a signature is valid (x=); 0s: for ever",
	    AT(struct provider, milter.signature_ttl_s), .most = 3650 * 86400),
	ROW("milter", "control_timeout", CONFIG_DURATION, "5s",
	    "penguin-policyd must have answered by then, or the mail is deferred",
	    AT(struct provider, milter.control_timeout_s), .least = 1, .most = 300),
	ROW("milter", "footer_texts", CONFIG_STRING, "/etc/penguinmails/footer-texts.conf",
	    "file with the words of footers", AT(struct provider, milter.footer_texts),
	    .check = check_absolute),
	ROW("milter", "notices", CONFIG_GROUP, NULL,
	    "how to sign Postfix's own notices; without it they are not signed",
	    .block = "milter.notices", .finish = finish_notices),

	ROW("milter.notices", "domain", CONFIG_STRING, NULL, "domain that signs (d=)",
	    AT(struct provider, milter.notice_domain), .check = check_domain, .required = true),
	ROW("milter.notices", "selector", CONFIG_STRING, NULL, "selector of the key (s=)",
	    AT(struct provider, milter.notice_key.selector), .check = check_selector,
	    .required = true),
	ROW("milter.notices", "key", CONFIG_STRING, NULL, "private key, a PEM file",
	    AT(struct provider, milter.notice_key.path), .check = check_key_file,
	    .required = true),

	ROW("web", "user", CONFIG_STRING, "penguin-web",
	    "user that penguin-web runs as; empty: who starts it, never root",
	    AT(struct provider, web.user), .check = check_account_or_empty),
	ROW("web", "group", CONFIG_STRING, "",
	    "group that penguin-web runs as; empty: the user's own",
	    AT(struct provider, web.group), .check = check_account_or_empty),
	ROW("web", "listen", CONFIG_STRING, "127.0.0.1:8025",
	    "address and port on which it answers HTTP, for a proxy that does TLS",
	    AT(struct provider, web.listen), .check = check_host_port),
	ROW("web", "proxies", CONFIG_NETWORKS, NULL,
	    "proxies whose X-Forwarded-For and X-Forwarded-Host are believed; without it the "
	    "loopback addresses",
	    LIST(struct provider, web.proxies, web.proxy_count)),
	ROW("web", "metrics", CONFIG_NETWORKS, NULL,
	    "who may ask for /metrics and /healthz, not through a proxy; without it the "
	    "loopback "
	    "addresses",
	    LIST(struct provider, web.metrics, web.metrics_count)),
	ROW("web", "connections", CONFIG_COUNT, "2048", "most connections at once",
	    AT(struct provider, web.connections), .least = 1, .most = 100000),
	ROW("web", "connections_per_address", CONFIG_COUNT, "64",
	    "most connections at once from one address that is no proxy",
	    AT(struct provider, web.connections_per_address), .least = 1, .most = 100000),
	ROW("web", "request_timeout", CONFIG_DURATION, "10s",
	    "a connection on which no request was completed for so long is closed",
	    AT(struct provider, web.request_timeout_s), .least = 1, .most = 3600),
	ROW("web", "control_timeout", CONFIG_DURATION, "5s",
	    "penguin-policyd must have answered by then, or unsubscribing answers 503",
	    AT(struct provider, web.control_timeout_s), .least = 1, .most = 300),
	ROW("web", "spool", CONFIG_STRING, "/var/spool/penguinmails-web",
	    "directory for clicks and opens while penguin-policyd is away",
	    AT(struct provider, web.spool), .check = check_absolute),
	ROW("web", "spool_size", CONFIG_COUNT, "64Mi",
	    "what the spool may take on the disk; the oldest go first",
	    AT(struct provider, web.spool_octets), .least = 65536, .most = UINT64_C(1) << 40),
	ROW("web", "texts", CONFIG_STRING, "/etc/penguinmails/web-texts.conf",
	    "file with the words of the pages, in each language",
	    AT(struct provider, web.texts), .check = check_absolute),

	ROW("tokens", "keys", CONFIG_STRING, "/etc/penguinmails/tokens",
	    "directory of the keys, made by penguinctl token keys rotate",
	    AT(struct provider, tokens.keys), .check = check_absolute),
	ROW("tokens", "click_ttl", CONFIG_DURATION, "400d",
	    "a click or an open is counted so long; 0s: for ever; links work always",
	    AT(struct provider, tokens.click_ttl_s), .most = 3650 * 86400),

	ROW("compliance", "sender_id", CONFIG_STRING, "",
	    "last part of Feedback-ID, 5 to 15 letters and digits that stay; empty: no "
	    "Feedback-ID is made",
	    AT(struct provider, compliance.sender_id), .check = check_sender_id_or_empty),
	ROW("compliance", "csa_complaints", CONFIG_STRING, "",
	    "address in X-CSA-Complaints of bulk mail, for members of the CSA; empty: none",
	    AT(struct provider, compliance.csa_complaints), .check = check_mailto_or_empty),

	ROW("store", "engine", CONFIG_CHOICE, "lmdb", "kind of store; \"lmdb\" is the only one",
	    .offset = CONFIG_NOWHERE, .size = 1, .words = engine_words),
	ROW("store", "path", CONFIG_STRING, "/var/lib/penguinmails", "directory of the store",
	    AT(struct provider, store.path), .check = check_absolute),
	ROW("store", "map_size", CONFIG_COUNT, "256Mi", "size that the store starts with",
	    AT(struct provider, store.map_octets), .least = 1 << 20),
	ROW("store", "map_ceiling", CONFIG_COUNT, "8Gi", "size that the store may grow to",
	    AT(struct provider, store.map_ceiling), .least = 1 << 20,
	    .most = UINT64_C(1) << 46),
	ROW("store", "durability", CONFIG_CHOICE, "strict",
	    "\"strict\": on disk before the answer; \"relaxed\": every relaxed_interval",
	    CHOICE(struct provider, store.relaxed), .words = durability_words),
	ROW("store", "relaxed_interval", CONFIG_MILLISECONDS, "100ms",
	    "what a power failure may forget with durability \"relaxed\"; at most 100ms",
	    AT(struct provider, store.relaxed_interval_ms), .least = 1, .most = 100),

	ROW("store", "events", CONFIG_STRING, "",
	    "directory of the event log; empty: events below path",
	    AT(struct provider, store.events), .check = check_absolute_or_empty),
	ROW("store", "events_retention", CONFIG_DURATION, "90d",
	    "events older than that are deleted; 0s: never",
	    AT(struct provider, store.events_retention_s), .most = 3650 * 86400),
	ROW("store", "events_size", CONFIG_COUNT, "4Gi",
	    "octets the event log may take; then its oldest part is deleted",
	    AT(struct provider, store.events_octets), .least = 1 << 20,
	    .most = UINT64_C(1) << 46),

	ROW("feedback", "log", CONFIG_STRING, "",
	    "Postfix's mail log, for penguin-policyd to read; empty: none",
	    AT(struct provider, feedback.log), .check = check_absolute_or_empty),
	ROW("feedback", "timezone", CONFIG_STRING, "",
	    "time zone of stamps in the log that say none; empty: the host's",
	    AT(struct provider, feedback.timezone)),

	ROW("alerts", "mail", CONFIG_STRING, "",
	    "address that alerts are mailed to; empty: none are",
	    AT(struct provider, alerts.mail), .check = check_mailto_or_empty),
	ROW("alerts", "hook", CONFIG_STRING, "",
	    "program that is run for each alert; empty: none", AT(struct provider, alerts.hook),
	    .check = check_absolute_or_empty),

	ROW("postfix", "queue_directory", CONFIG_STRING, "/var/spool/postfix",
	    "Postfix's queue_directory; relative unix: names are below it",
	    AT(struct provider, postfix.queue_directory), .check = check_absolute),
	ROW("postfix", "config_directory", CONFIG_STRING, "/etc/postfix",
	    "Postfix's config_directory", AT(struct provider, postfix.config_directory),
	    .check = check_absolute),
	ROW("postfix", "local_senders", CONFIG_CHOICE, "host",
	    "mail by sendmail(1): \"host\": the host's own; \"checked\": its sender's tenant "
	    "(needs local_login_sender_maps)",
	    CHOICE(struct provider, postfix.local_senders_checked),
	    .words = local_senders_words),

	ROW("postfix", "returns", CONFIG_STRING, "",
	    "user that Postfix runs \"penguinctl ingest\" as, for reports that come to return "
	    "paths of ours (penguinctl postfix enable); empty: it does not",
	    AT(struct provider, postfix.returns), .check = check_account_or_empty),
	ROW("postfix", "split", CONFIG_STRING, "",
	    "loopback address and port at which Postfix takes copies for single recipients "
	    "(penguinctl postfix enable --split); empty: not installed",
	    AT(struct provider, postfix.split), .check = check_split_or_empty),

	ROW("dns", "host", CONFIG_STRING, "",
	    "name that this host greets with and that returned mail comes to (MX); empty: "
	    "Postfix's myhostname",
	    AT(struct provider, dns.host), .check = check_domain_or_empty),
	ROW("dns", "addresses", CONFIG_NETWORKS, "", "addresses that mail leaves from",
	    LIST(struct provider, dns.addresses, dns.address_count)),
	ROW("dns", "spf", CONFIG_STRING, "",
	    "mechanisms that SPF records of customers must have; empty: made of the addresses, "
	    "or a:HOST",
	    AT(struct provider, dns.spf), .check = check_spf_or_empty),
	ROW("dns", "tracking_target", CONFIG_STRING, "",
	    "host that tracking hosts are an alias (CNAME) of; empty: they only need an "
	    "address",
	    AT(struct provider, dns.tracking_target), .check = check_domain_or_empty),
	ROW("dns", "dmarc_reports", CONFIG_STRING, "",
	    "address that DMARC reports go to; empty: none is asked for",
	    AT(struct provider, dns.dmarc_reports), .check = check_mailto_or_empty),
	ROW("dns", "tls_reports", CONFIG_STRING, "",
	    "address that reports on TLS to bounce domains go to; empty: none is asked for",
	    AT(struct provider, dns.tls_reports), .check = check_mailto_or_empty),
	ROW("dns", "issuers", CONFIG_STRINGS, NULL,
	    "CAA names of the authorities that certify tracking hosts; without it CAA is not "
	    "looked at",
	    AT(struct provider, dns.issuers), .check = check_domain, .least = 1),

	ROW("plans", "name", CONFIG_STRING, NULL, "what tenants' files call it",
	    AT(struct plan, name), .check = check_name, .required = true),
	LIMIT_ROWS("plans", struct plan, tenant, "a tenant"),
	ROW("plans", "overage", CONFIG_CHOICE, "block",
	    "at 100 percent of a quantity: \"block\" further mail, or only \"alert\"",
	    CHOICE(struct plan, overage), .words = overage_words),
	ROW("plans", "bulk_rules", CONFIG_STRINGS, NULL,
	    "modes of rules for bulk mail, \"ID=MODE\"; tenants can only ask for more",
	    AT(struct plan, bulk_rules), .check = rules_check_entry),
	ROW("plans", "transactional_rules", CONFIG_STRINGS, NULL,
	    "the same for transactional mail", AT(struct plan, transactional_rules),
	    .check = rules_check_entry),
	ROW("plans", "login", CONFIG_GROUP, NULL, "limits of each login of a tenant",
	    AT(struct plan, login), .block = "plans.login"),
	LIMIT_ROWS(
	    "plans.login", struct { struct limits limits; }, limits, "one login"),

	ROW("sources", "name", CONFIG_STRING, NULL, "what pools call it",
	    AT(struct source, name), .check = check_name, .required = true),
	ROW("sources", "address4", CONFIG_STRING, NULL,
	    "IPv4 address of this host that its mail leaves from", AT(struct source, address4),
	    .check = check_address4),
	ROW("sources", "address6", CONFIG_STRING, NULL,
	    "IPv6 address of this host that its mail leaves from", AT(struct source, address6),
	    .check = check_address6),
	ROW("sources", "helo", CONFIG_STRING, NULL,
	    "name that the address has in the DNS; must be set where there is an address",
	    AT(struct source, helo), .check = check_domain),
	ROW("sources", "relay", CONFIG_STRING, NULL,
	    "host that takes all of its mail, as Postfix's next hop; without it by MX",
	    AT(struct source, relay), .check = check_relay),
	ROW("sources", "password_maps", CONFIG_STRING, NULL,
	    "Postfix's table with login and password of the relay",
	    AT(struct source, password_maps), .check = check_table),
	ROW("sources", "mailbox", CONFIG_STRING, NULL,
	    "address that it is the mailbox of; only its tenant's streams may use it",
	    AT(struct source, mailbox), .check = check_mailbox),
	ROW("sources", "warmup", CONFIG_STRING, NULL,
	    "plan of warmup.conf that it begins with; without it: no limit of that kind",
	    AT(struct source, warmup), .check = check_name),

	ROW("pools", "name", CONFIG_STRING, NULL, "what streams call it", AT(struct pool, name),
	    .check = check_name, .required = true),
	ROW("pools", "strategy", CONFIG_CHOICE, "round-robin",
	    "\"round-robin\", \"weighted\", \"random\" or \"sticky\"",
	    CHOICE(struct pool, strategy), .words = strategy_words),
	ROW("pools", "sticky", CONFIG_CHOICE, "recipient",
	    "strategy \"sticky\": one source for each \"recipient\", \"thread\" or "
	    "\"campaign\"",
	    CHOICE(struct pool, sticky), .words = sticky_words),
	ROW("pools", "sources", CONFIG_STRINGS, NULL, "its sources, all of weight 1",
	    AT(struct pool, sources), .check = check_name, .least = 1),
	ROW("pools", "members", CONFIG_GROUPS, NULL,
	    "its sources with settings of their own, in place of sources",
	    LIST(struct pool, list, list_count), .block = "pools.members",
	    .size = sizeof(struct pool_member)),
	ROW("pools", "limit", CONFIG_WINDOWS, NULL,
	    "recipients for each member in an hour, day or month, UTC; without it \"50/day\" "
	    "for mailboxes",
	    AT(struct pool, limits), .unit = LIMIT_RECIPIENTS),
	ROW("pools", "gap", CONFIG_DURATION, NULL,
	    "least time between two messages of a member; without it \"120s\" for mailboxes",
	    AT(struct pool, gap_s), .least = 1, .most = 86400),
	ROW("pools", "capacity", CONFIG_WINDOWS, NULL,
	    "recipients for all members together in an hour, day or month, UTC",
	    AT(struct pool, capacity), .unit = LIMIT_RECIPIENTS),

	ROW("pools.members", "source", CONFIG_STRING, NULL, "one of the sources",
	    AT(struct pool_member, source_name), .check = check_name, .required = true),
	ROW("pools.members", "weight", CONFIG_STRING, "1",
	    "its part of the mail, \"0\" to \"9.99\"; 0: no new mail",
	    AT(struct pool_member, weight_text), .check = check_weight),
	ROW("pools.members", "limit", CONFIG_WINDOWS, NULL,
	    "recipients for this member; without it the pool's limit",
	    AT(struct pool_member, limits), .unit = LIMIT_RECIPIENTS),
	ROW("pools.members", "gap", CONFIG_DURATION, NULL,
	    "least time between two messages; without it the pool's gap",
	    AT(struct pool_member, gap_s), .least = 1, .most = 86400),

	ROW("pool_rules", "class", CONFIG_CHOICE, "any",
	    "streams of class \"bulk\" or \"transactional\", or \"any\"",
	    CHOICE(struct pool_rule, class), .words = pool_class_words),
	ROW("pool_rules", "region", CONFIG_STRING, NULL,
	    "streams of tenants with this region; without it all", AT(struct pool_rule, region),
	    .check = check_name),
	ROW("pool_rules", "pool", CONFIG_STRING, NULL, "the pool of those streams",
	    AT(struct pool_rule, pool_name), .check = check_name, .required = true),

	ROW("plugins", "name", CONFIG_STRING, NULL, "what it calls itself",
	    AT(struct plugin_setting, name), .check = check_name, .required = true),
	ROW("plugins", "file", CONFIG_STRING, NULL, "shared object, root's alone to write",
	    AT(struct plugin_setting, file), .check = check_absolute, .required = true),
	ROW("plugins", "argument", CONFIG_STRING, "", "what it is told when it starts",
	    AT(struct plugin_setting, argument)),
	ROW("plugins", "budget", CONFIG_MILLISECONDS, "50ms",
	    "a call that takes longer is a fault; after 5 faults it is disabled",
	    AT(struct plugin_setting, budget_ms), .least = 1, .most = 10000),
	ROW("plugins", "failure", CONFIG_CHOICE, "skip",
	    "once it is disabled: \"skip\" it, or \"tempfail\" all mail until a restart",
	    CHOICE(struct plugin_setting, must), .words = failure_words),

	/* ---- tenants.d/NAME.conf ---- */
	ROW("tenant", "tenant", CONFIG_STRING, NULL, "the tenant's name",
	    AT(struct tenant, name), .check = check_name, .required = true),
	ROW("tenant", "plan", CONFIG_STRING, NULL, "one of the plans of penguinmails.conf",
	    AT(struct tenant, plan_name), .check = check_name, .required = true),
	ROW("tenant", "display_name", CONFIG_STRING, NULL,
	    "name that recipients are shown; without it the tenant's name",
	    AT(struct tenant, display_name), .check = check_not_empty),
	ROW("tenant", "postal_address", CONFIG_STRINGS, NULL,
	    "postal address of the sender, line by line, for footers",
	    AT(struct tenant, postal_address), .check = check_line),
	ROW("tenant", "contact", CONFIG_STRING, NULL,
	    "telephone, mail address or web page of the sender, for footers",
	    AT(struct tenant, contact), .check = check_line),
	ROW("tenant", "imprint", CONFIG_STRINGS, NULL,
	    "imprint of the sender, line by line, for footers; an https URL becomes a link",
	    AT(struct tenant, imprint), .check = check_line),
	ROW("tenant", "state", CONFIG_CHOICE, "active",
	    "\"active\", \"past_due\", \"suspended\" or \"closed\"",
	    CHOICE(struct tenant, state), .words = state_words),
	ROW("tenant", "past_due_since", CONFIG_DATE, NULL,
	    "first day without payment; belongs to state \"past_due\"",
	    AT(struct tenant, past_due_since_s)),
	ROW("tenant", "expires", CONFIG_DATE, NULL,
	    "from the start of this day on the tenant counts as suspended",
	    AT(struct tenant, expires_s)),
	ROW("tenant", "timezone", CONFIG_STRING, "UTC",
	    "time zone of the tenant's hours, days, months and dates",
	    AT(struct tenant, timezone), .check = check_not_empty),
	ROW("tenant", "region", CONFIG_STRING, NULL,
	    "word that the provider's pool_rules may ask for", AT(struct tenant, region),
	    .check = check_name),
	ROW("tenant", "cycle_day", CONFIG_SMALL, "1",
	    "day of the month on which a billing cycle starts, 1 to 31",
	    AT(struct tenant, cycle_day), .least = 1, .most = 31),
	ROW("tenant", "logins", CONFIG_STRINGS, NULL,
	    "SASL login names; \"*@domain\" is every login at that domain",
	    AT(struct tenant, logins), .check = check_login),
	ROW("tenant", "networks", CONFIG_NETWORKS, "",
	    "client networks whose mail is the tenant's without a login",
	    LIST(struct tenant, networks, network_count)),
	ROW("tenant", "reply_to", CONFIG_CHOICE, "warn",
	    "Reply-To at foreign domains: \"any\" passes, \"warn\" logs, \"own\" refuses",
	    CHOICE(struct tenant, reply_to), .words = reply_to_words),
	LIMIT_ROWS("tenant", struct tenant, limits, "the tenant"),
	ROW("tenant", "login", CONFIG_GROUP, NULL, "limits of each login of the tenant",
	    AT(struct tenant, login), .block = "tenant.login"),
	ROW("tenant", "domains", CONFIG_GROUPS, NULL, "domains that the tenant sends from",
	    LIST(struct tenant, domains, domain_count), .block = "tenant.domains",
	    .size = sizeof(struct tenant_domain), .finish = finish_domain),
	ROW("tenant", "streams", CONFIG_GROUPS, NULL,
	    "flows of mail with their own limits; without any: one, \"default\", bulk",
	    LIST(struct tenant, streams, stream_count), .block = "tenant.streams",
	    .size = sizeof(struct stream)),
	LIMIT_ROWS(
	    "tenant.login", struct { struct limits limits; }, limits, "one login"),

	ROW("tenant.domains", "name", CONFIG_STRING, NULL, "the domain",
	    AT(struct tenant_domain, name), .check = check_domain, .required = true),
	ROW("tenant.domains", "subdomains", CONFIG_YES_NO, "false",
	    "names below the domain are the tenant's too",
	    AT(struct tenant_domain, subdomains)),
	ROW("tenant.domains", "tracking_host", CONFIG_STRING, NULL,
	    "host name of links for clicks, opens and unsubscribing; it leads to penguin-web",
	    AT(struct tenant_domain, tracking_host), .check = check_domain),
	ROW("tenant.domains", "bounce_domain", CONFIG_STRING, NULL,
	    "domain of return paths; its MX is this host",
	    AT(struct tenant_domain, bounce_domain), .check = check_domain),
	ROW("tenant.domains", "complaint_address", CONFIG_STRING, NULL,
	    "address at the domain, or below it, to which receivers may send complaints "
	    "(CFBL-Address)",
	    AT(struct tenant_domain, complaint_address), .check = check_mailto),
	ROW("tenant.domains", "dkim_ring", CONFIG_YES_NO, "false",
	    "its keys are managed (penguinctl dkim rotate), and stand in their own file",
	    AT(struct tenant_domain, ring)),
	ROW("tenant.domains", "dkim", CONFIG_GROUPS, NULL, "keys that sign for the domain",
	    LIST(struct tenant_domain, keys, key_count), .block = "tenant.domains.dkim",
	    .size = sizeof(struct dkim_key), .finish = finish_key),
	ROW("tenant.domains.dkim", "selector", CONFIG_STRING, NULL, "selector of the key (s=)",
	    AT(struct dkim_key, selector), .check = check_selector, .required = true),
	ROW("tenant.domains.dkim", "key", CONFIG_STRING, NULL,
	    "private key, a PEM file; relative to milter.keys", AT(struct dkim_key, path),
	    .check = check_key_file, .required = true),
	ROW("tenant.domains.dkim", "streams", CONFIG_STRINGS, NULL,
	    "streams that it signs for; without it all", AT(struct dkim_key, streams),
	    .check = check_name, .least = 1),

	ROW("tenant.streams", "name", CONFIG_STRING, NULL, "the stream's name",
	    AT(struct stream, name), .check = check_name, .required = true),
	ROW("tenant.streams", "title", CONFIG_STRING, NULL,
	    "name of the stream that recipients are shown; without it the stream's name",
	    AT(struct stream, title), .check = check_not_empty),
	ROW("tenant.streams", "class", CONFIG_CHOICE, "bulk", "\"bulk\" or \"transactional\"",
	    CHOICE(struct stream, class), .words = class_words),
	ROW("tenant.streams", "logins", CONFIG_STRINGS, NULL,
	    "logins whose mail is of this stream; they are the tenant's too",
	    AT(struct stream, logins), .check = check_login),
	ROW("tenant.streams", "contexts", CONFIG_STRINGS, NULL,
	    "values of Postfix's policy_context that choose this stream",
	    AT(struct stream, contexts), .check = check_not_empty),
	ROW("tenant.streams", "ports", CONFIG_PORTS, NULL,
	    "submission ports that choose this stream", AT(struct stream, ports)),
	ROW("tenant.streams", "domains", CONFIG_DOMAINS, NULL,
	    "From domains that it may use; without it all of the tenant",
	    AT(struct stream, domains), .least = 1),
	ROW("tenant.streams", "tracking", CONFIG_CHOICE, "off",
	    "links lead over the tracking host: \"off\", \"aggregate\", or \"individual\" with "
	    "a pseudonym of the recipient",
	    CHOICE(struct stream, tracking), .words = tracking_words),
	ROW("tenant.streams", "opens", CONFIG_CHOICE, "off",
	    "an image counts openings: \"off\", \"aggregate\" or \"individual\"",
	    CHOICE(struct stream, opens), .words = tracking_words),
	ROW("tenant.streams", "text_links", CONFIG_YES_NO, "false",
	    "links in plain text lead over the tracking host, too",
	    AT(struct stream, text_links)),
	ROW("tenant.streams", "utm", CONFIG_STRINGS, NULL,
	    "parameters that tracked links get where they have none of that name",
	    AT(struct stream, utm), .check = check_utm),
	ROW("tenant.streams", "exclude_hosts", CONFIG_DOMAINS, NULL,
	    "links to these hosts, and to names below them, are left alone",
	    AT(struct stream, exclude_hosts), .least = 1),
	ROW("tenant.streams", "merge_tags", CONFIG_CHOICE, "warn",
	    "leftovers of a template in a link: \"warn\" logs, \"pass\", or \"refuse\" the "
	    "message",
	    CHOICE(struct stream, merge_tags), .words = merge_tags_words),
	ROW("tenant.streams", "unsubscribe", CONFIG_CHOICE, "add",
	    "List-Unsubscribe of class bulk: \"add\" ours, or \"keep\" what is there",
	    CHOICE(struct stream, unsubscribe), .words = unsubscribe_words),
	ROW("tenant.streams", "returns", CONFIG_CHOICE, "keep",
	    "reports about its mail: \"keep\" sends them to the envelope sender, \"absorb\" to "
	    "us",
	    CHOICE(struct stream, returns), .words = returns_words),
	ROW("tenant.streams", "unsubscribe_mailto", CONFIG_STRING, NULL,
	    "address in List-Unsubscribe beside our URI", AT(struct stream, unsubscribe_mailto),
	    .check = check_mailto),
	ROW("tenant.streams", "law", CONFIG_CHOICE, "strict",
	    "what a footer of class bulk has to say: \"strict\" for all laws together, "
	    "\"recipient\", \"can-spam\", \"casl\", \"eu\", \"pecr\" or \"spam-act\"",
	    CHOICE(struct stream, law), .words = law_words),
	ROW("tenant.streams", "advertisement", CONFIG_YES_NO, "false",
	    "recipients did not ask for this mail: it has to say that it is an advertisement",
	    AT(struct stream, advertisement)),
	ROW("tenant.streams", "language", CONFIG_STRING, "en",
	    "language of footers, a section of footer-texts.conf", AT(struct stream, language),
	    .check = check_language),
	ROW("tenant.streams", "preferences_url", CONFIG_STRING, NULL,
	    "page where recipients choose what they get", AT(struct stream, preferences_url),
	    .check = check_page),
	ROW("tenant.streams", "pool", CONFIG_STRING, NULL,
	    "pool of penguinmails.conf that its mail leaves from; without it what pool_rules "
	    "say",
	    AT(struct stream, pool), .check = check_name),
	ROW("tenant.streams", "warmup", CONFIG_STRING, NULL,
	    "plan of warmup.conf that the domains it sends from begin with; without it: none",
	    AT(struct stream, warmup), .check = check_name),
	ROW("tenant.streams", "list_help", CONFIG_STRING, NULL,
	    "URI in List-Help of bulk mail: https: or mailto:", AT(struct stream, list_help),
	    .check = check_list_uri),
	ROW("tenant.streams", "list_owner", CONFIG_STRING, NULL,
	    "address in List-Owner of bulk mail", AT(struct stream, list_owner),
	    .check = check_mailto),
	ROW("tenant.streams", "class_header", CONFIG_YES_NO, "false",
	    "X-PM-Class: transactional makes a message of this stream transactional",
	    AT(struct stream, class_header)),
	ROW("tenant.streams", "rules", CONFIG_STRINGS, NULL,
	    "modes of rules, \"ID=MODE\", that are stricter than the plan's",
	    AT(struct stream, rules), .check = rules_check_entry),
	LIMIT_ROWS("tenant.streams", struct stream, limits, "the stream"),
	{ .key = NULL },
};

const struct setting_row *settings_rows(void)
{
	return rows;
}

void config_schema_init(struct config_schema *schema)
{
	*schema = (struct config_schema){ .count = 0 };
	for (const struct setting_row *row = rows; row->key != NULL; row++) {
		size_t last = schema->count;

		if (last == 0 || strcmp(schema->at[last - 1].name, row->block) != 0) {
			if (last == CONFIG_BLOCKS_MAX)
				return;
			schema->at[last].name = row->block;
			schema->at[last].rows = row;
			schema->count++;
		}
		schema->at[schema->count - 1].count++;
	}
}
