/* dns_book - questions and answers in memory. Knows no network and no meaning of records. */
#include "dns_book.h"

#define BOOK_OCTETS_MAX ((size_t)32 << 20)

struct entry {
	struct entry *next;
	const char *name;
	bool has_server, handed_out, answered;
	uint8_t server[16];
	enum dns_type type;
	struct dns_answer answer;
};

struct dns_book {
	struct arena *arena;
	struct entry *first, **last;
	size_t count;
};

static const struct dns_answer too_many = { .status = DNS_REFUSED };
static const struct dns_answer no_name = { .status = DNS_NO_NAME };

struct dns_book *dns_book_new(void)
{
	struct dns_book *book = calloc(1, sizeof *book);

	if (book == NULL)
		return NULL;
	book->last = &book->first;
	book->arena = arena_new(BOOK_OCTETS_MAX);
	if (book->arena == NULL)
		dns_book_free(&book);
	return book;
}

void dns_book_free(struct dns_book **book)
{
	if (*book == NULL)
		return;
	arena_free(&(*book)->arena);
	free(*book);
	*book = NULL;
}

struct arena *dns_book_arena(struct dns_book *book)
{
	return book->arena;
}

/* The entry of a question, made when it is not there; NULL over a bound. */
static struct entry *find(
    struct dns_book *book, const uint8_t *server, struct span name, enum dns_type type)
{
	struct entry *e;

	for (e = book->first; e != NULL; e = e->next)
		if (e->type == type && e->has_server == (server != NULL) &&
		    (server == NULL || memcmp(e->server, server, sizeof e->server) == 0) &&
		    span_eq_nocase(span_cstr(e->name), name))
			return e;
	if (book->count >= DNS_BOOK_QUESTIONS_MAX)
		return NULL;
	e = arena_alloc(book->arena, sizeof *e);
	if (e == NULL)
		return NULL;
	*e = (struct entry){ .has_server = server != NULL, .type = type };
	if (server != NULL)
		memcpy(e->server, server, sizeof e->server);
	e->name = arena_dup(book->arena, name);
	if (e->name == NULL)
		return NULL;
	*book->last = e;
	book->last = &e->next;
	book->count++;
	return e;
}

static bool may_be_asked(struct span name)
{
	struct span rest = name, label;

	if (name.n == 0 || name.n > 253 || name.p[name.n - 1] == '.')
		return false;
	while (span_next(&rest, '.', &label)) {
		if (label.n == 0 || label.n > 63)
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!ascii_alpha(label.p[i]) && !ascii_digit(label.p[i]) &&
			    label.p[i] != '-' && label.p[i] != '_')
				return false;
	}
	return true;
}

const struct dns_answer *dns_book_ask(
    struct dns_book *book, const uint8_t *server, struct span name, enum dns_type type)
{
	struct entry *e;

	if (!may_be_asked(name))
		return &no_name;
	e = find(book, server, name, type);
	if (e == NULL)
		return &too_many;
	return e->answered ? &e->answer : NULL;
}

bool dns_book_next(struct dns_book *book, struct dns_question *question_r)
{
	for (struct entry *e = book->first; e != NULL; e = e->next) {
		if (e->answered || e->handed_out)
			continue;
		e->handed_out = true;
		*question_r =
		    (struct dns_question){ e->has_server ? e->server : NULL, e->name, e->type };
		return true;
	}
	return false;
}

bool dns_book_waits(const struct dns_book *book)
{
	for (const struct entry *e = book->first; e != NULL; e = e->next)
		if (!e->answered)
			return true;
	return false;
}

static bool copy(struct arena *arena, struct span *text)
{
	const char *p = arena_dup(arena, *text);

	*text = span_make(p != NULL ? p : "", p != NULL ? text->n : 0);
	return p != NULL;
}

void dns_book_put(struct dns_book *book, const uint8_t *server, struct span name,
    enum dns_type type, const struct dns_answer *answer)
{
	struct entry *e = find(book, server, name, type);
	size_t n = answer->aliases + answer->count;
	struct dns_record *records = arena_array(book->arena, n, sizeof *records);
	bool ok = records != NULL;

	if (e == NULL)
		return;
	e->answer = *answer;
	e->answer.records = records;
	for (size_t i = 0; ok && i < n; i++) {
		records[i] = answer->records[i];
		ok = copy(book->arena, &records[i].owner) &&
		     copy(book->arena, &records[i].text) && copy(book->arena, &records[i].tag);
	}
	if (!ok)
		e->answer = (struct dns_answer){ .status = DNS_BROKEN };
	e->answered = true;
}
