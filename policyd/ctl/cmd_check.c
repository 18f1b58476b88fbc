/* cmd_check - "check": lets both daemons prove the configuration and their keys (their own -n),
 * tries the sockets the way Postfix will, and looks through Postfix's settings. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "net.h"
#include "postfix_files.h"
#include "process.h"
#include "warmup.h"

#define OUTPUT_MAX      ((size_t)16 << 20)
#define CONNECT_TIME_MS 3000

/* ---- the daemons' own checks ---- */

/* "FILE:LINE: error: TEXT" => severity, place, text; else the whole line is the text. */
static enum severity split_report_line(struct span *line_io, struct span *place_r)
{
	static const struct {
		struct span mark;
		enum severity severity;
	} marks[] = {
		{ { ": error: ", 9 }, SEVERITY_ERROR },
		{ { ": warning: ", 11 }, SEVERITY_WARNING },
	};

	for (size_t at = 0; at < line_io->n; at++) {
		for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
			if (!span_starts(span_from(*line_io, at), marks[i].mark))
				continue;
			*place_r = span_head(*line_io, at);
			*line_io = span_from(*line_io, at + marks[i].mark.n);
			return marks[i].severity;
		}
	}
	return SEVERITY_OK;
}

static void take_report(struct findings *f, struct span text)
{
	struct span line, place;

	while (span_next(&text, '\n', &line)) {
		enum severity severity = split_report_line(&line, &place);

		if (severity != SEVERITY_OK)
			findings_add(f, severity, place, NULL, "%.*s", SPAN_ARG(line));
	}
}

/* Runs "DAEMON -n -c FILE". Its report lines become findings; a failure without one becomes a
 * finding too, with the last thing it said. */
static void check_daemon(struct ctl *ctl, const char *name, struct findings *f)
{
	const char *argv[] = { NULL, "-n", "-c", ctl->config_file, NULL };
	struct buf output = BUF_INIT(OUTPUT_MAX);
	unsigned errors = f->errors;
	int status = 0;
	char path[4200];
	enum err e;

	if (!process_find(name, path, sizeof path)) {
		findings_add(f, SEVERITY_WARNING, span_cstr(name), "install it, or run its -n",
		    "the program was not found, so its check did not run");
		return;
	}
	argv[0] = path;
	e = process_run(argv, SPAN(""), &output, &output, &status);
	if (e != ERR_OK) {
		findings_add(
		    f, SEVERITY_ERROR, span_cstr(name), NULL, "%s: %s", path, err_text(e));
		goto out;
	}
	take_report(f, buf_span(&output));
	if (status != 0 && f->errors == errors) {
		struct span rest = span_trim(buf_span(&output)), line, last = SPAN("");

		while (span_next(&rest, '\n', &line))
			last = line;
		/* Errors that both daemons report are kept once, under the first. */
		if (f->errors == 0 || status != EX_CONFIG)
			findings_add(f, SEVERITY_ERROR, span_cstr(name), NULL,
			    "its check ended with status %d: %.*s", status, SPAN_ARG(last));
	} else if (status == 0) {
		findings_add(f, SEVERITY_OK, span_cstr(name), NULL, "configuration is proved");
	}
out:
	buf_free(&output);
}

/* ---- sockets ---- */

struct visitor {
	const char *chroot; /* NULL: no change of root */
	const char *user;   /* NULL: as we are */
	uid_t uid;
	gid_t gid;
};

/* In a child: becomes what an smtpd process is, and connects. The exit status is an errno. */
static int visit(
    const struct visitor *v, const struct net_address *address, const char *base, bool relative)
{
	struct net_address inside = *address;
	size_t n = strlen(base);
	char error[512];
	int fd;

	if (v->user != NULL && initgroups(v->user, v->gid) < 0)
		return errno;
	if (v->chroot != NULL && (chroot(v->chroot) < 0 || chdir("/") < 0))
		return errno;
	if (v->user != NULL && (setgid(v->gid) < 0 || setuid(v->uid) < 0))
		return errno;
	if (v->chroot != NULL && relative && strncmp(inside.path, base, n) == 0)
		memmove(inside.path, inside.path + n, strlen(inside.path + n) + 1);
	errno = 0;
	if (net_connect(&inside, CONNECT_TIME_MS, &fd, error, sizeof error) != ERR_OK)
		return errno != 0 ? errno : ECONNREFUSED;
	close(fd);
	return 0;
}

