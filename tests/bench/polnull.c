/*
 * polnull - the cheapest policy server that still answers: one thread, epoll,
 * looks for the empty line only and answers action=DUNNO.
 *
 *   polnull -s unix:/path|inet:host:port [-v]     (-v: print the first request)
 */
#include "lab.h"

#define MAXFD 4096

static unsigned char tail_nl[MAXFD]; /* last byte seen on this fd was '\n' */

int main(int argc, char **argv)
{
	static const char answer[] = "action=DUNNO\n\n";
	static char buf[65536];
	struct epoll_event ev, evs[256];
	struct endpoint e;
	int opt, lfd, ep, verbose = 0;
	const char *sock = NULL;

	while ((opt = getopt(argc, argv, "s:v")) != -1) {
		if (opt == 's')
			sock = optarg;
		else if (opt == 'v')
			verbose = 1;
		else
			return 2;
	}
	if (sock == NULL)
		die("usage: polnull -s unix:/path|inet:host:port [-v]");
	signal(SIGPIPE, SIG_IGN);
	endpoint_parse(sock, &e);
	lfd = endpoint_listen(&e);
	ep = epoll_create1(EPOLL_CLOEXEC);
	ev.events = EPOLLIN;
	ev.data.fd = lfd;
	epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &ev);
	for (;;) {
		int i, n = epoll_wait(ep, evs, 256, -1);

		for (i = 0; i < n; i++) {
			int fd = evs[i].data.fd;
			ssize_t got, k;

			if (fd == lfd) {
				int c;

				while ((c = accept4(lfd, NULL, NULL,
					    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
					int one = 1;

					if (c >= MAXFD) {
						close(c);
						continue;
					}
					if (e.family == AF_INET)
						setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one,
						    sizeof one);
					tail_nl[c] = 0;
					ev.events = EPOLLIN;
					ev.data.fd = c;
					epoll_ctl(ep, EPOLL_CTL_ADD, c, &ev);
				}
				continue;
			}
			got = read(fd, buf, sizeof buf);
			if (got <= 0) {
				if (got == 0 || errno != EAGAIN)
					close(fd);
				continue;
			}
			if (verbose) {
				fwrite(buf, 1, (size_t)got, stdout);
				fflush(stdout);
				verbose = buf[got - 1] != '\n';
			}
			for (k = 0; k < got; k++) {
				int nl = buf[k] == '\n';

				if (nl && tail_nl[fd]) {
					if (write(fd, answer, sizeof answer - 1) < 0)
						break;
					nl = 0;
				}
				tail_nl[fd] = (unsigned char)nl;
			}
		}
	}
}
