/* main - penguin-policyd: options, configuration, sockets, ids, store, ready, loop, stop. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"
#include "daemon.h"
#include "log.h"
#include "policy.h"
#include "server.h"

#define BACKLOG      511
#define ERROR_MAX    512
#define STORE_TELL_S 600 /* a store that stays nearly full is told again after so long */

struct policyd {
	struct daemon_options options;
	struct server server;
	struct control_context control;
	struct listen_handler policy_handler, control_handler;
	struct loop *loop;
	struct loop_io *store_io, *events_io, *feedback_io;
	int policy_fd, control_fd, routes_fd;
	char events_directory[1024];
	uint64_t seconds; /* ticks so far */
	uint64_t
	    store_told; /* tick at which the store was last told to be nearly full; 0: not */
	bool stopping;
};

/* ---- start ---- */

static int load(struct policyd *d)
{
	struct config_report report = { .text = BUF_INIT(16u << 20) };
	enum err e = snapshot_load(d->options.config_file, NULL, &report, &d->server.snapshot);

	if (report.text.n > 0)
		fputs(buf_cstr(&report.text), stderr);
	d->server.kept_tenants = report.errors;
	if (d->options.check_only && e == ERR_OK)
		printf("%s: %zu tenants, %u errors, %u warnings\n", d->options.config_file,
		    snapshot_tenant_count(d->server.snapshot), report.errors, report.warnings);
	if (e == ERR_OK && d->options.check_only && report.errors > 0)
		e = ERR_SYNTAX;
	buf_free(&report.text);
	return e == ERR_OK ? EX_OK : EX_CONFIG;
}

static int listen_on(const struct policyd *d, const char *name, mode_t mode, int *fd_r)
{
	const struct provider *p = snapshot_provider(d->server.snapshot);
	struct net_address address;
	char error[ERROR_MAX];

	if (net_parse(span_cstr(name), p->postfix.queue_directory, &address, error,
		sizeof error) != ERR_OK ||
	    net_listen(&address, mode, BACKLOG, fd_r, error, sizeof error) != ERR_OK) {
		log_text(LOG_LEVEL_ERROR, "%s", error);
		return EX_UNAVAILABLE;
	}
	return EX_OK;
}

static uid_t user_id(const char *name)
{
	const struct passwd *p;
	uint64_t number;

	if (name[0] == '\0')
		return geteuid();
	if (span_u64(span_cstr(name), &number) && number < (uid_t)-1)
		return (uid_t)number;
	p = getpwnam(name);
	return p != NULL ? p->pw_uid : (uid_t)-1;
}

/* The key is made after the store: a key beside no store, or an empty file, is a store that was
 * lost, and must not silently count from zero. */
static enum err check_not_lost(const char *path, const char *key, char *error, size_t size)
{
	struct stat data, other;
	char name[1024];

	snprintf(name, sizeof name, "%s/data.mdb", path);
	if ((stat(name, &data) == 0 && data.st_size > 0) || stat(key, &other) != 0)
		return ERR_OK;
	snprintf(error, size,
	    "store: data.mdb below %.200s is missing or empty, but address.key is there: "
	    "restore "
	    "a backup, or remove the key to begin anew",
	    path);
	return ERR_CORRUPT;
}

