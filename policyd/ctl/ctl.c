/* ctl - the common ground of the commands: options, configuration, connection, words. Knows the
 * framing of replies; not what a verb means. */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands.h"
#include "control_wire.h"
#include "ctl.h"
#include "daemon.h"
#include "net.h"

#define CELLS_MAX 32

/* ---- words ---- */

static void say(const char *format, va_list ap) PRINTF_LIKE(1, 0);

/* Texts from outside may be part of it: nothing of theirs may steer a terminal. */
static void say(const char *format, va_list ap)
{
	struct buf text = BUF_INIT((size_t)1 << 20);

	buf_vprintf(&text, format, ap);
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
			text.p[i] = '?';
	}
	fprintf(stderr, "penguinctl: %s\n", buf_cstr(&text));
	buf_free(&text);
}

void ctl_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}

void ctl_note(const struct ctl *ctl, const char *format, ...)
{
	va_list ap;

	if (ctl->quiet)
		return;
	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}

/* ---- options ---- */

static bool choose_format(const char *name, enum report_format *format)
{
	static const char *const names[] = {
		[REPORT_TABLE] = "table",
		[REPORT_PLAIN] = "plain",
		[REPORT_JSON] = "json",
		[REPORT_ZONE] = "zone",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i] != NULL && strcmp(name, names[i]) == 0) {
			*format = (enum report_format)i;
			return true;
		}
	}
	ctl_error("unknown output format \"%s\" (table, plain, json)", name);
	return false;
}

bool ctl_init(struct ctl *ctl, const struct grammar_match *match)
{
	const char *format = grammar_value(match, "output");
	const char *config = grammar_value(match, "config");
	struct winsize window;

	*ctl = (struct ctl){
		.config_file = config != NULL ? config : DAEMON_CONFIG_FILE,
		.socket = grammar_value(match, "socket"),
		.quiet = grammar_has(match, "quiet"),
		.verbose = grammar_has(match, "verbose"),
	};
	ctl->progress = !ctl->quiet && !grammar_has(match, "no-progress");
	if (format != NULL && !choose_format(format, &ctl->style.format))
		return false;
	if (ctl->style.format == REPORT_ZONE && match->command->run != cmd_dns_show) {
		ctl_error("only \"dns show\" prints zone lines");
		return false;
	}
	if (grammar_has(match, "json"))
		ctl->style.format = REPORT_JSON;
	if (isatty(STDOUT_FILENO) == 1) {
		const char *no_colour = getenv("NO_COLOR");

		ctl->style.colour = no_colour == NULL || no_colour[0] == '\0';
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0)
			ctl->style.width = window.ws_col;
	}
	return true;
}

void ctl_deinit(struct ctl *ctl)
{
	client_close(&ctl->client);
	snapshot_unref(&ctl->provider);
	snapshot_unref(&ctl->snapshot);
}

/* ---- configuration ---- */

static int load(struct ctl *ctl, bool tenants)
{
	struct config_report report = { .text = BUF_INIT((size_t)16 << 20) };
	struct snapshot **to = tenants ? &ctl->snapshot : &ctl->provider;
	int status = EX_OK;
	enum err e;

	if (ctl->snapshot != NULL || *to != NULL)
		return EX_OK;
	e = tenants ? snapshot_load(ctl->config_file, NULL, &report, to)
		    : snapshot_load_provider(ctl->config_file, &report, to);
	if (e != ERR_OK || ctl->verbose)
		fputs(buf_cstr(&report.text), stderr);
	if (e != ERR_OK) {
		ctl_error("%s: %s", ctl->config_file, err_text(e));
		status = EX_CONFIG;
	}
	ctl->left_out = report.errors;
	buf_free(&report.text);
	return status;
}

int ctl_load(struct ctl *ctl)
{
	return load(ctl, true);
}

int ctl_load_provider(struct ctl *ctl)
{
	return load(ctl, false);
}

const struct provider *ctl_provider(const struct ctl *ctl)
{
	return snapshot_provider(ctl->snapshot != NULL ? ctl->snapshot : ctl->provider);
}

/* ---- connection ---- */

int ctl_connect(struct ctl *ctl)
{
	const char *name = ctl->socket, *base = "/";
	struct net_address address;
	char error[512] = "";
	enum err e;

	if (ctl->client != NULL)
		return EX_OK;
	if (name == NULL) {
		int status = ctl_load_provider(ctl);

		if (status != EX_OK)
			return status;
		name = ctl_provider(ctl)->policyd.control;
		base = ctl_provider(ctl)->postfix.queue_directory;
	}
	e = net_parse(span_cstr(name), base, &address, error, sizeof error);
	if (e != ERR_OK) {
		ctl_error("%s", error);
		return EX_USAGE;
	}
	e = client_open(&address, &ctl->client, error, sizeof error);
	if (e == ERR_OK)
		return EX_OK;
	ctl_error("penguin-policyd does not answer: %s", error);
	return e == ERR_DENIED ? EX_NOPERM : EX_UNAVAILABLE;
}

int ctl_trouble(enum err e)
{
	ctl_error("control connection: %s", err_text(e));
	switch (e) {
	case ERR_SYNTAX: return EX_PROTOCOL;
	case ERR_TOOBIG: return EX_DATAERR;
	case ERR_TIMEOUT: return EX_TEMPFAIL;
	case ERR_NOMEM: return EX_OSERR;
	default: return EX_UNAVAILABLE;
	}
}

