/* content_footer - what the footer of a message is made of: the tenant's facts, the ways out of its
 * List-Unsubscribe, the laws of its recipients. Knows no rule and no body. */
#include "content_footer.h"
#include "addr.h"
#include "mail.h"

/* Its own unsubscribe URI leads to a page where a reader can choose, too. */
static enum err put_choice(struct mail *mail, struct content_footer *w)
{
	struct buf uri = BUF_INIT(LIST_VALUE_MAX);
	struct span *choice = &w->facts.preferences;

	buf_printf(&uri, "%.*s/choose", SPAN_ARG(mail->content.list.own_uri));
	*choice = span_make(arena_dup(mail->message->arena, buf_span(&uri)), uri.n);
	buf_free(&uri);
	return choice->p != NULL ? ERR_OK : ERR_NOMEM;
}

static unsigned demands_of(const struct mail *mail)
{
	const struct message *m = mail->message;
	unsigned demands = 0;

	for (size_t i = 0; i < m->recipient_count; i++) {
		struct addr addr;
		struct span domain =
		    addr_split(m->recipients[i], &addr) == ERR_OK ? addr.domain : SPAN("");

		demands |= law_demands(mail->stream->law, domain);
	}
	return demands;
}

/* What the texts say of what laws ask for. */
enum err content_footer_look(
    struct mail *mail, const struct rewrite *r, struct content_footer *w)
{
	const struct generation *g = mail->generation;
	struct footer_facts *facts = &w->facts;
	struct comply *c = &mail->comply;
	const struct header *h =
	    message_find_header(&c->draft, SPAN(LIST_UNSUBSCRIBE), 0, NULL);
	struct span rest = h != NULL ? h->value : SPAN("");
	enum err e = ERR_OK;

	if (mail->class != CLASS_BULK || g->footer_texts == NULL)
		return ERR_OK;
	footer_facts_of(
	    snapshot_tenant(g->snapshot, mail->tenant), mail->stream, g->footer_texts, facts);
	facts->host = mail->content.host;
	facts->listed = w->ways;
	while (facts->listed_count < LIST_URIS_MAX &&
	       list_next_uri(&rest, &w->ways[facts->listed_count]))
		facts->listed_count++;
	if (mail->content.lists && mail->content.list.own_uri.n > 0)
		facts->unsubscribe = mail->content.list.own_uri;
	else if (facts->listed_count > 0)
		facts->unsubscribe = w->ways[0];
	if (facts->preferences.n == 0 && mail->content.lists &&
	    mail->content.list.own_uri.n > 0)
		e = put_choice(mail, w);
	if (e == ERR_OK)
		e = footer_look(mail->message->arena, r, facts, &w->footer);
	if (e == ERR_OK) {
		c->footer = &w->footer;
		c->demands = demands_of(mail);
		c->may_edit = !mail->content.presigned;
	}
	return e;
}

enum err content_footer_add(struct mail *mail, struct rewrite *r, struct content_footer *w)
{
	unsigned items = comply_footer_items(&mail->comply);

	return items != 0 ? footer_add(r, &w->facts, items, &w->footer) : ERR_OK;
}
