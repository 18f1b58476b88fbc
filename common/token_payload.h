/* token_payload.h - what our tokens carry, to octets and back; one truth for the milter, which
 * mints, and for web and policyd, which read. Little-endian, a version octet first; readers accept
 * exactly what writers make. Pure.
 *
 *   click      : version u8, flags u8, message u64, link u16, recipient u64, expires_h u32, target
 *   open       : version u8, flags u8, message u64, recipient u64, expires_h u32
 *   unsubscribe: version u8, flags u8, message u64, stream u8 + octets, address (rest)
 *   return     : version u8, flags u8, message u64, recipient u32, source u32, stream u16 (20 of
 *                21 octets that there is room for)
 *
 * message: message_id_of(). recipient: a pseudonym (keyed, 64 bits), 0 in aggregate mode. Strings
 * are taken as they are; spans read from a payload point into it. */
#ifndef TOKEN_PAYLOAD_H
#define TOKEN_PAYLOAD_H

#include "buf.h"
#include "err.h"
#include "span.h"
#include "token.h"

#define TOKEN_PAYLOAD_VERSION 1

enum token_flag {
	TOKEN_INDIVIDUAL = 1, /* click, open: names a recipient; else aggregate */
	TOKEN_SPLIT = 2,      /* return: copies for single recipients are still to be made */
};

struct token_click {
	uint8_t flags;
	uint64_t message;
	uint16_t link;      /* 0.. within the message */
	uint64_t recipient; /* 0: aggregate */
	uint32_t
	    expires_h; /* hours since 1970; afterwards it redirects and nothing is recorded */
	struct span target; /* http or https URL, exactly where to go */
};

struct token_open_pixel {
	uint8_t flags;
	uint64_t message, recipient;
	uint32_t expires_h;
};

struct token_unsubscribe {
	uint8_t flags;
	uint64_t message;
	struct span stream;  /* at most 255 octets */
	struct span address; /* of the envelope; not empty */
};

struct token_return {
	uint8_t flags;
	uint64_t message;
	uint32_t recipient; /* recipient_check_of() its one; 0: there were several */
	uint32_t source;    /* source_id_of(); 0: none was chosen */
	uint16_t stream;    /* stream_check_of(): which of the tenant's; 0: not said */
};

/* What stands for a message in tokens and events: of its queue id, which Postfix does not use twice
 * (enable_long_queue_ids). */
uint64_t message_id_of(struct span queue_id);
/* The recipient field of a return path, never 0: whether a report is about whom it was sent to.
 * Neither case nor the domain's form count. */
uint32_t recipient_check_of(struct span address);
/* The stream field of one, never 0; tells the streams of one tenant apart. */
uint16_t stream_check_of(struct span stream_name);

void token_put_click(struct buf *out, const struct token_click *t);
void token_put_open(struct buf *out, const struct token_open_pixel *t);
void token_put_unsubscribe(struct buf *out, const struct token_unsubscribe *t);
void token_put_return(struct buf *out, const struct token_return *t);

/* ERR_CORRUPT for anything a writer would not have made, ERR_VERSION for another version. */
enum err token_get_click(struct span payload, struct token_click *t_r) CHECKED;
enum err token_get_open(struct span payload, struct token_open_pixel *t_r) CHECKED;
enum err token_get_unsubscribe(struct span payload, struct token_unsubscribe *t_r) CHECKED;
enum err token_get_return(struct span payload, struct token_return *t_r) CHECKED;

#endif
