/* fuzz_settings - any bytes as configuration: the first octet says whether as the provider's file
 * or as a tenant's. The process survives, errors are counted, and a tenant that was read is found
 * by all its names. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the string it was reading when a file has a syntax error: 64 octets. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static const char plan[] = "plans = ( { name = \"p\"; } );\n";
static const char tenant[] = "tenant = \"t\"; plan = \"p\"; logins = \"l\";\n";

static void put(const char *directory, const char *name, const void *bytes, size_t n)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	close(fd);
}

static void check(const struct snapshot *s)
{
	for (size_t i = 0; i < snapshot_tenant_count(s); i++) {
		const struct tenant *t = snapshot_tenant(s, i);

		if (snapshot_find_tenant(s, span_cstr(t->name)) != i || t->stream_count == 0 ||
		    t->zone == NULL || snapshot_plan(s, i) == NULL)
			abort();
		for (size_t k = 0; k < t->domain_count; k++)
			if (snapshot_find_domain(s, span_cstr(t->domains[k].name), NULL) != i ||
			    tenant_find_domain(t, span_cstr(t->domains[k].name)) == NULL)
				abort();
		for (size_t k = 0; t->logins != NULL && t->logins[k] != NULL; k++)
			if (t->logins[k][0] != '*' &&
			    snapshot_find_login(s, span_cstr(t->logins[k])) != i)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_report report = { .text = BUF_INIT(1 << 20) };
	struct buf shown = BUF_INIT(1 << 20);
	struct snapshot *s = NULL;
	char directory[64], path[128];
	enum err e;

	if (size < 1)
		return 0;
	snprintf(directory, sizeof directory, "/tmp/fuzz-settings-%ld", (long)getpid());
	snprintf(path, sizeof path, "%s/tenants.d", directory);
	mkdir(directory, 0700);
	mkdir(path, 0700);
	put(directory, "p.conf", data[0] & 1 ? (const void *)(data + 1) : plan,
	    data[0] & 1 ? size - 1 : sizeof plan - 1);
	put(path, "t.conf", data[0] & 1 ? (const void *)tenant : data + 1,
	    data[0] & 1 ? sizeof tenant - 1 : size - 1);
	snprintf(path, sizeof path, "%s/p.conf", directory);
	e = snapshot_load(path, NULL, &report, &s);
	if ((e == ERR_OK) != (s != NULL) || (s == NULL && report.errors == 0))
		abort();
	if (s != NULL && !(data[0] & 1) &&
	    (snapshot_tenant_count(s) == 1) != (report.errors == 0))
		abort();
	if (s != NULL) {
		check(s);
		snapshot_show(s, (data[0] & 2) != 0, &shown);
	}
	snapshot_unref(&s);
	buf_free(&shown);
	buf_free(&report.text);
	return 0;
}
