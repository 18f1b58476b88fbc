/* net - sockets by name. Knows no protocol, no event loop and no configuration. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "net.h"

_Static_assert(
    sizeof(((struct net_address *)0)->path) == sizeof(((struct sockaddr_un *)0)->sun_path),
    "a path that was parsed fits the socket address");

union any_address {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static enum err fail(enum err e, char *error, size_t size, const char *format, ...)
    PRINTF_LIKE(4, 5);

static enum err fail(enum err e, char *error, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, size, format, ap);
	va_end(ap);
	return e;
}

/* As fail, for the errno of a system call. */
static enum err fail_call(
    const struct net_address *address, const char *call, char *error, size_t size)
{
	enum err e = errno == EADDRINUSE ? ERR_EXISTS : err_from_errno(errno);

	if (address->is_unix)
		return fail(e, error, size, "%s: %s: %m", address->path, call);
	return fail(
	    e, error, size, "%s port %u: %s: %m", address->host, (unsigned)address->port, call);
}

/* ---- names ---- */

static bool has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

static enum err parse_path(
    struct span path, const char *base, struct net_address *address_r, char *error, size_t size)
{
	struct span directory = path.n > 0 && path.p[0] == '/' ? SPAN("") : span_cstr(base);
	size_t n = directory.n;

	if (path.n == 0)
		return fail(ERR_SYNTAX, error, size, "the name of a unix socket is empty");
	if (path.p[0] != '/' && (n == 0 || directory.p[0] != '/'))
		return fail(ERR_SYNTAX, error, size,
		    "\"%.*s\": a relative name needs an absolute directory to lie in",
		    SPAN_ARG(span_head(path, 128)));
	while (n > 0 && directory.p[n - 1] == '/')
		n--;
	if (directory.n > 0)
		n++;
	if (path.n > sizeof address_r->path - 1 || n > sizeof address_r->path - 1 - path.n)
		return fail(ERR_TOOBIG, error, size,
		    "\"%.*s\": a unix socket's path has at most %zu octets",
		    SPAN_ARG(span_head(path, 128)), sizeof address_r->path - 1);
	address_r->is_unix = true;
	if (n > 0) {
		memcpy(address_r->path, directory.p, n - 1);
		address_r->path[n - 1] = '/';
	}
	memcpy(address_r->path + n, path.p, path.n);
	return ERR_OK;
}

static enum err parse_inet(
    struct span text, struct net_address *address_r, char *error, size_t size)
{
	struct span whole = span_head(text, 128);
	struct in6_addr binary;
	struct span host, port;
	uint64_t number;
	size_t colon = text.n;
	int family = AF_INET;

	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return fail(ERR_SYNTAX, error, size,
		    "\"inet:%.*s\": expected inet:ADDRESS:PORT", SPAN_ARG(whole));
	host = span_head(text, colon - 1);
	port = span_from(text, colon);
	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
		host = span_make(host.p + 1, host.n - 2);
		family = AF_INET6;
	}
	if (!span_copy(host, address_r->host, sizeof address_r->host) ||
	    inet_pton(family, address_r->host, &binary) != 1)
		return fail(ERR_SYNTAX, error, size,
		    "\"inet:%.*s\": expected a numeric address, IPv6 in brackets",
		    SPAN_ARG(whole));
	if (!span_u64(port, &number))
		return fail(ERR_SYNTAX, error, size, "\"inet:%.*s\": the port is no number",
		    SPAN_ARG(whole));
	if (number < 1 || number > UINT16_MAX)
		return fail(ERR_RANGE, error, size, "\"inet:%.*s\": ports are 1 to 65535",
		    SPAN_ARG(whole));
	address_r->port = (uint16_t)number;
	return ERR_OK;
}

enum err net_parse(
    struct span name, const char *base, struct net_address *address_r, char *error, size_t size)
{
	*address_r = (struct net_address){ 0 };
	if (has_control(name))
		return fail(ERR_SYNTAX, error, size, "control character in a socket's name");
	if (span_starts(name, SPAN("inet:")))
		return parse_inet(span_from(name, 5), address_r, error, size);
	if (span_starts(name, SPAN("unix:")))
		return parse_path(span_from(name, 5), base, address_r, error, size);
	if (span_starts(name, SPAN("/")))
		return parse_path(name, base, address_r, error, size);
	return fail(ERR_SYNTAX, error, size,
	    "\"%.*s\": expected unix:NAME, /PATH or inet:ADDRESS:PORT",
	    SPAN_ARG(span_head(name, 128)));
}

