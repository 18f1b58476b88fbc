/* sign_ed25519 - the header hash of RFC 6376 section 3.7 in relaxed form, signed by an Ed25519 key
 * (RFC 8463 section 3: the signature is over the SHA-256 of the header hash input). Knows no files;
 * the body hash is somebody else's. */
#include <openssl/evp.h>

#include "sign_ed25519.h"

#define LINE_WIDTH 76

/* "name: value" in relaxed form (RFC 6376 section 3.4.2), without line end. */
static void put_relaxed(struct buf *out, struct span name, struct span value)
{
	bool blank = false, any = false;

	for (size_t i = 0; i < name.n; i++)
		buf_add_char(out, ascii_lower(name.p[i]));
	buf_add_char(out, ':');
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			blank = true;
			continue;
		}
		if (blank && any)
			buf_add_char(out, ' ');
		buf_add_char(out, c);
		any = true;
		blank = false;
	}
}

/* Fields are taken from the bottom up (section 5.4.2): the n-th mention of a name means the n-th
 * from below. A mention beyond those that exist is the empty string: oversigning. */
static void put_named_field(
    struct buf *out, const struct message *m, struct span name, size_t mention)
{
	for (size_t i = m->header_count; i > 0; i--) {
		const struct header *h = &m->headers[i - 1];

		if (!span_eq_nocase(h->name, name) || mention-- > 0)
			continue;
		put_relaxed(out, name, h->value);
		buf_add_cstr(out, "\r\n");
		return;
	}
}

static size_t count_before(struct span list, const char *end, struct span name)
{
	struct span piece;
	size_t n = 0;

	list.n = (size_t)(end - list.p);
	while (span_next(&list, ':', &piece))
		n += span_eq_nocase(span_trim(piece), name);
	return n;
}

static void put_named_fields(struct buf *out, const struct message *m, struct span list)
{
	struct span rest = list, piece;

	while (span_next(&rest, ':', &piece)) {
		struct span name = span_trim(piece);

		put_named_field(out, m, name, count_before(list, piece.p, name));
	}
}

/* ---- the new field's value ---- */

struct writer {
	struct buf *out;
	size_t column;
};

/* Writes text; on a new line when what belongs together (width octets) does not fit on this. */
static void put_piece(struct writer *w, struct span text, size_t width, const char *fold)
{
	if (w->column + width > LINE_WIDTH) {
		buf_add_cstr(w->out, "\n\t");
		w->column = 8;
	} else {
		buf_add_cstr(w->out, fold);
		w->column += strlen(fold);
	}
	buf_add_span(w->out, text);
	w->column += text.n;
}

/* Tag values that may be long: h= folds at its colons. */
static void put_list(struct writer *w, struct span list)
{
	struct span piece;
	bool first = true;

	while (span_next(&list, ':', &piece)) {
		if (!first) {
			buf_add_char(w->out, ':');
			w->column++;
		}
		put_piece(w, span_trim(piece), piece.n + 1, "");
		first = false;
	}
}

struct model {
	struct span hashed_names; /* h= */
	bool has_body_hash;
};

/* Everything but the octets of b=. */
static void put_value(
    struct writer *w, struct span model, const char *selector, struct model *model_r)
{
	struct span tag;

	*model_r = (struct model){ { "", 0 }, false };
	while (span_next(&model, ';', &tag)) {
		size_t equals = span_find(tag, '=', 0);
		struct span name = span_trim(span_head(tag, equals));
		struct span value = span_trim(span_from(tag, equals + 1));

		if (name.n == 0 || span_eq(name, SPAN("b")))
			continue;
		if (span_eq(name, SPAN("a")))
			value = SPAN("ed25519-sha256");
		else if (span_eq(name, SPAN("s")))
			value = span_cstr(selector);
		else if (span_eq(name, SPAN("bh")))
			model_r->has_body_hash = true;
		if (w->column > 0)
			buf_add_char(w->out, ';');
		put_piece(w, name, span_eq(name, SPAN("h")) ? 16 : name.n + value.n + 3,
		    w->column > 0 ? " " : "");
		buf_add_char(w->out, '=');
		w->column++;
		if (span_eq(name, SPAN("h"))) {
			model_r->hashed_names = value;
			put_list(w, value);
		} else {
			buf_add_span(w->out, value);
			w->column += value.n;
		}
	}
	buf_add_cstr(w->out, ";\n\tb=");
}

static enum err put_signature(struct buf *out, struct span hashed, const struct key *key)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char digest[32], signature[64], text[92];
	size_t n = sizeof signature;
	unsigned digest_n = 0;
	enum err e = ERR_CRYPTO;
	int length;

	if (md != NULL &&
	    EVP_Digest(hashed.p, hashed.n, digest, &digest_n, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestSignInit(md, NULL, NULL, NULL, key_pkey(key)) == 1 &&
	    EVP_DigestSign(md, signature, &n, digest, digest_n) == 1 && n == sizeof signature) {
		length = EVP_EncodeBlock(text, signature, (int)n);
		buf_add(out, text, 64);
		buf_add_cstr(out, "\n\t ");
		buf_add(out, text + 64, (size_t)length - 64);
		e = ERR_OK;
	}
	EVP_MD_CTX_free(md);
	return e;
}

enum err sign_ed25519(struct span model, const struct message *m, const char *selector,
    const struct key *key, struct buf *out)
{
	struct buf hashed = BUF_INIT(MESSAGE_HEADER_BLOCK_MAX * 2);
	/* The first line begins after "DKIM-Signature: ", about which put_value need not know. */
	struct writer w = { out, 0 };
	size_t start = out->n;
	struct model found;
	enum err e = ERR_SYNTAX;

	if (key_type(key) != KEY_ED25519)
		goto out;
	put_value(&w, model, selector, &found);
	if (found.hashed_names.n == 0 || !found.has_body_hash)
		goto out;
	put_named_fields(&hashed, m, found.hashed_names);
	put_relaxed(&hashed, SPAN("DKIM-Signature"), span_from(buf_span(out), start));
	e = ERR_NOMEM;
	if (!buf_ok(&hashed) || !buf_ok(out))
		goto out;
	e = put_signature(out, buf_span(&hashed), key);
	if (e == ERR_OK && !buf_ok(out))
		e = ERR_NOMEM;
out:
	buf_free(&hashed);
	return e;
}
