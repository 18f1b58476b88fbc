/* ctl.h - what every command of penguinctl has at hand: the global options, the configuration
 * when it is needed, the connection to penguin-policyd, and one way to say things. */
#ifndef CTL_H
#define CTL_H

#include <sysexits.h>

#include "attr.h"
#include "base.h"
#include "buf.h"
#include "client.h"
#include "grammar.h"
#include "report.h"
#include "settings.h"

struct ctl {
	const char *config_file;
	const char *socket; /* NULL: what the configuration says */
	struct report_style style;
	bool quiet, verbose, progress;
	struct snapshot *snapshot; /* NULL until ctl_load */
	struct snapshot *provider; /* without tenants; NULL until ctl_load_provider */
	struct client *client;     /* NULL until the first request */
	unsigned left_out;         /* errors of what was loaded all the same: broken tenants */
};

/* The table of all commands. */
extern const struct grammar ctl_grammar;

/* Reads the options of every command. False after a mistake that was said. */
bool ctl_init(struct ctl *ctl, const struct grammar_match *match);
void ctl_deinit(struct ctl *ctl);

/* "penguinctl: text" on stderr; notes are silent with -q. */
void ctl_error(const char *format, ...) PRINTF_LIKE(1, 2);
void ctl_note(const struct ctl *ctl, const char *format, ...) PRINTF_LIKE(2, 3);

/* Loads the configuration once. EX_OK, or EX_CONFIG after printing every error. */
int ctl_load(struct ctl *ctl) CHECKED;
/* The same without any tenant: quick, however many there are. */
int ctl_load_provider(struct ctl *ctl) CHECKED;
/* Only after one of the two. */
const struct provider *ctl_provider(const struct ctl *ctl);

/* Connects once. EX_OK, or the status of a failure that was said. */
int ctl_connect(struct ctl *ctl) CHECKED;

#define CTL_TIMEOUT_S 30

/* Sends request (client_begin, attr_put) and waits for its reply. EX_OK, or the status that
 * stands for the failure, which was said. A reply with status=error counts as one. */
int ctl_call(struct ctl *ctl, struct buf *request, int64_t timeout_s,
    const struct client_tick *tick, struct attr_request *reply_r) CHECKED;
/* The same judgement for a reply that came another way. */
int ctl_judge(const struct attr_request *reply) CHECKED;
/* Says what a failed send or receive was and gives the status for it. */
int ctl_trouble(enum err e) CHECKED;

/* Sends request again and again ("from=") until the list is complete; rows go to a new table of
 * that name whose columns the reply names. */
int ctl_list(struct ctl *ctl, struct buf *request, struct report *report,
    const char *table_name) CHECKED;
/* The same as a report of that one table, printed. */
int ctl_print_list(struct ctl *ctl, struct buf *request, const char *table_name) CHECKED;
/* Names the columns of a new table as the reply does. */
void ctl_columns(struct report_table *table, const struct attr_request *reply);
/* The rows of one reply; table may hold columns already. */
void ctl_rows(struct report_table *table, const struct attr_request *reply);
/* The attributes of a reply that are neither framing nor rows, as fields. */
void ctl_fields(struct report *report, const struct attr_request *reply);

/* Is this the attribute "PREFIX.NUMBER"? */
bool ctl_numbered(struct span name, const char *prefix);

/* Prints the report to stdout and frees it. EX_OK, EX_IOERR or EX_OSERR. */
int ctl_print(struct ctl *ctl, struct report **report) CHECKED;

#endif
