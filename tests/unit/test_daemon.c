/* test_daemon - options, notification, detaching and giving up root (the last as root only). */
#include <check.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon.h"

#define ARGUMENTS 6

static int parse(const char *const list[ARGUMENTS], struct daemon_options *options_r)
{
	char *argv[ARGUMENTS + 2] = { (char[]){ "penguin-test" } };
	int argc = 1;

	for (; argc <= ARGUMENTS && list[argc - 1] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)list[argc - 1];
	return daemon_parse_options(argc, argv, "penguin-test", "tests", options_r);
}

START_TEST(options)
{
	static const struct {
		const char *list[ARGUMENTS];
		int status;
		struct daemon_options is;
	} table[] = {
		{ { NULL }, -1, { DAEMON_CONFIG_FILE, false, false, false } },
		{ { "-f" }, -1, { DAEMON_CONFIG_FILE, true, false, false } },
		{ { "-fnv", "-c", "x" }, -1, { "x", true, true, true } },
		{ { "-cx", "-n" }, -1, { "x", false, true, false } },
		{ { "-c", "/x" }, -1, { "/x", false, false, false } },
		{ { "--config=/x", "--verbose" }, -1, { "/x", false, false, true } },
		{ { "--config", "y", "--foreground", "--check" }, -1,
		    { "y", true, true, false } },
		{ { "-V" }, EX_OK, { NULL, false, false, false } },
		{ { "--help" }, EX_OK, { NULL, false, false, false } },
		{ { "-h", "rubbish" }, EX_OK, { NULL, false, false, false } },
		{ { "-x" }, EX_USAGE, { NULL, false, false, false } },
		{ { "-c" }, EX_USAGE, { NULL, false, false, false } },
		{ { "-f", "-c", "" }, EX_USAGE, { NULL, false, false, false } },
		{ { "-c", "relative" }, EX_USAGE, { NULL, false, false, false } },
		{ { "--nonsense" }, EX_USAGE, { NULL, false, false, false } },
		{ { "-f", "word" }, EX_USAGE, { NULL, false, false, false } },
		{ { "word", "-f" }, EX_USAGE, { NULL, false, false, false } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct daemon_options o;

		ck_assert_msg(parse(table[i].list, &o) == table[i].status, "case %zu", i);
		if (table[i].status != -1)
			continue;
		ck_assert_str_eq(o.config_file, table[i].is.config_file);
		ck_assert(o.foreground == table[i].is.foreground);
		ck_assert(o.check_only == table[i].is.check_only);
		ck_assert(o.verbose == table[i].is.verbose);
	}
	ck_assert_str_eq(daemon_version(), PENGUIN_VERSION);
}
END_TEST

START_TEST(help_names_every_option)
{
	static const char *const words[] = { "-c", "--config", "-f", "--foreground", "-n",
		"--check", "-v", "--verbose", "-V", "--version", "-h", "--help",
		DAEMON_CONFIG_FILE };
	char text[4096] = "";
	FILE *out = tmpfile();
	int saved = dup(STDOUT_FILENO);
	struct daemon_options o;

	ck_assert_ptr_nonnull(out);
	fflush(stdout);
	dup2(fileno(out), STDOUT_FILENO);
	ck_assert_int_eq(parse((const char *const[ARGUMENTS]){ "-h" }, &o), EX_OK);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(out);
	text[fread(text, 1, sizeof text - 1, out)] = '\0';
	fclose(out);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		ck_assert_msg(strstr(text, words[i]) != NULL, "%s", words[i]);
}
END_TEST

static int bind_datagram(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = 1 };
	size_t n = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	memcpy(at.sun_path, name, n);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	else
		n++;
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
	    0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	return fd;
}

START_TEST(notify)
{
	char path[64], abstract[64], text[64], too_long[300];
	const char *names[2] = { path, abstract };

	snprintf(path, sizeof path, "/tmp/test_daemon.%ld", (long)getpid());
	snprintf(abstract, sizeof abstract, "@test_daemon.%ld", (long)getpid());
	for (size_t i = 0; i < 2; i++) {
		int fd = bind_datagram(names[i]);

		setenv("NOTIFY_SOCKET", names[i], 1);
		daemon_notify("STATUS=working\nSTOPPING=1");
		memset(text, 0, sizeof text);
		ck_assert_int_eq(recv(fd, text, sizeof text, 0), 25);
		ck_assert_str_eq(text, "STATUS=working\nSTOPPING=1");
		daemon_ready();
		ck_assert_int_eq(recv(fd, text, sizeof text, 0), 7);
		ck_assert_int_eq(memcmp(text, "READY=1", 7), 0);
		close(fd);
	}
	unlink(path);
	/* Nobody there, no name, a name that is none: harmless. */
	daemon_notify("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	daemon_notify("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	daemon_notify("READY=1");
	memset(too_long, 'x', sizeof too_long);
	too_long[0] = '/';
	too_long[sizeof too_long - 1] = '\0';
	setenv("NOTIFY_SOCKET", too_long, 1);
	daemon_notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
	daemon_ready();
}
END_TEST

enum ending { BECOMES_READY, ENDS_WITH_STATUS, ENDS_WITH_0, IS_KILLED };

/* The detached process' part; it reports what it found through result. */
static void detached(int result, enum ending ending)
{
	char directory[64] = "";
	struct stat null, is;
	char found = 'y';

	if (getsid(0) != getpid() || getcwd(directory, sizeof directory) == NULL ||
	    strcmp(directory, "/") != 0 || stat("/dev/null", &null) != 0)
		found = 'n';
	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &is) != 0 || is.st_rdev != null.st_rdev)
			found = 'n';
	switch (ending) {
	case BECOMES_READY: daemon_ready(); break;
	case ENDS_WITH_STATUS: _exit(EX_CONFIG);
	case ENDS_WITH_0: _exit(0);
	case IS_KILLED: abort();
	}
	if (write(result, &found, 1) != 1)
		_exit(1);
	_exit(0);
}

