/* author - header authors against a tenant's domains. Knows neither SMTP replies nor keys. */
#include "author.h"
#include "mailbox.h"

struct check {
	const struct snapshot *snapshot;
	size_t tenant;
	const struct message *message;
	struct author *author;
};

/* Writes the canonical form of a mailbox's domain; what has none is shown as it was written. */
static bool domain_of(const struct mailbox *mailbox, char domain[DOMAIN_MAX])
{
	if (domain_canonical(mailbox->domain, domain) == ERR_OK)
		return true;
	if (!span_copy(span_head(mailbox->domain, DOMAIN_MAX - 1), domain, DOMAIN_MAX))
		domain[0] = '\0';
	return false;
}

static bool is_owned(const struct check *c, const struct mailbox *mailbox)
{
	char domain[DOMAIN_MAX];

	if (domain_of(mailbox, domain) &&
	    snapshot_find_domain(c->snapshot, span_cstr(domain), NULL) == c->tenant)
		return true;
	memcpy(c->author->foreign, domain, sizeof domain);
	return false;
}

/* A stream's list names domains of the tenant; each stands for what it owns. */
static bool stream_allows(
    const struct check *c, const struct stream *stream, struct span domain)
{
	const struct tenant_domain *owner = NULL;

	if (stream->domains == NULL)
		return true;
	if (snapshot_find_domain(c->snapshot, domain, &owner) != c->tenant || owner == NULL)
		return false;
	for (size_t i = 0; stream->domains[i] != NULL; i++)
		if (span_eq(span_cstr(stream->domains[i]), domain) ||
		    span_eq(span_cstr(stream->domains[i]), span_cstr(owner->name)))
			return true;
	return false;
}

static enum author_fault find_from(const struct message *m, struct mailbox *mailbox_r)
{
	struct mailbox_list list;
	const struct header *h;
	size_t at;

	h = message_find_header(m, SPAN("From"), 0, &at);
	if (h == NULL)
		return AUTHOR_FROM_MISSING;
	if (message_find_header(m, SPAN("From"), at + 1, NULL) != NULL)
		return AUTHOR_FROM_TWICE;
	switch (mailbox_parse_list(h->value, &list)) {
	case ERR_OK: break;
	case ERR_TOOBIG: return AUTHOR_FROM_SEVERAL;
	default: return AUTHOR_FROM_SYNTAX;
	}
	if (list.count != 1 || list.has_group)
		return AUTHOR_FROM_SEVERAL;
	*mailbox_r = list.at[0];
	return AUTHOR_FINE;
}

static enum author_fault check_from(const struct check *c, const struct stream *stream)
{
	struct mailbox mailbox;
	enum author_fault fault = find_from(c->message, &mailbox);

	if (fault != AUTHOR_FINE)
		return fault;
	if (!is_owned(c, &mailbox))
		return AUTHOR_FROM_FOREIGN;
	/* is_owned has just canonicalised it. */
	if (!domain_of(&mailbox, c->author->from))
		return AUTHOR_FROM_FOREIGN;
	if (!stream_allows(c, stream, span_cstr(c->author->from))) {
		memcpy(c->author->foreign, c->author->from, DOMAIN_MAX);
		return AUTHOR_FROM_STREAM;
	}
	return AUTHOR_FINE;
}

/* Every mailbox of every field of that name must be the tenant's. */
static enum author_fault check_field(const struct check *c, struct span name, size_t most,
    enum author_fault syntax, enum author_fault foreign)
{
	struct mailbox_list list;
	const struct header *h;

	for (size_t at = 0; (h = message_find_header(c->message, name, at, &at)) != NULL;
	     at++) {
		if (mailbox_parse_list(h->value, &list) != ERR_OK || list.count > most)
			return syntax;
		for (size_t i = 0; i < list.count; i++)
			if (!is_owned(c, &list.at[i]))
				return foreign;
	}
	return AUTHOR_FINE;
}

static enum author_fault check_reply_to(const struct check *c, enum reply_to_rule rule)
{
	enum author_fault fault;

	if (rule == REPLY_TO_ANY)
		return AUTHOR_FINE;
	fault = check_field(
	    c, SPAN("Reply-To"), MAILBOX_MAX, AUTHOR_REPLY_TO_SYNTAX, AUTHOR_REPLY_TO_FOREIGN);
	return rule == REPLY_TO_OWN ? fault : AUTHOR_FINE;
}

void author_check(const struct snapshot *s, size_t tenant, const struct stream *stream,
    const struct message *m, struct author *author_r)
{
	const struct check c = { s, tenant, m, author_r };

	*author_r = (struct author){ .fault = AUTHOR_FINE };
	author_r->fault = check_from(&c, stream);
	if (author_r->fault == AUTHOR_FINE)
		author_r->fault = check_field(
		    &c, SPAN("Sender"), 1, AUTHOR_SENDER_SYNTAX, AUTHOR_SENDER_FOREIGN);
	if (author_r->fault == AUTHOR_FINE)
		author_r->fault = check_field(&c, SPAN("Resent-From"), MAILBOX_MAX,
		    AUTHOR_RESENT_SYNTAX, AUTHOR_RESENT_FOREIGN);
	if (author_r->fault == AUTHOR_FINE)
		author_r->fault = check_field(
		    &c, SPAN("Resent-Sender"), 1, AUTHOR_RESENT_SYNTAX, AUTHOR_RESENT_FOREIGN);
	if (author_r->fault == AUTHOR_FINE)
		author_r->fault = check_reply_to(&c, snapshot_tenant(s, tenant)->reply_to);
}

bool author_from_domain(const struct message *m, char domain[DOMAIN_MAX])
{
	struct mailbox mailbox;

	return find_from(m, &mailbox) == AUTHOR_FINE &&
	       domain_canonical(mailbox.domain, domain) == ERR_OK;
}
