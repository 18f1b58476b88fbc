/* footer_driver - a message on standard input gets a footer, and goes to standard output.
 *
 *	footer_driver [ITEMS]      hexadecimal: FOOTER_BIT of what shall be there; all by default
 *
 * The facts are those of tests/lib/footer_case.h. On standard error: microseconds of CPU for the
 * work itself, the peak of memory in octets, and as JSON what was found and added, part by part. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "footer_case.h"

static struct mail_split mail; /* large */
static struct footer_case the_case;

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Of this program alone: getrusage(2) counts what its parent had before exec, too. */
static long peak_octets(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kib * 1024;
}

static void read_input(struct buf *in)
{
	ssize_t n;

	while (buf_reserve(in, 1 << 16) && (n = read(0, in->p + in->n, 1 << 16)) > 0)
		in->n += (size_t)n;
}

static void print_message(const struct footer_case *c)
{
	for (size_t i = 0; i < c->final_count; i++) {
		const struct header *h = &c->final[i];

		printf("%.*s:", SPAN_ARG(h->name));
		for (size_t k = 0; k < h->value.n; k++) {
			if (h->value.p[k] == '\n')
				putchar('\r');
			putchar(h->value.p[k]);
		}
		printf("\r\n");
	}
	printf("\r\n");
	fwrite(c->final_body.p, 1, c->final_body.n, stdout);
}

static void print_parts(const struct footer_case *c)
{
	fprintf(stderr, "[");
	for (size_t i = 0; i < c->footer.count; i++) {
		const struct footer_part *p = &c->footer.at[i];
		struct span type = c->r->parts[p->part].mime.type;

		fprintf(stderr,
		    "%s{\"html\": %s, \"found\": %u, \"added\": %u, \"unread\": \"%s\", "
		    "\"closed\": \"%s\"}",
		    i > 0 ? ", " : "", span_eq(type, SPAN("text/html")) ? "true" : "false",
		    p->found, p->added, p->unread != NULL ? p->unread : "",
		    p->closed != NULL ? p->closed : "");
	}
	fprintf(stderr, "]\n");
}

int main(int argc, char **argv)
{
	const struct rewrite_limits limits = REWRITE_LIMITS_DEFAULT;
	struct footer_case *c = &the_case;
	struct buf in = BUF_INIT(SIZE_MAX / 4);
	struct footer_facts facts;
	struct phrases *texts = footer_case_facts(&facts);
	unsigned items = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 16) : FOOTER_CASE_ALL;
	int status = 1;
	double start;

	read_input(&in);
	if (texts == NULL || !mail_split(buf_span(&in), false, &mail))
		goto out;
	buf_free(&in);
	c->out.max = SIZE_MAX / 4;
	c->headers = mail.headers;
	c->header_count = mail.header_count;
	c->body = mail.body;
	start = cpu_us();
	if (footer_case_look(c, &facts, limits) != ERR_OK ||
	    footer_case_add(c, &facts, items) != ERR_OK)
		goto out;
	fprintf(stderr, "%.0f %ld\n", cpu_us() - start, peak_octets());
	print_parts(c);
	print_message(c);
	status = 0;
out:
	footer_case_close(c);
	phrases_free(&texts);
	mail_split_free(&mail);
	buf_free(&in);
	return status;
}
