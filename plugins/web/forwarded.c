/* forwarded - who is at the other end, where proxies stand between. Knows no HTTP but the form of
 * X-Forwarded-For: addresses, possibly with a port, separated by commas. */
#include "forwarded.h"

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711". */
static bool parse_element(struct span text, uint8_t bytes_r[16])
{
	size_t close, colon;

	text = span_trim(text);
	if (text.n > 0 && text.p[0] == '[') {
		close = span_find(text, ']', 0);
		if (close == text.n || (close + 1 < text.n && text.p[close + 1] != ':'))
			return false;
		return network_parse_address(span_make(text.p + 1, close - 1), bytes_r);
	}
	colon = span_find(text, ':', 0);
	if (span_find(text, '.', 0) < colon && span_find(text, ':', colon + 1) == text.n)
		text = span_head(text, colon);
	return network_parse_address(text, bytes_r);
}

/* Cuts the last element off *rest_io. */
static struct span last_element(struct span *rest_io)
{
	size_t start = rest_io->n;
	struct span element;

	while (start > 0 && rest_io->p[start - 1] != ',')
		start--;
	element = span_from(*rest_io, start);
	*rest_io = span_head(*rest_io, start > 0 ? start - 1 : 0);
	return element;
}

void forwarded_client(struct span x_forwarded_for, const struct network *proxies, size_t count,
    const uint8_t peer[16], uint8_t client_r[16])
{
	struct span rest = x_forwarded_for;
	uint8_t next[16];

	memcpy(client_r, peer, 16);
	for (unsigned hop = 0; hop < FORWARDED_HOPS_MAX && rest.n > 0; hop++) {
		if (!network_holds(proxies, count, client_r))
			return;
		if (!parse_element(last_element(&rest), next))
			return;
		memcpy(client_r, next, 16);
	}
}

void forwarded_truncate(const uint8_t address[16], char out[NETWORK_ADDRESS_MAX])
{
	uint8_t kept[16] = { 0 };

	memcpy(kept, address, network_is_v4(address) ? 15 : 6);
	network_print_address(kept, out);
}
