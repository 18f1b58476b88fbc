/* unit_dns.h - answers the questions of a book from lines "NAME TYPE DATA"; DATA "!servfail",
 * "!refused" is that trouble. A name that no line starts with does not exist. A line may start with
 * "@ADDRESS ": only that server says so; else everybody does, with authority. */
#ifndef UNIT_DNS_H
#define UNIT_DNS_H

#include "dns_book.h"
#include "network.h"

static inline bool unit_dns_data(struct span data, struct dns_record *record)
{
	struct span first;

	if (record->type == DNS_A || record->type == DNS_AAAA)
		return network_parse_address(data, record->address);
	if (record->type == DNS_MX && span_next(&data, ' ', &first)) {
		uint64_t n;

		record->number = span_u64(first, &n) ? (uint16_t)n : 0;
	}
	if (record->type == DNS_CAA && span_next(&data, ' ', &first))
		record->tag = first;
	record->text = data;
	return true;
}

/* One line for one question. */
static inline void unit_dns_line(struct span line, const struct dns_question *q,
    struct dns_record *records, struct dns_answer *answer)
{
	struct span name, type, server;
	uint8_t address[16];

	if (line.n > 0 && line.p[0] == '@') {
		if (!span_next(&line, ' ', &server) ||
		    !network_parse_address(span_from(server, 1), address) ||
		    q->server == NULL || memcmp(address, q->server, 16) != 0)
			return;
	}
	if (!span_next(&line, ' ', &name) || !span_next(&line, ' ', &type) ||
	    !span_eq_nocase(name, span_cstr(q->name)))
		return;
	if (answer->status == DNS_NO_NAME)
		answer->status = DNS_NO_DATA;
	if (!span_eq(type, span_cstr(dns_type_text(q->type))))
		return;
	if (span_eq(line, SPAN("!servfail")))
		answer->status = DNS_SERVFAIL;
	else if (span_eq(line, SPAN("!refused")))
		answer->status = DNS_REFUSED;
	if (answer->status > DNS_NO_NAME)
		return;
	answer->status = DNS_FOUND;
	records[answer->count] = (struct dns_record){ .type = q->type, .ttl_s = 300 };
	records[answer->count].owner = name;
	if (unit_dns_data(line, &records[answer->count]))
		answer->count++;
}

/* Answers all that is wanted. False when nothing was. */
static inline bool unit_dns_answer(struct dns_book *book, const char *zone)
{
	struct dns_question q;
	bool any = false;

	while (dns_book_next(book, &q)) {
		struct span rest = span_cstr(zone), line;
		struct dns_record records[32];
		struct dns_answer answer = { .status = DNS_NO_NAME,
			.authoritative = true,
			.ttl_s = 300,
			.records = records };

		while (span_next(&rest, '\n', &line))
			unit_dns_line(line, &q, records, &answer);
		dns_book_put(book, q.server, span_cstr(q.name), q.type, &answer);
		any = true;
	}
	return any;
}

#endif
