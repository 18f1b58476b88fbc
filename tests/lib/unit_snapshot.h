/* unit_snapshot.h - a snapshot from texts: a provider with the plan "p", and tenants' files. For
 * unit tests. */
#ifndef UNIT_SNAPSHOT_H
#define UNIT_SNAPSHOT_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "settings.h"

static inline void unit_write(const char *directory, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static inline int unit_remove(
    const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

/* tenants: texts without 'plan = "p";', which is put in front. provider: what its file has besides. */
static inline struct snapshot *unit_snapshot_with(
    const char *provider, const char *const *tenants, size_t count)
{
	struct config_report report = { .text = BUF_INIT(65536) };
	char directory[] = "/tmp/penguin-unit-XXXXXX", name[64], text[4096];
	struct snapshot *s = NULL;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(name, sizeof name, "%s/tenants.d", directory);
	ck_assert_int_eq(mkdir(name, 0700), 0);
	snprintf(text, sizeof text,
	    "plans = ( { name = \"p\"; recipients = \"1/day\"; } );\n%s", provider);
	unit_write(directory, "p.conf", text);
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof name, "tenants.d/%zu.conf", i);
		snprintf(text, sizeof text, "plan = \"p\"; %s\n", tenants[i]);
		unit_write(directory, name, text);
	}
	snprintf(name, sizeof name, "%s/p.conf", directory);
	ck_assert_msg(snapshot_load(name, NULL, &report, &s) == ERR_OK && report.errors == 0,
	    "%s", buf_cstr(&report.text));
	buf_free(&report.text);
	nftw(directory, unit_remove, 8, FTW_DEPTH | FTW_PHYS);
	return s;
}

static inline struct snapshot *unit_snapshot(const char *const *tenants, size_t count)
{
	return unit_snapshot_with("", tenants, count);
}

#endif
