/* cmd_events - "events show": the event log as penguin-policyd reads it to us. */
#include "commands.h"
#include "control_wire.h"

#define REQUEST_MAX 65536

int cmd_events_show(struct ctl *ctl, const struct grammar_match *match)
{
	static const char *const filters[] = { "tenant", "kind", "since" };
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct report *report = report_new();
	int status = EX_OSERR;

	if (report == NULL)
		goto out;
	client_begin(&request, CONTROL_EVENTS);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		attr_put(&request, filters[i], span_cstr(grammar_value(match, filters[i])));
	status = ctl_list(ctl, &request, report, "events");
	if (status == EX_OK)
		status = ctl_print(ctl, &report);
out:
	report_free(&report);
	buf_free(&request);
	return status;
}
