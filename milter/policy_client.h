/* policy_client.h - the milter's questions to penguin-policyd over the control socket: what was
 * admitted under this queue id, admit this local submission, this message is done. Thread safe: a
 * few connections are kept and lent to one caller at a time. Every call ends by the deadline. */
#ifndef POLICY_CLIENT_H
#define POLICY_CLIENT_H

#include "base.h"
#include "err.h"
#include "net.h"
#include "span.h"

#define POLICY_NAME_MAX 256 /* octets of a tenant's or stream's name, with NUL */
#define POLICY_TEXT_MAX 512

struct policy_client;
struct connection; /* to policyd, with a question under way */

struct assignment {
	bool found;
	char tenant[POLICY_NAME_MAX];
	char stream[POLICY_NAME_MAX];
	uint64_t recipients;          /* charged */
	char source[POLICY_NAME_MAX]; /* that it leaves from; empty: Postfix's own way */
	bool split; /* copies for single recipients are to be made of it (split.h) */
};

enum admission { ADMISSION_ACCEPT, ADMISSION_REFUSE, ADMISSION_TEMPFAIL };

struct admission_answer {
	enum admission verdict;
	char code[8], dsn[16], text[POLICY_TEXT_MAX];
	struct assignment assignment; /* of accepted mail; of held mail if it was charged */
};

struct recipients {
	const struct span *at;
	size_t count;
};

/* timeout_s bounds each call as a whole, a second attempt included. NULL when out of memory. */
struct policy_client *policy_client_new(const struct net_address *address, int64_t timeout_s);
void policy_client_free(struct policy_client **c); /* NULL is fine */

/* All of these: ERR_OK when policyd answered; ERR_TIMEOUT, ERR_CLOSED, ERR_IO and such when it did
 * not; ERR_SYNTAX when the answer makes no sense or says status=error. A connection that turns out
 * to be dead is replaced once, which is safe: policyd charges by queue id. */
enum err policy_client_assign(struct policy_client *c, struct connection **asked_io,
    struct span queue_id, struct span login, struct span client_address,
    struct assignment *assignment_r) CHECKED;
enum err policy_client_admit(struct policy_client *c, struct span queue_id, struct span sender,
    uint64_t octets, struct recipients recipients, struct admission_answer *answer_r) CHECKED;

/* Sends the question of policy_client_assign and does not wait, so that policyd answers while the
 * caller has other work. The result goes into policy_client_assign with the same arguments, which
 * takes it over and sets it to NULL, or to policy_client_forget. NULL: not asked (no kept
 * connection, a busy policyd); policy_client_assign then asks for itself. */
struct connection *policy_client_ask_early(struct policy_client *c, struct span queue_id,
    struct span login, struct span client_address);
/* Nobody waits for that answer any more. NULL is fine; sets *asked to NULL. */
void policy_client_forget(struct policy_client *c, struct connection **asked);

/* Tells the outcome. accepted: false when the message is refused or tempfailed (its charges can go
 * back). The list is sent only when fewer were accepted than charged. The answer to a plain
 * acceptance is not waited for: it is read before the connection's next question. */
enum err policy_client_close(struct policy_client *c, struct span queue_id, bool accepted,
    struct recipients recipients, uint64_t charged) CHECKED;

#endif
