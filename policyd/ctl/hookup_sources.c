/* hookup_sources - a transport of Postfix for each source: bind addresses, HELO name, and a name in
 * the log. Options that the administrator added to one of them stay. */
#include <stdio.h>

#include "config_index.h"
#include "hookup_edit.h"

bool hookup_can_enforce(struct span defaults)
{
	struct postconf_parameter p;

	return postconf_find(defaults, SPAN("smtp_bind_address_enforce"), &p);
}

static void set(struct hookup_source_option *o, const char *name, const char *value)
{
	o->name = name;
	o->keep = false;
	(void)snprintf(o->value, sizeof o->value, "%s", value != NULL ? value : "");
}

void hookup_source_options(const struct source *s, bool can_enforce,
    struct hookup_source_option out[HOOKUP_SOURCE_OPTIONS])
{
	bool bound = s->address4 != NULL || s->address6 != NULL;
	bool secret = s->password_maps != NULL;
	const char *family = NULL;

	/* Over the other family it would leave from any address. */
	if (bound && (s->address4 == NULL || s->address6 == NULL))
		family = s->address4 != NULL ? "ipv4" : "ipv6";
	set(&out[0], "syslog_name", NULL);
	(void)snprintf(
	    out[0].value, sizeof out[0].value, "postfix/%s%s", SOURCE_TRANSPORT, s->name);
	set(&out[1], "smtp_bind_address", s->address4);
	set(&out[2], "smtp_bind_address6", s->address6);
	set(&out[3], "smtp_bind_address_enforce", bound && can_enforce ? "yes" : NULL);
	set(&out[4], "inet_protocols", family);
	set(&out[5], "smtp_helo_name", s->helo);
	set(&out[6], "smtp_sasl_auth_enable", secret ? "yes" : NULL);
	set(&out[7], "smtp_sasl_password_maps", s->password_maps);
	set(&out[8], "smtp_sasl_security_options", secret ? "noanonymous" : NULL);
	set(&out[9], "smtp_tls_security_level", secret ? "encrypt" : NULL);
	out[6].keep = out[7].keep = !secret;
	out[8].keep = out[9].keep = true;
}

static void transport_name(const struct source *s, struct buf *out)
{
	buf_reset(out);
	buf_printf(out, "%s%s", SOURCE_TRANSPORT, s->name);
}

static void add_transport(struct hookup *h, const struct source *s, struct span name,
    struct span chroot, bool can_enforce)
{
	struct hookup_source_option options[HOOKUP_SOURCE_OPTIONS];
	struct buf text = BUF_INIT(65536);

	hookup_source_options(s, can_enforce, options);
	buf_printf(&text, "%.*s unix - - %.*s - - smtp\n", SPAN_ARG(name), SPAN_ARG(chroot));
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].value[0] != '\0')
			buf_printf(&text, "    -o %s=%s\n", options[i].name, options[i].value);
	h->failed = h->failed || !buf_ok(&text);
	hookup_append_service(h, name, buf_span(&text));
	buf_free(&text);
}

/* Only what we set is changed. */
static void update_transport(struct hookup *h, const struct source *s, struct span name,
    struct master_service *service, bool can_enforce)
{
	struct hookup_source_option options[HOOKUP_SOURCE_OPTIONS];

	hookup_source_options(s, can_enforce, options);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		struct span option = span_cstr(options[i].name),
			    value = span_cstr(options[i].value);
		struct master_option o;
		bool there = master_find_option(buf_span(&h->master), service, option, &o);

		if (there ? options[i].keep || (value.n > 0 && span_eq(o.value, value))
			  : value.n == 0)
			continue;
		hookup_set_option(h, name, SPAN("unix"), option, value.n > 0 ? &value : NULL);
		if (!master_find(buf_span(&h->master), name, SPAN("unix"), service))
			return;
	}
}

/* Names of the services of type unix; text must stay as it is. */
static bool index_services(struct span text, struct index *services)
{
	struct master_service s;
	size_t offset = 0;

	while (master_next(text, &offset, &s))
		if (span_eq(s.type, SPAN("unix")) && !index_add(services, s.name, 0, 0))
			return false;
	return true;
}

void hookup_attach_sources(
    struct hookup *h, const struct hookup_names *names, struct span defaults)
{
	bool can_enforce = hookup_can_enforce(defaults);
	struct span chroot = hookup_chroot_like(h, SPAN("smtp"), SPAN("unix"));
	struct buf name = BUF_INIT(SOURCE_TRANSPORT_MAX);
	struct index services;

	/* Found once: a search for each would read the file again for each. */
	index_init(&services, 0);
	if (!index_services(hookup_keep(h, buf_span(&h->master)), &services))
		h->failed = true;
	for (size_t i = 0; i < names->source_count; i++) {
		struct span transport;
		struct master_service s;

		transport_name(&names->sources[i], &name);
		transport = hookup_keep(h, buf_span(&name));
		if (index_find(&services, transport) == NULL)
			add_transport(h, &names->sources[i], transport, chroot, can_enforce);
		else if (master_find(buf_span(&h->master), transport, SPAN("unix"), &s))
			update_transport(h, &names->sources[i], transport, &s, can_enforce);
	}
	index_free(&services);
	buf_free(&name);
}

void hookup_detach_sources(struct hookup *h)
{
	struct master_service s;
	size_t offset = 0;

	while (master_next(buf_span(&h->master), &offset, &s)) {
		size_t start = s.start;

		if (!span_eq(s.type, SPAN("unix")) ||
		    !span_starts(s.name, SPAN(SOURCE_TRANSPORT)))
			continue;
		hookup_remove_service(h, hookup_keep(h, s.name), SPAN("unix"));
		offset = start;
	}
}