static int open_store(struct policyd *d)
{
	const struct provider *p = snapshot_provider(d->server.snapshot);
	struct store_options options = { .path = p->store.path,
		.map_octets = p->store.map_octets,
		.map_ceiling = p->store.map_ceiling,
		.relaxed = p->store.relaxed,
		.relaxed_interval_ns = p->store.relaxed_interval_ms * NS_PER_MS };
	char error[ERROR_MAX], key[1024];
	enum err e;

	snprintf(key, sizeof key, "%s/address.key", p->store.path);
	e = check_not_lost(p->store.path, key, error, sizeof error);
	if (e == ERR_OK)
		e = store_open(&options, &d->server.store, error, sizeof error);
	if (e == ERR_OK)
		e = suppress_open(
		    d->server.store, key, &d->server.suppress, error, sizeof error);
	if (e == ERR_OK) {
		e = states_open(d->server.store, &d->server.states);
		snprintf(error, sizeof error, "store: tenant states: %s", err_text(e));
	}
	if (e == ERR_OK) {
		e = alerts_open(d->server.store, &d->server.alerts);
		snprintf(error, sizeof error, "store: alerts: %s", err_text(e));
	}
	if (e == ERR_OK) {
		e = brakes_open(d->server.store, &d->server.brakes);
		snprintf(error, sizeof error, "store: pauses: %s", err_text(e));
	}
	if (e == ERR_OK) {
		e = ramps_open(d->server.store, &d->server.ramps);
		snprintf(error, sizeof error, "store: warm-up: %s", err_text(e));
	}
	if (e == ERR_OK) {
		d->server.pools =
		    pools_new(d->server.store, d->server.states, d->server.snapshot);
		e = d->server.pools != NULL ? ERR_OK : ERR_NOMEM;
		snprintf(error, sizeof error, "pools: %s", err_text(e));
	}
	if (e == ERR_OK)
		return EX_OK;
	log_text(LOG_LEVEL_ERROR, "%s", error);
	return e == ERR_CORRUPT || e == ERR_VERSION ? EX_DATAERR : EX_IOERR;
}

/* Its failures are no reason not to admit mail; only memory is. */
static int open_events(struct policyd *d)
{
	const struct provider *p = snapshot_provider(d->server.snapshot);
	const struct events_limits limits = { .octets = p->store.events_octets,
		.retention_s = p->store.events_retention_s };

	(void)snprintf(d->events_directory, sizeof d->events_directory, "%s%s",
	    p->store.events[0] != '\0' ? p->store.events : p->store.path,
	    p->store.events[0] != '\0' ? "" : "/events");
	return events_open(d->events_directory, &limits, &d->server.events) == ERR_OK
		   ? EX_OK
		   : EX_OSERR;
}

static int open_feedback(struct policyd *d)
{
	char error[ERROR_MAX];

	if (feedback_open(d->server.store, d->server.suppress, d->server.events,
		d->server.brakes, d->server.alerts, &d->server.feedback, error,
		sizeof error) != ERR_OK) {
		log_text(LOG_LEVEL_ERROR, "%s", error);
		return EX_DATAERR;
	}
	server_read_providers(&d->server);
	server_read_warmup(&d->server);
	server_read_senders(&d->server);
	feedback_reload(d->server.feedback, d->server.snapshot);
	return EX_OK;
}

/* Answers from memory, so it can before the loop runs. */
static int start_routes(struct policyd *d)
{
	struct routing routing;

	if (d->routes_fd < 0)
		return EX_OK;
	routing_init(&routing, d->server.snapshot, pools_paused_sources(d->server.pools),
	    brakes_copy(d->server.brakes, clock_wall_ns() / NS_PER_S));
	d->server.routes_brakes = brakes_generation(d->server.brakes);
	server_use_routing(&d->server, &routing);
	if (routes_start(d->routes_fd, &routing, &d->server.routes) != ERR_OK) {
		routing_deinit(&routing);
		return EX_OSERR;
	}
	d->routes_fd = -1;
	return EX_OK;
}

