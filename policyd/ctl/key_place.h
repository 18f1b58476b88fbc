/* key_place.h - where private keys of a domain lie, made when it is not there: below milter.keys,
 * or in a directory that is given. As root, what is put there is penguin-milter's. */
#ifndef KEY_PLACE_H
#define KEY_PLACE_H

#include <sys/types.h>

#include "ctl.h"

struct key_place {
	char path[2048]; /* of the directory */
	int fd;          /* the caller's to close; -1: not open */
	uid_t owner;
	gid_t group;
	bool below_keys; /* below milter.keys: the configuration may name it relatively */
};

/* directory NULL: below milter.keys. A status; what went wrong was said. */
int key_place_open(
    struct ctl *ctl, const char *domain, const char *directory, struct key_place *p) CHECKED;

#endif
