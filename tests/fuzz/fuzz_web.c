/* fuzz_web - any bytes as what comes to penguin-web: the body of a form, the head of a request,
 * X-Forwarded-For, Accept-Language, a target, text for a page. Oracles: spans lie in what they were
 * read from; what is let through has none of the shapes that two readers read differently; what our
 * proxy wrote last is believed whatever stands before it. */
#include <stdlib.h>

#include "form.h"
#include "forwarded.h"
#include "head.h"
#include "language.h"
#include "target.h"
#include "template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static bool inside(struct span part, const char *p, size_t n)
{
	return part.n == 0 ||
	       (part.p >= p && part.n <= n && (size_t)(part.p - p) <= n - part.n);
}

static bool has_any(struct span text, struct span octets)
{
	for (size_t i = 0; i < octets.n; i++)
		if (span_find(text, octets.p[i], 0) < text.n)
			return true;
	return false;
}

/* The first line is the Content-Type. */
static void check_form(struct span in)
{
	size_t end = span_find(in, '\n', 0);
	struct span type = span_head(in, end), body = span_from(in, end + 1);
	char *copy = malloc(body.n > 0 ? body.n : 1);
	struct form form;
	bool ok;

	MUST(copy != NULL);
	if (body.n > 0)
		memcpy(copy, body.p, body.n);
	ok = form_read(type, copy, body.n, &form);
	MUST(!ok || body.n <= FORM_BODY_MAX);
	MUST(form.stream_count <= FORM_STREAMS_MAX);
	for (size_t i = 0; i < form.stream_count; i++)
		MUST(inside(form.streams[i], copy, body.n));
	/* Who does not say so does not unsubscribe. */
	if (ok && form.act == FORM_ONE_CLICK && span_find(in, '%', 0) == in.n)
		MUST(has_any(body, SPAN("L")) && has_any(body, SPAN("Cc")));
	free(copy);
}

/* "METHOD TARGET VERSION", then "name:value" lines. */
static void check_head(struct span in)
{
	struct span rest = in, line, first, word[3] = { { "", 0 }, { "", 0 }, { "", 0 } };
	struct head h;

	if (!span_next(&rest, '\n', &first))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(word); i++)
		(void)span_next(&first, ' ', &word[i]);
	head_begin(&h, word[0], word[1], word[2]);
	while (span_next(&rest, '\n', &line)) {
		size_t colon = span_find(line, ':', 0);

		head_field(&h, span_head(line, colon), span_from(line, colon + 1));
	}
	MUST(inside(h.request.path, in.p, in.n) && inside(h.request.host, in.p, in.n) &&
	     inside(h.request.agent, in.p, in.n) &&
	     inside(h.request.forwarded_for, in.p, in.n));
	if (head_judge(&h) != 0)
		return;
	MUST(h.fields <= HEAD_FIELDS_MAX && h.octets <= HEAD_OCTETS_MAX && h.hosts == 1);
	MUST(h.request.path.n > 0 && h.request.path.p[0] == '/');
	MUST(!has_any(h.request.path, SPAN(" \t\r\0?")));
	MUST(!has_any(h.request.host, SPAN(" ,/@\\%?#\r\0")));
	MUST(!has_any(h.request.agent, SPAN("\r\0\x7f")));
	MUST(h.codings == 0 && h.lengths <= 1);
	MUST(h.lengths == 1 || h.request.method != METHOD_POST);
}

static void check_forwarded(struct span in)
{
	struct network proxy = { .bits = 104 };
	struct buf header = BUF_INIT(1 << 17);
	uint8_t peer[16], stranger[16], client[16];
	char text[NETWORK_ADDRESS_MAX];

	MUST(network_parse_address(SPAN("10.0.0.0"), proxy.bytes) &&
	     network_parse_address(SPAN("10.1.2.3"), peer) &&
	     network_parse_address(SPAN("192.0.2.7"), stranger));
	forwarded_client(in, &proxy, 1, stranger, client);
	MUST(memcmp(client, stranger, 16) == 0);
	forwarded_client(in, &proxy, 1, peer, client);
	forwarded_truncate(client, text);
	buf_add_span(&header, in);
	buf_add_cstr(&header, ", 192.0.2.7");
	forwarded_client(buf_span(&header), &proxy, 1, peer, client);
	MUST(memcmp(client, stranger, 16) == 0);
	buf_add_cstr(&header, ", junk");
	forwarded_client(buf_span(&header), &proxy, 1, peer, client);
	MUST(memcmp(client, peer, 16) == 0);
	buf_free(&header);
}

static void check_target(struct span in)
{
	size_t start = span_find(in, ':', 0) + 3, end;

	if (!target_ok(in))
		return;
	MUST(in.n <= TARGET_MAX && !has_any(in, SPAN(" \r\n\t\0\\\x7f")));
	MUST(span_eq_nocase(span_head(in, start), SPAN("http://")) ||
	     span_eq_nocase(span_head(in, start), SPAN("https://")));
	for (end = start; end < in.n && strchr("/?#", in.p[end]) == NULL; end++)
		MUST(in.p[end] != '@');
	MUST(end > start);
}

static void check_text(struct span in)
{
	const struct template_value values[] = { { "a", in, false }, { "b", in, true } };
	struct buf out = BUF_INIT(1 << 22);

	template_put(&out, SPAN("{{a}}{{b}}{{c}}"), values, ARRAY_SIZE(values));
	MUST(buf_ok(&out) && !has_any(buf_span(&out), SPAN("<>\"'\0\r")));
	buf_reset(&out);
	template_put(&out, in, values, 1);
	MUST(buf_ok(&out) || out.max <= in.n * in.n * 6);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct span tags[] = { { "en", 2 }, { "de", 2 }, { "de-at", 5 } };
	struct span rest = span_make((const char *)data + 1, size > 0 ? size - 1 : 0);

	if (size == 0 || size > 20000)
		return 0;
	switch (data[0] % 8) {
	case 0:
	case 1: check_form(rest); break;
	case 2:
	case 3: check_head(rest); break;
	case 4: check_forwarded(rest); break;
	case 5: MUST(language_choose(rest, tags, 3) < 3); break;
	case 6: check_target(rest); break;
	default: check_text(rest); break;
	}
	return 0;
}