/* Sockets first (root may), then ids for good, then the store as the user it belongs to. */
static int become_ready(struct policyd *d)
{
	const struct provider *p = snapshot_provider(d->server.snapshot);
	char error[ERROR_MAX];
	int status = listen_on(d, p->policyd.policy, 0660, &d->policy_fd);

	if (status == EX_OK)
		/* Who may ask is decided by SO_PEERCRED, so everybody may connect. */
		status = listen_on(d, p->policyd.control, 0666, &d->control_fd);
	if (status == EX_OK && p->policyd.routes[0] != '\0')
		status = listen_on(d, p->policyd.routes, 0660, &d->routes_fd);
	if (status != EX_OK)
		return status;
	d->control.milter_uid = user_id(p->milter.user);
	d->control.web_uid = user_id(p->web.user);
	d->control.returns_uid = user_id(p->postfix.returns);
	if (daemon_drop_privileges(p->policyd.user, p->policyd.group, error, sizeof error) !=
	    ERR_OK) {
		log_text(LOG_LEVEL_ERROR, "%s", error);
		return EX_NOPERM;
	}
	d->control.own_uid = geteuid();
	status = open_store(d);
	if (status == EX_OK)
		status = open_events(d);
	if (status == EX_OK)
		status = open_feedback(d);
	if (status == EX_OK)
		status = start_routes(d);
	return status;
}

/* ---- loop ---- */

static void on_store(void *argument, bool read, bool write)
{
	struct policyd *d = argument;

	(void)read;
	(void)write;
	store_complete(d->server.store);
}

static void on_events(void *argument, bool read, bool write)
{
	struct policyd *d = argument;

	(void)read;
	(void)write;
	events_complete(d->server.events);
}

static void on_feedback(void *argument, bool read, bool write)
{
	struct policyd *d = argument;

	(void)read;
	(void)write;
	feedback_complete(d->server.feedback);
}

/* Before the map is full, somebody has to know: a line when 80 % of the ceiling is passed. It comes
 * again when the store has been below 75 % meanwhile, not whenever a page is freed and taken. */
static void watch_store(struct policyd *d)
{
	struct kv_usage usage;

	kv_usage(store_kv(d->server.store), &usage);
	if (usage.used_octets / 15 < usage.map_ceiling / 20)
		d->store_told = 0;
	if (usage.used_octets / 4 < usage.map_ceiling / 5 ||
	    (d->store_told != 0 && d->seconds - d->store_told < STORE_TELL_S))
		return;
	d->store_told = d->seconds;
	log_record(LOG_LEVEL_WARNING, SPAN(""), "alert", LOG_CSTR("event", "store_nearly_full"),
	    LOG_NUMBER("octets", usage.used_octets), LOG_NUMBER("ceiling", usage.map_ceiling),
	    LOG_CSTR("hint", "raise store.map_ceiling"));
}

/* What lasts: an alert as long as it does. */
static void watch_health(const struct policyd *d, int64_t now_s)
{
	struct feedback_statistics f;
	struct events_statistics ev;

	feedback_statistics(d->server.feedback, &f);
	events_statistics(d->server.events, &ev);
	{
		const struct {
			struct span name;
			bool holds;
			struct span text;
		} conditions[] = {
			{ SPAN("store/failing"), !store_healthy(d->server.store),
			    SPAN("the store cannot commit: mail is put off (451 4.3.0)") },
			{ SPAN("store/nearly-full"), d->store_told != 0,
			    SPAN("more than 80 percent of store.map_ceiling are used: raise "
				 "it") },
			{ SPAN("log/unreadable"), f.configured && !f.healthy,
			    SPAN("the mail log (feedback.log) cannot be read: nothing is "
				 "learned "
				 "from it") },
			{ SPAN("events/failing"), !ev.healthy,
			    SPAN("the event log cannot be written: events are lost") },
			{ SPAN("config/broken-tenants"), d->server.kept_tenants > 0,
			    SPAN("files of tenants.d are broken: what was read before stays in "
				 "force (penguinctl check)") },
		};

		for (size_t i = 0; i < ARRAY_SIZE(conditions); i++)
			alerts_watch(d->server.alerts, conditions[i].name, conditions[i].holds,
			    conditions[i].text, now_s);
	}
}

