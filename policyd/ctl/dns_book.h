/* dns_book.h - what DNS said so far about one domain, and what is to be asked next. Judges ask the
 * book and are run again until nothing is missing: they stay pure, and the look-ups of a domain go
 * out together. Not thread safe. */
#ifndef DNS_BOOK_H
#define DNS_BOOK_H

#include "base.h"
#include "dns_message.h"
#include "span.h"

#define DNS_BOOK_QUESTIONS_MAX 1000 /* of one domain; further ones are "refused" */

struct dns_book;

struct dns_question {
	const uint8_t *server; /* NULL: the resolver */
	const char *name;
	enum dns_type type;
};

struct dns_book *dns_book_new(void); /* NULL when out of memory */
void dns_book_free(struct dns_book **book);

/* The answer, valid as long as the book; NULL: not known yet, and wanted from now on. server NULL:
 * the resolver. A name that cannot be one has the answer DNS_NO_NAME. */
const struct dns_answer *dns_book_ask(
    struct dns_book *book, const uint8_t *server, struct span name, enum dns_type type);

/* The next wanted question that was not handed out yet; it lives as long as the book. */
bool dns_book_next(struct dns_book *book, struct dns_question *question_r);
/* Is an answer still missing? */
bool dns_book_waits(const struct dns_book *book);

/* Copies an answer in. Questions that nobody asked are fine. */
void dns_book_put(struct dns_book *book, const uint8_t *server, struct span name,
    enum dns_type type, const struct dns_answer *answer);

/* Memory that lives as long as the book; NULL when it is full. */
struct arena *dns_book_arena(struct dns_book *book);

#endif
