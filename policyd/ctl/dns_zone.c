/* dns_zone - finds zone cuts by asking for NS records upwards. Knows no record of ours. */
#include "dns_zone.h"

static void find_address(struct dns_book *book, struct dns_server *server, bool *pending)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct dns_answer *answer =
		    dns_book_ask(book, NULL, server->name, types[i]);

		if (answer == NULL) {
			*pending = true;
			return;
		}
		if (answer->count > 0) {
			memcpy(server->address, dns_answer_at(answer, 0)->address, 16);
			server->has_address = true;
			return;
		}
	}
}

void dns_zone_find(struct dns_book *book, struct span name, struct dns_zone *zone_r)
{
	const struct dns_answer *answer = NULL;

	*zone_r = (struct dns_zone){ .name = { "", 0 } };
	/* A name of one label is a top-level domain: nobody's own. */
	while (span_find(name, '.', 0) < name.n) {
		answer = dns_book_ask(book, NULL, name, DNS_NS);
		if (answer == NULL) {
			zone_r->pending = true;
			return;
		}
		if (answer->status > DNS_NO_NAME) {
			zone_r->failed = true;
			zone_r->status = answer->status;
			return;
		}
		/* What an alias leads to is not this name's zone. */
		if (answer->status == DNS_FOUND && answer->aliases == 0)
			break;
		answer = NULL;
		name = span_from(name, span_find(name, '.', 0) + 1);
	}
	if (answer == NULL)
		return;
	zone_r->name = name;
	for (size_t i = 0; i < answer->count && zone_r->count < DNS_ZONE_SERVERS_MAX; i++) {
		struct dns_server *server = &zone_r->at[zone_r->count++];

		server->name = dns_answer_at(answer, i)->text;
		find_address(book, server, &zone_r->pending);
	}
}
