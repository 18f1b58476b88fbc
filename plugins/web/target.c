/* target - where a click may send a browser. Knows URLs (RFC 3986), no tokens. */
#include "target.h"

/* The part behind "//" up to the path, query or fragment. False: there is none. */
static bool find_authority(struct span url, struct span *authority_r)
{
	struct span rest;
	size_t n = 0;

	if (url.n >= 7 && span_eq_nocase(span_head(url, 7), SPAN("http://")))
		rest = span_from(url, 7);
	else if (url.n >= 8 && span_eq_nocase(span_head(url, 8), SPAN("https://")))
		rest = span_from(url, 8);
	else
		return false;
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?' && rest.p[n] != '#')
		n++;
	*authority_r = span_head(rest, n);
	return n > 0;
}

static bool port_ok(struct span port)
{
	uint64_t number;

	return port.n == 0 || (port.n <= 5 && span_u64(port, &number) && number <= 65535);
}

/* reg-name or address, without what could end it early in somebody's reading. */
static bool host_ok(struct span host)
{
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];

		if (!ascii_alpha(c) && !ascii_digit(c) && c != '-' && c != '.' && c != '_' &&
		    (unsigned char)c < 128)
			return false;
	}
	return host.n > 0;
}

static bool literal_ok(struct span inside)
{
	for (size_t i = 0; i < inside.n; i++) {
		char c = ascii_lower(inside.p[i]);

		if (!ascii_digit(c) && (c < 'a' || c > 'f') && c != ':' && c != '.')
			return false;
	}
	return inside.n > 1;
}

static bool authority_ok(struct span a)
{
	size_t end;

	if (a.p[0] == '[') {
		end = span_find(a, ']', 0);
		if (end == a.n || !literal_ok(span_make(a.p + 1, end - 1)))
			return false;
		end++;
	} else {
		end = span_find(a, ':', 0);
		if (!host_ok(span_head(a, end)))
			return false;
	}
	return end == a.n || (a.p[end] == ':' && port_ok(span_from(a, end + 1)));
}

bool target_ok(struct span url)
{
	struct span authority;

	if (url.n > TARGET_MAX)
		return false;
	for (size_t i = 0; i < url.n; i++)
		if ((unsigned char)url.p[i] <= ' ' || url.p[i] == 0x7f || url.p[i] == '\\')
			return false;
	return find_authority(url, &authority) && authority_ok(authority);
}
