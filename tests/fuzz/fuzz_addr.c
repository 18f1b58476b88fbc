/* fuzz_addr - any bytes as an address, a domain and a selector: what is canonical stays as it is,
 * holds nothing unprintable, and does not care for case or a dot at the end. */
#include <stdlib.h>

#include "addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_domain(struct span input)
{
	char out[DOMAIN_MAX], again[DOMAIN_MAX], upper[DOMAIN_MAX + 1];
	size_t n;

	if (domain_canonical(input, out) != ERR_OK)
		return;
	n = strlen(out);
	for (size_t i = 0; i < n; i++) {
		bool letter = out[i] >= 'a' && out[i] <= 'z';

		if (!letter && !ascii_digit(out[i]) && out[i] != '-' && out[i] != '.')
			abort();
		upper[i] = letter ? (char)(out[i] - 'a' + 'A') : out[i];
	}
	upper[n] = '.';
	if (domain_canonical(span_make(upper, n + 1), again) != ERR_OK ||
	    strcmp(out, again) != 0)
		abort();
	if (!domain_is_within(span_cstr(out), span_cstr(out)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = span_make((const char *)data, size);
	char out[ADDR_MAX], again[ADDR_MAX];
	struct addr a;

	check_domain(input);
	(void)domain_selector_ok(input);
	if (addr_split(input, &a) == ERR_OK &&
	    (a.local.p != input.p || a.local.n == 0 || a.domain.n == 0 ||
		a.local.n + 1 + a.domain.n != size))
		abort();
	if (addr_canonical(input, out) != ERR_OK)
		return 0;
	for (const char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			abort();
	if (addr_canonical(span_cstr(out), again) != ERR_OK || strcmp(out, again) != 0)
		abort();
	return 0;
}
