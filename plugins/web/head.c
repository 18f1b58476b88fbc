/* head - the head of a request, judged. Knows HTTP/1.1's syntax (RFC 9112), no library. */
#include "head.h"

static bool target_form_ok(struct span target)
{
	/* Only the origin form: no proxy of ours sends another (section 3.2). */
	if (target.n == 0 || target.p[0] != '/')
		return false;
	for (size_t i = 0; i < target.n; i++)
		if ((unsigned char)target.p[i] <= ' ' || (unsigned char)target.p[i] >= 0x7f)
			return false;
	return true;
}

void head_begin(struct head *h, struct span method, struct span target, struct span version)
{
	static const struct {
		struct span name;
		enum site_method method;
	} methods[] = {
		{ { "GET", 3 }, METHOD_GET },
		{ { "HEAD", 4 }, METHOD_HEAD },
		{ { "POST", 4 }, METHOD_POST },
	};

	*h = (struct head){ .request.method = METHOD_OTHER };
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (span_eq(method, methods[i].name))
			h->request.method = methods[i].method;
	h->request.path = span_head(target, span_find(target, '?', 0));
	h->octets = method.n + target.n + version.n + 4;
	h->malformed = !target_form_ok(target) || (!span_eq(version, SPAN("HTTP/1.1")) &&
						      !span_eq(version, SPAN("HTTP/1.0")));
}

/* ---- fields ---- */

static bool name_ok(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_alpha(name.p[i]) && !ascii_digit(name.p[i]) &&
		    (name.p[i] == '\0' || strchr("!#$%&'*+-.^_`|~", name.p[i]) == NULL))
			return false;
	return name.n > 0;
}

static bool value_ok(struct span value)
{
	for (size_t i = 0; i < value.n; i++)
		if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') ||
		    value.p[i] == 0x7f)
			return false;
	return true;
}

/* A header that goes to a field of the request as it is; the first one counts. */
static const struct plain {
	struct span name;
	size_t offset;
	bool proxy; /* its presence says that a proxy stands between */
} plain[] = {
	{ { "User-Agent", 10 }, offsetof(struct site_request, agent), false },
	{ { "Accept-Language", 15 }, offsetof(struct site_request, accept_language), false },
	{ { "Referer", 7 }, offsetof(struct site_request, referer), false },
	{ { "Purpose", 7 }, offsetof(struct site_request, purpose), false },
	{ { "Sec-Purpose", 11 }, offsetof(struct site_request, purpose), false },
	{ { "X-Forwarded-For", 15 }, offsetof(struct site_request, forwarded_for), true },
	{ { "X-Forwarded-Host", 16 }, offsetof(struct site_request, forwarded_host), true },
	{ { "X-Forwarded-Proto", 17 }, SIZE_MAX, true },
	{ { "X-Real-IP", 9 }, SIZE_MAX, true },
	{ { "Forwarded", 9 }, SIZE_MAX, true },
	{ { "Via", 3 }, SIZE_MAX, true },
};

static void plain_field(struct site_request *r, struct span name, struct span value)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		struct span *slot;

		if (!span_eq_nocase(name, plain[i].name))
			continue;
		r->via_proxy = r->via_proxy || plain[i].proxy;
		if (plain[i].offset == SIZE_MAX)
			return;
		slot = (struct span *)((char *)r + plain[i].offset);
		/* Of X-Forwarded-For the last line is the one that our proxy wrote. */
		if (slot->n == 0 || plain[i].proxy)
			*slot = value;
		return;
	}
}

void head_field(struct head *h, struct span name, struct span value)
{
	h->fields++;
	h->octets += name.n + value.n + 4;
	if (!name_ok(name) || !value_ok(value))
		h->malformed = true;
	if (span_eq_nocase(name, SPAN("Host"))) {
		h->hosts++;
		h->request.host = value;
	} else if (span_eq_nocase(name, SPAN("Content-Length"))) {
		h->lengths++;
		h->content_length = value;
	} else if (span_eq_nocase(name, SPAN("Transfer-Encoding"))) {
		h->coded = true;
	} else if (span_eq_nocase(name, SPAN("Content-Type"))) {
		h->types++;
		h->request.content_type = value;
	} else if (span_eq_nocase(name, SPAN("Sec-GPC"))) {
		h->request.privacy = span_eq(value, SPAN("1"));
	} else {
		plain_field(&h->request, name, value);
	}
}

/* ---- judgement ---- */

/* A name, an address, an address in brackets; possibly a port. */
static bool host_ok(struct span host)
{
	for (size_t i = 0; i < host.n; i++)
		if (!ascii_alpha(host.p[i]) && !ascii_digit(host.p[i]) &&
		    (unsigned char)host.p[i] < 0x80 &&
		    (host.p[i] == '\0' || strchr("-._:[]", host.p[i]) == NULL))
			return false;
	return host.n > 0 && host.n <= 300;
}

unsigned head_judge(const struct head *h)
{
	bool post = h->request.method == METHOD_POST;
	uint64_t length = 0;

	if (h->octets > HEAD_OCTETS_MAX || h->fields > HEAD_FIELDS_MAX)
		return 431;
	if (h->malformed || h->hosts != 1 || !host_ok(h->request.host) || h->types > 1 ||
	    h->lengths > 1)
		return 400;
	/* A coded body has two ends to disagree about; nobody needs one for 26 octets. */
	if (h->coded)
		return h->lengths > 0 ? 400 : 411;
	if (h->lengths == 1 && !span_u64(h->content_length, &length))
		return 400;
	if (!post && length > 0)
		return 400;
	if (post && h->lengths == 0)
		return 411;
	return length > FORM_BODY_MAX ? 413 : 0;
}