static int visit_in_child(
    const struct visitor *v, const struct net_address *address, const char *base, bool relative)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int e = visit(v, address, base, relative);

		_exit(e < 255 ? e : 255);
	}
	if (pid < 0)
		return errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static const char *cure_for(int error_number, bool relative)
{
	switch (error_number) {
	case ENOENT:
		return relative ? "start the daemon; it makes the socket"
				: "start the daemon, or use a name below the queue directory";
	case ECONNREFUSED: return "start the daemon";
	case EACCES:
	case EPERM: return "the socket's directory: owner the daemon, group postfix, mode 2750";
	default: return "see the daemon's log";
	}
}

static void check_socket(struct ctl *ctl, const char *program, const char *name,
    const struct visitor *v, struct findings *f)
{
	const char *base = ctl_provider(ctl)->postfix.queue_directory;
	struct net_address address;
	char error[512];
	bool relative;
	int e;

	if (net_parse(span_cstr(name), base, &address, error, sizeof error) != ERR_OK) {
		findings_add(f, SEVERITY_ERROR, span_cstr(name), NULL, "%s", error);
		return;
	}
	relative = address.is_unix && strncmp(name, "unix:/", 6) != 0 && name[0] != '/';
	e = visit_in_child(v, &address, base, relative);
	if (e == 0)
		findings_add(f, SEVERITY_OK, span_cstr(name), NULL, "%s answers %s%s", program,
		    v->user != NULL ? v->user : "us",
		    v->chroot != NULL ? " from the chroot" : "");
	else
		findings_add(f, SEVERITY_ERROR, span_cstr(name), cure_for(e, relative),
		    "%s cannot be reached as %s%s: %s", program,
		    v->user != NULL ? v->user : "ourselves",
		    v->chroot != NULL ? " from the chroot" : "", strerror(e));
}

/* Postfix's user, from its own configuration. */
static bool postfix_user(const struct postfix_files *files, char *user, size_t size)
{
	const char *argv[] = { "postconf", "-c", files->directory, "-xh", "mail_owner", NULL };
	struct buf output = BUF_INIT(4096), errors = BUF_INIT(4096);
	int status = 0;
	bool ok = process_run(argv, SPAN(""), &output, &errors, &status) == ERR_OK &&
		  status == 0 && span_copy(span_trim(buf_span(&output)), user, size) &&
		  user[0] != '\0';

	buf_free(&output);
	buf_free(&errors);
	return ok;
}

static void check_sockets(
    struct ctl *ctl, const struct postfix_files *files, struct findings *f)
{
	const struct provider *p = ctl_provider(ctl);
	struct visitor v = { 0 };
	const struct passwd *entry;
	char user[64];

	if (geteuid() != 0) {
		findings_add(f, SEVERITY_OK, SPAN("sockets"), NULL,
		    "tried as ourselves; only root can try them as Postfix's user");
	} else if (!postfix_user(files, user, sizeof user) ||
		   (entry = getpwnam(user)) == NULL) {
		findings_add(f, SEVERITY_ERROR, SPAN("sockets"), NULL,
		    "Postfix's user (mail_owner) is not known");
	} else {
		v.user = user;
		v.uid = entry->pw_uid;
		v.gid = entry->pw_gid;
		if (inspect_is_chrooted(buf_span(&files->master)))
			v.chroot = p->postfix.queue_directory;
	}
	check_socket(ctl, "penguin-policyd", p->policyd.policy, &v, f);
	check_socket(ctl, "penguin-milter", p->milter.listen, &v, f);
}

