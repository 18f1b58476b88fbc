/* places - recipients to providers. */
#include "places.h"
#include "addr.h"

struct span place_of(
    const struct providers *providers, struct span recipient, char space[DOMAIN_MAX])
{
	const char *group = NULL;
	struct addr a;

	if (addr_split(recipient, &a) != ERR_OK || domain_canonical(a.domain, space) != ERR_OK)
		return SPAN("");
	if (providers != NULL)
		group = providers_of_domain(providers, span_cstr(space));
	return span_cstr(group != NULL ? group : space);
}
