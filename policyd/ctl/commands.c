/* commands - the table of penguinctl: every command, its slots, options and handler. Usage,
 * help, suggestions and completion are made from it. */
#include "commands.h"

#define END_OF_OPTIONS                                                                         \
	{                                                                                      \
		0, NULL, NULL, NULL                                                            \
	}

static const struct grammar_option every_command[] = {
	{ 'c', "config", "FILE", "configuration (/etc/penguinmails/penguinmails.conf)" },
	{ 's', "socket", "PATH", "control socket (what the configuration says)" },
	{ 'o', "output", "FORMAT",
	    "table, plain (tabs, no header) or json; dns show: zone, too" },
	{ 0, "json", NULL, "the same as -o json" },
	{ 'q', "quiet", NULL, "no remarks, no progress" },
	{ 0, "no-progress", NULL, "no progress line" },
	{ 'v', "verbose", NULL, "say more" },
	{ 'V', "version", NULL, "print the version and end" },
	{ 'h', "help", NULL, "print this, or the help of a command, and end" },
	{ 0, "completion", "SHELL", "print a completion script (bash) and end" },
	END_OF_OPTIONS,
};

static const struct grammar_option config_show_options[] = {
	{ 'n', "changed", NULL, "only what differs from the default" },
	END_OF_OPTIONS,
};

static const struct grammar_option suspend_options[] = {
	{ 0, "reason", "TEXT", "why; kept with the state" },
	{ 0, "keep-queue", NULL, "leave mail that is queued already alone" },
	END_OF_OPTIONS,
};

static const struct grammar_option pause_options[] = {
	{ 0, "reason", "TEXT", "why; kept in the log" },
	END_OF_OPTIONS,
};

static const struct grammar_option quota_show_options[] = {
	{ 0, "csv", NULL, "comma separated values with a header line" },
	END_OF_OPTIONS,
};

static const struct grammar_option quota_reset_options[] = {
	{ 0, "scope", "SCOPE", "only buckets of this scope (plan, tenant, stream, login)" },
	{ 0, "name", "NAME", "only the bucket of this stream or login" },
	{ 0, "limit", "LIMIT", "only this limit, as quota show prints it" },
	END_OF_OPTIONS,
};

#define SCOPE_OPTIONS                                                                          \
	{ 0, "platform", NULL, "the list of the whole platform" },                             \
	    { 0, "tenant", "TENANT", "the list of a tenant" },                                 \
	{                                                                                      \
		0, "stream", "STREAM", "the list of one stream of that tenant"                 \
	}

static const struct grammar_option suppress_add_options[] = {
	SCOPE_OPTIONS,
	{ 0, "reason", "TEXT", "why; \"manual\" when not given" },
	{ 0, "source", "TEXT", "where it came from; \"penguinctl\" when not given" },
	{ 0, "expires", "DATE", "RFC 3339 date or time it ends; never when not given" },
	END_OF_OPTIONS,
};

static const struct grammar_option suppress_remove_options[] = {
	SCOPE_OPTIONS,
	{ 0, "reason", "TEXT", "why it may be mailed again (must be given)" },
	END_OF_OPTIONS,
};

static const struct grammar_option rules_options[] = {
	{ 0, "tenant", "TENANT", "the modes that are in force for a tenant's first stream" },
	{ 0, "stream", "STREAM", "those of that stream of the tenant" },
	END_OF_OPTIONS,
};

static const struct grammar_option stats_options[] = {
	{ 0, "by", "WHAT", "tenant, stream, domain or source (tenant)" },
	{ 0, "name", "NAME", "only this one; of streams TENANT/STREAM, or all of TENANT" },
	{ 0, "providers", NULL, "a row for each mailbox provider" },
	{ 0, "since", "DATE", "from this RFC 3339 date or time on (the last 24 hours)" },
	{ 0, "until", "DATE", "up to this RFC 3339 date or time (now)" },
	{ 0, "each", "PERIOD", "a row for each hour or day" },
	{ 0, "all", NULL, "every count" },
	END_OF_OPTIONS,
};

static const struct grammar_option health_options[] = {
	{ 0, "by", "WHAT", "tenant, stream, domain or source (tenant)" },
	{ 0, "name", "NAME", "only this one; of streams TENANT/STREAM, or all of TENANT" },
	{ 0, "explain", NULL, "the points that each part costs" },
	END_OF_OPTIONS,
};

static const struct grammar_option plans_options[] = {
	{ 0, "provider", "PROVIDER", "the budgets for this mailbox provider (other)" },
	END_OF_OPTIONS,
};

