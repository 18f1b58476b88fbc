/* process - runs other programs with pipes on their standard descriptors. Knows none of them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

#define READ_OCTETS  65536
#define PATH_DEFAULT "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

enum { TO_CHILD, FROM_CHILD, ERRORS, PIPES };

struct pipes {
	int ours[PIPES], theirs[PIPES];
};

static void close_all(int fds[PIPES])
{
	for (int i = 0; i < PIPES; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static bool open_pipes(struct pipes *p)
{
	for (int i = 0; i < PIPES; i++)
		p->ours[i] = p->theirs[i] = -1;
	for (int i = 0; i < PIPES; i++) {
		int fds[2];

		if (pipe2(fds, O_CLOEXEC) < 0)
			return false;
		p->theirs[i] = fds[i == TO_CHILD ? 0 : 1];
		p->ours[i] = fds[i == TO_CHILD ? 1 : 0];
	}
	return true;
}

/* PATH with the sbin directories behind it: an admin's may lack them. */
static const char *search_path(struct buf *b)
{
	const char *path = getenv("PATH");

	if (path != NULL && path[0] != '\0')
		buf_printf(b, "%s:", path);
	buf_add_cstr(b, PATH_DEFAULT);
	return buf_cstr(b);
}

static bool resolve(const char *program, char *path, size_t size)
{
	struct buf list = BUF_INIT(65536);
	struct span rest, directory;
	bool found = false;

	if (strchr(program, '/') != NULL) {
		found = (size_t)snprintf(path, size, "%s", program) < size;
		return found && access(path, X_OK) == 0;
	}
	rest = span_cstr(search_path(&list));
	while (!found && span_next(&rest, ':', &directory)) {
		if (directory.n == 0 || directory.p[0] != '/')
			continue;
		found = (size_t)snprintf(path, size, "%.*s/%s", SPAN_ARG(directory), program) <
			    size &&
			access(path, X_OK) == 0;
	}
	buf_free(&list);
	return found;
}

/* Our environment with LC_ALL=C. *list_r is for free(). */
static bool child_environment(char ***list_r)
{
	static char locale[] = "LC_ALL=C";
	size_t n = 0, kept = 0;
	char **list;

	while (environ[n] != NULL)
		n++;
	list = calloc(n + 2, sizeof *list);
	if (list == NULL)
		return false;
	list[kept++] = locale;
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "LC_ALL=", 7) != 0)
			list[kept++] = environ[i];
	*list_r = list;
	return true;
}

static enum err start(const char *path, const char *const *argv, struct pipes *p, pid_t *pid_r)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults, none;
	char **environment = NULL;
	int e;

	if (!child_environment(&environment))
		return ERR_NOMEM;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, p->theirs[TO_CHILD], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, p->theirs[FROM_CHILD], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, p->theirs[ERRORS], STDERR_FILENO);
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	e = posix_spawn(
	    pid_r, path, &actions, &attributes, (char *const *)(uintptr_t)argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	free(environment);
	return err_from_errno(e);
}

/* One read into out, dropping what is over its cap. False at the end. */
static bool take(int fd, struct buf *out)
{
	char bytes[READ_OCTETS];
	ssize_t n = read(fd, bytes, sizeof bytes);

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	if (out != NULL && out->n + (size_t)n <= out->max)
		buf_add(out, bytes, (size_t)n);
	return true;
}

/* Feeds and reads until the child has closed both its outputs. */
static void converse(struct pipes *p, struct span input, struct buf *output, struct buf *errors)
{
	for (;;) {
		struct pollfd fds[PIPES] = { { p->ours[TO_CHILD], POLLOUT, 0 },
			{ p->ours[FROM_CHILD], POLLIN, 0 }, { p->ours[ERRORS], POLLIN, 0 } };

		if (p->ours[TO_CHILD] >= 0 && input.n == 0) {
			close(p->ours[TO_CHILD]);
			fds[TO_CHILD].fd = p->ours[TO_CHILD] = -1;
		}
		if (p->ours[FROM_CHILD] < 0 && p->ours[ERRORS] < 0)
			return;
		if (poll(fds, PIPES, -1) < 0 && errno != EINTR)
			return;
		if (fds[TO_CHILD].revents != 0) {
			ssize_t n = write(p->ours[TO_CHILD], input.p, input.n);

			if (n > 0)
				input = span_from(input, (size_t)n);
			else if (n < 0 && errno != EINTR && errno != EAGAIN)
				input.n = 0;
		}
		for (int i = FROM_CHILD; i < PIPES; i++) {
			if (fds[i].revents == 0 ||
			    take(p->ours[i], i == ERRORS ? errors : output))
				continue;
			close(p->ours[i]);
			p->ours[i] = -1;
		}
	}
}

enum err process_run(const char *const *argv, struct span input, struct buf *output,
    struct buf *errors, int *status_r)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	struct pipes p;
	char path[4096];
	int status = 0;
	pid_t pid;
	enum err e;

	*status_r = -1;
	if (!resolve(argv[0], path, sizeof path))
		return ERR_NOTFOUND;
	/* A child that ends early must not end us with it. */
	sigaction(SIGPIPE, &ignore, &before);
	e = open_pipes(&p) ? start(path, argv, &p, &pid) : err_from_errno(errno);
	close_all(p.theirs);
	if (e == ERR_OK) {
		(void)fcntl(p.ours[TO_CHILD], F_SETFL, O_NONBLOCK);
		converse(&p, input, output, errors);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		*status_r = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	close_all(p.ours);
	sigaction(SIGPIPE, &before, NULL);
	return e;
}

bool process_find(const char *name, char *path, size_t size)
{
	static const char *const directories[] = { "/usr/local/sbin", "/usr/sbin", "/sbin" };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n > 0) {
		const char *slash;

		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash != NULL &&
		    (size_t)snprintf(path, size, "%.*s/%s", (int)(slash - self), self, name) <
			size &&
		    access(path, X_OK) == 0)
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if ((size_t)snprintf(path, size, "%s/%s", directories[i], name) < size &&
		    access(path, X_OK) == 0)
			return true;
	return false;
}