static void on_brake_over(void *argument, const struct brake *b)
{
	struct policyd *d = argument;

	server_brake_over(&d->server, b->scope, span_cstr(b->name), span_cstr(b->place));
	log_record(LOG_LEVEL_INFO, SPAN(""), "resumed", LOG_CSTR("rule", b->rule),
	    LOG_CSTR("scope", brake_scope_text(b->scope)), LOG_CSTR("name", b->name),
	    LOG_CSTR("place", b->place[0] != '\0' ? b->place : "everywhere"));
}

/* A source's may be nobody's: events belong to tenants. */
static void on_judged(void *argument, const struct ramp *ramp, unsigned day_before)
{
	struct policyd *d = argument;

	server_ramp_judged(&d->server, ramp);
	log_record(ramp->progress.state == WARMUP_PAUSED || ramp->progress.day < day_before
		       ? LOG_LEVEL_WARNING
		       : LOG_LEVEL_INFO,
	    SPAN(""), "warmup", LOG_CSTR("scope", count_scope_text(ramp->scope)),
	    LOG_CSTR("name", ramp->name), LOG_CSTR("place", ramp->place),
	    LOG_CSTR("plan", ramp->plan),
	    LOG_CSTR("state", warmup_state_text(ramp->progress.state)),
	    LOG_CSTR("result", warmup_reason_text(ramp->progress.reason)),
	    LOG_NUMBER("day", ramp->progress.day), LOG_NUMBER("day_before", day_before));
}

static void on_second(void *argument)
{
	struct policyd *d = argument;
	int64_t now_ns = clock_wall_ns();

	d->seconds++;
	watch_store(d);
	watch_health(d, now_ns / NS_PER_S);
	alerts_tick(d->server.alerts, now_ns / NS_PER_S);
	listeners_tick(d->server.listeners, clock_mono_ns());
	store_tick(d->server.store, now_ns);
	suppress_tick(d->server.suppress, now_ns / NS_PER_S);
	feedback_tick(d->server.feedback, now_ns / NS_PER_S);
	brakes_tick(d->server.brakes, now_ns / NS_PER_S, on_brake_over, d);
	ramps_tick(d->server.ramps, now_ns / NS_PER_S, on_judged, d);
	if (d->server.routes_brakes != brakes_generation(d->server.brakes))
		server_update_routes(&d->server);
}

static void on_flush(void *argument)
{
	(void)argument; /* a turn of the loop is what it is for */
}

static void on_reload(void *argument)
{
	struct policyd *d = argument;
	struct config_report report = { .text = BUF_INIT(16u << 20) };

	daemon_notify("RELOADING=1");
	if (server_reload(&d->server, &report) != ERR_OK)
		log_text(LOG_LEVEL_WARNING, "reload failed; nothing changed");
	buf_free(&report.text);
	daemon_notify("READY=1");
}

static void on_stop(void *argument)
{
	struct policyd *d = argument;

	if (!d->stopping)
		daemon_notify("STOPPING=1");
	d->stopping = d->server.stopping = true;
}

static bool turn(void *argument, bool busy)
{
	struct policyd *d = argument;
	bool held = store_flush(d->server.store, clock_mono_ns(), busy);

	if (d->stopping && listeners_drain(d->server.listeners))
		loop_stop(d->loop);
	return held;
}

