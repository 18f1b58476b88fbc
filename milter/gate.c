/* gate - may this bulk message leave? Knows no rules and no modes. */
#include "gate.h"
#include "dkim_field.h"
#include "links.h"

static size_t count_fields(const struct message *m, const char *name)
{
	size_t n = 0;

	for (size_t at = 0; message_find_header(m, span_cstr(name), at, &at) != NULL; at++)
		n++;
	return n;
}

static bool is_one_click(const struct message *m)
{
	const struct header *h = message_find_header(m, SPAN(LIST_UNSUBSCRIBE_POST), 0, NULL);

	return h != NULL && (span_eq(h->value, SPAN(" " LIST_ONE_CLICK)) ||
				span_eq(h->value, SPAN(LIST_ONE_CLICK)));
}

/* A URI at the tracking host is a token of ours or worth nothing; what a URI at another host of the
 * tenant names cannot be seen (L04). */
static bool names_recipient(const struct gate *g, struct span uri)
{
	char host[DOMAIN_MAX];

	if (g->list == NULL)
		return true;
	return links_host(uri, host) &&
	       (!span_eq(span_cstr(host), g->list->host) || list_is_current(g->list, uri));
}

/* Named more often than it is there: covered, and none can be added (RFC 6376 section 5.4.2). */
static bool is_oversigned(const struct gate *g, struct span signature, const char *name)
{
	struct span names;

	return dkim_field_tag(signature, 'h', &names) &&
	       dkim_field_count_name(names, span_cstr(name)) > count_fields(g->final, name);
}

const char *gate_judge(const struct gate *g)
{
	struct list_survey s;

	list_look(g->final, g->snapshot, g->tenant, &s);
	if (s.fields != 1)
		return "not exactly one List-Unsubscribe";
	if (s.https != 1 || !s.clean)
		return "List-Unsubscribe without exactly one https URI";
	if (s.foreign > 0)
		return "List-Unsubscribe leads to a host that is not the sender's";
	if (!names_recipient(g, s.uri))
		return "List-Unsubscribe does not name this recipient";
	if (count_fields(g->final, LIST_UNSUBSCRIBE_POST) != 1 || !is_one_click(g->final))
		return "no List-Unsubscribe-Post that says " LIST_ONE_CLICK;
	if (g->signature_count == 0)
		return "no signature";
	for (size_t i = 0; i < g->signature_count; i++)
		if (!is_oversigned(g, g->signatures[i].value, LIST_UNSUBSCRIBE) ||
		    !is_oversigned(g, g->signatures[i].value, LIST_UNSUBSCRIBE_POST))
			return "the signature does not cover the unsubscribe fields";
	return NULL;
}
