/*
 * routesnull - the cheapest socketmap server that still answers: one thread, epoll, takes what a
 * read gives for one request and answers NOTFOUND.
 *
 *   routesnull -s unix:/path|inet:host:port
 */
#include "lab.h"

static void serve(int ep, int listening)
{
	static const char answer[] = "9:NOTFOUND ,";
	static char buf[65536];
	struct epoll_event ev = { .events = EPOLLIN }, evs[256];

	for (;;) {
		int n = epoll_wait(ep, evs, 256, -1);

		for (int i = 0; i < n; i++) {
			int fd = evs[i].data.fd;
			ssize_t got;

			if (fd == listening) {
				ev.data.fd =
				    accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
				if (ev.data.fd >= 0)
					epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
				continue;
			}
			got = read(fd, buf, sizeof buf);
			if (got <= 0 || write(fd, answer, sizeof answer - 1) < 0)
				close(fd);
		}
	}
}

int main(int argc, char **argv)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct endpoint e;
	int ep;

	if (argc != 3 || strcmp(argv[1], "-s") != 0)
		die("usage: routesnull -s unix:/path|inet:host:port");
	signal(SIGPIPE, SIG_IGN);
	endpoint_parse(argv[2], &e);
	ev.data.fd = endpoint_listen(&e);
	ep = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
	serve(ep, ev.data.fd);
}
