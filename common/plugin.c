/* plugin - files to tables of hooks, and the count of their faults. The only home of dlopen for
 * plug-ins. Knows no hook's meaning. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "log.h"
#include "plugin.h"

#define ALL_USES (PENGUIN_READS_BODY | PENGUIN_ADDS_FIELDS | PENGUIN_REFUSES)

/* ---- the file ---- */

static bool is_safe(const struct stat *st, uid_t owner)
{
	return (st->st_uid == 0 || st->st_uid == owner) &&
	       (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static enum err check_file(const char *path, uid_t owner, char *error, size_t size)
{
	const char *slash = strrchr(path, '/');
	char directory[4096];
	struct stat st;

	if (slash == NULL || path[0] != '/' ||
	    !span_copy(
		span_make(path, (size_t)(slash - path) + 1), directory, sizeof directory)) {
		snprintf(error, size, "%s: not an absolute path", path);
		return ERR_SYNTAX;
	}
	if (lstat(path, &st) != 0) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return err_from_errno(errno);
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(error, size, "%s: not a regular file", path);
		return ERR_DENIED;
	}
	if (!is_safe(&st, owner)) {
		snprintf(error, size, "%s: must belong to root and be writable by nobody else",
		    path);
		return ERR_DENIED;
	}
	if (stat(directory, &st) != 0 || !is_safe(&st, owner)) {
		snprintf(error, size,
		    "%s: its directory must belong to root and be writable by nobody else",
		    path);
		return ERR_DENIED;
	}
	return ERR_OK;
}

/* ---- what it says of itself ---- */

static bool is_name(const char *s)
{
	size_t n = s != NULL ? strnlen(s, 65) : 0;

	for (size_t i = 0; i < n; i++)
		if (!ascii_alpha(s[i]) && !ascii_digit(s[i]) && s[i] != '-')
			return false;
	return n > 0 && n < 65;
}

/* The sentence that says what is wrong, or NULL. */
static const char *find_fault(const struct penguin_plugin *calls)
{
	if (!is_name(calls->name))
		return "its name is none (letters, digits, hyphens)";
	if ((calls->does & ~ALL_USES) != 0)
		return "it declares to do what this version does not know";
	if (calls->body != NULL && (calls->does & PENGUIN_READS_BODY) == 0)
		return "it has a hook for bodies and does not declare it";
	return NULL;
}

static enum err read_calls(
    const struct penguin_plugin *said, struct plugin *p, char *error, size_t size)
{
	const char *why;

	if (said == NULL) {
		snprintf(error, size, "%s: penguin_plugin gives nothing", p->path);
		return ERR_SYNTAX;
	}
	if (said->abi != PENGUIN_PLUGIN_ABI) {
		snprintf(error, size,
		    "%s: made for version %u of the plug-in interface, this is %u", p->path,
		    (unsigned)said->abi, PENGUIN_PLUGIN_ABI);
		return ERR_VERSION;
	}
	if (said->size < offsetof(struct penguin_plugin, headers) || said->size > 4096) {
		snprintf(error, size, "%s: the size of its table is wrong", p->path);
		return ERR_VERSION;
	}
	memcpy(&p->calls, said, said->size < sizeof p->calls ? said->size : sizeof p->calls);
	why = find_fault(&p->calls);
	if (why == NULL)
		return ERR_OK;
	snprintf(error, size, "%s: %s", p->path, why);
	return ERR_SYNTAX;
}

enum err plugin_open(
    const char *path, uid_t owner, struct plugin *plugin_r, char *error, size_t size)
{
	const struct penguin_plugin *(*entry)(void);
	struct plugin *p = plugin_r;
	enum err e;

	*p = (struct plugin){ .path = path };
	e = check_file(path, owner, error, size);
	if (e != ERR_OK)
		return e;
	p->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (p->library == NULL) {
		snprintf(error, size, "%s: %s", path, dlerror());
		return ERR_SYNTAX;
	}
	*(void **)&entry = dlsym(p->library, "penguin_plugin");
	if (entry == NULL) {
		snprintf(
		    error, size, "%s: not a plug-in: it has no symbol penguin_plugin", path);
		e = ERR_SYNTAX;
	} else {
		e = read_calls(entry(), p, error, size);
	}
	if (e == ERR_OK)
		p->name = p->calls.name;
	else
		plugin_close(p);
	return e;
}

void plugin_close(struct plugin *p)
{
	if (p->started && p->calls.stop != NULL)
		p->calls.stop(p->context);
	p->started = false;
	if (p->library != NULL)
		(void)dlclose(p->library);
	p->library = NULL;
}

/* ---- all of them ---- */

static bool is_loaded(const struct plugins *all, const char *name)
{
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->at[i].name, name) == 0)
			return true;
	return false;
}

static enum err check_name(const struct plugins *all, const struct plugin_setting *s,
    const char *name, char *error, size_t size)
{
	if (strcmp(name, s->name) != 0) {
		snprintf(error, size, "%s: calls itself %s, the configuration %s", s->file,
		    name, s->name);
		return ERR_SYNTAX;
	}
	if (is_loaded(all, name)) {
		snprintf(error, size, "%s: a second plug-in %s", s->file, name);
		return ERR_EXISTS;
	}
	return ERR_OK;
}

bool plugin_off_path(const struct provider *p, const char *name, char path[PLUGIN_OFF_PATH_MAX])
{
	const char *slash = strrchr(p->file, '/');
	int directory = slash != NULL ? (int)(slash - p->file) + 1 : 0;
	int n =
	    snprintf(path, PLUGIN_OFF_PATH_MAX, "%.*splugins.off/%s", directory, p->file, name);

	return n > 0 && n < PLUGIN_OFF_PATH_MAX;
}