/* ---- warm-up ---- */

static void check_plan(const struct warmup_plans *plans, const char *plan, const char *whose,
    const char *name, struct findings *f)
{
	if (plan != NULL && warmup_find(plans, span_cstr(plan)) == NULL)
		findings_add(f, SEVERITY_ERROR, span_cstr(name), "warmup",
		    "there is no plan \"%s\": mail of this %s waits", plan, whose);
}

static bool anybody_warms(const struct snapshot *s)
{
	const struct provider *p = snapshot_provider(s);
	bool any = false;

	for (size_t i = 0; i < p->source_count; i++)
		any = any || p->sources[i].warmup != NULL;
	for (size_t i = 0; i < snapshot_tenant_count(s) && !any; i++) {
		const struct tenant *t = snapshot_tenant(s, i);

		for (size_t k = 0; k < t->stream_count; k++)
			any = any || t->streams[k].warmup != NULL;
	}
	return any;
}

static void check_warmup(const struct snapshot *s, struct findings *f)
{
	const struct provider *p = snapshot_provider(s);
	struct warmup_plans *plans = NULL;
	char error[512];

	if (!anybody_warms(s))
		return;
	if (warmup_read(p->warmup, &plans, error, sizeof error) != ERR_OK)
		findings_add(f, SEVERITY_ERROR, span_cstr(p->warmup), NULL, "%s", error);
	if (p->feedback.log[0] == '\0')
		findings_add(f, SEVERITY_WARNING, span_cstr("feedback.log"), "log",
		    "warm-up does not go on without the mail log");
	for (size_t i = 0; i < p->source_count; i++)
		check_plan(plans, p->sources[i].warmup, "source", p->sources[i].name, f);
	for (size_t i = 0; i < snapshot_tenant_count(s); i++) {
		const struct tenant *t = snapshot_tenant(s, i);

		for (size_t k = 0; k < t->stream_count; k++)
			check_plan(plans, t->streams[k].warmup, "tenant's stream", t->name, f);
	}
	warmup_free(&plans);
}

/* ---- all of it ---- */

static int check_all(struct ctl *ctl, struct findings *f)
{
	struct config_report report = { .text = BUF_INIT(OUTPUT_MAX) };
	struct postfix_files files = { 0 };
	enum err e = snapshot_load(ctl->config_file, NULL, &report, &ctl->snapshot);
	int status = EX_OK;

	take_report(f, buf_span(&report.text));
	buf_free(&report.text);
	if (e != ERR_OK) {
		if (f->errors == 0)
			findings_add(f, SEVERITY_ERROR, span_cstr(ctl->config_file), NULL, "%s",
			    err_text(e));
		return EX_OK;
	}
	check_warmup(ctl->snapshot, f);
	check_daemon(ctl, "penguin-policyd", f);
	check_daemon(ctl, "penguin-milter", f);
	status = postfix_files_load(ctl, &files);
	if (status == EX_OK) {
		check_sockets(ctl, &files, f);
		status = postfix_files_inspect(&files, f);
	}
	if (status != EX_OK) {
		findings_add(f, SEVERITY_ERROR, span_cstr(files.directory),
		    "postfix.config_directory", "Postfix's configuration could not be read");
		status = EX_OK;
	}
	postfix_files_free(&files);
	return status;
}

int cmd_check(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	struct report *report = report_new();
	struct findings findings;
	int status = EX_OSERR;

	if (report == NULL || !findings_init(&findings))
		goto out;
	status = check_all(ctl, &findings);
	if (status == EX_OK) {
		findings_report(&findings, !ctl->quiet, report);
		status = ctl_print(ctl, &report);
	}
	if (status == EX_OK) {
		ctl_note(ctl, "%u errors, %u warnings", findings.errors, findings.warnings);
		status = findings_status(&findings);
	}
	findings_deinit(&findings);
out:
	report_free(&report);
	return status;
}
