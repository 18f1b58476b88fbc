/* glue.h - libmilter on one side, sessions on the other. glue.c is the only file that knows
 * libmilter; its callbacks convert and call. */
#ifndef GLUE_H
#define GLUE_H

#include "base.h"
#include "err.h"
#include "net.h"
#include "shared.h"

/* Registers the filter and opens its socket (mode 0660; a stale one is replaced, one that answers
 * is an error). shared must live until the process ends. */
enum err glue_open(
    struct shared *shared, const struct net_address *address, char *error, size_t size) CHECKED;

/* Serves until SIGTERM or SIGHUP (libmilter's own signals), then waits until callbacks that are
 * under way have ended, at most drain_s. ERR_TIMEOUT: some had not. */
enum err glue_run(int64_t drain_s) CHECKED;

#endif
