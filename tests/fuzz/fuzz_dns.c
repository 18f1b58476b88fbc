/* fuzz_dns - any octets as the answer of a DNS server: nothing is read outside, records are whole,
 * and whatever is found stands at the end of its aliases. */
#include "dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A, DNS_NS, DNS_CNAME, DNS_SOA, DNS_PTR,
		DNS_MX, DNS_TXT, DNS_AAAA, DNS_CAA };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct arena *arena = arena_new((size_t)1 << 20);
		struct span name = SPAN("a.test");
		struct dns_answer a;

		if (arena == NULL || dns_message_read(span_make((const char *)data, size),
					 "a.test", types[i], arena, &a) != ERR_OK)
			__builtin_trap();
		if (a.aliases > DNS_ALIASES_MAX || a.count > DNS_RECORDS_MAX ||
		    (a.status == DNS_FOUND && a.count == 0))
			__builtin_trap();
		for (size_t k = 0; k < a.aliases + a.count; k++) {
			const struct dns_record *r = &a.records[k];

			if (!span_eq_nocase(r->owner, name) || r->ttl_s < a.ttl_s ||
			    r->text.n > size * 4 ||
			    (r->text.n > 0 && r->text.p[r->text.n] != 0))
				__builtin_trap();
			if (k < a.aliases)
				name = r->text;
		}
		arena_free(&arena);
	}
	return 0;
}
