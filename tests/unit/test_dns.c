/* test_dns - questions over loopback to a server in a thread of the test: answers, silence, a closed
 * port, more questions than go out at once, an answer that needs TCP. */
#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns.h"
#include "network.h"

#define LONG_OCTETS 3000

struct server {
	pthread_t thread;
	int udp, tcp;
	uint16_t port;
	atomic_bool stop;
	atomic_uint asked, recursion, over_tcp;
};

/* What the first label asks for: "silent", "nxdomain", "servfail", "long"; else TXT "hi". */
static size_t reply_to(struct server *s, const char *query, size_t n, char *out, bool tcp)
{
	size_t end = 12, text = 2, count = 1;
	unsigned char flags2 = 0, flags1 = 0x84;

	while (end < n && query[end] != 0)
		end += (unsigned char)query[end] + 1u;
	end += 5;
	atomic_fetch_add(&s->asked, 1);
	atomic_fetch_add(&s->recursion, query[2] & 1);
	if (memcmp(query + 12, "\x06silent", 7) == 0)
		return 0;
	if (memcmp(query + 12, "\x08nxdomain", 9) == 0)
		flags2 = 3, count = 0;
	if (memcmp(query + 12, "\x08servfail", 9) == 0)
		flags2 = 2, count = 0;
	if (memcmp(query + 12, "\x04long", 5) == 0) {
		if (tcp)
			text = LONG_OCTETS;
		else
			flags1 |= 2, count = 0;
	}
	memcpy(out, query, end);
	out[2] = (char)flags1;
	out[3] = (char)flags2;
	memcpy(out + 4, (char[]){ 0, 1, 0, (char)count, 0, 0, 0, 0 }, 8);
	if (count == 0)
		return end;
	memcpy(out + end, "\xC0\x0C\0\x10\0\1\0\0\0\x3C", 10);
	end += 10;
	{
		size_t length = text + (text + 254) / 255;

		out[end++] = (char)(length >> 8);
		out[end++] = (char)length;
	}
	for (size_t left = text; left > 0;) {
		size_t piece = left < 255 ? left : 255;

		out[end++] = (char)piece;
		memset(out + end, 'h', piece);
		end += piece;
		left -= piece;
	}
	return end;
}

static void *serve(void *context)
{
	struct server *s = context;
	char query[4096], out[8192];

	while (!s->stop) {
		struct pollfd at[] = { { .fd = s->udp, .events = POLLIN },
			{ .fd = s->tcp, .events = POLLIN } };
		struct sockaddr_storage peer;
		socklen_t size = sizeof peer;

		(void)poll(at, 2, 20);
		if (at[0].revents != 0) {
			ssize_t n = recvfrom(
			    s->udp, query, sizeof query, 0, (struct sockaddr *)&peer, &size);
			size_t r = n > 12 ? reply_to(s, query, (size_t)n, out, false) : 0;

			if (r > 0)
				(void)!sendto(
				    s->udp, out, r, 0, (struct sockaddr *)&peer, size);
		}
		if (at[1].revents != 0) {
			int fd = accept(s->tcp, NULL, NULL);
			ssize_t n = recv(fd, query, 2, MSG_WAITALL);

			n = n == 2 ? recv(fd, query,
					 (size_t)((unsigned char)query[0] << 8 |
						  (unsigned char)query[1]),
					 MSG_WAITALL)
				   : 0;
			if (n > 12) {
				size_t r = reply_to(s, query, (size_t)n, out + 2, true);

				out[0] = (char)(r >> 8);
				out[1] = (char)r;
				atomic_fetch_add(&s->over_tcp, 1);
				(void)!write(fd, out, r + 2);
			}
			close(fd);
		}
	}
	return NULL;
}

static struct server server;
static struct dns *dns;
static char address[64];

static void open_dns(const char *at, uint16_t authority_port)
{
	char error[256];

	ck_assert_int_eq(dns_open(&(struct dns_options){ .server = at,
				      .authority_port = authority_port,
				      .timeout_ms = 200,
				      .tries = 2 },
			     &dns, error, sizeof error),
	    ERR_OK);
}

static void setup(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;

	server = (struct server){ .udp = socket(AF_INET, SOCK_DGRAM, 0),
		.tcp = socket(AF_INET, SOCK_STREAM, 0) };
	ck_assert_int_eq(bind(server.tcp, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(getsockname(server.tcp, (struct sockaddr *)&a, &size), 0);
	ck_assert_int_eq(bind(server.udp, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(server.tcp, 5), 0);
	server.port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, &server), 0);
	(void)snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)server.port);
	open_dns(address, server.port);
}

static void teardown(void)
{
	server.stop = true;
	pthread_join(server.thread, NULL);
	close(server.udp);
	close(server.tcp);
	dns_close(&dns);
	ck_assert_ptr_null(dns);
}

struct outcome {
	unsigned called;
	enum dns_status status;
	size_t octets;
	bool authoritative;
};

static void take(void *context, const struct dns_answer *answer)
{
	struct outcome *o = context;

	o->called++;
	o->status = answer->status;
	o->octets = answer->count > 0 ? dns_answer_at(answer, 0)->text.n : 0;
	o->authoritative = answer->authoritative;
}

static struct outcome ask(const uint8_t *at, const char *name)
{
	struct outcome o = { 0 };

	ck_assert_int_eq(dns_ask(dns, at, name, DNS_TXT, take, &o), ERR_OK);
	ck_assert_uint_eq(o.called, 0);
	while (dns_pending(dns) > 0)
		dns_run(dns, 1000);
	ck_assert_uint_eq(o.called, 1);
	return o;
}

