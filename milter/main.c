/* main - penguin-milter's life: options, configuration, (report and exit), ids, socket, ready,
 * serve, stop. Knows no mail. */
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon.h"
#include "glue.h"
#include "hooks.h"
#include "log.h"
#include "net.h"
#include "settings.h"
#include "shared.h"
#include "trial.h"

#define PROGRAM "penguin-milter"
#define DRAIN_S 30 /* how long a stop waits for messages at their end */

struct reloader {
	struct shared *shared;
	pthread_t thread;
	bool running;
	atomic_bool stopping;
};

static void print_report(const struct config_report *report, FILE *out)
{
	struct span text = buf_span(&report->text);

	if (text.n > 0)
		fwrite(text.p, 1, text.n, out);
}

static void log_report(const struct config_report *report)
{
	struct span rest = buf_span(&report->text), line;

	while (span_next(&rest, '\n', &line))
		if (line.n > 0)
			log_text(LOG_LEVEL_WARNING, "%.*s", SPAN_ARG(line));
}

/* ---- who will we be? ---- */

static bool find_user(const char *name, uid_t *uid_r, gid_t *gid_r)
{
	const struct passwd *p;
	uint64_t number;

	*uid_r = geteuid();
	*gid_r = getegid();
	if (geteuid() != 0 || name == NULL || name[0] == '\0')
		return true;
	if (span_u64(span_cstr(name), &number)) {
		*uid_r = (uid_t)number;
		p = getpwuid(*uid_r);
		*gid_r = p != NULL ? p->pw_gid : (gid_t)number;
		return true;
	}
	p = getpwnam(name);
	if (p == NULL)
		return false;
	*uid_r = p->pw_uid;
	*gid_r = p->pw_gid;
	return true;
}

static bool find_group(const char *name, gid_t *gid_io)
{
	const struct group *g;
	uint64_t number;

	if (geteuid() != 0 || name == NULL || name[0] == '\0')
		return true;
	if (span_u64(span_cstr(name), &number)) {
		*gid_io = (gid_t)number;
		return true;
	}
	g = getgrnam(name);
	if (g == NULL)
		return false;
	*gid_io = g->gr_gid;
	return true;
}

/* ---- -n ---- */

/* As the user that the daemon has: their constructors run. */
static size_t prove_all_plugins(const struct provider *p, struct buf *text)
{
	struct buf answers = BUF_INIT(1024 * 1024);
	uid_t owner = geteuid();
	struct span rest, line;
	size_t failed = 0;
	char error[512];

	if (p->plugin_count == 0)
		return 0;
	if (daemon_drop_privileges(p->milter.user, p->milter.group, error, sizeof error) !=
	    ERR_OK) {
		buf_printf(text, "%s: error: %s\n", p->file, error);
		return 1;
	}
	plugins_prove(p, owner, &answers);
	rest = buf_span(&answers);
	while (span_next(&rest, '\n', &line)) {
		struct span name = SPAN(""), word = SPAN("");

		(void)span_next(&line, '\t', &name);
		(void)span_next(&line, '\t', &word);
		if (!span_eq(word, SPAN("error")))
			continue;
		buf_printf(text, "%s: error: plug-in %.*s: %.*s\n", p->file, SPAN_ARG(name),
		    SPAN_ARG(line));
		failed++;
	}
	buf_free(&answers);
	return failed;
}

static int report_and_exit(const struct snapshot *s, struct config_report *report)
{
	const struct provider *p = snapshot_provider(s);
	struct keys *keys;
	size_t failed = 0;
	uid_t uid;
	gid_t gid;

	if (!find_user(p->milter.user, &uid, &gid) || !find_group(p->milter.group, &gid)) {
		buf_printf(&report->text, "%s: error: milter.user or milter.group is unknown\n",
		    p->file);
		report->errors++;
	} else {
		keys = keys_new(uid, gid, false);
		if (keys == NULL)
			return EX_OSERR;
		failed = keys_prove_all(keys, s, &report->text);
		keys_free(&keys);
	}
	failed += prove_all_plugins(p, &report->text);
	report->errors += (unsigned)failed;
	print_report(report, stderr);
	printf("%s: %u errors, %u warnings, %zu tenants\n", p->file, report->errors,
	    report->warnings, snapshot_tenant_count(s));
	return report->errors > 0 ? EX_CONFIG : EX_OK;
}

/* ---- reload: SIGUSR1, as libmilter takes SIGHUP for itself and stops ---- */

static void own_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
}

