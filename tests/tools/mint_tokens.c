/* mint_tokens - tokens for tests of penguin-web. Arguments: the directory of the keys. A line of
 * standard input with tabs between gives a line of output:
 *
 *   click        tenant host flags message link recipient expires_h target
 *   open         tenant host flags message recipient expires_h
 *   unsubscribe  tenant host message stream address
 *   raw          tenant host octets (as a click token's payload)
 *
 * With "bench SECONDS" as further arguments: how many click tokens one core mints and verifies. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "token_payload.h"

#define FIELDS 10

static uint64_t number(struct span text)
{
	uint64_t value = 0;

	return span_u64(text, &value) ? value : 0;
}

static enum token_purpose payload(const struct span *f, struct buf *out)
{
	struct token_click c = { .flags = (uint8_t)number(f[3]),
		.message = number(f[4]),
		.link = (uint16_t)number(f[5]),
		.recipient = number(f[6]),
		.expires_h = (uint32_t)number(f[7]),
		.target = f[8] };
	struct token_open_pixel o = { .flags = (uint8_t)number(f[3]),
		.message = number(f[4]),
		.recipient = number(f[5]),
		.expires_h = (uint32_t)number(f[6]) };
	struct token_unsubscribe u = {
		.message = number(f[3]), .stream = f[4], .address = f[5]
	};

	if (span_eq(f[0], SPAN("open"))) {
		token_put_open(out, &o);
		return TOKEN_OPEN;
	}
	if (span_eq(f[0], SPAN("unsubscribe"))) {
		token_put_unsubscribe(out, &u);
		return TOKEN_UNSUBSCRIBE;
	}
	if (span_eq(f[0], SPAN("raw")))
		buf_add_span(out, f[3]);
	else
		token_put_click(out, &c);
	return TOKEN_CLICK;
}

static bool mint(struct token_ring *const *rings, struct span line, struct buf *text)
{
	struct buf octets = BUF_INIT(TOKEN_PAYLOAD_MAX);
	struct span f[FIELDS] = { { "", 0 } }, rest = line;
	struct token_key *key;
	bool ok;

	for (size_t i = 0; i < FIELDS && span_next(&rest, '\t', &f[i]); i++)
		;
	key = token_key_new(rings[payload(f, &octets)], f[1]);
	buf_reset(text);
	ok = key != NULL && buf_ok(&octets) &&
	     token_seal(key, f[2], buf_span(&octets), text) == ERR_OK;
	token_key_free(&key);
	buf_free(&octets);
	return ok;
}

static void bench(const struct token_ring *ring, int64_t seconds)
{
	static const struct token_click click = { .flags = TOKEN_INDIVIDUAL,
		.message = 1,
		.recipient = 2,
		.expires_h = UINT32_MAX,
		.target = { "https://www.acme.example/products/42?utm_source=news", 52 } };
	static uint8_t payload_octets[TOKEN_PAYLOAD_MAX];
	struct token_key *key = token_key_new(ring, SPAN("acme"));
	struct buf octets = BUF_INIT(TOKEN_PAYLOAD_MAX), text = BUF_INIT(TOKEN_TEXT_MAX);
	uint64_t minted = 0, verified = 0;
	int64_t start = clock_mono_ns();
	size_t n;

	token_put_click(&octets, &click);
	for (; clock_mono_ns() - start < seconds * NS_PER_S; minted++) {
		buf_reset(&text);
		if (token_seal(key, SPAN("click.acme.example"), buf_span(&octets), &text) !=
		    ERR_OK)
			abort();
	}
	start = clock_mono_ns();
	for (; clock_mono_ns() - start < seconds * NS_PER_S; verified++)
		if (token_open(key, SPAN("click.acme.example"), buf_span(&text), payload_octets,
			&n) != ERR_OK)
			abort();
	printf("minted=%" PRIu64 " verified=%" PRIu64 "\n", minted / (uint64_t)seconds,
	    verified / (uint64_t)seconds);
	token_key_free(&key);
	buf_free(&text);
	buf_free(&octets);
}

int main(int argc, char **argv)
{
	struct token_ring *rings[TOKEN_PURPOSES] = { NULL };
	struct buf text = BUF_INIT(TOKEN_TEXT_MAX);
	char line[8192], error[512];
	int status = 0;

	if (argc < 2)
		return 64;
	for (int i = 0; i < TOKEN_RETURN && status == 0; i++)
		if (token_ring_read(argv[1], (enum token_purpose)i, &rings[i], error,
			sizeof error) != ERR_OK) {
			fprintf(stderr, "%s\n", error);
			status = 78;
		}
	if (status == 0 && argc == 4 && strcmp(argv[2], "bench") == 0)
		bench(rings[TOKEN_CLICK], strtol(argv[3], NULL, 10));
	else
		while (status == 0 && fgets(line, sizeof line, stdin) != NULL) {
			struct span s = span_cstr(line);

			if (s.n > 0 && s.p[s.n - 1] == '\n')
				s.n--;
			if (mint(rings, s, &text))
				printf("%s\n", buf_cstr(&text));
			else
				status = 65;
		}
	for (int i = 0; i < TOKEN_RETURN; i++)
		token_ring_free(&rings[i]);
	buf_free(&text);
	return status;
}
