/* reply - verdicts to SMTP replies, one table. Knows no reasons. */
#include "reply.h"

/* What is said behind the text. */
enum tail { TAIL_NONE, TAIL_LIMIT, TAIL_RETRY, TAIL_POOL, TAIL_BRAKE, TAIL_WARMUP };

static const struct row {
	const char *word, *code, *enhanced, *text;
	enum tail tail;
} rows[] = {
	[VERDICT_PASS] = { "pass", "250", "2.0.0", "accepted", TAIL_NONE },
	[VERDICT_NOT_OWNER] = { "not-owner", "553", "5.7.1",
	    "sender address does not belong to the authenticated account", TAIL_NONE },
	[VERDICT_NO_RETURN] = { "no-return", "550", "5.1.1", "no such return path", TAIL_NONE },
	[VERDICT_SUPPRESSED] = { "suppressed", "550", "5.7.1",
	    "recipient opted out or is undeliverable", TAIL_NONE },
	[VERDICT_BRAKED] = { "braked", "451", "4.7.1", "sending is paused", TAIL_BRAKE },
	[VERDICT_WARMING] = { "warming", "451", "4.7.1", "warm-up", TAIL_WARMUP },
	[VERDICT_RATE] = { "rate", "450", "4.7.1", "sending too fast", TAIL_RETRY },
	[VERDICT_QUOTA] = { "quota", "450", "4.7.1", "quota reached", TAIL_LIMIT },
	[VERDICT_PERIOD] = { "period", "550", "5.7.1", "quota of the billing period is used up",
	    TAIL_LIMIT },
	[VERDICT_NEVER_FITS] = { "never-fits", "552", "5.3.4",
	    "message is larger than the account's limit", TAIL_LIMIT },
	[VERDICT_SUSPENDED] = { "suspended", "451", "4.7.1", "account is suspended",
	    TAIL_NONE },
	[VERDICT_CLOSED] = { "closed", "525", "5.7.13", "account is closed", TAIL_NONE },
	[VERDICT_UNKNOWN_LOGIN] = { "unknown-login", "550", "5.7.1",
	    "this account may not send mail here", TAIL_NONE },
	[VERDICT_CHANGING] = { "changing", "451", "4.3.0",
	    "sender account is changing, try again later", TAIL_NONE },
	[VERDICT_ONE_RECIPIENT] = { "one-recipient", "452", "4.5.3",
	    "one recipient per message", TAIL_NONE },
	[VERDICT_POOL_AWAY] = { "pool-away", "451", "4.7.1",
	    "has no source that can be used at present", TAIL_POOL },
	[VERDICT_POOL_SPENT] = { "pool-spent", "451", "4.7.1", "exhausted", TAIL_POOL },
	[VERDICT_POOL_GAP] = { "pool-gap", "450", "4.7.1", "no source is free yet",
	    TAIL_RETRY },
	[VERDICT_SOURCE_FULL] = { "source-full", "452", "4.5.3",
	    "no room for more recipients of this message; send them another", TAIL_NONE },
	[VERDICT_STORE_DOWN] = { "store-down", "451", "4.3.0",
	    "temporary failure, please try again", TAIL_NONE },
};
_Static_assert(ARRAY_SIZE(rows) == VERDICT_COUNT, "a row for every verdict");

const char *reply_word(enum verdict v)
{
	return rows[v].word;
}

bool verdict_is_temporary(enum verdict v)
{
	return rows[v].code[0] == '4';
}

static void put_warmup(struct buf *out, const struct reply_facts *f)
{
	buf_printf(out, " of %.*s to %.*s", SPAN_ARG(f->subject), SPAN_ARG(f->place));
	if (f->budget == 0)
		buf_add_cstr(out, " is paused");
	else
		buf_printf(out, ": day %u of %u, %llu recipients", f->day, f->days,
		    (unsigned long long)f->budget);
	if (f->budget > 0 && f->resets.n > 0)
		buf_printf(out, ", opens %.*s", SPAN_ARG(f->resets));
}

static void put_text(struct buf *out, const struct row *row, const struct reply_facts *f)
{
	if (row->tail == TAIL_POOL && f->pool.n > 0)
		buf_printf(out, "pool %.*s ", SPAN_ARG(f->pool));
	else if (row->tail == TAIL_POOL)
		buf_add_cstr(out, "its pool ");
	buf_add_cstr(out, row->text);
	if (row->tail == TAIL_LIMIT && f->scope.n > 0)
		buf_printf(out, " (%.*s %.*s)", SPAN_ARG(f->scope), SPAN_ARG(f->limit));
	if (row->tail == TAIL_LIMIT && f->resets.n > 0)
		buf_printf(out, ", resets %.*s", SPAN_ARG(f->resets));
	if (row->tail == TAIL_POOL && f->resets.n > 0)
		buf_printf(out, " until %.*s", SPAN_ARG(f->resets));
	if (row->tail == TAIL_WARMUP)
		put_warmup(out, f);
	if (row->tail == TAIL_BRAKE && f->place.n > 0)
		buf_printf(out, " to %.*s", SPAN_ARG(f->place));
	if (row->tail == TAIL_BRAKE && f->resets.n > 0)
		buf_printf(out, " until %.*s (%.*s)", SPAN_ARG(f->resets), SPAN_ARG(f->rule));
	if (row->tail != TAIL_NONE && f->retry_s > 0 && f->retry_s != INT64_MAX)
		buf_printf(out, ", retry in %lld s", (long long)f->retry_s);
}

void reply_policy(struct buf *out, enum verdict v, const struct reply_facts *facts)
{
	const struct row *row = &rows[v];

	if (v == VERDICT_PASS) {
		buf_add_cstr(out, "action=DUNNO\n\n");
		return;
	}
	buf_printf(out, "action=%s %s ", row->code, row->enhanced);
	put_text(out, row, facts);
	buf_add_cstr(out, "\n\n");
}

void reply_filter(struct buf *out, const char *way)
{
	buf_printf(out, "action=FILTER %s\n\n", way);
}

void reply_parts(enum verdict v, const struct reply_facts *facts, bool final,
    const char **code_r, const char **enhanced_r, struct buf *text)
{
	bool permanent = final && verdict_is_temporary(v);

	*code_r = permanent ? "550" : rows[v].code;
	*enhanced_r = permanent ? "5.7.1" : rows[v].enhanced;
	put_text(text, &rows[v], facts);
}
