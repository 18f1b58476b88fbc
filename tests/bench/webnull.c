/*
 * webnull - the cheapest server on libmicrohttpd that still redirects: one thread in epoll mode, the
 * same answer to everything.
 *
 *   webnull -p PORT     on 127.0.0.1
 */
#include "lab.h"

#include <microhttpd.h>

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *size, void **state)
{
	static int seen;
	struct MHD_Response *response;
	enum MHD_Result done;

	(void)context, (void)url, (void)method, (void)version, (void)data, (void)size;
	if (*state == NULL) { /* the first call is for the head only */
		*state = &seen;
		return MHD_YES;
	}
	response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Location", "https://www.shop.example/p/1?from=mail");
	done = MHD_queue_response(connection, 302, response);
	MHD_destroy_response(response);
	return done;
}

int main(int argc, char **argv)
{
	struct endpoint e;
	struct MHD_Daemon *daemon;
	char name[64];
	int opt, port = 0;

	while ((opt = getopt(argc, argv, "p:")) != -1)
		if (opt == 'p')
			port = atoi(optarg);
	if (port <= 0)
		die("usage: webnull -p PORT");
	signal(SIGPIPE, SIG_IGN);
	snprintf(name, sizeof name, "inet:127.0.0.1:%d", port);
	endpoint_parse(name, &e);
	/* As penguin-web starts it, so that only what is done with a request differs. */
	daemon = MHD_start_daemon(
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
	    NULL, NULL, answer, NULL, MHD_OPTION_LISTEN_SOCKET, endpoint_listen(&e),
	    MHD_OPTION_CONNECTION_LIMIT, 1000u, MHD_OPTION_CONNECTION_TIMEOUT, 15u,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)24 * 1024, MHD_OPTION_STRICT_FOR_CLIENT,
	    1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
	if (daemon == NULL)
		die("libmicrohttpd does not start");
	pause();
	MHD_stop_daemon(daemon);
	return 0;
}
