/* providers.h - which mailbox provider receives for a domain: groups of recipient domains by the
 * names of their mail exchangers, from a data file (etc/providers.conf). Pure but for reading it;
 * asks no DNS: the names come from whoever did.
 *
 * The file: one group, kind and names a line, "#" begins a comment.
 *
 *   google  mx      google.com googlemail.com     hosts of that name and below
 *   google  domain  gmail.com googlemail.com      recipient domains, for when the DNS is silent */
#ifndef PROVIDERS_H
#define PROVIDERS_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

#define PROVIDERS_OCTETS    (1024u * 1024)
#define PROVIDERS_HOSTS_MAX 32u  /* of one domain; more are not looked at */
#define PROVIDERS_NAME_MAX  64u  /* octets of a group's name with NUL */
#define PROVIDERS_SITE_MAX  512u /* octets of what providers_of_hosts writes, at most */

struct providers;

/* file: for messages. A sentence with file and line in error on failure: ERR_SYNTAX, ERR_EXISTS (a
 * name has two groups), ERR_NOMEM. */
enum err providers_parse(struct span text, const char *file, struct providers **p_r,
    char *error, size_t size) CHECKED;
/* The same of a file; also ERR_NOTFOUND, ERR_TOOBIG, ERR_IO and such. */
enum err providers_read(
    const char *path, struct providers **p_r, char *error, size_t size) CHECKED;
void providers_free(struct providers **p);         /* NULL is fine */
size_t providers_count(const struct providers *p); /* names */
/* The group of that name, as long as p lives; NULL: there is none. */
const char *providers_name(const struct providers *p, struct span group);

/* The group of a domain whose most preferred exchangers are these (canonical, domain.h), appended
 * to out: the one that the longest name fits, at a boundary of labels, for every host. Hosts that
 * are not all of one group give "site:" and their names in order, digits as '#': exchangers of one
 * site differ in numbers. Nothing for no host. */
void providers_of_hosts(
    const struct providers *p, const struct span *hosts, size_t count, struct buf *out);

/* The group of a recipient domain (canonical) by itself; NULL: none is known. */
const char *providers_of_domain(const struct providers *p, struct span domain);

#endif
