/* inspect - rules about Postfix's settings, one function a rule. Knows what breaks us and how to
 * say it; reads no file. */
#include "inspect.h"

/* One smtpd service with the rules' common questions answered. */
struct smtpd {
	const struct inspect_input *in;
	struct findings *out;
	struct master_service service;
	char subject[128]; /* "submission/inet" */
	bool submission;   /* clients log in here */
	bool reinjection;  /* takes mail back from a content filter */
	bool split;        /* takes copies for single recipients (hookup_split.c) */
};

static struct span parameter(const struct inspect_input *in, const char *name)
{
	struct postconf_parameter p;

	return postconf_find(in->parameters, span_cstr(name), &p) ? p.value : SPAN("");
}

/* What counts in a service: its override, else main.cf. */
static struct span setting(const struct smtpd *s, const char *name)
{
	struct postconf_parameter p;
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", s->subject, name);
	if (postconf_find(s->in->overrides, span_cstr(path), &p))
		return p.value;
	return parameter(s->in, name);
}

static bool overridden(const struct smtpd *s, const char *name)
{
	struct postconf_parameter p;
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", s->subject, name);
	return postconf_find(s->in->overrides, span_cstr(path), &p);
}

static bool list_has(struct span value, const char *word)
{
	struct span element;
	size_t offset = 0;

	while (postconf_element(value, &offset, &element))
		if (span_eq(element, span_cstr(word)))
			return true;
	return false;
}

static const char enable[] = "penguinctl postfix enable";
static const char enable_split[] = "penguinctl postfix enable --split";

/* ---- the milter ---- */

static void rule_milter_action(const struct smtpd *s, const char *list, struct span element)
{
	struct span action = hookup_setting(element, SPAN("default_action"));

	if (action.n == 0)
		action = setting(s, "milter_default_action");
	if (span_eq(action, SPAN("accept")))
		findings_add(s->out, SEVERITY_ERROR, span_cstr(s->subject),
		    "default_action=tempfail in the milter's braces",
		    "%s: default_action is accept; mail leaves unsigned, or half edited, when "
		    "the milter fails",
		    list);
	else if (!span_eq(action, SPAN("tempfail")))
		findings_add(s->out, SEVERITY_WARNING, span_cstr(s->subject),
		    "default_action=tempfail in the milter's braces",
		    "%s: default_action is %.*s, so mail does not wait while the milter is "
		    "away",
		    list, SPAN_ARG(action));
}

static void rule_milter_order(
    const struct smtpd *s, const char *list, struct span value, struct span element)
{
	size_t offset = (size_t)(element.p - value.p) + element.n;
	struct span next;

	if (postconf_element(value, &offset, &next))
		findings_add(s->out, SEVERITY_WARNING, span_cstr(s->subject),
		    "make penguin-milter the last of the list",
		    "%s: %.*s comes after penguin-milter and can break the signature", list,
		    SPAN_ARG(next));
}

static void rule_milter(const struct smtpd *s)
{
	struct span value = setting(s, "smtpd_milters"), element;
	bool there = hookup_find_milter(value, s->in->names.milter, &element);
	bool skipped = list_has(setting(s, "receive_override_options"), "no_milters");

	if (s->reinjection) {
		if (there && !skipped)
			findings_add(s->out, SEVERITY_WARNING, span_cstr(s->subject),
			    "-o smtpd_milters= on this service",
			    "mail that comes back from a content filter passes the milter "
			    "again");
		return;
	}
	if (skipped && (there || s->submission))
		findings_add(s->out, SEVERITY_ERROR, span_cstr(s->subject),
		    "take no_milters out of receive_override_options",
		    "receive_override_options has no_milters: nothing is signed here");
	if (!there) {
		findings_add(s->out, s->submission ? SEVERITY_ERROR : SEVERITY_WARNING,
		    span_cstr(s->subject), enable,
		    "smtpd_milters does not name penguin-milter (%.*s)",
		    SPAN_ARG(s->in->names.milter));
		return;
	}
	rule_milter_action(s, "smtpd_milters", element);
	rule_milter_order(s, "smtpd_milters", value, element);
	if (setting(s, "smtpd_milter_maps").n > 0)
		findings_add(s->out, SEVERITY_WARNING, span_cstr(s->subject),
		    "name penguin-milter in every result of that map",
		    "smtpd_milter_maps can take the place of smtpd_milters");
}

/* ---- the policy service ---- */

static bool permits(struct span element)
{
	return span_starts(element, SPAN("permit"));
}

