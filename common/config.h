/* config.h - the engine below settings.h: files to text, text to settings, settings to structs
 * by the schema's rows. For common/config_*.c and common/settings.c only. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "arena.h"
#include "base.h"
#include "config_index.h"
#include "err.h"
#include "settings.h"

#define CONFIG_PROVIDER_OCTETS (4 * 1024 * 1024)
#define CONFIG_TENANT_OCTETS   (1024 * 1024)
#define CONFIG_NAME_MAX        63
#define CONFIG_LOGIN_MAX       512

struct config_setting_t; /* libconfig's; its header stays in the .c files */

/* ---- what a load shares ---- */

/* A time zone and its name, shared by all tenants and snapshots that use it. */
struct zone_box {
	atomic_uint references;
	struct zone *zone;
	char name[];
};

/* The provider's file, shared by the snapshots that still have a tenant with one of its
 * plans. */
struct provider_box {
	atomic_uint references;
	struct arena *arena;
	struct provider provider;
};

/* Which version of a file was read. */
struct config_identity {
	dev_t device;
	ino_t inode;
	off_t octets;
	struct timespec modified, changed;
};

/* One tenant and all memory it points to. */
struct tenant_box {
	atomic_uint references;
	struct arena *arena;
	struct zone_box *zone;
	struct config_identity identity;
	const uint32_t *domain_lines;  /* as tenant.domains */
	const uint32_t *login_lines;   /* as tenant.logins, then the streams' in their order */
	const uint32_t *network_lines; /* as tenant.networks */
	uint32_t name_line, plan_line;
	const char *lower_name; /* tenant names are unique without regard to case */
	struct tenant tenant;
};

void zone_box_free(struct zone_box **z);
void provider_box_free(struct provider_box **p);
void tenant_box_free(struct tenant_box **t);

/* ---- messages ---- */

/* Where in which file we are, and where messages go. */
struct config_reader {
	const char *file;
	struct config_report *report;
	unsigned errors; /* of this file */
	struct arena *arena;
	struct config_schema *schema;
	const struct provider *provider; /* while a tenant is read */
	const struct index *plans;       /* name => index in provider->plans */
	const struct index *pools;       /* name => index in provider->pools */
	const char *consequence; /* ends every error; "" or what happens because of it */
};

void config_error(struct config_reader *r, unsigned line, const char *format, ...)
    PRINTF_LIKE(3, 4);
