/* test_net - names of sockets, stale and living ones, modes, time-outs, peers. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "net.h"

static char root[64], error[512];

static void setup(void)
{
	snprintf(root, sizeof root, "/tmp/test_net.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void teardown(void)
{
	char path[128];

	snprintf(path, sizeof path, "%s/s", root);
	unlink(path);
	rmdir(root);
}

static struct net_address in_root(const char *name)
{
	struct net_address a;

	ck_assert_int_eq(net_parse(span_cstr(name), root, &a, error, sizeof error), ERR_OK);
	return a;
}

START_TEST(names)
{
	static const struct {
		const char *name, *base;
		enum err e;
		bool is_unix;
		const char *where;
		uint16_t port;
	} table[] = {
		{ "unix:penguinmails/policy.sock", "/var/spool/postfix", ERR_OK, true,
		    "/var/spool/postfix/penguinmails/policy.sock", 0 },
		{ "unix:p", "/q/", ERR_OK, true, "/q/p", 0 },
		{ "unix:p", "/", ERR_OK, true, "/p", 0 },
		{ "unix:/run/x/control.sock", "/q", ERR_OK, true, "/run/x/control.sock", 0 },
		{ "/run/x/control.sock", NULL, ERR_OK, true, "/run/x/control.sock", 0 },
		{ "unix:p", NULL, ERR_SYNTAX, false, NULL, 0 },
		{ "unix:p", "", ERR_SYNTAX, false, NULL, 0 },
		{ "unix:p", "relative", ERR_SYNTAX, false, NULL, 0 },
		{ "unix:", "/q", ERR_SYNTAX, false, NULL, 0 },
		{ "unix:a\nb", "/q", ERR_SYNTAX, false, NULL, 0 },
		{ "inet:127.0.0.1:8025", NULL, ERR_OK, false, "127.0.0.1", 8025 },
		{ "inet:[::1]:8025", NULL, ERR_OK, false, "::1", 8025 },
		{ "inet:127.0.0.1:1", NULL, ERR_OK, false, "127.0.0.1", 1 },
		{ "inet:127.0.0.1:65535", NULL, ERR_OK, false, "127.0.0.1", 65535 },
		{ "inet:127.0.0.1:65536", NULL, ERR_RANGE, false, NULL, 0 },
		{ "inet:127.0.0.1:0", NULL, ERR_RANGE, false, NULL, 0 },
		{ "inet:127.0.0.1:+1", NULL, ERR_SYNTAX, false, NULL, 0 },
		{ "inet:127.0.0.1:", NULL, ERR_SYNTAX, false, NULL, 0 },
		{ "inet:127.0.0.1", NULL, ERR_SYNTAX, false, NULL, 0 },
		{ "inet:localhost:25", NULL, ERR_SYNTAX, false, NULL, 0 },
		{ "inet:::1:25", NULL, ERR_SYNTAX, false, NULL, 0 },
		{ "inet:[127.0.0.1]:25", NULL, ERR_SYNTAX, false, NULL, 0 },
		{ "inet:[::1:25", NULL, ERR_SYNTAX, false, NULL, 0 },
		{ "inet::25", NULL, ERR_SYNTAX, false, NULL, 0 },
		{ "inet:", NULL, ERR_SYNTAX, false, NULL, 0 },
		{ "policy.sock", "/q", ERR_SYNTAX, false, NULL, 0 },
		{ "UNIX:p", "/q", ERR_SYNTAX, false, NULL, 0 },
		{ "", "/q", ERR_SYNTAX, false, NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct net_address a;
		enum err e;

		error[0] = '\0';
		e = net_parse(span_cstr(table[i].name), table[i].base, &a, error, sizeof error);
		ck_assert_msg(e == table[i].e, "%s: %s", table[i].name, error);
		if (e != ERR_OK) {
			ck_assert_msg(error[0] != '\0', "%s", table[i].name);
			continue;
		}
		ck_assert(a.is_unix == table[i].is_unix);
		ck_assert_str_eq(a.is_unix ? a.path : a.host, table[i].where);
		ck_assert_uint_eq(a.port, table[i].port);
	}
}
END_TEST

START_TEST(path_of_107_octets)
{
	char name[160];
	struct net_address a;

	for (size_t n = 105; n <= 150; n++) {
		memset(name, 'p', n);
		name[0] = '/';
		ck_assert_int_eq(net_parse(span_make(name, n), NULL, &a, error, sizeof error),
		    n <= 107 ? ERR_OK : ERR_TOOBIG);
		/* With a directory in front: "/base" and '/' are six more. */
		memcpy(name, "unix:p", 6);
		ck_assert_int_eq(
		    net_parse(span_make(name, n), "/base", &a, error, sizeof error),
		    n - 5 + 6 <= 107 ? ERR_OK : ERR_TOOBIG);
	}
}
END_TEST

