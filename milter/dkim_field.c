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
