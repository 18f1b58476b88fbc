/* texts - which words our pages have in each language (phrases.h). */
#ifndef TEXTS_H
#define TEXTS_H

#include "base.h"
#include "phrases.h"

enum text_id {
	TEXT_DIRECTION, /* "ltr" or "rtl" */
	TEXT_ASK_TITLE,
	TEXT_ASK,
	TEXT_ASK_BUTTON,
	TEXT_CHOOSE_LINK,
	TEXT_CHOOSE_TITLE,
	TEXT_CHOOSE,
	TEXT_CHOOSE_BUTTON,
	TEXT_ALL,
	TEXT_ALL_BUTTON,
	TEXT_DONE_TITLE,
	TEXT_DONE,
	TEXT_NOTHING_TITLE,
	TEXT_NOTHING,
	TEXT_GONE_TITLE,
	TEXT_GONE,
	TEXT_LATER_TITLE,
	TEXT_LATER,
	TEXT_BLOCKED_TITLE,
	TEXT_BLOCKED,
	TEXT_COUNT
};

extern const struct phrases_table web_texts;

#endif