static const struct grammar_option simulation_options[] = {
	{ 0, "provider", "PROVIDER", "the budgets for this mailbox provider (other)" },
	{ 0, "days", "N", "how many days (60)" },
	{ 0, "volume", "N", "recipients that want mail each day (those of the last day)" },
	{ 0, "hard", "PERCENT", "of addresses that are not there (0.5)" },
	{ 0, "delayed", "PERCENT", "that is put off, from a sender in good standing (2)" },
	{ 0, "complained", "PERCENT", "of complaints (0.02)" },
	{ 0, "bad-day", "N", "a day with ten times of each" },
	{ 0, "bad-days", "N", "so many of them (1)" },
	{ 0, "calendar", NULL, "the plan goes on each day, whatever happens" },
	{ 0, "svg", "FILE", "draw it, too" },
	END_OF_OPTIONS,
};

#define PLACE_OPTION                                                                           \
	{                                                                                      \
		0, "provider", "PROVIDER", "only mail to this mailbox provider"                \
	}

static const struct grammar_option warmup_start_options[] = {
	PLACE_OPTION,
	{ 0, "day", "N", "begin at this day of the plan (1)" },
	{ 0, "reason", "TEXT", "why; kept in the log" },
	END_OF_OPTIONS,
};

static const struct grammar_option warmup_resume_options[] = {
	PLACE_OPTION,
	{ 0, "from", "WHERE", "current, week (its first day) or start (current)" },
	{ 0, "reason", "TEXT", "why; kept in the log" },
	END_OF_OPTIONS,
};

static const struct grammar_option warmup_options[] = {
	PLACE_OPTION,
	{ 0, "reason", "TEXT", "why; kept in the log" },
	END_OF_OPTIONS,
};

static const struct grammar_option alert_list_options[] = {
	{ 0, "all", NULL, "also those that are over" },
	END_OF_OPTIONS,
};

static const struct grammar_option alert_mute_options[] = {
	{ 0, "for", "DURATION", "how long, as in 2h (24h)" },
	END_OF_OPTIONS,
};

static const struct grammar_option ingest_options[] = {
	{ 0, "dry-run", NULL, "say what the report says, and tell nobody" },
	END_OF_OPTIONS,
};

static const struct grammar_option classify_options[] = {
	{ 0, "provider", "GROUP", "the mailbox provider that said it (any)" },
	{ 0, "status", "STATUS",
	    "the status of a reply without one, as the log's dsn= (none)" },
	END_OF_OPTIONS,
};

static const struct grammar_option test_options[] = {
	{ 0, "tenant", "TENANT", "whose message it is (must be given)" },
	{ 0, "stream", "STREAM", "which stream; the tenant's first when not given" },
	{ 0, "sender", "ADDRESS",
	    "envelope sender (the address of From); <> is the null sender" },
	{ 0, "recipient", "ADDRESS", "its one recipient (recipient@example.com)" },
	END_OF_OPTIONS,
};

static const struct grammar_option suppress_list_options[] = {
	SCOPE_OPTIONS,
	END_OF_OPTIONS,
};

static const struct grammar_option genkey_options[] = {
	{ 0, "selector", "NAME", "selector (pm, the month, and r or e)" },
	{ 0, "type", "TYPE", "rsa, ed25519 or both (rsa)" },
	{ 0, "bits", "N", "size of an RSA key: 2048, 3072 or 4096 (2048)" },
	{ 0, "directory", "DIR", "where the key goes (milter.keys/DOMAIN)" },
	END_OF_OPTIONS,
};

static const struct grammar_option dkim_rotate_options[] = {
	{ 0, "now", NULL, "the next key takes over as soon as DNS has it" },
	{ 0, "emergency", NULL, "revoke what signs at once, also without a next key" },
	{ 0, "dry-run", NULL, "say what would be done, and do nothing" },
	{ 0, "type", "TYPE", "of a first key: rsa, ed25519 or both (rsa)" },
	{ 0, "lifetime", "DURATION", "how long a key signs (180d)" },
	{ 0, "server", "ADDRESS[:PORT]", "resolver to ask (those of resolv.conf)" },
	{ 0, "authority-port", "PORT", "port of the zones' own servers (53)" },
	{ 0, "timeout", "MS", "wait so long for an answer, twice (2000)" },
	END_OF_OPTIONS,
};

static const struct grammar_option rotate_options[] = {
	{ 0, "if-missing", NULL, "make the first key; change nothing when there is one" },
	END_OF_OPTIONS,
};

static const struct grammar_option token_show_options[] = {
	{ 0, "host", "HOST", "where a bare token would be presented" },
	END_OF_OPTIONS,
};

static const struct grammar_option postfix_options[] = {
	{ 0, "dry-run", NULL, "print what would change as a diff, and change nothing" },
	END_OF_OPTIONS,
};

