/* cmd_ingest - "ingest": a report from stdin, as Postfix's pipe(8) gives it to us, read here, where
 * no secret is at hand, and told to penguin-policyd, which knows whose message it is about. Exit
 * statuses are pipe(8)'s: what cannot be told now stays in the queue. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "addr.h"
#include "commands.h"
#include "control_wire.h"
#include "domain.h"
#include "providers.h"
#include "replies.h"
#include "returned.h"

#define REQUEST_MAX 65536
#define READ_OCTETS ((size_t)65536)
#define ARENA_MAX   ((size_t)64 << 20)

struct ingest {
	struct ctl *ctl;
	struct replies *replies;
	struct providers *providers; /* NULL: none is known */
	struct returned report;
	struct buf subject; /* of the reply that was classified last */
	bool told, unknown; /* somebody took it; somebody said that it is none of ours */
};

/* What is longer than a report needs is read, and not kept. */
static int read_message(struct buf *message)
{
	static char rest[READ_OCTETS];

	for (;;) {
		ssize_t n = read(STDIN_FILENO, rest, sizeof rest);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			ctl_error("stdin: %s", err_text(err_from_errno(errno)));
			return EX_TEMPFAIL;
		}
		if (n == 0)
			return EX_OK;
		buf_add(message, rest,
		    (size_t)n < message->max - message->n ? (size_t)n
							  : message->max - message->n);
		if (!buf_ok(message)) {
			ctl_error("%s", err_text(ERR_NOMEM));
			return EX_TEMPFAIL;
		}
	}
}

static int read_files(struct ingest *in)
{
	char error[512];
	int status = ctl_load_provider(in->ctl);
	const struct provider *p;

	if (status != EX_OK)
		return EX_TEMPFAIL;
	p = ctl_provider(in->ctl);
	if (replies_read(p->replies, &in->replies, error, sizeof error) != ERR_OK) {
		ctl_error("%s", error);
		return EX_TEMPFAIL;
	}
	/* Without it rules of single providers do not fit. */
	if (providers_read(p->providers, &in->providers, error, sizeof error) != ERR_OK)
		ctl_error("%s", error);
	return EX_OK;
}

static const char *provider_of(const struct ingest *in, struct span address)
{
	char domain[DOMAIN_MAX];
	struct addr a;

	return in->providers != NULL && addr_split(address, &a) == ERR_OK &&
		       domain_canonical(a.domain, domain) == ERR_OK
		   ? providers_of_domain(in->providers, span_cstr(domain))
		   : NULL;
}

/* Only what says by its status that it is for good has a class. */
static const char *class_of(struct ingest *in, const struct returned_recipient *r)
{
	const struct reply_rule *rule;

	if (r->status.n == 0 || r->status.p[0] != '5')
		return reply_class_row(REPLY_UNKNOWN)->name;
	buf_reset(&in->subject);
	reply_subject(r->diagnostic, r->status, &in->subject);
	rule = replies_match(
	    in->replies, span_cstr(provider_of(in, r->address)), buf_span(&in->subject));
	return reply_class_row(rule != NULL ? rule->class : REPLY_UNKNOWN)->name;
}

/* ---- telling ---- */

static void put_word(struct buf *request, const char *name, struct span value)
{
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < 0x20)
			return; /* nothing that we would pass on */
	if (value.n > 0)
		attr_put(request, name, value);
}

static int tell(struct ingest *in, struct span path, const struct returned_recipient *r)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	int status = ctl_connect(in->ctl);
	enum err e;

	if (status != EX_OK)
		return EX_TEMPFAIL;
	client_begin(&request, CONTROL_RETURNED);
	put_word(&request, "path", path);
	attr_put(&request, "kind", span_cstr(returned_kind_text(in->report.kind)));
	attr_put(&request, "local", in->report.local ? SPAN("yes") : SPAN("no"));
	if (r != NULL) {
		put_word(&request, "address", r->address);
		put_word(&request, "original", r->original);
		put_word(&request, "status", r->status);
		attr_put(&request, "class", span_cstr(class_of(in, r)));
	}
	e = client_send(in->ctl->client, &request);
	if (e == ERR_OK)
		e = client_receive(in->ctl->client, CTL_TIMEOUT_S, NULL, &reply);
	buf_free(&request);
	if (e != ERR_OK) {
		status = ctl_trouble(e); /* says it */
		return EX_TEMPFAIL;
	}
	if (span_eq(attr_get(&reply, SPAN("status")), SPAN("ok"))) {
		in->told = true;
		return EX_OK;
	}
	if (span_eq(attr_get(&reply, SPAN("error")), SPAN("notfound"))) {
		in->unknown = true;
		return EX_OK;
	}
	status = ctl_judge(&reply);
	return EX_TEMPFAIL;
}

