/* providers - names to groups: by the longest suffix for hosts, exactly for domains. Knows no DNS
 * and no libconfig. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "config_index.h"
#include "domain.h"
#include "hash.h"
#include "providers.h"

struct providers {
	struct arena *arena;
	const char **groups; /* by number; in the arena, room for every line */
	size_t group_count;
	struct index names, hosts, domains; /* group names; suffixes; domains => group number */
};

/* ---- the file ---- */

struct parser {
	struct providers *p;
	const char *file;
	unsigned line;
	char *error;
	size_t size;
};

static enum err fail(const struct parser *s, enum err e, const char *what, struct span value)
{
	(void)snprintf(s->error, s->size, "%s:%u: %s%s%.*s%s", s->file, s->line, what,
	    value.n > 0 ? " \"" : "", SPAN_ARG(span_head(value, 80)), value.n > 0 ? "\"" : "");
	return e;
}

/* The next word of a line; false at its end or at a comment. */
static bool next_word(struct span *rest_io, struct span *word_r)
{
	size_t n = 0;

	*rest_io = span_trim(*rest_io);
	if (rest_io->n == 0 || rest_io->p[0] == '#')
		return false;
	while (n < rest_io->n && strchr(" \t\r\n#", rest_io->p[n]) == NULL)
		n++;
	*word_r = span_head(*rest_io, n);
	*rest_io = span_from(*rest_io, n);
	return n > 0;
}

static bool name_ok(struct span name)
{
	bool ok = name.n > 0 && name.n < PROVIDERS_NAME_MAX;

	for (size_t i = 0; ok && i < name.n; i++)
		ok = ascii_alpha(name.p[i]) || ascii_digit(name.p[i]) || name.p[i] == '_' ||
		     name.p[i] == '-';
	return ok;
}

static enum err find_group(struct parser *s, struct span name, uint32_t *group_r)
{
	struct providers *p = s->p;
	const struct index_entry *e = index_find(&p->names, name);
	const char *kept;

	if (e != NULL) {
		*group_r = e->owner;
		return ERR_OK;
	}
	if (!name_ok(name))
		return fail(s, ERR_SYNTAX, "not a name of a group:", name);
	kept = arena_dup(p->arena, name);
	if (kept == NULL || !index_add(&p->names, span_cstr(kept), (uint32_t)p->group_count, 0))
		return fail(s, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
	*group_r = (uint32_t)p->group_count;
	p->groups[p->group_count++] = kept;
	return ERR_OK;
}

static enum err add_name(
    struct parser *s, struct index *names, uint32_t group, struct span word)
{
	char canonical[DOMAIN_MAX];
	const char *kept;

	if (domain_canonical(word, canonical) != ERR_OK)
		return fail(s, ERR_SYNTAX, "not a domain name:", word);
	if (index_find(names, span_cstr(canonical)) != NULL)
		return fail(s, ERR_EXISTS, "stands in the file twice:", word);
	kept = arena_dup(s->p->arena, span_cstr(canonical));
	if (kept == NULL || !index_add(names, span_cstr(kept), group, 0))
		return fail(s, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
	return ERR_OK;
}

static enum err parse_line(struct parser *s, struct span line)
{
	struct span name, kind, word;
	struct index *names = NULL;
	uint32_t group = 0;
	size_t count = 0;
	enum err e;

