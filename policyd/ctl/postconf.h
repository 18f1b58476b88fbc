/* postconf.h - the text of Postfix's main.cf and master.cf: finds parameters and services and
 * writes the text anew with one of them changed; every other octet stays as it was. Pure.
 *
 * Logical lines are those of postconf(5) and master(5): a line that starts with a blank goes on
 * with the one before; empty lines and lines whose first octet that is no blank is '#' count for
 * nothing, also between the lines of one value. Edits append the whole new text to out. */
#ifndef POSTCONF_H
#define POSTCONF_H

#include "base.h"
#include "buf.h"
#include "span.h"

/* ---- main.cf ---- */

struct postconf_parameter {
	struct span name;
	struct span value; /* raw: continuation lines and comments within are part of it */
	size_t start, end; /* the logical line with its newline, as offsets into the text */
	unsigned line;     /* 1.. */
};

/* The definition that counts: the last. Also reads what postconf(1) prints. */
bool postconf_find(struct span text, struct span name, struct postconf_parameter *p_r);
/* Replaces the value of the definition that counts, or adds the parameter at the end. */
void postconf_set(struct span text, struct span name, struct span value, struct buf *out);
/* Takes the definition that counts away. */
void postconf_remove(struct span text, struct span name, struct buf *out);

/* ---- master.cf ---- */

struct master_service {
	struct span name, type, chroot, command; /* chroot as written: "y", "n", "-" */
	size_t start, end;                       /* as above */
	size_t arguments; /* offset behind the command: options start here */
	unsigned line;
};

struct master_option {
	struct span name, value; /* "-o name=value" or "-o { name = value }" */
	size_t start, end;       /* from the "-o" to the end of the argument */
};

/* Walks the services; *offset_io starts at 0. */
bool master_next(struct span text, size_t *offset_io, struct master_service *service_r);
bool master_find(
    struct span text, struct span name, struct span type, struct master_service *service_r);
/* The option that counts (the last of that name). */
bool master_find_option(struct span text, const struct master_service *service,
    struct span name, struct master_option *option_r);
/* Changes or adds an option; a value with blanks is written in braces. */
void master_set_option(struct span text, const struct master_service *service, struct span name,
    struct span value, struct buf *out);
void master_remove_option(
    struct span text, const struct master_service *service, struct span name, struct buf *out);

/* ---- lists: elements separated by commas and blanks; braces keep together ---- */

/* The next element; *offset_io starts at 0 and ends behind the element. */
bool postconf_element(struct span value, size_t *offset_io, struct span *element_r);
/* Words inside "{ a, b = c }": the same, without the outer braces; a bare word is its own. */
struct span postconf_inside(struct span element);
void postconf_list_prepend(struct span value, struct span element, struct buf *out);
void postconf_list_append(struct span value, struct span element, struct buf *out);
/* Takes out what stands from the first to the last octet of two neighbours (which may be one
 * element) with one separator. */
void postconf_list_remove(
    struct span value, struct span first, struct span last, struct buf *out);

/* Appends the value on one line: comments gone, lines joined by one space. */
void postconf_flatten(struct span value, struct buf *out);

#endif
