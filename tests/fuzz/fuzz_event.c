/* fuzz_event - any bytes as an event from the wire, and as a line of the event log. Oracle: what is
 * taken becomes one line, which reads back as the same event. */
#include <stdlib.h>

#include "event_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = { (const char *)data, size };
	struct buf line = BUF_INIT(4096), again = BUF_INIT(4096);
	struct event e, back;

	(void)event_get(all, &e);
	if (event_read(all, INT64_C(1800000000), &e) == NULL) {
		event_put(&line, &e);
		MUST(buf_ok(&line) && line.n <= EVENT_LINE_MAX);
		MUST(span_find(buf_span(&line), '\n', 0) == line.n - 1);
		MUST(event_get(span_head(buf_span(&line), line.n - 1), &back));
		MUST(span_eq(back.kind, e.kind) && span_eq(back.tenant, e.tenant) &&
		     span_eq(back.stream, e.stream) && back.message == e.message &&
		     back.link == e.link && back.recipient == e.recipient &&
		     span_eq(back.class, e.class) && span_eq(back.reason, e.reason) &&
		     back.time_s == e.time_s && span_eq(back.address, e.address));
		event_put(&again, &back);
		MUST(span_eq(buf_span(&line), buf_span(&again)));
	}
	buf_free(&line);
	buf_free(&again);
	return 0;
}