int ctl_judge(const struct attr_request *reply)
{
	/* error words of a reply => exit status */
	static const struct {
		const char *word;
		int status;
	} rows[] = {
		{ "denied", EX_NOPERM },
		{ "config", EX_CONFIG },
		{ "busy", EX_TEMPFAIL },
		{ "timeout", EX_TEMPFAIL },
		{ "store", EX_TEMPFAIL },
		{ "unavailable", EX_TEMPFAIL },
		{ "full", EX_TEMPFAIL },
		{ "readonly", EX_TEMPFAIL },
		{ "exists", EX_CANTCREAT },
		{ "io", EX_IOERR },
		{ "corrupt", EX_DATAERR },
		{ "damaged", EX_DATAERR },
		{ "notfound", EX_DATAERR },
		{ "not-found", EX_DATAERR },
		{ "syntax", EX_DATAERR },
		{ "range", EX_DATAERR },
		{ "version", EX_PROTOCOL },
		{ "protocol", EX_PROTOCOL },
	};
	struct span status = attr_get(reply, SPAN("status"));
	struct span word = attr_get(reply, SPAN("error"));
	struct span text = attr_get(reply, SPAN("text"));

	if (span_eq(status, SPAN("ok")))
		return EX_OK;
	if (!span_eq(status, SPAN("error"))) {
		ctl_error("the answer has no status; is this penguin-policyd's socket?");
		return EX_PROTOCOL;
	}
	text = text.n > 0 ? text : word;
	ctl_error("%.*s", SPAN_ARG(text));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (span_eq(word, span_cstr(rows[i].word)))
			return rows[i].status;
	return EX_DATAERR;
}

int ctl_call(struct ctl *ctl, struct buf *request, int64_t timeout_s,
    const struct client_tick *tick, struct attr_request *reply_r)
{
	int status = ctl_connect(ctl);
	enum err e;

	if (status != EX_OK)
		return status;
	e = client_send(ctl->client, request);
	if (e == ERR_OK)
		e = client_receive(ctl->client, timeout_s, tick, reply_r);
	return e == ERR_OK ? ctl_judge(reply_r) : ctl_trouble(e);
}

/* ---- replies as reports ---- */

bool ctl_numbered(struct span name, const char *prefix)
{
	size_t n = strlen(prefix);
	uint64_t number;

	return span_starts(name, span_cstr(prefix)) && name.n > n + 1 && name.p[n] == '.' &&
	       span_u64(span_from(name, n + 1), &number);
}

void ctl_rows(struct report_table *table, const struct attr_request *reply)
{
	for (size_t i = 0; i < reply->count; i++) {
		struct span cells[CELLS_MAX], rest = reply->at[i].value;
		size_t n = 0;

		if (!ctl_numbered(reply->at[i].name, "row"))
			continue;
		while (n < CELLS_MAX && span_next(&rest, '\t', &cells[n]))
			n++;
		report_row(table, cells, n);
	}
}

void ctl_columns(struct report_table *table, const struct attr_request *reply)
{
	struct span names = attr_get(reply, SPAN("columns")), name;
	char separator = span_find(names, '\t', 0) < names.n ? '\t' : ' ';

	while (span_next(&names, separator, &name))
		report_column(table, name, report_kind(name));
}

int ctl_list(
    struct ctl *ctl, struct buf *request, struct report *report, const char *table_name)
{
	struct report_table *table = report_table(report, table_name);
	struct buf again = BUF_INIT(65536), next = BUF_INIT(8192);
	bool first = true;
	int status;

	for (;;) {
		struct attr_request reply;
		struct span from;

		buf_reset(&again);
		buf_add_span(&again, buf_span(request));
		if (!first)
			attr_put(&again, "from", buf_span(&next));
		status = ctl_call(ctl, &again, CTL_TIMEOUT_S, NULL, &reply);
		if (status != EX_OK)
			break;
		if (first)
			ctl_columns(table, &reply);
		first = false;
		ctl_rows(table, &reply);
		from = attr_get(&reply, SPAN("next"));
		if (from.n == 0)
			break;
		if (span_eq(from, buf_span(&next))) {
			ctl_error("the list does not move on");
			status = EX_PROTOCOL;
			break;
		}
		buf_reset(&next);
		buf_add_span(&next, from);
	}
	buf_free(&next);
	buf_free(&again);
	return status;
}

int ctl_print_list(struct ctl *ctl, struct buf *request, const char *table_name)
{
	struct report *report = report_new();
	int status = report != NULL ? ctl_list(ctl, request, report, table_name) : EX_OSERR;

	if (status == EX_OK)
		status = ctl_print(ctl, &report);
	report_free(&report);
	return status;
}

void ctl_fields(struct report *report, const struct attr_request *reply)
{
	static const char *const framing[] = { "status", "columns", "next" };

	for (size_t i = 0; i < reply->count; i++) {
		const struct attr *a = &reply->at[i];
		bool ours = ctl_numbered(a->name, "row") || ctl_numbered(a->name, "line") ||
			    ctl_numbered(a->name, "bad");
		char name[64];

		for (size_t k = 0; k < ARRAY_SIZE(framing); k++)
			if (span_eq(a->name, span_cstr(framing[k])))
				ours = true;
		if (!ours && span_copy(a->name, name, sizeof name))
			report_field(report, name, report_kind(a->name), a->value);
	}
}

int ctl_print(struct ctl *ctl, struct report **report)
{
	struct buf out = BUF_INIT((size_t)1 << 30);
	int status = EX_OK;

	if (*report == NULL)
		return EX_OSERR;
	report_print(*report, &ctl->style, &out);
	report_free(report);
	if (!buf_ok(&out)) {
		ctl_error("%s", err_text(ERR_NOMEM));
		status = EX_OSERR;
	} else if (fwrite(out.p != NULL ? out.p : "", 1, out.n, stdout) != out.n ||
		   fflush(stdout) != 0) {
		ctl_error("cannot write the output");
		status = EX_IOERR;
	}
	buf_free(&out);
	return status;
}
