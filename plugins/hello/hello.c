/* hello - the smallest plug-in that does something: it greets in a header field, counts the lines
 * of the body, and refuses what its argument names as a subject. Builds with the installed header
 * alone:
 *
 *   cc -shared -fPIC -o hello.so hello.c
 */
#include <penguinmails/penguin_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT(literal) ((struct penguin_text){ (literal), sizeof(literal) - 1 })

/* What start makes and all hooks share: they only read it, so it needs no lock. */
struct hello {
	const struct penguin_host *host;
	const struct penguin_self *self;
	size_t unwanted_octets;
	char unwanted[256]; /* a subject */
};

static bool start(const struct penguin_host *host, const struct penguin_self *self,
    struct penguin_text argument, void **context_r)
{
	struct hello *h = calloc(1, sizeof *h);

	if (h == NULL || argument.n > sizeof h->unwanted) {
		host->log(self, TEXT("the argument is longer than a subject"));
		free(h);
		return false;
	}
	h->host = host;
	h->self = self;
	/* The argument is valid until we return: what is kept is copied. */
	h->unwanted_octets = argument.n;
	memcpy(h->unwanted, argument.n > 0 ? argument.p : "", argument.n);
	*context_r = h;
	return true;
}

static void stop(void *context)
{
	free(context);
}

static bool is_named(struct penguin_text name, const char *what)
{
	return name.n == strlen(what) && strncasecmp(name.p, what, name.n) == 0;
}

static enum penguin_answer headers(void *context, struct penguin_message *m)
{
	const struct hello *h = context;
	struct penguin_text name, value;

	for (size_t i = 0; h->host->field(m, i, &name, &value); i++) {
		while (value.n > 0 && value.p[0] == ' ') {
			value.p++;
			value.n--;
		}
		if (!is_named(name, "Subject") || h->unwanted_octets == 0 ||
		    value.n != h->unwanted_octets || memcmp(value.p, h->unwanted, value.n) != 0)
			continue;
		h->host->reply(m, TEXT("not with this subject"));
		return PENGUIN_REFUSE;
	}
	return PENGUIN_GO_ON;
}

static enum penguin_answer body(
    void *context, struct penguin_message *m, struct penguin_text octets)
{
	const struct hello *h = context;
	size_t *lines = h->host->keep(m, sizeof *lines);
	char text[64];
	int n;

	if (lines == NULL)
		return PENGUIN_GO_ON;
	for (size_t i = 0; i < octets.n; i++)
		*lines += octets.p[i] == '\n';
	if (octets.n > 0)
		return PENGUIN_GO_ON;
	n = snprintf(text, sizeof text, "lines=%zu", *lines);
	h->host->log(h->self, (struct penguin_text){ text, (size_t)n });
	return PENGUIN_GO_ON;
}

static enum penguin_answer before_sign(void *context, struct penguin_message *m)
{
	const struct hello *h = context;

	(void)h->host->add_field(m, TEXT("X-Hello"), h->host->fact(m, PENGUIN_TENANT));
	return PENGUIN_GO_ON;
}

const struct penguin_plugin *penguin_plugin(void)
{
	static const struct penguin_plugin hello = {
		.abi = PENGUIN_PLUGIN_ABI,
		.size = sizeof hello,
		.name = "hello",
		.does = PENGUIN_READS_BODY | PENGUIN_ADDS_FIELDS | PENGUIN_REFUSES,
		.start = start,
		.stop = stop,
		.headers = headers,
		.body = body,
		.before_sign = before_sign,
	};

	return &hello;
}
