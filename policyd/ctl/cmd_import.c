/* cmd_import - "suppress import": reads CSV, sends batches of rows with a few requests under way
 * at once, and reports every bad row by file and line. Good rows are never lost to bad ones. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd_suppress.h"
#include "commands.h"
#include "control_wire.h"
#include "import.h"
#include "progress.h"

#define REQUEST_MAX ((size_t)1 << 20)
#define READ_OCTETS 65536
#define ROW_MAX     (8192 - 32) /* a line of the wire, with room for "row.N=" */
#define DEPTH       4           /* requests under way */

struct batch {
	unsigned long line[SUPPRESS_BATCH]; /* where row.N stands in the file */
	size_t count;
};

struct import {
	struct ctl *ctl;
	const char *name; /* of the file, for messages */
	struct suppress_scope scope;
	struct span reason, source, expires_given;
	struct import_layout layout;
	struct csv_record record;
	bool first; /* no record was read yet */

	struct batch ring[DEPTH]; /* sent ones, oldest at ring[head]; the one being filled
				     follows them */
	size_t head, under_way;
	struct buf request, row, expires; /* of the batch being filled */

	unsigned long line;
	uint64_t octets, size, rows, added, present, bad;
	struct progress progress;
};

static struct batch *filling(struct import *m)
{
	return &m->ring[(m->head + m->under_way) % DEPTH];
}

static void bad_row(struct import *m, unsigned long line, struct span text)
{
	m->bad++;
	progress_clear(&m->progress);
	fprintf(stderr, "%s:%lu: %.*s\n", m->name, line, SPAN_ARG(text));
}

/* Takes the oldest answer in. */
static int receive(struct import *m)
{
	struct batch *b = &m->ring[m->head];
	struct attr_request reply;
	uint64_t n;
	int status;
	enum err e = client_receive(m->ctl->client, 10 * CTL_TIMEOUT_S, NULL, &reply);

	if (e != ERR_OK)
		return ctl_trouble(e);
	status = ctl_judge(&reply);
	if (status != EX_OK) {
		ctl_error("%s: rows from line %lu to %lu were not imported", m->name,
		    b->line[0], b->line[b->count - 1]);
		return status;
	}
	m->added += span_u64(attr_get(&reply, SPAN("added")), &n) ? n : 0;
	m->present += span_u64(attr_get(&reply, SPAN("present")), &n) ? n : 0;
	for (size_t i = 0; i < reply.count; i++) {
		struct span text = reply.at[i].value, index;

		if (ctl_numbered(reply.at[i].name, "bad") && span_next(&text, '\t', &index) &&
		    span_u64(index, &n) && n < b->count)
			bad_row(m, b->line[n], text);
	}
	b->count = 0;
	m->head = (m->head + 1) % DEPTH;
	m->under_way--;
	return EX_OK;
}

static void begin_batch(struct import *m)
{
	suppress_begin(&m->request, CONTROL_SUPPRESS_ADD, &m->scope);
	attr_put(&m->request, "expires", buf_span(&m->expires));
	filling(m)->count = 0;
}

/* Sends the batch being filled; waits for room in the ring. */
static int send_batch(struct import *m)
{
	enum err e;

	if (filling(m)->count == 0)
		return EX_OK;
	e = client_send(m->ctl->client, &m->request);
	if (e != ERR_OK)
		return ctl_trouble(e);
	m->under_way++;
	return m->under_way == DEPTH ? receive(m) : EX_OK;
}

static int add_row(struct import *m, unsigned long line)
{
	struct span expires = import_field(&m->record, &m->layout, IMPORT_EXPIRES);
	const char *wrong;
	struct batch *b;
	char name[32];
	int status;

	buf_reset(&m->row);
	wrong = import_row(&m->record, &m->layout, m->reason, m->source, &m->row);
	if (expires.n == 0)
		expires = m->expires_given;
	if (wrong == NULL && m->row.n > ROW_MAX)
		wrong = csv_result_text(CSV_TOO_LONG);
	if (wrong != NULL) {
		bad_row(m, line, span_cstr(wrong));
		return EX_OK;
	}
	/* The wire has one date of expiry a request. */
	if (!span_eq(expires, buf_span(&m->expires)) || filling(m)->count == SUPPRESS_BATCH) {
		status = send_batch(m);
		if (status != EX_OK)
			return status;
		buf_reset(&m->expires);
		buf_add_span(&m->expires, expires);
		begin_batch(m);
	}
	b = filling(m);
	(void)snprintf(name, sizeof name, "row.%zu", b->count);
	attr_put(&m->request, name, buf_span(&m->row));
	b->line[b->count++] = line;
	m->rows++;
	return EX_OK;
}

/* One record or one bad row. */
static int take_record(struct import *m, enum csv_result r, unsigned long line)
{
	bool blank = m->record.count == 1 && m->record.field[0].n == 0;

	if (r != CSV_RECORD) {
		bad_row(m, line, span_cstr(csv_result_text(r)));
		return EX_OK;
	}
	if (blank)
		return EX_OK;
	if (m->first) {
		m->first = false;
		if (import_header(&m->record, &m->layout))
			return EX_OK;
	}
	return add_row(m, line);
}