static void rule_policy_action(const struct smtpd *s, const char *list, struct span element)
{
	struct span action = hookup_setting(element, SPAN("default_action"));
	char word[16];
	size_t end = 0;

	if (action.n == 0)
		action = setting(s, "smtpd_policy_service_default_action");
	while (end < action.n && action.p[end] != ' ' && action.p[end] != '\t')
		end++;
	if (!span_lower(span_head(action, end), word, sizeof word))
		return;
	if (strcmp(word, "dunno") == 0 || strcmp(word, "ok") == 0 ||
	    strncmp(word, "permit", 6) == 0)
		findings_add(s->out, SEVERITY_ERROR, span_cstr(s->subject),
		    "{ default_action = 451 4.3.0 sending service unavailable }",
		    "%s: the policy service's default_action is %s; while it is away nothing "
		    "is counted or refused",
		    list, word);
}

/* The restrictions that stand before ours must not end the list. */
static void rule_policy_order(
    const struct smtpd *s, const char *list, struct span value, struct span first)
{
	size_t offset = 0;
	struct span element;

	while (postconf_element(value, &offset, &element) && element.p < first.p)
		if (permits(element))
			findings_add(s->out, SEVERITY_ERROR, span_cstr(s->subject),
			    "put check_policy_service first",
			    "%s: %.*s stands before check_policy_service, which is then "
			    "never asked",
			    list, SPAN_ARG(element));
}

/* The whole element where the list holds us, else the empty span. */
static struct span rule_policy_list(const struct smtpd *s, const char *list)
{
	struct span value = setting(s, list), first, last;

	if (!hookup_find_policy(value, s->in->names.policy, &first, &last)) {
		findings_add(s->out, s->submission ? SEVERITY_ERROR : SEVERITY_WARNING,
		    span_cstr(s->subject), enable, "%s does not ask penguin-policyd (%.*s)",
		    list, SPAN_ARG(s->in->names.policy));
		return SPAN("");
	}
	rule_policy_order(s, list, value, first);
	rule_policy_action(s, list, last);
	return last;
}

static void rule_policy(const struct smtpd *s)
{
	static const char *const others[] = { "smtpd_client_restrictions",
		"smtpd_helo_restrictions", "smtpd_sender_restrictions",
		"smtpd_relay_restrictions" };
	struct span first, last, at_rcpt, at_end;

	if (s->reinjection)
		return;
	at_rcpt = rule_policy_list(s, "smtpd_recipient_restrictions");
	at_end = rule_policy_list(s, "smtpd_end_of_data_restrictions");
	if (at_rcpt.n > 0 && at_end.n > 0 && !span_eq(at_rcpt, at_end))
		findings_add(s->out, SEVERITY_WARNING, span_cstr(s->subject),
		    "write the same braces in both lists",
		    "the two check_policy_service differ, so each smtpd opens two connections");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (hookup_find_policy(
			setting(s, others[i]), s->in->names.policy, &first, &last))
			findings_add(s->out, SEVERITY_WARNING, span_cstr(s->subject),
			    "name it in smtpd_recipient_restrictions and "
			    "smtpd_end_of_data_restrictions only",
			    "%s asks penguin-policyd as well: every recipient twice",
			    others[i]);
}

/* ---- the chain ---- */

static void rule_chain(const struct smtpd *s)
{
	struct span proxy = setting(s, "smtpd_proxy_filter");
	struct span filter = setting(s, "content_filter");

	if (proxy.n > 0)
		findings_add(s->out, SEVERITY_ERROR, span_cstr(s->subject),
		    "run the filter as a milter before ours, or after the queue",
		    "smtpd_proxy_filter (%.*s): milters do not see the message here, so "
		    "nothing is signed",
		    SPAN_ARG(proxy));
	if (filter.n > 0 && !s->reinjection)
		findings_add(s->out, SEVERITY_WARNING, span_cstr(s->subject),
		    "the filter must not change the message; its return service must have "
		    "-o smtpd_milters=",
		    "content_filter (%.*s) handles the message after it was signed",
		    SPAN_ARG(filter));
}

static void rule_chroot(const struct smtpd *s)
{
	const struct {
		const char *what;
		struct span name;
	} rows[] = { { "penguin-milter", s->in->names.milter },
		{ "penguin-policyd", s->in->names.policy } };

	if (!span_eq(s->service.chroot, SPAN("y")))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (span_starts(rows[i].name, SPAN("unix:/")))
			findings_add(s->out, SEVERITY_ERROR, span_cstr(s->subject),
			    "use a name below the queue directory: unix:penguinmails/...",
			    "runs chrooted and cannot reach %s at the absolute path %.*s",
			    rows[i].what, SPAN_ARG(rows[i].name));
}

