/* control.h - the control socket: one table of verbs, who may ask them (SO_PEERCRED), and their
 * handlers. The names on the wire are control_wire.h's. */
#ifndef CONTROL_H
#define CONTROL_H

#include "listen.h"
#include "server.h"

/* Who asks. Bits, so that a table row can permit several. */
enum control_role {
	ROLE_ADMIN = 1,   /* root, policyd's own user, uids of policyd.admins */
	ROLE_MILTER = 2,  /* the user of penguin-milter */
	ROLE_WEB = 4,     /* the user of penguin-web */
	ROLE_RETURNS = 8, /* the user that pipe(8) runs "penguinctl ingest" as */
};

struct control_context {
	struct server *server;
	uid_t own_uid, milter_uid, web_uid, returns_uid;
};

/* context: struct control_context */
void *control_open(void *context, uid_t peer_uid);
void control_request(
    void *context, void *session, const struct attr_request *request, struct ticket *ticket);
void control_close(void *context, void *session);

#endif
