/* rewrite_state.h - what a rewrite keeps for itself between scan and apply. For rewrite*.c. */
#ifndef REWRITE_STATE_H
#define REWRITE_STATE_H

#include "arena.h"
#include "charset.h"
#include "patch.h"
#include "rewrite.h"

struct rewrite_edits {
	struct patch_list patches; /* of the part's text */
	struct span decoded;       /* the part's octets without transfer encoding */
	enum charset_kind charset;
	bool relabelled; /* the part's header shall say UTF-8 */
};

struct rewrite_state {
	struct arena *arena;
	struct span body;
	struct rewrite_options options;
	struct rewrite_edits *edits; /* one for each part */
	size_t octets;               /* of text looked at */
	size_t link_room;
	bool applied;
};

/* Notes why a part stays as it is. */
void rewrite_skip(struct rewrite *r, struct rewrite_part *part, enum mime_skip skip);

#endif