/* ---- the split ---- */

static bool is_loopback(struct span address)
{
	return span_starts(address, SPAN("127.")) || span_starts(address, SPAN("[::1]:")) ||
	       span_starts(address, SPAN("localhost:"));
}

static void rule_split(const struct smtpd *s)
{
	static const char *const lists[] = { "smtpd_recipient_restrictions",
		"smtpd_end_of_data_restrictions" };
	struct span first, last, value = setting(s, "smtpd_milters");

	if (!hookup_find_milter(value, s->in->names.milter, &first))
		findings_add(s->out, SEVERITY_ERROR, span_cstr(s->subject), enable_split,
		    "smtpd_milters does not name penguin-milter: copies would leave as they "
		    "are");
	if (!is_loopback(s->service.name))
		findings_add(s->out, SEVERITY_ERROR, span_cstr(s->subject),
		    "let it listen on 127.0.0.1", "takes uncounted mail from outside");
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (hookup_find_policy(
			setting(s, lists[i]), s->in->names.policy, &first, &last))
			findings_add(s->out, SEVERITY_ERROR, span_cstr(s->subject),
			    enable_split, "%s asks penguin-policyd: each copy counts twice",
			    lists[i]);
	if (s->in->names.split.n == 0)
		findings_add(s->out, SEVERITY_WARNING, span_cstr(s->subject),
		    "split in the group postfix of penguinmails.conf",
		    "postfix.split is not set, so no copies are made");
}

/* What routes is asked by: the settings of the trivial-rewrite that qmgr uses. */
static struct span routes_list(const struct inspect_input *in, enum hookup_list which)
{
	struct smtpd s = { .in = in, .subject = "rewrite/unix" };

	return setting(&s, hookup_list_name(which));
}

static void inspect_split(const struct inspect_input *in, bool there, struct findings *out)
{
	static const char limit[] = "penguin-split_destination_recipient_limit";
	struct master_service s;

	if (in->names.split.n == 0)
		return;
	if (hookup_split_conflict(in->services, in->names.split, &s))
		findings_add(out, SEVERITY_ERROR, SPAN("master.cf"),
		    "penguinctl postfix enable --split=PORT",
		    "the service %.*s has the port of postfix.split (%.*s)", SPAN_ARG(s.name),
		    SPAN_ARG(in->names.split));
	else if (!there)
		findings_add(out, SEVERITY_ERROR, SPAN("master.cf"), enable_split,
		    "no smtpd takes copies at postfix.split (%.*s)", SPAN_ARG(in->names.split));
	if (!master_find(in->services, SPAN("penguin-split"), SPAN("unix"), &s))
		findings_add(out, SEVERITY_ERROR, SPAN("master.cf"), enable_split,
		    "the transport penguin-split is missing");
	if (!span_eq(parameter(in, limit), SPAN("1")))
		findings_add(out, SEVERITY_ERROR, SPAN("main.cf"), enable_split,
		    "%s is not 1: copies are not made", limit);
}

static void inspect_returns(const struct inspect_input *in, struct findings *out)
{
	struct master_service s;

	if (in->names.returns.n > 0 &&
	    !master_find(in->services, SPAN(RETURNS_TRANSPORT), SPAN("unix"), &s))
		findings_add(out, SEVERITY_ERROR, SPAN("master.cf"),
		    "penguinctl postfix enable",
		    "the transport " RETURNS_TRANSPORT " is missing: reports bounce");
}

static void inspect_routes(
    const struct inspect_input *in, const char *fix, struct findings *out)
{
	struct master_service s;

	for (unsigned i = 0; i < HOOKUP_LISTS; i++) {
		enum hookup_list which = (enum hookup_list)i;
		char space[1024];
		struct buf element = { .p = space, .size = sizeof space, .max = sizeof space };

		/* Without the second, queued mail is sent whatever a provider said. */
		hookup_list_element(&in->names, which, &element);
		if (!buf_ok(&element) || !list_has(routes_list(in, which), buf_cstr(&element)))
			findings_add(out,
			    which == HOOKUP_SENDERS ? SEVERITY_ERROR : SEVERITY_WARNING,
			    SPAN("main.cf"), fix, "%s does not ask routes (%.*s)",
			    hookup_list_name(which), SPAN_ARG(in->names.routes));
	}
	if (master_find(in->services, SPAN("rewrite"), SPAN("unix"), &s) &&
	    span_eq(s.chroot, SPAN("y")) && span_starts(in->names.routes, SPAN("unix:/")))
		findings_add(out, SEVERITY_ERROR, SPAN("rewrite/unix"),
		    "use a name below the queue directory: unix:penguinmails/...",
		    "runs chrooted and cannot reach routes at the absolute path %.*s",
		    SPAN_ARG(in->names.routes));
}