bool plugin_is_off(const struct provider *p, const char *name)
{
	char path[PLUGIN_OFF_PATH_MAX];
	struct stat st;

	return plugin_off_path(p, name, path) && lstat(path, &st) == 0;
}

void plugins_prove(const struct provider *p, uid_t owner, struct buf *out)
{
	struct plugins all = { .count = 0 };

	for (size_t i = 0; i < p->plugin_count && i < PLUGINS_MAX; i++) {
		const struct plugin_setting *s = &p->plugins[i];
		struct plugin *plugin = &all.at[all.count];
		const char *word = "error";
		char error[512] = "";
		enum err e = plugin_open(s->file, owner, plugin, error, sizeof error);

		if (e == ERR_OK) {
			e = check_name(&all, s, plugin->name, error, sizeof error);
			/* It stays loaded, for its name, until all have been looked at. */
			all.count++;
		}
		if (e == ERR_OK)
			word = "ok";
		else if (plugin_is_off(p, s->name))
			word = "warning";
		buf_printf(out, "%s\t%s\t%s\n", s->name, word, error);
	}
	while (all.count > 0)
		plugin_close(&all.at[--all.count]);
}

static enum err load(struct plugins *all, const struct plugin_setting *s, uid_t owner,
    const struct penguin_host *host, char *error, size_t size)
{
	struct plugin *p = &all->at[all->count];
	struct span argument = span_cstr(s->argument);
	enum err e = plugin_open(s->file, owner, p, error, size);

	if (e != ERR_OK)
		return e;
	p->path = NULL; /* the configuration's, which goes with the next reload */
	p->budget_ns = s->budget_ms * (NS_PER_S / 1000);
	p->must = s->must;
	e = check_name(all, s, p->name, error, size);
	if (e == ERR_OK && p->calls.start != NULL &&
	    !p->calls.start(host, (const struct penguin_self *)p,
		(struct penguin_text){ argument.p, argument.n }, &p->context)) {
		snprintf(error, size, "%s: does not start", s->file);
		e = ERR_IO;
	}
	if (e != ERR_OK) {
		plugin_close(p);
		return e;
	}
	p->started = true;
	all->count++;
	return ERR_OK;
}

enum err plugins_load(const struct provider *p, uid_t owner, const struct penguin_host *host,
    struct plugins **plugins_r, char *error, size_t size)
{
	struct plugins *all;
	enum err e = ERR_OK;

	*plugins_r = NULL;
	if (p->plugin_count == 0)
		return ERR_OK;
	if (p->plugin_count > PLUGINS_MAX) {
		snprintf(error, size, "%s: more than %d plug-ins", p->file, PLUGINS_MAX);
		return ERR_TOOBIG;
	}
	all = calloc(1, sizeof *all);
	if (all == NULL) {
		snprintf(error, size, "out of memory");
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < p->plugin_count && e == ERR_OK; i++)
		if (!plugin_is_off(p, p->plugins[i].name))
			e = load(all, &p->plugins[i], owner, host, error, size);
	if (e == ERR_OK)
		*plugins_r = all;
	else
		plugins_free(&all);
	return e;
}

void plugins_free(struct plugins **plugins)
{
	struct plugins *all = *plugins;

	*plugins = NULL;
	for (size_t i = all != NULL ? all->count : 0; i > 0; i--)
		plugin_close(&all->at[i - 1]);
	free(all);
}

/* ---- calls ---- */

bool plugin_enter(struct plugin *p)
{
	atomic_fetch_add(&p->calls_running, 1);
	if (!atomic_load(&p->stopped))
		return true;
	atomic_fetch_sub(&p->calls_running, 1);
	return false;
}

void plugin_leave(struct plugin *p)
{
	atomic_fetch_sub(&p->calls_running, 1);
}

/* At most a second for each: one that never returns must not keep us from stopping. */
void plugins_stop(struct plugins *plugins)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	for (size_t i = plugins != NULL ? plugins->count : 0; i > 0; i--) {
		struct plugin *p = &plugins->at[i - 1];

		atomic_store(&p->stopped, true);
		for (int n = 0; n < 100 && atomic_load(&p->calls_running) > 0; n++)
			(void)nanosleep(&pause, NULL);
		if (atomic_load(&p->calls_running) == 0 && p->calls.stop != NULL)
			p->calls.stop(p->context);
		p->started = false;
	}
}

/* ---- faults ---- */

void plugin_fault(struct plugin *p, const char *text)
{
	unsigned faults = atomic_fetch_add(&p->faults, 1) + 1;

	if (faults > PLUGIN_FAULTS_MAX)
		return;
	log_record(LOG_LEVEL_WARNING, SPAN(""), "plugin_fault", LOG_CSTR("plugin", p->name),
	    LOG_CSTR("text", text), LOG_NUMBER("faults", faults));
	if (faults < PLUGIN_FAULTS_MAX)
		return;
	atomic_store(&p->disabled, true);
	log_record(LOG_LEVEL_ERROR, SPAN(""), "plugin_disabled", LOG_CSTR("plugin", p->name),
	    LOG_CSTR("mail", p->must ? "deferred" : "leaves without it"));
}

bool plugin_in_time(struct plugin *p, int64_t begin_ns, int64_t end_ns)
{
	if (end_ns - begin_ns <= p->budget_ns)
		return true;
	plugin_fault(p, "a call took longer than its budget");
	return false;
}