START_TEST(listen_connect_and_peer)
{
	struct net_address a = in_root("unix:s");
	uid_t uid = 12345;
	gid_t gid = 12345;
	pid_t pid = 0;
	int listener, client, server, other;
	struct stat st;
	char bytes[8];

	umask(0);
	ck_assert_int_eq(net_listen(&a, 0660, 5, &listener, error, sizeof error), ERR_OK);
	ck_assert_int_eq(stat(a.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_assert_uint_eq(umask(0), 0);
	ck_assert(fcntl(listener, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(listener, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(net_connect(&a, 1000, &client, error, sizeof error), ERR_OK);
	ck_assert(!(fcntl(client, F_GETFL) & O_NONBLOCK));
	ck_assert(fcntl(client, F_GETFD) & FD_CLOEXEC);
	server = accept(listener, NULL, NULL);
	ck_assert_int_ge(server, 0);
	ck_assert(net_peer(server, &uid, &gid, &pid));
	ck_assert(uid == geteuid() && gid == getegid() && pid == getpid());
	ck_assert(net_peer(server, NULL, NULL, NULL));
	ck_assert_int_eq(net_write_all(client, SPAN("hello")), ERR_OK);
	ck_assert_int_eq(read(server, bytes, sizeof bytes), 5);
	/* Somebody is there: the name is not taken from them. */
	ck_assert_int_eq(net_listen(&a, 0660, 5, &other, error, sizeof error), ERR_EXISTS);
	ck_assert_int_eq(other, -1);
	ck_assert_int_eq(stat(a.path, &st), 0);
	close(server);
	close(client);
	close(listener);
	/* Now nobody is: the stale name is taken over, with another mode. */
	ck_assert_int_eq(net_connect(&a, 1000, &client, error, sizeof error), ERR_IO);
	ck_assert_ptr_nonnull(strstr(error, a.path));
	umask(077);
	ck_assert_int_eq(net_listen(&a, 0666, 5, &listener, error, sizeof error), ERR_OK);
	ck_assert_int_eq(stat(a.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0666);
	close(listener);
}
END_TEST

START_TEST(only_sockets_are_removed)
{
	struct net_address a = in_root("unix:s");
	struct stat st;
	int fd;

	fd = open(a.path, O_WRONLY | O_CREAT, 0600);
	close(fd);
	ck_assert_int_eq(net_listen(&a, 0660, 5, &fd, error, sizeof error), ERR_EXISTS);
	ck_assert_int_eq(stat(a.path, &st), 0);
	unlink(a.path);
	ck_assert_int_eq(symlink("/tmp/nowhere", a.path), 0);
	ck_assert_int_eq(net_listen(&a, 0660, 5, &fd, error, sizeof error), ERR_EXISTS);
	ck_assert_int_eq(lstat(a.path, &st), 0);
	unlink(a.path);
	a = in_root("unix:no/s");
	ck_assert_int_eq(net_listen(&a, 0660, 5, &fd, error, sizeof error), ERR_NOTFOUND);
	ck_assert_int_eq(net_connect(&a, 100, &fd, error, sizeof error), ERR_NOTFOUND);
	ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(full_backlog_counts_as_alive_and_times_out)
{
	struct net_address a = in_root("unix:s");
	int listener, clients[8], other;
	int64_t before_ns;
	enum err e = ERR_OK;
	size_t n = 0;

	ck_assert_int_eq(net_listen(&a, 0660, 1, &listener, error, sizeof error), ERR_OK);
	before_ns = clock_mono_ns();
	while (n < ARRAY_SIZE(clients) && e == ERR_OK)
		e = net_connect(&a, 100, &clients[n++], error, sizeof error);
	ck_assert_int_eq(e, ERR_TIMEOUT);
	ck_assert_int_ge(clock_mono_ns() - before_ns, 90 * NS_PER_MS);
	ck_assert_int_lt(clock_mono_ns() - before_ns, 5 * NS_PER_S);
	ck_assert_int_eq(net_listen(&a, 0660, 5, &other, error, sizeof error), ERR_EXISTS);
	while (n-- > 0)
		if (clients[n] >= 0)
			close(clients[n]);
	close(listener);
}
END_TEST

START_TEST(peer_that_never_reads_or_hangs_up)
{
	static char much[4 << 20];
	struct net_address a = in_root("unix:s");
	int listener, client, server;
	char c;

	signal(SIGPIPE, SIG_DFL);
	ck_assert_int_eq(net_listen(&a, 0660, 5, &listener, error, sizeof error), ERR_OK);
	ck_assert_int_eq(net_connect(&a, 100, &client, error, sizeof error), ERR_OK);
	ck_assert_int_eq(read(client, &c, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(net_write_all(client, span_make(much, sizeof much)), ERR_TIMEOUT);
	server = accept(listener, NULL, NULL);
	close(server);
	ck_assert_int_eq(net_write_all(client, SPAN("x")), ERR_CLOSED);
	ck_assert_int_eq(net_write_all(client, SPAN("")), ERR_OK);
	close(client);
	close(listener);
}
END_TEST

START_TEST(inet)
{
	static const char *const hosts[] = { "127.0.0.1", "[::1]" };

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		int listener = -1, client, server, other;
		struct net_address a;
		char name[64];
		enum err e = ERR_EXISTS;

		for (int try = 0; try < 50 && e == ERR_EXISTS; try++) {
			snprintf(name, sizeof name, "inet:%s:%d", hosts[i],
			    20000 + ((int)getpid() * 7 + try * 13) % 10000);
			a = in_root(name);
			e = net_listen(&a, 0, 5, &listener, error, sizeof error);
		}
		if (i == 1 && e != ERR_OK)
			continue; /* a host without IPv6 */
		ck_assert_msg(e == ERR_OK, "%s", error);
		ck_assert_int_eq(net_listen(&a, 0, 5, &other, error, sizeof error), ERR_EXISTS);
		ck_assert_int_eq(net_connect(&a, 1000, &client, error, sizeof error), ERR_OK);
		server = accept(listener, NULL, NULL);
		ck_assert_int_ge(server, 0);
		ck_assert(!net_peer(server, NULL, NULL, NULL));
		close(server);
		close(client);
		close(listener);
		ck_assert_int_eq(net_connect(&a, 1000, &client, error, sizeof error), ERR_IO);
		ck_assert_ptr_nonnull(strstr(error, "port"));
	}
	ck_assert(!net_peer(-1, NULL, NULL, NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net");
	TCase *cases = tcase_create("net");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, names);
	tcase_add_test(cases, path_of_107_octets);
	tcase_add_test(cases, listen_connect_and_peer);
	tcase_add_test(cases, only_sockets_are_removed);
	tcase_add_test(cases, full_backlog_counts_as_alive_and_times_out);
	tcase_add_test(cases, peer_that_never_reads_or_hangs_up);
	tcase_add_test(cases, inet);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