static const struct grammar_option enable_options[] = {
	{ 0, "dry-run", NULL, "print what would change as a diff, and change nothing" },
	{ 0, "split", "[=PORT]",
	    "make copies for single recipients possible, at that loopback port (10027)" },
	END_OF_OPTIONS,
};

static const struct grammar_option postfix_show_options[] = {
	{ 0, "split", "[=PORT]",
	    "make copies for single recipients possible, at that loopback port (10027)" },
	END_OF_OPTIONS,
};

static const struct grammar_option events_options[] = {
	{ 0, "tenant", "TENANT", "only events of this tenant" },
	{ 0, "kind", "KIND", "only events of this kind (click, open, ...)" },
	{ 0, "since", "DATE", "only events since this RFC 3339 date or time" },
	END_OF_OPTIONS,
};

static const struct grammar_option follow_options[] = {
	{ 0, "tenant", "TENANT", "only events of this tenant" },
	{ 0, "kind", "KIND", "only events of this kind (delivered, bounced, click, ...)" },
	{ 0, "since", "DATE", "only events since this RFC 3339 date or time" },
	{ 0, "cursor", "FILE", "go on where FILE says, and keep there how far we came" },
	END_OF_OPTIONS,
};

static const struct grammar_option dns_check_options[] = {
	{ 0, "server", "ADDRESS[:PORT]", "resolver to ask (those of resolv.conf)" },
	{ 0, "authority-port", "PORT", "port of the zones' own servers (53)" },
	{ 0, "timeout", "MS", "wait so long for an answer, twice (2000)" },
	{ 0, "problems", NULL, "only records that are not good" },
	END_OF_OPTIONS,
};

