/* fuzz_phrases - any bytes as a file of words. What is read has every text in every language, and
 * no text holds a line end. */
#include <stdlib.h>

#include "phrases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct phrase_row rows[] = {
	PHRASE_DIRECTION("direction"),
	{ .name = "a" },
	{ .name = "b" },
};
static const struct phrases_table table = { rows, ARRAY_SIZE(rows) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct phrases *p;
	char error[200];

	if (phrases_parse(span_make((const char *)data, size), "f", &table, &p, error,
		sizeof error) != ERR_OK) {
		if (p != NULL || error[0] == '\0')
			abort();
		return 0;
	}
	for (size_t i = 0; i < p->count * p->width; i++)
		if (p->at[i].n == 0 || memchr(p->at[i].p, '\n', p->at[i].n) != NULL)
			abort();
	phrases_free(&p);
	return 0;
}
