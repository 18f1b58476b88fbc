/* cmd_daemon - commands that ask penguin-policyd one thing and print the answer: status, reload,
 * explain, db; and "config show", which asks nobody. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "control_wire.h"
#include "net.h"
#include "progress.h"

#define REQUEST_MAX       65536
#define SHOW_MAX          ((size_t)16 << 20)
#define LONG_TIMEOUT_S    (6 * 3600) /* a copy or a proof of a large store */
#define MILTER_CONNECT_MS 2000

int cmd_config_show(struct ctl *ctl, const struct grammar_match *match)
{
	struct buf text = BUF_INIT(SHOW_MAX);
	int status = ctl_load_provider(ctl);

	if (status == EX_OK) {
		snapshot_show(ctl->provider, grammar_has(match, "changed"), &text);
		if (ctl->style.format == REPORT_JSON) {
			struct report *report = report_new();

			if (report != NULL)
				report_field(report, "config", CELL_TEXT, buf_span(&text));
			status = ctl_print(ctl, &report);
		} else {
			fputs(buf_cstr(&text), stdout);
		}
	}
	buf_free(&text);
	return status;
}

/* A verb without arguments whose answer is a list of values. */
static int ask(struct ctl *ctl, const char *verb, int64_t timeout_s,
    const struct client_tick *tick, struct report *report, struct attr_request *reply_r)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	int status;

	client_begin(&request, verb);
	status = ctl_call(ctl, &request, timeout_s, tick, reply_r);
	if (status == EX_OK)
		ctl_fields(report, reply_r);
	buf_free(&request);
	return status;
}

int cmd_status(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	struct report *report = report_new();
	struct attr_request reply;
	int status = EX_OSERR;

	if (report != NULL)
		status = ask(ctl, CONTROL_STATUS, CTL_TIMEOUT_S, NULL, report, &reply);
	if (status == EX_OK)
		status = ctl_print(ctl, &report);
	report_free(&report);
	return status;
}

/* ---- reload ---- */

/* The milter has no control socket: it reloads on SIGUSR1 (libmilter keeps SIGHUP to itself). Its
 * process is the one that listens on its socket; the name is looked at, because the signal would
 * end any other program. */
static void reload_milter(struct ctl *ctl)
{
	const struct provider *p;
	struct net_address address;
	char error[512], path[64], name[32] = "";
	pid_t pid = 0;
	uid_t uid;
	gid_t gid;
	int fd = -1, proc;

	if (ctl->socket != NULL || ctl_load_provider(ctl) != EX_OK)
		return;
	p = ctl_provider(ctl);
	if (net_parse(span_cstr(p->milter.listen), p->postfix.queue_directory, &address, error,
		sizeof error) == ERR_OK &&
	    net_connect(&address, MILTER_CONNECT_MS, &fd, error, sizeof error) == ERR_OK) {
		(void)net_peer(fd, &uid, &gid, &pid);
		close(fd);
	}
	if (pid > 0) {
		(void)snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
		proc = open(path, O_RDONLY | O_CLOEXEC);
		if (proc >= 0) {
			ssize_t n = read(proc, name, sizeof name - 1);

			name[n > 0 ? n : 0] = '\0';
			close(proc);
		}
	}
	if (strncmp(name, "penguin-milter", 14) == 0 && kill(pid, SIGUSR1) == 0)
		ctl_note(ctl, "penguin-milter (pid %ld) was told to reload", (long)pid);
	else
		ctl_note(ctl, "penguin-milter was not told; send it SIGUSR1 "
			      "(systemctl reload penguin-milter)");
}

int daemons_reload(struct ctl *ctl)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	int status;

	client_begin(&request, CONTROL_RELOAD);
	status = ctl_call(ctl, &request, 10 * CTL_TIMEOUT_S, NULL, &reply);
	buf_free(&request);
	/* The milter signs, and has to know, whatever the other says. */
	reload_milter(ctl);
	return status;
}

int cmd_reload(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct report *report = report_new();
	struct report_table *lines = NULL;
	struct attr_request reply = { .count = 0 };
	int status = EX_OSERR;

	if (report == NULL)
		goto out;
	client_begin(&request, CONTROL_RELOAD);
	status = ctl_call(ctl, &request, 10 * CTL_TIMEOUT_S, NULL, &reply);
	ctl_fields(report, &reply);
	for (size_t i = 0; i < reply.count; i++) {
		struct span line = reply.at[i].value;

		if (!ctl_numbered(reply.at[i].name, "line"))
			continue;
		if (lines == NULL) {
			lines = report_table(report, "lines");
			report_column(lines, SPAN("line"), CELL_TEXT);
		}
		report_row(lines, &line, 1);
	}
	if (reply.count > 0) {
		int printed = ctl_print(ctl, &report);

		status = status == EX_OK ? printed : status;
	}
	if (status == EX_OK)
		reload_milter(ctl);
	else if (status == EX_DATAERR)
		status = EX_CONFIG;
out:
	report_free(&report);
	buf_free(&request);
	return status;
}