static int tell_all(struct ingest *in, struct span path)
{
	const struct returned *r = &in->report;
	int status = EX_OK;
	size_t told = 0;

	if (r->kind == RETURNED_COMPLAINT || r->kind == RETURNED_NOT_SPAM) {
		const struct returned_recipient whom = { .address = r->complained };

		/* It comes to an address of its own; whose it is the message says. */
		return tell(in, r->original_sender.n > 0 ? r->original_sender : path, &whom);
	}
	for (size_t i = 0; i < r->count && status == EX_OK; i++) {
		if (r->kind == RETURNED_BOUNCE && !r->recipients[i].failed)
			continue;
		status = tell(in, path, &r->recipients[i]);
		told++;
	}
	return told > 0 || status != EX_OK ? status : tell(in, path, NULL);
}

/* ---- saying ---- */

static int say(struct ingest *in)
{
	static const char *const columns[] = { "address", "original", "action", "status",
		"class", "diagnostic" };
	const struct returned *r = &in->report;
	struct report *report = report_new();
	struct report_table *table;
	int status = EX_OSERR;

	if (report == NULL)
		return status;
	report_field(report, "kind", CELL_TEXT, span_cstr(returned_kind_text(r->kind)));
	report_field(report, "local", CELL_YES_NO, in->report.local ? SPAN("yes") : SPAN("no"));
	report_field(report, "feedback_type", CELL_TEXT, r->feedback_type);
	report_field(report, "original_sender", CELL_TEXT, r->original_sender);
	report_field(report, "complained", CELL_TEXT, r->complained);
	table = report_table(report, "recipients");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		report_column(table, span_cstr(columns[i]), CELL_TEXT);
	for (size_t i = 0; i < r->count; i++) {
		const struct returned_recipient *one = r->recipients + i;

		report_row(table,
		    (struct span[]){ one->address, one->original, one->action, one->status,
			span_cstr(one->failed ? class_of(in, one) : ""), one->diagnostic },
		    ARRAY_SIZE(columns));
	}
	status = ctl_print(in->ctl, &report);
	report_free(&report);
	return status;
}

int cmd_ingest(struct ctl *ctl, const struct grammar_match *match)
{
	struct ingest in = { .ctl = ctl, .subject = BUF_INIT(2 * REPLY_TEXT_MAX) };
	struct buf message = BUF_INIT(RETURNED_OCTETS_MAX);
	struct arena *arena = arena_new(ARENA_MAX);
	const char *path;
	int status = read_message(&message);

	if (status == EX_OK)
		status = read_files(&in);
	if (status == EX_OK &&
	    (arena == NULL || returned_read(buf_span(&message), arena, &in.report) != ERR_OK)) {
		ctl_error("%s", err_text(ERR_NOMEM));
		status = EX_TEMPFAIL;
	}
	if (status == EX_OK && grammar_has(match, "dry-run")) {
		status = say(&in);
		goto out;
	}
	for (size_t i = 0; status == EX_OK && (path = grammar_slot(match, i)) != NULL; i++)
		status = tell_all(&in, span_cstr(path));
	if (status == EX_OK && !in.told && in.unknown) {
		ctl_error("no return path of ours");
		status = EX_NOUSER;
	}
out:
	providers_free(&in.providers);
	replies_free(&in.replies);
	buf_free(&in.subject);
	buf_free(&message);
	arena_free(&arena);
	return status;
}
