/* event_record - fields, their bounds, and the checksum of a line. Knows no file. */
#include "event_record.h"
#include "hash.h"

#define FIELDS       11
#define CHECKSUM_HEX 8u

/* ---- fields ---- */

static bool is_word(struct span s, size_t most)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !ascii_digit(s.p[i]) && s.p[i] != '-')
			return false;
	return s.n <= most;
}

static bool is_name(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) &&
		    strchr("._-", s.p[i]) == NULL)
			return false;
	return s.n <= EVENT_NAME_MAX;
}

static bool is_address(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_digit(s.p[i]) &&
		    !(ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'f') &&
		    strchr(".:/", s.p[i]) == NULL)
			return false;
	return s.n <= EVENT_ADDRESS_MAX;
}

static bool read_hex(struct span s, uint64_t *value_r)
{
	uint64_t value = 0;

	if (s.n == 0 || s.n > 16)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (!ascii_digit(c) && !(c >= 'a' && c <= 'f'))
			return false;
		value = value << 4 | (uint64_t)(ascii_digit(c) ? c - '0' : c - 'a' + 10);
	}
	*value_r = value;
	return true;
}

const char *event_read(struct span item, int64_t now_s, struct event *e)
{
	struct span field[FIELDS], rest = item;
	uint64_t link, time;

	for (size_t i = 0; i < FIELDS; i++)
		if (!span_next(&rest, '\t', &field[i]))
			field[i] = SPAN("");
	*e = (struct event){ .kind = field[0],
		.tenant = field[1],
		.stream = field[2],
		.class = field[6],
		.reason = field[7],
		.address = field[9],
		.agent = span_head(field[10], EVENT_AGENT_MAX) };
	if (rest.n > 0)
		return "more fields than there are";
	if (e->kind.n == 0 || !is_word(e->kind, EVENT_WORD_MAX))
		return "kind is no word";
	if (e->tenant.n == 0 || !is_name(e->tenant) || !is_name(e->stream))
		return "tenant or stream is no name";
	if (!read_hex(field[3], &e->message) || !read_hex(field[5], &e->recipient))
		return "message or recipient is not hexadecimal";
	if (!span_u64(field[4], &link) || link > UINT16_MAX)
		return "link is no number";
	if (!is_word(e->class, EVENT_WORD_MAX) || !is_word(e->reason, EVENT_WORD_MAX))
		return "class or reason is no word";
	if (!span_u64(field[8], &time) || time > INT64_MAX / 2 ||
	    (int64_t)time > now_s + EVENT_AHEAD_S)
		return "time is none, or not yet";
	if (!is_address(e->address))
		return "address is none";
	e->link = (uint16_t)link;
	e->time_s = (int64_t)time < now_s ? (int64_t)time : now_s;
	return NULL;
}

/* ---- lines ---- */

static void put_text(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		buf_add_char(out, text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?');
}

static uint32_t checksum(struct span fields)
{
	return (uint32_t)hash64(fields, 0);
}

void event_put(struct buf *out, const struct event *e)
{
	char space[EVENT_LINE_MAX];
	struct buf b = { .p = space, .size = sizeof space, .max = sizeof space };

	buf_printf(&b, "%.*s\t%.*s\t%.*s\t%llx\t%u\t%llx\t%.*s\t%.*s\t%lld\t%.*s\t",
	    SPAN_ARG(e->kind), SPAN_ARG(e->tenant), SPAN_ARG(e->stream),
	    (unsigned long long)e->message, (unsigned)e->link, (unsigned long long)e->recipient,
	    SPAN_ARG(e->class), SPAN_ARG(e->reason), (long long)e->time_s,
	    SPAN_ARG(e->address));
	put_text(&b, e->agent);
	if (!buf_ok(&b)) {
		out->failed = true; /* cannot be: every field is bounded */
		return;
	}
	buf_printf(out, "%08x\t", checksum(buf_span(&b)));
	buf_add_span(out, buf_span(&b));
	buf_add_char(out, '\n');
}

bool event_get(struct span line, struct event *event_r)
{
	struct span fields = span_from(line, CHECKSUM_HEX + 1);
	uint64_t sum;

	return line.n > CHECKSUM_HEX + 1 && line.p[CHECKSUM_HEX] == '\t' &&
	       read_hex(span_head(line, CHECKSUM_HEX), &sum) && sum == checksum(fields) &&
	       event_read(fields, INT64_MAX / 2, event_r) == NULL;
}
