/* network - IP addresses and networks in one form. Knows no sockets and no configuration. */
#include <arpa/inet.h>

#include "network.h"

_Static_assert(NETWORK_ADDRESS_MAX >= INET6_ADDRSTRLEN, "every address fits as text");

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool network_parse_address(struct span text, uint8_t bytes_r[16])
{
	char address[NETWORK_ADDRESS_MAX];

	if (!span_copy(text, address, sizeof address))
		return false;
	memcpy(bytes_r, mapped, sizeof mapped);
	return inet_pton(AF_INET, address, bytes_r + 12) == 1 ||
	       inet_pton(AF_INET6, address, bytes_r) == 1;
}

bool network_is_v4(const uint8_t bytes[16])
{
	return memcmp(bytes, mapped, sizeof mapped) == 0;
}

void network_print_address(const uint8_t bytes[16], char out[NETWORK_ADDRESS_MAX])
{
	bool v4 = network_is_v4(bytes);

	if (inet_ntop(v4 ? AF_INET : AF_INET6, bytes + (v4 ? 12 : 0), out,
		NETWORK_ADDRESS_MAX) == NULL)
		out[0] = '\0';
}

static bool holds(const struct network *n, const uint8_t bytes[16])
{
	size_t whole = n->bits / 8;
	uint8_t mask = (uint8_t)(0xff00 >> n->bits % 8);

	if (memcmp(n->bytes, bytes, whole) != 0)
		return false;
	return whole == 16 || ((n->bytes[whole] ^ bytes[whole]) & mask) == 0;
}

bool network_holds(const struct network *at, size_t count, const uint8_t bytes[16])
{
	for (size_t i = 0; i < count; i++)
		if (holds(&at[i], bytes))
			return true;
	return false;
}
