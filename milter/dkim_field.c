/* dkim_field - tags of a DKIM-Signature. Knows no tenants. */
#include "dkim_field.h"

bool dkim_field_domain(struct span value, char domain[DOMAIN_MAX])
{
	struct span tag;

	while (span_next(&value, ';', &tag)) {
		size_t equals = span_find(tag, '=', 0);

		if (span_eq(span_trim(span_head(tag, equals)), SPAN("d")) &&
		    domain_canonical(span_trim(span_from(tag, equals + 1)), domain) == ERR_OK)
			return true;
	}
	return false;
}

bool dkim_field_tag(struct span value, char name, struct span *tag_r)
{
	bool found = false;
	struct span tag;

	while (span_next(&value, ';', &tag)) {
		size_t equals = span_find(tag, '=', 0);

		if (!span_eq(span_trim(span_head(tag, equals)), span_make(&name, 1)))
			continue;
		if (found)
			return false;
		found = true;
		*tag_r = span_trim(span_from(tag, equals + 1));
	}
	return found;
}

size_t dkim_field_count_name(struct span names, struct span name)
{
	struct span one;
	size_t n = 0;

	while (span_next(&names, ':', &one))
		n += span_eq_nocase(span_trim(one), name);
	return n;
}
