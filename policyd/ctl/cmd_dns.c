/* cmd_dns - "dns show" prints what must be published for the domains of tenants and for our host,
 * "dns check" compares it with what DNS says. Neither publishes anything. */
#include <unistd.h>

#include "commands.h"
#include "dns_check.h"
#include "dns_plan.h"
#include "dns_tools.h"
#include "dns_work.h"
#include "domain.h"
#include "process.h"
#include "progress.h"

#define SPF_TEXT_MAX 8192

/* One line of work: a domain of a tenant, or our host. */
struct subject {
	const struct tenant_domain *domain; /* NULL: the host */
	const char *tenant;
};

struct dns_command {
	struct ctl *ctl;
	struct dns_ours ours;
	char host[DOMAIN_MAX];
	struct buf spf;
	struct arena *arena; /* of subjects */
	struct subject *subjects;
	size_t count;
	/* check only */
	struct progress progress;
	struct report_table *domains, *records;
	bool problems_only;
	enum dns_trouble worst;
};

/* ---- what we are ---- */

static bool ask_postfix(struct dns_command *c)
{
	const char *argv[] = { "postconf", "-c", ctl_provider(c->ctl)->postfix.config_directory,
		"-xh", "myhostname", NULL };
	struct buf output = BUF_INIT(4096), errors = BUF_INIT(4096);
	int status = 0;
	bool ok = process_run(argv, SPAN(""), &output, &errors, &status) == ERR_OK &&
		  status == 0 &&
		  domain_canonical(span_trim(buf_span(&output)), c->host) == ERR_OK;

	buf_free(&output);
	buf_free(&errors);
	return ok;
}

static void make_spf(struct dns_command *c)
{
	const struct dns_ours *ours = &c->ours;

	if (ours->spf_is_given)
		return;
	for (size_t i = 0; i < ours->address_count; i++) {
		char text[NETWORK_ADDRESS_MAX];

		network_print_address(ours->addresses[i].bytes, text);
		buf_printf(&c->spf, "%sip%c:%s", i > 0 ? " " : "",
		    network_is_v4(ours->addresses[i].bytes) ? '4' : '6', text);
	}
	if (ours->address_count == 0)
		buf_printf(&c->spf, "a:%s", c->host);
	c->ours.spf = buf_cstr(&c->spf);
}

static int find_ours(struct dns_command *c)
{
	const struct provider *p = ctl_provider(c->ctl);

	if (p->dns.host[0] != '\0') {
		(void)span_copy(span_cstr(p->dns.host), c->host, sizeof c->host);
	} else if (!ask_postfix(c)) {
		ctl_error(
		    "the name of this host is not known: set dns.host (Postfix's myhostname "
		    "could not be read)");
		return EX_CONFIG;
	}
	c->ours = (struct dns_ours){
		.host = c->host,
		.spf = p->dns.spf,
		.spf_is_given = p->dns.spf[0] != '\0',
		.target = p->dns.tracking_target,
		.reports = p->dns.dmarc_reports,
		.tls_reports = p->dns.tls_reports,
		.issuers = p->dns.issuers,
		.addresses = p->dns.addresses,
		.address_count = p->dns.address_count,
	};
	make_spf(c);
	return EX_OK;
}

/* ---- which domains ---- */

static size_t count_domains(const struct snapshot *s)
{
	size_t n = 0;

	for (size_t i = 0; i < snapshot_tenant_count(s); i++)
		n += snapshot_tenant(s, i)->domain_count;
	return n;
}

static int find_named(struct dns_command *c, const struct grammar_match *match)
{
	for (size_t i = 0; i < match->slot_count; i++) {
		struct subject *subject = &c->subjects[c->count];
		char name[DOMAIN_MAX];
		size_t tenant;

		*subject = (struct subject){ .tenant = "" };
		if (domain_canonical(span_cstr(grammar_slot(match, i)), name) != ERR_OK) {
			ctl_error("\"%s\" is no domain", grammar_slot(match, i));
			return EX_USAGE;
		}
		c->count++;
		if (strcmp(name, c->host) == 0)
			continue;
		tenant =
		    snapshot_find_domain(c->ctl->snapshot, span_cstr(name), &subject->domain);
		if (tenant == TENANT_NONE) {
			ctl_error("no tenant has the domain %s, and it is not our host %s",
			    name, c->host);
			return EX_DATAERR;
		}
		subject->tenant = snapshot_tenant(c->ctl->snapshot, tenant)->name;
		if (strcmp(subject->domain->name, name) != 0)
			ctl_note(c->ctl, "%s belongs to %s", name, subject->domain->name);
	}
	return EX_OK;
}

