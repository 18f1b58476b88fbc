/* penguin_plugin.h - all that a plug-in of PenguinMails and its host know of each other.
 * See penguin-plugin(3); plugins/hello is the tutorial.
 *
 * A plug-in is a shared object with one symbol, penguin_plugin. It is loaded when penguin-milter
 * starts, never later, and shares its memory: it is trusted like the program itself.
 *
 * Threads: start and stop run in the main thread, before the first and after the last message.
 * All other hooks run in many threads at once, but those of one message one after the other.
 * Memory: texts are not NUL-terminated and are valid until the hook returns; copy what you keep.
 * What host->keep gives lives as long as the message. The host copies what it is given, but for
 * struct penguin_plugin and the text of its name, which must stay. */
#ifndef PENGUIN_PLUGIN_H
#define PENGUIN_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PENGUIN_PLUGIN_ABI 1

struct penguin_text {
	const char *p;
	size_t n; /* octets */
};

/* What a plug-in does; what is not declared is refused. */
#define PENGUIN_READS_BODY  UINT32_C(1) /* has a hook body */
#define PENGUIN_ADDS_FIELDS UINT32_C(2) /* calls add_field */
#define PENGUIN_REFUSES     UINT32_C(4) /* answers other than PENGUIN_GO_ON */

enum penguin_answer { PENGUIN_GO_ON, PENGUIN_REFUSE, PENGUIN_LATER };

enum penguin_fact {
	PENGUIN_QUEUE_ID,
	PENGUIN_TENANT,
	PENGUIN_STREAM,
	PENGUIN_CLASS, /* "bulk" or "transactional" */
	PENGUIN_LOGIN,
	PENGUIN_CLIENT, /* address of who submitted */
	PENGUIN_SENDER, /* of the envelope, without brackets */
};

struct penguin_message; /* opaque; valid until the hook returns */
struct penguin_self;    /* opaque; the plug-in as its host knows it; valid until stop returns */

struct penguin_host {
	uint32_t abi,
	    size; /* size: of this struct in the host; look before using later members */
	/* A line in the host's log; any thread. */
	void (*log)(const struct penguin_self *self, struct penguin_text text);
	/* Seconds since 1970-01-01 00:00 UTC; any thread. */
	int64_t (*wall_seconds)(void);
	/* The rest: only in a hook, for the message it was given. */
	struct penguin_text (*fact)(const struct penguin_message *m, enum penguin_fact which);
	/* False: there are not so many. Values begin behind the colon; folds are LF and a blank. */
	bool (*recipient)(
	    const struct penguin_message *m, size_t index, struct penguin_text *address_r);
	bool (*field)(const struct penguin_message *m, size_t index,
	    struct penguin_text *name_r, struct penguin_text *value_r);
	/* In before_sign only: a field "X-..." on top of the others. False: not declared, not
	 * now, or not fit to leave. */
	bool (*add_field)(
	    struct penguin_message *m, struct penguin_text name, struct penguin_text value);
	/* The words of PENGUIN_REFUSE and PENGUIN_LATER: printable ASCII, one line. */
	void (*reply)(struct penguin_message *m, struct penguin_text text);
	/* Zeroed memory, the same for all hooks of this plug-in and message; NULL: none left. */
	void *(*keep)(struct penguin_message *m, size_t octets);
};

/* Hooks may be NULL. context: what start left there. */
struct penguin_plugin {
	uint32_t abi, size; /* PENGUIN_PLUGIN_ABI, sizeof(struct penguin_plugin) */
	const char *name;
	uint32_t does;
	/* argument: as the configuration has it. False: it cannot work (say why with log). */
	bool (*start)(const struct penguin_host *host, const struct penguin_self *self,
	    struct penguin_text argument, void **context_r);
	void (*stop)(void *context);
	/* All header fields are there, as they were submitted. */
	enum penguin_answer (*headers)(void *context, struct penguin_message *m);
	/* The next octets of the body, as it was submitted, cut anywhere; none: that was all. */
	enum penguin_answer (*body)(
	    void *context, struct penguin_message *m, struct penguin_text octets);
	/* Last moment to add fields. A body that nobody of us edits comes after this. */
	enum penguin_answer (*before_sign)(void *context, struct penguin_message *m);
	/* What became of it: "none" for nothing wrong, else a word of the log. */
	void (*verdict)(void *context, struct penguin_message *m, struct penguin_text word);
};

/* The one symbol. */
const struct penguin_plugin *penguin_plugin(void);

#endif
