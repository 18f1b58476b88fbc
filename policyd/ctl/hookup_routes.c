/* hookup_routes - what lets the queue manager ask routes, and nobody else: routes at the end of the
 * senders' and the recipients' transports, and a trivial-rewrite for smtpd that does not ask it. */
#include "hookup_edit.h"

/* What qmgr is told by routes, and nobody else needs to be: an smtpd that resolves a recipient must
 * not depend on penguin-policyd's socketmap. */
static const struct list {
	const char *name;
	const char *map; /* of the socketmap */
} lists[HOOKUP_LISTS] = {
	[HOOKUP_SENDERS] = { "sender_dependent_default_transport_maps", "sdt" },
	[HOOKUP_RECIPIENTS] = { "transport_maps", "tr" },
};

/* ---- elements and names ---- */

const char *hookup_list_name(enum hookup_list which)
{
	return lists[which].name;
}

static struct span list_element(
    struct hookup *h, const struct hookup_names *names, enum hookup_list which)
{
	struct buf b = BUF_INIT(4096);
	struct span kept;

	hookup_list_element(names, which, &b);
	h->failed = h->failed || !buf_ok(&b);
	kept = hookup_keep(h, buf_span(&b));
	buf_free(&b);
	return kept;
}

void hookup_list_element(
    const struct hookup_names *names, enum hookup_list which, struct buf *out)
{
	buf_printf(out, "socketmap:%.*s:%s", SPAN_ARG(names->routes), lists[which].map);
}

bool hookup_has_service(const struct hookup *h, struct span name, struct span type)
{
	struct master_service s;

	return master_find(buf_span(&h->master), name, type, &s);
}

struct span hookup_chroot_like(struct hookup *h, struct span name, struct span type)
{
	struct master_service s;

	return master_find(buf_span(&h->master), name, type, &s) ? hookup_keep(h, s.chroot)
								 : SPAN("n");
}

/* ---- attaching ---- */

/* Looks up everything that the admin's does, but routes. One from before that lacks a list gets it;
 * what else stands in it is the admin's. */
static void add_rewrite(
    struct hookup *h, const struct hookup_names *names, struct span defaults)
{
	struct span type = SPAN("unix"), value;
	struct buf line = BUF_INIT(1024);
	struct master_service s;
	struct master_option o;
	bool changed;

	if (!hookup_has_service(h, SPAN(HOOKUP_REWRITE), type)) {
		buf_printf(&line, "penguin-rewrite unix - - %.*s - - trivial-rewrite",
		    SPAN_ARG(hookup_chroot_like(h, SPAN("rewrite"), type)));
		hookup_add_service(h, buf_span(&line));
	}
	for (size_t i = 0; i < HOOKUP_LISTS; i++) {
		struct span name = span_cstr(lists[i].name);

		if (master_find(buf_span(&h->master), SPAN(HOOKUP_REWRITE), type, &s) &&
		    master_find_option(buf_span(&h->master), &s, name, &o))
			continue;
		value = hookup_flat(h, hookup_value_now(h, name, defaults));
		value = hookup_without_element(
		    h, value, list_element(h, names, (enum hookup_list)i), &changed);
		hookup_set_option(h, SPAN(HOOKUP_REWRITE), type, name, &value);
	}
	buf_free(&line);
}

static void use_rewrite(struct hookup *h)
{
	struct span value = SPAN(HOOKUP_REWRITE);
	struct master_service s;
	size_t offset = 0;

	while (master_next(buf_span(&h->master), &offset, &s)) {
		struct span service = hookup_keep(h, s.name), type = hookup_keep(h, s.type);
		struct master_option o;

		if (!span_eq(s.command, SPAN("smtpd")) ||
		    master_find_option(
			buf_span(&h->master), &s, SPAN(HOOKUP_REWRITE_OPTION), &o))
			continue;
		hookup_set_option(h, service, type, SPAN(HOOKUP_REWRITE_OPTION), &value);
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

void hookup_attach_routes(
    struct hookup *h, const struct hookup_names *names, struct span defaults)
{
	add_rewrite(h, names, defaults);
	use_rewrite(h);
	for (size_t i = 0; i < HOOKUP_LISTS; i++) {
		struct span name = span_cstr(lists[i].name);
		struct span element = list_element(h, names, (enum hookup_list)i);
		struct span value = hookup_value_now(h, name, defaults);

		if (!has_element(value, element))
			hookup_set_main(h, name, hookup_with_element(h, value, element, LAST));
	}
}

/* ---- detaching ---- */

static void detach_list(struct hookup *h, const struct hookup_names *names,
    enum hookup_list which, struct span before_main)
{
	struct span name = span_cstr(lists[which].name), value;
	struct postconf_parameter now, then;
	bool changed, was = postconf_find(before_main, name, &then);

	if (!postconf_find(buf_span(&h->main), name, &now))
		return;
	value = hookup_without_element(h, now.value, list_element(h, names, which), &changed);
	if (changed && (was || span_trim(value).n > 0))
		hookup_set_main(h, name,
		    was && span_eq(hookup_flat(h, then.value), hookup_flat(h, value))
			? hookup_keep(h, then.value)
			: value);
	else if (changed)
		hookup_remove_main(h, name);
}

static void detach_rewrite(struct hookup *h)
{
	struct master_service s;
	size_t offset = 0;

	while (master_next(buf_span(&h->master), &offset, &s)) {
		struct span service = hookup_keep(h, s.name), type = hookup_keep(h, s.type);
		struct master_option o;
		size_t start = s.start;

		if (!master_find_option(
			buf_span(&h->master), &s, SPAN(HOOKUP_REWRITE_OPTION), &o) ||
		    !span_eq(o.value, SPAN(HOOKUP_REWRITE)))
			continue;
		hookup_set_option(h, service, type, SPAN(HOOKUP_REWRITE_OPTION), NULL);
		offset = start;
	}
	hookup_remove_service(h, SPAN(HOOKUP_REWRITE), SPAN("unix"));
}

void hookup_detach_routes(
    struct hookup *h, const struct hookup_names *names, struct span before_main)
{
	detach_rewrite(h);
	for (size_t i = 0; i < HOOKUP_LISTS; i++)
		detach_list(h, names, (enum hookup_list)i, before_main);
}
