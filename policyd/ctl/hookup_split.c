/* hookup_split - what makes copies for single recipients: a transport that has one recipient a
 * delivery, the smtpd it delivers to, and a trivial-rewrite for smtpd that does not ask routes. */
#include "hookup_edit.h"

/* What qmgr is told by routes, and nobody else needs to be: an smtpd that resolves a recipient must
 * not depend on penguin-policyd's socketmap. */
static const char senders_list[] = "sender_dependent_default_transport_maps";
static const char recipient_limit[] = "penguin-split_destination_recipient_limit";
static const char rewrite_option[] = "rewrite_service_name";

#define TRANSPORT_NAME SPAN("penguin-split")
#define REWRITE_NAME   SPAN("penguin-rewrite")

struct option {
	const char *name, *value;
};

static const struct option transport_options[] = {
	{ "syslog_name", "postfix/penguin-split" },
	/* What the second pass refuses was accepted by the first: it waits until that is mended. */
	{ "soft_bounce", "yes" },
	{ "smtp_bind_address", "" },
	{ "smtp_bind_address6", "" },
	{ "smtp_tls_security_level", "none" },
	{ "smtp_sasl_auth_enable", "no" },
	{ "smtp_generic_maps", "" },
	{ "smtp_header_checks", "" },
	{ "smtp_body_checks", "" },
	{ "smtp_mime_header_checks", "" },
	{ "smtp_nested_header_checks", "" },
	{ "smtp_discard_ehlo_keyword_address_maps", "" },
	{ "smtp_send_xforward_command", "yes" },
	{ NULL, NULL },
};

/* Mappings and checks were made in the first pass; a blind copy made there is a recipient here. */
static const struct option smtpd_options[] = {
	{ "syslog_name", "postfix/penguin-split" },
	{ HOOKUP_SPLIT_MARK, HOOKUP_SPLIT_DAEMON },
	{ "mynetworks", "127.0.0.0/8 [::1]/128" },
	{ "smtpd_authorized_xforward_hosts", "127.0.0.0/8 [::1]/128" },
	{ "smtpd_authorized_xclient_hosts", "" },
	{ "smtpd_delay_reject", "yes" },
	{ "smtpd_client_restrictions", "permit_mynetworks,reject" },
	{ "smtpd_helo_restrictions", "" },
	{ "smtpd_sender_restrictions", "" },
	{ "smtpd_relay_restrictions", "" },
	{ "smtpd_recipient_restrictions", "permit_mynetworks,reject" },
	{ "smtpd_data_restrictions", "" },
	{ "smtpd_end_of_data_restrictions", "" },
	{ "smtpd_sasl_auth_enable", "no" },
	{ "smtpd_tls_security_level", "none" },
	{ "smtpd_tls_wrappermode", "no" },
	{ "smtpd_proxy_filter", "" },
	{ "smtpd_milter_maps", "" },
	{ "smtpd_discard_ehlo_keywords", "" },
	{ "smtpd_client_connection_count_limit", "0" },
	{ "smtpd_client_connection_rate_limit", "0" },
	{ "smtpd_client_message_rate_limit", "0" },
	{ "smtpd_client_recipient_rate_limit", "0" },
	{ "receive_override_options",
	    "no_unknown_recipient_checks,no_address_mappings,no_header_body_checks" },
	{ NULL, NULL },
};

/* ---- elements and names ---- */

bool hookup_is_split(struct span master, const struct master_service *service)
{
	struct master_option o;

	return span_eq(service->command, SPAN("smtpd")) &&
	       master_find_option(master, service, SPAN(HOOKUP_SPLIT_MARK), &o) &&
	       span_eq(o.value, SPAN(HOOKUP_SPLIT_DAEMON));
}

static struct span port_of(struct span address)
{
	size_t i = address.n;

	while (i > 0 && address.p[i - 1] != ':')
		i--;
	return span_from(address, i);
}

bool hookup_split_conflict(
    struct span master, struct span split, struct master_service *service_r)
{
	size_t offset = 0;

	while (master_next(master, &offset, service_r))
		if (span_eq(service_r->type, SPAN("inet")) &&
		    span_eq(port_of(service_r->name), port_of(split)) &&
		    !hookup_is_split(master, service_r))
			return true;
	return false;
}

static struct span senders_element(struct hookup *h, const struct hookup_names *names)
{
	struct buf b = BUF_INIT(4096);
	struct span kept;

	hookup_senders_element(names, &b);
	h->failed = h->failed || !buf_ok(&b);
	kept = hookup_keep(h, buf_span(&b));
	buf_free(&b);
	return kept;
}

void hookup_senders_element(const struct hookup_names *names, struct buf *out)
{
	buf_printf(out, "socketmap:%.*s:sdt", SPAN_ARG(names->routes));
}

/* ---- attaching ---- */

static bool has_service(const struct hookup *h, struct span name, struct span type)
{
	struct master_service s;

	return master_find(buf_span(&h->master), name, type, &s);
}

static void set_options(
    struct hookup *h, struct span service, struct span type, const struct option *list)
{
	for (; list->name != NULL; list++) {
		struct span value = span_cstr(list->value);

		hookup_set_option(h, service, type, span_cstr(list->name), &value);
	}
}

/* As chrooted as the service it stands beside. */
static struct span chroot_like(struct hookup *h, struct span name, struct span type)
{
	struct master_service s;

	return master_find(buf_span(&h->master), name, type, &s) ? hookup_keep(h, s.chroot)
								 : SPAN("n");
}

