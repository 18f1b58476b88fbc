/* split.h - messages whose copies differ, one copy a recipient made by Postfix itself.
 *
 * Pass 1 (all recipients): every refusal is made and every charge taken; nothing is edited, but the
 * envelope sender becomes a return path whose token says that copies are still to be made. Postfix
 * (sender_dependent_default_transport_maps) sends such mail to a smtpd of its own, one recipient at
 * a time. Pass 2 (there): the token is checked, the envelope sender is put back, the copy is edited
 * and signed.
 *
 * What pass 2 must know and no local part has room for travels in one header field that only a
 * holder of the keys can make, and that never leaves. */
#ifndef SPLIT_H
#define SPLIT_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "settings.h"
#include "span.h"
#include "token_payload.h"

#define SPLIT_DAEMON "PENGUIN-SPLIT" /* {daemon_name} of that smtpd */
#define SPLIT_HEADER "X-Penguin-Split"

/* What pass 1 tells pass 2. */
struct split_facts {
	uint64_t message;   /* as in the return path */
	struct span sender; /* of the envelope; may be empty */
	struct span login;
	struct span stream;
};

/* Both take the tenant's keys: of return paths, and (for the field) of unsubscribe tokens, as a
 * return path has no room. penguin-web holds the latter but not the former, so it can make no
 * pass 2. host: the bounce domain. */

/* Whose message a sender announces for pass 2. ERR_NOTFOUND: it is no such return path. *token_r
 * and host (room for DOMAIN_MAX) are filled on success. */
enum err split_get_sender(const struct snapshot *s, const struct token_ring *return_ring,
    struct span sender, size_t *tenant_r, char *host, struct token_return *token_r) CHECKED;

/* Value of the header field, with the blank in front and folded, appended to out. */
enum err split_put_facts(struct token_key *unsubscribe_key, struct span host,
    const struct split_facts *facts, struct buf *out) CHECKED;
/* facts_r points into space. */
enum err split_get_facts(struct token_key *unsubscribe_key, struct span host, struct span value,
    uint8_t space[TOKEN_PAYLOAD_MAX], struct split_facts *facts_r) CHECKED;

#endif
