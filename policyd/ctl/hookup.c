/* hookup - plans the edits that attach us to Postfix or detach us. Knows which parameters matter
 * and where our element stands in them; no file, no process. */
#include "hookup.h"
#include "hookup_edit.h"

#define TEXT_MAX  HOOKUP_TEXT_MAX
#define DEPTH_MAX 5 /* of $name within values */

/* The lists that hold us. */
static const struct list_row {
	const char *name;
	bool policy; /* holds the policy service; else the milter */
	enum place place;
	bool in_services; /* services of master.cf override it */
} lists[] = {
	{ "smtpd_milters", false, LAST, true },
	{ "non_smtpd_milters", false, LAST, false },
	{ "smtpd_recipient_restrictions", true, FIRST, true },
	{ "smtpd_end_of_data_restrictions", true, FIRST, true },
};

const struct hookup_scalar hookup_scalars[] = {
	{ "enable_long_queue_ids", "yes", NULL,
	    "short queue ids are used again; a later message could be taken for another" },
	{ "disable_mime_output_conversion", "yes", NULL,
	    "a conversion to 7 bit on the way out breaks the signature" },
	/* The value "normalize" came together with this second parameter. */
	{ "smtpd_forbid_bare_newline", "normalize", "smtpd_forbid_bare_newline_reject_code",
	    "a bare newline can smuggle a second message past every check" },
	{ NULL, NULL, NULL, NULL },
};

static const char rewrite_clients[] = "local_header_rewrite_clients";

/* ---- elements ---- */

static struct span first_word(struct span element)
{
	size_t offset = 0;
	struct span word;

	return postconf_element(postconf_inside(element), &offset, &word) ? word : SPAN("");
}

bool hookup_find_milter(struct span value, struct span milter, struct span *element_r)
{
	size_t offset = 0;

	while (postconf_element(value, &offset, element_r))
		if (span_eq(first_word(*element_r), milter))
			return true;
	return false;
}

bool hookup_find_policy(
    struct span value, struct span policy, struct span *first_r, struct span *last_r)
{
	size_t offset = 0;

	while (postconf_element(value, &offset, first_r)) {
		if (!span_eq(*first_r, SPAN("check_policy_service")))
			continue;
		if (!postconf_element(value, &offset, last_r))
			return false;
		if (span_eq(first_word(*last_r), policy))
			return true;
	}
	return false;
}

struct span hookup_setting(struct span element, struct span name)
{
	struct span inside = postconf_inside(element), each;
	size_t offset = 0;

	while (postconf_element(inside, &offset, &each)) {
		struct span setting = postconf_inside(each);
		size_t equals = span_find(setting, '=', 0);

		if (equals < setting.n && span_eq(span_trim(span_head(setting, equals)), name))
			return span_trim(span_from(setting, equals + 1));
	}
	return (struct span){ "", 0 };
}

/* "$name", "${name}", "$(name)" => name. */
static bool reference(struct span element, struct span *name_r)
{
	if (element.n < 2 || element.p[0] != '$')
		return false;
	element = span_from(element, 1);
	if (element.n > 2 && (element.p[0] == '{' || element.p[0] == '('))
		element = span_make(element.p + 1, element.n - 2);
	*name_r = element;
	return true;
}

/* Is our element in the value, or in what the value refers to? */
static bool holds(struct span main, struct span value, const struct list_row *row,
    const struct hookup_names *names, unsigned depth)
{
	struct span a, b, name;
	size_t offset = 0;

	if (row->policy ? hookup_find_policy(value, names->policy, &a, &b)
			: hookup_find_milter(value, names->milter, &a))
		return true;
	while (depth < DEPTH_MAX && postconf_element(value, &offset, &a)) {
		struct postconf_parameter p;

		if (reference(a, &name) && postconf_find(main, name, &p) &&
		    holds(main, p.value, row, names, depth + 1))
			return true;
	}
	return false;
}

void hookup_socket_name(struct span configured, struct buf *out)
{
	if (configured.n > 0 && configured.p[0] == '/')
		buf_add_cstr(out, "unix:");
	buf_add_span(out, configured);
}