static void add_transport(struct hookup *h)
{
	if (has_service(h, TRANSPORT_NAME, SPAN("unix")))
		return;
	hookup_add_service(h, SPAN("penguin-split unix - - n - - smtp"));
	set_options(h, TRANSPORT_NAME, SPAN("unix"), transport_options);
}

static void add_smtpd(struct hookup *h, const struct hookup_names *names)
{
	struct span type = SPAN("inet"), rewrite = REWRITE_NAME, milter;
	struct buf line = BUF_INIT(1024);
	struct master_service s;
	size_t offset = 0;

	while (master_next(buf_span(&h->master), &offset, &s)) {
		if (!hookup_is_split(buf_span(&h->master), &s))
			continue;
		if (span_eq(s.name, names->split))
			return;
		offset = s.start; /* at another port before */
		hookup_remove_service(h, hookup_keep(h, s.name), type);
	}
	milter = hookup_milter_element(h, names);
	buf_printf(&line, "%.*s inet n - n - - smtpd", SPAN_ARG(names->split));
	hookup_add_service(h, buf_span(&line));
	set_options(h, names->split, type, smtpd_options);
	hookup_set_option(h, names->split, type, SPAN("smtpd_milters"), &milter);
	hookup_set_option(h, names->split, type, span_cstr(rewrite_option), &rewrite);
	buf_free(&line);
}

/* Looks up everything that the admin's does, but routes. */
static void add_rewrite(
    struct hookup *h, const struct hookup_names *names, struct span defaults)
{
	struct span name = span_cstr(senders_list), type = SPAN("unix"), value;
	struct buf line = BUF_INIT(1024);
	bool changed;

	if (has_service(h, REWRITE_NAME, type))
		return;
	value = hookup_flat(h, hookup_value_now(h, name, defaults));
	value = hookup_without_element(h, value, senders_element(h, names), &changed);
	buf_printf(&line, "penguin-rewrite unix - - %.*s - - trivial-rewrite",
	    SPAN_ARG(chroot_like(h, SPAN("rewrite"), type)));
	hookup_add_service(h, buf_span(&line));
	hookup_set_option(h, REWRITE_NAME, type, name, &value);
	buf_free(&line);
}

static void use_rewrite(struct hookup *h)
{
	struct span value = REWRITE_NAME;
	struct master_service s;
	size_t offset = 0;

	while (master_next(buf_span(&h->master), &offset, &s)) {
		struct span service = hookup_keep(h, s.name), type = hookup_keep(h, s.type);
		struct master_option o;

		if (!span_eq(s.command, SPAN("smtpd")) ||
		    master_find_option(buf_span(&h->master), &s, span_cstr(rewrite_option), &o))
			continue;
		hookup_set_option(h, service, type, span_cstr(rewrite_option), &value);
		if (master_find(buf_span(&h->master), service, type, &s))
			offset = s.end;
	}
}

static bool has_element(struct span value, struct span element)
{
	struct span each;
	size_t offset = 0;

	while (postconf_element(value, &offset, &each))
		if (span_eq(each, element))
			return true;
	return false;
}

void hookup_attach_split(
    struct hookup *h, const struct hookup_names *names, struct span defaults)
{
	struct span name = span_cstr(senders_list), element = senders_element(h, names), value;

	add_transport(h);
	add_smtpd(h, names);
	add_rewrite(h, names, defaults);
	use_rewrite(h);
	if (!span_eq(
		hookup_value_in(buf_span(&h->main), span_cstr(recipient_limit)), SPAN("1")))
		hookup_set_main(h, span_cstr(recipient_limit), SPAN("1"));
	value = hookup_value_now(h, name, defaults);
	if (!has_element(value, element))
		hookup_set_main(h, name, hookup_with_element(h, value, element, LAST));
}

/* ---- detaching ---- */

static void detach_senders(
    struct hookup *h, const struct hookup_names *names, struct span before_main)
{
	struct span name = span_cstr(senders_list), value;
	struct postconf_parameter now, then;
	bool changed, was = postconf_find(before_main, name, &then);

	if (!postconf_find(buf_span(&h->main), name, &now))
		return;
	value = hookup_without_element(h, now.value, senders_element(h, names), &changed);
	if (changed && (was || span_trim(value).n > 0))
		hookup_set_main(h, name,
		    was && span_eq(hookup_flat(h, then.value), hookup_flat(h, value))
			? hookup_keep(h, then.value)
			: value);
	else if (changed)
		hookup_remove_main(h, name);
}

static void detach_services(struct hookup *h)
{
	struct master_service s;
	size_t offset = 0;

	while (master_next(buf_span(&h->master), &offset, &s)) {
		struct span service = hookup_keep(h, s.name), type = hookup_keep(h, s.type);
		struct master_option o;
		size_t start = s.start;

		if (hookup_is_split(buf_span(&h->master), &s)) {
			hookup_remove_service(h, service, type);
			offset = start;
		} else if (master_find_option(
			       buf_span(&h->master), &s, span_cstr(rewrite_option), &o) &&
			   span_eq(o.value, REWRITE_NAME)) {
			hookup_set_option(h, service, type, span_cstr(rewrite_option), NULL);
			offset = start;
		}
	}
	hookup_remove_service(h, TRANSPORT_NAME, SPAN("unix"));
	hookup_remove_service(h, REWRITE_NAME, SPAN("unix"));
}

void hookup_detach_split(
    struct hookup *h, const struct hookup_names *names, struct span before_main)
{
	struct postconf_parameter p;

	detach_services(h);
	detach_senders(h, names, before_main);
	if (postconf_find(buf_span(&h->main), span_cstr(recipient_limit), &p) &&
	    !postconf_find(before_main, span_cstr(recipient_limit), &p))
		hookup_remove_main(h, span_cstr(recipient_limit));
}
