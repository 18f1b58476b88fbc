/* request - attributes of a policy request, checked and named. Knows no answers. */
#include "request.h"

#define INSTANCE_MAX   128u /* octets; Postfix sends about 30 */
#define RECIPIENTS_MAX 1000000u

static const struct {
	struct span word;
	enum protocol_state state;
} states[] = {
	{ SPAN("CONNECT"), STATE_CONNECT },
	{ SPAN("EHLO"), STATE_EHLO },
	{ SPAN("HELO"), STATE_HELO },
	{ SPAN("MAIL"), STATE_MAIL },
	{ SPAN("RCPT"), STATE_RCPT },
	{ SPAN("DATA"), STATE_DATA },
	{ SPAN("END-OF-MESSAGE"), STATE_END_OF_MESSAGE },
	{ SPAN("VRFY"), STATE_VRFY },
	{ SPAN("ETRN"), STATE_ETRN },
	{ SPAN("XCLIENT"), STATE_XCLIENT },
};

static enum protocol_state find_state(struct span word)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (span_eq(states[i].word, word))
			return states[i].state;
	return STATE_OTHER;
}

/* Empty counts as 0: Postfix leaves out what it does not know. */
static bool read_number(struct span s, uint64_t most, uint64_t *value_r)
{
	*value_r = 0;
	if (s.n == 0)
		return true;
	return span_u64(s, value_r) && *value_r <= most;
}

const char *request_read(
    const struct attr_request *attributes, struct policy_request *request_r)
{
	struct policy_request *r = request_r;
	struct span type = { NULL, 0 }, state = type, count = type, size = type, port = type;
	uint64_t number;
	const struct {
		struct span name;
		struct span *field;
	} fields[] = {
		{ SPAN("request"), &type },
		{ SPAN("protocol_state"), &state },
		{ SPAN("instance"), &r->instance },
		{ SPAN("queue_id"), &r->queue_id },
		{ SPAN("sender"), &r->sender },
		{ SPAN("recipient"), &r->recipient },
		{ SPAN("recipient_count"), &count },
		{ SPAN("size"), &size },
		{ SPAN("sasl_username"), &r->login },
		{ SPAN("client_address"), &r->client_address },
		{ SPAN("server_port"), &port },
		{ SPAN("policy_context"), &r->context },
	};

	*r = (struct policy_request){ .state = STATE_OTHER };
	/* The first of a name twice counts, for every check alike. */
	for (size_t i = 0; i < attributes->count; i++) {
		const struct attr *a = &attributes->at[i];

		for (size_t k = 0; k < ARRAY_SIZE(fields); k++)
			if (a->name.n == fields[k].name.n && fields[k].field->p == NULL &&
			    span_eq(a->name, fields[k].name)) {
				*fields[k].field = a->value;
				break;
			}
	}
	if (!span_eq(type, SPAN("smtpd_access_policy")))
		return "request is not smtpd_access_policy";
	if (state.n == 0)
		return "no protocol_state";
	r->state = find_state(state);
	if (!read_number(count, RECIPIENTS_MAX, &number))
		return "recipient_count is not a number, or too large";
	r->recipient_count = (uint32_t)number;
	if (!read_number(size, INT64_MAX, &r->size))
		return "size is not a number, or too large";
	if (!read_number(port, UINT16_MAX, &number))
		return "server_port is not a port";
	r->server_port = (uint16_t)number;
	if (r->instance.n > INSTANCE_MAX)
		return "instance is too long";
	if (r->state != STATE_RCPT && r->state != STATE_END_OF_MESSAGE)
		return NULL;
	if (r->instance.n == 0)
		return "no instance";
	if (r->state == STATE_RCPT && r->recipient.n == 0)
		return "no recipient";
	return NULL;
}
