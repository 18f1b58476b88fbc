/* fuzz_token - any bytes as a token, as a file of keys, and as a payload. What opens is exactly what
 * sealing would make of its payload; what parses is written the same way again. */
#include <stdlib.h>

#include "token_payload.h"
#include "token_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct token_key *make_key(enum token_purpose purpose)
{
	struct token_ring *platform = calloc(1, sizeof *platform),
			  *ring = calloc(1, sizeof *ring);
	struct token_key *key = NULL;

	if (platform == NULL || ring == NULL)
		abort();
	platform->count = 1;
	platform->at[0].id = 7;
	for (size_t i = 0; i < TOKEN_KEY_OCTETS; i++)
		platform->at[0].key[i] = (uint8_t)i;
	if (token_ring_derive(platform, purpose, ring) == ERR_OK)
		key = token_key_new(ring, SPAN("acme"));
	if (key == NULL)
		abort();
	token_ring_free(&platform);
	token_ring_free(&ring);
	return key;
}

static void check_token(enum token_purpose purpose, struct span host, struct span text)
{
	struct token_key *key = make_key(purpose);
	struct buf again = BUF_INIT(TOKEN_TEXT_MAX);
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	size_t n;

	(void)token_key_id(key, text);
	if (token_open(key, host, text, payload, &n) == ERR_OK) {
		struct span s = span_make((const char *)payload, n);

		if (token_seal(key, host, s, &again) != ERR_OK ||
		    !(purpose == TOKEN_RETURN ? span_eq_nocase(buf_span(&again), text)
					      : span_eq(buf_span(&again), text)))
			abort();
	}
	buf_free(&again);
	token_key_free(&key);
}

static void check_ring(struct span text)
{
	struct token_ring *r = calloc(1, sizeof *r), *again = calloc(1, sizeof *again);
	struct buf out = BUF_INIT(TOKEN_RING_OCTETS);
	unsigned line;

	if (r == NULL || again == NULL)
		abort();
	if (token_ring_parse(text, r, &line) == ERR_OK) {
		token_ring_put(r, "click", &out);
		if (token_ring_parse(buf_span(&out), again, &line) != ERR_OK ||
		    again->count != r->count ||
		    memcmp(again->at, r->at, r->count * sizeof r->at[0]) != 0)
			abort();
	}
	buf_free(&out);
	token_ring_free(&r);
	token_ring_free(&again);
}

static void same(struct buf *b, struct span payload)
{
	if (!span_eq(buf_span(b), payload))
		abort();
	buf_reset(b);
}

static void check_payload(struct span payload)
{
	struct buf b = BUF_INIT(65536);
	struct token_click c;
	struct token_open_pixel o;
	struct token_unsubscribe u;
	struct token_return r;

	if (token_get_click(payload, &c) == ERR_OK) {
		token_put_click(&b, &c);
		same(&b, payload);
	}
	if (token_get_open(payload, &o) == ERR_OK) {
		token_put_open(&b, &o);
		same(&b, payload);
	}
	if (token_get_unsubscribe(payload, &u) == ERR_OK) {
		token_put_unsubscribe(&b, &u);
		same(&b, payload);
	}
	if (token_get_return(payload, &r) == ERR_OK) {
		token_put_return(&b, &r);
		same(&b, payload);
	}
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_make((const char *)data + 1, size > 0 ? size - 1 : 0);

	if (size == 0 || size > 60000)
		return 0;
	switch (data[0] % 4) {
	case 0: check_token(TOKEN_CLICK, SPAN("click.acme.example"), rest); break;
	case 1: check_token(TOKEN_RETURN, SPAN("b.acme.example"), rest); break;
	case 2: check_ring(rest); break;
	default: check_payload(rest); break;
	}
	return 0;
}
