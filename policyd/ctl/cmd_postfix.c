/* cmd_postfix - "postfix show|enable|disable|check": reads Postfix's files, lets hookup plan, and
 * writes with a copy kept. Never restarts Postfix. */
#include "commands.h"
#include "diff.h"
#include "hookup.h"
#include "postfix_files.h"

#define DIFF_MAX ((size_t)16 << 20)

/* ---- words ---- */

/* For a shell: in single quotes, a quote inside as '\''. */
static void put_quoted(struct buf *out, struct span text)
{
	buf_add_char(out, '\'');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\'')
			buf_add_cstr(out, "'\\''");
		else
			buf_add_char(out, text.p[i]);
	}
	buf_add_char(out, '\'');
}

/* The postconf(1) command that makes a change. Options of services go by the whole line:
 * postconf -P takes no value with blanks. */
static void put_command(const struct postfix_files *f, const struct hookup *h,
    const struct hookup_change *c, struct buf *out)
{
	struct buf setting = BUF_INIT(1 << 20);
	size_t slash = span_find(c->service, '/', 0);
	struct master_service s;

	buf_printf(out, "postconf -c %s ", f->directory);
	if (c->service.n > 0 && c->removed && span_eq(c->name, SPAN("service"))) {
		buf_add_span(&setting, c->service);
		buf_add_cstr(out, "-MX ");
	} else if (c->service.n > 0 &&
		   master_find(buf_span(&h->master), span_head(c->service, slash),
		       span_from(c->service, slash + 1), &s)) {
		buf_printf(&setting, "%.*s=", SPAN_ARG(c->service));
		postconf_flatten(span_make(h->master.p + s.start, s.end - s.start), &setting);
		buf_add_cstr(out, "-M ");
	} else if (c->removed) {
		buf_add_span(&setting, c->name);
		buf_add_cstr(out, "-X ");
	} else {
		buf_printf(&setting, "%.*s = %.*s", SPAN_ARG(c->name), SPAN_ARG(c->value));
		buf_add_cstr(out, "-e ");
	}
	put_quoted(out, buf_span(&setting));
	buf_free(&setting);
}

static struct report *changes_report(const struct postfix_files *f, const struct hookup *h)
{
	static const char *const columns[] = { "file", "service", "name", "value", "command" };
	struct report *report = report_new();
	struct report_table *t;

	if (report == NULL)
		return NULL;
	t = report_table(report, "changes");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		report_column(t, span_cstr(columns[i]), CELL_TEXT);
	for (const struct hookup_change *c = h->changes; c != NULL; c = c->next) {
		struct buf command = BUF_INIT(1 << 20);
		struct span row[5] = { c->service.n > 0 ? SPAN("master.cf") : SPAN("main.cf"),
			c->service, c->name, c->value };

		put_command(f, h, c, &command);
		row[4] = buf_span(&command);
		report_row(t, row, ARRAY_SIZE(row));
		buf_free(&command);
	}
	return report;
}

/* One command a line; a service's line is given once, however many options changed. */
static void print_commands(const struct postfix_files *f, const struct hookup *h)
{
	for (const struct hookup_change *c = h->changes; c != NULL; c = c->next) {
		struct buf command = BUF_INIT(1 << 20);
		bool again = false;

		for (const struct hookup_change *d = h->changes; d != c; d = d->next)
			again = again || (c->service.n > 0 && span_eq(c->service, d->service));
		put_command(f, h, c, &command);
		if (!again)
			printf("%s\n", buf_cstr(&command));
		buf_free(&command);
	}
}

static int print_plan(struct ctl *ctl, const struct postfix_files *f, const struct hookup *h)
{
	struct report *report;

	if (ctl->style.format == REPORT_TABLE) {
		print_commands(f, h);
		return EX_OK;
	}
	report = changes_report(f, h);
	return ctl_print(ctl, &report);
}

