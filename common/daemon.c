/* daemon - the silhouette of our daemons. Knows no mail, no configuration and no sockets but the
 * one of the service manager. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon.h"
#include "span.h"

/* The process that started us and waits, or -1. One per process as the process is. */
static int waiting_parent = -1;

const char *daemon_version(void)
{
	return PENGUIN_VERSION;
}

/* ---- options ---- */

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "check", no_argument, NULL, 'n' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_help(const char *program, const char *summary)
{
	printf("%s - %s\n\n"
	       "usage: %s [-fnvVh] [-c file]\n\n"
	       "  -c, --config FILE  read this configuration (default %s)\n"
	       "  -f, --foreground   stay attached, log to stderr too (default: detach)\n"
	       "  -n, --check        check the configuration, report and exit\n"
	       "  -v, --verbose      log details of every decision (default: one line each)\n"
	       "  -V, --version      print the version and exit\n"
	       "  -h, --help         print this and exit\n",
	    program, summary, program, DAEMON_CONFIG_FILE);
}

static int usage_mistake(const char *program, const char *mistake)
{
	if (mistake != NULL)
		fprintf(stderr, "%s: %s\n", program, mistake);
	fprintf(stderr, "Try \"%s --help\".\n", program);
	return EX_USAGE;
}

int daemon_parse_options(int argc, char **argv, const char *program, const char *summary,
    struct daemon_options *options_r)
{
	int letter;

	*options_r = (struct daemon_options){ .config_file = DAEMON_CONFIG_FILE };
	optind = 0; /* start anew, also when called twice */
	while ((letter = getopt_long(argc, argv, "+c:fnvVh", long_options, NULL)) != -1) {
		switch (letter) {
		case 'c': options_r->config_file = optarg; break;
		case 'f': options_r->foreground = true; break;
		case 'n': options_r->check_only = true; break;
		case 'v': options_r->verbose = true; break;
		case 'V': printf("%s %s\n", program, daemon_version()); return EX_OK;
		case 'h': print_help(program, summary); return EX_OK;
		default: return usage_mistake(program, NULL); /* getopt has said it */
		}
	}
	if (optind < argc)
		return usage_mistake(program, "no arguments expected besides options");
	if (options_r->config_file[0] == '\0')
		return usage_mistake(program, "-c needs the name of a file");
	/* In the background our directory is /, where a reload would not find it again. */
	if (options_r->config_file[0] != '/' && !options_r->foreground &&
	    !options_r->check_only)
		return usage_mistake(
		    program, "-c needs an absolute path unless -f or -n is given");
	return -1;
}

/* ---- background ---- */

/* The parent's whole rest: 0 once the child is ready, else the status that the child ended with.
 * Nothing of the process is torn down here; that is the child's. */
static _Noreturn void parent_wait(int fd, pid_t child)
{
	int status = 0;
	ssize_t got;
	pid_t ended;
	char c;

	do {
		got = read(fd, &c, 1);
	} while (got < 0 && errno == EINTR);
	if (got == 1)
		_exit(EX_OK);
	do {
		ended = waitpid(child, &status, 0);
	} while (ended < 0 && errno == EINTR);
	if (ended == child && WIFEXITED(status) && WEXITSTATUS(status) != 0)
		_exit(WEXITSTATUS(status));
	_exit(EX_SOFTWARE);
}

static enum err std_to_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return err_from_errno(errno);
	for (int to = STDIN_FILENO; to <= STDERR_FILENO; to++) {
		/* dup2 onto itself would leave close-on-exec set. */
		if (fd == to ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, to) < 0) {
			enum err e = err_from_errno(errno);

			if (fd > STDERR_FILENO)
				close(fd);
			return e;
		}
	}
	if (fd > STDERR_FILENO)
		close(fd);
	return ERR_OK;
}

enum err daemon_detach(const struct daemon_options *options)
{
	int ends[2];
	pid_t child;

	if (options->foreground)
		return ERR_OK;
	/* What is buffered would be written twice. */
	fflush(NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return err_from_errno(errno);
	child = fork();
	if (child < 0) {
		enum err e = err_from_errno(errno);

		close(ends[0]);
		close(ends[1]);
		return e;
	}
	if (child > 0) {
		close(ends[1]);
		parent_wait(ends[0], child);
	}
	close(ends[0]);
	waiting_parent = ends[1];
	if (setsid() < 0 || chdir("/") != 0)
		return err_from_errno(errno);
	return std_to_null();
}

/* ---- privileges ---- */

struct identity {
	uid_t uid;
	gid_t gid;
	const char *name; /* of the user, when named: its supplementary groups come along */
};

static enum err refuse(char *error, size_t size, enum err e, const char *format, ...)
    PRINTF_LIKE(4, 5);

static enum err refuse(char *error, size_t size, enum err e, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, size, format, ap);
	va_end(ap);
	return e;
}

/* The largest value of an id type means "unchanged" to the kernel, so it names nobody. */
static bool numeric_id(const char *text, uint32_t *id_r)
{
	uint64_t value;

	if (!span_u64(span_cstr(text), &value) || value >= UINT32_MAX)
		return false;
	*id_r = (uint32_t)value;
	return true;
}

