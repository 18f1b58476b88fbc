/* main - penguin-web's life: options, configuration, (report and exit), ids, spool, socket, ready,
 * serve, drain, stop. Knows no HTTP. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "daemon.h"
#include "hash.h"
#include "http.h"
#include "log.h"
#include "net.h"

#define PROGRAM "penguin-web"
#define DRAIN_S 10 /* how long a stop waits for requests under way */

/* Everything that lives from start to stop. */
struct web {
	struct site site;
	struct asks *asks;
	struct peers *peers;
	struct http *http;
	int64_t request_timeout_s;
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

static int complain(const char *what, int status)
{
	log_text(LOG_LEVEL_ERROR, "%s", what);
	fprintf(stderr, PROGRAM ": %s\n", what);
	return status;
}

/* ---- -n ---- */

static int report_and_exit(struct snapshot *s, struct config_report *report)
{
	size_t tenants = snapshot_tenant_count(s);
	struct edition *g = NULL;
	char error[512], file[4096];

	snprintf(file, sizeof file, "%s", snapshot_provider(s)->file);
	if (edition_new(s, &g, error, sizeof error) != ERR_OK) {
		buf_printf(&report->text, "%s\n", error);
		report->errors++;
	}
	edition_unref(&g);
	print_report(report, stderr);
	printf("%s: %u errors, %u warnings, %zu tenants\n", file, report->errors,
	    report->warnings, tenants);
	return report->errors > 0 ? EX_CONFIG : EX_OK;
}

/* ---- reload ---- */

static void reload(struct web *w, const char *config_file)
{
	struct config_report report = { .text = BUF_INIT(1024 * 1024) };
	struct edition *before = site_edition(&w->site), *after = NULL;
	struct snapshot *snapshot = NULL;
	char error[512];
	enum err e;

	daemon_notify("RELOADING=1");
	e = snapshot_load(config_file, before->snapshot, &report, &snapshot);
	if (e == ERR_OK) {
		e = edition_new(snapshot, &after, error, sizeof error);
		if (e != ERR_OK)
			buf_printf(&report.text, "%s\n", error);
	}
	log_report(&report);
	if (e == ERR_OK) {
		site_replace(&w->site, after);
		log_text(LOG_LEVEL_INFO, "configuration loaded again: %u errors, %u warnings",
		    report.errors, report.warnings);
	} else {
		log_text(LOG_LEVEL_ERROR, "configuration not loaded (%s), the old one stays",
		    err_text(e));
	}
	edition_unref(&before);
	buf_free(&report.text);
	daemon_notify("READY=1");
}

/* ---- the daemon ---- */

static void own_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

/* Until a signal says stop; now and then peers that take too long are shut down. */
static void wait_for_end(struct web *w, const char *config_file)
{
	const struct timespec tick = { 0, 500 * NS_PER_MS };
	sigset_t set;

	own_signals(&set);
	for (;;) {
		int number = sigtimedwait(&set, NULL, &tick);
		unsigned cut;

		if (number == SIGTERM || number == SIGINT)
			return;
		if (number == SIGHUP)
			reload(w, config_file);
		cut = peers_cut(w->peers, clock_mono_ns() - w->request_timeout_s * NS_PER_S);
		count_add(&w->site.counters, COUNTER_CONNECTIONS_CUT, cut);
	}
}

/* A descriptor a connection, and some for ourselves. */
static void want_descriptors(uint64_t connections)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= connections + 64)
		return;
	limit.rlim_cur = limit.rlim_max < connections + 64 ? limit.rlim_max : connections + 64;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < connections + 64)
		log_text(LOG_LEVEL_WARNING,
		    "web.connections is %ju, but only %ju descriptors are allowed",
		    (uintmax_t)connections, (uintmax_t)limit.rlim_cur);
}

static int open_listener(const struct provider *p, int *fd_r, char *error, size_t size)
{
	struct net_address address;
	char name[160];

	snprintf(name, sizeof name, "inet:%s", p->web.listen);
	if (net_parse(span_cstr(name), "/", &address, error, size) != ERR_OK)
		return EX_CONFIG;
	if (net_listen(&address, 0, 1024, fd_r, error, size) != ERR_OK)
		return EX_CANTCREAT;
	return EX_OK;
}

