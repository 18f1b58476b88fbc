/* counters - what penguin-web counts, and its text for Prometheus. Knows no HTTP. */
#include <stdio.h>

#include "counters.h"

#define NAME_MAX_OCTETS 128

static const struct row {
	const char *name, *labels, *type, *help; /* help: with the first of a name */
} rows[COUNTER_COUNT] = {
	[COUNTER_REDIRECTS] = { "penguin_web_redirects_total", "", "counter",
	    "Clicks that were sent to their target." },
	[COUNTER_EXPIRED] = { "penguin_web_expired_clicks_total", "", "counter",
	    "Clicks on tokens past their date: redirected, not recorded." },
	[COUNTER_PIXELS] = { "penguin_web_pixels_total", "", "counter",
	    "Answers to the open pixel, good token or not." },
	[COUNTER_PAGES] = { "penguin_web_pages_total", "", "counter",
	    "Unsubscribe pages shown." },
	[COUNTER_UNSUBSCRIBED_ONE_CLICK] = { "penguin_web_unsubscribed_total",
	    "source=\"one-click\"", "counter",
	    "Unsubscriptions that penguin-policyd recorded." },
	[COUNTER_UNSUBSCRIBED_PAGE] = { "penguin_web_unsubscribed_total", "source=\"page\"",
	    "counter", NULL },
	[COUNTER_UNSUBSCRIBE_FAILED] = { "penguin_web_unsubscribe_failures_total", "",
	    "counter", "Unsubscriptions answered with 503." },
	[COUNTER_NOT_FOUND] = { "penguin_web_not_found_total", "", "counter",
	    "Requests for what is not there, bad tokens among them." },
	[COUNTER_BLOCKED] = { "penguin_web_blocked_total", "", "counter",
	    "Clicks on links of suspended or closed tenants." },
	[COUNTER_REFUSED] = { "penguin_web_refused_total", "", "counter",
	    "Requests that were malformed or over a limit." },
	[COUNTER_CLICKS_HUMAN] = { "penguin_web_hits_total", "kind=\"click\",class=\"human\"",
	    "counter", "Clicks and opens recorded, by what they look like." },
	[COUNTER_CLICKS_MACHINE] = { "penguin_web_hits_total",
	    "kind=\"click\",class=\"machine\"", "counter", NULL },
	[COUNTER_CLICKS_PROXIED] = { "penguin_web_hits_total",
	    "kind=\"click\",class=\"proxied\"", "counter", NULL },
	[COUNTER_OPENS_HUMAN] = { "penguin_web_hits_total", "kind=\"open\",class=\"human\"",
	    "counter", NULL },
	[COUNTER_OPENS_MACHINE] = { "penguin_web_hits_total", "kind=\"open\",class=\"machine\"",
	    "counter", NULL },
	[COUNTER_OPENS_PROXIED] = { "penguin_web_hits_total", "kind=\"open\",class=\"proxied\"",
	    "counter", NULL },
	[COUNTER_EVENTS_SENT] = { "penguin_web_events_sent_total", "", "counter",
	    "Events that penguin-policyd has taken." },
	[COUNTER_EVENTS_SPOOLED] = { "penguin_web_events_spooled_total", "", "counter",
	    "Events written to the spool." },
	[COUNTER_EVENTS_DROPPED] = { "penguin_web_events_dropped_total", "", "counter",
	    "Events lost: the spool or memory was full, or the disk did not take them." },
	[COUNTER_CONNECTIONS_REFUSED] = { "penguin_web_connections_refused_total", "",
	    "counter", "Connections over connections_per_address." },
	[COUNTER_CONNECTIONS_CUT] = { "penguin_web_connections_cut_total", "", "counter",
	    "Connections closed because no request was completed in time." },
	[COUNTER_RELOADS] = { "penguin_web_reloads_total", "", "counter",
	    "Configurations loaded since the start." },
	[GAUGE_CONNECTIONS] = { "penguin_web_connections", "", "gauge",
	    "Connections open now." },
	[GAUGE_SPOOL_OCTETS] = { "penguin_web_spool_bytes", "", "gauge",
	    "What the spool takes on the disk." },
};

