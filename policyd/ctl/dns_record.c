/* dns_record - states and verdicts, in words. Knows no kind of record. */
#include "dns_record.h"

const char *record_state_text(enum record_state state)
{
	static const char *const texts[] = {
		[RECORD_GOOD] = "good",
		[RECORD_PROPAGATING] = "propagating",
		[RECORD_MISSING] = "missing",
		[RECORD_WRONG] = "wrong",
		[RECORD_UNKNOWN] = "unknown",
	};

	_Static_assert(ARRAY_SIZE(texts) == RECORD_STATES, "each state has a word");
	return (unsigned)state < ARRAY_SIZE(texts) ? texts[state] : "?";
}

void verdict_init(struct verdict *v)
{
	*v = (struct verdict){ .state = RECORD_GOOD };
	buf_init(&v->found, VERDICT_TEXT_MAX);
	buf_init(&v->advice, VERDICT_TEXT_MAX);
}

void verdict_deinit(struct verdict *v)
{
	buf_free(&v->found);
	buf_free(&v->advice);
}

static void add(struct verdict *v, const char *format, va_list ap) PRINTF_LIKE(2, 0);

static void add(struct verdict *v, const char *format, va_list ap)
{
	if (v->advice.n > 0)
		buf_add_cstr(&v->advice, "; ");
	buf_vprintf(&v->advice, format, ap);
}

void verdict_say(struct verdict *v, enum record_state state, const char *format, ...)
{
	va_list ap;

	v->state = state;
	va_start(ap, format);
	add(v, format, ap);
	va_end(ap);
}

void verdict_warn(struct verdict *v, const char *format, ...)
{
	va_list ap;

	v->warn = true;
	va_start(ap, format);
	add(v, format, ap);
	va_end(ap);
}

bool verdict_without_record(struct verdict *v, const struct dns_answer *answer)
{
	switch (answer->status) {
	case DNS_FOUND: return false;
	case DNS_NO_DATA:
	case DNS_NO_NAME:
		v->state = RECORD_MISSING;
		if (answer->aliases > 0)
			verdict_say(v, RECORD_MISSING,
			    "the alias leads to %.*s, which has none",
			    SPAN_ARG(answer->records[answer->aliases - 1].text));
		return true;
	default:
		verdict_say(v, RECORD_UNKNOWN, "DNS: %s", dns_status_text(answer->status));
		return true;
	}
}

bool verdict_one_text(struct verdict *v, const struct dns_answer *answer,
    bool (*fits)(struct span text), const char *what, struct span *text_r)
{
	unsigned n = 0;

	*text_r = SPAN("");
	if (verdict_without_record(v, answer))
		return false;
	for (size_t i = 0; i < answer->count; i++) {
		struct span text = dns_answer_at(answer, i)->text;

		if (!fits(text))
			continue;
		if (n++ > 0)
			buf_add_cstr(&v->found, " | ");
		buf_add_span(&v->found, text);
		*text_r = text;
	}
	if (n == 0)
		v->state = RECORD_MISSING;
	else if (n > 1)
		verdict_say(v, RECORD_WRONG, "there are %u %s records: leave one", n, what);
	return n == 1;
}
