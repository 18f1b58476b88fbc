/* patch - replacements at octet ranges. Knows no mail. */
#include <stdlib.h>

#include "patch.h"

enum err patch_add(struct patch_list *list, size_t offset, size_t length, struct span text)
{
	size_t room = list->room == 0 ? 16 : list->room * 2;
	struct patch *bigger;

	if (list->count == list->room) {
		bigger = arena_array(list->arena, room, sizeof *bigger);
		if (bigger == NULL)
			return ERR_NOMEM;
		if (list->count > 0)
			memcpy(bigger, list->at, list->count * sizeof *bigger);
		list->at = bigger;
		list->room = room;
	}
	list->at[list->count] = (struct patch){ offset, length, text, list->count };
	list->count++;
	return ERR_OK;
}

static int compare(const void *left, const void *right)
{
	const struct patch *a = left, *b = right;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	if ((a->length == 0) != (b->length == 0))
		return a->length == 0 ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

enum err patch_sort(struct patch_list *list, size_t size)
{
	size_t end = 0;

	for (size_t i = 1; i < list->count; i++)
		if (compare(&list->at[i - 1], &list->at[i]) > 0) {
			qsort(list->at, list->count, sizeof *list->at, compare);
			break;
		}
	for (size_t i = 0; i < list->count; i++) {
		const struct patch *patch = &list->at[i];

		if (patch->offset < end || patch->offset > size ||
		    patch->length > size - patch->offset)
			return ERR_RANGE;
		end = patch->offset + patch->length;
	}
	return ERR_OK;
}

enum err patch_apply(const struct patch_list *list, struct span original, struct buf *out)
{
	size_t room = original.n, at = 0;

	for (size_t i = 0; i < list->count; i++)
		if (__builtin_add_overflow(
			room - list->at[i].length, list->at[i].text.n, &room))
			return ERR_TOOBIG;
	if (out->n > out->max || room > out->max - out->n)
		return ERR_TOOBIG;
	if (!buf_reserve(out, room))
		return ERR_NOMEM;
	for (size_t i = 0; i < list->count; i++) {
		const struct patch *patch = &list->at[i];

		buf_add(out, original.p + at, patch->offset - at);
		buf_add_span(out, patch->text);
		at = patch->offset + patch->length;
	}
	buf_add_span(out, span_from(original, at));
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}