static void find_all(struct dns_command *c)
{
	const struct snapshot *s = c->ctl->snapshot;

	c->subjects[c->count++] = (struct subject){ .tenant = "" };
	for (size_t i = 0; i < snapshot_tenant_count(s); i++) {
		const struct tenant *t = snapshot_tenant(s, i);

		for (size_t k = 0; k < t->domain_count; k++)
			c->subjects[c->count++] = (struct subject){ &t->domains[k], t->name };
	}
}

static int start(struct dns_command *c, const struct grammar_match *match)
{
	int status = ctl_load(c->ctl);
	size_t room;

	if (status == EX_OK)
		status = find_ours(c);
	if (status != EX_OK)
		return status;
	room = match->slot_count > 0 ? match->slot_count : count_domains(c->ctl->snapshot) + 1;
	c->arena = arena_new((size_t)1 << 30);
	c->subjects =
	    c->arena != NULL ? arena_array(c->arena, room, sizeof *c->subjects) : NULL;
	if (c->subjects == NULL)
		return EX_OSERR;
	if (match->slot_count > 0)
		return find_named(c, match);
	find_all(c);
	return EX_OK;
}

static void end(struct dns_command *c)
{
	arena_free(&c->arena);
	buf_free(&c->spf);
}

/* ---- plans ---- */

static enum err plan_subject(
    void *context, size_t index, struct arena *arena, struct dns_plan *plan_r)
{
	const struct dns_command *c = context;
	const struct tenant_domain *domain = c->subjects[index].domain;
	struct dns_public_key *keys;

	if (domain == NULL)
		return dns_plan_host(&c->ours, arena, plan_r);
	keys = arena_array(arena, domain->key_count, sizeof *keys);
	if (keys == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < domain->key_count; i++)
		dns_public_key_read(domain->keys[i].path, arena, &keys[i]);
	return dns_plan_domain(domain, keys, &c->ours, arena, plan_r);
}

static const char *need_text(enum record_need need)
{
	static const char *const texts[] = {
		[RECORD_REQUIRED] = "required",
		[RECORD_ADVISED] = "advised",
		[RECORD_OPTIONAL] = "optional",
	};

	return texts[need];
}

static const char *subject_name(const struct dns_command *c, size_t index)
{
	const struct tenant_domain *domain = c->subjects[index].domain;

	return domain != NULL ? domain->name : c->host;
}

/* ---- show ---- */

static void show_plan(const struct dns_command *c, size_t index, const struct dns_plan *plan,
    struct report_table *table)
{
	bool zone = c->ctl->style.format == REPORT_ZONE;
	struct buf line = BUF_INIT(65536);

	if (zone)
		printf("; %s\n", subject_name(c, index));
	for (size_t i = 0; i < plan->count; i++) {
		const struct expected *e = &plan->at[i];
		struct span row[] = { span_cstr(subject_name(c, index)),
			span_cstr(record_name_text(e->kind)), span_cstr(need_text(e->need)),
			e->name, span_cstr(dns_type_text(e->type)), e->text };

		buf_reset(&line);
		dns_plan_line(e, &line);
		if (zone)
			fputs(buf_cstr(&line), stdout);
		else if (e->text.n > 0)
			report_row(table, row, ARRAY_SIZE(row));
		if (e->problem != NULL)
			ctl_note(c->ctl, "%.*s: %s", SPAN_ARG(e->name), e->problem);
	}
	buf_free(&line);
}

int cmd_dns_show(struct ctl *ctl, const struct grammar_match *match)
{
	static const char *const columns[] = { "domain", "record", "need", "name", "type",
		"content" };
	struct dns_command c = { .ctl = ctl, .spf = BUF_INIT(SPF_TEXT_MAX) };
	struct report *report = report_new();
	struct report_table *table;
	int status = report != NULL ? start(&c, match) : EX_OSERR;

	if (status != EX_OK)
		goto out;
	table = report_table(report, "records");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		report_column(table, span_cstr(columns[i]), CELL_TEXT);
	for (size_t i = 0; status == EX_OK && i < c.count; i++) {
		struct arena *arena = arena_new((size_t)16 << 20);
		struct dns_plan plan;

		if (arena == NULL || plan_subject(&c, i, arena, &plan) != ERR_OK)
			status = EX_OSERR;
		else
			show_plan(&c, i, &plan, table);
		arena_free(&arena);
	}
	if (status == EX_OK && ctl->style.format != REPORT_ZONE)
		status = ctl_print(ctl, &report);
out:
	report_free(&report);
	end(&c);
	return status;
}

