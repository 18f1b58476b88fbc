/* verdict - trouble -> reply, as one table (RFC 5321, RFC 3463, RFC 7372). Knows no causes and no
 * milter protocol. */
#include <assert.h>

#include "verdict.h"

struct row {
	enum verdict_action action;
	const char *word; /* log */
	const char *code, *dsn, *text;
};

#define OURS(row_word, row_code, row_dsn, row_text)                                            \
	{                                                                                      \
		VERDICT_TEMPFAIL, (row_word), (row_code), (row_dsn), (row_text)                \
	}
#define THEIRS(row_word, row_code, row_dsn, row_text)                                          \
	{                                                                                      \
		VERDICT_REJECT, (row_word), (row_code), (row_dsn), (row_text)                  \
	}

static const struct row rows[] = {
	[TROUBLE_NONE] = { VERDICT_ACCEPT, "none", "", "", "" },
	[TROUBLE_MEMORY] =
	    OURS("memory", "452", "4.3.1", "insufficient system storage, try again later"),
	[TROUBLE_POLICY_AWAY] =
	    OURS("policy_away", "451", "4.3.0", "sending service unavailable, try again later"),
	[TROUBLE_NOT_ADMITTED] =
	    OURS("not_admitted", "451", "4.3.0", "message was not admitted, try again later"),
	[TROUBLE_MISMATCH] =
	    OURS("mismatch", "451", "4.3.0", "sender account is changing, try again later"),
	[TROUBLE_NO_KEY] = OURS(
	    "no_key", "451", "4.7.5", "no signing key for the From domain, try again later"),
	[TROUBLE_KEY] =
	    OURS("key", "451", "4.7.5", "signing key not available, try again later"),
	[TROUBLE_SIGN] = OURS("sign", "451", "4.7.5", "signing failed, try again later"),
	[TROUBLE_APPLY] = OURS("apply", "451", "4.3.0", "message not changed, try again later"),
	[TROUBLE_ORDER] =
	    OURS("order", "451", "4.3.0", "mail transaction lost, try again later"),
	[TROUBLE_SPLIT] = OURS("split", "451", "4.3.0",
	    "copies for single recipients cannot be made, try again later"),
	[TROUBLE_RETURN_PATH] =
	    OURS("return_path", "451", "4.3.0", "no return path, try again later"),
	[TROUBLE_TOKEN_KEYS] = OURS(
	    "token_keys", "451", "4.7.5", "unsubscribe link cannot be made, try again later"),
	[TROUBLE_LATER] = OURS("later", "451", "4.7.1", "try again later"),
	[TROUBLE_PLUGIN_LATER] = OURS("plugin", "451", "4.7.1", "try again later"),
	[TROUBLE_PLUGIN_AWAY] =
	    OURS("plugin_away", "451", "4.3.0", "message check unavailable, try again later"),
	[TROUBLE_TOO_BIG] = THEIRS(
	    "headers_too_big", "552", "5.3.4", "[H10] header fields too big or too many"),
	[TROUBLE_TOO_MANY_RECIPIENTS] =
	    THEIRS("too_many_recipients", "552", "5.5.3", "too many recipients"),
	[TROUBLE_BAD_HEADER] =
	    THEIRS("bad_header", "554", "5.6.0", "[H07] malformed header field"),
	[TROUBLE_BAD_BODY] =
	    THEIRS("bad_body", "554", "5.6.0", "[H07] bare CR or LF in the message body"),
	[TROUBLE_REFUSED] = THEIRS("refused", "550", "5.7.1", "message refused by policy"),
	[TROUBLE_PLUGIN] = THEIRS("plugin", "550", "5.7.1", "message refused by policy"),
	[TROUBLE_RULES] = THEIRS("rules", "550", "5.7.1", "message refused by policy"),
	[TROUBLE_WAIT] = OURS("rules", "451", "4.7.1", "try again later"),
};
static_assert(ARRAY_SIZE(rows) == TROUBLE_COUNT, "a row for every trouble");

static const struct row *row_of(enum trouble trouble)
{
	if ((unsigned)trouble >= ARRAY_SIZE(rows) || rows[trouble].word == NULL)
		return &rows[TROUBLE_SIGN];
	return &rows[trouble];
}

