/* policy_client - questions over the control socket. Knows the wire (common/control_wire.h) and no
 * decisions. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attr.h"
#include "buf.h"
#include "clock.h"
#include "control_wire.h"
#include "log.h"
#include "policy_client.h"

#define IDLE_MAX           32  /* connections kept for the next caller */
#define RECIPIENTS_REQUEST 100 /* recipients in one request */
#define OWED_MAX           16  /* answers to "close" left unread on a connection */

struct connection {
	int fd;
	unsigned owed;  /* answers that nobody has read yet */
	struct buf in;  /* octets received beyond what was consumed */
	struct buf out; /* a request under construction */
};

struct policy_client {
	struct net_address address;
	int64_t timeout_ns;
	pthread_mutex_t lock; /* guards the pool */
	struct connection *idle[IDLE_MAX];
	size_t idle_count;
};

/* ---- connections ---- */

static void connection_free(struct connection **c)
{
	if (*c == NULL)
		return;
	if ((*c)->fd >= 0)
		close((*c)->fd);
	buf_free(&(*c)->in);
	buf_free(&(*c)->out);
	free(*c);
	*c = NULL;
}

static int left_ms(int64_t deadline_ns)
{
	int64_t left = (deadline_ns - clock_mono_ns() + NS_PER_MS - 1) / NS_PER_MS;

	return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

static enum err connection_open(
    const struct policy_client *c, int64_t deadline_ns, struct connection **connection_r)
{
	struct connection *k = calloc(1, sizeof *k);
	char error[256];
	enum err e;
	int ms = left_ms(deadline_ns);

	*connection_r = NULL;
	if (k == NULL)
		return ERR_NOMEM;
	k->fd = -1;
	buf_init(&k->in, attr_limits_control.request);
	buf_init(&k->out, attr_limits_control.request);
	e = ms > 0 ? net_connect(&c->address, ms, &k->fd, error, sizeof error) : ERR_TIMEOUT;
	if (e != ERR_OK)
		connection_free(&k);
	*connection_r = k;
	return e;
}

/* A kept connection, or NULL. The one used last is the one least likely to be closed. */
static struct connection *take_idle(struct policy_client *c)
{
	struct connection *k = NULL;

	pthread_mutex_lock(&c->lock);
	if (c->idle_count > 0)
		k = c->idle[--c->idle_count];
	pthread_mutex_unlock(&c->lock);
	return k;
}

static void give_back(struct policy_client *c, struct connection *k)
{
	pthread_mutex_lock(&c->lock);
	if (c->idle_count < IDLE_MAX) {
		c->idle[c->idle_count++] = k;
		k = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	connection_free(&k);
}

struct policy_client *policy_client_new(const struct net_address *address, int64_t timeout_s)
{
	struct policy_client *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->address = *address;
	c->timeout_ns = timeout_s * NS_PER_S;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void policy_client_free(struct policy_client **c)
{
	struct connection *k;

	if (*c == NULL)
		return;
	while ((k = take_idle(*c)) != NULL)
		connection_free(&k);
	pthread_mutex_destroy(&(*c)->lock);
	free(*c);
	*c = NULL;
}

/* ---- the wire ---- */

static enum err wait_for(int fd, short events, int64_t deadline_ns)
{
	struct pollfd p = { fd, events, 0 };
	int n;

	do
		n = poll(&p, 1, left_ms(deadline_ns));
	while (n < 0 && errno == EINTR);
	return n > 0 ? ERR_OK : n == 0 ? ERR_TIMEOUT : ERR_IO;
}

static enum err send_all(struct connection *k, int64_t deadline_ns)
{
	struct span rest = buf_span(&k->out);
	enum err e;

	if (!buf_ok(&k->out))
		return ERR_TOOBIG;
	while (rest.n > 0) {
		ssize_t n = send(k->fd, rest.p, rest.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			rest = span_from(rest, (size_t)n);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			e = wait_for(k->fd, POLLOUT, deadline_ns);
			if (e != ERR_OK)
				return e;
		} else if (errno != EINTR) {
			return err_from_errno(errno);
		}
	}
	return ERR_OK;
}

static enum err receive_some(struct connection *k, int64_t deadline_ns)
{
	ssize_t n;
	enum err e;

	if (!buf_reserve(&k->in, 4096))
		return ERR_TOOBIG;
	for (;;) {
		n = recv(k->fd, k->in.p + k->in.n, 4096, MSG_DONTWAIT);
		if (n > 0) {
			k->in.n += (size_t)n;
			return ERR_OK;
		}
		if (n == 0)
			return ERR_CLOSED;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return err_from_errno(errno);
		e = wait_for(k->fd, POLLIN, deadline_ns);
		if (e != ERR_OK)
			return e;
	}
}

/* The next answer; its spans point into k->in and stay until buf_consume(used). */
static enum err receive_answer(
    struct connection *k, int64_t deadline_ns, struct attr_request *answer_r, size_t *used_r)
{
	enum err e;

	for (;;) {
		switch (attr_scan(buf_span(&k->in), &attr_limits_control, answer_r, used_r)) {
		case ATTR_COMPLETE: return ERR_OK;
		case ATTR_MORE: break;
		default: return ERR_SYNTAX;
		}
		e = receive_some(k, deadline_ns);
		if (e != ERR_OK)
			return e;
	}
}

static enum err read_owed(struct connection *k, int64_t deadline_ns)
{
	struct attr_request answer;
	size_t used;
	enum err e;

	for (; k->owed > 0; k->owed--) {
		e = receive_answer(k, deadline_ns, &answer, &used);
		if (e != ERR_OK)
			return e;
		buf_consume(&k->in, used);
	}
	return ERR_OK;
}

/* ---- requests ---- */

struct request {
	const char *verb;
	struct span queue_id;
	struct span login, client_address; /* assign */
	struct span sender;                /* admit */
	uint64_t octets;                   /* admit */
	struct recipients recipients;      /* admit; close: those accepted, if to be listed */
	bool accepted;                     /* close */
	uint64_t accepted_count;           /* close */
};

static void put_head(struct buf *out, const struct request *r)
{
	buf_reset(out);
	attr_put(out, "request", SPAN(CONTROL_REQUEST));
	attr_put(out, "version", SPAN(CONTROL_VERSION));
	attr_put(out, "verb", span_cstr(r->verb));
	attr_put(out, "queue_id", r->queue_id);
}

static void put_body(struct buf *out, const struct request *r)
{
	if (strcmp(r->verb, CONTROL_ASSIGN) == 0) {
		attr_put(out, "login", r->login);
		attr_put(out, "client_address", r->client_address);
	} else if (strcmp(r->verb, CONTROL_ADMIT) == 0) {
		attr_put(out, "sender", r->sender);
		attr_put_u64(out, "size", r->octets);
		attr_put_u64(out, "recipients", r->recipients.count);
	} else {
		attr_put(out, "outcome", r->accepted ? SPAN("accepted") : SPAN("rejected"));
		attr_put_u64(out, "accepted", r->accepted_count);
	}
}

/* One request of possibly several: recipients from *next_io on. True when more follow. */
static bool put_request(struct buf *out, const struct request *r, size_t *next_io)
{
	char name[32] = "recipient.";
	bool more;

	put_head(out, r);
	put_body(out, r);
	for (size_t i = 0; i < RECIPIENTS_REQUEST && *next_io < r->recipients.count; i++) {
		char digits[8];
		size_t n = 0, at = 10;

		for (size_t v = i; n == 0 || v > 0; v /= 10)
			digits[n++] = (char)('0' + v % 10);
		while (n > 0)
			name[at++] = digits[--n];
		name[at] = '\0';
		attr_put(out, name, r->recipients.at[(*next_io)++]);
	}
	more = *next_io < r->recipients.count;
	if (more)
		attr_put(out, "more", SPAN("yes"));
	attr_end(out);
	return more;
}

static enum err check_status(const struct request *r, const struct attr_request *answer)
{
	if (span_eq(attr_get(answer, SPAN("status")), SPAN("ok")))
		return ERR_OK;
	log_record(LOG_LEVEL_WARNING, r->queue_id, "policyd_error", LOG_CSTR("verb", r->verb),
	    LOG_SPAN("error", attr_get(answer, SPAN("error"))),
	    LOG_SPAN("text", attr_get(answer, SPAN("text"))));
	return ERR_SYNTAX;
}

/* Sends a request in all its parts (sent: its only part is gone already) and reads the answers; the
 * last one, or the first that holds a verdict, stays in k->in. */
static enum err converse(struct connection *k, const struct request *r, bool sent,
    int64_t deadline_ns, struct attr_request *answer_r, size_t *used_r)
{
	size_t next = 0;
	enum err e;
	bool more = false;

	e = read_owed(k, deadline_ns);
	while (e == ERR_OK) {
		if (!sent) {
			more = put_request(&k->out, r, &next);
			e = send_all(k, deadline_ns);
		}
		if (e == ERR_OK)
			e = receive_answer(k, deadline_ns, answer_r, used_r);
		if (e == ERR_OK)
			e = check_status(r, answer_r);
		if (e != ERR_OK || !more || attr_get(answer_r, SPAN("verdict")).p != NULL)
			break;
		buf_consume(&k->in, *used_r);
	}
	return e;
}

typedef enum err read_answer(const struct attr_request *answer, void *result);

/* One question and its answer, on the connection where it was asked already (or NULL), or on a kept
 * one if there is one; when that one is dead, on a new one. Only a connection in a known state is
 * kept. */
static enum err ask(struct policy_client *c, struct connection *asked, const struct request *r,
    read_answer *read, void *result)
{
	int64_t deadline_ns = clock_mono_ns() + c->timeout_ns;
	struct connection *k = asked != NULL ? asked : take_idle(c);
	bool kept = k != NULL;
	struct attr_request answer;
	size_t used = 0;
	enum err e = ERR_OK;

	for (;;) {
		if (k == NULL)
			e = connection_open(c, deadline_ns, &k);
		if (e == ERR_OK)
			e = converse(k, r, asked != NULL, deadline_ns, &answer, &used);
		if (e == ERR_OK || !kept || e == ERR_TIMEOUT || e == ERR_SYNTAX)
			break;
		connection_free(&k);
		asked = NULL;
		kept = false;
		e = ERR_OK;
	}
	if (e == ERR_OK)
		e = read(&answer, result);
	if (e == ERR_OK) {
		buf_consume(&k->in, used);
		give_back(c, k);
	} else {
		connection_free(&k);
	}
	return e;
}

/* ---- answers ---- */

static enum err read_assignment(const struct attr_request *answer, void *result)
{
	struct assignment *a = result;
	struct span found = attr_get(answer, SPAN("found"));

	*a = (struct assignment){ .found = span_eq(found, SPAN("yes")) };
	if (!a->found)
		return span_eq(found, SPAN("no")) ? ERR_OK : ERR_SYNTAX;
	if (!span_copy(attr_get(answer, SPAN("tenant")), a->tenant, sizeof a->tenant) ||
	    !span_copy(attr_get(answer, SPAN("stream")), a->stream, sizeof a->stream))
		return ERR_TOOBIG;
	if (!span_copy(attr_get(answer, SPAN("source")), a->source, sizeof a->source))
		return ERR_TOOBIG;
	a->split = span_eq(attr_get(answer, SPAN("split")), SPAN("pending"));
	return span_u64(attr_get(answer, SPAN("recipients")), &a->recipients) ? ERR_OK
									      : ERR_SYNTAX;
}

static enum err read_admission(const struct attr_request *answer, void *result)
{
	static const struct {
		struct span word;
		enum admission verdict;
	} words[] = {
		{ { "accept", 6 }, ADMISSION_ACCEPT },
		{ { "refuse", 6 }, ADMISSION_REFUSE },
		{ { "tempfail", 8 }, ADMISSION_TEMPFAIL },
	};
	struct admission_answer *a = result;
	struct span word = attr_get(answer, SPAN("verdict"));
	size_t i = 0;

	*a = (struct admission_answer){ .verdict = ADMISSION_TEMPFAIL };
	while (i < ARRAY_SIZE(words) && !span_eq(word, words[i].word))
		i++;
	if (i == ARRAY_SIZE(words))
		return ERR_SYNTAX;
	a->verdict = words[i].verdict;
	/* Too long or absent: the milter's own words are used. */
	(void)span_copy(attr_get(answer, SPAN("code")), a->code, sizeof a->code);
	(void)span_copy(attr_get(answer, SPAN("dsn")), a->dsn, sizeof a->dsn);
	(void)span_copy(span_head(attr_get(answer, SPAN("text")), POLICY_TEXT_MAX - 1), a->text,
	    sizeof a->text);
	if (a->verdict == ADMISSION_ACCEPT)
		return read_assignment(answer, &a->assignment);
	return ERR_OK;
}

/* ---- verbs ---- */

static struct request assign_request(
    struct span queue_id, struct span login, struct span client_address)
{
	return (struct request){ .verb = CONTROL_ASSIGN,
		.queue_id = queue_id,
		.login = login,
		.client_address = client_address };
}

struct connection *policy_client_ask_early(struct policy_client *c, struct span queue_id,
    struct span login, struct span client_address)
{
	const struct request r = assign_request(queue_id, login, client_address);
	struct connection *k = take_idle(c);
	size_t next = 0;

	if (k == NULL)
		return NULL;
	if (k->owed >= OWED_MAX) {
		give_back(c, k);
		return NULL;
	}
	(void)put_request(&k->out, &r, &next);
	if (send_all(k, clock_mono_ns()) != ERR_OK)
		connection_free(&k);
	return k;
}

void policy_client_forget(struct policy_client *c, struct connection **asked)
{
	if (*asked == NULL)
		return;
	(*asked)->owed++;
	give_back(c, *asked);
	*asked = NULL;
}

enum err policy_client_assign(struct policy_client *c, struct connection **asked_io,
    struct span queue_id, struct span login, struct span client_address,
    struct assignment *assignment_r)
{
	const struct request r = assign_request(queue_id, login, client_address);
	struct connection *asked = *asked_io;

	*asked_io = NULL;
	return ask(c, asked, &r, read_assignment, assignment_r);
}

enum err policy_client_admit(struct policy_client *c, struct span queue_id, struct span sender,
    uint64_t octets, struct recipients recipients, struct admission_answer *answer_r)
{
	const struct request r = { .verb = CONTROL_ADMIT,
		.queue_id = queue_id,
		.sender = sender,
		.octets = octets,
		.recipients = recipients };

	return ask(c, NULL, &r, read_admission, answer_r);
}

static enum err read_nothing(const struct attr_request *answer, void *result)
{
	(void)answer;
	(void)result;
	return ERR_OK;
}

enum err policy_client_close(struct policy_client *c, struct span queue_id, bool accepted,
    struct recipients recipients, uint64_t charged)
{
	bool fewer = accepted && recipients.count < charged;
	struct request r = {
		.verb = CONTROL_CLOSE, .queue_id = queue_id, .accepted = accepted
	};
	struct connection *k;
	size_t next = 0;
	enum err e;

	r.accepted_count = accepted ? recipients.count : 0;
	if (fewer)
		r.recipients = recipients;
	k = accepted && !fewer ? take_idle(c) : NULL;
	if (k == NULL || k->owed >= OWED_MAX) {
		if (k != NULL)
			give_back(c, k);
		return ask(c, NULL, &r, read_nothing, NULL);
	}
	/* The usual case, acceptance, costs no round trip: after END-OF-MESSAGE silence means
	 * "accepted", so an answer that never comes changes nothing. */
	(void)put_request(&k->out, &r, &next);
	e = send_all(k, clock_mono_ns() + c->timeout_ns);
	if (e != ERR_OK) {
		connection_free(&k);
		return ask(c, NULL, &r, read_nothing, NULL);
	}
	k->owed++;
	give_back(c, k);
	return ERR_OK;
}
