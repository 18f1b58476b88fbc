/* config_check.h - what the schema's rows ask beyond their type. check_*: the sentence that
 * says what is wrong with a value, or NULL. finish_*: called when a group is complete. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config.h"

const char *check_not_empty(struct span value);
const char *check_name(struct span value);    /* tenants, plans, streams */
const char *check_account(struct span value); /* system users and groups */
const char *check_account_or_empty(struct span value);
const char *check_socket(struct span value); /* net.h names */
const char *check_socket_or_empty(struct span value);
const char *check_host_port(struct span value); /* "HOST:PORT", numeric */
const char *check_absolute(struct span value);  /* absolute paths */
const char *check_absolute_or_empty(struct span value);
const char *check_split_or_empty(struct span value); /* "127.0.0.1:10027" */
const char *check_key_file(struct span value);
const char *check_domain(struct span value);
const char *check_domain_or_empty(struct span value);
const char *check_spf_or_empty(struct span value); /* mechanisms, without version and "all" */
const char *check_selector(struct span value);
const char *check_login(struct span value);
const char *check_utm(struct span value);    /* "utm_source=news" */
const char *check_mailto(struct span value); /* an address that needs no escapes in a URI */
const char *check_mailto_or_empty(struct span value);
const char *check_address4(struct span value); /* "192.0.2.1" */
const char *check_address6(struct span value);
const char *check_relay(struct span value);    /* "[host]:port", as Postfix writes a next hop */
const char *check_table(struct span value);    /* "hash:/etc/postfix/passwords" */
const char *check_mailbox(struct span value);  /* an address */
const char *check_weight(struct span value);   /* "0" to "9.99" */
const char *check_list_uri(struct span value); /* "https://..." or "mailto:..." */
const char *check_sender_id_or_empty(struct span value);
const char *check_line(struct span value); /* a short line of text that people read */
const char *check_page(struct span value); /* "https://acme.example/x" */
const char *check_language(struct span value);

void finish_policyd(
    struct config_reader *r, const struct config_setting_t *group, void *object);
void finish_milter(struct config_reader *r, const struct config_setting_t *group, void *object);
void finish_web(struct config_reader *r, const struct config_setting_t *group, void *object);
void finish_store(struct config_reader *r, const struct config_setting_t *group, void *object);
void finish_notices(
    struct config_reader *r, const struct config_setting_t *group, void *object);
void finish_dns(struct config_reader *r, const struct config_setting_t *group, void *object);
void finish_domain(struct config_reader *r, const struct config_setting_t *group, void *object);
void finish_key(struct config_reader *r, const struct config_setting_t *group, void *object);

void finish_source(struct config_reader *r, const struct config_setting_t *group, void *object);

/* What web.proxies and web.metrics are when they are not written. */
extern const struct network config_loopback[2];

#endif
