/* cmd_test - "test": what penguin-milter would make of a message: each rule's word, the signatures'
 * coverage, what would change. The milter itself says it, offline (milter/trial.h). */
#include <errno.h>
#include <unistd.h>

#include "commands.h"
#include "diff.h"
#include "file.h"
#include "process.h"

#define MESSAGE_MAX ((size_t)100 << 20)
#define ANSWER_MAX  ((size_t)512 << 20)
#define DIFF_MAX    ((size_t)1 << 30)
#define READ_OCTETS 65536
#define WORDS       6

struct answer {
	struct span verdict[WORDS], class, sender, message;
	struct report_table *rules, *signatures;
};

/* ---- asking ---- */

static enum err read_stdin(struct buf *message)
{
	while (buf_reserve(message, READ_OCTETS)) {
		ssize_t n = read(STDIN_FILENO, message->p + message->n, READ_OCTETS);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_from_errno(errno) : ERR_OK;
		message->n += (size_t)n;
	}
	return ERR_TOOBIG;
}

static int read_message(const char *path, struct buf *message)
{
	enum err e = strcmp(path, "-") == 0 ? read_stdin(message) : file_read(path, message);

	if (e == ERR_OK)
		return EX_OK;
	ctl_error("%s: %s", path, err_text(e));
	return e == ERR_NOTFOUND ? EX_NOINPUT : e == ERR_TOOBIG ? EX_DATAERR : EX_IOERR;
}

static const char *given(
    const struct grammar_match *match, const char *name, const char *otherwise)
{
	const char *value = grammar_value(match, name);

	return value != NULL ? value : otherwise;
}

static int ask(const struct ctl *ctl, const struct grammar_match *match, struct span message,
    struct buf *answer)
{
	struct buf errors = BUF_INIT(65536);
	char program[4200];
	const char *argv[] = { program, "trial", ctl->config_file, given(match, "tenant", ""),
		given(match, "stream", ""), given(match, "sender", ""),
		given(match, "recipient", "recipient@example.com"), NULL };
	int exit_status = 0, status = EX_UNAVAILABLE;
	enum err e;

	if (!process_find("penguin-milter", program, sizeof program)) {
		ctl_error("penguin-milter is not installed");
		goto out;
	}
	e = process_run(argv, message, answer, &errors, &exit_status);
	status = e == ERR_OK ? exit_status : EX_OSERR;
	if (e != ERR_OK)
		ctl_error("%s: %s", program, err_text(e));
	else if (errors.n > 0)
		fputs(buf_cstr(&errors), stderr);
	if (status == EX_OK && !buf_ok(answer)) {
		ctl_error("%s", err_text(ERR_TOOBIG));
		status = EX_OSERR;
	}
out:
	buf_free(&errors);
	return status;
}

/* ---- reading ---- */

static void take_line(struct answer *a, struct span line)
{
	struct span words[WORDS] = { { "", 0 } }, rest = line;
	size_t n = 0;

	while (n < WORDS && span_next(&rest, '\t', &words[n]))
		n++;
	if (span_eq(words[0], SPAN("verdict")))
		memcpy(a->verdict, words, sizeof words);
	else if (span_eq(words[0], SPAN("class")))
		a->class = words[1];
	else if (span_eq(words[0], SPAN("sender")))
		a->sender = words[1];
	else if (span_eq(words[0], SPAN("rule")))
		report_row(a->rules, words + 1, WORDS - 1);
	else if (span_eq(words[0], SPAN("signature")))
		report_row(a->signatures, words + 1, 3);
}

static void read_answer(struct answer *a, struct span text)
{
	struct span line;

	while (span_next(&text, '\n', &line)) {
		if (span_starts(line, SPAN("message\t"))) {
			a->message = text;
			return;
		}
		take_line(a, line);
	}
}

static void begin_tables(struct report *report, struct answer *a)
{
	static const char *const rules[] = { "rule", "mode", "outcome", "why", "about" };
	static const char *const signatures[] = { "selector", "algorithm", "covers" };

	*a = (struct answer){ .rules = report_table(report, "rules"),
		.signatures = report_table(report, "signatures") };
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		report_column(a->rules, span_cstr(rules[i]), CELL_TEXT);
	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++)
		report_column(a->signatures, span_cstr(signatures[i]), CELL_TEXT);
}

/* Without CRs, as the answer has it. */
static void flatten(struct span message, struct buf *out)
{
	for (size_t i = 0; i < message.n; i++)
		if (message.p[i] != '\r')
			buf_add_char(out, message.p[i]);
}

/* ---- the command ---- */

static void put_fields(struct report *report, const struct answer *a)
{
	report_field(report, "verdict", CELL_TEXT, a->verdict[1]);
	if (a->verdict[2].n > 0) {
		report_field(report, "code", CELL_TEXT, a->verdict[2]);
		report_field(report, "dsn", CELL_TEXT, a->verdict[3]);
		report_field(report, "text", CELL_TEXT, a->verdict[4]);
	}
	report_field(report, "class", CELL_TEXT, a->class);
	if (a->sender.n > 0)
		report_field(report, "sender", CELL_TEXT, a->sender);
}

static int print(struct ctl *ctl, struct report **report, const struct answer *a,
    struct span before, const char *name)
{
	struct buf diff = BUF_INIT(DIFF_MAX);
	int status;

	if (a->message.n > 0)
		diff_unified(&diff, name, before, a->message);
	put_fields(*report, a);
	if (ctl->style.format != REPORT_TABLE)
		report_field(*report, "diff", CELL_TEXT, buf_span(&diff));
	status = ctl_print(ctl, report);
	if (status == EX_OK && ctl->style.format == REPORT_TABLE && diff.n > 0)
		printf("\n%s", buf_cstr(&diff));
	buf_free(&diff);
	return status;
}

int cmd_test(struct ctl *ctl, const struct grammar_match *match)
{
	struct buf message = BUF_INIT(MESSAGE_MAX), answer = BUF_INIT(ANSWER_MAX),
		   before = BUF_INIT(MESSAGE_MAX);
	const char *path = grammar_slot(match, 0);
	struct report *report = report_new();
	struct answer a;
	int status = EX_USAGE;

	if (grammar_value(match, "tenant") == NULL) {
		ctl_error("whose message is it? --tenant");
		goto out;
	}
	status = report != NULL ? read_message(path, &message) : EX_OSERR;
	if (status == EX_OK)
		status = ask(ctl, match, buf_span(&message), &answer);
	if (status != EX_OK)
		goto out;
	begin_tables(report, &a);
	read_answer(&a, buf_span(&answer));
	flatten(buf_span(&message), &before);
	status = print(ctl, &report, &a, buf_span(&before), path);
	if (status == EX_OK && !span_eq(a.verdict[1], SPAN("accepted")))
		status = span_eq(a.verdict[1], SPAN("refused")) ? EX_DATAERR : EX_TEMPFAIL;
out:
	report_free(&report);
	buf_free(&before);
	buf_free(&answer);
	buf_free(&message);
	return status;
}
