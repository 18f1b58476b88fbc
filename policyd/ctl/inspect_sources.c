/* inspect_sources - rules about the transports of sources: is each there and as the configuration
 * says, and does anything of Postfix send their mail elsewhere? Reads no file. */
#include <stdio.h>

#include "config_index.h"
#include "inspect.h"

static const char fix[] = "penguinctl postfix enable";

static struct span value_of(const struct inspect_input *in, const char *name)
{
	struct postconf_parameter p;

	return postconf_find(in->parameters, span_cstr(name), &p) ? p.value : SPAN("");
}

/* What differs from what the configuration says. */
static void inspect_options(const struct inspect_input *in, const struct source *source,
    const char *subject, const struct master_service *service, struct findings *out)
{
	struct hookup_source_option options[HOOKUP_SOURCE_OPTIONS];

	hookup_source_options(source, hookup_can_enforce(in->parameters), options);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		struct span wanted = span_cstr(options[i].value);
		struct master_option o = { .value = SPAN("") };
		bool there =
		    master_find_option(in->services, service, span_cstr(options[i].name), &o);

		if (span_eq(o.value, wanted) || (there && options[i].keep))
			continue;
		findings_add(out, SEVERITY_ERROR, span_cstr(subject), fix,
		    "%s is \"%.*s\", the configuration says \"%.*s\"", options[i].name,
		    SPAN_ARG(o.value), SPAN_ARG(wanted));
	}
}

static void inspect_source(const struct inspect_input *in, const struct source *source,
    const struct index *services, struct findings *out)
{
	char name[SOURCE_TRANSPORT_MAX], subject[SOURCE_TRANSPORT_MAX + 8];
	const struct index_entry *e;
	struct master_service s;
	size_t offset;

	(void)snprintf(name, sizeof name, "%s%s", SOURCE_TRANSPORT, source->name);
	(void)snprintf(subject, sizeof subject, "%s/unix", name);
	e = index_find(services, span_cstr(name));
	if (e == NULL) {
		findings_add(out, SEVERITY_ERROR, SPAN("master.cf"), fix,
		    "the transport %s of source \"%s\" is missing", name, source->name);
		return;
	}
	offset = e->owner;
	if (!master_next(in->services, &offset, &s))
		return;
	if (!span_eq(s.command, SPAN("smtp")))
		findings_add(out, SEVERITY_ERROR, span_cstr(subject),
		    "give the source, or the service, another name",
		    "runs %.*s, not smtp: its name is that of source \"%s\"",
		    SPAN_ARG(s.command), source->name);
	else
		inspect_options(in, source, subject, &s, out);
}

/* Every recipient's transport by table comes before the sender's (TRANSPORT_MAPS in
 * ADDRESS_REWRITING_README), and a fallback after it. */
static void inspect_detours(const struct inspect_input *in, struct findings *out)
{
	static const struct {
		const char *name, *what;
	} detours[] = {
		{ "transport_maps",
		    "recipients that it knows leave by its transports, not from their source" },
		{ "smtp_fallback_relay",
		    "mail that a source cannot deliver leaves by the fallback" },
		{ "content_filter", "mail passes the filter first, and leaves as it says" },
	};

	char space[1024];
	struct buf ours = { .p = space, .size = sizeof space, .max = sizeof space };

	hookup_list_element(&in->names, HOOKUP_RECIPIENTS, &ours);
	for (size_t i = 0; i < ARRAY_SIZE(detours); i++) {
		struct span value = value_of(in, detours[i].name);

		/* Routes by itself keeps every source. */
		if (value.n > 0 && !span_eq(span_trim(value), buf_span(&ours)))
			findings_add(out, SEVERITY_WARNING, SPAN("main.cf"), NULL,
			    "%s is set (%.*s): %s", detours[i].name, SPAN_ARG(value),
			    detours[i].what);
	}
}

static bool is_source(const struct inspect_input *in, struct span transport)
{
	struct span name = span_from(transport, strlen(SOURCE_TRANSPORT));

	for (size_t i = 0; i < in->names.source_count; i++)
		if (span_eq(span_cstr(in->names.sources[i].name), name))
			return true;
	return false;
}

void inspect_sources(const struct inspect_input *in, struct findings *out)
{
	struct index services;
	struct master_service s;
	size_t offset = 0;

	index_init(&services, 0);
	while (master_next(in->services, &offset, &s)) {
		if (!span_eq(s.type, SPAN("unix")) ||
		    !span_starts(s.name, SPAN(SOURCE_TRANSPORT)))
			continue;
		if (!index_add(&services, s.name, (uint32_t)s.start, 0))
			break;
		if (!is_source(in, s.name))
			findings_add(out, SEVERITY_WARNING, SPAN("master.cf"),
			    "remove it when no mail of it is queued any more",
			    "the transport %.*s belongs to no source", SPAN_ARG(s.name));
	}
	for (size_t i = 0; i < in->names.source_count; i++)
		inspect_source(in, &in->names.sources[i], &services, out);
	if (in->names.source_count > 0)
		inspect_detours(in, out);
	index_free(&services);
}
