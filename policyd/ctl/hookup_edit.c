/* hookup_edit - one change after the other to the texts of main.cf and master.cf, each noted. Knows
 * no parameter. */
#include "hookup_edit.h"

#define TEXT_MAX HOOKUP_TEXT_MAX

/* ---- texts and their changes ---- */

enum err hookup_init(struct hookup *h, struct span main, struct span master)
{
	*h = (struct hookup){ .arena = arena_new(TEXT_MAX) };
	h->last = &h->changes;
	buf_init(&h->main, TEXT_MAX);
	buf_init(&h->master, TEXT_MAX);
	buf_add_span(&h->main, main);
	buf_add_span(&h->master, master);
	return h->arena != NULL && buf_ok(&h->main) && buf_ok(&h->master) ? ERR_OK : ERR_NOMEM;
}

void hookup_deinit(struct hookup *h)
{
	buf_free(&h->main);
	buf_free(&h->master);
	arena_free(&h->arena);
}

struct span hookup_keep(struct hookup *h, struct span text)
{
	const char *p = arena_dup(h->arena, text);

	h->failed = h->failed || p == NULL;
	return span_make(p != NULL ? p : "", p != NULL ? text.n : 0);
}

struct span hookup_flat(struct hookup *h, struct span value)
{
	struct buf b = BUF_INIT(TEXT_MAX);
	struct span kept;

	postconf_flatten(value, &b);
	h->failed = h->failed || !buf_ok(&b);
	kept = hookup_keep(h, buf_span(&b));
	buf_free(&b);
	return kept;
}

static void note_change(
    struct hookup *h, struct span service, struct span name, struct span value, bool removed)
{
	struct hookup_change *c = arena_alloc(h->arena, sizeof *c);

	if (c == NULL) {
		h->failed = true;
		return;
	}
	*c = (struct hookup_change){ hookup_keep(h, service), hookup_keep(h, name),
		hookup_flat(h, value), removed, NULL };
	*h->last = c;
	h->last = &c->next;
}

static void take_text(struct hookup *h, struct buf *text, struct buf *replacement)
{
	h->failed = h->failed || !buf_ok(replacement);
	buf_free(text);
	*text = *replacement;
}

void hookup_set_main(struct hookup *h, struct span name, struct span value)
{
	struct buf new = BUF_INIT(TEXT_MAX);

	note_change(h, SPAN(""), name, value, false);
	postconf_set(buf_span(&h->main), name, value, &new);
	take_text(h, &h->main, &new);
}

void hookup_remove_main(struct hookup *h, struct span name)
{
	struct buf new = BUF_INIT(TEXT_MAX);

	note_change(h, SPAN(""), name, SPAN(""), true);
	postconf_remove(buf_span(&h->main), name, &new);
	take_text(h, &h->main, &new);
}

/* Finds the service anew: offsets move with every edit. value NULL: the option goes. */
void hookup_set_option(struct hookup *h, struct span service, struct span type,
    struct span name, const struct span *value)
{
	struct buf new = BUF_INIT(TEXT_MAX), path = BUF_INIT(4096);
	struct master_service s;

	if (!master_find(buf_span(&h->master), service, type, &s))
		return;
	buf_printf(&path, "%.*s/%.*s", SPAN_ARG(service), SPAN_ARG(type));
	note_change(h, buf_span(&path), name, value != NULL ? *value : SPAN(""), value == NULL);
	if (value != NULL)
		master_set_option(buf_span(&h->master), &s, name, *value, &new);
	else
		master_remove_option(buf_span(&h->master), &s, name, &new);
	take_text(h, &h->master, &new);
	buf_free(&path);
}

struct span hookup_value_in(struct span text, struct span name)
{
	struct postconf_parameter p;

	return postconf_find(text, name, &p) ? p.value : SPAN("");
}

/* The value that counts: the text's, else Postfix's default. */
struct span hookup_value_now(struct hookup *h, struct span name, struct span defaults)
{
	struct postconf_parameter p;

	if (postconf_find(buf_span(&h->main), name, &p))
		return p.value;
	return hookup_value_in(defaults, name);
}

struct span hookup_with_element(
    struct hookup *h, struct span value, struct span element, enum place place)
{
	struct buf b = BUF_INIT(TEXT_MAX);
	struct span kept;

	if (place == FIRST)
		postconf_list_prepend(value, element, &b);
	else
		postconf_list_append(value, element, &b);
	h->failed = h->failed || !buf_ok(&b);
	kept = hookup_keep(h, buf_span(&b));
	buf_free(&b);
	return kept;
}

struct span hookup_without_element(
    struct hookup *h, struct span value, struct span element, bool *changed_r)
{
	struct span each;
	size_t offset = 0;

	*changed_r = false;
	while (postconf_element(value, &offset, &each)) {
		struct buf b = BUF_INIT(TEXT_MAX);

		if (!span_eq(each, element))
			continue;
		*changed_r = true;
		postconf_list_remove(value, each, each, &b);
		h->failed = h->failed || !buf_ok(&b);
		value = hookup_keep(h, buf_span(&b));
		buf_free(&b);
		offset = 0;
	}
	return value;
}

/* ---- whole services ---- */

static void note_service(
    struct hookup *h, struct span name, struct span type, struct span line, bool removed)
{
	struct buf path = BUF_INIT(4096);

	buf_printf(&path, "%.*s/%.*s", SPAN_ARG(name), SPAN_ARG(type));
	note_change(h, buf_span(&path), SPAN("service"), line, removed);
	buf_free(&path);
}

void hookup_add_service(struct hookup *h, struct span line)
{
	struct span rest = line, name = SPAN(""), type = SPAN("");
	struct buf new = BUF_INIT(TEXT_MAX);

	(void)span_next(&rest, ' ', &name);
	(void)span_next(&rest, ' ', &type);
	note_service(h, name, type, line, false);
	buf_add_span(&new, buf_span(&h->master));
	if (new.n > 0 && new.p[new.n - 1] != '\n')
		buf_add_char(&new, '\n');
	buf_add_span(&new, line);
	buf_add_char(&new, '\n');
	take_text(h, &h->master, &new);
}

void hookup_append_service(struct hookup *h, struct span name, struct span text)
{
	note_service(h, name, SPAN("unix"), text, false);
	if (h->master.n > 0 && h->master.p[h->master.n - 1] != '\n')
		buf_add_char(&h->master, '\n');
	buf_add_span(&h->master, text);
	h->failed = h->failed || !buf_ok(&h->master);
}

void hookup_remove_service(struct hookup *h, struct span service, struct span type)
{
	struct buf new = BUF_INIT(TEXT_MAX);
	struct master_service s;

	if (!master_find(buf_span(&h->master), service, type, &s))
		return;
	note_service(h, service, type, SPAN(""), true);
	buf_add_span(&new, span_head(buf_span(&h->master), s.start));
	buf_add_span(&new, span_from(buf_span(&h->master), s.end));
	take_text(h, &h->master, &new);
}
