/* feedback_batch - deliveries into events, counters and failures. */
#include <stdlib.h>

#include "event_record.h"
#include "feedback_batch.h"
#include "suppress.h"

enum err feedback_batch_init(struct feedback_batch *b)
{
	*b = (struct feedback_batch){ .counts = count_batch_new() };
	buf_init(&b->events, BATCH_EVENTS_MAX);
	buf_init(&b->tracked, BATCH_EVENTS_MAX);
	b->failures = calloc(BATCH_FAILURES, sizeof *b->failures);
	b->triggers = calloc(BATCH_TRIGGERS, sizeof *b->triggers);
	return b->counts != NULL && b->failures != NULL && b->triggers != NULL ? ERR_OK
									       : ERR_NOMEM;
}

void feedback_batch_deinit(struct feedback_batch *b)
{
	count_batch_free(&b->counts);
	buf_free(&b->events);
	buf_free(&b->tracked);
	free(b->failures);
	b->failures = NULL;
	free(b->triggers);
	b->triggers = NULL;
}

void feedback_batch_reset(struct feedback_batch *b)
{
	count_batch_reset(b->counts);
	buf_reset(&b->events);
	buf_reset(&b->tracked);
	b->event_count = 0;
	b->failure_count = 0;
	b->trigger_count = 0;
	b->lines = b->deliveries = b->foreign = b->unreadable = 0;
	b->newest_s = 0;
	b->broken = false;
}

uint64_t feedback_mark(struct span tenant, const uint8_t digest[DIGEST_SIZE])
{
	uint64_t v;

	memcpy(&v, digest, sizeof v);
	v ^= hash64(tenant, 0);
	return v > 1 ? v : v + 2;
}

static const char *const kinds[] = {
	[DELIVERY_SENT] = "delivered",
	[DELIVERY_DEFERRED] = "deferred",
	[DELIVERY_BOUNCED] = "bounced",
	[DELIVERY_EXPIRED] = "expired",
};

/* Words of events know '-' and no '_'. */
static struct span word(const char *text, char space[EVENT_WORD_MAX])
{
	size_t n = 0;

	for (; n < EVENT_WORD_MAX && text[n] != '\0'; n++)
		space[n] = text[n] == '_' ? '-' : ascii_lower(text[n]);
	return span_make(space, n);
}

static struct span address_of(struct span address)
{
	for (size_t i = 0; i < address.n; i++)
		if (!ascii_digit(address.p[i]) &&
		    strchr("abcdefABCDEF.:", address.p[i]) == NULL)
			return SPAN(""); /* "private/dovecot-lmtp" */
	return span_head(address, EVENT_ADDRESS_MAX);
}

/* No address of a recipient: the digest that lists of suppressions hold tells them apart. */
static void put_event(
    struct feedback_batch *b, const struct delivery *d, const uint8_t digest[DIGEST_SIZE])
{
	char class[EVENT_WORD_MAX], rule[EVENT_WORD_MAX], space[1024];
	struct buf detail = { .p = space, .size = sizeof space, .max = sizeof space };
	struct event event = { .kind = span_cstr(kinds[d->status]),
		.tenant = d->tenant,
		.stream = d->stream,
		.message = d->message,
		.time_s = d->time_s,
		.address = address_of(d->relay_address) };

	for (size_t i = 0; i < 8; i++)
		event.recipient = event.recipient << 8 | digest[i];
	buf_printf(&detail, "%.*s %.*s", SPAN_ARG(d->provider),
	    SPAN_ARG(d->source.n > 0 ? d->source : SPAN("-")));
	if (d->status != DELIVERY_SENT) {
		event.class = word(reply_class_row(d->class)->name, class);
		event.reason = d->rule != NULL ? word(d->rule->id, rule) : SPAN("");
		buf_add_char(&detail, ' ');
		buf_add_span(&detail, span_head(d->subject, 9));
		buf_add_char(&detail, ' ');
		reply_mask(span_from(d->subject, 10), &detail);
	}
	event.agent = span_head(buf_span(&detail), EVENT_AGENT_MAX);
	event_put(&b->events, &event);
	b->event_count++;
}

