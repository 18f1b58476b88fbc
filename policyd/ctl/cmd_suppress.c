/* cmd_suppress - "suppress add|rm|check|export". Import is cmd_import. */
#include <unistd.h>

#include "cmd_suppress.h"
#include "commands.h"
#include "control_wire.h"
#include "csv.h"
#include "progress.h"

#define REQUEST_MAX ((size_t)1 << 20)

bool suppress_read_scope(const struct grammar_match *match, struct suppress_scope *scope_r)
{
	bool platform = grammar_has(match, "platform");

	*scope_r = (struct suppress_scope){
		.tenant = grammar_value(match, "tenant"),
		.stream = grammar_value(match, "stream"),
	};
	if (platform && (scope_r->tenant != NULL || scope_r->stream != NULL)) {
		ctl_error("--platform does not go with --tenant or --stream");
		return false;
	}
	if (!platform && scope_r->tenant == NULL) {
		ctl_error("which list? --platform, --tenant TENANT, or --tenant TENANT "
			  "--stream STREAM");
		return false;
	}
	scope_r->scope = platform ? "platform" : scope_r->stream != NULL ? "stream" : "tenant";
	return true;
}

void suppress_begin(struct buf *request, const char *verb, const struct suppress_scope *scope)
{
	client_begin(request, verb);
	attr_put(request, "scope", span_cstr(scope->scope));
	attr_put(request, "tenant", span_cstr(scope->tenant));
	attr_put(request, "stream", span_cstr(scope->stream));
}

static uint64_t number(const struct attr_request *reply, const char *name)
{
	uint64_t n = 0;

	(void)span_u64(attr_get(reply, span_cstr(name)), &n);
	return n;
}

/* ---- add ---- */

struct totals {
	uint64_t added, present, bad;
};

static int add_batch(struct ctl *ctl, const struct grammar_match *match,
    const struct suppress_scope *scope, size_t from, size_t count, struct totals *totals)
{
	const char *reason = grammar_value(match, "reason");
	const char *source = grammar_value(match, "source");
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	int status;

	suppress_begin(&request, CONTROL_SUPPRESS_ADD, scope);
	attr_put(&request, "reason", span_cstr(reason != NULL ? reason : "manual"));
	attr_put(&request, "source", span_cstr(source != NULL ? source : "penguinctl"));
	attr_put(&request, "expires", span_cstr(grammar_value(match, "expires")));
	for (size_t i = 0; i < count; i++) {
		char name[32];

		(void)snprintf(name, sizeof name, "address.%zu", i);
		attr_put(&request, name, span_cstr(grammar_slot(match, from + i)));
	}
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	buf_free(&request);
	if (status != EX_OK)
		return status;
	totals->added += number(&reply, "added");
	totals->present += number(&reply, "present");
	totals->bad += number(&reply, "bad");
	for (size_t i = 0; i < reply.count; i++) {
		struct span text = reply.at[i].value, index;
		uint64_t at;

		if (!ctl_numbered(reply.at[i].name, "bad") || !span_next(&text, '\t', &index) ||
		    !span_u64(index, &at) || at >= count)
			continue;
		ctl_error("%s: %.*s", grammar_slot(match, from + at), SPAN_ARG(text));
	}
	return EX_OK;
}

static void totals_report(struct report *report, const struct totals *totals)
{
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = { { "added", totals->added }, { "present", totals->present },
		{ "bad", totals->bad } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[32];

		(void)snprintf(text, sizeof text, "%llu", (unsigned long long)rows[i].n);
		report_field(report, rows[i].name, CELL_NUMBER, span_cstr(text));
	}
}

int cmd_suppress_add(struct ctl *ctl, const struct grammar_match *match)
{
	struct report *report = report_new();
	struct totals totals = { 0 };
	struct suppress_scope scope;
	int status = EX_OSERR;

	if (report == NULL)
		return status;
	status = suppress_read_scope(match, &scope) ? EX_OK : EX_USAGE;
	for (size_t i = 0; status == EX_OK && i < match->slot_count; i += SUPPRESS_BATCH) {
		size_t left = match->slot_count - i;

		status = add_batch(ctl, match, &scope, i,
		    left < SUPPRESS_BATCH ? left : SUPPRESS_BATCH, &totals);
	}
	if (status == EX_OK) {
		totals_report(report, &totals);
		status = ctl_print(ctl, &report);
	}
	if (status == EX_OK && totals.bad > 0)
		status = EX_DATAERR;
	report_free(&report);
	return status;
}