static void inspect_service(struct smtpd *s)
{
	struct span address = s->service.name;

	s->submission = hookup_is_submission(s->in->services, &s->service) ||
			span_eq(setting(s, "smtpd_sasl_auth_enable"), SPAN("yes"));
	s->reinjection =
	    (overridden(s, "content_filter") && setting(s, "content_filter").n == 0) ||
	    (!s->submission && span_starts(address, SPAN("127.0.0.1:1")) &&
		overridden(s, "receive_override_options"));
	s->split = hookup_is_split(s->in->services, &s->service);
	if (s->split) {
		s->submission = s->reinjection = false;
		rule_split(s);
	} else {
		rule_policy(s);
	}
	rule_milter(s);
	rule_chain(s);
	rule_chroot(s);
}

/* ---- main.cf ---- */

static void inspect_local(const struct inspect_input *in, struct findings *out)
{
	struct smtpd s = { .in = in, .out = out, .subject = "main.cf" };
	struct span value = parameter(in, "non_smtpd_milters"), element;

	if (!hookup_find_milter(value, in->names.milter, &element)) {
		findings_add(out, SEVERITY_WARNING, SPAN("main.cf"), enable,
		    "non_smtpd_milters does not name penguin-milter: mail submitted with "
		    "sendmail(1) is not signed");
		return;
	}
	rule_milter_action(&s, "non_smtpd_milters", element);
	rule_milter_order(&s, "non_smtpd_milters", value, element);
}

static void inspect_scalars(const struct inspect_input *in, struct findings *out)
{
	for (const struct hookup_scalar *row = hookup_scalars; row->name != NULL; row++) {
		struct span value = parameter(in, row->name);
		struct postconf_parameter p;

		if (row->if_known != NULL &&
		    !postconf_find(in->parameters, span_cstr(row->if_known), &p))
			continue;
		if (span_eq(value, span_cstr(row->wanted)) ||
		    (row->if_known != NULL && !span_eq(value, SPAN("no"))))
			continue;
		findings_add(out, SEVERITY_WARNING, SPAN("main.cf"), enable, "%s is %.*s: %s",
		    row->name, SPAN_ARG(value), row->why);
	}
	if (!list_has(
		parameter(in, "local_header_rewrite_clients"), "permit_sasl_authenticated"))
		findings_add(out, SEVERITY_WARNING, SPAN("main.cf"), enable,
		    "local_header_rewrite_clients lacks permit_sasl_authenticated: a missing "
		    "Date or Message-ID is not added before signing");
}

void inspect_postfix(const struct inspect_input *input, struct findings *findings)
{
	struct smtpd s = { .in = input, .out = findings };
	size_t offset = 0, count = 0;
	bool split = false;

	while (master_next(input->services, &offset, &s.service)) {
		if (!span_eq(s.service.command, SPAN("smtpd")))
			continue;
		(void)snprintf(s.subject, sizeof s.subject, "%.*s/%.*s",
		    SPAN_ARG(s.service.name), SPAN_ARG(s.service.type));
		inspect_service(&s);
		split = split || (s.split && span_eq(s.service.name, input->names.split));
		count++;
	}
	if (count == 0)
		findings_add(findings, SEVERITY_WARNING, SPAN("master.cf"), NULL,
		    "there is no smtpd service");
	inspect_split(input, split, findings);
	inspect_returns(input, findings);
	if (hookup_needs_routes(&input->names))
		inspect_routes(
		    input, input->names.split.n > 0 ? enable_split : enable, findings);
	inspect_sources(input, findings);
	inspect_local(input, findings);
	inspect_scalars(input, findings);
}

bool inspect_is_chrooted(struct span services)
{
	struct master_service s;
	size_t offset = 0;

	while (master_next(services, &offset, &s))
		if (span_eq(s.chroot, SPAN("y")) &&
		    (span_eq(s.command, SPAN("smtpd")) || span_eq(s.command, SPAN("cleanup"))))
			return true;
	return false;
}
