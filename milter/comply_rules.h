/* comply_rules.h - the functions of the rules, for comply.c alone. find: looks, changes nothing.
 * fix: after FOUND_REPAIRABLE, changes the draft so that find is content with it. look: at the
 * body. */
#ifndef COMPLY_RULES_H
#define COMPLY_RULES_H

#include "comply.h"
#include "draft.h"
#include "mailbox.h"

#define FINE    ((struct found){ .what = FOUND_FINE })
#define UNKNOWN ((struct found){ .what = FOUND_UNKNOWN, .why = "not known yet" })
#define BECAUSE(kind, text, ...)                                                               \
	((struct found){ .what = FOUND_##kind, .why = (text), __VA_ARGS__ })

/* The only field of that name, or the first; NULL: none. */
const struct header *comply_first(const struct comply *c, const char *name);
bool comply_has_two(const struct comply *c, const char *name);
bool comply_is_named(const struct header *h, const char *const *names, size_t count);
/* A value without folds, in the arena; p == NULL: no memory. */
struct span comply_unfold(const struct comply *c, struct span value);

/* comply_syntax.c; H08 and H09: comply_ascii.c */
struct found h01_find(const struct comply *c);
struct found h02_find(const struct comply *c);
enum err h02_fix(struct comply *c);
struct found h03_find(const struct comply *c);
enum err h03_fix(struct comply *c);
struct found h04_find(const struct comply *c);
struct found h05_find(const struct comply *c);
enum err h05_fix(struct comply *c);
struct found h06_find(const struct comply *c);
enum err h06_fix(struct comply *c);
struct found h06_look(const struct comply *c);
struct found h07_find(const struct comply *c);
struct found h07_look(const struct comply *c);
struct found h08_find(const struct comply *c);
enum err h08_fix(struct comply *c);
struct found h09_find(const struct comply *c);
struct found h10_find(const struct comply *c);
struct found h11_find(const struct comply *c);
enum err h11_fix(struct comply *c);
struct found h12_find(const struct comply *c);
enum err h12_fix(struct comply *c);
struct found h13_find(const struct comply *c);
enum err h13_fix(struct comply *c);
struct found h14_find(const struct comply *c);
struct found h15_find(const struct comply *c);
enum err h15_fix(struct comply *c);
struct found h15_look(const struct comply *c);
struct found h16_find(const struct comply *c);

/* comply_list.c */
struct found l01_find(const struct comply *c);
enum err l01_fix(struct comply *c);
struct found l02_find(const struct comply *c);
enum err l02_fix(struct comply *c);
struct found l04_find(const struct comply *c);
struct found l05_find(const struct comply *c);
struct found l06_find(const struct comply *c);
enum err l06_fix(struct comply *c);
struct found l07_look(const struct comply *c);
/* comply_footer.c */
/* Every text will have one, by F02. */
bool comply_adds_way_out(const struct comply *c);
struct found f01_look(const struct comply *c);
struct found f02_look(const struct comply *c);
struct found f03_look(const struct comply *c);
struct found f04_look(const struct comply *c);
struct found f05_look(const struct comply *c);
struct found l08_find(const struct comply *c);
enum err l08_fix(struct comply *c);

/* comply_signal.c */
struct found s01_find(const struct comply *c);
enum err s01_fix(struct comply *c);
struct found s02_find(const struct comply *c);
enum err s02_fix(struct comply *c);
struct found s03_find(const struct comply *c);
enum err s03_fix(struct comply *c);
struct found s04_find(const struct comply *c);
enum err s04_fix(struct comply *c);
struct found s05_find(const struct comply *c);
enum err s05_fix(struct comply *c);
struct found s06_find(const struct comply *c);
enum err s06_fix(struct comply *c);
struct found s07_find(const struct comply *c);
enum err s07_fix(struct comply *c);
struct found s08_find(const struct comply *c);

/* comply_align.c */
struct found a01_find(const struct comply *c);
struct found a02_find(const struct comply *c);
struct found a03_find(const struct comply *c);
struct found a04_find(const struct comply *c);
struct found a05_find(const struct comply *c);
struct found a06_find(const struct comply *c);
struct found t01_look(const struct comply *c);
/* The author check's fault as a finding of that rule; FOUND_FINE for faults of others. */
struct found author_found(const struct comply *c, enum rule_id rule);

#endif
