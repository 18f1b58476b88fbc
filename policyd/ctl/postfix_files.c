/* postfix_files - reads, copies and writes main.cf and master.cf and asks postconf(1) and
 * postfix(1). Knows files and programs; not what the settings mean. */
#include <errno.h>
#include <unistd.h>

#include "daemon.h"
#include "file.h"
#include "hash.h"
#include "postfix_files.h"
#include "process.h"

#define TEXT_MAX   ((size_t)16 << 20)
#define RECORD_MAX 4096

#define COPY_SUFFIX ".penguinmails-orig"
#define RECORD_NAME "penguinmails.attached"

struct checksum {
	char text[2 * DIGEST_SIZE + 1];
};

/* A checksum, no secret: the key is all zeros. Empty when the library fails, which equals no
 * recorded one. */
static struct checksum checksum(struct span text)
{
	static const uint8_t zeros[DIGEST_KEY_SIZE];
	struct digest_key *key = digest_key_new(zeros);
	uint8_t octets[DIGEST_SIZE];
	struct checksum c = { "" };

	if (key != NULL && digest(key, text, octets) == ERR_OK)
		for (size_t i = 0; i < DIGEST_SIZE; i++)
			(void)snprintf(c.text + 2 * i, 3, "%02x", octets[i]);
	digest_key_free(&key);
	return c;
}

static int status_of(enum err e)
{
	return e == ERR_DENIED ? EX_NOPERM : e == ERR_NOTFOUND ? EX_NOINPUT : EX_IOERR;
}

static int said(const char *path, const char *suffix, enum err e)
{
	if (e == ERR_OK)
		return EX_OK;
	ctl_error("%s%s: %s", path, suffix, err_text(e));
	return status_of(e);
}

static void copy_path(const char *path, char out[1100])
{
	(void)snprintf(out, 1100, "%s" COPY_SUFFIX, path);
}

static void record_path(const struct postfix_files *f, char out[1100])
{
	(void)snprintf(out, 1100, "%s/" RECORD_NAME, f->directory);
}

/* ---- reading ---- */

/* Runs a postconf command line and takes its output; its warnings are nobody's business here. */
static int postconf(const struct postfix_files *f, const char *option, struct buf *out)
{
	const char *argv[] = { "postconf", "-c", f->directory, option, NULL };
	struct buf errors = BUF_INIT(65536);
	int exit_status = 0, status = EX_OK;
	enum err e = process_run(argv, SPAN(""), out, &errors, &exit_status);

	if (e != ERR_OK) {
		ctl_error("postconf: %s", err_text(e));
		status = EX_UNAVAILABLE;
	} else if (exit_status != 0) {
		ctl_error("postconf -c %s %s ended with status %d: %s", f->directory, option,
		    exit_status, buf_cstr(&errors));
		status = EX_CONFIG;
	}
	buf_free(&errors);
	return status;
}

/* The record of an earlier enable: a line "main.cf CHECKSUM" for each file. */
static void read_record(struct postfix_files *f)
{
	struct buf record = BUF_INIT(RECORD_MAX);
	struct checksum main = checksum(buf_span(&f->main));
	struct checksum master = checksum(buf_span(&f->master));
	struct span rest, line;
	unsigned same = 0;
	char path[1100];

	record_path(f, path);
	if (file_read(path, &record) == ERR_OK) {
		f->attached = true;
		rest = buf_span(&record);
		while (span_next(&rest, '\n', &line)) {
			if (main.text[0] != '\0' && span_starts(line, SPAN("main.cf ")) &&
			    span_eq(span_from(line, 8), span_cstr(main.text)))
				same |= 1;
			if (master.text[0] != '\0' && span_starts(line, SPAN("master.cf ")) &&
			    span_eq(span_from(line, 10), span_cstr(master.text)))
				same |= 2;
		}
		copy_path(f->main_path, path);
		if (file_read(path, &f->kept_main) != ERR_OK)
			same = 0;
		copy_path(f->master_path, path);
		if (file_read(path, &f->kept_master) != ERR_OK)
			same = 0;
	}
	f->unchanged = same == 3;
	buf_free(&record);
}

