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

/* tchar, section 5.6.2 of RFC 9110. */
static bool is_token(char c)
{
	if (ascii_alpha(c) || ascii_digit(c))
		return true;
	switch (c) {
	case '!':
	case '#':
	case '$':
	case '%':
	case '&':
	case '\'':
	case '*':
	case '+':
	case '-':
	case '.':
	case '^':
	case '_':
	case '`':
	case '|':
	case '~': return true;
	default: return false;
	}
}

static bool name_ok(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!is_token(name.p[i]))
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

/* A header that goes to a span as it is; the first one counts, but of what proxies write the last:
 * our proxy wrote that. */
static const struct known {
	struct span name;
	size_t offset; /* of the span in struct head; SIZE_MAX: none */
	size_t count;  /* of how often it came, likewise */
	bool proxy;    /* its presence says that a proxy stands between */
} known[] = {
#define REQUEST(member) offsetof(struct head, request.member)
	{ { "Host", 4 }, REQUEST(host), offsetof(struct head, hosts), false },
	{ { "Content-Length", 14 }, offsetof(struct head, content_length),
	    offsetof(struct head, lengths), false },
	{ { "Content-Type", 12 }, REQUEST(content_type), offsetof(struct head, types), false },
	{ { "Transfer-Encoding", 17 }, SIZE_MAX, offsetof(struct head, codings), false },
	{ { "Sec-GPC", 7 }, REQUEST(privacy), SIZE_MAX, false },
	{ { "User-Agent", 10 }, REQUEST(agent), SIZE_MAX, false },
	{ { "Accept-Language", 15 }, REQUEST(accept_language), SIZE_MAX, false },
	{ { "Referer", 7 }, REQUEST(referer), SIZE_MAX, false },
	{ { "Purpose", 7 }, REQUEST(purpose), SIZE_MAX, false },
	{ { "Sec-Purpose", 11 }, REQUEST(purpose), SIZE_MAX, false },
	{ { "X-Forwarded-For", 15 }, REQUEST(forwarded_for), SIZE_MAX, true },
	{ { "X-Forwarded-Host", 16 }, REQUEST(forwarded_host), SIZE_MAX, true },
	{ { "X-Forwarded-Proto", 17 }, SIZE_MAX, SIZE_MAX, true },
	{ { "X-Real-IP", 9 }, SIZE_MAX, SIZE_MAX, true },
	{ { "Forwarded", 9 }, SIZE_MAX, SIZE_MAX, true },
	{ { "Via", 3 }, SIZE_MAX, SIZE_MAX, true },
#undef REQUEST
};

static const struct known *find_known(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (name.n == known[i].name.n && span_eq_nocase(name, known[i].name))
			return &known[i];
	return NULL;
}

void head_field(struct head *h, struct span name, struct span value)
{
	const struct known *k = find_known(name);

	h->fields++;
	h->octets += name.n + value.n + 4;
	if (!name_ok(name) || !value_ok(value))
		h->malformed = true;
	if (k == NULL)
		return;
	h->request.via_proxy = h->request.via_proxy || k->proxy;
	if (k->count != SIZE_MAX)
		++*(unsigned *)((char *)h + k->count);
	if (k->offset != SIZE_MAX) {
		struct span *slot = (struct span *)((char *)h + k->offset);

		if (slot->n == 0 || k->proxy)
			*slot = value;
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
	if (h->codings > 0)
		return h->lengths > 0 ? 400 : 411;
	if (h->lengths == 1 && !span_u64(h->content_length, &length))
		return 400;
	if (!post && length > 0)
		return 400;
	if (post && h->lengths == 0)
		return 411;
	return length > FORM_BODY_MAX ? 413 : 0;
}