static unsigned long lines_in(struct span s)
{
	unsigned long n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

/* Scans what was read; *skip: the rest of an over-long line is still to come. */
static int scan(struct import *m, struct buf *in, bool last, bool *skip)
{
	size_t used = 0;
	int status = EX_OK;

	while (status == EX_OK && used < in->n) {
		struct span rest = span_from(buf_span(in), used);
		size_t n = 0;
		enum csv_result r;

		if (*skip) {
			n = span_find(rest, '\n', 0);
			*skip = n == rest.n;
			n += n < rest.n;
			m->line += !*skip;
			used += n;
			continue;
		}
		r = csv_scan(rest, last, &m->record, &n);
		if (r == CSV_MORE)
			break;
		status = take_record(m, r, m->line);
		m->line += lines_in(span_head(rest, n));
		*skip = r != CSV_RECORD && rest.p[n - 1] != '\n';
		used += n;
	}
	m->octets += used;
	buf_consume(in, used);
	progress_update(&m->progress, m->octets, m->size, m->rows);
	return status;
}

static int import_file(struct import *m, int fd)
{
	struct buf in = BUF_INIT(2 * READ_OCTETS + CSV_RECORD_MAX);
	bool last = false, skip = false, start = true;
	int status = EX_OK;

	begin_batch(m);
	while (status == EX_OK && !last) {
		ssize_t n;

		if (!buf_reserve(&in, READ_OCTETS)) {
			status = EX_OSERR;
			break;
		}
		n = read(fd, in.p + in.n, READ_OCTETS);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			ctl_error("%s: %s", m->name, strerror(errno));
			status = EX_IOERR;
			break;
		}
		in.n += (size_t)n;
		last = n == 0;
		/* A byte order mark, as spreadsheets write it. */
		if (start && (in.n >= 3 || last)) {
			start = false;
			if (span_starts(buf_span(&in), SPAN("\xEF\xBB\xBF")))
				buf_consume(&in, 3);
		}
		if (!start)
			status = scan(m, &in, last, &skip);
	}
	/* What was read well before a failure is still sent. */
	if (status == EX_OK || status == EX_IOERR) {
		int sent = send_batch(m);

		while (sent == EX_OK && m->under_way > 0)
			sent = receive(m);
		status = status == EX_OK ? sent : status;
	}
	buf_free(&in);
	return status;
}

static int print_totals(struct import *m)
{
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = { { "added", m->added }, { "present", m->present }, { "bad", m->bad } };
	struct report *report = report_new();
	char text[32];

	for (size_t i = 0; report != NULL && i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(text, sizeof text, "%llu", (unsigned long long)rows[i].n);
		report_field(report, rows[i].name, CELL_NUMBER, span_cstr(text));
	}
	return ctl_print(m->ctl, &report);
}

static int open_input(struct import *m, int *fd_r)
{
	struct stat st;
	bool standard = strcmp(m->name, "-") == 0;

	*fd_r = standard ? STDIN_FILENO : open(m->name, O_RDONLY | O_CLOEXEC);
	if (*fd_r < 0) {
		ctl_error("%s: %s", m->name, strerror(errno));
		return EX_NOINPUT;
	}
	if (fstat(*fd_r, &st) == 0 && S_ISREG(st.st_mode))
		m->size = (uint64_t)st.st_size;
	if (standard)
		m->name = "stdin";
	return EX_OK;
}

int cmd_suppress_import(struct ctl *ctl, const struct grammar_match *match)
{
	const char *reason = grammar_value(match, "reason");
	const char *source = grammar_value(match, "source");
	struct import *m = calloc(1, sizeof *m);
	int status = EX_OSERR, fd = -1;

	if (m == NULL)
		return status;
	m->ctl = ctl;
	m->name = grammar_slot(match, 0);
	m->reason = span_cstr(reason != NULL ? reason : "import");
	m->source = span_cstr(source != NULL ? source : "penguinctl");
	m->expires_given = span_cstr(grammar_value(match, "expires"));
	m->first = true;
	m->line = 1;
	import_layout_default(&m->layout);
	buf_init(&m->request, REQUEST_MAX);
	buf_init(&m->row, CSV_RECORD_MAX + 4096);
	buf_init(&m->expires, CSV_RECORD_MAX);
	buf_add_span(&m->expires, m->expires_given);
	status = suppress_read_scope(match, &m->scope) ? open_input(m, &fd) : EX_USAGE;
	if (status == EX_OK)
		status = ctl_connect(ctl);
	if (status == EX_OK) {
		progress_start(&m->progress, "importing", ctl->progress);
		status = import_file(m, fd);
		progress_end(&m->progress);
		if (status == EX_OK)
			status = print_totals(m);
		if (status == EX_OK && m->bad > 0)
			status = EX_DATAERR;
	}
	if (fd > STDIN_FILENO)
		close(fd);
	buf_free(&m->expires);
	buf_free(&m->row);
	buf_free(&m->request);
	free(m);
	return status;
}
