/* transfer.h - quoted-printable and base64 (RFC 2045 sections 6.7, 6.8), and how an edit of the
 * decoded octets becomes one of the encoded: outside of the edit the encoded octets stay as they
 * are. Pure. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "arena.h"
#include "base.h"
#include "err.h"
#include "mime.h"
#include "patch.h"
#include "span.h"

#define TRANSFER_LINE_MAX 998 /* octets without CRLF, RFC 5322 section 2.1.1 */
#define TRANSFER_QP_LINE  76  /* octets without CRLF, RFC 2045 section 6.7 */

/* Decoded octets of a part: in the arena, or encoded itself when nothing is encoded. ERR_SYNTAX:
 * not all readers decode it alike, or it is not what an encoder would write (base64 with unequal
 * lines, foreign octets, padding inside). ERR_NOMEM. */
enum err transfer_decode(struct arena *arena, enum mime_encoding encoding, struct span encoded,
    struct span *decoded_r) CHECKED;

/* Edits (sorted, of the decoded octets) become edits of the encoded ones, with base added to
 * their offsets, appended to out. Text of them lies in the arena. decoded is what transfer_decode
 * made of encoded; no edit begins or ends between a CR and its LF. ERR_NOMEM. */
enum err transfer_encode(struct arena *arena, enum mime_encoding encoding, struct span encoded,
    struct span decoded, const struct patch_list *edits, size_t base,
    struct patch_list *out) CHECKED;

/* All of text as quoted-printable; CRLF stays a line end. ERR_NOMEM. */
enum err transfer_quote(struct arena *arena, struct span text, struct span *quoted_r) CHECKED;

#endif