START_TEST(outcomes)
{
	struct outcome o = ask(NULL, "good.test");

	ck_assert_int_eq(o.status, DNS_FOUND);
	ck_assert_uint_eq(o.octets, 2);
	ck_assert(o.authoritative);
	ck_assert_uint_eq(server.recursion, 1);
	ck_assert_int_eq(ask(NULL, "nxdomain.test").status, DNS_NO_NAME);
	ck_assert_int_eq(ask(NULL, "servfail.test").status, DNS_SERVFAIL);
	o = ask(NULL, "long.test");
	ck_assert_uint_eq(o.octets, LONG_OCTETS);
	ck_assert_uint_eq(server.over_tcp, 1);
	server.asked = 0;
	ck_assert_int_eq(ask(NULL, "silent.test").status, DNS_TIMEOUT);
	ck_assert_uint_eq(server.asked, 2); /* tries */
}
END_TEST

START_TEST(one_server_is_not_asked_to_recurse)
{
	uint8_t at[16];

	ck_assert(network_parse_address(SPAN("127.0.0.1"), at));
	ck_assert_int_eq(ask(at, "good.test").status, DNS_FOUND);
	ck_assert_uint_eq(server.asked, 1);
	ck_assert_uint_eq(server.recursion, 0);
}
END_TEST

START_TEST(closed_port)
{
	uint8_t at[16];

	dns_close(&dns);
	open_dns(address, 1);
	ck_assert(network_parse_address(SPAN("127.0.0.9"), at));
	ck_assert_int_eq(ask(at, "good.test").status, DNS_TIMEOUT);
}
END_TEST

/* More than go out at once: all are answered, each once. */
START_TEST(many)
{
	static struct outcome o[DNS_IN_FLIGHT_MAX * 5];

	for (size_t i = 0; i < ARRAY_SIZE(o); i++) {
		char name[32];

		(void)snprintf(name, sizeof name, "n%zu.test", i);
		ck_assert_int_eq(dns_ask(dns, NULL, name, DNS_TXT, take, &o[i]), ERR_OK);
	}
	while (dns_pending(dns) > 0)
		dns_run(dns, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(o); i++) {
		ck_assert_uint_eq(o[i].called, 1);
		ck_assert_int_eq(o[i].status, DNS_FOUND);
	}
}
END_TEST

/* Closing with questions out and waiting calls nobody back. */
START_TEST(close_early)
{
	static struct outcome o[DNS_IN_FLIGHT_MAX + 10];

	for (size_t i = 0; i < ARRAY_SIZE(o); i++)
		ck_assert_int_eq(
		    dns_ask(dns, NULL, "silent.test", DNS_TXT, take, &o[i]), ERR_OK);
	dns_run(dns, 1);
	(void)poll(NULL, 0, 100);
	ck_assert_uint_gt(server.asked, 0);
	ck_assert_uint_le(server.asked, DNS_IN_FLIGHT_MAX); /* the others wait */
	ck_assert_uint_eq(dns_pending(dns), ARRAY_SIZE(o));
	dns_close(&dns);
	for (size_t i = 0; i < ARRAY_SIZE(o); i++)
		ck_assert_uint_eq(o[i].called, 0);
}
END_TEST

START_TEST(names_and_servers)
{
	static const struct {
		const char *server;
		enum err e;
	} servers[] = {
		{ "127.0.0.1", ERR_OK },
		{ "127.0.0.1:5300", ERR_OK },
		{ "::1", ERR_OK },
		{ "[::1]", ERR_OK },
		{ "[::1]:5300", ERR_OK },
		{ "", ERR_SYNTAX },
		{ "localhost", ERR_SYNTAX },
		{ "127.0.0.1:", ERR_SYNTAX },
		{ "127.0.0.1:0", ERR_SYNTAX },
		{ "127.0.0.1:65536", ERR_SYNTAX },
		{ "127.0.0.1,127.0.0.2", ERR_SYNTAX },
		{ "[::1", ERR_SYNTAX },
		{ "[::1]5300", ERR_SYNTAX },
	};
	char label[80], name[300], error[256];
	struct outcome o;

	memset(label, 'a', sizeof label);
	(void)snprintf(
	    name, sizeof name, "%.63s.%.63s.%.63s.%.61s", label, label, label, label);
	ck_assert_uint_eq(strlen(name), 253);
	ck_assert_int_eq(dns_ask(dns, NULL, name, DNS_A, take, &o), ERR_OK);
	(void)snprintf(
	    name, sizeof name, "%.63s.%.63s.%.63s.%.62s", label, label, label, label);
	ck_assert_int_eq(dns_ask(dns, NULL, name, DNS_A, take, &o), ERR_TOOBIG);
	(void)snprintf(name, sizeof name, "%.64s", label);
	ck_assert_int_eq(dns_ask(dns, NULL, name, DNS_A, take, &o), ERR_TOOBIG);
	ck_assert_int_eq(dns_ask(dns, NULL, "", DNS_A, take, &o), ERR_TOOBIG);
	ck_assert_int_eq(dns_ask(dns, NULL, "a..b", DNS_A, take, &o), ERR_TOOBIG);
	ck_assert_int_eq(dns_ask(dns, NULL, "a b", DNS_A, take, &o), ERR_TOOBIG);
	while (dns_pending(dns) > 0)
		dns_run(dns, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		struct dns *other;

		ck_assert_int_eq(dns_open(&(struct dns_options){ .server = servers[i].server },
				     &other, error, sizeof error),
		    servers[i].e);
		dns_close(&other);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns");
	TCase *tests = tcase_create("dns");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, outcomes);
	tcase_add_test(tests, one_server_is_not_asked_to_recurse);
	tcase_add_test(tests, closed_port);
	tcase_add_test(tests, many);
	tcase_add_test(tests, close_early);
	tcase_add_test(tests, names_and_servers);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
