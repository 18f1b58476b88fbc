/* cmd_brake - "brake": what is paused because of what receivers said. */
#include "commands.h"
#include "control_wire.h"

#define REQUEST_MAX 65536

int cmd_brake_list(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	int status;

	client_begin(&request, CONTROL_BRAKE_LIST);
	status = ctl_print_list(ctl, &request, "brakes");
	buf_free(&request);
	return status;
}

int cmd_brake_release(struct ctl *ctl, const struct grammar_match *match)
{
	const char *scope = grammar_slot(match, 0), *name = grammar_slot(match, 1);
	const char *place = grammar_slot(match, 2);
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	int status;

	client_begin(&request, CONTROL_BRAKE_RELEASE);
	attr_put(&request, "scope", span_cstr(scope));
	attr_put(&request, "subject", span_cstr(name));
	attr_put(&request, "place", span_cstr(place));
	attr_put(&request, "reason", span_cstr(grammar_value(match, "reason")));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	if (status == EX_OK)
		ctl_note(ctl, "%s %s may send to %s again", scope, name, place);
	buf_free(&request);
	return status;
}
