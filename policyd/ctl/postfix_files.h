/* postfix_files.h - Postfix's configuration directory: its two files, our copies of them, and
 * what postconf(1) says. Writes only where the configuration points. */
#ifndef POSTFIX_FILES_H
#define POSTFIX_FILES_H

#include "buf.h"
#include "ctl.h"
#include "findings.h"
#include "hookup.h"
#include "inspect.h"

struct postfix_files {
	const char *directory; /* postfix.config_directory */
	char main_path[1024], master_path[1024];
	struct buf main, master;           /* as read */
	struct buf kept_main, kept_master; /* before we were attached; empty when not known */
	struct buf defaults;               /* postconf -d */
	struct buf milter, policy, routes, split, command; /* what names points into */
	struct hookup_names names;
	bool attached;  /* a record of an earlier enable is there */
	bool unchanged; /* both files are as that enable left them */
};

/* Reads all that; needs the configuration. A status, said. */
int postfix_files_load(struct ctl *ctl, struct postfix_files *f) CHECKED;
void postfix_files_free(struct postfix_files *f); /* also of a zeroed one */

/* names.split as it is asked for on the command line: a port (NULL: the configured one, or 10027)
 * at 127.0.0.1. A status, said: the split needs routes. */
int postfix_files_ask_split(struct ctl *ctl, struct postfix_files *f, const char *port) CHECKED;

/* Keeps copies beside the files (main.cf.penguinmails-orig), once: not while the record of an
 * earlier enable says that copies are there. */
int postfix_files_keep(struct postfix_files *f) CHECKED;
int postfix_files_write(
    const struct postfix_files *f, struct span main, struct span master) CHECKED;
/* Writes back what was read. */
void postfix_files_roll_back(const struct postfix_files *f);
/* Records checksums of what enable wrote; of a file that was edited since the copy was made,
 * none: disable then takes out pieces instead of restoring. */
int postfix_files_remember(
    const struct postfix_files *f, struct span main, struct span master) CHECKED;
/* Removes the record; with copies, those too. */
int postfix_files_forget(const struct postfix_files *f, bool copies) CHECKED;

/* Runs "postfix check". */
int postfix_files_check(const struct ctl *ctl, const struct postfix_files *f) CHECKED;

/* Our own rules over what postconf(1) says of the directory now. */
int postfix_files_inspect(const struct postfix_files *f, struct findings *findings) CHECKED;

#endif
