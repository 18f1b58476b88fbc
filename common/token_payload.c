/* token_payload - payloads to octets and back. Knows no keys. */
#include <endian.h>

#include "addr.h"
#include "hash.h"
#include "token_payload.h"

#define KNOWN_FLAGS (TOKEN_INDIVIDUAL | TOKEN_SPLIT)

/* These leave the process: the seeds are part of the format. */
#define MESSAGE_SEED   UINT64_C(0x70656e6775696e31)
#define RECIPIENT_SEED UINT64_C(0x70656e6775696e35)
#define STREAM_SEED    UINT64_C(0x70656e6775696e34)

uint64_t message_id_of(struct span queue_id)
{
	return hash64(queue_id, MESSAGE_SEED);
}

uint32_t recipient_check_of(struct span address)
{
	char canonical[ADDR_MAX], lower[ADDR_MAX];
	uint32_t check;

	if (addr_canonical(address, canonical) == ERR_OK)
		address = span_cstr(canonical);
	if (span_lower(address, lower, sizeof lower))
		address = span_cstr(lower);
	check = (uint32_t)hash64(address, RECIPIENT_SEED);
	return check != 0 ? check : 1;
}

uint16_t stream_check_of(struct span stream_name)
{
	uint16_t check = (uint16_t)hash64(stream_name, STREAM_SEED);

	return check != 0 ? check : 1;
}

/* ---- writing ---- */

static void put(struct buf *out, uint64_t value, size_t octets)
{
	value = htole64(value);
	buf_add(out, &value, octets);
}

static void put_head(struct buf *out, uint8_t flags, uint64_t message)
{
	put(out, TOKEN_PAYLOAD_VERSION, 1);
	put(out, flags, 1);
	put(out, message, 8);
}

void token_put_click(struct buf *out, const struct token_click *t)
{
	put_head(out, t->flags, t->message);
	put(out, t->link, 2);
	put(out, t->recipient, 8);
	put(out, t->expires_h, 4);
	buf_add_span(out, t->target);
}

void token_put_open(struct buf *out, const struct token_open_pixel *t)
{
	put_head(out, t->flags, t->message);
	put(out, t->recipient, 8);
	put(out, t->expires_h, 4);
}

void token_put_unsubscribe(struct buf *out, const struct token_unsubscribe *t)
{
	struct span stream = span_head(t->stream, UINT8_MAX);

	put_head(out, t->flags, t->message);
	put(out, stream.n, 1);
	buf_add_span(out, stream);
	buf_add_span(out, t->address);
}

void token_put_return(struct buf *out, const struct token_return *t)
{
	put_head(out, t->flags, t->message);
	put(out, t->recipient, 4);
	put(out, t->source, 4);
	put(out, t->stream, 2);
}

/* ---- reading ---- */

static bool take(struct span *s, uint64_t *value_r, size_t octets)
{
	uint64_t value = 0;

	if (s->n < octets)
		return false;
	memcpy(&value, s->p, octets);
	*value_r = le64toh(value);
	*s = span_from(*s, octets);
	return true;
}

static enum err take_head(struct span *s, uint8_t *flags_r, uint64_t *message_r)
{
	uint64_t version, flags;

	if (!take(s, &version, 1) || !take(s, &flags, 1) || !take(s, message_r, 8))
		return ERR_CORRUPT;
	if (version != TOKEN_PAYLOAD_VERSION)
		return ERR_VERSION;
	*flags_r = (uint8_t)flags;
	return (flags & ~(uint64_t)KNOWN_FLAGS) == 0 ? ERR_OK : ERR_CORRUPT;
}

enum err token_get_click(struct span payload, struct token_click *t_r)
{
	enum err e = take_head(&payload, &t_r->flags, &t_r->message);
	uint64_t link, expires;

	if (e != ERR_OK)
		return e;
	if (!take(&payload, &link, 2) || !take(&payload, &t_r->recipient, 8) ||
	    !take(&payload, &expires, 4) || payload.n == 0)
		return ERR_CORRUPT;
	t_r->link = (uint16_t)link;
	t_r->expires_h = (uint32_t)expires;
	t_r->target = payload;
	return ERR_OK;
}

enum err token_get_open(struct span payload, struct token_open_pixel *t_r)
{
	enum err e = take_head(&payload, &t_r->flags, &t_r->message);
	uint64_t expires;

	if (e != ERR_OK)
		return e;
	if (!take(&payload, &t_r->recipient, 8) || !take(&payload, &expires, 4) ||
	    payload.n != 0)
		return ERR_CORRUPT;
	t_r->expires_h = (uint32_t)expires;
	return ERR_OK;
}

enum err token_get_unsubscribe(struct span payload, struct token_unsubscribe *t_r)
{
	enum err e = take_head(&payload, &t_r->flags, &t_r->message);
	uint64_t n;

	if (e != ERR_OK)
		return e;
	if (!take(&payload, &n, 1) || payload.n <= n)
		return ERR_CORRUPT;
	t_r->stream = span_head(payload, (size_t)n);
	t_r->address = span_from(payload, (size_t)n);
	return ERR_OK;
}

enum err token_get_return(struct span payload, struct token_return *t_r)
{
	enum err e = take_head(&payload, &t_r->flags, &t_r->message);
	uint64_t recipient, source, stream;

	if (e != ERR_OK)
		return e;
	if (!take(&payload, &recipient, 4) || !take(&payload, &source, 4) ||
	    !take(&payload, &stream, 2) || payload.n != 0)
		return ERR_CORRUPT;
	t_r->recipient = (uint32_t)recipient;
	t_r->source = (uint32_t)source;
	t_r->stream = (uint16_t)stream;
	return ERR_OK;
}
