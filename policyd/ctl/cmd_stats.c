/* cmd_stats - "stats": what became of mail, as penguin-policyd adds it up. */
#include "commands.h"
#include "control_wire.h"

#define REQUEST_MAX 65536

int cmd_stats(struct ctl *ctl, const struct grammar_match *match)
{
	static const char *const values[] = { "by", "since", "until", "each" };
	struct buf request = BUF_INIT(REQUEST_MAX);
	int status;

	client_begin(&request, CONTROL_STATS);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		attr_put(&request, values[i], span_cstr(grammar_value(match, values[i])));
	attr_put(&request, "subject", span_cstr(grammar_value(match, "name")));
	attr_put(
	    &request, "providers", grammar_has(match, "providers") ? SPAN("yes") : SPAN("no"));
	attr_put(&request, "all", grammar_has(match, "all") ? SPAN("yes") : SPAN("no"));
	status = ctl_print_list(ctl, &request, "stats");
	buf_free(&request);
	return status;
}
