/* fuzz_sign - any bytes as header fields and body, signed and then verified by libopendkim's other
 * half. Input: an octet that says how to cut the body into chunks, fields as "Name:value" separated
 * by NUL, an empty one, the body. Oracles: what is signed verifies; a line added to the body, or a
 * second From, breaks it. */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>

#include <opendkim/dkim.h>

#include "keys.h"
#include "message.h"
#include "sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static struct {
	struct signer *signer;
	struct key *rsa;
	char record[1024];
	DKIM_LIB *verifier;
} lab;

static DKIM_CBSTAT find_record(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char *out, size_t size)
{
	(void)dkim;
	(void)sig;
	MUST(span_copy(span_cstr(lab.record), (char *)out, size));
	return DKIM_CBSTAT_CONTINUE;
}

static void open_lab(void)
{
	unsigned char *der = NULL, text[sizeof lab.record - 32];
	int n;

	if (lab.signer != NULL)
		return;
	lab.signer = signer_new(0, true);
	lab.verifier = dkim_init(NULL, NULL);
	MUST(lab.signer != NULL && lab.verifier != NULL);
	MUST(key_generate(1024, false, &lab.rsa) == ERR_OK);
	n = i2d_PUBKEY(key_pkey(lab.rsa), &der);
	MUST(n > 0 && EVP_EncodeBlock(text, der, n) > 0);
	OPENSSL_free(der);
	snprintf(lab.record, sizeof lab.record, "v=DKIM1; k=rsa; p=%s", (char *)text);
	MUST(dkim_set_key_lookup(lab.verifier, find_record) == DKIM_STAT_OK);
}

static void feed(DKIM *d, struct span name, struct span value)
{
	struct buf field = BUF_INIT(1 << 18);

	buf_add_span(&field, name);
	buf_add_char(&field, ':');
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\n')
			buf_add_char(&field, '\r');
		buf_add_char(&field, value.p[i]);
	}
	MUST(dkim_header(d, (unsigned char *)field.p, field.n) == DKIM_STAT_OK);
	buf_free(&field);
}

static bool verifies(const struct message *m, struct span signature, struct span body,
    bool second_from, bool longer)
{
	DKIM_STAT status;
	DKIM *d = dkim_verify(lab.verifier, (const unsigned char *)"id", NULL, &status);
	bool good;

	MUST(d != NULL);
	feed(d, SPAN("DKIM-Signature"), signature);
	if (second_from)
		feed(d, SPAN("From"), SPAN(" b@acme.example"));
	/* The verifying half takes no ';' in a name and reads what claims to be a signature. */
	for (size_t i = 0; i < m->header_count; i++)
		if (!span_eq_nocase(m->headers[i].name, SPAN("DKIM-Signature")) &&
		    memchr(m->headers[i].name.p, ';', m->headers[i].name.n) == NULL)
			feed(d, m->headers[i].name, m->headers[i].value);
	good = dkim_eoh(d) == DKIM_STAT_OK;
	if (good && body.n > 0)
		good = dkim_body(d, (unsigned char *)(uintptr_t)body.p, body.n) == DKIM_STAT_OK;
	if (good && longer)
		good = dkim_body(d, (unsigned char *)(uintptr_t) "x\r\n", 3) == DKIM_STAT_OK;
	good = good && dkim_eom(d, NULL) == DKIM_STAT_OK;
	dkim_free(d);
	return good;
}

static void sign_and_verify(struct message *m, struct span body, size_t cut)
{
	const struct signing_key key = { "s", lab.rsa };
	struct signature out[SIGN_KEYS_MAX];
	struct signing *g = NULL;
	char error[256];
	size_t n;

	if (signing_start(lab.signer, "id", "acme.example", CLASS_BULK, &key, 1, m, &g, error,
		sizeof error) != ERR_OK)
		return;
	for (size_t at = 0; at < body.n; at += cut) {
		struct span chunk = span_head(span_from(body, at), cut);

		message_scan_body(m, chunk);
		if (m->fault == MESSAGE_FINE)
			MUST(signing_body(g, chunk) == ERR_OK);
	}
	message_end_body(m);
	if (m->fault == MESSAGE_FINE) {
		MUST(signing_finish(g, m->arena, out, &n, error, sizeof error) == ERR_OK &&
		     n == 1);
		MUST(verifies(m, out[0].value, body, false, false));
		MUST(!verifies(m, out[0].value, body, true, false));
		MUST(!verifies(m, out[0].value, body, false, true));
	}
	signing_free(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size }, field;
	struct message *m = message_new(SPAN(""), SPAN(""), SPAN(""));
	size_t cut = 1;

	MUST(m != NULL);
	open_lab();
	if (size > 0) {
		cut = (size_t)data[0] + 1;
		rest = span_from(rest, 1);
	}
	message_add_header(m, SPAN("From"), SPAN(" a@acme.example"));
	while (span_next(&rest, '\0', &field) && field.n > 0) {
		size_t colon = span_find(field, ':', 0);

		/* A second From is refused before anything is signed. */
		if (!span_eq_nocase(span_trim(span_head(field, colon)), SPAN("From")))
			message_add_header(
			    m, span_head(field, colon), span_from(field, colon + 1));
	}
	if (m->fault == MESSAGE_FINE)
		sign_and_verify(m, rest, cut);
	message_free(&m);
	return 0;
}
