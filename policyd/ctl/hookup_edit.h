/* hookup_edit.h - inside of hookup: how its files change the texts of main.cf and master.cf. Spans
 * that are handed in may point into the texts; what is kept is copied into the arena. */
#ifndef HOOKUP_EDIT_H
#define HOOKUP_EDIT_H

#include "hookup.h"

#define HOOKUP_TEXT_MAX ((size_t)16 << 20)

enum place { LAST, FIRST };

/* A copy that lives as long as h. */
struct span hookup_keep(struct hookup *h, struct span text);
/* The same on one line. */
struct span hookup_flat(struct hookup *h, struct span value);

void hookup_set_main(struct hookup *h, struct span name, struct span value);
void hookup_remove_main(struct hookup *h, struct span name);
/* Finds the service anew: offsets move with every edit. value NULL: the option goes. */
void hookup_set_option(struct hookup *h, struct span service, struct span type,
    struct span name, const struct span *value);
/* line: its eight fields. Options are set one by one afterwards. */
void hookup_add_service(struct hookup *h, struct span line);
void hookup_remove_service(struct hookup *h, struct span service, struct span type);

struct span hookup_value_in(struct span text, struct span name);
/* The value that counts: the text's, else Postfix's default. */
struct span hookup_value_now(struct hookup *h, struct span name, struct span defaults);
struct span hookup_with_element(
    struct hookup *h, struct span value, struct span element, enum place place);
/* The value without every element that is equal; *changed_r: there was one. */
struct span hookup_without_element(
    struct hookup *h, struct span value, struct span element, bool *changed_r);

bool hookup_has_service(const struct hookup *h, struct span name, struct span type);
/* As chrooted as the service it stands beside. */
struct span hookup_chroot_like(struct hookup *h, struct span name, struct span type);
/* Each text: the lines of a service with its options. */
void hookup_append_service(struct hookup *h, struct span name, struct span text);

/* ---- hookup_routes.c, hookup_split.c, hookup_sources.c, for hookup.c ---- */

#define HOOKUP_REWRITE        "penguin-rewrite"
#define HOOKUP_REWRITE_OPTION "rewrite_service_name"

/* before_main: empty when not known. */
void hookup_attach_routes(
    struct hookup *h, const struct hookup_names *names, struct span defaults);
void hookup_detach_routes(
    struct hookup *h, const struct hookup_names *names, struct span before_main);

/* The milter's element for a list. */
struct span hookup_milter_element(struct hookup *h, const struct hookup_names *names);
void hookup_attach_returns(struct hookup *h, const struct hookup_names *names);
void hookup_detach_returns(struct hookup *h, struct span before_main);
void hookup_attach_split(struct hookup *h, const struct hookup_names *names);
void hookup_detach_split(struct hookup *h, struct span before_main);

void hookup_attach_sources(
    struct hookup *h, const struct hookup_names *names, struct span defaults);
void hookup_detach_sources(struct hookup *h);

#endif
