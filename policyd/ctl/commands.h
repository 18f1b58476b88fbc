/* commands.h - the handlers of penguinctl's commands; commands.c has the table that names them.
 * Each gives a sysexits status and has said what went wrong. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "ctl.h"

/* cmd_check.c */
int cmd_check(struct ctl *ctl, const struct grammar_match *match);
/* cmd_daemon.c */
int cmd_config_show(struct ctl *ctl, const struct grammar_match *match);
int cmd_reload(struct ctl *ctl, const struct grammar_match *match);
int cmd_status(struct ctl *ctl, const struct grammar_match *match);
int cmd_explain(struct ctl *ctl, const struct grammar_match *match);
int cmd_db_backup(struct ctl *ctl, const struct grammar_match *match);
int cmd_db_verify(struct ctl *ctl, const struct grammar_match *match);
/* cmd_tenant.c */
int cmd_tenant_list(struct ctl *ctl, const struct grammar_match *match);
int cmd_tenant_show(struct ctl *ctl, const struct grammar_match *match);
int cmd_tenant_suspend(struct ctl *ctl, const struct grammar_match *match);
int cmd_tenant_resume(struct ctl *ctl, const struct grammar_match *match);
int cmd_quota_show(struct ctl *ctl, const struct grammar_match *match);
int cmd_quota_reset(struct ctl *ctl, const struct grammar_match *match);
/* cmd_pools.c */
int cmd_source_list(struct ctl *ctl, const struct grammar_match *match);
int cmd_source_pause(struct ctl *ctl, const struct grammar_match *match);
int cmd_source_resume(struct ctl *ctl, const struct grammar_match *match);
int cmd_pool_status(struct ctl *ctl, const struct grammar_match *match);
int cmd_pool_pause(struct ctl *ctl, const struct grammar_match *match);
int cmd_pool_resume(struct ctl *ctl, const struct grammar_match *match);
/* cmd_provider.c */
int cmd_provider(struct ctl *ctl, const struct grammar_match *match);
/* cmd_stats.c */
int cmd_stats(struct ctl *ctl, const struct grammar_match *match);
/* cmd_health.c */
int cmd_health(struct ctl *ctl, const struct grammar_match *match);
/* cmd_brake.c */
int cmd_brake_list(struct ctl *ctl, const struct grammar_match *match);
int cmd_brake_release(struct ctl *ctl, const struct grammar_match *match);
/* cmd_warmup.c */
int cmd_warmup_plans(struct ctl *ctl, const struct grammar_match *match);
/* The plans of warmup.conf; a status, and what is wrong was said. */
struct warmup_plans;
int warmup_plans_open(struct ctl *ctl, struct warmup_plans **plans_r);
/* cmd_simulate.c */
int cmd_warmup_simulate(struct ctl *ctl, const struct grammar_match *match);
int cmd_warmup_status(struct ctl *ctl, const struct grammar_match *match);
int cmd_warmup_start(struct ctl *ctl, const struct grammar_match *match);
int cmd_warmup_pause(struct ctl *ctl, const struct grammar_match *match);
int cmd_warmup_resume(struct ctl *ctl, const struct grammar_match *match);
int cmd_warmup_adjust(struct ctl *ctl, const struct grammar_match *match);
int cmd_warmup_stop(struct ctl *ctl, const struct grammar_match *match);
/* cmd_alert.c */
int cmd_alert_list(struct ctl *ctl, const struct grammar_match *match);
int cmd_alert_ack(struct ctl *ctl, const struct grammar_match *match);
int cmd_alert_mute(struct ctl *ctl, const struct grammar_match *match);
int cmd_alert_test(struct ctl *ctl, const struct grammar_match *match);
int cmd_alert_send(struct ctl *ctl, const struct grammar_match *match);
/* cmd_ingest.c */
int cmd_ingest(struct ctl *ctl, const struct grammar_match *match);
/* cmd_classify.c */
int cmd_classify(struct ctl *ctl, const struct grammar_match *match);
/* cmd_test.c */
int cmd_test(struct ctl *ctl, const struct grammar_match *match);
/* cmd_rules.c */
int cmd_rules(struct ctl *ctl, const struct grammar_match *match);
/* cmd_plugin.c */
int cmd_plugin_list(struct ctl *ctl, const struct grammar_match *match);
int cmd_plugin_verify(struct ctl *ctl, const struct grammar_match *match);
int cmd_plugin_enable(struct ctl *ctl, const struct grammar_match *match);
int cmd_plugin_disable(struct ctl *ctl, const struct grammar_match *match);
/* cmd_events.c */
int cmd_events_show(struct ctl *ctl, const struct grammar_match *match);
int cmd_events_export(struct ctl *ctl, const struct grammar_match *match);
int cmd_events_tail(struct ctl *ctl, const struct grammar_match *match);
/* cmd_suppress.c */
int cmd_suppress_add(struct ctl *ctl, const struct grammar_match *match);
int cmd_suppress_remove(struct ctl *ctl, const struct grammar_match *match);
int cmd_suppress_check(struct ctl *ctl, const struct grammar_match *match);
/* cmd_import.c */
int cmd_suppress_import(struct ctl *ctl, const struct grammar_match *match);
int cmd_suppress_export(struct ctl *ctl, const struct grammar_match *match);
/* cmd_dkim.c */
int cmd_dkim_genkey(struct ctl *ctl, const struct grammar_match *match);
/* The same as reload, without a report. */
int daemons_reload(struct ctl *ctl);
/* cmd_ring.c */
int cmd_dkim_list(struct ctl *ctl, const struct grammar_match *match);
int cmd_dkim_rotate(struct ctl *ctl, const struct grammar_match *match);
int cmd_dkim_activate(struct ctl *ctl, const struct grammar_match *match);
int cmd_dkim_retire(struct ctl *ctl, const struct grammar_match *match);
int cmd_dkim_rollback(struct ctl *ctl, const struct grammar_match *match);
/* cmd_dns.c */
int cmd_dns_show(struct ctl *ctl, const struct grammar_match *match);
int cmd_dns_check(struct ctl *ctl, const struct grammar_match *match);
/* cmd_token.c */
int cmd_token_keys_list(struct ctl *ctl, const struct grammar_match *match);
int cmd_token_keys_rotate(struct ctl *ctl, const struct grammar_match *match);
int cmd_token_show(struct ctl *ctl, const struct grammar_match *match);
/* cmd_postfix.c */
int cmd_postfix_show(struct ctl *ctl, const struct grammar_match *match);
int cmd_postfix_enable(struct ctl *ctl, const struct grammar_match *match);
int cmd_postfix_disable(struct ctl *ctl, const struct grammar_match *match);
int cmd_postfix_check(struct ctl *ctl, const struct grammar_match *match);

#endif
