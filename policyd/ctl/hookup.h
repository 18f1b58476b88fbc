/* hookup.h - what attaches us to Postfix: which parameters, where in which list, and how to take
 * our part out again. Works on the texts of main.cf and master.cf; reads and writes no file. */
#ifndef HOOKUP_H
#define HOOKUP_H

#include "arena.h"
#include "base.h"
#include "buf.h"
#include "err.h"
#include "postconf.h"
#include "settings.h"
#include "span.h"

struct hookup_names {
	struct span milter, policy;   /* sockets as Postfix names them: "unix:..", "inet:.." */
	struct span routes;           /* the same; needed for the split */
	struct span split;            /* "127.0.0.1:10027"; empty: no split is asked for */
	struct span returns;          /* user that reads reports; empty: none are read */
	struct span returns_command;  /* the program that does, with its options */
	const struct source *sources; /* what mail leaves from: a transport for each */
	size_t source_count;
};

/* One parameter that differs from the text before. */
struct hookup_change {
	struct span service; /* "submission/inet", or empty: main.cf */
	struct span name;
	struct span value; /* new, on one line */
	bool removed;      /* the definition is gone */
	struct hookup_change *next;
};

struct hookup {
	struct arena *arena;
	struct buf main, master;       /* the new texts */
	struct hookup_change *changes; /* in the order made */
	struct hookup_change **last;
	bool failed; /* out of memory */
};

enum err hookup_init(struct hookup *h, struct span main, struct span master) CHECKED;
void hookup_deinit(struct hookup *h); /* also of a zeroed one */

/* Adds what is missing. defaults: lines "name = value" as postconf -d prints them, for values that
 * the text does not set. Doing it again changes nothing. The milter is appended to
 * smtpd_milters and non_smtpd_milters, the policy service put first in
 * smtpd_recipient_restrictions and smtpd_end_of_data_restrictions, in main.cf and where a
 * submission service of master.cf overrides them (SMTPD_POLICY_README, MILTER_README). */
enum err hookup_attach(
    struct hookup *h, const struct hookup_names *names, struct span defaults) CHECKED;

/* Does somebody of them ask routes? */
bool hookup_needs_routes(const struct hookup_names *names);

/* With names->split also what makes copies for single recipients: the services penguin-split and an
 * smtpd at that address. With names->sources a transport for each (SOURCE_TRANSPORT). With
 * names->returns the transport RETURNS_TRANSPORT. With any of them the service penguin-rewrite,
 * and routes at the end of sender_dependent_default_transport_maps and of transport_maps. */

/* Takes our part out, the split too. before_main and before_master: the texts before we were
 * attached, or empty when they are not known: then only list elements go, single values stay. */
enum err hookup_detach(struct hookup *h, const struct hookup_names *names,
    struct span before_main, struct span before_master, struct span defaults) CHECKED;

/* A parameter of one value that we set, for attaching and inspecting. */
struct hookup_scalar {
	const char *name, *wanted;
	const char *if_known; /* only when Postfix knows this parameter; NULL: always */
	const char *why;
};
extern const struct hookup_scalar hookup_scalars[]; /* ends with name NULL */

/* The name that Postfix uses for a socket of ours: relative unix names stay relative. */
void hookup_socket_name(struct span configured, struct buf *out);

/* Our element in a list, if it is there. */
bool hookup_find_milter(struct span value, struct span milter, struct span *element_r);
/* From "check_policy_service" to the end of its argument. */
bool hookup_find_policy(
    struct span value, struct span policy, struct span *first_r, struct span *last_r);

/* A value "name" within "{ socket, name = value, { name = value } }"; empty when absent. */
struct span hookup_setting(struct span element, struct span name);

/* ---- the split ---- */

#define HOOKUP_SPLIT_MARK   "milter_macro_daemon_name"
#define HOOKUP_SPLIT_DAEMON "PENGUIN-SPLIT"

/* The smtpd that takes copies for single recipients. */
bool hookup_is_split(struct span master, const struct master_service *service);
/* Another service has the port. */
bool hookup_split_conflict(
    struct span master, struct span split, struct master_service *service_r);
/* The lists of tables that routes is the last element of, and that element. */
enum hookup_list { HOOKUP_SENDERS, HOOKUP_RECIPIENTS, HOOKUP_LISTS };
const char *hookup_list_name(enum hookup_list which);
void hookup_list_element(
    const struct hookup_names *names, enum hookup_list which, struct buf *out);

/* ---- sources ---- */

/* What the transport of a source must say. */
#define HOOKUP_SOURCE_OPTIONS 10u
struct hookup_source_option {
	const char *name;
	char value[640]; /* empty: must not be set */
	bool keep;       /* what the administrator has set instead is as good */
};
void hookup_source_options(const struct source *source, bool can_enforce,
    struct hookup_source_option options_r[HOOKUP_SOURCE_OPTIONS]);
/* smtp_bind_address_enforce came with Postfix 3.7. */
bool hookup_can_enforce(struct span defaults);

/* An smtpd that authenticated clients submit to: by name, port, SASL or wrapper mode. */
bool hookup_is_submission(struct span master, const struct master_service *service);

#endif
