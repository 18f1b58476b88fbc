/* glue - libmilter callbacks into session calls and back. Decides nothing.
 *
 * Asked of Postfix at negotiation: no event that we do not need (CONNECT, HELO, DATA, unknown
 * commands), and no waiting for a reply to any event that we never answer otherwise than "go on"
 * (MAIL, RCPT, headers, end of headers, body): that saves over half of the CPU time of a message,
 * and Postfix's smtpd waits for us only once. The price: mail that is not ours could be let go at
 * MAIL, and now its content comes, too, and is let go at its end. Header values come,
 * and must be given back, with the blank after the colon (HDR_LEADSPC). The macros we want are
 * named here, so that main.cf needs no change; naming them replaces a stage's list. */
#include <libmilter/mfapi.h>

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "glue.h"
#include "log.h"
#include "session.h"

#define ACTIONS                                                                                \
	(SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY | SMFIF_CHGFROM | SMFIF_SETSYMLIST)
#define STEPS                                                                                  \
	(SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NR_MAIL |     \
	    SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY | SMFIP_HDR_LEADSPC)
#define BACKLOG 512

/* libmilter hands its callbacks nothing of ours before a session exists, and smfi_main returns
 * while callbacks still run in its worker threads: these two belong to the process. */
static struct shared *served;
static atomic_int busy;

static struct span macro(SMFICTX *ctx, const char *name)
{
	return span_cstr(smfi_getsymval(ctx, (char *)(uintptr_t)name));
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
    unsigned long f3, unsigned long *pf0, unsigned long *pf1, unsigned long *pf2,
    unsigned long *pf3)
{
	char mail[] = "i j {auth_authen} {client_addr} {client_port} {daemon_name}";
	char queue_id[] = "i";

	(void)f2;
	(void)f3;
	if ((f0 & ACTIONS) != ACTIONS || (f1 & STEPS) != STEPS) {
		log_text(LOG_LEVEL_ERROR,
		    "mail server too old for this filter: offers actions %#lx, steps %#lx", f0,
		    f1);
		return SMFIS_REJECT;
	}
	if (smfi_setsymlist(ctx, SMFIM_ENVFROM, mail) != MI_SUCCESS ||
	    smfi_setsymlist(ctx, SMFIM_ENVRCPT, queue_id) != MI_SUCCESS ||
	    smfi_setsymlist(ctx, SMFIM_DATA, queue_id) != MI_SUCCESS ||
	    smfi_setsymlist(ctx, SMFIM_EOH, queue_id) != MI_SUCCESS ||
	    smfi_setsymlist(ctx, SMFIM_EOM, queue_id) != MI_SUCCESS)
		return SMFIS_REJECT;
	*pf0 = ACTIONS;
	*pf1 = STEPS;
	*pf2 = *pf3 = 0;
	return SMFIS_CONTINUE;
}

/* The connection's session; made by the first message, as libmilter may close and reuse a
 * connection without a new negotiation. */
static struct session *session_of(SMFICTX *ctx, bool create)
{
	struct session *s = smfi_getpriv(ctx);

	if (s != NULL || !create)
		return s;
	s = session_new(served);
	if (s != NULL && smfi_setpriv(ctx, s) != MI_SUCCESS)
		session_free(&s);
	return s;
}

/* A parameter of MAIL that has no value. */
static bool has_parameter(char **arguments, struct span name)
{
	for (size_t i = 1; arguments[0] != NULL && arguments[i] != NULL; i++)
		if (span_eq_nocase(span_cstr(arguments[i]), name))
			return true;
	return false;
}

static sfsistat on_mail(SMFICTX *ctx, char **arguments)
{
	const struct envelope e = {
		.sender = span_cstr(arguments[0]),
		.login = macro(ctx, "{auth_authen}"),
		.client = macro(ctx, "{client_addr}"),
		.client_port = macro(ctx, "{client_port}"),
		.daemon = macro(ctx, "{daemon_name}"),
		.host = macro(ctx, "j"),
		.smtputf8 = has_parameter(arguments, SPAN("SMTPUTF8")),
		.queue_id = macro(ctx, "i"),
	};
	struct session *s = session_of(ctx, true);

	if (s != NULL)
		session_begin(s, &e);
	return SMFIS_NOREPLY;
}

static sfsistat on_recipient(SMFICTX *ctx, char **arguments)
{
	struct session *s = session_of(ctx, false);

	if (s != NULL)
		session_recipient(s, span_cstr(arguments[0]));
	return SMFIS_NOREPLY;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *s = session_of(ctx, false);

	if (s != NULL)
		session_header(s, macro(ctx, "i"), span_cstr(name), span_cstr(value));
	return SMFIS_NOREPLY;
}

static sfsistat on_end_of_headers(SMFICTX *ctx)
{
	struct session *s = session_of(ctx, false);

	atomic_fetch_add(&busy, 1);
	if (s != NULL)
		session_end_of_headers(s, macro(ctx, "i"));
	atomic_fetch_sub(&busy, 1);
	return SMFIS_NOREPLY;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *p, size_t n)
{
	struct session *s = session_of(ctx, false);

	if (s != NULL)
		session_body(s, span_make((const char *)p, n));
	return SMFIS_NOREPLY;
}

