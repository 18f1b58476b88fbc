/* cmd_alert - "alert": what an administrator should know, and telling it: by mail, or by a program
 * of his. penguin-policyd only keeps it; it runs nothing. */
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "control_wire.h"
#include "json.h"
#include "process.h"

#define REQUEST_MAX 65536
#define OUTPUT_MAX  65536
#define MAIL_MAX    ((size_t)1 << 20)
#define AT_ONCE     100 /* alerts in one mail; the rest comes with the next */

enum column { ALERT, SEVERITY, STATE, SINCE, LAST, TIMES, TOLD, MUTED, TEXT, COLUMNS };

int cmd_alert_list(struct ctl *ctl, const struct grammar_match *match)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	int status;

	client_begin(&request, CONTROL_ALERT_LIST);
	attr_put(&request, "all", grammar_has(match, "all") ? SPAN("yes") : SPAN("no"));
	status = ctl_print_list(ctl, &request, "alerts");
	buf_free(&request);
	return status;
}

static int change(struct ctl *ctl, const char *action, struct span alert, const char *duration)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	int status;

	client_begin(&request, CONTROL_ALERT_CHANGE);
	attr_put(&request, "action", span_cstr(action));
	if (alert.n > 0)
		attr_put(&request, "alert", alert);
	if (duration != NULL)
		attr_put(&request, "for", span_cstr(duration));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	buf_free(&request);
	return status;
}

int cmd_alert_ack(struct ctl *ctl, const struct grammar_match *match)
{
	const char *name;
	int status = EX_OK;

	for (size_t i = 0; status == EX_OK && (name = grammar_slot(match, i)) != NULL; i++)
		status = change(ctl, "ack", span_cstr(name), NULL);
	return status;
}

int cmd_alert_mute(struct ctl *ctl, const struct grammar_match *match)
{
	const char *duration = grammar_value(match, "for");

	return change(ctl, "mute", span_cstr(grammar_slot(match, 0)),
	    duration != NULL ? duration : "24h");
}

int cmd_alert_test(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	int status = change(ctl, "test", SPAN(""), NULL);

	if (status == EX_OK)
		ctl_note(ctl, "the alert \"test\" is told by the next \"alert send\"");
	return status;
}

/* ---- telling ---- */

struct pending {
	struct span cells[AT_ONCE][COLUMNS];
	size_t count;
};

static int run(const char *const *argv, struct span input)
{
	struct buf output = BUF_INIT(OUTPUT_MAX);
	int exit_status = 0, status = EX_OK;
	enum err e = process_run(argv, input, &output, &output, &exit_status);

	if (e != ERR_OK) {
		ctl_error("%s: %s", argv[0], err_text(e));
		status = EX_UNAVAILABLE;
	} else if (exit_status != 0) {
		ctl_error(
		    "%s ended with status %d: %s", argv[0], exit_status, buf_cstr(&output));
		status = EX_UNAVAILABLE;
	}
	buf_free(&output);
	return status;
}

