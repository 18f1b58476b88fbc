/* rewrite_driver - a message on standard input through the library that finds and patches links.
 *
 *	rewrite_driver scan [-T]                    parts and links, as JSON
 *	rewrite_driver apply PREFIX [-Tcx] [-i MARKUP] [-a TEXT]
 *		the message, each http or https link that does not begin with PREFIX replaced by PREFIX
 *		and the hexadecimal octets of its URL
 *
 *	-T  plain text too        -c  long lines make a part quoted-printable
 *	-x  attributes data-no-track are removed, and their links left alone
 *	-i  MARKUP goes to the end of the first HTML part; -a TEXT to that of the first plain text
 *	-l N, -u N, -m N, -k N    links_max, url_max, part_max, attributes_max
 *
 * On standard error: microseconds of CPU for the work itself, and the peak of memory in octets. */
#include <time.h>
#include <unistd.h>

#include "mail_split.h"
#include "rewrite.h"

struct driver {
	struct rewrite_options options;
	const char *prefix, *markup, *text;
	bool attributes;
};

static struct mail_split mail; /* large */

static void print_string(struct span s)
{
	putchar('"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_scan(const struct rewrite *r)
{
	printf("{\"left_out\": %zu, \"parts\": [", r->links_left_out);
	for (size_t i = 0; i < r->part_count; i++) {
		const struct rewrite_part *p = &r->parts[i];

		printf("%s\n{\"head\": %zu, \"content\": %zu, \"end\": %zu, \"type\": ",
		    i > 0 ? "," : "", p->mime.head, p->mime.content, p->mime.end);
		print_string(p->mime.type);
		printf(", \"charset\": ");
		print_string(p->mime.charset);
		printf(", \"encoding\": %d, \"parent\": %d, \"skip\": \"%s\", \"trouble\": %s,"
		       " \"stopped\": %s, \"body_end\": %zu, \"usable\": %s}",
		    p->mime.encoding, p->mime.parent, mime_skip_text(p->mime.skip),
		    mime_skip_is_trouble(p->mime.skip) ? "true" : "false",
		    p->stopped ? "true" : "false", p->body_end,
		    p->body_end_usable ? "true" : "false");
	}
	printf("],\n\"links\": [");
	for (size_t i = 0; i < r->link_count; i++) {
		const struct rewrite_link *l = &r->links[i];

		printf("%s\n{\"part\": %u, \"kind\": \"%s\", \"start\": %zu, \"end\": %zu, "
		       "\"url\": ",
		    i > 0 ? "," : "", l->part, l->kind == REWRITE_HTML ? "html" : "text",
		    l->start, l->end);
		print_string(l->url);
		printf("}");
	}
	printf("]}\n");
}

static bool starts_nocase(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && span_eq_nocase(span_head(s, n), span_make(prefix, n));
}

/* False: the link keeps its URL. */
static bool remove_mark(struct rewrite *r, size_t link)
{
	struct html_attr attr;
	bool found = false;

	for (size_t at = 0; html_next_attr(r->links[link].tag, &at, &attr);) {
		struct span name =
		    span_make(r->links[link].tag.p + attr.name, attr.name_end - attr.name);

		if (!span_eq_nocase(name, SPAN("data-no-track")))
			continue;
		if (rewrite_remove_attr(r, link, &attr) != ERR_OK)
			exit(1);
		found = true;
	}
	return found;
}

static void edit(struct driver *d, struct rewrite *r)
{
	for (size_t i = 0; i < r->link_count; i++) {
		struct span url = r->links[i].url;
		struct buf out = BUF_INIT(1 << 16);

		if ((!starts_nocase(url, "http://") && !starts_nocase(url, "https://")) ||
		    starts_nocase(url, d->prefix))
			continue;
		if (d->attributes && r->links[i].kind == REWRITE_HTML && remove_mark(r, i))
			continue;
		buf_add_cstr(&out, d->prefix);
		for (size_t k = 0; k < url.n; k++)
			buf_printf(&out, "%02x", (unsigned char)url.p[k]);
		if (rewrite_replace(r, i, buf_span(&out)) != ERR_OK)
			exit(1);
		buf_free(&out);
	}
	for (size_t i = 0; i < r->part_count; i++) {
		const struct rewrite_part *p = &r->parts[i];
		const char **what = p->kind == REWRITE_HTML ? &d->markup : &d->text;

		if (*what == NULL || p->mime.skip != MIME_EDITABLE || p->text.n == 0 ||
		    !p->body_end_usable)
			continue;
		if (rewrite_insert(r, i, p->body_end, span_cstr(*what)) == ERR_OK)
			*what = NULL;
	}
}

static void print_message(bool quoted, struct span body)
{
	for (size_t i = 0; i < mail.header_count; i++) {
		const struct header *h = &mail.headers[i];

		if (quoted && span_eq_nocase(h->name, SPAN("Content-Transfer-Encoding")))
			continue;
		printf("%.*s:", SPAN_ARG(h->name));
		for (size_t k = 0; k < h->value.n; k++) {
			if (h->value.p[k] == '\n')
				putchar('\r');
			putchar(h->value.p[k]);
		}
		printf("\r\n");
	}
	if (quoted)
		printf("Content-Transfer-Encoding: quoted-printable\r\n");
	printf("\r\n");
	fwrite(body.p, 1, body.n, stdout);
}

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

static size_t number(const char *s)
{
	uint64_t n = 0;

	span_u64(span_cstr(s), &n);
	return (size_t)n;
}

static bool read_options(struct driver *d, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "Tcxi:a:l:u:m:k:")) != -1)
		switch (c) {
		case 'T': d->options.text = true; break;
		case 'c': d->options.convert = true; break;
		case 'x': d->attributes = true; break;
		case 'i': d->markup = optarg; break;
		case 'a': d->text = optarg; break;
		case 'l': d->options.limits.links_max = number(optarg); break;
		case 'u': d->options.limits.url_max = number(optarg); break;
		case 'm': d->options.limits.part_max = number(optarg); break;
		case 'k': d->options.limits.attributes_max = number(optarg); break;
		default: return false;
		}
	return optind < argc;
}

int main(int argc, char **argv)
{
	struct driver d = { .options = { .limits = REWRITE_LIMITS_DEFAULT, .html = true } };
	struct buf in = BUF_INIT(SIZE_MAX / 4), out = BUF_INIT(SIZE_MAX / 4);
	struct rewrite_outcome outcome = { 0 };
	struct rewrite *r = NULL;
	bool apply;
	double start;

	if (!read_options(&d, argc, argv))
		return 64;
	apply = strcmp(argv[optind], "apply") == 0;
	d.prefix = apply ? argv[optind + 1] : NULL;
	read_input(&in);
	if (!mail_split(buf_span(&in), false, &mail))
		return 1;
	buf_free(&in);
	start = cpu_us();
	if (rewrite_scan(mail.headers, mail.header_count, mail.body, &d.options, &r) != ERR_OK)
		return 1;
	if (apply) {
		edit(&d, r);
		if (rewrite_apply(r, &out, &outcome) != ERR_OK)
			return 1;
	}
	fprintf(stderr, "%.0f %ld\n", cpu_us() - start, peak_octets());
	if (apply)
		print_message(
		    outcome.root_quoted, outcome.changed ? buf_span(&out) : mail.body);
	else
		print_scan(r);
	rewrite_free(&r);
	buf_free(&out);
	mail_split_free(&mail);
	return 0;
}
