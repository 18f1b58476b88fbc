/* sign - libopendkim made safe: only what it signs correctly reaches it. Knows no files, no tenants
 * and no milter protocol. The only user of opendkim/dkim.h.
 *
 * What the library does not do for us, each found by trial on Debian 12's version 2.11.0beta2:
 *   - lengths of 0 and NULL names end in its assert(): every call is guarded;
 *   - it signs every field that it is fed, Received included, and stops at a malformed
 *     DKIM-Signature: fields outside our table are not fed. So it needs no list of names to sign,
 *     which would be a regular expression tried on each field, three percent of a signature;
 *   - its list of signed names is cut at 4,095 octets, From or not: counted here first;
 *   - oversigned names belong to the DKIM_LIB, wanted or not: so there is one DKIM_LIB for each set
 *     of names, made when first needed; options are never changed afterwards, as signing threads
 *     read them;
 *   - FIXCRLF and dkim_chunk() produce wrong signatures in corners: neither is used. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <opendkim/dkim.h>

#include "keycache.h"
#include "sign.h"
#include "sign_ed25519.h"

#define SCAFFOLD_BITS  1024
#define NAMES_OCTETS   2048 /* of h=, half of what the library can write */
#define MARGIN_OFFSET  (sizeof("DKIM-Signature: ") - 1)
#define PRESENCE_BITS  11
#define PRESENCE_TYPES (1u << PRESENCE_BITS)

enum oversign { NEVER, ALWAYS, IF_PRESENT, IF_PRESENT_IN_BULK };

static const struct {
	const char *name;
	enum oversign oversign;
} fields[] = {
	{ "From", ALWAYS },
	{ "Reply-To", ALWAYS },
	{ "Subject", ALWAYS },
	{ "To", ALWAYS },
	{ "Cc", ALWAYS },
	{ "Sender", IF_PRESENT },
	{ "Date", IF_PRESENT },
	{ "Message-ID", IF_PRESENT },
	{ "MIME-Version", IF_PRESENT },
	{ "Content-Type", IF_PRESENT },
	{ "Content-Transfer-Encoding", IF_PRESENT },
	{ "In-Reply-To", IF_PRESENT },
	{ "References", IF_PRESENT },
	{ "List-Unsubscribe", IF_PRESENT_IN_BULK },
	{ "List-Unsubscribe-Post", IF_PRESENT_IN_BULK },
	{ "Feedback-ID", IF_PRESENT_IN_BULK },
	{ "List-Id", NEVER },
	{ "List-Help", NEVER },
	{ "CFBL-Address", NEVER },
	{ "CFBL-Feedback-ID", NEVER },
	{ "TLS-Required", NEVER },
};

#define FIRST_OPTIONAL 5 /* index of the first field with a presence bit */
_Static_assert(PRESENCE_BITS + FIRST_OPTIONAL == 16, "a bit for each optional field");

struct signer {
	uint64_t ttl_s;
	bool cached;
	struct key *scaffold; /* signs where only Ed25519 keys are configured */
	pthread_mutex_t lock; /* guards the table; a DKIM_LIB in it never changes */
	DKIM_LIB *libraries[PRESENCE_TYPES]; /* set of present optional fields => library */
};

struct handle {
	DKIM *dkim;
	const struct key *key;
	const char *selector;
};

struct signing {
	const struct message *message;
	bool cached;
	struct handle handles[SIGN_KEYS_MAX]; /* RSA, or the scaffold alone */
	size_t handle_count;
	struct signing_key keys[SIGN_KEYS_MAX];
	size_t key_count;
};

/* libopendkim's texts are unsigned and not const; it copies or only reads them. */
static unsigned char *text(const char *s)
{
	return (unsigned char *)(uintptr_t)s;
}

/* ---- libraries ---- */

static bool set_names(DKIM_LIB *lib, dkim_opts_t option, const char **names)
{
	return dkim_options(lib, DKIM_OP_SETOPT, option, names, sizeof names) == DKIM_STAT_OK;
}

