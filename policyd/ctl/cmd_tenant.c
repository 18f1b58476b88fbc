/* cmd_tenant - "tenant" and "quota". Suspending also holds the tenant's queued mail, resuming
 * lets go exactly what suspending held. */
#include <unistd.h>

#include "addr.h"
#include "commands.h"
#include "control_wire.h"
#include "domain.h"
#include "held.h"
#include "process.h"

#define REQUEST_MAX 65536
#define QUEUE_MAX   ((size_t)1 << 30) /* octets of a queue listing */
#define IDS_MAX     ((size_t)64 << 20)
#define PASSES      3 /* mail that was on its way in while we looked */

static int list(struct ctl *ctl, const char *verb, const char *tenant, bool csv)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct report *report = report_new();
	int status = EX_OSERR;

	if (report == NULL)
		goto out;
	client_begin(&request, verb);
	if (tenant != NULL)
		attr_put(&request, "tenant", span_cstr(tenant));
	status = ctl_list(ctl, &request, report, "rows");
	if (csv)
		ctl->style.format = REPORT_CSV;
	if (status == EX_OK)
		status = ctl_print(ctl, &report);
out:
	report_free(&report);
	buf_free(&request);
	return status;
}

int cmd_tenant_list(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	return list(ctl, CONTROL_TENANT_LIST, NULL, false);
}

int cmd_quota_show(struct ctl *ctl, const struct grammar_match *match)
{
	const char *tenant = grammar_slot(match, 0);

	return list(
	    ctl, CONTROL_QUOTA_SHOW, tenant != NULL ? tenant : "", grammar_has(match, "csv"));
}

int cmd_tenant_show(struct ctl *ctl, const struct grammar_match *match)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct report *report = report_new();
	struct attr_request reply;
	int status = EX_OSERR;

	if (report == NULL)
		goto out;
	client_begin(&request, CONTROL_TENANT_SHOW);
	attr_put(&request, "tenant", span_cstr(grammar_slot(match, 0)));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	if (status == EX_OK) {
		ctl_fields(report, &reply);
		status = ctl_print(ctl, &report);
	}
out:
	report_free(&report);
	buf_free(&request);
	return status;
}

int cmd_quota_reset(struct ctl *ctl, const struct grammar_match *match)
{
	static const char *const options[] = { "scope", "name", "limit" };
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	int status;

	client_begin(&request, CONTROL_QUOTA_RESET);
	attr_put(&request, "tenant", span_cstr(grammar_slot(match, 0)));
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		attr_put(&request, options[i], span_cstr(grammar_value(match, options[i])));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	if (status == EX_OK)
		ctl_note(ctl, "%s: counters were reset", grammar_slot(match, 0));
	buf_free(&request);
	return status;
}

/* ---- the queue ---- */

struct held {
	struct ctl *ctl;
	const char *tenant;
	size_t index;    /* of the tenant in the snapshot */
	int directory;   /* of the lists */
	struct buf list; /* all ids held for the tenant, one a line */
};

static int run_postfix(const struct held *h, const char *program, const char *a, const char *b,
    struct span input, struct buf *output)
{
	const char *argv[] = { program, "-c", ctl_provider(h->ctl)->postfix.config_directory, a,
		b, NULL };
	struct buf errors = BUF_INIT(65536);
	int exit_status = 0, status = EX_OK;
	enum err e = process_run(argv, input, output, &errors, &exit_status);

	if (e != ERR_OK) {
		ctl_error("%s: %s", program, err_text(e));
		status = EX_UNAVAILABLE;
	} else if (exit_status != 0) {
		ctl_error(
		    "%s ended with status %d: %s", program, exit_status, buf_cstr(&errors));
		status = EX_UNAVAILABLE;
	}
	buf_free(&errors);
	return status;
}

/* The tenant is known by the envelope sender's domain, as at admission, or by its return path's. */
static bool belongs(const struct held *h, const char *sender)
{
	char domain[DOMAIN_MAX];
	struct addr a;

	if (addr_split(span_cstr(sender), &a) != ERR_OK ||
	    domain_canonical(a.domain, domain) != ERR_OK)
		return false;
	return snapshot_find_domain(h->ctl->snapshot, span_cstr(domain), NULL) == h->index ||
	       snapshot_find_bounce_domain(h->ctl->snapshot, span_cstr(domain), NULL) ==
		   h->index;
}

/* The ids of the tenant's messages that are not on hold yet, one a line. */
static int find_messages(const struct held *h, struct buf *ids, size_t *count_r)
{
	struct buf queue = BUF_INIT(QUEUE_MAX);
	struct span rest, line;
	size_t odd = 0;
	int status = run_postfix(h, "postqueue", "-j", NULL, SPAN(""), &queue);

	*count_r = 0;
	rest = buf_span(&queue);
	while (status == EX_OK && span_next(&rest, '\n', &line)) {
		struct held_message m;

		if (line.n == 0)
			continue;
		if (held_parse(line, &m) != ERR_OK) {
			odd++;
			continue;
		}
		if (m.on_hold || !belongs(h, m.sender))
			continue;
		buf_printf(ids, "%s\n", m.queue_id);
		++*count_r;
	}
	if (odd > 0)
		ctl_error("%zu lines of postqueue -j were not understood; those messages were "
			  "left alone",
		    odd);
	if (status == EX_OK && (!buf_ok(ids) || queue.n >= QUEUE_MAX - 65536)) {
		ctl_error("the queue is too long to list");
		status = EX_OSERR;
	}
	buf_free(&queue);
	return status;
}

