/* cmd_provider - "provider": which group a domain, or the mail exchangers of one, belong to. Asks
 * no DNS and no daemon. */
#include "commands.h"
#include "domain.h"
#include "providers.h"

/* Names of the command line in their canonical form. */
struct names {
	char space[PROVIDERS_HOSTS_MAX][DOMAIN_MAX];
	struct span at[PROVIDERS_HOSTS_MAX];
	size_t count;
};

static int read_names(const struct grammar_match *match, struct names *n)
{
	const char *name;

	for (n->count = 0; (name = grammar_slot(match, n->count)) != NULL; n->count++) {
		if (n->count == PROVIDERS_HOSTS_MAX) {
			ctl_error("over %u names", PROVIDERS_HOSTS_MAX);
			return EX_USAGE;
		}
		if (domain_canonical(span_cstr(name), n->space[n->count]) != ERR_OK) {
			ctl_error("\"%s\" is not a domain name", name);
			return EX_USAGE;
		}
		n->at[n->count] = span_cstr(n->space[n->count]);
	}
	return EX_OK;
}

int cmd_provider(struct ctl *ctl, const struct grammar_match *match)
{
	struct buf group = BUF_INIT(2 * PROVIDERS_SITE_MAX);
	struct report *report = NULL;
	struct providers *p = NULL;
	const char *known = NULL;
	struct names names;
	char error[512];
	int status = read_names(match, &names);

	if (status == EX_OK)
		status = ctl_load_provider(ctl);
	if (status != EX_OK)
		goto out;
	status = EX_CONFIG;
	if (providers_read(ctl_provider(ctl)->providers, &p, error, sizeof error) != ERR_OK) {
		ctl_error("%s", error);
		goto out;
	}
	/* A name that is known as a recipient domain is one; all else are hosts. */
	if (names.count == 1)
		known = providers_of_domain(p, names.at[0]);
	if (known != NULL)
		buf_add_cstr(&group, known);
	else
		providers_of_hosts(p, names.at, names.count, &group);
	report = report_new();
	status = EX_OSERR;
	if (report == NULL || !buf_ok(&group))
		goto out;
	report_field(report, "provider", CELL_TEXT, buf_span(&group));
	report_field(report, "by", CELL_TEXT, known != NULL ? SPAN("domain") : SPAN("mx"));
	status = ctl_print(ctl, &report);
out:
	report_free(&report);
	providers_free(&p);
	buf_free(&group);
	return status;
}
