/* domain - one spelling for a domain name. Knows no DNS and no list of public suffixes. */
#include <idn2.h>
#include <stdlib.h>

#include "domain.h"

/* U-labels take more octets than their A-labels; nothing valid comes near this. */
#define INPUT_MAX 1024

static bool is_ldh(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-';
}

static bool label_ok(struct span label)
{
	if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!is_ldh(label.p[i]))
			return false;
	return true;
}

/* Two labels or more, and the last one not a number (RFC 3696 section 2): 192.0.2.1 is no
 * name. */
static bool name_ok(struct span name)
{
	size_t labels = 0, digits = 0;
	struct span rest = name, label = { "", 0 };

	if (name.n == 0 || name.p[name.n - 1] == '.')
		return false;
	while (span_next(&rest, '.', &label)) {
		if (!label_ok(label))
			return false;
		labels++;
	}
	while (digits < label.n && ascii_digit(label.p[digits]))
		digits++;
	return labels >= 2 && digits < label.n;
}

static bool needs_idna(struct span lower)
{
	struct span rest = lower, label;

	for (size_t i = 0; i < lower.n; i++)
		if ((unsigned char)lower.p[i] >= 0x80)
			return true;
	while (span_next(&rest, '.', &label))
		if (span_starts(label, SPAN("xn--")))
			return true;
	return false;
}

/* The A-label form, and proof that it is the only one: what it decodes to must encode to the
 * same again. Otherwise a made-up "xn--" label could stand beside a real one. */
static enum err to_ascii(const char *name, char out[DOMAIN_MAX])
{
	const int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
	char *ascii = NULL, *unicode = NULL, *again = NULL;
	enum err e = ERR_SYNTAX;
	int r;

	r = idn2_to_ascii_8z(name, &ascii, flags);
	if (r == IDN2_OK)
		r = idn2_to_unicode_8z8z(ascii, &unicode, 0);
	if (r == IDN2_OK)
		r = idn2_to_ascii_8z(unicode, &again, flags);
	if (r == IDN2_MALLOC)
		e = ERR_NOMEM;
	if (r == IDN2_TOO_BIG_DOMAIN || r == IDN2_TOO_BIG_LABEL)
		e = ERR_TOOBIG;
	if (r != IDN2_OK)
		goto out;
	if (!span_eq(span_cstr(ascii), span_cstr(again)))
		goto out;
	e = span_lower(span_cstr(ascii), out, DOMAIN_MAX) ? ERR_OK : ERR_TOOBIG;
out:
	idn2_free(again);
	idn2_free(unicode);
	idn2_free(ascii);
	return e;
}

enum err domain_canonical(struct span name, char out[DOMAIN_MAX])
{
	char lower[INPUT_MAX];
	enum err e;

	out[0] = '\0';
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n == 0 || memchr(name.p, '\0', name.n) != NULL)
		return ERR_SYNTAX;
	if (!span_lower(name, lower, sizeof lower))
		return ERR_TOOBIG;
	name.p = lower;
	if (needs_idna(name)) {
		e = to_ascii(lower, out);
		if (e != ERR_OK)
			return e;
	} else if (!span_copy(name, out, DOMAIN_MAX)) {
		return ERR_TOOBIG;
	}
	if (!name_ok(span_cstr(out))) {
		out[0] = '\0';
		return ERR_SYNTAX;
	}
	return ERR_OK;
}

bool domain_is_within(struct span name, struct span parent)
{
	if (span_eq(name, parent))
		return true;
	return parent.n > 0 && name.n > parent.n && name.p[name.n - parent.n - 1] == '.' &&
	       span_eq(span_from(name, name.n - parent.n), parent);
}

bool domain_selector_ok(struct span selector)
{
	struct span rest = selector, label;

	if (selector.n == 0 || selector.n > 253 || selector.p[selector.n - 1] == '.')
		return false;
	while (span_next(&rest, '.', &label)) {
		if (label.n == 0 || label.n > 63)
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_ldh(label.p[i]) && label.p[i] != '_')
				return false;
	}
	return true;
}