/* ---- check ---- */

static struct span number(char out[24], unsigned long n)
{
	(void)snprintf(out, 24, "%lu", n);
	return span_cstr(out);
}

static void put_record(
    struct dns_command *c, size_t index, const struct expected *e, struct verdict *v)
{
	char points[24], of[24];
	unsigned got, most;

	dns_points(e, v, &got, &most);
	{
		struct span row[] = { span_cstr(subject_name(c, index)),
			span_cstr(record_name_text(e->kind)),
			span_cstr(record_state_text(v->state)), number(points, got),
			number(of, most), e->name, e->text, buf_span(&v->found),
			buf_span(&v->advice) };

		report_row(c->records, row, ARRAY_SIZE(row));
	}
}

static enum err take_verdicts(void *context, size_t index, const struct dns_work *work)
{
	struct dns_command *c = context;
	unsigned long sum = 0, of = 0, states[RECORD_STATES] = { 0 };
	char text[RECORD_STATES + 3][24];

	for (size_t i = 0; i < work->plan.count; i++) {
		const struct expected *e = &work->plan.at[i];
		struct verdict *v = &work->verdicts[i];
		enum dns_trouble trouble = dns_trouble(e, v);
		unsigned points, most;

		dns_points(e, v, &points, &most);
		sum += points;
		of += most;
		states[v->state]++;
		c->worst = trouble > c->worst ? trouble : c->worst;
		if (!c->problems_only || trouble != DNS_TROUBLE_NONE)
			put_record(c, index, e, v);
	}
	{
		struct span row[] = { span_cstr(subject_name(c, index)),
			span_cstr(c->subjects[index].tenant),
			of > 0 ? number(text[0], sum * 100 / of) : SPAN(""),
			number(text[1], sum), number(text[2], of),
			number(text[3], states[RECORD_GOOD]),
			number(text[4], states[RECORD_PROPAGATING]),
			number(text[5], states[RECORD_MISSING]),
			number(text[6], states[RECORD_WRONG]),
			number(text[7], states[RECORD_UNKNOWN]) };

		report_row(c->domains, row, ARRAY_SIZE(row));
	}
	return ERR_OK;
}

static void on_tick(void *context, size_t done, size_t count)
{
	struct dns_command *c = context;

	progress_update(&c->progress, done, count, 0);
}

static void name_columns(struct dns_command *c, struct report *report)
{
	static const char *const domains[] = { "domain", "tenant", "score", "points", "of",
		"good", "propagating", "missing", "wrong", "unknown" };
	static const char *const records[] = { "domain", "record", "state", "points", "of",
		"name", "expected", "found", "advice" };

	c->domains = report_table(report, "domains");
	for (size_t i = 0; i < ARRAY_SIZE(domains); i++)
		report_column(
		    c->domains, span_cstr(domains[i]), report_kind(span_cstr(domains[i])));
	c->records = report_table(report, "records");
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		report_column(
		    c->records, span_cstr(records[i]), report_kind(span_cstr(records[i])));
}

int cmd_dns_check(struct ctl *ctl, const struct grammar_match *match)
{
	static const int statuses[] = {
		[DNS_TROUBLE_NONE] = EX_OK,
		[DNS_TROUBLE_UNKNOWN] = EX_TEMPFAIL,
		[DNS_TROUBLE_WARNING] = 1,
		[DNS_TROUBLE_ERROR] = EX_CONFIG,
	};
	struct dns_command c = { .ctl = ctl,
		.spf = BUF_INIT(SPF_TEXT_MAX),
		.problems_only = grammar_has(match, "problems") };
	const struct dns_work_calls calls = { plan_subject, take_verdicts, on_tick, &c };
	struct report *report = report_new();
	struct dns *dns = NULL;
	int status = report != NULL ? dns_resolver_open(match, &dns) : EX_OSERR;
	enum err e;

	if (status == EX_OK)
		status = start(&c, match);
	if (status != EX_OK)
		goto out;
	name_columns(&c, report);
	progress_start(&c.progress, "checking DNS", ctl->progress);
	e = dns_work_run(dns, c.count, &calls);
	progress_end(&c.progress);
	if (e != ERR_OK) {
		ctl_error("%s", err_text(e));
		status = EX_OSERR;
		goto out;
	}
	status = ctl_print(ctl, &report);
	if (status == EX_OK)
		status = statuses[c.worst];
out:
	dns_close(&dns);
	report_free(&report);
	end(&c);
	return status;
}