static int print_diff(struct ctl *ctl, const struct postfix_files *f, const struct hookup *h)
{
	struct buf text = BUF_INIT(DIFF_MAX);
	int status = EX_OK;

	diff_unified(&text, f->main_path, buf_span(&f->main), buf_span(&h->main));
	diff_unified(&text, f->master_path, buf_span(&f->master), buf_span(&h->master));
	if (!buf_ok(&text))
		status = EX_OSERR;
	else if (ctl->style.format == REPORT_TABLE)
		fputs(buf_cstr(&text), stdout);
	else {
		struct report *report = changes_report(f, h);

		if (report != NULL)
			report_field(report, "diff", CELL_TEXT, buf_span(&text));
		status = ctl_print(ctl, &report);
	}
	buf_free(&text);
	return status;
}

static void say_reload(const struct ctl *ctl, const struct postfix_files *f)
{
	ctl_note(
	    ctl, "nothing was restarted; to make it count: postfix -c %s reload", f->directory);
}

/* ---- show ---- */

/* Our services, where their names or ports are taken: said before anything is planned. */
static int refuse_conflict(const struct postfix_files *f)
{
	struct master_service s;

	if (f->names.split.n == 0 ||
	    !hookup_split_conflict(buf_span(&f->master), f->names.split, &s))
		return EX_OK;
	ctl_error("%s: line %u: the service %.*s has the port of %.*s; give another with "
		  "--split=PORT",
	    f->master_path, s.line, SPAN_ARG(s.name), SPAN_ARG(f->names.split));
	return EX_CONFIG;
}

static int load(struct ctl *ctl, const struct grammar_match *match, struct postfix_files *f)
{
	int status = postfix_files_load(ctl, f);

	if (status == EX_OK && grammar_has(match, "split"))
		status = postfix_files_ask_split(ctl, f, grammar_value(match, "split"));
	return status == EX_OK ? refuse_conflict(f) : status;
}

static int plan_attach(const struct postfix_files *f, struct hookup *h)
{
	enum err e = hookup_init(h, buf_span(&f->main), buf_span(&f->master));

	if (e == ERR_OK)
		e = hookup_attach(h, &f->names, buf_span(&f->defaults));
	if (e == ERR_OK)
		return EX_OK;
	ctl_error("%s: nothing was changed: %s", f->directory, err_text(e));
	return EX_OSERR;
}

int cmd_postfix_show(struct ctl *ctl, const struct grammar_match *match)
{
	struct postfix_files f = { 0 };
	struct hookup h = { 0 };
	int status = load(ctl, match, &f);

	if (status != EX_OK)
		goto out;
	status = plan_attach(&f, &h);
	if (status != EX_OK)
		goto out;
	if (h.changes == NULL)
		ctl_note(ctl, "%s: all of it is there already", f.directory);
	status = print_plan(ctl, &f, &h);
out:
	hookup_deinit(&h);
	postfix_files_free(&f);
	return status;
}

/* ---- enable ---- */

/* What enabling cannot repair stops it: the mail would not be signed. */
static int refuse_bad_chain(const struct postfix_files *f)
{
	struct findings findings;
	int status;

	if (!findings_init(&findings)) {
		ctl_error("%s", err_text(ERR_NOMEM));
		return EX_OSERR;
	}
	status = postfix_files_inspect(f, &findings);
	for (const struct finding *one = findings.first; status == EX_OK && one != NULL;
	     one = one->next) {
		if (one->severity != SEVERITY_ERROR)
			continue;
		ctl_error("%.*s: %.*s (%.*s)", SPAN_ARG(one->subject), SPAN_ARG(one->fact),
		    SPAN_ARG(one->fix));
	}
	if (status == EX_OK && findings.errors > 0)
		status = EX_CONFIG;
	findings_deinit(&findings);
	return status;
}

/* After writing: postfix check, and our own rules. Puts the files back when either objects. */
static int prove(struct ctl *ctl, const struct postfix_files *f)
{
	int status = postfix_files_check(ctl, f);

	if (status == EX_OK)
		status = refuse_bad_chain(f);
	return status;
}

static int write_plan(struct ctl *ctl, struct postfix_files *f, struct hookup *h)
{
	int status = postfix_files_keep(f);

	if (status != EX_OK)
		return status;
	status = postfix_files_write(f, buf_span(&h->main), buf_span(&h->master));
	if (status == EX_OK)
		status = prove(ctl, f);
	if (status != EX_OK) {
		postfix_files_roll_back(f);
		ctl_error("%s: nothing was changed", f->directory);
		return status;
	}
	return postfix_files_remember(f, buf_span(&h->main), buf_span(&h->master));
}

