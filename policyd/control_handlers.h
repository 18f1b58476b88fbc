/* control_handlers.h - what the verbs' handlers share, and their names. Inside policyd/control*.c
 * only. A handler fills call->reply and returns CONTROL_DONE, or arranges for control_finish
 * later and returns CONTROL_LATER (then it has copied what it needs of the request). */
#ifndef CONTROL_HANDLERS_H
#define CONTROL_HANDLERS_H

#include "control.h"
#include "control_wire.h"
#include "reply.h"

#define CONTROL_ROWS 100u /* rows, or items, in one message */

enum control_progress { CONTROL_DONE, CONTROL_LATER };

/* A local submission whose recipients come in several requests. */
struct local_submission {
	char queue_id[QUEUE_ID_MAX];
	uint64_t recipients;
	bool suppressed;
};

struct control_session {
	struct control_context *context;
	struct server *server;
	unsigned roles;
	struct ticket *ticket;
	struct buf reply;
	struct local_submission local;
	struct buf accepted;     /* close: uint64_t hashes collected so far */
	struct account *account; /* admit: of the submission under way */
	struct buf kept;         /* what a later answer needs */
	size_t bad;              /* suppress-add: rows that were refused */
};

struct control_call {
	struct control_session *session;
	const struct attr_request *request;
	struct buf *reply;
};

typedef enum control_progress control_handler(struct control_call *call);

/* Starts a reply "status=ok". */
void control_ok(struct buf *reply);
/* Makes the reply an error: a word (ctl's exit status hangs on it) and a sentence. */
void control_error(struct buf *reply, const char *word, const char *format, ...)
    PRINTF_LIKE(3, 4);
void control_error_value(struct buf *reply, enum err e);
/* Sends session->reply; for handlers that said LATER. */
void control_finish(struct control_session *s);

/* The end of such a one: ok, or the error. context: the session. */
void control_stored(void *context, enum err e);

struct span control_get(const struct control_call *call, const char *name);
/* "name.N" */
struct span control_get_item(const struct control_call *call, const char *name, size_t index);
/* Appends "row.N=" with fields joined by tabs; tabs and newlines inside become blanks. */
void control_row(struct buf *reply, size_t index, const struct span *fields, size_t count);

control_handler control_assign, control_admit, control_close_message;
control_handler control_status, control_reload, control_explain;
control_handler control_tenant_list, control_tenant_show, control_tenant_state;
control_handler control_quota_show, control_quota_reset;
control_handler control_suppress_add, control_suppress_remove, control_suppress_check,
    control_suppress_export;
control_handler control_source_list, control_source_state, control_pool_status,
    control_pool_state;
control_handler control_db_backup, control_db_verify;
control_handler control_stats, control_brake_list, control_brake_release;
control_handler control_warmup_list, control_warmup_change, control_returned;
control_handler control_alert_list, control_alert_change;
control_handler control_unsubscribe, control_event, control_metrics, control_events;

/* Candidates of the account's pool into the reply, and what it would say to one recipient: PASS
 * when somebody is ready. Changes nothing. */
enum verdict control_explain_pool(
    struct control_call *call, struct account *a, int64_t now_ns, struct outcome *outcome_r);

#endif
