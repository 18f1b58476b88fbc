/* dns_tags - splits tag lists. Knows no tag but v. */
#include "dns_tags.h"

static bool split(struct span piece, struct span *name_r, struct span *value_r)
{
	size_t at = span_find(piece, '=', 0);

	*name_r = span_trim(span_head(piece, at));
	*value_r = span_trim(span_from(piece, at + 1));
	return at < piece.n && name_r->n > 0;
}

const char *dns_tags_read(struct span text, struct dns_tags *tags_r)
{
	struct span piece, name, value;

	tags_r->count = 0;
	while (span_next(&text, ';', &piece)) {
		if (span_trim(piece).n == 0)
			continue;
		if (!split(piece, &name, &value))
			return "a piece is no TAG=VALUE";
		for (size_t i = 0; i < tags_r->count; i++)
			if (span_eq(tags_r->at[i].name, name))
				return "a tag is there twice";
		if (tags_r->count == DNS_TAGS_MAX)
			return "there are more than 32 tags";
		tags_r->at[tags_r->count].name = name;
		tags_r->at[tags_r->count++].value = value;
	}
	return NULL;
}

bool dns_tags_get(const struct dns_tags *tags, const char *name, struct span *value_r)
{
	*value_r = SPAN("");
	for (size_t i = 0; i < tags->count; i++) {
		if (span_eq(tags->at[i].name, span_cstr(name))) {
			*value_r = tags->at[i].value;
			return true;
		}
	}
	return false;
}

bool dns_tags_is(struct span text, const char *version)
{
	struct span piece, name, value;

	return span_next(&text, ';', &piece) && split(piece, &name, &value) &&
	       span_eq(name, SPAN("v")) && span_eq(value, span_cstr(version));
}