static bool new_enough(struct span defaults)
{
	struct postconf_parameter p;
	uint64_t major;

	return postconf_find(defaults, SPAN("mail_version"), &p) &&
	       span_u64(span_head(p.value, span_find(p.value, '.', 0)), &major) && major >= 3;
}

/* This program, wherever it is, with the configuration that it has now. */
static void put_command(const struct ctl *ctl, struct buf *out)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path);

	if (n > 0 && (size_t)n < sizeof path)
		buf_add(out, path, (size_t)n);
	else
		buf_add_cstr(out, "/usr/sbin/penguinctl");
	if (strcmp(ctl->config_file, DAEMON_CONFIG_FILE) != 0)
		buf_printf(out, " -c %s", ctl->config_file);
}

int postfix_files_load(struct ctl *ctl, struct postfix_files *f)
{
	const struct provider *provider;
	int status = ctl_load_provider(ctl);

	if (status != EX_OK)
		return status;
	provider = ctl_provider(ctl);
	*f = (struct postfix_files){ .directory = provider->postfix.config_directory };
	buf_init(&f->main, TEXT_MAX);
	buf_init(&f->master, TEXT_MAX);
	buf_init(&f->kept_main, TEXT_MAX);
	buf_init(&f->kept_master, TEXT_MAX);
	buf_init(&f->defaults, TEXT_MAX);
	buf_init(&f->milter, 1024);
	buf_init(&f->policy, 1024);
	buf_init(&f->routes, 1024);
	buf_init(&f->split, 1024);
	buf_init(&f->command, 8192);
	hookup_socket_name(span_cstr(provider->milter.listen), &f->milter);
	hookup_socket_name(span_cstr(provider->policyd.policy), &f->policy);
	hookup_socket_name(span_cstr(provider->policyd.routes), &f->routes);
	buf_add_cstr(&f->split, provider->postfix.split);
	put_command(ctl, &f->command);
	f->names = (struct hookup_names){ .milter = buf_span(&f->milter),
		.policy = buf_span(&f->policy),
		.routes = buf_span(&f->routes),
		.split = buf_span(&f->split),
		.returns = span_cstr(provider->postfix.returns),
		.returns_command = buf_span(&f->command),
		.sources = provider->sources,
		.source_count = provider->source_count };
	if (provider->source_count > 0 && provider->policyd.routes[0] == '\0') {
		ctl_error("policyd.routes is empty: Postfix has nobody to ask for sources");
		return EX_CONFIG;
	}
	(void)snprintf(f->main_path, sizeof f->main_path, "%s/main.cf", f->directory);
	(void)snprintf(f->master_path, sizeof f->master_path, "%s/master.cf", f->directory);
	status = said(f->main_path, "", file_read(f->main_path, &f->main));
	if (status == EX_OK)
		status = said(f->master_path, "", file_read(f->master_path, &f->master));
	if (status == EX_OK)
		status = postconf(f, "-d", &f->defaults);
	if (status != EX_OK)
		return status;
	if (!new_enough(buf_span(&f->defaults))) {
		ctl_error("Postfix 3.0 or newer is needed");
		return EX_CONFIG;
	}
	read_record(f);
	return EX_OK;
}

#define SPLIT_ADDRESS "127.0.0.1"
#define SPLIT_PORT    "10027"

int postfix_files_ask_split(struct ctl *ctl, struct postfix_files *f, const char *port)
{
	uint64_t number;

	if (ctl_provider(ctl)->policyd.routes[0] == '\0') {
		ctl_error("policyd.routes is empty: Postfix has nobody to ask for the split");
		return EX_CONFIG;
	}
	if (port != NULL &&
	    (!span_u64(span_cstr(port), &number) || number == 0 || number > UINT16_MAX)) {
		ctl_error("\"%s\" is no port", port);
		return EX_USAGE;
	}
	if (port != NULL || f->split.n == 0) {
		buf_reset(&f->split);
		buf_printf(&f->split, SPLIT_ADDRESS ":%s", port != NULL ? port : SPLIT_PORT);
		f->names.split = buf_span(&f->split);
	}
	return EX_OK;
}