/* ---- explain ---- */

int cmd_explain(struct ctl *ctl, const struct grammar_match *match)
{
	const char *size = grammar_slot(match, 3);
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct report *report = report_new();
	struct report_table *buckets;
	struct attr_request reply;
	struct span names, name;
	int status = EX_OSERR;
	uint64_t octets;

	if (report == NULL)
		goto out;
	status = EX_USAGE;
	if (size != NULL && !span_u64(span_cstr(size), &octets)) {
		ctl_error("\"%s\" is no size in octets", size);
		goto out;
	}
	client_begin(&request, CONTROL_EXPLAIN);
	attr_put(&request, "login", span_cstr(grammar_slot(match, 0)));
	attr_put(&request, "client_address", SPAN(""));
	attr_put(&request, "sender", span_cstr(grammar_slot(match, 1)));
	attr_put(&request, "recipient", span_cstr(grammar_slot(match, 2)));
	attr_put(&request, "size", span_cstr(size != NULL ? size : "0"));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	if (status != EX_OK)
		goto out;
	ctl_fields(report, &reply);
	buckets = report_table(report, "buckets");
	names = attr_get(&reply, SPAN("columns"));
	while (span_next(&names, span_find(names, '\t', 0) < names.n ? '\t' : ' ', &name))
		report_column(buckets, name, report_kind(name));
	ctl_rows(buckets, &reply);
	status = ctl_print(ctl, &report);
out:
	report_free(&report);
	buf_free(&request);
	return status;
}

/* ---- db ---- */

struct copying {
	struct progress progress;
	char file[4200];
	uint64_t total;
};

static void show_copying(void *context)
{
	struct copying *c = context;
	struct stat st;
	uint64_t done = stat(c->file, &st) == 0 ? (uint64_t)st.st_size : 0;

	progress_update(&c->progress, done, done > 0 ? c->total : 0, 0);
}

/* How large the copy will be, for the progress line; 0 when not told. */
static uint64_t store_octets(struct ctl *ctl)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	uint64_t octets = 0;

	client_begin(&request, CONTROL_STATUS);
	if (ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply) == EX_OK)
		(void)span_u64(attr_get(&reply, SPAN("store_octets")), &octets);
	buf_free(&request);
	return octets;
}

/* The daemon's working directory is not ours: the name it gets is absolute. */
static bool absolute(const char *name, char out[4096])
{
	char here[4096];

	if (name[0] == '/')
		return (size_t)snprintf(out, 4096, "%s", name) < 4096;
	return getcwd(here, sizeof here) != NULL &&
	       (size_t)snprintf(out, 4096, "%s/%s", here, name) < 4096;
}

int cmd_db_backup(struct ctl *ctl, const struct grammar_match *match)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct report *report = report_new();
	struct attr_request reply;
	struct copying copying = { .total = 0 };
	struct client_tick tick = { show_copying, &copying };
	char directory[4096];
	int status = EX_OSERR;

	if (report == NULL)
		goto out;
	status = EX_USAGE;
	if (!absolute(grammar_slot(match, 0), directory)) {
		ctl_error("the name of the directory is too long");
		goto out;
	}
	(void)snprintf(copying.file, sizeof copying.file, "%s/data.mdb", directory);
	status = ctl_connect(ctl);
	if (status != EX_OK)
		goto out;
	if (ctl->progress && isatty(STDERR_FILENO) == 1)
		copying.total = store_octets(ctl);
	client_begin(&request, CONTROL_DB_BACKUP);
	attr_put(&request, "directory", span_cstr(directory));
	progress_start(&copying.progress, "copying", ctl->progress);
	status = ctl_call(ctl, &request, LONG_TIMEOUT_S, &tick, &reply);
	progress_end(&copying.progress);
	if (status != EX_OK)
		goto out;
	report_field(report, "directory", CELL_TEXT, span_cstr(directory));
	ctl_fields(report, &reply);
	status = ctl_print(ctl, &report);
out:
	report_free(&report);
	buf_free(&request);
	return status;
}

static void show_working(void *context)
{
	progress_update(context, 0, 0, 0);
}

int cmd_db_verify(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	struct report *report = report_new();
	struct attr_request reply;
	struct progress progress;
	struct client_tick tick = { show_working, &progress };
	uint64_t damaged = 0;
	int status = EX_OSERR;

	if (report == NULL)
		return status;
	progress_start(&progress, "reading", ctl->progress);
	status = ask(ctl, CONTROL_DB_VERIFY, LONG_TIMEOUT_S, &tick, report, &reply);
	progress_end(&progress);
	if (status == EX_OK) {
		(void)span_u64(attr_get(&reply, SPAN("damaged")), &damaged);
		status = ctl_print(ctl, &report);
		if (status == EX_OK && damaged > 0)
			status = EX_DATAERR;
	}
	report_free(&report);
	return status;
}
