/* plugin.h - plug-ins: loaded when a program starts, checked, and fenced as far as shared memory
 * allows. A call that takes longer than its budget, or answers what it may not, is a fault; after
 * PLUGIN_FAULTS_MAX of them the plug-in is called no more, and what the configuration says of it
 * (skip, tempfail) holds. Knows no mail: what hooks are given is its callers' matter. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <stdatomic.h>

#include "base.h"
#include "err.h"
#include "penguin_plugin.h"
#include "settings.h"
#include "span.h"

#define PLUGINS_MAX       16
#define PLUGIN_FAULTS_MAX 5

struct plugin {
	const char *name, *path;
	struct penguin_plugin calls; /* members that an older plug-in has not are NULL */
	void *context;               /* its own */
	void *library;
	int64_t budget_ns; /* of one call */
	bool must;         /* mail waits when it is disabled */
	bool started;
	atomic_uint calls_running;
	atomic_bool stopped;
	atomic_uint faults;
	atomic_bool disabled; /* until the next start */
};

struct plugins {
	size_t count;
	struct plugin at[PLUGINS_MAX];
};

/* Looks at the file and at what it says of itself; starts nothing, though its constructors run.
 * The file and its directory must belong to root or to owner, and be writable by nobody else.
 * *plugin_r is to be given to plugin_close. error gets a line that begins with the path. */
enum err plugin_open(
    const char *path, uid_t owner, struct plugin *plugin_r, char *error, size_t size) CHECKED;
/* Stops it, where it was started. */
void plugin_close(struct plugin *p);

/* The file that, where it exists, says that the plug-in is left out: "plugins.off/NAME" beside the
 * provider's file. False: too long. */
#define PLUGIN_OFF_PATH_MAX 4352
bool plugin_off_path(
    const struct provider *p, const char *name, char path[PLUGIN_OFF_PATH_MAX]) CHECKED;
bool plugin_is_off(const struct provider *p, const char *name);

/* Appends a line "NAME\tok\t" or "NAME\terror\tWHY" for each: would it be loaded?
 * "warning" in place of "error" for one that is left out. Starts none. */
void plugins_prove(const struct provider *p, uid_t owner, struct buf *out);

/* Loads and starts all that the provider's file names, in its order; *plugins_r is NULL where it
 * names none. One that cannot be used is an error (in error), and none is left loaded. Strings of
 * p must stay. host: stays, too. */
enum err plugins_load(const struct provider *p, uid_t owner, const struct penguin_host *host,
    struct plugins **plugins_r, char *error, size_t size) CHECKED;
void plugins_free(struct plugins **plugins); /* NULL is fine */

/* After the last message: no more calls, and those under way end or are given up on. Threads may
 * still hold plugins, so it is never freed after this. */
void plugins_stop(struct plugins *plugins);

/* Around each call; false: it is stopped, and there must be no call. Thread safe. */
bool plugin_enter(struct plugin *p);
void plugin_leave(struct plugin *p);

/* A call that began and ended then; false: it was a fault. Thread safe. */
bool plugin_in_time(struct plugin *p, int64_t begin_ns, int64_t end_ns);
/* Counts a fault, with words for the log; the last one disables. Thread safe. */
void plugin_fault(struct plugin *p, const char *text);

#endif