void postfix_files_free(struct postfix_files *f)
{
	buf_free(&f->main);
	buf_free(&f->master);
	buf_free(&f->kept_main);
	buf_free(&f->kept_master);
	buf_free(&f->defaults);
	buf_free(&f->milter);
	buf_free(&f->policy);
	buf_free(&f->routes);
	buf_free(&f->split);
	buf_free(&f->command);
}

/* ---- writing ---- */

int postfix_files_keep(struct postfix_files *f)
{
	char path[1100];
	int status;

	if (f->attached)
		return EX_OK;
	copy_path(f->main_path, path);
	status = said(path, "", file_replace(path, buf_span(&f->main), f->main_path));
	if (status != EX_OK)
		return status;
	copy_path(f->master_path, path);
	return said(path, "", file_replace(path, buf_span(&f->master), f->master_path));
}

static int write_one(const char *path, struct span before, struct span after)
{
	return span_eq(before, after) ? EX_OK : said(path, "", file_replace(path, after, path));
}

int postfix_files_write(const struct postfix_files *f, struct span main, struct span master)
{
	int status = write_one(f->master_path, buf_span(&f->master), master);

	return status == EX_OK ? write_one(f->main_path, buf_span(&f->main), main) : status;
}

void postfix_files_roll_back(const struct postfix_files *f)
{
	(void)said(
	    f->main_path, "", file_replace(f->main_path, buf_span(&f->main), f->main_path));
	(void)said(f->master_path, "",
	    file_replace(f->master_path, buf_span(&f->master), f->master_path));
}

int postfix_files_remember(const struct postfix_files *f, struct span main, struct span master)
{
	struct buf record = BUF_INIT(RECORD_MAX);
	char path[1100];
	int status;

	buf_add_cstr(&record, "# written by penguinctl postfix enable\n");
	if (!f->attached || f->unchanged)
		buf_printf(&record, "main.cf %s\nmaster.cf %s\n", checksum(main).text,
		    checksum(master).text);
	else
		buf_add_cstr(&record, "# edited by others between two enables\n");
	record_path(f, path);
	status = said(path, "", file_replace(path, buf_span(&record), f->main_path));
	buf_free(&record);
	return status;
}

int postfix_files_forget(const struct postfix_files *f, bool copies)
{
	char path[1100];

	record_path(f, path);
	if (unlink(path) < 0 && errno != ENOENT)
		return said(path, "", err_from_errno(errno));
	if (!copies)
		return EX_OK;
	copy_path(f->main_path, path);
	(void)unlink(path);
	copy_path(f->master_path, path);
	(void)unlink(path);
	return EX_OK;
}

/* ---- proving ---- */

int postfix_files_check(const struct ctl *ctl, const struct postfix_files *f)
{
	const char *argv[] = { "postfix", "-c", f->directory, "check", NULL };
	struct buf output = BUF_INIT(65536);
	int exit_status = 0, status = EX_OK;
	enum err e = process_run(argv, SPAN(""), &output, &output, &exit_status);

	if (e != ERR_OK) {
		ctl_error("postfix: %s", err_text(e));
		status = EX_UNAVAILABLE;
	} else if (exit_status != 0) {
		ctl_error("postfix check objects:\n%s", buf_cstr(&output));
		status = EX_CONFIG;
	} else if (ctl->verbose && output.n > 0) {
		ctl_note(ctl, "postfix check says:\n%s", buf_cstr(&output));
	}
	buf_free(&output);
	return status;
}

int postfix_files_inspect(const struct postfix_files *f, struct findings *findings)
{
	struct buf parameters = BUF_INIT(TEXT_MAX), overrides = BUF_INIT(TEXT_MAX),
		   services = BUF_INIT(TEXT_MAX);
	int status = postconf(f, "-x", &parameters);

	if (status == EX_OK)
		status = postconf(f, "-xP", &overrides);
	if (status == EX_OK)
		status = postconf(f, "-M", &services);
	if (status == EX_OK) {
		struct inspect_input input = { buf_span(&parameters), buf_span(&overrides),
			buf_span(&services), f->names };

		inspect_postfix(&input, findings);
	}
	buf_free(&parameters);
	buf_free(&overrides);
	buf_free(&services);
	return status;
}