static bool prepare_loop(struct policyd *d)
{
	const struct provider *p = snapshot_provider(d->server.snapshot);
	struct listen_limits limits = { .connections = (size_t)p->policyd.connections,
		.request_timeout_ns = p->policyd.request_timeout_s * NS_PER_S,
		.idle_timeout_ns = p->policyd.idle_timeout_s * NS_PER_S };

	d->policy_handler = (struct listen_handler){ &attr_limits_policy, false, policy_open,
		policy_request, policy_close, &d->server };
	d->control_handler = (struct listen_handler){ &attr_limits_control, true, control_open,
		control_request, control_close, &d->control };
	d->control.server = &d->server;
	d->loop = loop_new();
	if (d->loop == NULL)
		return false;
	d->server.listeners = listeners_new(d->loop, &limits);
	d->server.accounts = accounts_new();
	d->server.services = services_new();
	d->store_io = loop_watch(d->loop, store_wake_fd(d->server.store), on_store, d);
	d->events_io = loop_watch(d->loop, events_wake_fd(d->server.events), on_events, d);
	d->feedback_io =
	    loop_watch(d->loop, feedback_wake_fd(d->server.feedback), on_feedback, d);
	if (d->server.listeners == NULL || d->server.accounts == NULL ||
	    d->server.services == NULL || d->store_io == NULL || d->events_io == NULL ||
	    d->feedback_io == NULL)
		return false;
	if (p->store.relaxed && !loop_every(d->loop, 10 * NS_PER_MS, on_flush, d))
		return false;
	if (listeners_add(d->server.listeners, d->policy_fd, "policy", &d->policy_handler) !=
	    ERR_OK)
		return false;
	d->policy_fd = -1;
	if (listeners_add(d->server.listeners, d->control_fd, "control", &d->control_handler) !=
	    ERR_OK)
		return false;
	d->control_fd = -1;
	return loop_every(d->loop, NS_PER_S, on_second, d) &&
	       loop_on_signal(d->loop, SIGHUP, on_reload, d) &&
	       loop_on_signal(d->loop, SIGTERM, on_stop, d) &&
	       loop_on_signal(d->loop, SIGINT, on_stop, d);
}

static int serve(struct policyd *d)
{
	if (!prepare_loop(d)) {
		log_text(LOG_LEVEL_ERROR, "out of memory");
		return EX_OSERR;
	}
	d->server.started_ns = clock_mono_ns();
	log_text(LOG_LEVEL_INFO, "ready: version %s, LMDB %s, %zu tenants, %zu suppressions",
	    daemon_version(), kv_library_version(), snapshot_tenant_count(d->server.snapshot),
	    suppress_count(d->server.suppress));
	daemon_ready();
	loop_run(d->loop, turn, d);
	log_text(LOG_LEVEL_INFO, "stopping");
	return EX_OK;
}

static void deinit(struct policyd *d)
{
	routes_stop(&d->server.routes);
	listeners_free(&d->server.listeners);
	loop_unwatch(&d->feedback_io);
	loop_unwatch(&d->events_io);
	loop_unwatch(&d->store_io);
	loop_free(&d->loop);
	services_free(&d->server.services);
	accounts_free(&d->server.accounts);
	pools_free(&d->server.pools);
	feedback_stop(d->server.feedback);
	events_close(&d->server.events);
	store_close(&d->server.store); /* answers jobs of those below */
	feedback_close(&d->server.feedback);
	brakes_close(&d->server.brakes);
	ramps_close(&d->server.ramps);
	alerts_close(&d->server.alerts);
	senders_deinit(&d->server.senders);
	providers_free(&d->server.providers);
	states_close(&d->server.states);
	suppress_close(&d->server.suppress);
	snapshot_unref(&d->server.snapshot);
	if (d->policy_fd >= 0)
		close(d->policy_fd);
	if (d->control_fd >= 0)
		close(d->control_fd);
	if (d->routes_fd >= 0)
		close(d->routes_fd);
}

int main(int argc, char **argv)
{
	struct policyd d = { .policy_fd = -1, .control_fd = -1, .routes_fd = -1 };
	int status = daemon_parse_options(argc, argv, "penguin-policyd",
	    "admits tenants' mail against quotas and suppressions, for Postfix", &d.options);

	if (status >= 0)
		return status;
	log_open("penguin-policyd", d.options.foreground || d.options.check_only,
	    d.options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	d.server.config_file = d.options.config_file;
	status = load(&d);
	if (status == EX_OK && !d.options.check_only) {
		if (daemon_detach(&d.options) != ERR_OK)
			status = EX_OSERR;
		if (status == EX_OK)
			status = become_ready(&d);
		if (status == EX_OK)
			status = serve(&d);
	}
	deinit(&d);
	return status;
}
