/* fuzz_log - any octets as lines of a mail log: what is found lies within its line, and addresses
 * where their brackets are. */
#include <stdlib.h>

#include "log_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static void check_within(struct span line, struct span part)
{
	MUST(part.n == 0 || (part.p >= line.p && part.p + part.n <= line.p + line.n));
}

static void check(struct span text)
{
	const struct log_clock clock = { .now_s = INT64_C(1780000000) };
	struct log_line l;

	if (!log_line_read(text, &clock, &l)) {
		MUST(l.kind == LOG_LINE_OTHER);
		return;
	}
	MUST(l.time_s <= clock.now_s + 86400 || text.p[4] == '-');
	const struct span parts[] = { l.service, l.queue_id, l.login, l.client_address,
		l.sender, l.previous, l.recipient, l.relay_host, l.relay_address, l.dsn,
		l.text };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		check_within(text, parts[i]);
	MUST(l.kind == LOG_LINE_OTHER || (l.queue_id.n >= 6 && l.queue_id.n <= 32));
	if (l.kind == LOG_LINE_DELIVERY)
		MUST(l.recipient.p[-1] == '<' && l.recipient.p[l.recipient.n] == '>');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size }, line;

	while (span_next(&rest, '\n', &line))
		check(line);
	return 0;
}