bool hookup_is_submission(struct span master, const struct master_service *service)
{
	static const char *const ports[] = { "submission", "submissions", "smtps", "587",
		"465" };
	static const char *const marks[] = { "smtpd_sasl_auth_enable",
		"smtpd_tls_wrappermode" };
	struct span port = service->name;
	struct master_option o;

	if (!span_eq(service->command, SPAN("smtpd")))
		return false;
	for (size_t i = port.n; i-- > 0;) {
		if (port.p[i] == ':') {
			port = span_from(port, i + 1);
			break;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		if (span_eq(port, span_cstr(ports[i])))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (master_find_option(master, service, span_cstr(marks[i]), &o) &&
		    span_eq(o.value, SPAN("yes")))
			return true;
	return false;
}

/* ---- attaching ---- */

/* Our element for a list. When the admin's own form of it stands in another list, that form is
 * used again: with the same text, smtpd shares one connection to the policy service. */
static struct span element_for(
    struct hookup *h, const struct list_row *row, const struct hookup_names *names)
{
	struct buf b = BUF_INIT(8192);
	struct span kept, first, last;

	for (size_t i = 0; row->policy && i < ARRAY_SIZE(lists); i++) {
		struct span value =
		    hookup_value_in(buf_span(&h->main), span_cstr(lists[i].name));

		if (lists[i].policy && hookup_find_policy(value, names->policy, &first, &last))
			return hookup_flat(
			    h, span_make(first.p, (size_t)(last.p - first.p) + last.n));
	}
	if (row->policy)
		buf_printf(&b,
		    "check_policy_service { %.*s, timeout=10s, "
		    "{ default_action = 451 4.3.0 sending service unavailable } }",
		    SPAN_ARG(names->policy));
	else
		buf_printf(&b,
		    "{ %.*s, default_action=tempfail, connect_timeout=5s, "
		    "command_timeout=15s, content_timeout=60s }",
		    SPAN_ARG(names->milter));
	kept = hookup_keep(h, buf_span(&b));
	buf_free(&b);
	return kept;
}

struct span hookup_milter_element(struct hookup *h, const struct hookup_names *names)
{
	return element_for(h, &lists[0], names);
}

static void attach_list(struct hookup *h, const struct list_row *row,
    const struct hookup_names *names, struct span defaults)
{
	struct span name = span_cstr(row->name);
	struct span value = hookup_value_now(h, name, defaults);

	if (holds(buf_span(&h->main), value, row, names, 0))
		return;
	hookup_set_main(
	    h, name, hookup_with_element(h, value, element_for(h, row, names), row->place));
}

static void attach_services(
    struct hookup *h, const struct list_row *row, const struct hookup_names *names)
{
	struct span name = span_cstr(row->name);
	struct master_service s;
	size_t offset = 0;

	while (master_next(buf_span(&h->master), &offset, &s)) {
		struct span service = hookup_keep(h, s.name), type = hookup_keep(h, s.type),
			    value;
		struct master_option o;

		if (!hookup_is_submission(buf_span(&h->master), &s) ||
		    !master_find_option(buf_span(&h->master), &s, name, &o) ||
		    holds(buf_span(&h->main), o.value, row, names, 0))
			continue;
		value = hookup_with_element(h, o.value, element_for(h, row, names), row->place);
		hookup_set_option(h, service, type, name, &value);
		if (master_find(buf_span(&h->master), service, type, &s))
			offset = s.end;
	}
}

static void attach_scalars(struct hookup *h, struct span defaults)
{
	for (const struct hookup_scalar *row = hookup_scalars; row->name != NULL; row++) {
		struct span name = span_cstr(row->name);
		struct postconf_parameter p;

		if (row->if_known != NULL &&
		    (!postconf_find(defaults, span_cstr(row->if_known), &p) ||
			!span_eq(hookup_value_now(h, name, defaults), SPAN("no"))))
			continue;
		if (!span_eq(hookup_value_now(h, name, defaults), span_cstr(row->wanted)))
			hookup_set_main(h, name, span_cstr(row->wanted));
	}
}

/* Authenticated clients' mail gets its missing Date and Message-ID before it is signed. */
static void attach_rewrite_clients(struct hookup *h, struct span defaults)
{
	static const char *const wanted[] = { "permit_mynetworks",
		"permit_sasl_authenticated" };
	struct span name = span_cstr(rewrite_clients),
		    before = hookup_value_now(h, name, defaults), value = before;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct span element, want = span_cstr(wanted[i]);
		bool there = false;
		size_t offset = 0;

		while (postconf_element(value, &offset, &element))
			there = there || span_eq(element, want);
		if (!there)
			value = hookup_with_element(h, value, want, LAST);
	}
	if (value.p != before.p)
		hookup_set_main(h, name, value);
}

bool hookup_needs_routes(const struct hookup_names *names)
{
	return names->split.n > 0 || names->source_count > 0 || names->returns.n > 0;
}

enum err hookup_attach(struct hookup *h, const struct hookup_names *names, struct span defaults)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		attach_list(h, &lists[i], names, defaults);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (lists[i].in_services)
			attach_services(h, &lists[i], names);
	attach_scalars(h, defaults);
	attach_rewrite_clients(h, defaults);
	if (names->split.n > 0)
		hookup_attach_split(h, names);
	hookup_attach_sources(h, names, defaults);
	if (names->returns.n > 0)
		hookup_attach_returns(h, names);
	if (hookup_needs_routes(names))
		hookup_attach_routes(h, names, defaults);
	return h->failed ? ERR_NOMEM : ERR_OK;
}