START_TEST(detach)
{
	static const struct {
		enum ending ending;
		int status;
	} table[] = {
		{ BECOMES_READY, EX_OK },
		{ ENDS_WITH_STATUS, EX_CONFIG },
		{ ENDS_WITH_0, EX_SOFTWARE },
		{ IS_KILLED, EX_SOFTWARE },
	};
	const struct daemon_options background = { 0 }, foreground = { .foreground = true };

	ck_assert_int_eq(daemon_detach(&foreground), ERR_OK);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int ends[2], status;
		pid_t starter;
		char found;

		ck_assert_int_eq(pipe(ends), 0);
		starter = fork();
		if (starter == 0) {
			if (daemon_detach(&background) == ERR_OK)
				detached(ends[1], table[i].ending);
			_exit(99);
		}
		close(ends[1]);
		ck_assert_int_eq(waitpid(starter, &status, 0), starter);
		ck_assert(WIFEXITED(status));
		ck_assert_msg(WEXITSTATUS(status) == table[i].status, "case %zu: %d", i,
		    WEXITSTATUS(status));
		if (table[i].ending == BECOMES_READY) {
			ck_assert_int_eq(read(ends[0], &found, 1), 1);
			ck_assert_int_eq(found, 'y');
		}
		close(ends[0]);
	}
}
END_TEST

/* In a child: 0 when the ids are as expected and root is out of reach. */
static int drop_in_child(const char *user, const char *group, uid_t uid, gid_t gid, bool alone)
{
	char error[256];
	int status;
	pid_t child = fork();

	if (child == 0) {
		gid_t groups[64];
		int n;

		if (daemon_drop_privileges(user, group, error, sizeof error) != ERR_OK)
			_exit(1);
		n = getgroups(64, groups);
		if (getuid() != uid || geteuid() != uid || getgid() != gid || getegid() != gid)
			_exit(2);
		if (setuid(0) == 0 || setgid(0) == 0)
			_exit(3);
		/* Root's own groups must not have come along. */
		for (int i = 0; i < n; i++)
			if (groups[i] == 0)
				_exit(4);
		if (alone && n != 0)
			_exit(5);
		/* A second call finds us in place. */
		_exit(
		    daemon_drop_privileges(user, group, error, sizeof error) == ERR_OK ? 0 : 6);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

START_TEST(drop_privileges)
{
	gid_t supplementary = 0;
	char error[256];

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(setgroups(1, &supplementary), 0);
	ck_assert_int_eq(drop_in_child("nobody", "", 65534, 65534, false), 0);
	ck_assert_int_eq(drop_in_child("nobody", "daemon", 65534, 1, false), 0);
	ck_assert_int_eq(drop_in_child("12345", "54321", 12345, 54321, true), 0);
	ck_assert_int_eq(drop_in_child("65534", "", 65534, 65534, true), 0);
	error[0] = '\0';
	ck_assert_int_eq(daemon_drop_privileges("", "", error, sizeof error), ERR_DENIED);
	ck_assert_int_eq(daemon_drop_privileges("root", "", error, sizeof error), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(error, "is root"));
	ck_assert_int_eq(daemon_drop_privileges("0", "1", error, sizeof error), ERR_DENIED);
	ck_assert_int_eq(
	    daemon_drop_privileges("no-such-user", "", error, sizeof error), ERR_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(error, "no-such-user"));
	ck_assert_int_eq(daemon_drop_privileges("nobody", "no-such-group", error, sizeof error),
	    ERR_NOTFOUND);
	ck_assert_int_eq(
	    daemon_drop_privileges("12345", "", error, sizeof error), ERR_NOTFOUND);
	ck_assert_int_eq(
	    daemon_drop_privileges("4294967295", "1", error, sizeof error), ERR_NOTFOUND);
	ck_assert_uint_eq(geteuid(), 0);
}
END_TEST

START_TEST(not_root)
{
	char error[256];
	int status;
	pid_t child;

	child = fork();
	if (child == 0) {
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(1);
		if (daemon_drop_privileges("", "", error, sizeof error) != ERR_OK)
			_exit(2);
		if (daemon_drop_privileges("root", "", error, sizeof error) != ERR_DENIED)
			_exit(3);
		_exit(0);
	}
	waitpid(child, &status, 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon");
	TCase *cases = tcase_create("daemon");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, options);
	tcase_add_test(cases, help_names_every_option);
	tcase_add_test(cases, notify);
	tcase_add_test(cases, detach);
	tcase_add_test(cases, drop_privileges);
	tcase_add_test(cases, not_root);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
