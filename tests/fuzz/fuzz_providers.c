/* fuzz_providers - any octets as a file of providers, and as hosts: what is read is asked again, and
 * answers stay within their bound. */
#include <stdlib.h>

#include "providers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

/* Every word of the text as a host, and as many at once as are looked at. */
static void ask(const struct providers *p, struct span text)
{
	struct span hosts[PROVIDERS_HOSTS_MAX + 2], word;
	size_t n = 0;

	while (n < ARRAY_SIZE(hosts) && span_next(&text, ' ', &word))
		if (word.n > 0)
			hosts[n++] = word;
	for (size_t i = 0; i <= n; i++) {
		struct buf out = BUF_INIT(4096);

		providers_of_hosts(p, hosts, i, &out);
		MUST(buf_ok(&out) && out.n <= PROVIDERS_SITE_MAX && (out.n > 0 || i == 0));
		buf_free(&out);
	}
	if (n > 0)
		(void)providers_of_domain(p, hosts[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct providers *p = NULL;
	char error[256];
	enum err e = providers_parse(text, "file", &p, error, sizeof error);

	MUST((e == ERR_OK) == (p != NULL));
	if (p != NULL)
		ask(p, text);
	providers_free(&p);
	return 0;
}
