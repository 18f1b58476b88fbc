/* fuzz_reactions - any octets as a file of reactions: what is read keeps its bounds. */
#include <stdlib.h>

#include "quantity.h"
#include "reactions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reactions *r = NULL;
	char error[256];
	enum err e = reactions_parse(
	    span_make((const char *)data, size), "file", &r, error, sizeof error);

	MUST((e == ERR_OK) == (r != NULL));
	for (size_t i = 0; r != NULL && i < reactions_count(r); i++) {
		const struct reaction *rule = reactions_rule(r, i);

		MUST(rule->share != SHARE_NONE ||
		     (rule->count >= 1 && rule->count <= REACTION_COUNT_MAX &&
			 rule->within_s > 0));
		MUST(rule->parts <= 101 * (QUANTITY_WHOLE / 100));
		for (unsigned level = 0; level < 70; level++)
			MUST(reaction_pause_s(rule, level) >= 0 &&
			     reaction_pause_s(rule, level) <= rule->most_s);
		(void)reaction_counts(rule, SPAN("google"), NULL, REPLY_RATE_LIMIT);
		(void)reaction_share_reached(rule, SPAN("google"), 5, 500);
	}
	reactions_free(&r);
	return 0;
}