/* The form the kernel takes; its length is the result. */
static socklen_t address_binary(const struct net_address *address, union any_address *out)
{
	*out = (union any_address){ 0 };
	if (address->is_unix) {
		out->local.sun_family = AF_UNIX;
		memcpy(out->local.sun_path, address->path, sizeof address->path);
		return sizeof out->local;
	}
	if (inet_pton(AF_INET, address->host, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(address->port);
		return sizeof out->v4;
	}
	/* Not numeric cannot be after net_parse; the family 0 left then is refused by bind. */
	if (inet_pton(AF_INET6, address->host, &out->v6.sin6_addr) == 1)
		out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(address->port);
	return sizeof out->v6;
}

/* ---- listening ---- */

/* Removes a socket nobody listens on any more, so that bind can take its name. */
static enum err remove_stale(const struct net_address *address, const union any_address *binary,
    socklen_t length, char *error, size_t size)
{
	enum err e = ERR_OK;
	struct stat st;
	int fd = -1;

	if (lstat(address->path, &st) != 0) {
		if (errno == ENOENT)
			return ERR_OK;
		return fail_call(address, "lstat", error, size);
	}
	if (!S_ISSOCK(st.st_mode))
		return fail(ERR_EXISTS, error, size,
		    "%s: exists and is not a socket; it is left alone", address->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_call(address, "socket", error, size);
	/* EAGAIN is a listener whose backlog is full: alive as well. */
	if (connect(fd, &binary->any, length) == 0 || errno == EAGAIN)
		e = fail(ERR_EXISTS, error, size, "%s: another process listens there",
		    address->path);
	else if (errno != ECONNREFUSED)
		e = fail_call(address, "connect to see whether it is in use", error, size);
	else if (unlink(address->path) != 0 && errno != ENOENT)
		e = fail_call(address, "unlink stale socket", error, size);
	close(fd);
	return e;
}

/* Binds so that the socket never has more rights than mode, not even for a moment. */
static enum err bind_unix(int fd, const struct net_address *address,
    const union any_address *binary, socklen_t length, mode_t mode, char *error, size_t size)
{
	mode_t before = umask(0777 & ~mode);
	int rc = bind(fd, &binary->any, length);
	enum err e;

	if (rc != 0) {
		e = fail_call(address, "bind", error, size);
		umask(before);
		return e;
	}
	umask(before);
	/* Default ACLs of the directory replace the umask: say the mode once more. */
	if (chmod(address->path, mode & 0777) == 0)
		return ERR_OK;
	e = fail_call(address, "chmod", error, size);
	unlink(address->path);
	return e;
}

static enum err bind_inet(int fd, const struct net_address *address,
    const union any_address *binary, socklen_t length, char *error, size_t size)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0)
		return fail_call(address, "SO_REUSEADDR", error, size);
	/* [::] is IPv6 only on every system, whatever its default is. */
	if (binary->any.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0)
		return fail_call(address, "IPV6_V6ONLY", error, size);
	if (bind(fd, &binary->any, length) != 0)
		return fail_call(address, "bind", error, size);
	return ERR_OK;
}

enum err net_listen(const struct net_address *address, mode_t mode, int backlog, int *fd_r,
    char *error, size_t size)
{
	union any_address binary;
	socklen_t length = address_binary(address, &binary);
	bool bound = false;
	enum err e;
	int fd;

	*fd_r = -1;
	fd = socket(binary.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_call(address, "socket", error, size);
	if (address->is_unix) {
		e = remove_stale(address, &binary, length, error, size);
		if (e == ERR_OK)
			e = bind_unix(fd, address, &binary, length, mode, error, size);
		bound = e == ERR_OK;
	} else {
		e = bind_inet(fd, address, &binary, length, error, size);
	}
	if (e == ERR_OK && listen(fd, backlog) != 0)
		e = fail_call(address, "listen", error, size);
	if (e != ERR_OK) {
		if (bound)
			unlink(address->path);
		close(fd);
		return e;
	}
	*fd_r = fd;
	return ERR_OK;
}

/* ---- connecting ---- */

static int connect_again(int fd, const union any_address *binary, socklen_t length)
{
	int rc;

	do {
		rc = connect(fd, &binary->any, length);
	} while (rc != 0 && errno == EINTR);
	/* A call after an interrupted one may find the work done. */
	return rc != 0 && errno == EISCONN ? 0 : rc;
}

enum err net_connect(
    const struct net_address *address, int timeout_ms, int *fd_r, char *error, size_t size)
{
	union any_address binary;
	socklen_t length = address_binary(address, &binary);
	struct timeval wait;
	enum err e;
	int fd;

	if (timeout_ms < 1)
		timeout_ms = 1; /* 0 would mean for ever */
	wait.tv_sec = timeout_ms / 1000;
	wait.tv_usec = timeout_ms % 1000 * 1000;
	*fd_r = -1;
	fd = socket(binary.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_call(address, "socket", error, size);
	/* The send timeout bounds connect, too (socket(7)); unlike a non-blocking connect it also
	 * waits for a unix listener with a full backlog. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0) {
		e = fail_call(address, "set timeouts", error, size);
		goto fail;
	}
	if (connect_again(fd, &binary, length) == 0) {
		*fd_r = fd;
		return ERR_OK;
	}
	if (errno == EAGAIN || errno == EINPROGRESS || errno == EALREADY)
		errno = ETIMEDOUT;
	e = fail_call(address, "connect", error, size);
fail:
	close(fd);
	return e;
}

bool net_peer(int fd, uid_t *uid_r, gid_t *gid_r, pid_t *pid_r)
{
	struct ucred peer;
	socklen_t length = sizeof peer;
	int domain = 0;
	socklen_t domain_length = sizeof domain;

	/* Other families answer SO_PEERCRED as well, with nobody's ids. */
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_length) != 0 ||
	    domain != AF_UNIX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ||
	    length != sizeof peer || peer.uid == (uid_t)-1)
		return false;
	if (uid_r != NULL)
		*uid_r = peer.uid;
	if (gid_r != NULL)
		*gid_r = peer.gid;
	if (pid_r != NULL)
		*pid_r = peer.pid;
	return true;
}

enum err net_write_all(int fd, struct span bytes)
{
	while (bytes.n > 0) {
		ssize_t sent = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		/* The send timeout ended, or a non-blocking socket's buffer is full. */
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return ERR_TIMEOUT;
		if (sent < 0)
			return err_from_errno(errno);
		bytes = span_from(bytes, (size_t)sent);
	}
	return ERR_OK;
}
