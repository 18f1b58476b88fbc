/* request.h - a policy request as a struct: attributes to fields, validated. Names and states are
 * those of Postfix's SMTPD_POLICY_README. Pure. */
#ifndef REQUEST_H
#define REQUEST_H

#include "attr.h"
#include "base.h"
#include "span.h"

enum protocol_state {
	STATE_CONNECT,
	STATE_EHLO,
	STATE_HELO,
	STATE_MAIL,
	STATE_RCPT,
	STATE_DATA,
	STATE_END_OF_MESSAGE,
	STATE_VRFY,
	STATE_ETRN,
	STATE_XCLIENT,
	STATE_OTHER, /* a state of a newer Postfix: nothing of ours depends on it */
};

struct policy_request {
	enum protocol_state state;
	struct span instance, queue_id, sender, recipient, login;
	struct span client_address, context;
	uint16_t server_port; /* 0: not given */
	uint32_t recipient_count;
	uint64_t size; /* octets */
};

/* NULL, or what is wrong, as a sentence for the log. The spans point into the attributes. */
const char *request_read(
    const struct attr_request *attributes, struct policy_request *request_r);

#endif
