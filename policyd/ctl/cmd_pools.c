/* cmd_pools - "source" and "pool": what mail leaves from, who is paused, what was used today. */
#include "commands.h"
#include "control_wire.h"

#define REQUEST_MAX 65536

static int list(struct ctl *ctl, const char *verb, const char *pool)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	int status;

	client_begin(&request, verb);
	if (pool != NULL)
		attr_put(&request, "pool", span_cstr(pool));
	status = ctl_print_list(ctl, &request, "rows");
	buf_free(&request);
	return status;
}

int cmd_source_list(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	return list(ctl, CONTROL_SOURCE_LIST, NULL);
}

int cmd_pool_status(struct ctl *ctl, const struct grammar_match *match)
{
	return list(ctl, CONTROL_POOL_STATUS, grammar_slot(match, 0));
}

/* kind: "source" or "pool". */
static int set_state(struct ctl *ctl, const struct grammar_match *match, const char *verb,
    const char *kind, const char *state)
{
	const char *name = grammar_slot(match, 0);
	struct buf request = BUF_INIT(REQUEST_MAX);
	struct attr_request reply;
	int status;

	client_begin(&request, verb);
	attr_put(&request, kind, span_cstr(name));
	attr_put(&request, "state", span_cstr(state));
	attr_put(&request, "reason", span_cstr(grammar_value(match, "reason")));
	status = ctl_call(ctl, &request, CTL_TIMEOUT_S, NULL, &reply);
	if (status == EX_OK)
		ctl_note(ctl, "%s %s is %s", kind, name, state);
	buf_free(&request);
	return status;
}

int cmd_source_pause(struct ctl *ctl, const struct grammar_match *match)
{
	return set_state(ctl, match, CONTROL_SOURCE_STATE, "source", "paused");
}

int cmd_source_resume(struct ctl *ctl, const struct grammar_match *match)
{
	return set_state(ctl, match, CONTROL_SOURCE_STATE, "source", "active");
}

int cmd_pool_pause(struct ctl *ctl, const struct grammar_match *match)
{
	return set_state(ctl, match, CONTROL_POOL_STATE, "pool", "paused");
}

int cmd_pool_resume(struct ctl *ctl, const struct grammar_match *match)
{
	return set_state(ctl, match, CONTROL_POOL_STATE, "pool", "active");
}