/* ---- rm, check ---- */

int cmd_suppress_remove(struct ctl *ctl, const struct grammar_match *match)
{
	const char *reason = grammar_value(match, "reason");
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct suppress_scope scope;
	struct attr_request reply;
	int status = EX_USAGE;

	if (!suppress_read_scope(match, &scope))
		return status;
	if (reason == NULL || reason[0] == '\0') {
		ctl_error("--reason is missing: why may this address be mailed again?");
		return status;
	}
	suppress_begin(&request, CONTROL_SUPPRESS_REMOVE, &scope);
	attr_put(&request, "address", span_cstr(grammar_slot(match, 0)));
	attr_put(&request, "reason", span_cstr(reason));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	if (status == EX_OK)
		ctl_note(ctl, "%s: taken off the list", grammar_slot(match, 0));
	buf_free(&request);
	return status;
}

int cmd_suppress_check(struct ctl *ctl, const struct grammar_match *match)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct report *report = report_new();
	struct suppress_scope scope;
	struct attr_request reply;
	int status = EX_OSERR;

	if (report == NULL)
		return status;
	status = suppress_read_scope(match, &scope) ? EX_OK : EX_USAGE;
	if (status != EX_OK)
		goto out;
	suppress_begin(&request, CONTROL_SUPPRESS_CHECK, &scope);
	attr_put(&request, "address", span_cstr(grammar_slot(match, 0)));
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

/* ---- export ---- */

/* digest reason date source expires => a CSV line that import reads again. */
static void put_export(struct buf *out, struct span row)
{
	struct buf address = BUF_INIT(1024);
	struct span field;

	for (size_t i = 0; i < 5; i++) {
		if (!span_next(&row, '\t', &field))
			field = SPAN("");
		if (i == 0 && !span_starts(field, SPAN("sha:"))) {
			buf_printf(&address, "sha:%.*s", SPAN_ARG(field));
			field = buf_span(&address);
		}
		csv_put(out, field, i == 0);
	}
	csv_end(out);
	buf_free(&address);
}

static int export_page(struct ctl *ctl, const struct suppress_scope *scope, struct buf *next,
    struct buf *out, uint64_t *rows)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	struct span from;
	int status;

	suppress_begin(&request, CONTROL_SUPPRESS_EXPORT, scope);
	attr_put(&request, "from", buf_span(next));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	buf_free(&request);
	if (status != EX_OK)
		return status;
	for (size_t i = 0; i < reply.count; i++) {
		if (!ctl_numbered(reply.at[i].name, "row"))
			continue;
		put_export(out, reply.at[i].value);
		++*rows;
	}
	from = attr_get(&reply, SPAN("next"));
	if (from.n > 0 && span_eq(from, buf_span(next))) {
		ctl_error("the list does not move on");
		return EX_PROTOCOL;
	}
	buf_reset(next);
	buf_add_span(next, from);
	return EX_OK;
}

int cmd_suppress_export(struct ctl *ctl, const struct grammar_match *match)
{
	struct buf next = BUF_INIT(8192), out = BUF_INIT(REQUEST_MAX);
	struct suppress_scope scope;
	struct progress progress;
	uint64_t rows = 0;
	int status = EX_USAGE;

	if (!suppress_read_scope(match, &scope))
		return status;
	/* On a terminal the rows themselves show that it moves. */
	progress_start(&progress, "exporting", ctl->progress && isatty(STDOUT_FILENO) == 0);
	buf_add_cstr(&out, "email,reason,date,source,expires\r\n");
	do {
		status = export_page(ctl, &scope, &next, &out, &rows);
		if (status == EX_OK && fwrite(out.p, 1, out.n, stdout) != out.n)
			status = EX_IOERR;
		buf_reset(&out);
		progress_update(&progress, 0, 0, rows);
	} while (status == EX_OK && next.n > 0);
	if (status == EX_OK && fflush(stdout) != 0)
		status = EX_IOERR;
	progress_end(&progress);
	if (status == EX_IOERR)
		ctl_error("cannot write the output");
	buf_free(&out);
	buf_free(&next);
	return status;
}