static DKIM_LIB *new_library(const struct signer *s, unsigned present)
{
	const char *oversign[ARRAY_SIZE(fields) + 1] = { NULL };
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	uint64_t ttl_s = s->ttl_s;
	size_t n = 0;

	if (lib == NULL)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].oversign == ALWAYS ||
		    (fields[i].oversign != NEVER && (present >> (i - FIRST_OPTIONAL) & 1) != 0))
			oversign[n++] = fields[i].name;
	}
	if (!set_names(lib, DKIM_OPTS_OVERSIGNHDRS, oversign) ||
	    dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_SIGNATURETTL, &ttl_s, sizeof ttl_s) !=
		DKIM_STAT_OK) {
		dkim_close(lib);
		return NULL;
	}
	return lib;
}

static DKIM_LIB *find_library(struct signer *s, unsigned present)
{
	DKIM_LIB *lib;

	pthread_mutex_lock(&s->lock);
	if (s->libraries[present] == NULL)
		s->libraries[present] = new_library(s, present);
	lib = s->libraries[present];
	pthread_mutex_unlock(&s->lock);
	return lib;
}

struct signer *signer_new(int64_t ttl_s, bool cached)
{
	struct signer *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->ttl_s = ttl_s > 0 ? (uint64_t)ttl_s : 0;
	s->cached = cached;
	pthread_mutex_init(&s->lock, NULL);
	if (key_generate(SCAFFOLD_BITS, !cached, &s->scaffold) != ERR_OK)
		signer_free(&s);
	return s;
}

void signer_free(struct signer **s)
{
	if (*s == NULL)
		return;
	for (size_t i = 0; i < PRESENCE_TYPES; i++)
		if ((*s)->libraries[i] != NULL)
			dkim_close((*s)->libraries[i]);
	key_unref(&(*s)->scaffold);
	pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}

/* ---- one message ---- */

static size_t find_field(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (span_eq_nocase(span_cstr(fields[i].name), name))
			return i;
	return ARRAY_SIZE(fields);
}

/* Which optional fields are there, and how many octets of names h= will hold. */
static unsigned survey(const struct message *m, enum stream_class class, size_t *octets_r)
{
	unsigned present = 0;
	size_t octets = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		octets += strlen(fields[i].name) + 1;
	for (size_t i = 0; i < m->header_count; i++) {
		size_t f = find_field(m->headers[i].name);

		if (f == ARRAY_SIZE(fields))
			continue;
		octets += m->headers[i].name.n + 1;
		if (fields[f].oversign == IF_PRESENT ||
		    (fields[f].oversign == IF_PRESENT_IN_BULK && class == CLASS_BULK))
			present |= 1u << (f - FIRST_OPTIONAL);
	}
	*octets_r = octets;
	return present;
}

static enum err from_status(DKIM *d, DKIM_STAT status, char *error, size_t size)
{
	const char *detail = d != NULL ? dkim_geterror(d) : NULL;

	if (status == DKIM_STAT_OK)
		return ERR_OK;
	snprintf(error, size, "libopendkim: %s%s%s", dkim_getresultstr(status),
	    detail != NULL ? ": " : "", detail != NULL ? detail : "");
	switch (status) {
	case DKIM_STAT_SYNTAX: return ERR_SYNTAX;
	case DKIM_STAT_NORESOURCE: return ERR_NOMEM;
	default: return ERR_CRYPTO;
	}
}