int cmd_postfix_enable(struct ctl *ctl, const struct grammar_match *match)
{
	struct postfix_files f = { 0 };
	struct hookup h = { 0 };
	int status = load(ctl, match, &f);

	if (status != EX_OK)
		goto out;
	status = plan_attach(&f, &h);
	if (status != EX_OK)
		goto out;
	if (grammar_has(match, "dry-run")) {
		status = print_diff(ctl, &f, &h);
		goto out;
	}
	if (h.changes == NULL) {
		ctl_note(ctl, "%s: all of it is there already", f.directory);
		status = EX_OK;
		goto out;
	}
	status = write_plan(ctl, &f, &h);
	if (status == EX_OK)
		status = print_plan(ctl, &f, &h);
	if (status == EX_OK)
		say_reload(ctl, &f);
out:
	hookup_deinit(&h);
	postfix_files_free(&f);
	return status;
}

/* ---- disable ---- */

/* The texts to go back to: the copies when the files are as enable left them, else the present
 * ones without our pieces. */
static enum err plan_detach(const struct postfix_files *f, struct hookup *h, bool *exact_r)
{
	*exact_r = f->unchanged;
	if (f->unchanged)
		return hookup_init(h, buf_span(&f->kept_main), buf_span(&f->kept_master));
	if (hookup_init(h, buf_span(&f->main), buf_span(&f->master)) != ERR_OK)
		return ERR_NOMEM;
	return hookup_detach(h, &f->names, buf_span(&f->kept_main), buf_span(&f->kept_master),
	    buf_span(&f->defaults));
}

int cmd_postfix_disable(struct ctl *ctl, const struct grammar_match *match)
{
	struct postfix_files f = { 0 };
	struct hookup h = { 0 };
	bool exact = false;
	int status = postfix_files_load(ctl, &f);

	if (status != EX_OK)
		goto out;
	status = EX_OSERR;
	if (plan_detach(&f, &h, &exact) != ERR_OK)
		goto out;
	if (grammar_has(match, "dry-run")) {
		status = print_diff(ctl, &f, &h);
		goto out;
	}
	if (span_eq(buf_span(&h.main), buf_span(&f.main)) &&
	    span_eq(buf_span(&h.master), buf_span(&f.master))) {
		ctl_note(ctl, "%s: nothing of ours is there", f.directory);
		status = postfix_files_forget(&f, exact);
		goto out;
	}
	status = postfix_files_write(&f, buf_span(&h.main), buf_span(&h.master));
	if (status == EX_OK)
		status = postfix_files_check(ctl, &f);
	if (status != EX_OK) {
		postfix_files_roll_back(&f);
		ctl_error("%s: nothing was changed", f.directory);
		goto out;
	}
	status = postfix_files_forget(&f, exact);
	if (exact)
		ctl_note(ctl,
		    "%s: main.cf and master.cf are again as they were, octet for octet",
		    f.directory);
	else
		ctl_note(ctl,
		    "%s: the files were edited since (or are not known), so only our pieces "
		    "were taken out",
		    f.directory);
	say_reload(ctl, &f);
out:
	hookup_deinit(&h);
	postfix_files_free(&f);
	return status;
}

/* ---- check ---- */

int cmd_postfix_check(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	struct postfix_files f = { 0 };
	struct findings findings = { 0 };
	struct report *report = NULL;
	int status = postfix_files_load(ctl, &f);

	if (status != EX_OK)
		goto out;
	report = report_new();
	if (report == NULL || !findings_init(&findings)) {
		status = EX_OSERR;
		goto out;
	}
	status = postfix_files_inspect(&f, &findings);
	if (status != EX_OK)
		goto out;
	if (findings.first == NULL)
		ctl_note(ctl, "%s: nothing to object to", f.directory);
	findings_report(&findings, false, report);
	status = ctl_print(ctl, &report);
	if (status == EX_OK)
		status = findings_status(&findings);
out:
	report_free(&report);
	findings_deinit(&findings);
	postfix_files_free(&f);
	return status;
}