/* Opens what serving needs, in the order in which stop closes it again. */
static int open_all(struct web *w, const struct provider *p, char *error, size_t size)
{
	struct http_limits limits = { p->web.connections, p->web.request_timeout_s };
	struct net_address policyd;
	struct spool *spool;
	uint64_t seed;
	int fd, status;

	snprintf(error, size, "cannot start: out of memory or threads");
	if (random_octets(&seed, sizeof seed) != ERR_OK)
		return EX_OSERR;
	if (net_parse(span_cstr(p->policyd.control), p->postfix.queue_directory, &policyd,
		error, size) != ERR_OK)
		return EX_CONFIG;
	if (spool_open(p->web.spool, p->web.spool_octets, &spool, error, size) != ERR_OK)
		return EX_CANTCREAT;
	w->site.events =
	    events_start(&policyd, p->web.control_timeout_s, spool, &w->site.counters);
	w->site.recent = recent_new(seed);
	w->asks = asks_start(&policyd, p->web.control_timeout_s);
	w->peers = peers_new(p->web.connections_per_address, seed);
	if (w->site.events == NULL || w->site.recent == NULL || w->asks == NULL ||
	    w->peers == NULL)
		return EX_OSERR;
	status = open_listener(p, &fd, error, size);
	if (status != EX_OK)
		return status;
	snprintf(error, size, "libmicrohttpd does not start");
	return http_start(&w->site, w->asks, w->peers, &limits, fd, &w->http) == ERR_OK
		   ? EX_OK
		   : EX_OSERR;
}

static void close_all(struct web *w)
{
	if (w->http != NULL)
		http_drain(w->http, DRAIN_S);
	asks_stop(&w->asks);
	http_stop(&w->http);
	peers_free(&w->peers);
	recent_free(&w->site.recent);
	events_stop(&w->site.events);
	edition_unref(&w->site.current);
	pthread_mutex_destroy(&w->site.lock);
}

static int serve(const struct daemon_options *options, struct edition *first)
{
	const struct provider *p = snapshot_provider(first->snapshot);
	struct web w = { .site.current = first, .request_timeout_s = p->web.request_timeout_s };
	char error[512];
	int status;

	pthread_mutex_init(&w.site.lock, NULL);
	want_descriptors(p->web.connections);
	status = open_all(&w, p, error, sizeof error);
	if (status != EX_OK) {
		complain(error, status);
	} else {
		log_text(LOG_LEVEL_INFO, "version %s ready, http://%s", daemon_version(),
		    p->web.listen);
		daemon_ready();
		wait_for_end(&w, options->config_file);
		daemon_notify("STOPPING=1");
	}
	close_all(&w);
	if (status == EX_OK)
		log_text(LOG_LEVEL_INFO, "stopped");
	return status;
}

/* Takes the snapshot over. Everything that serve needs is opened as the final user. */
static int start(const struct daemon_options *options, struct snapshot *snapshot)
{
	const struct provider *p = snapshot_provider(snapshot);
	struct edition *first = NULL;
	char error[512] = "cannot go to the background";
	int status = EX_OK;
	sigset_t set;

	own_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (daemon_detach(options) != ERR_OK)
		status = EX_OSERR;
	else if (daemon_drop_privileges(p->web.user, p->web.group, error, sizeof error) !=
		 ERR_OK)
		status = EX_NOPERM;
	if (status != EX_OK) {
		snapshot_unref(&snapshot);
		return complain(error, status);
	}
	if (edition_new(snapshot, &first, error, sizeof error) != ERR_OK)
		return complain(error, EX_CONFIG);
	return serve(options, first);
}

int main(int argc, char **argv)
{
	struct config_report report = { .text = BUF_INIT(1024 * 1024) };
	struct daemon_options options;
	struct snapshot *snapshot = NULL;
	int status;

	status = daemon_parse_options(argc, argv, PROGRAM,
	    "answers clicks, opens and unsubscribing over HTTP, behind a proxy", &options);
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
	} else {
		print_report(&report, stderr);
		status = start(&options, snapshot);
	}
	buf_free(&report.text);
	return status;
}
