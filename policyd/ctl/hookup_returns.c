/* hookup_returns - the transport that gives reports to "penguinctl ingest" (pipe(8)). */
#include "hookup_edit.h"

static const char recipient_limit[] = RETURNS_TRANSPORT "_destination_recipient_limit";

#define TRANSPORT_NAME SPAN(RETURNS_TRANSPORT)

/* One recipient at a time: an exit status is about one. Few at once: they read hostile text. */
void hookup_attach_returns(struct hookup *h, const struct hookup_names *names)
{
	struct buf text = BUF_INIT(8192);

	buf_printf(&text,
	    "%s unix - n n - 4 pipe\n    user=%.*s argv=%.*s ingest ${recipient}\n",
	    RETURNS_TRANSPORT, SPAN_ARG(names->returns), SPAN_ARG(names->returns_command));
	h->failed = h->failed || !buf_ok(&text);
	if (!hookup_has_service(h, TRANSPORT_NAME, SPAN("unix")))
		hookup_append_service(h, TRANSPORT_NAME, buf_span(&text));
	if (!span_eq(
		hookup_value_in(buf_span(&h->main), span_cstr(recipient_limit)), SPAN("1")))
		hookup_set_main(h, span_cstr(recipient_limit), SPAN("1"));
	buf_free(&text);
}

void hookup_detach_returns(struct hookup *h, struct span before_main)
{
	struct postconf_parameter p;

	hookup_remove_service(h, TRANSPORT_NAME, SPAN("unix"));
	if (postconf_find(buf_span(&h->main), span_cstr(recipient_limit), &p) &&
	    !postconf_find(before_main, span_cstr(recipient_limit), &p))
		hookup_remove_main(h, span_cstr(recipient_limit));
}
