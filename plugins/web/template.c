/* template - text with {{names}} in it, to HTML. Knows no pages. */
#include "template.h"

void template_escape(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		switch (c) {
		case '&': buf_add_cstr(out, "&amp;"); break;
		case '<': buf_add_cstr(out, "&lt;"); break;
		case '>': buf_add_cstr(out, "&gt;"); break;
		case '"': buf_add_cstr(out, "&quot;"); break;
		case '\'': buf_add_cstr(out, "&#39;"); break;
		default:
			if (((unsigned char)c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
				buf_add_cstr(out, "\xef\xbf\xbd");
			else
				buf_add_char(out, c);
		}
	}
}

/* Cuts the text up to the next name, and the name; false when there is none. */
static bool next_name(struct span *rest_io, struct span *before_r, struct span *name_r)
{
	for (size_t i = 0; i + 4 <= rest_io->n; i++) {
		size_t end;

		if (rest_io->p[i] != '{' || rest_io->p[i + 1] != '{')
			continue;
		end = span_find(*rest_io, '}', i);
		if (end + 1 >= rest_io->n || rest_io->p[end + 1] != '}')
			continue;
		*before_r = span_head(*rest_io, i);
		*name_r = span_make(rest_io->p + i + 2, end - i - 2);
		*rest_io = span_from(*rest_io, end + 2);
		return true;
	}
	return false;
}

static const struct template_value *find_value(
    struct span name, const struct template_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_eq(name, span_cstr(values[i].name)))
			return &values[i];
	return NULL;
}

/* Text that is no markup of ours: all of it is escaped, what it names is not nested again. */
static void put_text(
    struct buf *out, struct span text, const struct template_value *values, size_t count)
{
	struct span rest = text, before, name;

	while (next_name(&rest, &before, &name)) {
		const struct template_value *v = find_value(name, values, count);

		template_escape(out, before);
		if (v != NULL && !v->nested)
			template_escape(out, v->text);
	}
	template_escape(out, rest);
}

void template_put(
    struct buf *out, struct span markup, const struct template_value *values, size_t count)
{
	struct span rest = markup, before, name;

	while (next_name(&rest, &before, &name)) {
		const struct template_value *v = find_value(name, values, count);

		buf_add_span(out, before);
		if (v != NULL && v->nested)
			put_text(out, v->text, values, count);
		else if (v != NULL)
			template_escape(out, v->text);
	}
	buf_add_span(out, rest);
}
