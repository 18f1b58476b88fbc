/* fuzz_zone - any bytes as a time zone file; the rest of the input picks moments. Whatever was
 * read, windows hold their moment and meet the next one without a gap. */
#include <stdlib.h>

#include "zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct zone *z, enum window_kind kind, int cycle_day, int64_t at)
{
	struct window_bounds w = zone_window(z, kind, cycle_day, at);
	struct window_bounds next = zone_window(z, kind, cycle_day, w.end_s);
	char text[ZONE_TEXT_MAX];

	if (w.start_s > at || at >= w.end_s || next.start_s != w.end_s)
		abort();
	zone_format(z, at, text);
	if (memchr(text, '\0', sizeof text) == NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zone *z = NULL;
	int32_t at[2] = { 0, 0 };

	if (size < sizeof at)
		return 0;
	memcpy(at, data, sizeof at);
	data += sizeof at;
	size -= sizeof at;
	if (zone_parse(span_make((const char *)data, size), &z) != ERR_OK)
		return z == NULL ? 0 : (abort(), 0);
	for (int kind = WINDOW_HOUR; kind <= WINDOW_CYCLE; kind++) {
		check(z, (enum window_kind)kind, 1 + (int)((uint32_t)at[1] % 31), at[0]);
		check(z, (enum window_kind)kind, 31, (int64_t)at[1] * 16);
	}
	zone_free(&z);
	return 0;
}
