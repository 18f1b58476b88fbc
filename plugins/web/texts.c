/* texts - the names of our words. Knows no HTML. */
#include "texts.h"

static const struct phrase_row rows[TEXT_COUNT] = {
	[TEXT_DIRECTION] = PHRASE_DIRECTION("direction"),
	[TEXT_ASK_TITLE] = { .name = "ask_title" },
	[TEXT_ASK] = { .name = "ask" },
	[TEXT_ASK_BUTTON] = { .name = "ask_button" },
	[TEXT_CHOOSE_LINK] = { .name = "choose_link" },
	[TEXT_CHOOSE_TITLE] = { .name = "choose_title" },
	[TEXT_CHOOSE] = { .name = "choose" },
	[TEXT_CHOOSE_BUTTON] = { .name = "choose_button" },
	[TEXT_ALL] = { .name = "all" },
	[TEXT_ALL_BUTTON] = { .name = "all_button" },
	[TEXT_DONE_TITLE] = { .name = "done_title" },
	[TEXT_DONE] = { .name = "done" },
	[TEXT_NOTHING_TITLE] = { .name = "nothing_title" },
	[TEXT_NOTHING] = { .name = "nothing" },
	[TEXT_GONE_TITLE] = { .name = "gone_title" },
	[TEXT_GONE] = { .name = "gone" },
	[TEXT_LATER_TITLE] = { .name = "later_title" },
	[TEXT_LATER] = { .name = "later" },
	[TEXT_BLOCKED_TITLE] = { .name = "blocked_title" },
	[TEXT_BLOCKED] = { .name = "blocked" },
};

const struct phrases_table web_texts = { rows, TEXT_COUNT };