static enum err find_user(
    const char *user, bool need_group, struct identity *who_r, char *error, size_t size)
{
	struct passwd entry, *found = NULL;
	char strings[16384];
	uint32_t id;
	int rc;

	if (numeric_id(user, &id)) {
		who_r->uid = id;
		if (!need_group)
			return ERR_OK;
		rc = getpwuid_r(id, &entry, strings, sizeof strings, &found);
	} else {
		who_r->name = user;
		rc = getpwnam_r(user, &entry, strings, sizeof strings, &found);
	}
	if (found == NULL) {
		errno = rc;
		if (rc != 0)
			return refuse(error, size, err_from_errno(rc), "user \"%s\": %m", user);
		return refuse(error, size, ERR_NOTFOUND, "user \"%s\" does not exist%s", user,
		    who_r->name == NULL ? ", so a group must be named" : "");
	}
	who_r->uid = found->pw_uid;
	if (need_group)
		who_r->gid = found->pw_gid;
	return ERR_OK;
}

static enum err find_group(const char *group, struct identity *who_r, char *error, size_t size)
{
	struct group entry, *found = NULL;
	char strings[65536];
	uint32_t id;
	int rc;

	if (numeric_id(group, &id)) {
		who_r->gid = id;
		return ERR_OK;
	}
	rc = getgrnam_r(group, &entry, strings, sizeof strings, &found);
	if (found == NULL) {
		errno = rc;
		if (rc != 0)
			return refuse(
			    error, size, err_from_errno(rc), "group \"%s\": %m", group);
		return refuse(error, size, ERR_NOTFOUND, "group \"%s\" does not exist", group);
	}
	who_r->gid = found->gr_gid;
	return ERR_OK;
}

static enum err become(const struct identity *who, char *error, size_t size)
{
	uid_t real, effective, saved;
	gid_t real_group, effective_group, saved_group;
	int rc;

	rc = who->name != NULL ? initgroups(who->name, who->gid) : setgroups(0, NULL);
	if (rc != 0)
		return refuse(error, size, ERR_DENIED, "supplementary groups: %m");
	if (setresgid(who->gid, who->gid, who->gid) != 0)
		return refuse(error, size, ERR_DENIED, "setresgid: %m");
	if (setresuid(who->uid, who->uid, who->uid) != 0)
		return refuse(error, size, ERR_DENIED, "setresuid: %m");
	/* Believe the kernel's answer only after a try to come back. */
	if (getresuid(&real, &effective, &saved) != 0 ||
	    getresgid(&real_group, &effective_group, &saved_group) != 0 || real != who->uid ||
	    effective != who->uid || saved != who->uid || real_group != who->gid ||
	    effective_group != who->gid || saved_group != who->gid)
		return refuse(error, size, ERR_DENIED, "the new ids did not take effect");
	if (setuid(0) == 0 || seteuid(0) == 0 || (who->gid != 0 && setgid(0) == 0))
		return refuse(error, size, ERR_DENIED, "root's rights could be taken back");
	return ERR_OK;
}

enum err daemon_find_account(
    const char *user, const char *group, uid_t *uid_r, gid_t *gid_r, char *error, size_t size)
{
	bool has_group = group != NULL && group[0] != '\0';
	struct identity who = { 0 };
	enum err e = find_user(user, !has_group, &who, error, size);

	if (e == ERR_OK && has_group)
		e = find_group(group, &who, error, size);
	*uid_r = who.uid;
	*gid_r = who.gid;
	return e;
}

enum err daemon_drop_privileges(const char *user, const char *group, char *error, size_t size)
{
	bool has_user = user != NULL && user[0] != '\0';
	bool has_group = group != NULL && group[0] != '\0';
	struct identity who = { 0 };
	enum err e;

	if (!has_user && geteuid() != 0)
		return ERR_OK;
	if (!has_user)
		return refuse(
		    error, size, ERR_DENIED, "started as root without a user to change to");
	e = find_user(user, geteuid() == 0 && !has_group, &who, error, size);
	if (e != ERR_OK)
		return e;
	if (geteuid() != 0) {
		if (who.uid == geteuid() && who.uid == getuid())
			return ERR_OK;
		return refuse(error, size, ERR_DENIED, "only root can become \"%s\"", user);
	}
	if (who.uid == 0)
		return refuse(error, size, ERR_DENIED, "user \"%s\" is root", user);
	if (has_group)
		e = find_group(group, &who, error, size);
	if (e == ERR_OK)
		e = become(&who, error, size);
	return e;
}

/* ---- readiness ---- */

void daemon_notify(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n;
	int fd;

	if (name == NULL || (name[0] != '/' && name[0] != '@'))
		return;
	n = strlen(name);
	if (n >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, name, n);
	/* '@' stands for the NUL that starts an abstract name; its length is part of the name. */
	if (name[0] == '@')
		to.sun_path[0] = '\0';
	else
		n++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Nobody to tell is no reason to stop. */
	while (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0 &&
	       errno == EINTR)
		;
	close(fd);
}

void daemon_ready(void)
{
	daemon_notify("READY=1");
	if (waiting_parent < 0)
		return;
	/* A parent that was killed meanwhile must not take us along by SIGPIPE. */
	while (send(waiting_parent, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	close(waiting_parent);
	waiting_parent = -1;
}