static void count(struct feedback_batch *b, const struct delivery *d)
{
	char space[2 * TRACK_NAME_MAX + 2];
	struct buf both = { .p = space, .size = sizeof space, .max = sizeof space };
	struct counts counts = { .at = { 0 } };
	struct count_subject subjects[] = {
		{ COUNT_TENANT, d->tenant, d->provider },
		{ COUNT_STREAM, SPAN(""), d->provider },
		{ COUNT_DOMAIN, d->domain, d->provider },
		{ COUNT_SOURCE, d->source, d->provider },
	};

	buf_printf(&both, "%.*s/%.*s", SPAN_ARG(d->tenant), SPAN_ARG(d->stream));
	subjects[1].name = buf_span(&both);
	counts_of_attempt(d->status, d->first, d->class, &counts);
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		if (subjects[i].name.n > 0 &&
		    !count_batch_add(b->counts, subjects + i, d->time_s, &counts))
			b->broken = true;
}

static void note_failure(struct feedback_batch *b, const struct feedback_world *w,
    const struct delivery *d, const uint8_t digest[DIGEST_SIZE])
{
	uint64_t mark = feedback_mark(d->tenant, digest);
	bool delivered = d->status == DELIVERY_SENT,
	     have = fingerprints_have(w->troubled, mark);
	struct failure *f = b->failures + b->failure_count;

	if (d->status == DELIVERY_DEFERRED || (delivered && !have) ||
	    (!delivered && trouble_rule(d->class) == NULL))
		return;
	if (!have && fingerprints_reserve(w->troubled, 1))
		fingerprints_add(w->troubled, mark);
	*f = (struct failure){ .delivered = delivered, .class = d->class, .time_s = d->time_s };
	if (!span_copy(d->tenant, f->tenant, sizeof f->tenant))
		return;
	memcpy(f->digest, digest, DIGEST_SIZE);
	b->failure_count++;
}

void feedback_batch_act(void *context, const struct trigger *trigger)
{
	struct feedback_batch *b = context;

	if (b->trigger_count < BATCH_TRIGGERS)
		b->triggers[b->trigger_count++] = *trigger;
}

static void take_delivery(
    struct feedback_batch *b, const struct feedback_world *w, const struct delivery *d)
{
	uint8_t digest[DIGEST_SIZE] = { 0 };

	b->deliveries++;
	if (suppress_digest_by(w->digest_key, d->recipient, digest) != ERR_OK)
		b->broken = true;
	put_event(b, d, digest);
	count(b, d);
	note_failure(b, w, d, digest);
	if (d->status != DELIVERY_SENT && w->reactions != NULL)
		react_delivery(w->react, w->reactions, d, feedback_batch_act, b);
}

size_t feedback_batch_lines(
    struct feedback_batch *b, const struct feedback_world *world, struct span lines)
{
	struct span rest = lines, text;

	while (b->failure_count < BATCH_FAILURES && b->events.n < BATCH_EVENTS_MAX / 2 &&
	       span_next(&rest, '\n', &text)) {
		struct log_line line;
		struct delivery d;
		enum track_result result = TRACK_NOTHING;

		b->lines++;
		if (!log_line_read(text, &world->clock, &line)) {
			b->unreadable += text.n > 0;
			continue;
		}
		if (line.time_s > b->newest_s)
			b->newest_s = line.time_s;
		if (line.kind != LOG_LINE_OTHER)
			result = track_line(world->tracker, &world->track, &line, &d);
		if (result == TRACK_DELIVERY)
			take_delivery(b, world, &d);
		b->foreign += result == TRACK_FOREIGN;
	}
	b->broken = b->broken || !buf_ok(&b->events);
	return lines.n - rest.n;
}

static void put_tracked(void *context, struct span queue_id, struct span record)
{
	struct feedback_batch *b = context;
	uint16_t n = (uint16_t)record.n;

	buf_add_span(&b->tracked, queue_id);
	buf_add_char(&b->tracked, '\0');
	buf_add(&b->tracked, &n, sizeof n);
	buf_add_span(&b->tracked, record);
}

void feedback_batch_close(struct feedback_batch *b, const struct feedback_world *world)
{
	track_changes(world->tracker, put_tracked, b);
	b->broken = b->broken || !buf_ok(&b->tracked);
}