/* One edit. libmilter cuts a body into pieces itself; Postfix wants all of it in one run. */
static int apply_one(SMFICTX *ctx, const struct edit *edit)
{
	char *name = (char *)(uintptr_t)edit->name;
	char *value = (char *)(uintptr_t)edit->value;

	switch (edit->kind) {
	case EDIT_DELETE_HEADER: return smfi_chgheader(ctx, name, (int)edit->index, NULL);
	case EDIT_CHANGE_HEADER: return smfi_chgheader(ctx, name, (int)edit->index, value);
	case EDIT_INSERT_HEADER: return smfi_insheader(ctx, (int)edit->index, name, value);
	case EDIT_CHANGE_SENDER: return smfi_chgfrom(ctx, value, NULL);
	case EDIT_REPLACE_BODY:
		if (edit->body.n > INT_MAX)
			return MI_FAILURE;
		return smfi_replacebody(
		    ctx, (unsigned char *)(uintptr_t)edit->body.p, (int)edit->body.n);
	case EDIT_KINDS: break;
	}
	return MI_FAILURE;
}

/* The first that fails ends it, and the message with it: half of the edits must never leave. */
static bool apply(SMFICTX *ctx, const struct outcome *outcome)
{
	int status = MI_SUCCESS;

	for (size_t i = 0; status == MI_SUCCESS && i < outcome->edit_count; i++)
		status = apply_one(ctx, &outcome->edits[i]);
	return status == MI_SUCCESS;
}

static sfsistat reply(SMFICTX *ctx, const struct verdict *v)
{
	char text[VERDICT_TEXT_MAX * 2], code[sizeof v->code], dsn[sizeof v->dsn];

	if (v->action == VERDICT_ACCEPT)
		return SMFIS_CONTINUE;
	verdict_escape(v->text, text, sizeof text);
	memcpy(code, v->code, sizeof code);
	memcpy(dsn, v->dsn, sizeof dsn);
	/* Without its words the reply still says yes or no. */
	if (smfi_setreply(ctx, code, dsn, text) != MI_SUCCESS)
		log_text(LOG_LEVEL_WARNING, "libmilter refused the reply %s %s", code, dsn);
	return v->action == VERDICT_REJECT ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

static sfsistat on_end_of_message(SMFICTX *ctx)
{
	struct session *s = session_of(ctx, false);
	struct outcome outcome;
	struct verdict verdict;
	sfsistat answer;
	bool applied;

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	atomic_fetch_add(&busy, 1);
	session_end_of_message(s, &outcome);
	applied = outcome.verdict->action == VERDICT_ACCEPT && apply(ctx, &outcome);
	session_complete(s, applied, &verdict);
	answer = reply(ctx, &verdict);
	atomic_fetch_sub(&busy, 1);
	return answer;
}

static sfsistat on_abort(SMFICTX *ctx)
{
	struct session *s = session_of(ctx, false);

	if (s != NULL)
		session_abort(s);
	return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
	struct session *s = session_of(ctx, false);

	(void)smfi_setpriv(ctx, NULL);
	session_free(&s);
	return SMFIS_CONTINUE;
}

/* ---- life ---- */

static const struct smfiDesc description = {
	.xxfi_name = (char[]){ "penguin-milter" },
	.xxfi_version = SMFI_VERSION,
	.xxfi_flags = ACTIONS,
	.xxfi_envfrom = on_mail,
	.xxfi_envrcpt = on_recipient,
	.xxfi_header = on_header,
	.xxfi_eoh = on_end_of_headers,
	.xxfi_body = on_body,
	.xxfi_eom = on_end_of_message,
	.xxfi_abort = on_abort,
	.xxfi_close = on_close,
	.xxfi_negotiate = on_negotiate,
};

/* libmilter's own notation; its inet ports come before the '@'. */
static void format_name(const struct net_address *a, char *out, size_t size)
{
	if (a->is_unix)
		snprintf(out, size, "unix:%s", a->path);
	else
		snprintf(out, size, "%s:%u@%s", strchr(a->host, ':') != NULL ? "inet6" : "inet",
		    (unsigned)a->port, a->host);
}

/* libmilter would pull the socket from under a milter that still runs. */
static bool somebody_answers(const struct net_address *address)
{
	char error[256];
	int fd;

	if (!address->is_unix || net_connect(address, 1000, &fd, error, sizeof error) != ERR_OK)
		return false;
	close(fd);
	return true;
}

enum err glue_open(
    struct shared *shared, const struct net_address *address, char *error, size_t size)
{
	char name[sizeof address->path + 16];
	mode_t before;
	int status;

	served = shared;
	format_name(address, name, sizeof name);
	if (somebody_answers(address)) {
		snprintf(error, size, "%s: another process serves this socket", name);
		return ERR_EXISTS;
	}
	if (smfi_setconn(name) != MI_SUCCESS || smfi_register(description) != MI_SUCCESS ||
	    smfi_setbacklog(BACKLOG) != MI_SUCCESS) {
		snprintf(error, size, "%s: libmilter does not take this name", name);
		return ERR_SYNTAX;
	}
	/* The socket's mode comes from the umask alone: for its owner and its group. */
	before = umask(0117);
	errno = 0;
	status = smfi_opensocket(true);
	umask(before);
	if (status == MI_SUCCESS)
		return ERR_OK;
	snprintf(error, size, "%s: cannot listen there: %s", name,
	    errno != 0 ? strerror(errno) : "see the log");
	return ERR_IO;
}

enum err glue_run(int64_t drain_s)
{
	const struct timespec pause = { 0, 10 * NS_PER_MS };
	int64_t deadline_ns;

	if (smfi_main() != MI_SUCCESS)
		return ERR_IO;
	deadline_ns = clock_mono_ns() + drain_s * NS_PER_S;
	while (atomic_load(&busy) > 0) {
		if (clock_mono_ns() >= deadline_ns)
			return ERR_TIMEOUT;
		nanosleep(&pause, NULL);
	}
	return ERR_OK;
}
