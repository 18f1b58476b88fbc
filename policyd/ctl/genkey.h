/* genkey.h - makes DKIM keys and what DNS says about them (RFC 6376 section 3.6.1, RFC 8463).
 * OpenSSL of penguinctl has its home here. Thread safe. */
#ifndef GENKEY_H
#define GENKEY_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

enum genkey_type { GENKEY_RSA, GENKEY_ED25519 };

/* private_pem gets the key in PKCS #8 (wipe it: genkey_wipe), record the TXT text
 * "v=DKIM1; k=...; p=...". bits: for RSA. ERR_CRYPTO when the library fails. */
enum err genkey_make(
    enum genkey_type type, unsigned bits, struct buf *private_pem, struct buf *record) CHECKED;
void genkey_wipe(struct buf *private_pem);

/* The record of a private key that exists (PEM, not encrypted), and its size. ERR_SYNTAX: no such
 * key; ERR_RANGE: of another type. */
enum err genkey_public(struct span private_pem, enum genkey_type *type_r, unsigned *bits_r,
    struct buf *record) CHECKED;

/* The record as a line of a zone file: strings of at most 255 octets (RFC 1035 section 3.3.14). */
void genkey_zone_line(
    struct span selector, struct span domain, struct span record, struct buf *out);

#endif
