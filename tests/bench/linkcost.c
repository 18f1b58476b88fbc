/*
 * linkcost - what it costs in process to find all links of a message and put others in their
 * place; and what Gumbo takes to parse its HTML, which changes nothing yet.
 *
 *   linkcost -m ours|gumbo -f MESSAGE.eml [-n links] [-T seconds] [-l label]
 *
 *   -n N    there must be so many links
 */
#include "lab.h"
#include <gumbo.h>

#include "mail_split.h"
#include "rewrite.h"

/* As long as a link with a token is. */
static const char target[] =
    "https://click.d0.example/c/"
    "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_"
    "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdEfGhIjKlMnOpQrStUvWxYz";
static const struct rewrite_options options = { .limits = REWRITE_LIMITS_DEFAULT,
	.html = true };
static struct mail_split mail;

static struct rewrite *scan(void)
{
	struct rewrite *r;

	if (rewrite_scan(mail.headers, mail.header_count, mail.body, &options, &r) != ERR_OK)
		die("scan");
	return r;
}

static size_t one_rewrite(void)
{
	struct rewrite *r = scan();
	struct buf out = BUF_INIT(SIZE_MAX / 4);
	struct rewrite_outcome outcome;

	for (size_t i = 0; i < r->link_count; i++)
		if (rewrite_replace(r, i, span_cstr(target)) != ERR_OK)
			die("replace");
	if (rewrite_apply(r, &out, &outcome) != ERR_OK || !outcome.changed)
		die("apply");
	buf_free(&out);
	rewrite_free(&r);
	return outcome.links_replaced;
}

static void one_parse(struct span html)
{
	GumboOutput *page = gumbo_parse_with_options(&kGumboDefaultOptions, html.p, html.n);

	gumbo_destroy_output(&kGumboDefaultOptions, page);
}

static void read_mail(const char *path)
{
	struct buf in = BUF_INIT(SIZE_MAX / 4);
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		die("%s: %s", path, strerror(errno));
	while (buf_reserve(&in, 1 << 16) && (n = fread(in.p + in.n, 1, 1 << 16, f)) > 0)
		in.n += n;
	fclose(f);
	if (!mail_split(buf_span(&in), true, &mail))
		die("out of memory");
	buf_free(&in);
}

/* The first HTML part; r owns it. */
static struct span html_of(const struct rewrite *r)
{
	for (size_t i = 0; i < r->part_count; i++)
		if (r->parts[i].kind == REWRITE_HTML && r->parts[i].text.n > 0)
			return r->parts[i].text;
	die("no HTML");
}

int main(int argc, char **argv)
{
	const char *mode = "ours", *label = "-", *path = NULL;
	double limit = 1, secs;
	size_t wanted = 0, replaced;
	struct rewrite *r;
	struct meter m = { 0 };
	struct span html;
	long ops = 0;
	uint64_t end;
	int opt;

	while ((opt = getopt(argc, argv, "m:f:n:T:l:")) != -1)
		switch (opt) {
		case 'm': mode = optarg; break;
		case 'f': path = optarg; break;
		case 'n': wanted = strtoul(optarg, NULL, 10); break;
		case 'T': limit = strtod(optarg, NULL); break;
		case 'l': label = optarg; break;
		default: return 2;
		}
	if (path == NULL)
		die("usage: linkcost -m ours|gumbo -f MESSAGE.eml [options], see the source");
	read_mail(path);
	r = scan();
	html = html_of(r);
	replaced = one_rewrite();
	if (wanted > 0 && replaced != wanted)
		die("%zu links, not %zu", replaced, wanted);
	meter_start(&m);
	for (end = now_ns() + (uint64_t)(limit * 1e9); now_ns() < end; ops++)
		if (strcmp(mode, "gumbo") == 0)
			one_parse(html);
		else
			one_rewrite();
	printf("RESULT label=%s links=%zu octets=%zu", label, replaced, html.n);
	secs = meter_print(&m, (double)ops);
	printf(" ops=%.0f failed=0 unfinished=0\n", (double)ops / secs);
	rewrite_free(&r);
	mail_split_free(&mail);
	return 0;
}
