/* hit - one click or open as a line. Knows no files and no sockets. */
#include "hit.h"
#include "forwarded.h"

static void put_agent(struct buf *out, struct span agent)
{
	char kept[HIT_AGENT_MAX];

	agent = span_head(span_trim(agent), HIT_AGENT_MAX);
	for (size_t i = 0; i < agent.n; i++)
		kept[i] = agent.p[i] >= ' ' && agent.p[i] <= '~' ? agent.p[i] : '?';
	buf_add(out, kept, agent.n);
}

/* As printf would, which takes longer than all the rest of a line. */
static void put_id(struct buf *out, uint64_t id)
{
	char digits[17];

	for (size_t i = 0; i < 16; i++)
		digits[i] = "0123456789abcdef"[id >> (60 - 4 * i) & 15];
	digits[16] = '\t';
	buf_add(out, digits, sizeof digits);
}

static void put_number(struct buf *out, int64_t number)
{
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[21];
	size_t at = sizeof digits;

	digits[--at] = '\t';
	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		buf_add_char(out, '-');
	buf_add(out, digits + at, sizeof digits - at);
}

static void put_word(struct buf *out, struct span word)
{
	buf_add_span(out, word);
	buf_add_char(out, '\t');
}

void hit_put(struct buf *out, const struct hit *h)
{
	char address[NETWORK_ADDRESS_MAX];

	put_word(out, span_cstr(hit_kind_text(h->kind)));
	put_word(out, h->tenant);
	put_word(out, SPAN("")); /* the stream is what the message's own record says */
	put_id(out, h->message);
	put_number(out, h->link);
	put_id(out, h->anonymous ? 0 : h->recipient);
	put_word(out, span_cstr(hit_class_text(h->verdict.class)));
	put_word(out, span_cstr(h->verdict.reason));
	put_number(out, h->time_s);
	if (!h->anonymous) {
		forwarded_truncate(h->address, address);
		buf_add_cstr(out, address);
	}
	buf_add_char(out, '\t');
	if (!h->anonymous)
		put_agent(out, h->agent);
	buf_add_char(out, '\n');
}
