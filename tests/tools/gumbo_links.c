/* gumbo_links - href of all a and area elements of an HTML text (UTF-8) on standard input, as
 * Gumbo, a parser of HTML 5, sees them: each followed by NUL, in the order of the text. An element
 * that the standard repeats in the tree (section 13.2.6.1, adoption agency) counts once.
 *
 *	gumbo_links < page.html */
#include <gumbo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct link {
	unsigned offset;
	const char *href;
};

struct list {
	struct link *at;
	size_t count, room;
};

static void add(struct list *list, unsigned offset, const char *href)
{
	if (list->count == list->room) {
		list->room = list->room * 2 + 64;
		list->at = realloc(list->at, list->room * sizeof *list->at);
		if (list->at == NULL)
			exit(1);
	}
	list->at[list->count++] = (struct link){ offset, href };
}

static void keep_link(struct list *list, const GumboElement *e)
{
	const GumboAttribute *href;

	if (e->tag_namespace != GUMBO_NAMESPACE_HTML ||
	    (e->tag != GUMBO_TAG_A && e->tag != GUMBO_TAG_AREA) || e->original_tag.length == 0)
		return;
	href = gumbo_get_attribute(&e->attributes, "href");
	if (href != NULL)
		add(list, e->start_pos.offset, href->value);
}

static int compare(const void *left, const void *right)
{
	const struct link *a = left, *b = right;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* All nodes below root; no recursion, for trees may be deep. */
static void walk(const GumboNode *root, struct list *list)
{
	const GumboNode *node = root;

	while (node != NULL) {
		const GumboVector *children = NULL;

		if (node->type == GUMBO_NODE_ELEMENT) {
			keep_link(list, &node->v.element);
			children = &node->v.element.children;
		}
		if (children != NULL && children->length > 0) {
			node = children->data[0];
			continue;
		}
		while (node != root) {
			const GumboVector *siblings = &node->parent->v.element.children;

			if (node->index_within_parent + 1 < siblings->length) {
				node = siblings->data[node->index_within_parent + 1];
				break;
			}
			node = node->parent;
		}
		if (node == root)
			break;
	}
}

int main(void)
{
	size_t n = 0, room = 1 << 16, got;
	char *text = malloc(room);
	struct list list = { NULL, 0, 0 };
	GumboOutput *page;

	while (text != NULL && (got = fread(text + n, 1, room - n, stdin)) > 0) {
		n += got;
		if (n == room) {
			room *= 2;
			text = realloc(text, room);
		}
	}
	if (text == NULL)
		return 1;
	page = gumbo_parse_with_options(&kGumboDefaultOptions, text, n);
	walk(page->root, &list);
	if (list.count > 0)
		qsort(list.at, list.count, sizeof *list.at, compare);
	for (size_t i = 0; i < list.count; i++) {
		if (i > 0 && list.at[i].offset == list.at[i - 1].offset)
			continue;
		fwrite(list.at[i].href, 1, strlen(list.at[i].href) + 1, stdout);
	}
	gumbo_destroy_output(&kGumboDefaultOptions, page);
	free(list.at);
	free(text);
	return 0;
}
