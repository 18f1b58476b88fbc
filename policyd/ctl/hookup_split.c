/* hookup_split - what makes copies for single recipients: a transport that has one recipient a
 * delivery, and the smtpd it delivers to. */
#include "hookup_edit.h"

static const char recipient_limit[] = "penguin-split_destination_recipient_limit";

#define TRANSPORT_NAME SPAN("penguin-split")

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

/* ---- attaching ---- */

static void set_options(
    struct hookup *h, struct span service, struct span type, const struct option *list)
{
	for (; list->name != NULL; list++) {
		struct span value = span_cstr(list->value);

		hookup_set_option(h, service, type, span_cstr(list->name), &value);
	}
}

static void add_transport(struct hookup *h)
{
	if (hookup_has_service(h, TRANSPORT_NAME, SPAN("unix")))
		return;
	hookup_add_service(h, SPAN("penguin-split unix - - n - - smtp"));
	set_options(h, TRANSPORT_NAME, SPAN("unix"), transport_options);
}

static void add_smtpd(struct hookup *h, const struct hookup_names *names)
{
	struct span type = SPAN("inet"), rewrite = SPAN(HOOKUP_REWRITE), milter;
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
	hookup_set_option(h, names->split, type, SPAN(HOOKUP_REWRITE_OPTION), &rewrite);
	buf_free(&line);
}

void hookup_attach_split(struct hookup *h, const struct hookup_names *names)
{
	add_transport(h);
	add_smtpd(h, names);
	if (!span_eq(
		hookup_value_in(buf_span(&h->main), span_cstr(recipient_limit)), SPAN("1")))
		hookup_set_main(h, span_cstr(recipient_limit), SPAN("1"));
}

/* ---- detaching ---- */

static void detach_services(struct hookup *h)
{
	struct master_service s;
	size_t offset = 0;

	while (master_next(buf_span(&h->master), &offset, &s)) {
		struct span service = hookup_keep(h, s.name), type = hookup_keep(h, s.type);
		size_t start = s.start;

		if (!hookup_is_split(buf_span(&h->master), &s))
			continue;
		hookup_remove_service(h, service, type);
		offset = start;
	}
	hookup_remove_service(h, TRANSPORT_NAME, SPAN("unix"));
}

void hookup_detach_split(struct hookup *h, struct span before_main)
{
	struct postconf_parameter p;

	detach_services(h);
	if (postconf_find(buf_span(&h->main), span_cstr(recipient_limit), &p) &&
	    !postconf_find(before_main, span_cstr(recipient_limit), &p))
		hookup_remove_main(h, span_cstr(recipient_limit));
}
