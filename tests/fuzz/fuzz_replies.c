/* fuzz_replies - any octets as a file of rules up to the first NUL, and behind it as a reply: what is
 * read is asked, and what rules are shown keeps its form. */
#include <stdlib.h>

#include "replies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static void ask(const struct replies *r, struct span text)
{
	struct buf subject = BUF_INIT(2 * REPLY_TEXT_MAX), mask = BUF_INIT(65536);
	struct span s;

	reply_subject(text, SPAN("5.1.1"), &subject);
	s = buf_span(&subject);
	MUST(buf_ok(&subject) && s.n >= 9 && s.n <= REPLY_TEXT_MAX && s.p[3] == ' ');
	for (size_t i = 0; i < s.n; i++)
		MUST((unsigned char)s.p[i] >= ' ' && s.p[i] != 0x7f);
	reply_mask(s, &mask);
	MUST(buf_ok(&mask));
	for (size_t i = 0; i < mask.n; i++)
		MUST(!ascii_digit(mask.p[i]));
	if (r != NULL)
		(void)replies_match(r, SPAN("google"), s);
	buf_free(&mask);
	buf_free(&subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = { (const char *)data, size };
	size_t file = span_find(all, '\0', 0);
	struct replies *r = NULL;
	char error[256];
	enum err e = replies_parse(span_head(all, file), "file", &r, error, sizeof error);

	MUST((e == ERR_OK) == (r != NULL));
	ask(r, span_from(all, file + 1));
	ask(r, all);
	replies_free(&r);
	return 0;
}