static const struct grammar_command commands[] = {
	{ "check", "prove configuration, keys, sockets and Postfix", NULL, cmd_check },
	{ "config show", "print the settings in force", config_show_options, cmd_config_show },
	{ "reload", "make the daemons read their configuration again", NULL, cmd_reload },
	{ "status", "what penguin-policyd is doing", NULL, cmd_status },
	{ "tenant list", "all tenants and their state", NULL, cmd_tenant_list },
	{ "tenant show <tenant>", "one tenant", NULL, cmd_tenant_show },
	{ "tenant suspend <tenant>", "refuse its new mail, hold its queued mail",
	    suspend_options, cmd_tenant_suspend },
	{ "tenant resume <tenant>", "undo tenant suspend", suspend_options, cmd_tenant_resume },
	{ "quota show [<tenant>]", "limits, what is used, when they reset", quota_show_options,
	    cmd_quota_show },
	{ "quota reset <tenant>", "forget what is used", quota_reset_options, cmd_quota_reset },
	{ "source list", "what mail may leave from", NULL, cmd_source_list },
	{ "source pause <source>", "no new mail from it; its queued mail waits", pause_options,
	    cmd_source_pause },
	{ "source resume <source>", "undo source pause", pause_options, cmd_source_resume },
	{ "pool status [<pool>]", "members, capacity and what was used today", NULL,
	    cmd_pool_status },
	{ "pool pause <pool>", "no new mail from any of its members", pause_options,
	    cmd_pool_pause },
	{ "pool resume <pool>", "undo pool pause", pause_options, cmd_pool_resume },
	{ "health", "how well mail is received, from 0 to 100", health_options, cmd_health },
	{ "brake list", "what is paused because of what receivers said", NULL, cmd_brake_list },
	{ "brake release <scope> <name> <place>", "end such a pause; as brake list prints it",
	    pause_options, cmd_brake_release },
	{ "alert list", "what an administrator should know", alert_list_options,
	    cmd_alert_list },
	{ "alert ack <alert>...", "you have seen it: it is not told again", NULL,
	    cmd_alert_ack },
	{ "alert mute <alert>", "do not tell of it for a while", alert_mute_options,
	    cmd_alert_mute },
	{ "alert test", "an alert without a reason, to try the ways", NULL, cmd_alert_test },
	{ "alert send", "tell what was not told yet: by mail and by the hook", NULL,
	    cmd_alert_send },
	{ "warmup status [<name>]", "who warms up, and how far it has come", NULL,
	    cmd_warmup_status },
	{ "warmup plans [<plan>]", "plans of warmup.conf, or the days of one", plans_options,
	    cmd_warmup_plans },
	{ "warmup simulate <plan>", "what a plan would do with a made-up provider",
	    simulation_options, cmd_warmup_simulate },
	{ "warmup start <scope> <name> [<plan>]", "begin a plan for a source or a domain",
	    warmup_start_options, cmd_warmup_start },
	{ "warmup pause <scope> <name>", "let nothing leave until it is resumed",
	    warmup_options, cmd_warmup_pause },
	{ "warmup resume <scope> <name>", "undo warmup pause, also one for a bad day",
	    warmup_resume_options, cmd_warmup_resume },
	{ "warmup adjust <scope> <name> <day>", "go to another day of its plan", warmup_options,
	    cmd_warmup_adjust },
	{ "warmup stop <scope> <name>", "no limit any more", warmup_options, cmd_warmup_stop },
	{ "provider <name>...", "the mailbox provider of a domain, or of its MX hosts", NULL,
	    cmd_provider },
	{ "stats", "what became of mail: delivered, bounced, complained about", stats_options,
	    cmd_stats },
	{ "ingest <recipient>...", "read a report about mail of ours from stdin (for pipe(8))",
	    ingest_options, cmd_ingest },
	{ "classify <reply>...", "what a receiver's SMTP reply means, and what follows",
	    classify_options, cmd_classify },
	{ "test <file>", "what the milter would make of a message (- is stdin)", test_options,
	    cmd_test },
	{ "rules [<rule>]", "what is asked of a message, and the source of each rule",
	    rules_options, cmd_rules },
	{ "plugin list", "plug-ins that the configuration names", NULL, cmd_plugin_list },
	{ "plugin verify [<name>]", "would penguin-milter load it?", NULL, cmd_plugin_verify },
	{ "plugin enable <name>", "undo plugin disable", NULL, cmd_plugin_enable },
	{ "plugin disable <name>", "leave it out from the next start on", NULL,
	    cmd_plugin_disable },
	{ "suppress add <address>...", "never mail these addresses", suppress_add_options,
	    cmd_suppress_add },
	{ "suppress rm <address>", "take an address off a list", suppress_remove_options,
	    cmd_suppress_remove },
	{ "suppress check <address>", "is it on a list that counts here?",
	    suppress_list_options, cmd_suppress_check },
	{ "suppress import <file>", "add the rows of a CSV file (- is stdin)",
	    suppress_add_options, cmd_suppress_import },
	{ "suppress export", "print a list as CSV", suppress_list_options,
	    cmd_suppress_export },
	{ "dkim genkey <domain>", "make a signing key and its DNS record", genkey_options,
	    cmd_dkim_genkey },
	{ "dkim list [<domain>]...", "keys of domains with dkim_ring", NULL, cmd_dkim_list },
	{ "dkim rotate [<domain>]...", "do what is due with them, as far as DNS allows",
	    dkim_rotate_options, cmd_dkim_rotate },
	{ "dkim activate <domain> <selector>", "sign with that key, whatever DNS says", NULL,
	    cmd_dkim_activate },
	{ "dkim retire <domain> <selector>", "do not sign with that key any more", NULL,
	    cmd_dkim_retire },
	{ "dkim rollback <domain>", "sign with the key before again", NULL, cmd_dkim_rollback },
	{ "dns show <domain>...", "what must be published for a sending domain or our host",
	    NULL, cmd_dns_show },
	{ "dns check [<domain>]...", "compare DNS with that; without a domain: all of them",
	    dns_check_options, cmd_dns_check },
	{ "token keys list", "the keys of links and return paths, without their secrets", NULL,
	    cmd_token_keys_list },
	{ "token keys rotate", "add a key for new links; old links keep working",
	    rotate_options, cmd_token_keys_rotate },
	{ "token show <token>", "what a link, a return path or a token says",
	    token_show_options, cmd_token_show },
	{ "postfix show", "the postconf commands that attach us", postfix_show_options,
	    cmd_postfix_show },
	{ "postfix enable", "attach us to Postfix", enable_options, cmd_postfix_enable },
	{ "postfix disable", "detach us from Postfix", postfix_options, cmd_postfix_disable },
	{ "postfix check", "look for settings that break us", NULL, cmd_postfix_check },
	{ "explain <login> <sender> <recipient> [<size>]",
	    "what would be decided, and why; changes nothing", NULL, cmd_explain },
	{ "events show", "the event log, oldest first", events_options, cmd_events_show },
	{ "events export", "events as JSON, a line each", follow_options, cmd_events_export },
	{ "events tail", "the same, and what comes, until it is stopped", follow_options,
	    cmd_events_tail },
	{ "db backup <directory>", "copy the store while it is in use", NULL, cmd_db_backup },
	{ "db verify", "read the whole store and prove its checksums", NULL, cmd_db_verify },
	{ NULL, NULL, NULL, NULL },
};

const struct grammar ctl_grammar = {
	.program = "penguinctl",
	.summary = "administer PenguinMails for Postfix",
	.options = every_command,
	.commands = commands,
};
