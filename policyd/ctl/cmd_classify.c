/* cmd_classify - "classify": what a receiver's reply means, by which rule, and what follows. Asks
 * no daemon. */
#include <stdio.h>

#include "commands.h"
#include "replies.h"

#define WORDS_MAX 65536u

/* The words of the command line with blanks between. */
static void join_words(const struct grammar_match *match, struct buf *out)
{
	const char *word;

	for (size_t i = 0; (word = grammar_slot(match, i)) != NULL; i++) {
		if (i > 0)
			buf_add_char(out, ' ');
		buf_add_cstr(out, word);
	}
}

static void put_providers(const struct reply_rule *rule, struct buf *out)
{
	for (size_t i = 0; rule->providers != NULL && rule->providers[i] != NULL; i++)
		buf_printf(out, "%s%s", i > 0 ? " " : "", rule->providers[i]);
}

static void tell(
    struct report *report, const struct reply_rule *rule, struct span subject, struct buf *work)
{
	const struct reply_class_row *class =
	    reply_class_row(rule != NULL ? rule->class : REPLY_UNKNOWN);

	report_field(report, "class", CELL_TEXT, span_cstr(class->name));
	report_field(report, "meaning", CELL_TEXT, span_cstr(class->meaning));
	report_field(report, "reaction", CELL_TEXT, span_cstr(class->reaction));
	report_field(report, "scope", CELL_TEXT,
	    span_cstr(reply_scope_text(rule != NULL ? rule->scope : class->scope)));
	report_field(report, "subject", CELL_TEXT, subject);
	if (rule == NULL) {
		reply_mask(subject, work);
		report_field(report, "masked", CELL_TEXT, buf_span(work));
		return;
	}
	put_providers(rule, work);
	report_field(report, "rule", CELL_TEXT, span_cstr(rule->id));
	report_field(report, "provider", CELL_TEXT, buf_span(work));
	report_field(report, "match", CELL_TEXT, span_cstr(rule->match));
	report_field(report, "source", CELL_TEXT, span_cstr(rule->source));
}

int cmd_classify(struct ctl *ctl, const struct grammar_match *match)
{
	struct buf words = BUF_INIT(WORDS_MAX), subject = BUF_INIT(2 * REPLY_TEXT_MAX);
	struct buf work = BUF_INIT(WORDS_MAX);
	struct report *report = report_new();
	struct replies *replies = NULL;
	char error[512];
	int status = ctl_load_provider(ctl);

	if (status != EX_OK)
		goto out;
	status = EX_CONFIG;
	if (replies_read(ctl_provider(ctl)->replies, &replies, error, sizeof error) != ERR_OK) {
		ctl_error("%s", error);
		goto out;
	}
	status = EX_OSERR;
	join_words(match, &words);
	reply_subject(buf_span(&words), span_cstr(grammar_value(match, "status")), &subject);
	if (report == NULL || !buf_ok(&words) || !buf_ok(&subject))
		goto out;
	tell(report,
	    replies_match(
		replies, span_cstr(grammar_value(match, "provider")), buf_span(&subject)),
	    buf_span(&subject), &work);
	status = ctl_print(ctl, &report);
out:
	report_free(&report);
	replies_free(&replies);
	buf_free(&work);
	buf_free(&subject);
	buf_free(&words);
	return status;
}