	if (!next_word(&line, &name))
		return ERR_OK;
	if (!next_word(&line, &kind))
		kind = SPAN("");
	if (span_eq(kind, SPAN("mx")))
		names = &s->p->hosts;
	else if (span_eq(kind, SPAN("domain")))
		names = &s->p->domains;
	else
		return fail(
		    s, ERR_SYNTAX, "expected \"mx\" or \"domain\" after the group", kind);
	e = find_group(s, name, &group);
	for (; e == ERR_OK && next_word(&line, &word); count++)
		e = add_name(s, names, group, word);
	return e == ERR_OK && count == 0 ? fail(s, ERR_SYNTAX, "no names", SPAN("")) : e;
}

static size_t count_lines(struct span text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

enum err providers_parse(
    struct span text, const char *file, struct providers **p_r, char *error, size_t size)
{
	struct providers *p = calloc(1, sizeof *p);
	struct parser s = { p, file, 0, error, size };
	uint64_t seed = 0;
	struct span line;
	enum err e = ERR_NOMEM;

	*p_r = NULL;
	(void)snprintf(error, size, "%s: %s", file, err_text(ERR_NOMEM));
	if (p == NULL)
		return e;
	p->arena = arena_new((size_t)16 * PROVIDERS_OCTETS);
	if (p->arena != NULL)
		p->groups = arena_array(p->arena, count_lines(text), sizeof *p->groups);
	if (p->groups != NULL)
		e = random_octets(&seed, sizeof seed);
	index_init(&p->names, seed);
	index_init(&p->hosts, seed);
	index_init(&p->domains, seed);
	while (e == ERR_OK && span_next(&text, '\n', &line)) {
		s.line++;
		e = parse_line(&s, line);
	}
	if (e == ERR_OK)
		*p_r = p;
	else
		providers_free(&p);
	return e;
}

enum err providers_read(const char *path, struct providers **p_r, char *error, size_t size)
{
	struct buf text = BUF_INIT(PROVIDERS_OCTETS + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = fd < 0 ? err_from_errno(errno) : ERR_OK;
	ssize_t n = 1;

	*p_r = NULL;
	while (e == ERR_OK && n > 0) {
		if (!buf_reserve(&text, 4096)) {
			e = ERR_TOOBIG;
			break;
		}
		n = read(fd, text.p + text.n, 4096);
		if (n < 0)
			e = err_from_errno(errno);
		else
			text.n += (size_t)n;
	}
	if (e != ERR_OK)
		(void)snprintf(error, size, "%s: %s", path, err_text(e));
	else
		e = providers_parse(buf_span(&text), path, p_r, error, size);
	if (fd >= 0)
		close(fd);
	buf_free(&text);
	return e;
}

void providers_free(struct providers **p)
{
	if (*p == NULL)
		return;
	index_free(&(*p)->names);
	index_free(&(*p)->hosts);
	index_free(&(*p)->domains);
	arena_free(&(*p)->arena);
	free(*p);
	*p = NULL;
}

const char *providers_name(const struct providers *p, struct span group)
{
	const struct index_entry *e = index_find(&p->names, group);

	return e != NULL ? p->groups[e->owner] : NULL;
}

size_t providers_count(const struct providers *p)
{
	return p->hosts.count + p->domains.count;
}

/* ---- looking up ---- */

static const struct index_entry *find_suffix(const struct index *hosts, struct span name)
{
	const struct index_entry *e = NULL;

	while (e == NULL && name.n > 0) {
		e = index_find(hosts, name);
		name = span_from(name, span_find(name, '.', 0) + 1);
	}
	return e;
}

static int compare_names(const void *left, const void *right)
{
	const struct span *a = left, *b = right;
	int order = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);

	return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

/* In order, each once, digits masked; cut at the bound. */
static void put_site(const struct span *hosts, size_t count, struct buf *out)
{
	static const struct span prefix = { "site:", 5 };
	char space[PROVIDERS_HOSTS_MAX][DOMAIN_MAX];
	struct span sorted[PROVIDERS_HOSTS_MAX] = { { NULL, 0 } };
	size_t room = PROVIDERS_SITE_MAX - prefix.n;

	for (size_t i = 0; i < count; i++) {
		sorted[i] = span_make(space[i], span_head(hosts[i], DOMAIN_MAX - 1).n);
		for (size_t k = 0; k < sorted[i].n; k++)
			space[i][k] = ascii_digit(hosts[i].p[k]) ? '#' : hosts[i].p[k];
	}
	qsort(sorted, count, sizeof sorted[0], compare_names);
	buf_add_span(out, prefix);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && span_eq(sorted[i], sorted[i - 1]))
			continue;
		if (sorted[i].n + 1 > room)
			break;
		if (i > 0)
			buf_add_char(out, ',');
		buf_add_span(out, sorted[i]);
		room -= sorted[i].n + 1;
	}
}

void providers_of_hosts(
    const struct providers *p, const struct span *hosts, size_t count, struct buf *out)
{
	const struct index_entry *group = NULL;

	if (count > PROVIDERS_HOSTS_MAX)
		count = PROVIDERS_HOSTS_MAX;
	for (size_t i = 0; i < count; i++) {
		const struct index_entry *e = find_suffix(&p->hosts, hosts[i]);

		if (e == NULL || (i > 0 && e->owner != group->owner)) {
			put_site(hosts, count, out);
			return;
		}
		group = e;
	}
	if (group != NULL)
		buf_add_cstr(out, p->groups[group->owner]);
}

const char *providers_of_domain(const struct providers *p, struct span domain)
{
	const struct index_entry *e = index_find(&p->domains, domain);

	return e != NULL ? p->groups[e->owner] : NULL;
}
