/* dns_tools - what commands about DNS have in common: keys of ours as records, and the resolver. */
#include "dns_tools.h"
#include "file.h"
#include "genkey.h"

#define KEY_OCTETS_MAX 16384

void dns_public_key_read(const char *path, struct arena *arena, struct dns_public_key *key_r)
{
	struct buf pem = BUF_INIT(KEY_OCTETS_MAX), record = BUF_INIT(KEY_OCTETS_MAX);
	enum genkey_type type = GENKEY_RSA;
	unsigned bits = 0;
	enum err e = file_read(path, &pem);
	char text[4300];

	*key_r = (struct dns_public_key){ .type = "rsa" };
	if (e == ERR_OK)
		e = genkey_public(buf_span(&pem), &type, &bits, &record);
	if (e == ERR_OK) {
		const char *p = arena_dup(arena, buf_span(&record));

		key_r->type = type == GENKEY_RSA ? "rsa" : "ed25519";
		key_r->record = span_cstr(p);
		e = p != NULL ? ERR_OK : ERR_NOMEM;
	}
	if (e != ERR_OK) {
		(void)snprintf(text, sizeof text, "%s: %s%s", path, err_text(e),
		    e == ERR_DENIED ? "; root can read it" : "");
		key_r->problem = arena_dup(arena, span_cstr(text));
		if (key_r->problem == NULL)
			key_r->problem = err_text(ERR_NOMEM);
	}
	genkey_wipe(&pem);
	buf_free(&record);
}

static bool read_number(
    const struct grammar_match *match, const char *option, uint64_t most, uint64_t *number_io)
{
	const char *text = grammar_value(match, option);

	if (text == NULL)
		return true;
	if (span_u64(span_cstr(text), number_io) && *number_io > 0 && *number_io <= most)
		return true;
	ctl_error("--%s wants a number from 1 to %llu", option, (unsigned long long)most);
	return false;
}

int dns_resolver_open(const struct grammar_match *match, struct dns **dns_r)
{
	uint64_t port = 53, timeout_ms = 2000;
	char error[256];
	enum err e;

	if (!read_number(match, "authority-port", UINT16_MAX, &port) ||
	    !read_number(match, "timeout", 60000, &timeout_ms))
		return EX_USAGE;
	e = dns_open(&(struct dns_options){ .server = grammar_value(match, "server"),
			 .authority_port = (uint16_t)port,
			 .timeout_ms = (int)timeout_ms },
	    dns_r, error, sizeof error);
	if (e == ERR_OK)
		return EX_OK;
	ctl_error("%s", error);
	return e == ERR_SYNTAX ? EX_USAGE : EX_OSERR;
}