/* Alerts hold names and words of ours, but also of replies: nothing but printable ASCII leaves. */
static void put_text(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		buf_add_char(out, text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?');
}

static void put_mail(const struct pending *p, const char *to, struct buf *out)
{
	char host[256] = "localhost";

	(void)gethostname(host, sizeof host - 1);
	buf_printf(out, "From: PenguinMails <postmaster@%s>\nTo: %s\nSubject: [penguinmails] ",
	    host, to);
	if (p->count == 1)
		put_text(out, span_head(p->cells[0][ALERT], 100));
	else
		buf_printf(out, "%zu alerts", p->count);
	buf_add_cstr(out, "\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n"
			  "Content-Type: text/plain; charset=us-ascii\n\n");
	for (size_t i = 0; i < p->count; i++) {
		put_text(out, p->cells[i][SEVERITY]);
		buf_add_cstr(out, ": ");
		put_text(out, p->cells[i][ALERT]);
		buf_add_cstr(out, "\n    ");
		put_text(out, p->cells[i][TEXT]);
		buf_add_cstr(out, "\n    since ");
		put_text(out, p->cells[i][SINCE]);
		buf_add_cstr(out, ", times: ");
		put_text(out, p->cells[i][TIMES]);
		buf_add_cstr(out, "\n\n");
	}
	buf_printf(out, "See it on %s: penguinctl alert list\n", host);
}

static int send_mail(struct ctl *ctl, const struct pending *p, const char *to)
{
	const char *argv[] = { "sendmail", "-C", ctl_provider(ctl)->postfix.config_directory,
		"-i", "-f", "<>", "--", to, NULL };
	struct buf mail = BUF_INIT(MAIL_MAX);
	int status = EX_OSERR;

	put_mail(p, to, &mail);
	if (buf_ok(&mail))
		status = run(argv, buf_span(&mail));
	buf_free(&mail);
	return status;
}

/* One call an alert: its name and severity as arguments, all of it as JSON on standard input. */
static int run_hook(const char *hook, const struct span cells[COLUMNS])
{
	static const char *const names[COLUMNS] = { "alert", "severity", "state", "since",
		"last", "times", "told", "muted", "text" };
	struct buf document = BUF_INIT(REQUEST_MAX), words = BUF_INIT(REQUEST_MAX);
	struct json j = JSON_INIT(&document);
	const char *argv[] = { hook, NULL, NULL, NULL };
	int status = EX_OSERR;

	j.flat = true;
	json_open(&j, '{');
	for (size_t i = 0; i < COLUMNS; i++) {
		if (i == TOLD || i == MUTED)
			continue;
		json_key(&j, span_cstr(names[i]));
		if (i == TIMES)
			json_number(&j, cells[i]);
		else
			json_string(&j, cells[i]);
	}
	json_close(&j, '}');
	json_end(&j);
	put_text(&words, cells[ALERT]);
	buf_add_char(&words, '\0');
	put_text(&words, cells[SEVERITY]);
	buf_add_char(&words, '\0');
	if (buf_ok(&document) && buf_ok(&words)) {
		argv[1] = words.p;
		argv[2] = words.p + strlen(words.p) + 1;
		status = run(argv, buf_span(&document));
	}
	buf_free(&words);
	buf_free(&document);
	return status;
}

static void read_rows(const struct attr_request *reply, struct pending *p_r)
{
	*p_r = (struct pending){ .count = 0 };
	for (size_t i = 0; i < reply->count && p_r->count < AT_ONCE; i++) {
		struct span rest = reply->at[i].value, cell;
		size_t n = 0;

		if (!ctl_numbered(reply->at[i].name, "row"))
			continue;
		while (n < COLUMNS && span_next(&rest, '\t', &cell))
			p_r->cells[p_r->count][n++] = cell;
		p_r->count += n == COLUMNS;
	}
}

/* Told is what both ways took; else all of it comes again. */
static int tell(struct ctl *ctl, const struct pending *p)
{
	const char *to = ctl_provider(ctl)->alerts.mail, *hook = ctl_provider(ctl)->alerts.hook;
	int status = EX_OK;

	for (size_t i = 0; i < p->count && status == EX_OK && hook[0] != '\0'; i++)
		status = run_hook(hook, p->cells[i]);
	if (status == EX_OK && to[0] != '\0')
		status = send_mail(ctl, p, to);
	return status;
}

int cmd_alert_send(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	struct buf request = BUF_INIT(REQUEST_MAX), names = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	struct pending *p = calloc(1, sizeof *p);
	struct span rest, name;
	int status = p != NULL ? ctl_load_provider(ctl) : EX_OSERR;

	if (status != EX_OK || (ctl_provider(ctl)->alerts.mail[0] == '\0' &&
				   ctl_provider(ctl)->alerts.hook[0] == '\0'))
		goto out;
	client_begin(&request, CONTROL_ALERT_LIST);
	attr_put(&request, "pending", SPAN("yes"));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	if (status != EX_OK)
		goto out;
	read_rows(&reply, p);
	for (size_t i = 0; i < p->count; i++) {
		buf_add_span(&names, p->cells[i][ALERT]);
		buf_add_char(&names, '\n');
	}
	if (p->count == 0 || !buf_ok(&names))
		goto out;
	status = tell(ctl, p);
	/* The reply's cells end with the next request. */
	for (rest = buf_span(&names); status == EX_OK && span_next(&rest, '\n', &name);)
		if (name.n > 0)
			status = change(ctl, "told", name, NULL);
	if (status == EX_OK)
		ctl_note(ctl, "told of %zu alerts", p->count);
out:
	free(p);
	buf_free(&names);
	buf_free(&request);
	return status;
}
