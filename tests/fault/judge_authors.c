/* judge_authors - author_check on what comes in, for a generator that would be slow by way of a
 * daemon: judge_authors CONFIG < records > answers.
 *
 * A record: length (2 octets, big endian), then that many octets: an octet with the number of the
 * tenant, as names are sorted, then name NUL value NUL of each header field. An answer: one octet,
 * 'A' + the fault; or '-' when the message itself was at fault. */
#include <stdio.h>
#include <stdlib.h>

#include "author.h"

static char judge(const struct snapshot *s, struct span record)
{
	struct message *m = message_new(SPAN(""), SPAN(""), SPAN(""));
	size_t tenant = (unsigned char)record.p[0];
	struct span rest = span_from(record, 1), name, value;
	struct author author;
	char answer = '-';

	if (m == NULL || tenant >= snapshot_tenant_count(s))
		abort();
	while (rest.n > 0 && span_next(&rest, '\0', &name) && span_next(&rest, '\0', &value))
		message_add_header(m, name, value);
	if (m->fault == MESSAGE_FINE) {
		author_check(s, tenant, &snapshot_tenant(s, tenant)->streams[0], m, &author);
		answer = (char)('A' + (int)author.fault);
	}
	message_free(&m);
	return answer;
}

static bool read_record(char *space, struct span *record_r)
{
	unsigned char length[2];
	size_t n;

	if (fread(length, 1, sizeof length, stdin) != sizeof length)
		return false;
	n = (size_t)length[0] << 8 | length[1];
	*record_r = span_make(space, n);
	return n > 0 && fread(space, 1, n, stdin) == n;
}

int main(int argc, char **argv)
{
	struct config_report report = { .text = BUF_INIT(65536) };
	struct snapshot *snapshot = NULL;
	static char space[65536];
	struct span record;
	int status = 1;

	if (argc != 2 || snapshot_load(argv[1], NULL, &report, &snapshot) != ERR_OK ||
	    report.errors > 0) {
		fprintf(stderr, "usage: judge_authors CONFIG\n%s", buf_cstr(&report.text));
		goto out;
	}
	while (read_record(space, &record))
		putchar(judge(snapshot, record));
	status = ferror(stdin) || fflush(stdout) != 0;
out:
	snapshot_unref(&snapshot);
	buf_free(&report.text);
	return status;
}
