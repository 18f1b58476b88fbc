/* mime.h - the structure of a message (RFC 2045, 2046, 2183, 2231): its parts as octet ranges of
 * the body, and for each why no octet of it may be changed, if so. Only reads. Where the standard
 * and known readers may see different parts, or none, the subtree is marked: what two programs read
 * differently is nothing to edit. Linear in the body, no recursion. Pure; not tied to a thread. */
#ifndef MIME_H
#define MIME_H

#include "arena.h"
#include "base.h"
#include "err.h"
#include "message.h"
#include "span.h"

#define MIME_DEPTH_MAX        32 /* of nested multiparts */
#define MIME_PARTS_MAX        2000
#define MIME_HEADER_BLOCK_MAX 262144 /* octets, of one part */
#define MIME_HEADER_MAX       65536  /* octets, of one field */
#define MIME_HEADERS_MAX      1000   /* fields, of one part */
#define MIME_BOUNDARY_MAX     256    /* octets */
#define MIME_PARAMETERS_MAX   64     /* of one field */

enum mime_encoding {
	MIME_IDENTITY, /* 7bit (also when none is named), 8bit, binary */
	MIME_QUOTED_PRINTABLE,
	MIME_BASE64,
};

/* Why a part, and all that is in it, stays as it is. */
enum mime_skip {
	MIME_EDITABLE,
	/* by rule */
	MIME_SIGNED,     /* multipart/signed, application/pkcs7-mime */
	MIME_ENCRYPTED,  /* multipart/encrypted */
	MIME_REPORT,     /* multipart/report */
	MIME_MESSAGE,    /* message/rfc822 and all others of message */
	MIME_ATTACHMENT, /* a Content-Disposition other than inline */
	MIME_OTHER_TYPE, /* neither text/html nor text/plain; calendar, vcard, amp */
	MIME_ARMOUR,     /* text that holds PGP armour */
	/* two readings */
	MIME_LINE_ENDS,         /* a bare CR or LF in the body: the whole message */
	MIME_BAD_HEADER,        /* a part's header block that not all read alike */
	MIME_TWICE,             /* two Content-Type, -Disposition or -Transfer-Encoding */
	MIME_BAD_PARAMETER,     /* unreadable, given twice */
	MIME_BAD_BOUNDARY,      /* none, or delimiter lines that not all read alike */
	MIME_ENCODED_MULTIPART, /* a transfer encoding on a multipart */
	MIME_UNKNOWN_ENCODING,  /* of transfer */
	MIME_BAD_ENCODING,      /* does not decode, or would not encode to the same octets */
	MIME_UNKNOWN_CHARSET,   /* or one that denies what the octets are */
	MIME_BAD_CHARSET,       /* does not convert to UTF-8 and back to the same octets */
	MIME_UNENCODABLE,       /* an insertion that the part's charset lacks */
	MIME_LONG_LINE, /* the edit made a line too long, conversion was not asked for */
	/* over a bound */
	MIME_TOO_DEEP,
	MIME_TOO_MANY_PARTS,
	MIME_HEADERS_TOO_BIG,
	MIME_PART_TOO_BIG,
	MIME_TOO_MANY_LINKS,
	MIME_TOO_MANY_ATTRIBUTES,
	MIME_OVER_BUDGET, /* more octets to look at than permitted for a message */
	MIME_OVER_MEMORY,
	MIME_SKIP_COUNT
};

/* Words for a log line: "inside a signed part". Never NULL. */
const char *mime_skip_text(enum mime_skip skip);
/* False for what is left alone by rule (attachments, signed parts, other types): no trouble. */
bool mime_skip_is_trouble(enum mime_skip skip);

struct mime_part {
	/* Offsets in the body. The header block with its empty line is [head, content); the root's
	 * lies outside: head == content == 0. The CRLF before a delimiter is not content. */
	size_t head, content, end;
	struct span type;     /* "text/html", lower case; in the arena */
	struct span charset;  /* lower case, empty when none is given; in the arena */
	struct span boundary; /* of a multipart whose parts are listed; else p == NULL */
	enum mime_encoding encoding;
	bool flowed, delsp; /* RFC 3676 */
	bool eight_bit;     /* 8bit or binary was named */
	/* Value of Content-Type as it was given; p == NULL: none. In it the charset's value with
	 * its quotes; both 0: there is none, or it is not written in one piece. */
	struct span type_value;
	size_t charset_start, charset_end;
	/* Value of Content-Transfer-Encoding in the body, without blanks around it; both 0 when
	 * there is none, or for the root. */
	size_t encoding_value, encoding_value_end;
	int parent; /* index, -1: the root */
	unsigned depth;
	enum mime_skip skip;
};

/* The parts in the order of the body, the root first; what lies in a part that its own
 * header excludes is not listed. parts_r and its text live in the arena. ERR_NOMEM only. */
enum err mime_scan(struct arena *arena, const struct header *headers, size_t header_count,
    struct span body, struct mime_part **parts_r, size_t *count_r) CHECKED;

#endif