/* Blocked in all threads: ours is waited for below, the others by libmilter's signal thread. */
static void block_signals(void)
{
	sigset_t set;

	own_signals(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void reload(struct shared *shared)
{
	struct config_report report = { .text = BUF_INIT(1024 * 1024) };
	enum err e;

	daemon_notify("RELOADING=1");
	e = shared_reload(shared, &report);
	log_report(&report);
	if (e == ERR_OK)
		log_text(LOG_LEVEL_INFO, "configuration loaded again: %u errors, %u warnings",
		    report.errors, report.warnings);
	else
		log_text(LOG_LEVEL_ERROR, "configuration not loaded (%s), the old one stays",
		    err_text(e));
	buf_free(&report.text);
	daemon_notify("READY=1");
}

static void *reload_on_signal(void *context)
{
	struct reloader *r = context;
	sigset_t set;
	int number;

	own_signals(&set);
	while (sigwait(&set, &number) == 0 && !atomic_load(&r->stopping))
		reload(r->shared);
	return NULL;
}

static bool reloader_start(struct reloader *r, struct shared *shared)
{
	r->shared = shared;
	atomic_init(&r->stopping, false);
	r->running = pthread_create(&r->thread, NULL, reload_on_signal, r) == 0;
	return r->running;
}

static void reloader_stop(struct reloader *r)
{
	if (!r->running)
		return;
	atomic_store(&r->stopping, true);
	pthread_kill(r->thread, SIGUSR1);
	pthread_join(r->thread, NULL);
	r->running = false;
}

/* ---- the daemon ---- */

static int complain(const char *what, int status)
{
	log_text(LOG_LEVEL_ERROR, "%s", what);
	fprintf(stderr, PROGRAM ": %s\n", what);
	return status;
}

static int serve(struct shared *shared)
{
	struct reloader reloader = { .running = false };
	int status = EX_OK;

	if (!reloader_start(&reloader, shared))
		return complain("cannot start a thread", EX_OSERR);
	log_text(LOG_LEVEL_INFO, "version %s ready, %s", daemon_version(),
	    shared->cached ? "parsed keys are cached"
			   : "keys are parsed for each message: libopendkim takes text only");
	daemon_ready();
	switch (glue_run(DRAIN_S)) {
	case ERR_OK: break;
	case ERR_TIMEOUT:
		log_text(LOG_LEVEL_WARNING, "stopping with messages under way");
		break;
	default: status = EX_OSERR; break;
	}
	daemon_notify("STOPPING=1");
	reloader_stop(&reloader);
	plugins_stop(shared->plugins);
	log_text(LOG_LEVEL_INFO, "stopped");
	return status;
}

/* Takes the snapshot over. Everything that serve needs is opened here, as the final user. */
static int start(const struct daemon_options *options, struct snapshot *snapshot)
{
	const struct provider *p = snapshot_provider(snapshot);
	/* libmilter's threads may outlive main by a moment: what they use is never freed. */
	static struct shared shared;
	uid_t owner = geteuid(); /* root's, or of who started us: whose plug-ins we trust */
	struct plugins *plugins;
	struct net_address address;
	char error[512];

	block_signals();
	if (net_parse(span_cstr(p->milter.listen), p->postfix.queue_directory, &address, error,
		sizeof error) != ERR_OK) {
		snapshot_unref(&snapshot);
		return complain(error, EX_CONFIG);
	}
	if (daemon_detach(options) != ERR_OK) {
		snapshot_unref(&snapshot);
		return complain("cannot go to the background", EX_OSERR);
	}
	if (daemon_drop_privileges(p->milter.user, p->milter.group, error, sizeof error) !=
	    ERR_OK) {
		snapshot_unref(&snapshot);
		return complain(error, EX_NOPERM);
	}
	if (plugins_load(p, owner, &hooks_host, &plugins, error, sizeof error) != ERR_OK) {
		snapshot_unref(&snapshot);
		return complain(error, EX_CONFIG);
	}
	if (shared_init(&shared, options->config_file, snapshot, geteuid(), getegid(), error,
		sizeof error) != ERR_OK)
		return complain(error, EX_OSERR);
	shared.plugins = plugins;
	if (glue_open(&shared, &address, error, sizeof error) != ERR_OK)
		return complain(error, EX_CANTCREAT);
	return serve(&shared);
}

/* ---- "penguinctl test" ---- */

static bool read_stdin(struct buf *text)
{
	while (buf_reserve(text, 65536)) {
		size_t n = fread(text->p + text->n, 1, 65536, stdin);

		if (n == 0)
			return ferror(stdin) == 0;
		text->n += n;
	}
	return false;
}

/* As the user that the daemon has: a message is read with no other's rights. */
static int trial(const char *config_file, const struct trial *t)
{
	static struct shared shared;
	struct config_report report = { .text = BUF_INIT(1024 * 1024) };
	struct buf message = BUF_INIT(TRIAL_OCTETS_MAX);
	struct snapshot *snapshot = NULL;
	char error[512];
	int status = EX_CONFIG;
	enum err e;

	log_open(PROGRAM, false, LOG_LEVEL_ERROR);
	if (snapshot_load(config_file, NULL, &report, &snapshot) != ERR_OK) {
		print_report(&report, stderr);
		goto out;
	}
	status = EX_NOPERM;
	if (daemon_drop_privileges(snapshot_provider(snapshot)->milter.user,
		snapshot_provider(snapshot)->milter.group, error, sizeof error) != ERR_OK)
		goto say;
	status = EX_OSERR;
	e = shared_init(
	    &shared, config_file, snapshot, geteuid(), getegid(), error, sizeof error);
	snapshot = NULL;
	if (e != ERR_OK)
		goto say;
	status = EX_DATAERR;
	if (!read_stdin(&message)) {
		fprintf(stderr, PROGRAM ": the message cannot be read, or is too big\n");
		goto out;
	}
	status = EX_OK;
	e = trial_run(&shared, t, buf_span(&message), stdout);
	if (e == ERR_OK)
		goto out;
	status = e == ERR_NOTFOUND ? EX_NOINPUT : EX_OSERR;
	(void)snprintf(error, sizeof error, "%s",
	    e == ERR_NOTFOUND ? "no such tenant, or no such stream of it" : err_text(e));
say:
	fprintf(stderr, PROGRAM ": %s\n", error);
out:
	snapshot_unref(&snapshot);
	buf_free(&message);
	buf_free(&report.text);
	return status;
}

/* ---- "penguinctl plugin verify" ---- */

/* As the user that the daemon has: their constructors run. */
static int prove_plugins(const char *config_file)
{
	struct config_report report = { .text = BUF_INIT(1024 * 1024) };
	struct buf out = BUF_INIT(1024 * 1024);
	struct snapshot *snapshot = NULL;
	const struct provider *p;
	uid_t owner = geteuid();
	char error[512];
	int status = EX_CONFIG;

	if (snapshot_load_provider(config_file, &report, &snapshot) != ERR_OK) {
		print_report(&report, stderr);
		goto out;
	}
	p = snapshot_provider(snapshot);
	status = EX_NOPERM;
	if (daemon_drop_privileges(p->milter.user, p->milter.group, error, sizeof error) !=
	    ERR_OK) {
		fprintf(stderr, PROGRAM ": %s\n", error);
		goto out;
	}
	status = EX_OK;
	plugins_prove(p, owner, &out);
	fwrite(buf_span(&out).p, 1, buf_span(&out).n, stdout);
out:
	snapshot_unref(&snapshot);
	buf_free(&out);
	buf_free(&report.text);
	return status;
}

int main(int argc, char **argv)
{
	struct config_report report = { .text = BUF_INIT(1024 * 1024) };
	struct daemon_options options;
	struct snapshot *snapshot = NULL;
	int status;

	if (argc == 3 && strcmp(argv[1], "plugins") == 0)
		return prove_plugins(argv[2]);
	if (argc == 7 && strcmp(argv[1], "trial") == 0)
		return trial(argv[2], &(struct trial){ .tenant = span_cstr(argv[3]),
					  .stream = span_cstr(argv[4]),
					  .sender = span_cstr(argv[5]),
					  .recipient = span_cstr(argv[6]) });
	status = daemon_parse_options(argc, argv, PROGRAM,
	    "checks authors and signs outgoing mail for Postfix", &options);
	if (status >= 0)
		return status;
	log_open(PROGRAM, options.foreground && !options.check_only,
	    options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (snapshot_load(options.config_file, NULL, &report, &snapshot) != ERR_OK) {
		print_report(&report, stderr);
		buf_free(&report.text);
		return complain("configuration cannot be used", EX_CONFIG);
	}
	if (options.check_only) {
		status = report_and_exit(snapshot, &report);
		snapshot_unref(&snapshot);
	} else {
		print_report(&report, stderr);
		status = start(&options, snapshot);
	}
	buf_free(&report.text);
	return status;
}