enum trouble verdict_message_trouble(enum message_fault fault)
{
	switch (fault) {
	case MESSAGE_FINE: return TROUBLE_NONE;
	case MESSAGE_NO_MEMORY: return TROUBLE_MEMORY;
	case MESSAGE_HEADERS_TOO_BIG: return TROUBLE_TOO_BIG;
	case MESSAGE_TOO_MANY_RECIPIENTS: return TROUBLE_TOO_MANY_RECIPIENTS;
	case MESSAGE_BAD_HEADER: return TROUBLE_BAD_HEADER;
	case MESSAGE_BAD_BODY: return TROUBLE_BAD_BODY;
	}
	return TROUBLE_MEMORY;
}

static size_t append(struct verdict *v, size_t n, struct span s, size_t limit)
{
	for (size_t i = 0; i < s.n && n < limit && n + 1 < sizeof v->text; i++) {
		char c = s.p[i];

		v->text[n++] = c >= ' ' && c <= '~' ? c : '?';
	}
	v->text[n] = '\0';
	return n;
}

static void set_reply(struct verdict *v, const char *code, const char *dsn)
{
	(void)span_copy(span_cstr(code), v->code, sizeof v->code);
	(void)span_copy(span_cstr(dsn), v->dsn, sizeof v->dsn);
}

void verdict_decide(enum trouble trouble, struct span subject, struct verdict *verdict_r)
{
	const struct row *row = row_of(trouble);
	size_t n;

	*verdict_r =
	    (struct verdict){ .trouble = trouble, .action = row->action, .word = row->word };
	set_reply(verdict_r, row->code, row->dsn);
	n = append(verdict_r, 0, span_cstr(row->text), VERDICT_TEXT_MAX);
	if (subject.n == 0)
		return;
	n = append(verdict_r, n, SPAN(" ("), VERDICT_TEXT_MAX);
	n = append(verdict_r, n, subject, VERDICT_TEXT_MAX - 2);
	append(verdict_r, n, SPAN(")"), VERDICT_TEXT_MAX);
}

static bool is_code(struct span code, char first)
{
	return code.n == 3 && code.p[0] == first && ascii_digit(code.p[1]) &&
	       ascii_digit(code.p[2]);
}

/* class "." subject "." detail, RFC 3463 section 2. */
static bool is_dsn(struct span dsn, char first)
{
	struct span piece;
	uint64_t value;
	size_t pieces = 0;

	if (dsn.n < 5 || dsn.n > 9 || dsn.p[0] != first || dsn.p[1] != '.')
		return false;
	while (span_next(&dsn, '.', &piece)) {
		if (piece.n > 3 || !span_u64(piece, &value))
			return false;
		pieces++;
	}
	return pieces == 3;
}

void verdict_foreign(enum trouble trouble, struct span code, struct span dsn, struct span text,
    struct verdict *verdict_r)
{
	char first;

	verdict_decide(trouble, SPAN(""), verdict_r);
	first = verdict_r->code[0];
	if (is_code(code, first) && is_dsn(dsn, first)) {
		(void)span_copy(code, verdict_r->code, sizeof verdict_r->code);
		(void)span_copy(dsn, verdict_r->dsn, sizeof verdict_r->dsn);
	}
	if (text.n > 0)
		append(verdict_r, 0, text, VERDICT_TEXT_MAX);
}

void verdict_rules(const char *word, struct span code, struct span dsn, struct span text,
    struct verdict *verdict_r)
{
	bool later = code.n > 0 && code.p[0] == '4';

	verdict_foreign(later ? TROUBLE_WAIT : TROUBLE_RULES, code, dsn, text, verdict_r);
	verdict_r->word = word;
}

const char *verdict_word(enum trouble trouble)
{
	return row_of(trouble)->word;
}

void verdict_escape(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		size_t need = *text == '%' ? 2 : 1;

		if (n + need >= size)
			break;
		if (*text == '%')
			out[n++] = '%';
		out[n++] = *text;
	}
	out[n] = '\0';
}