void counters_put(struct buf *out, struct counters *c)
{
	for (size_t i = 0; i < COUNTER_COUNT; i++) {
		const struct row *r = &rows[i];
		uint64_t value = atomic_load_explicit(&c->at[i], memory_order_relaxed);

		if (r->help != NULL)
			buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help,
			    r->name, r->type);
		buf_printf(out, "%s%s%s%s %ju\n", r->name, r->labels[0] != '\0' ? "{" : "",
		    r->labels, r->labels[0] != '\0' ? "}" : "", (uintmax_t)value);
	}
}

/* ---- penguin-policyd's ---- */

static bool name_ok(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_alpha(name.p[i]) && name.p[i] != '_' && name.p[i] != ':' &&
		    (i == 0 || !ascii_digit(name.p[i])))
			return false;
	return name.n > 0 && name.n <= NAME_MAX_OCTETS;
}

/* An integer or a decimal fraction, possibly negative. */
static bool number_ok(struct span text)
{
	size_t digits = 0, dots = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (ascii_digit(text.p[i]))
			digits++;
		else if (text.p[i] == '.')
			dots++;
		else if (text.p[i] != '-' || i > 0)
			return false;
	}
	return digits > 0 && dots <= 1 && text.n <= 40;
}

static bool type_ok(struct span type)
{
	return span_eq(type, SPAN("counter")) || span_eq(type, SPAN("gauge"));
}

/* Each label key="value", values without a bare quote: they cannot end the line or the braces. */
static bool labels_ok(struct span text)
{
	size_t i = 0;

	while (i < text.n) {
		size_t equals = span_find(text, '=', i);

		if (!name_ok(span_make(text.p + i, equals - i)) || equals + 1 >= text.n ||
		    text.p[equals + 1] != '"')
			return false;
		for (i = equals + 2; i < text.n && text.p[i] != '"'; i++)
			if (text.p[i] == '\\')
				i++;
			else if ((unsigned char)text.p[i] < ' ')
				return false;
		if (i >= text.n)
			return false;
		i++;
		if (i < text.n && (text.p[i++] != ',' || i == text.n))
			return false;
	}
	return true;
}

static void put_help(struct buf *out, struct span help)
{
	for (size_t i = 0; i < help.n; i++)
		if ((unsigned char)help.p[i] >= ' ' && help.p[i] != '\\')
			buf_add_char(out, help.p[i]);
}

struct foreign {
	struct span name, labels, value, type, help;
};

static bool read_foreign(struct span line, struct foreign *f)
{
	struct span rest = line;

	return span_next(&rest, '\t', &f->name) && span_next(&rest, '\t', &f->labels) &&
	       span_next(&rest, '\t', &f->value) && span_next(&rest, '\t', &f->type) &&
	       span_next(&rest, '\t', &f->help) && name_ok(f->name) && labels_ok(f->labels) &&
	       number_ok(f->value) && type_ok(f->type) &&
	       !span_starts(f->name, SPAN("penguin_web_"));
}

static bool seen(const struct span *names, size_t count, struct span name)
{
	for (size_t i = 0; i < count; i++)
		if (span_eq(names[i], name))
			return true;
	return false;
}

void counters_put_foreign(struct buf *out, const struct attr_request *answer)
{
	struct span names[ATTR_MAX_COUNT];
	struct foreign f;
	size_t count = 0;

	for (size_t i = 0; i < answer->count; i++) {
		bool again;

		if (!span_starts(answer->at[i].name, SPAN("metric.")) ||
		    !read_foreign(answer->at[i].value, &f))
			continue;
		again = count > 0 && span_eq(names[count - 1], f.name);
		if (!again && seen(names, count, f.name))
			continue;
		if (!again) {
			names[count++] = f.name;
			buf_printf(out, "# HELP %.*s ", SPAN_ARG(f.name));
			put_help(out, f.help);
			buf_printf(
			    out, "\n# TYPE %.*s %.*s\n", SPAN_ARG(f.name), SPAN_ARG(f.type));
		}
		buf_add_span(out, f.name);
		if (f.labels.n > 0)
			buf_printf(out, "{%.*s}", SPAN_ARG(f.labels));
		buf_printf(out, " %.*s\n", SPAN_ARG(f.value));
	}
}
