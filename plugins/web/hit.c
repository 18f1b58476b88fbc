/* hit - one click or open as a line. Knows no files and no sockets. */
#include "hit.h"
#include "forwarded.h"

static void put_agent(struct buf *out, struct span agent)
{
	agent = span_head(span_trim(agent), HIT_AGENT_MAX);
	for (size_t i = 0; i < agent.n; i++) {
		char c = agent.p[i];

		buf_add_char(out, c >= ' ' && c <= '~' ? c : '?');
	}
}

void hit_put(struct buf *out, const struct hit *h)
{
	char address[NETWORK_ADDRESS_MAX];

	buf_add_cstr(out, hit_kind_text(h->kind));
	buf_add_char(out, '\t');
	buf_add_span(out, h->tenant);
	/* The stream is what the message's own record says. */
	buf_printf(out, "\t\t%016jx\t%u\t%016jx\t%s\t%s\t%jd\t", (uintmax_t)h->message,
	    (unsigned)h->link, (uintmax_t)(h->anonymous ? 0 : h->recipient),
	    hit_class_text(h->verdict.class), h->verdict.reason, (intmax_t)h->time_s);
	if (!h->anonymous) {
		forwarded_truncate(h->address, address);
		buf_add_cstr(out, address);
	}
	buf_add_char(out, '\t');
	if (!h->anonymous)
		put_agent(out, h->agent);
	buf_add_char(out, '\n');
}