void config_warning(struct config_reader *r, unsigned line, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Printable and cut to fit, for a value in a message. */
#define CONFIG_QUOTE_MAX 84
const char *config_quote(struct span value, char out[CONFIG_QUOTE_MAX]);

/* ---- files and text ---- */

/* The whole regular file, at most max octets, into *text with a newline and a NUL behind;
 * devices, pipes, directories and (at the end of path) symbolic links, if refused, are errors.
 * Reports all of them, but ERR_NOTFOUND only where links are allowed. */
enum err config_read_file_text(struct config_reader *r, const char *path, bool allow_symlink,
    size_t max, struct buf *text, struct config_identity *identity_r) CHECKED;
struct config_identity config_identity_of(const struct stat *st);
bool config_identity_eq(const struct config_identity *a, const struct config_identity *b);

/* Refuses what libconfig would follow, cut or choke on: @include, numbers that do not fit, deep
 * nesting, huge groups, NUL. False after a message. */
bool config_text_ok(struct config_reader *r, struct span text);

/* ---- schema ---- */

enum config_type {
	CONFIG_STRING,
	CONFIG_PATH,   /* relative to the directory of the file */
	CONFIG_CHOICE, /* one of words; the field is a bool or an enum */
	CONFIG_YES_NO,
	CONFIG_COUNT,
	CONFIG_DURATION,
	CONFIG_MILLISECONDS,
	CONFIG_DATE,  /* int64_t: days since 1970-01-01 until a zone is known */
	CONFIG_SMALL, /* int */
	CONFIG_STRINGS,
	CONFIG_DOMAINS, /* as STRINGS, canonical */
	CONFIG_PORTS,
	CONFIG_NETWORKS,
	CONFIG_USERS,
	CONFIG_WINDOWS,
	CONFIG_RATES,
	CONFIG_GROUP,  /* the block's fields lie at offset */
	CONFIG_GROUPS, /* pointer at offset, count at offset2 */
	CONFIG_TYPES
};

#define CONFIG_NOWHERE SIZE_MAX

/* How a row is read; settings.h shows the rest of it. */
struct config_field {
	enum config_type type;
	size_t offset;            /* within the block's struct; CONFIG_NOWHERE: only checked */
	size_t offset2;           /* of the count that belongs to a pointer */
	size_t size;              /* of a CHOICE's field, or of one struct of GROUPS */
	const char *const *words; /* CHOICE: in the order of their values; ends with NULL */
	const char *block;        /* GROUP, GROUPS: whose rows */
	uint64_t least, most;     /* COUNT, DURATION, MILLISECONDS, SMALL */
	enum limit_unit unit;     /* WINDOWS, RATES */
	bool required;
	/* More than the type can say; NULL: nothing. The sentence for a bad value, or NULL. */
	const char *(*check)(struct span value);
	/* GROUP, GROUPS: after all fields of one group; reports itself. */
	void (*finish)(
	    struct config_reader *r, const struct config_setting_t *group, void *object);
};

/* Where the rows of each block start; filled once per load. */
#define CONFIG_BLOCKS_MAX 32
struct config_schema {
	struct {
		const char *name;
		const struct setting_row *rows;
		size_t count;
	} at[CONFIG_BLOCKS_MAX];
	size_t count;
};

void config_schema_init(struct config_schema *schema);

/* Fills object from the group by the block's rows, defaults included; unknown keys are
 * errors. */
void config_fill(struct config_reader *r, const char *block,
    const struct config_setting_t *group, void *object);

/* Reads one value of the row's type into object. text: a default; else from setting. */
void config_read_value(struct config_reader *r, const struct setting_row *row,
    const struct config_setting_t *setting, void *object);
void config_read_default(struct config_reader *r, const struct setting_row *row, void *object);

/* The line of the element-th value of key in group (the group's own when there is none). */
unsigned config_line(const struct config_setting_t *group, const char *key, size_t element);
/* The element-th group of the list key; NULL: there is none. */
const struct config_setting_t *config_group(
    const struct config_setting_t *group, const char *key, size_t element);

/* ---- the two kinds of file ---- */

/* config_pool.c: what sources, pools and rules of a provider's file say together. */
void config_finish_pools(
    struct config_reader *r, const struct config_setting_t *root, struct provider *p);
/* The pool that a tenant's stream names. */
void config_check_stream_pool(struct config_reader *r, unsigned line, const struct tenant *t,
    const struct stream *stream);

/* From text to box; *box_r is NULL after errors (in the report). */
enum err config_read_provider(
    struct config_reader *r, struct span text, struct provider_box **box_r) CHECKED;

/* Gives a referenced zone box for a name, or NULL. */
typedef struct zone_box *config_find_zone(void *context, struct span name, enum err *e_r);
enum err config_read_tenant(struct config_reader *r, struct span text, config_find_zone *zones,
    void *zones_context, struct tenant_box **box_r) CHECKED;

/* ---- snapshot ---- */

struct snapshot_tenant {
	struct tenant_box *box;
	const struct plan *plan;
	/* Not NULL: the plan is gone from the provider's file and kept from this one. */
	struct provider_box *plan_owner;
};

struct snapshot {
	atomic_uint references;
	uint64_t generation;
	struct provider_box *provider;
	struct snapshot_tenant *tenants;
	size_t count;
	struct zone_box **zones; /* all that were ever asked for */
	size_t zone_count;
	/* byte strings => tenant, and which of its domains, logins, networks */
	struct index files, names, logins, wildcards, domains, networks;
	struct index tracking_hosts, bounce_domains; /* item: which of the tenant's domains */
	struct index pools, sources, source_ids;     /* owner: which of the provider's */
	uint64_t network_bits[3]; /* bit n: some network has a prefix of n bits */
};

void snapshot_free(struct snapshot *s);

/* The part of a domain behind its first dot, empty when that has only one label. */
struct span config_parent_domain(struct span domain);

#endif