static enum err open_handle(struct signing *g, DKIM_LIB *lib, const char *id,
    const char *domain, struct signing_key key, char *error, size_t size)
{
	struct handle *h = &g->handles[g->handle_count];
	DKIM_STAT status = DKIM_STAT_INTERNAL;
	const char *secret = g->cached ? keycache_token : key_text(key.key);

	if (secret == NULL || key.selector[0] == '\0' || domain[0] == '\0') {
		snprintf(error, size, "key without text, selector or domain");
		return ERR_ORDER;
	}
	h->dkim = dkim_sign(lib, text(id), NULL, text(secret), text(key.selector), text(domain),
	    DKIM_CANON_RELAXED, DKIM_CANON_RELAXED, DKIM_SIGN_RSASHA256, -1, &status);
	if (h->dkim == NULL)
		return from_status(NULL, status, error, size);
	h->key = key.key;
	h->selector = key.selector;
	g->handle_count++;
	return ERR_OK;
}

/* One field with CRLF folds, as dkim_header() wants it. */
static void compose_field(struct buf *out, const struct header *h)
{
	struct span rest = h->value;

	buf_reset(out);
	buf_add_span(out, h->name);
	buf_add_char(out, ':');
	while (rest.n > 0) {
		size_t fold = span_find(rest, '\n', 0);

		buf_add_span(out, span_head(rest, fold));
		if (fold < rest.n)
			buf_add_cstr(out, "\r\n");
		rest = span_from(rest, fold + 1);
	}
}

static enum err feed_fields(struct signing *g, char *error, size_t size)
{
	struct buf field = BUF_INIT(MESSAGE_HEADER_MAX * 2 + 16);
	const struct message *m = g->message;
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < m->header_count; i++) {
		if (find_field(m->headers[i].name) == ARRAY_SIZE(fields))
			continue;
		compose_field(&field, &m->headers[i]);
		if (!buf_ok(&field)) {
			snprintf(error, size, "out of memory");
			e = ERR_NOMEM;
		}
		for (size_t k = 0; e == ERR_OK && k < g->handle_count; k++)
			e = from_status(g->handles[k].dkim,
			    dkim_header(g->handles[k].dkim, text(field.p), field.n), error,
			    size);
	}
	for (size_t k = 0; e == ERR_OK && k < g->handle_count; k++)
		e = from_status(g->handles[k].dkim, dkim_eoh(g->handles[k].dkim), error, size);
	buf_free(&field);
	return e;
}

enum err signing_start(struct signer *s, const char *id, const char *domain,
    enum stream_class stream_class, const struct signing_key *keys, size_t key_count,
    const struct message *m, struct signing **signing_r, char *error, size_t size)
{
	struct signing *g = NULL;
	enum err e = ERR_OK;
	DKIM_LIB *lib;
	size_t octets;

	*signing_r = NULL;
	lib = find_library(s, survey(m, stream_class, &octets));
	if (octets > NAMES_OCTETS) {
		snprintf(error, size, "too many header fields to sign");
		return ERR_TOOBIG;
	}
	g = calloc(1, sizeof *g);
	if (lib == NULL || g == NULL || key_count == 0 || key_count > SIGN_KEYS_MAX) {
		snprintf(error, size, "cannot start libopendkim");
		free(g);
		return ERR_NOMEM;
	}
	g->message = m;
	g->cached = s->cached;
	g->key_count = key_count;
	for (size_t i = 0; i < key_count; i++)
		g->keys[i] = keys[i];
	for (size_t i = 0; e == ERR_OK && i < key_count; i++)
		if (key_type(keys[i].key) == KEY_RSA)
			e = open_handle(g, lib, id, domain, keys[i], error, size);
	if (e == ERR_OK && g->handle_count == 0)
		e = open_handle(g, lib, id, domain,
		    (struct signing_key){ keys[0].selector, s->scaffold }, error, size);
	if (e == ERR_OK)
		e = feed_fields(g, error, size);
	if (e != ERR_OK)
		signing_free(&g);
	*signing_r = g;
	return e;
}

enum err signing_body(struct signing *signing, struct span chunk)
{
	for (size_t i = 0; i < signing->handle_count && chunk.n > 0; i++)
		if (dkim_body(signing->handles[i].dkim, text(chunk.p), chunk.n) != DKIM_STAT_OK)
			return ERR_CRYPTO;
	return ERR_OK;
}