/* ---- detaching ---- */

/* The value without our elements; changed_r says whether one was there. */
static struct span without_us(struct hookup *h, struct span value, const struct list_row *row,
    const struct hookup_names *names, bool *changed_r)
{
	struct span first, last;

	*changed_r = false;
	while (!h->failed) {
		struct buf b = BUF_INIT(TEXT_MAX);

		if (row->policy ? !hookup_find_policy(value, names->policy, &first, &last)
				: !hookup_find_milter(value, names->milter, &first))
			break;
		*changed_r = true;
		postconf_list_remove(value, first, row->policy ? last : first, &b);
		h->failed = h->failed || !buf_ok(&b);
		value = hookup_keep(h, buf_span(&b));
		buf_free(&b);
	}
	return value;
}

static bool same(struct hookup *h, struct span a, struct span b)
{
	return span_eq(hookup_flat(h, a), hookup_flat(h, b));
}

/* The parameter as attaching left it goes back to what it was. True when that was the case. */
static bool restore_main(
    struct hookup *h, struct span name, struct span before, const struct hookup *attached)
{
	struct postconf_parameter now, then, made;

	if (!postconf_find(buf_span(&h->main), name, &now) ||
	    !postconf_find(buf_span(&attached->main), name, &made) ||
	    !same(h, now.value, made.value))
		return false;
	if (!postconf_find(before, name, &then))
		hookup_remove_main(h, name);
	else if (!same(h, now.value, then.value))
		hookup_set_main(h, name, hookup_keep(h, then.value));
	return true;
}

static void detach_list(struct hookup *h, const struct list_row *row,
    const struct hookup_names *names, struct span before)
{
	struct span name = span_cstr(row->name), value;
	struct postconf_parameter now, then;
	bool changed, was = postconf_find(before, name, &then);

	if (!postconf_find(buf_span(&h->main), name, &now))
		return;
	value = without_us(h, now.value, row, names, &changed);
	if (!changed)
		return;
	if (span_trim(value).n > 0 || was)
		hookup_set_main(h, name, value);
	else
		hookup_remove_main(h, name);
}

static void detach_services(struct hookup *h, const struct list_row *row,
    const struct hookup_names *names, struct span before)
{
	struct span name = span_cstr(row->name);
	struct master_service s, old;
	size_t offset = 0;

	while (master_next(buf_span(&h->master), &offset, &s)) {
		struct span service = hookup_keep(h, s.name), type = hookup_keep(h, s.type),
			    value;
		struct master_option o, then;
		bool changed;

		if (!master_find_option(buf_span(&h->master), &s, name, &o))
			continue;
		value = without_us(h, o.value, row, names, &changed);
		if (!changed)
			continue;
		/* What stood there before, octet for octet, when nothing else changed. */
		if (master_find(before, service, type, &old) &&
		    master_find_option(before, &old, name, &then) && same(h, then.value, value))
			value = hookup_keep(h, then.value);
		hookup_set_option(h, service, type, name, &value);
		if (master_find(buf_span(&h->master), service, type, &s))
			offset = s.end;
	}
}

enum err hookup_detach(struct hookup *h, const struct hookup_names *names,
    struct span before_main, struct span before_master, struct span defaults)
{
	struct hookup attached = { 0 };
	enum err e = hookup_init(&attached, before_main, before_master);
	bool known = before_main.n > 0;

	if (e == ERR_OK && known)
		e = hookup_attach(&attached, names, defaults);
	for (size_t i = 0; e == ERR_OK && i < ARRAY_SIZE(lists); i++) {
		if (!known ||
		    !restore_main(h, span_cstr(lists[i].name), before_main, &attached))
			detach_list(h, &lists[i], names, before_main);
		if (lists[i].in_services)
			detach_services(h, &lists[i], names, before_master);
	}
	if (e == ERR_OK) {
		hookup_detach_split(h, before_main);
		hookup_detach_sources(h);
		hookup_detach_returns(h, before_main);
		hookup_detach_routes(h, names, before_main);
	}
	for (size_t i = 0; e == ERR_OK && known && hookup_scalars[i].name != NULL; i++)
		(void)restore_main(
		    h, span_cstr(hookup_scalars[i].name), before_main, &attached);
	if (e == ERR_OK && known)
		(void)restore_main(h, span_cstr(rewrite_clients), before_main, &attached);
	hookup_deinit(&attached);
	return e == ERR_OK && h->failed ? ERR_NOMEM : e;
}
