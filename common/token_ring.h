/* token_ring.h - token keys as files: what penguinctl writes and token.c reads. The platform's
 * file holds the secrets; the file of a purpose holds what is derived from them, so that a process
 * can be given one purpose and not the others.
 *
 * A file: a comment line, then a line a key, oldest first: id (1..255), date since which it mints,
 * 64 hexadecimal digits. Pure, thread safe. */
#ifndef TOKEN_RING_H
#define TOKEN_RING_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"
#include "token.h"

#define TOKEN_KEY_OCTETS  32u
#define TOKEN_KEYS_MAX    255u
#define TOKEN_DATE_OCTETS 10u
#define TOKEN_RING_OCTETS 65536u /* of a file */

struct token_secret {
	uint8_t id;
	char since[TOKEN_DATE_OCTETS + 1]; /* RFC 3339 date */
	uint8_t key[TOKEN_KEY_OCTETS];
};

struct token_ring {
	enum token_purpose purpose;
	size_t count;
	struct token_secret at[TOKEN_KEYS_MAX]; /* the last one mints */
};

/* Fills the ring; *line_r is where it went wrong. ERR_SYNTAX for anything that token_ring_put would
 * not write, ids that do not rise included. At least one key. */
enum err token_ring_parse(
    struct span text, struct token_ring *ring_r, unsigned *line_r) CHECKED;
/* Appends the file's text. what: a word for the comment line. */
void token_ring_put(const struct token_ring *ring, const char *what, struct buf *out);

/* Reads one file. May its group read it? Errors as token_ring_read (token.h). */
enum err token_ring_read_file(const char *path, bool group_reads, struct token_ring *ring_r,
    char *error, size_t size) CHECKED;

/* The purpose's keys out of the platform's. */
enum err token_ring_derive(const struct token_ring *platform, enum token_purpose purpose,
    struct token_ring *ring_r) CHECKED;

/* HKDF-SHA-256 (RFC 5869) without salt. */
enum err token_hkdf(const uint8_t key[TOKEN_KEY_OCTETS], struct span info, uint8_t *out,
    size_t out_octets) CHECKED;
void token_wipe(void *p, size_t n);

#endif