/* The library's finished field value, folded with CRLF; it belongs to the handle. */
static enum err finish_handle(const struct signing *g, const struct handle *h,
    struct span *value_r, char *error, size_t size)
{
	unsigned char *value = NULL;
	DKIM_STAT status;
	size_t n = 0;

	if (g->cached)
		keycache_offer(h->key);
	status = dkim_eom(h->dkim, NULL);
	keycache_offer(NULL);
	if (status == DKIM_STAT_OK)
		status = dkim_getsighdr_d(h->dkim, MARGIN_OFFSET, &value, &n);
	*value_r = span_make((const char *)value, n);
	return from_status(h->dkim, status, error, size);
}

static enum err keep(struct arena *arena, struct span value, struct signature *out)
{
	char *p = arena_alloc(arena, value.n + 1);
	size_t n = 0;

	if (p == NULL)
		return ERR_NOMEM;
	/* Milters fold with LF alone; a CR would arrive as one in the queue file. */
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != '\r')
			p[n++] = value.p[i];
	out->value = span_make(p, n);
	return ERR_OK;
}

static enum err finish_ed25519(const struct signing *g, struct span model,
    const struct signing_key *key, struct arena *arena, struct signature *out)
{
	struct buf value = BUF_INIT(16384);
	enum err e = sign_ed25519(model, g->message, key->selector, key->key, &value);

	if (e == ERR_OK)
		e = keep(arena, buf_span(&value), out);
	buf_free(&value);
	return e;
}

enum err signing_finish(struct signing *signing, struct arena *arena,
    struct signature out[SIGN_KEYS_MAX], size_t *count_r, char *error, size_t size)
{
	struct span values[SIGN_KEYS_MAX];
	enum err e = ERR_OK;
	size_t next = 0;

	*count_r = 0;
	for (size_t i = 0; e == ERR_OK && i < signing->handle_count; i++)
		e = finish_handle(signing, &signing->handles[i], &values[i], error, size);
	if (e != ERR_OK)
		return e;
	for (size_t i = 0; e == ERR_OK && i < signing->key_count; i++) {
		const struct signing_key *key = &signing->keys[i];

		out[i].selector = key->selector;
		if (key_type(key->key) == KEY_RSA) {
			out[i].algorithm = "rsa-sha256";
			e = keep(arena, values[next++], &out[i]);
		} else {
			out[i].algorithm = "ed25519-sha256";
			e = finish_ed25519(signing, values[0], key, arena, &out[i]);
		}
	}
	if (e != ERR_OK)
		snprintf(error, size, "signature not completed: %s", err_text(e));
	else
		*count_r = signing->key_count;
	return e;
}

void signing_free(struct signing **signing)
{
	if (*signing == NULL)
		return;
	for (size_t i = 0; i < (*signing)->handle_count; i++)
		(void)dkim_free((*signing)->handles[i].dkim);
	free(*signing);
	*signing = NULL;
}

/* ---- trial ---- */

bool signer_cache_works(void)
{
	struct message *m = message_new(SPAN(""), SPAN(""), SPAN(""));
	struct signer *s = signer_new(0, true);
	struct signature out[SIGN_KEYS_MAX];
	struct signing *g = NULL;
	char error[256];
	bool works = false;
	size_t n = 0;

	if (m == NULL || s == NULL)
		goto out;
	message_add_header(m, SPAN("From"), SPAN(" trial@example.com"));
	if (signing_start(s, "trial", "example.com", CLASS_TRANSACTIONAL,
		&(struct signing_key){ "trial", s->scaffold }, 1, m, &g, error,
		sizeof error) != ERR_OK ||
	    signing_body(g, SPAN("trial\r\n")) != ERR_OK)
		goto out;
	works = signing_finish(g, m->arena, out, &n, error, sizeof error) == ERR_OK && n == 1;
out:
	signing_free(&g);
	signer_free(&s);
	message_free(&m);
	return works;
}