static int open_held(struct held *h, struct ctl *ctl, const char *tenant, bool create)
{
	const char *store = ctl_provider(ctl)->store.path;
	enum err e;

	*h = (struct held){ .ctl = ctl, .tenant = tenant, .directory = -1 };
	buf_init(&h->list, IDS_MAX);
	h->index = snapshot_find_tenant(ctl->snapshot, span_cstr(tenant));
	e = held_open(store, create, &h->directory);
	if (e == ERR_NOTFOUND && !create)
		return EX_OK;
	if (e == ERR_OK)
		e = held_read(h->directory, tenant, &h->list);
	if (e == ERR_OK || e == ERR_NOTFOUND)
		return EX_OK;
	ctl_error("%s/held: %s", store, err_text(e));
	return EX_CANTCREAT;
}

static void close_held(struct held *h)
{
	if (h->directory >= 0)
		close(h->directory);
	buf_free(&h->list);
}

/* One look at the queue: the list is written before postsuper runs, so that nothing can be held
 * and then forgotten. */
static int hold_pass(struct held *h, size_t *count_r)
{
	struct buf ids = BUF_INIT(IDS_MAX);
	int status = find_messages(h, &ids, count_r);
	enum err e;

	if (status != EX_OK || *count_r == 0)
		goto out;
	buf_add_span(&h->list, buf_span(&ids));
	e = buf_ok(&h->list) ? held_write(h->directory, h->tenant, buf_span(&h->list))
			     : ERR_NOMEM;
	if (e != ERR_OK) {
		ctl_error("the list of held messages: %s", err_text(e));
		status = EX_CANTCREAT;
		goto out;
	}
	status = run_postfix(h, "postsuper", "-h", "-", buf_span(&ids), NULL);
out:
	buf_free(&ids);
	return status;
}

static int hold_queue(struct ctl *ctl, const char *tenant, uint64_t *total_r)
{
	struct held h;
	size_t count = 1;
	int status = open_held(&h, ctl, tenant, true);

	*total_r = 0;
	for (int pass = 0; status == EX_OK && count > 0 && pass < PASSES; pass++) {
		status = hold_pass(&h, &count);
		*total_r += count;
	}
	close_held(&h);
	return status;
}

static int release_queue(struct ctl *ctl, const char *tenant, uint64_t *total_r)
{
	struct held h;
	int status = open_held(&h, ctl, tenant, false);

	*total_r = 0;
	if (status == EX_OK && h.list.n > 0) {
		for (size_t i = 0; i < h.list.n; i++)
			*total_r += h.list.p[i] == '\n';
		status = run_postfix(&h, "postsuper", "-H", "-", buf_span(&h.list), NULL);
		if (status == EX_OK && held_remove(h.directory, tenant) != ERR_OK) {
			ctl_error("the list of held messages could not be removed");
			status = EX_IOERR;
		}
	}
	close_held(&h);
	return status;
}

/* ---- suspend, resume ---- */

static int set_state(struct ctl *ctl, const char *tenant, const char *state, const char *reason)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	int status;

	client_begin(&request, CONTROL_TENANT_STATE);
	attr_put(&request, "tenant", span_cstr(tenant));
	attr_put(&request, "state", span_cstr(state));
	attr_put(&request, "reason", span_cstr(reason));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	buf_free(&request);
	return status;
}

static int change_state(struct ctl *ctl, const struct grammar_match *match, const char *state,
    const char *count_name, int (*queue)(struct ctl *, const char *, uint64_t *))
{
	const char *tenant = grammar_slot(match, 0);
	bool keep = grammar_has(match, "keep-queue");
	struct buf number = BUF_INIT(64);
	struct report *report = NULL;
	uint64_t count = 0;
	int status = EX_NOPERM;

	if (!keep && geteuid() != 0) {
		ctl_error("holding and releasing queued mail needs root; --keep-queue changes "
			  "the state only");
		return status;
	}
	/* Everything that can refuse comes before the first change. */
	if (!keep && (status = ctl_load(ctl)) != EX_OK)
		return status;
	if (!keep && snapshot_find_tenant(ctl->snapshot, span_cstr(tenant)) == TENANT_NONE) {
		ctl_error("there is no tenant \"%s\"", tenant);
		return EX_DATAERR;
	}
	status = set_state(ctl, tenant, state, grammar_value(match, "reason"));
	if (status == EX_OK && !keep)
		status = queue(ctl, tenant, &count);
	if (status != EX_OK)
		return status;
	report = report_new();
	if (report != NULL) {
		buf_printf(&number, "%llu", (unsigned long long)count);
		report_field(report, "tenant", CELL_TEXT, span_cstr(tenant));
		report_field(report, "state", CELL_STATE, span_cstr(state));
		if (!keep)
			report_field(report, count_name, CELL_NUMBER, buf_span(&number));
	}
	status = ctl_print(ctl, &report);
	buf_free(&number);
	return status;
}

int cmd_tenant_suspend(struct ctl *ctl, const struct grammar_match *match)
{
	return change_state(ctl, match, "suspended", "held", hold_queue);
}

int cmd_tenant_resume(struct ctl *ctl, const struct grammar_match *match)
{
	return change_state(ctl, match, "active", "released", release_queue);
}
