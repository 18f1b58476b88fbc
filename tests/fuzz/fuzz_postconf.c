/* fuzz_postconf - main.cf and master.cf of any octets: what is set can be read back, and taking
 * the addition away gives the text as it was. */
#include "postconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make((const char *)data, size), name = SPAN("never_there");
	struct buf once = BUF_INIT(1 << 20), back = BUF_INIT(1 << 20);
	struct postconf_parameter p;
	struct master_service s;
	size_t offset = 0;

	if (size > 65536 || postconf_find(text, name, &p))
		return 0;
	postconf_set(text, name, SPAN("v"), &once);
	if (!postconf_find(buf_span(&once), name, &p) || !span_eq(p.value, SPAN("v")))
		__builtin_trap();
	postconf_remove(buf_span(&once), name, &back);
	if (!span_starts(buf_span(&back), text) || back.n > text.n + 1)
		__builtin_trap();
	while (master_next(text, &offset, &s)) {
		struct master_option o;

		buf_reset(&once);
		master_set_option(text, &s, name, SPAN("{ a, b }"), &once);
		(void)master_find_option(text, &s, SPAN("a"), &o);
	}
	buf_free(&once);
	buf_free(&back);
	return 0;
}
