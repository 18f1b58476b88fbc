/* daemon.h - the silhouette all our daemons share: options, log, configuration check, privileges,
 * readiness, signals. Each main reads: options, config, (-n: report and exit), sockets, ids,
 * ready, loop, stop. */
#ifndef DAEMON_H
#define DAEMON_H

#include <sys/types.h>

#include "base.h"
#include "err.h"

#define DAEMON_CONFIG_FILE "/etc/penguinmails/penguinmails.conf"

struct daemon_options {
	const char *config_file; /* -c, --config */
	bool foreground;         /* -f, --foreground: log to stderr too, stay attached */
	bool check_only;         /* -n, --check */
	bool verbose;            /* -v, --verbose */
};

/* Parses the options all daemons have. Returns -1 to go on, else the exit status (sysexits.h:
 * EX_OK after -h and -V, EX_USAGE after a mistake, said on stderr). A relative FILE is a mistake
 * unless -f or -n is given: from the background it would not be found again. */
int daemon_parse_options(int argc, char **argv, const char *program, const char *summary,
    struct daemon_options *options_r);

/* Goes to the background (unless foreground): fork, setsid, / as directory, std descriptors on
 * /dev/null. The parent leaves when the child calls daemon_ready (with 0) or ends (with its exit
 * status). Call before threads, sockets and the store. */
enum err daemon_detach(const struct daemon_options *options) CHECKED;

/* As root: takes the numeric or named user and group for good (supplementary groups: none, or
 * those of the named user); an empty group is the user's own. Without a user, or with one whose
 * uid is 0, ERR_DENIED: we do not stay root. Not root: does nothing when user is empty or is us.
 * error gets a sentence. Call while there is one thread. */
enum err daemon_drop_privileges(
    const char *user, const char *group, char *error, size_t size) CHECKED;

/* The ids that daemon_drop_privileges would take; an empty group is the user's own. error gets a
 * sentence. */
enum err daemon_find_account(const char *user, const char *group, uid_t *uid_r, gid_t *gid_r,
    char *error, size_t size) CHECKED;

/* Tells systemd (NOTIFY_SOCKET, sd_notify(3)) and a waiting parent. state: "READY=1",
 * "RELOADING=1", "STOPPING=1", "STATUS=..." lines. Harmless without NOTIFY_SOCKET. */
void daemon_notify(const char *state);
void daemon_ready(void);

/* Version that -V prints. */
const char *daemon_version(void);

#endif
