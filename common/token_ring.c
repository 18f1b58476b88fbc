/* token_ring - token keys as text and as files. Knows no tokens. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "token_ring.h"

static const char *const purposes[TOKEN_PURPOSES] = {
	[TOKEN_CLICK] = "click",
	[TOKEN_OPEN] = "open",
	[TOKEN_UNSUBSCRIBE] = "unsubscribe",
	[TOKEN_RETURN] = "return",
};

const char *token_purpose_text(enum token_purpose purpose)
{
	return (unsigned)purpose < TOKEN_PURPOSES ? purposes[purpose] : "";
}

/* ---- text ---- */

static int hex_digit(char c)
{
	if (ascii_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_key(struct span hex, uint8_t key[TOKEN_KEY_OCTETS])
{
	if (hex.n != 2u * TOKEN_KEY_OCTETS)
		return false;
	for (size_t i = 0; i < TOKEN_KEY_OCTETS; i++) {
		int high = hex_digit(hex.p[2 * i]), low = hex_digit(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool parse_date(struct span date, char since[TOKEN_DATE_OCTETS + 1])
{
	static const char shape[] = "dddd-dd-dd";

	if (date.n != TOKEN_DATE_OCTETS)
		return false;
	for (size_t i = 0; i < date.n; i++)
		if (shape[i] == 'd' ? !ascii_digit(date.p[i]) : date.p[i] != shape[i])
			return false;
	return span_copy(date, since, TOKEN_DATE_OCTETS + 1);
}

static bool parse_line(struct span line, struct token_secret *secret)
{
	struct span id, date, hex;
	uint64_t number;

	if (!span_next(&line, ' ', &id) || !span_next(&line, ' ', &date) ||
	    !span_next(&line, ' ', &hex) || line.n > 0)
		return false;
	if (!span_u64(id, &number) || number == 0 || number > TOKEN_KEYS_MAX)
		return false;
	secret->id = (uint8_t)number;
	return parse_date(date, secret->since) && parse_key(hex, secret->key);
}

enum err token_ring_parse(struct span text, struct token_ring *ring_r, unsigned *line_r)
{
	struct span line;

	ring_r->count = 0;
	*line_r = 0;
	while (span_next(&text, '\n', &line)) {
		struct token_secret *s = &ring_r->at[ring_r->count];

		++*line_r;
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (ring_r->count == TOKEN_KEYS_MAX || !parse_line(line, s))
			return ERR_SYNTAX;
		if (ring_r->count > 0 && s->id <= s[-1].id)
			return ERR_SYNTAX;
		ring_r->count++;
	}
	return ring_r->count > 0 ? ERR_OK : ERR_SYNTAX;
}

void token_ring_put(const struct token_ring *ring, const char *what, struct buf *out)
{
	buf_printf(out,
	    "# penguinmails token keys: %s. Secret. Oldest first; the last one mints.\n", what);
	for (size_t i = 0; i < ring->count; i++) {
		const struct token_secret *s = &ring->at[i];

		buf_printf(out, "%u %s ", s->id, s->since);
		for (size_t k = 0; k < TOKEN_KEY_OCTETS; k++)
			buf_printf(out, "%02x", s->key[k]);
		buf_add_char(out, '\n');
	}
}

/* ---- derivation ---- */

enum err token_hkdf(
    const uint8_t key[TOKEN_KEY_OCTETS], struct span info, uint8_t *out, size_t out_octets)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
		    OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_octet_string(
		    OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, TOKEN_KEY_OCTETS),
		OSSL_PARAM_construct_octet_string(
		    OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.p, info.n),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	enum err e = ERR_CRYPTO;

	if (ctx != NULL && EVP_KDF_derive(ctx, out, out_octets, params) == 1)
		e = ERR_OK;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return e;
}

enum err token_ring_derive(
    const struct token_ring *platform, enum token_purpose purpose, struct token_ring *ring_r)
{
	char space[64];
	struct buf info = { .p = space, .size = sizeof space, .max = sizeof space };
	enum err e = ERR_OK;

	buf_printf(&info, "penguinmails 1 %s", token_purpose_text(purpose));
	ring_r->purpose = purpose;
	ring_r->count = platform->count;
	for (size_t i = 0; e == ERR_OK && i < platform->count; i++) {
		ring_r->at[i] = platform->at[i];
		e = token_hkdf(
		    platform->at[i].key, buf_span(&info), ring_r->at[i].key, TOKEN_KEY_OCTETS);
	}
	return e;
}

void token_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}

/* ---- files ---- */

static enum err read_text(
    int fd, const char *path, bool group_reads, struct buf *text, char *error, size_t size)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & (group_reads ? 037u : 077u)) != 0) {
		snprintf(error, size, "%s: must be a file that %s", path,
		    group_reads ? "others cannot read, nor its group write"
				: "only its owner can read");
		return ERR_DENIED;
	}
	if (st.st_size > (off_t)TOKEN_RING_OCTETS) {
		snprintf(error, size, "%s: is larger than %u octets", path, TOKEN_RING_OCTETS);
		return ERR_TOOBIG;
	}
	do {
		if (!buf_reserve(text, 4096)) {
			snprintf(error, size, "%s: does not end", path);
			return ERR_TOOBIG;
		}
		n = read(fd, text->p + text->n, 4096);
		text->n += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n == 0)
		return ERR_OK;
	snprintf(error, size, "%s: %s", path, strerror(errno));
	return err_from_errno(errno);
}

enum err token_ring_read_file(
    const char *path, bool group_reads, struct token_ring *ring_r, char *error, size_t size)
{
	struct buf text = BUF_INIT(2 * TOKEN_RING_OCTETS);
	unsigned line;
	enum err e;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return errno == ELOOP ? ERR_DENIED : err_from_errno(errno);
	}
	e = read_text(fd, path, group_reads, &text, error, size);
	close(fd);
	if (e == ERR_OK) {
		e = token_ring_parse(buf_span(&text), ring_r, &line);
		if (e != ERR_OK)
			snprintf(error, size, "%s:%u: is no list of token keys", path, line);
	}
	if (text.p != NULL)
		token_wipe(text.p, text.size);
	buf_free(&text);
	return e;
}

enum err token_ring_read(const char *directory, enum token_purpose purpose,
    struct token_ring **ring_r, char *error, size_t size)
{
	struct token_ring *ring = calloc(1, sizeof *ring);
	char path[4096];
	enum err e = ERR_NOMEM;

	snprintf(error, size, "%s: out of memory, or too long", directory);
	if (ring != NULL && (size_t)snprintf(path, sizeof path, "%s/%s.keys", directory,
				token_purpose_text(purpose)) < sizeof path)
		e = token_ring_read_file(path, true, ring, error, size);
	if (e != ERR_OK)
		token_ring_free(&ring);
	else
		ring->purpose = purpose;
	*ring_r = ring;
	return e;
}

void token_ring_free(struct token_ring **ring)
{
	if (*ring == NULL)
		return;
	token_wipe(*ring, sizeof **ring);
	free(*ring);
	*ring = NULL;
}
