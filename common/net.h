/* net.h - sockets by name: "unix:penguinmails/policy.sock", "/run/x/control.sock",
 * "inet:127.0.0.1:8025" ("inet:[::1]:8025"). A relative unix name lies below Postfix's queue
 * directory, which works chrooted and not. Knows no protocol. */
#ifndef NET_H
#define NET_H

#include <sys/types.h>

#include "base.h"
#include "err.h"
#include "span.h"

struct net_address {
	bool is_unix;
	char path[108]; /* unix: absolute */
	char host[64];  /* inet: numeric, without brackets */
	uint16_t port;
};

/* base: directory for relative unix names. error gets a sentence on failure. */
enum err net_parse(struct span name, const char *base, struct net_address *address_r,
    char *error, size_t size) CHECKED;

/* A listening, non-blocking, close-on-exec socket. unix: a stale socket of the same name is
 * removed first (never another kind of file, never one that answers); mode as given, group the
 * directory's (it is set-gid). */
enum err net_listen(const struct net_address *address, mode_t mode, int backlog, int *fd_r,
    char *error, size_t size) CHECKED;

/* A connected socket; waits at most timeout_ms for the connection. Blocking afterwards, with
 * send and receive timeouts of timeout_ms. */
enum err net_connect(const struct net_address *address, int timeout_ms, int *fd_r, char *error,
    size_t size) CHECKED;

/* Identity of the peer of a connected unix socket (SO_PEERCRED). False for other sockets. */
bool net_peer(int fd, uid_t *uid_r, gid_t *gid_r, pid_t *pid_r);

/* All octets, or an error. Never raises SIGPIPE. */
enum err net_write_all(int fd, struct span bytes) CHECKED;

#endif
