/* cmd_plugin - "plugin": what the configuration names, whether it would be loaded (the milter
 * itself says so, as its own user), and which are left out at the next start. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "file.h"
#include "plugin.h"
#include "process.h"

static const struct plugin_setting *find(const struct provider *p, const char *name)
{
	for (size_t i = 0; i < p->plugin_count; i++)
		if (strcmp(p->plugins[i].name, name) == 0)
			return &p->plugins[i];
	return NULL;
}

/* The setting that the first slot names; NULL after words. */
static const struct plugin_setting *named(struct ctl *ctl, const char *name, int *status_r)
{
	const struct plugin_setting *found = NULL;

	*status_r = ctl_load_provider(ctl);
	if (*status_r != EX_OK)
		return NULL;
	found = find(ctl_provider(ctl), name);
	if (found == NULL) {
		ctl_error("the configuration has no plug-in \"%s\"", name);
		*status_r = EX_NOINPUT;
	}
	return found;
}

/* ---- list ---- */

int cmd_plugin_list(struct ctl *ctl, const struct grammar_match *match)
{
	static const char *const columns[] = { "name", "state", "failure", "file" };
	const struct provider *p;
	struct report *report;
	struct report_table *t;
	int status = ctl_load_provider(ctl);

	(void)match;
	if (status != EX_OK)
		return status;
	p = ctl_provider(ctl);
	report = report_new();
	t = report != NULL ? report_table(report, "plugins") : NULL;
	if (t == NULL) {
		report_free(&report);
		return EX_OSERR;
	}
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		report_column(t, span_cstr(columns[i]), CELL_TEXT);
	for (size_t i = 0; i < p->plugin_count; i++) {
		const struct plugin_setting *s = &p->plugins[i];
		const struct span cells[] = { span_cstr(s->name),
			plugin_is_off(p, s->name) ? SPAN("disabled") : SPAN("enabled"),
			s->must ? SPAN("tempfail") : SPAN("skip"), span_cstr(s->file) };

		report_row(t, cells, ARRAY_SIZE(cells));
	}
	status = ctl_print(ctl, &report);
	report_free(&report);
	return status;
}

/* ---- verify ---- */

static int ask(const struct ctl *ctl, struct buf *answer)
{
	struct buf errors = BUF_INIT(65536);
	char program[4200];
	const char *argv[] = { program, "plugins", ctl->config_file, NULL };
	int exit_status = 0, status = EX_UNAVAILABLE;
	enum err e;

	if (!process_find("penguin-milter", program, sizeof program)) {
		ctl_error("penguin-milter is not installed");
		return status;
	}
	e = process_run(argv, SPAN(""), answer, &errors, &exit_status);
	status = e == ERR_OK ? exit_status : EX_OSERR;
	if (e != ERR_OK)
		ctl_error("%s: %s", program, err_text(e));
	else if (errors.n > 0)
		fputs(buf_cstr(&errors), stderr);
	buf_free(&errors);
	return status;
}

static int put_answer(struct ctl *ctl, const char *only, struct span text)
{
	struct report *report = report_new();
	struct report_table *t = report != NULL ? report_table(report, "plugins") : NULL;
	struct span line;
	int status = EX_OK, printed;

	if (t == NULL) {
		report_free(&report);
		return EX_OSERR;
	}
	report_column(t, SPAN("name"), CELL_TEXT);
	report_column(t, SPAN("verdict"), CELL_STATE);
	report_column(t, SPAN("text"), CELL_TEXT);
	while (span_next(&text, '\n', &line)) {
		struct span cells[3] = { { "", 0 } };

		for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
			(void)span_next(&line, '\t', &cells[i]);
		if (only != NULL && !span_eq(cells[0], span_cstr(only)))
			continue;
		report_row(t, cells, ARRAY_SIZE(cells));
		if (span_eq(cells[1], SPAN("error")))
			status = EX_CONFIG;
	}
	printed = ctl_print(ctl, &report);
	report_free(&report);
	return printed != EX_OK ? printed : status;
}

int cmd_plugin_verify(struct ctl *ctl, const struct grammar_match *match)
{
	const char *only = grammar_slot(match, 0);
	struct buf answer = BUF_INIT(1024 * 1024);
	int status = ctl_load_provider(ctl);

	if (status == EX_OK && only != NULL)
		(void)named(ctl, only, &status);
	if (status == EX_OK)
		status = ask(ctl, &answer);
	if (status == EX_OK)
		status = put_answer(ctl, only, buf_span(&answer));
	buf_free(&answer);
	return status;
}

/* ---- enable, disable ---- */

static int turn(struct ctl *ctl, const char *name, bool on)
{
	char path[PLUGIN_OFF_PATH_MAX], *slash;
	int status = EX_OK;
	enum err e = ERR_OK;

	if (named(ctl, name, &status) == NULL)
		return status;
	if (!plugin_off_path(ctl_provider(ctl), name, path))
		return EX_CONFIG;
	slash = strrchr(path, '/');
	if (on) {
		if (unlink(path) != 0 && errno != ENOENT)
			e = err_from_errno(errno);
	} else {
		*slash = '\0';
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			e = err_from_errno(errno);
		*slash = '/';
		if (e == ERR_OK)
			e = file_replace(path, SPAN("penguinctl plugin disable\n"), NULL);
	}
	if (e != ERR_OK) {
		ctl_error("%s: %s", path, err_text(e));
		return e == ERR_DENIED ? EX_NOPERM : EX_CANTCREAT;
	}
	ctl_note(ctl, "%s is %s from the next start of penguin-milter on", name,
	    on ? "loaded" : "left out");
	return EX_OK;
}

int cmd_plugin_enable(struct ctl *ctl, const struct grammar_match *match)
{
	return turn(ctl, grammar_slot(match, 0), true);
}

int cmd_plugin_disable(struct ctl *ctl, const struct grammar_match *match)
{
	return turn(ctl, grammar_slot(match, 0), false);
}
