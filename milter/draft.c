/* draft - the header as it shall leave, and the edits that make it so. Knows no rules. */
#include "draft.h"
#include "field.h"

enum err draft_open(const struct message *m, struct message *draft_r)
{
	*draft_r = *m;
	/* Edits, kept octets and what replaces them stay the message's. */
	draft_r->edits = NULL;
	draft_r->edit_count = draft_r->edit_room = 0;
	draft_r->kept = draft_r->replaced = (struct buf){ 0 };
	draft_r->header_room = m->header_count + 32;
	draft_r->headers = arena_array(m->arena, draft_r->header_room, sizeof *m->headers);
	if (draft_r->headers == NULL)
		return ERR_NOMEM;
	if (m->header_count > 0)
		memcpy(draft_r->headers, m->headers, m->header_count * sizeof *m->headers);
	return ERR_OK;
}

static bool make_room(struct message *draft)
{
	struct header *bigger;

	if (draft->header_count < draft->header_room)
		return true;
	bigger = arena_array(draft->arena, draft->header_room * 2, sizeof *bigger);
	if (bigger == NULL)
		return false;
	memcpy(bigger, draft->headers, draft->header_count * sizeof *bigger);
	draft->headers = bigger;
	draft->header_room *= 2;
	return true;
}

enum err draft_add(struct message *draft, const char *name, struct span value)
{
	struct header h = { .nth = 0 };

	if (!field_is_fit(span_cstr(name), value, false))
		return ERR_SYNTAX;
	h.name = span_make(arena_dup(draft->arena, span_cstr(name)), strlen(name));
	h.value = span_make(arena_dup(draft->arena, value), value.n);
	if (h.name.p == NULL || h.value.p == NULL || !make_room(draft))
		return ERR_NOMEM;
	memmove(
	    draft->headers + 1, draft->headers, draft->header_count * sizeof *draft->headers);
	draft->headers[0] = h;
	draft->header_count++;
	return ERR_OK;
}

enum err draft_set(struct message *draft, size_t index, struct span value)
{
	struct header *h = &draft->headers[index];
	char *p;

	if (!field_is_fit(h->name, value, field_has_8bit(h->value)))
		return ERR_SYNTAX;
	p = arena_dup(draft->arena, value);
	if (p == NULL)
		return ERR_NOMEM;
	h->value = span_make(p, value.n);
	return ERR_OK;
}

void draft_drop(struct message *draft, size_t index)
{
	struct header *h = &draft->headers[index];

	memmove(h, h + 1, (draft->header_count - index - 1) * sizeof *h);
	draft->header_count--;
}

void draft_drop_all(struct message *draft, struct span name)
{
	for (size_t i = draft->header_count; i > 0; i--)
		if (span_eq_nocase(draft->headers[i - 1].name, name))
			draft_drop(draft, i - 1);
}

enum err draft_replace(struct message *draft, const char *name, struct span value)
{
	draft_drop_all(draft, span_cstr(name));
	return draft_add(draft, name, value);
}

/* From the last field to the first: what is taken out renumbers only those behind it. Both lists
 * hold the message's fields in the same order. */
enum err draft_adopt(struct message *m, const struct message *draft)
{
	size_t k = draft->header_count;
	enum err e = ERR_OK;

	for (size_t i = m->header_count; e == ERR_OK && i > 0; i--) {
		const struct header *old = &m->headers[i - 1];
		const struct header *now = k > 0 ? &draft->headers[k - 1] : NULL;

		/* The name's copy tells a field; its value may be another by now. */
		if (now == NULL || draft_is_new(now) || now->name.p != old->name.p) {
			e = message_delete_header(m, old);
			continue;
		}
		k--;
		if (!span_eq(now->value, old->value))
			e = message_change_header(m, old, now->value);
	}
	for (; e == ERR_OK && k > 0; k--) {
		const struct header *h = &draft->headers[k - 1];

		/* Names of new fields end with a NUL. */
		e = message_insert_header(m, 1, h->name.p, h->value);
	}
	return e;
}
