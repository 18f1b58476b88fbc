/* signatures - signs messages in process, as the milter does it, and prints what memory that took.
 *
 *   signatures COUNT SAMPLES SEED RSA.pem ED25519.pem
 *
 * Each message gets both signatures; its fields, its size and the cuts of its body differ. A line
 * "MESSAGES RESIDENT ALLOCATED" (octets) for each sample, evenly spaced; judged by signatures.py. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keys.h"
#include "sign.h"

#define BODY_MAX 8192

static uint64_t state;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 32) % n;
}

/* Those that are not in every message: few enough for all their sets, for each of which the signer
 * keeps what it needs, to have come up early. */
static const struct {
	const char *name, *value;
	bool sometimes;
} fields[] = {
	{ "From", " Campaign Desk <user@acme.example>", false },
	{ "Date", " Thu, 01 Jan 2026 10:00:00 +0000", false },
	{ "To", " Subscriber <subscriber@dest.example>", true },
	{ "Subject", " news of\n the day", true },
	{ "Message-ID", " <1.2@app.acme.example>", false },
	{ "List-Unsubscribe", " <https://www.acme.example/u/1>", true },
	{ "List-Unsubscribe-Post", " List-Unsubscribe=One-Click", true },
	{ "X-Campaign", " winter", true },
	{ "MIME-Version", " 1.0", false },
	{ "Content-Type", " text/plain; charset=utf-8", true },
};

static struct message *compose(void)
{
	struct message *m =
	    message_new(SPAN("bounce@acme.example"), SPAN("acme"), SPAN("192.0.2.1"));

	if (m == NULL)
		return NULL;
	message_set_queue_id(m, SPAN("4bC0FFEE"));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!fields[i].sometimes || below(4) > 0)
			message_add_header(
			    m, span_cstr(fields[i].name), span_cstr(fields[i].value));
	return m;
}

/* Lines of letters, CRLF at their ends. */
static struct span make_body(char *out)
{
	size_t lines = 1 + below(BODY_MAX / 64);

	for (size_t i = 0; i < lines; i++) {
		memset(out + i * 64, (int)('a' + below(26)), 62);
		memcpy(out + i * 64 + 62, "\r\n", 2);
	}
	return span_make(out, lines * 64);
}

static enum err feed(struct signing *g, struct message *m, struct span body)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && body.n > 0) {
		struct span chunk = span_head(body, 1 + below(BODY_MAX));

		message_scan_body(m, chunk);
		e = signing_body(g, chunk);
		body = span_from(body, chunk.n);
	}
	message_end_body(m);
	return e == ERR_OK && m->fault != MESSAGE_FINE ? ERR_SYNTAX : e;
}

static enum err sign_one(struct signer *s, struct keys *keys, char *const paths[2])
{
	struct signing_key key[2] = { { "r1", NULL }, { "e1", NULL } };
	struct message *m = compose();
	struct signature out[SIGN_KEYS_MAX];
	struct signing *g = NULL;
	char error[512] = "", body[BODY_MAX];
	enum err e = m == NULL ? ERR_NOMEM : ERR_OK;
	size_t n = 0;

	for (size_t i = 0; e == ERR_OK && i < 2; i++)
		e = keys_get(keys, paths[i], &key[i].key, error, sizeof error);
	if (e == ERR_OK)
		e = signing_start(
		    s, "id", "acme.example", CLASS_BULK, key, 2, m, &g, error, sizeof error);
	if (e == ERR_OK)
		e = feed(g, m, make_body(body));
	if (e == ERR_OK)
		e = signing_finish(g, m->arena, out, &n, error, sizeof error);
	if (e == ERR_OK && n != 2)
		e = ERR_CRYPTO;
	if (e != ERR_OK)
		fprintf(stderr, "not signed: %s: %s\n", err_text(e), error);
	signing_free(&g);
	key_unref(&key[0].key);
	key_unref(&key[1].key);
	message_free(&m);
	return e;
}

static long resident(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%*s %ld", &pages) != 1)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv)
{
	struct signer *s = NULL;
	struct keys *keys = NULL;
	uint64_t count = 0, samples = 0;
	int status = 1;

	if (argc != 6 || !span_u64(span_cstr(argv[1]), &count) ||
	    !span_u64(span_cstr(argv[2]), &samples) || !span_u64(span_cstr(argv[3]), &state) ||
	    samples < 2) {
		fprintf(stderr, "usage: signatures COUNT SAMPLES SEED RSA.pem ED25519.pem\n");
		return 64;
	}
	state = state * 2654435761u + 1;
	if (!signer_cache_works()) {
		fprintf(stderr, "parsed keys do not reach libopendkim\n");
		return 1;
	}
	s = signer_new(604800, true);
	keys = keys_new(geteuid(), getegid(), false);
	if (s == NULL || keys == NULL)
		goto out;
	for (uint64_t i = 1, next = 1; i <= count; i++) {
		if (sign_one(s, keys, argv + 4) != ERR_OK)
			goto out;
		if (i < next * count / samples)
			continue;
		printf(
		    "%llu %ld %zu\n", (unsigned long long)i, resident(), mallinfo2().uordblks);
		fflush(stdout);
		next++;
	}
	status = 0;
out:
	signer_free(&s);
	keys_free(&keys);
	return status;
}
