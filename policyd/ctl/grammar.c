/* grammar - reads a command line against a table of commands. Knows words, slots and options;
 * not what any command does. */
#include <limits.h>
#include <stdio.h>

#include "grammar.h"

#define DISTANCE_MAX 32 /* octets of a word that we suggest for */

/* ---- the words of a row ---- */

enum token_kind { TOKEN_WORD, TOKEN_SLOT, TOKEN_OPTIONAL, TOKEN_REPEATED, TOKEN_ANY };

static bool next_token(struct span *rest, struct span *token_r, enum token_kind *kind_r)
{
	if (!span_next(rest, ' ', token_r))
		return false;
	*kind_r = TOKEN_WORD;
	if (token_r->p[0] == '[')
		*kind_r = token_r->p[token_r->n - 1] == '.' ? TOKEN_ANY : TOKEN_OPTIONAL;
	else if (token_r->p[0] == '<')
		*kind_r = token_r->p[token_r->n - 1] == '.' ? TOKEN_REPEATED : TOKEN_SLOT;
	return true;
}

/* How many of the given words are the row's own first words; *complete_r when all of its are. */
static size_t common_words(
    const struct grammar_command *c, const char *const *words, size_t count, bool *complete_r)
{
	struct span rest = span_cstr(c->words), token;
	enum token_kind kind;
	size_t n = 0;

	*complete_r = true;
	while (next_token(&rest, &token, &kind) && kind == TOKEN_WORD) {
		if (n == count || !span_eq(token, span_cstr(words[n]))) {
			*complete_r = false;
			break;
		}
		n++;
	}
	return n;
}

/* The row's word at a position, or the empty span when a slot or nothing stands there. */
static struct span word_at(const struct grammar_command *c, size_t index)
{
	struct span rest = span_cstr(c->words), token;
	enum token_kind kind;

	for (size_t i = 0; next_token(&rest, &token, &kind) && kind == TOKEN_WORD; i++)
		if (i == index)
			return token;
	return (struct span){ "", 0 };
}

/* ---- did you mean ---- */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned grammar_distance(const char *a, const char *b)
{
	unsigned row[3][DISTANCE_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > DISTANCE_MAX || m > DISTANCE_MAX)
		return UINT_MAX;
	for (size_t j = 0; j <= m; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *now = row[i % 3], *before = row[(i - 1) % 3],
			 *earlier = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = least(now[j - 1] + 1, before[j] + 1,
			    before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    earlier[j - 2] + 1 < now[j])
				now[j] = earlier[j - 2] + 1;
		}
	}
	return row[n % 3][m];
}

/* The nearer of the best so far and candidate; a third of the word may be wrong, at least one
 * octet. */
static void consider(
    const char *given, struct span candidate, char best[DISTANCE_MAX + 1], unsigned *distance)
{
	char text[DISTANCE_MAX + 1];
	unsigned d, bound = (unsigned)strlen(given) / 3;

	if (candidate.n == 0 || !span_copy(candidate, text, sizeof text))
		return;
	d = grammar_distance(given, text);
	if (d <= (bound > 0 ? bound : 1) && d < *distance) {
		*distance = d;
		memcpy(best, text, sizeof text);
	}
}

static void say_did_you_mean(struct buf *error, const char *dashes, const char *best)
{
	if (best[0] != '\0')
		buf_printf(error, "; did you mean \"%s%s\"?", dashes, best);
}

/* ---- options ---- */

static const struct grammar_option *in_options(
    const struct grammar_option *list, struct span name, char letter)
{
	for (; list != NULL && list->name != NULL; list++)
		if (letter != 0 ? list->letter == letter : span_eq(span_cstr(list->name), name))
			return list;
	return NULL;
}

static const struct grammar_option *any_option(
    const struct grammar *g, struct span name, char letter)
{
	const struct grammar_option *o = in_options(g->options, name, letter);

	for (const struct grammar_command *c = g->commands; o == NULL && c->words != NULL; c++)
		o = in_options(c->options, name, letter);
	return o;
}

static void unknown_option(const struct grammar *g, struct span name, struct buf *error)
{
	char given[DISTANCE_MAX + 1], best[DISTANCE_MAX + 1] = "";
	unsigned distance = UINT_MAX;

	buf_printf(error, "unknown option \"--%.*s\"", SPAN_ARG(name));
	if (!span_copy(name, given, sizeof given))
		return;
	for (const struct grammar_option *o = g->options; o->name != NULL; o++)
		consider(given, span_cstr(o->name), best, &distance);
	for (const struct grammar_command *c = g->commands; c->words != NULL; c++)
		for (const struct grammar_option *o = c->options; o != NULL && o->name != NULL;
		     o++)
			consider(given, span_cstr(o->name), best, &distance);
	say_did_you_mean(error, "--", best);
}

static bool add_value(struct grammar_match *m, const struct grammar_option *o, const char *text,
    struct buf *error)
{
	if (m->value_count == GRAMMAR_VALUES_MAX) {
		buf_add_cstr(error, "too many options");
		return false;
	}
	m->values[m->value_count++] = (struct grammar_value){ o, text };
	return true;
}

static bool is_optional(const struct grammar_option *o)
{
	return o->argument != NULL && o->argument[0] == '[';
}

/* "--name", "--name=value", "--name value". */
static bool scan_long(const struct grammar *g, struct grammar_match *m, int argc,
    char *const argv[], int *i, struct buf *error)
{
	struct span all = span_cstr(argv[*i] + 2);
	size_t equals = span_find(all, '=', 0);
	struct span name = span_head(all, equals);
	const struct grammar_option *o = any_option(g, name, 0);
	const char *value = equals < all.n ? all.p + equals + 1 : NULL;

	if (o == NULL) {
		unknown_option(g, name, error);
		return false;
	}
	if (o->argument == NULL && value != NULL) {
		buf_printf(error, "option \"--%s\" takes no value", o->name);
		return false;
	}
	if (o->argument != NULL && value == NULL && !is_optional(o)) {
		if (*i + 1 >= argc) {
			buf_printf(error, "option \"--%s\" needs %s", o->name, o->argument);
			return false;
		}
		value = argv[++*i];
	}
	return add_value(m, o, value, error);
}

/* "-q", "-qv", "-cFILE", "-c FILE". */
static bool scan_short(const struct grammar *g, struct grammar_match *m, int argc,
    char *const argv[], int *i, struct buf *error)
{
	for (const char *p = argv[*i] + 1; *p != '\0'; p++) {
		const struct grammar_option *o = any_option(g, SPAN(""), *p);
		const char *value = p[1] != '\0' ? p + 1 : NULL;

		if (o == NULL) {
			buf_printf(error, "unknown option \"-%c\"", *p);
			return false;
		}
		if (o->argument == NULL) {
			if (!add_value(m, o, NULL, error))
				return false;
			continue;
		}
		if (value == NULL && *i + 1 >= argc) {
			buf_printf(error, "option \"-%c\" needs %s", *p, o->argument);
			return false;
		}
		return add_value(m, o, value != NULL ? value : argv[++*i], error);
	}
	return true;
}

bool grammar_scan(const struct grammar *g, int argc, char *const argv[], const char **words,
    struct grammar_match *match_r, struct buf *error)
{
	bool options = true;

	*match_r = (struct grammar_match){ .words = words };
	for (int i = 1; i < argc; i++) {
		if (!options || argv[i][0] != '-' || argv[i][1] == '\0') {
			words[match_r->word_count++] = argv[i];
		} else if (strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (argv[i][1] == '-') {
			if (!scan_long(g, match_r, argc, argv, &i, error))
				return false;
		} else if (!scan_short(g, match_r, argc, argv, &i, error)) {
			return false;
		}
	}
	return true;
}

/* ---- commands ---- */

static void no_such_command(
    const struct grammar *g, const struct grammar_match *m, size_t good, struct buf *error)
{
	char best[DISTANCE_MAX + 1] = "";
	unsigned distance = UINT_MAX;
	struct span last = { "", 0 };
	const char *between = "";
	bool complete;

	if (m->word_count > good) {
		buf_printf(error, "unknown command \"%s\"", m->words[good]);
		for (const struct grammar_command *c = g->commands; c->words != NULL; c++)
			if (common_words(c, m->words, m->word_count, &complete) == good)
				consider(m->words[good], word_at(c, good), best, &distance);
		say_did_you_mean(error, "", best);
	} else {
		buf_add_cstr(error, "a command is missing");
	}
	if (best[0] != '\0')
		return;
	buf_add_cstr(error, " (");
	for (const struct grammar_command *c = g->commands; c->words != NULL; c++) {
		struct span word = word_at(c, good);

		if (common_words(c, m->words, m->word_count, &complete) != good ||
		    word.n == 0 || span_eq(word, last))
			continue;
		buf_printf(error, "%s%.*s", between, SPAN_ARG(word));
		between = ", ";
		last = word;
	}
	buf_add_char(error, ')');
}

static bool check_slots(struct grammar_match *m, size_t words, struct buf *error)
{
	struct span rest = span_cstr(m->command->words), token;
	enum token_kind kind;
	size_t given = m->word_count - words, used = 0;

	while (next_token(&rest, &token, &kind)) {
		if (kind == TOKEN_WORD)
			continue;
		if ((kind == TOKEN_SLOT || kind == TOKEN_REPEATED) && used == given) {
			buf_printf(error, "%.*s is missing (usage: %s)", SPAN_ARG(token),
			    m->command->words);
			return false;
		}
		if (kind == TOKEN_REPEATED || kind == TOKEN_ANY)
			used = given;
		else if (used < given)
			used++;
	}
	if (used < given) {
		buf_printf(error, "\"%s\" is one word too many (usage: %s)",
		    m->words[words + used], m->command->words);
		return false;
	}
	m->slots = m->words + words;
	m->slot_count = given;
	return true;
}

static bool check_options(
    const struct grammar *g, const struct grammar_match *m, struct buf *error)
{
	for (size_t i = 0; i < m->value_count; i++) {
		struct span name = span_cstr(m->values[i].option->name);

		if (in_options(g->options, name, 0) != NULL ||
		    in_options(m->command->options, name, 0) != NULL)
			continue;
		buf_printf(error, "option \"--%.*s\" does not go with this command (%s)",
		    SPAN_ARG(name), m->command->words);
		return false;
	}
	return true;
}

bool grammar_find(const struct grammar *g, struct grammar_match *match, struct buf *error)
{
	size_t good = 0, best = 0;
	bool complete;

	for (const struct grammar_command *c = g->commands; c->words != NULL; c++) {
		size_t n = common_words(c, match->words, match->word_count, &complete);

		good = n > good ? n : good;
		if (complete && n > best) {
			best = n;
			match->command = c;
		}
	}
	if (match->command == NULL) {
		no_such_command(g, match, good, error);
		return false;
	}
	return check_slots(match, best, error) && check_options(g, match, error);
}

const char *grammar_value(const struct grammar_match *match, const char *option)
{
	for (size_t i = match->value_count; i-- > 0;)
		if (strcmp(match->values[i].option->name, option) == 0)
			return match->values[i].text;
	return NULL;
}

bool grammar_has(const struct grammar_match *match, const char *option)
{
	for (size_t i = 0; i < match->value_count; i++)
		if (strcmp(match->values[i].option->name, option) == 0)
			return true;
	return false;
}

const char *grammar_slot(const struct grammar_match *match, size_t index)
{
	return index < match->slot_count ? match->slots[index] : NULL;
}

/* ---- what the table says about itself ---- */

static void help_options(const struct grammar_option *o, struct buf *out)
{
	for (; o != NULL && o->name != NULL; o++) {
		char left[64] = "    ";
		struct buf text = BUF_INIT(256);

		if (o->letter != 0)
			(void)snprintf(left, sizeof left, "-%c, ", o->letter);
		buf_printf(&text, "%s--%s%s%s", left, o->name,
		    o->argument != NULL && !is_optional(o) ? " " : "",
		    o->argument != NULL ? o->argument : "");
		buf_printf(out, "  %-30s %s\n", buf_cstr(&text), o->help);
		buf_free(&text);
	}
}

bool grammar_help(
    const struct grammar *g, const char *const *words, size_t word_count, struct buf *out)
{
	const struct grammar_command *only = NULL;
	size_t found = 0;
	bool complete;

	for (const struct grammar_command *c = g->commands; c->words != NULL; c++)
		if (common_words(c, words, word_count, &complete) == word_count || complete)
			found++;
	if (found == 0)
		return false;
	if (word_count == 0)
		buf_printf(out, "%s - %s\n\n", g->program, g->summary);
	buf_printf(out, "usage: %s [options] command\n\n", g->program);
	for (const struct grammar_command *c = g->commands; c->words != NULL; c++) {
		if (common_words(c, words, word_count, &complete) != word_count && !complete)
			continue;
		buf_printf(out, "  %-48s %s\n", c->words, c->help);
		only = c;
	}
	if (found == 1 && only->options != NULL) {
		buf_add_cstr(out, "\noptions of this command:\n");
		help_options(only->options, out);
	}
	buf_add_cstr(out, "\noptions of every command:\n");
	help_options(g->options, out);
	if (found > 1)
		buf_printf(out, "\n\"%s COMMAND --help\" tells a command's own options.\n",
		    g->program);
	return true;
}

static void completion_options(const struct grammar_option *o, struct buf *out)
{
	for (; o != NULL && o->name != NULL; o++)
		buf_printf(out, " --%s", o->name);
}

void grammar_completion(const struct grammar *g, struct buf *out)
{
	buf_printf(out,
	    "# bash completion for %s; made from its own grammar\n"
	    "_%s()\n{\n"
	    "\tlocal w words=\"\" i cur=\"${COMP_WORDS[COMP_CWORD]}\" list=\"\"\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tw=\"${COMP_WORDS[i]}\"\n"
	    "\t\tcase \"$w\" in -*) ;; *) words=\"$words $w\" ;; esac\n"
	    "\tdone\n"
	    "\tcase \"$words\" in\n",
	    g->program, g->program);
	for (const struct grammar_command *c = g->commands; c->words != NULL; c++) {
		size_t n = 0;

		buf_add_cstr(out, "\t\"");
		for (; word_at(c, n).n > 0; n++)
			buf_printf(out, " %.*s", SPAN_ARG(word_at(c, n)));
		buf_add_cstr(out, "\"*) list=\"");
		completion_options(c->options, out);
		completion_options(g->options, out);
		buf_add_cstr(out, "\" ;;\n");
	}
	for (const struct grammar_command *c = g->commands; c->words != NULL; c++) {
		struct span first = word_at(c, 0);

		if (word_at(c, 1).n == 0 ||
		    (c > g->commands && span_eq(first, word_at(c - 1, 0))))
			continue;
		buf_printf(out, "\t\" %.*s\") list=\"", SPAN_ARG(first));
		for (const struct grammar_command *d = g->commands; d->words != NULL; d++)
			if (span_eq(first, word_at(d, 0)))
				buf_printf(out, " %.*s", SPAN_ARG(word_at(d, 1)));
		buf_add_cstr(out, "\" ;;\n");
	}
	buf_add_cstr(out, "\t\"\") list=\"");
	for (const struct grammar_command *c = g->commands; c->words != NULL; c++)
		if (c == g->commands || !span_eq(word_at(c, 0), word_at(c - 1, 0)))
			buf_printf(out, " %.*s", SPAN_ARG(word_at(c, 0)));
	completion_options(g->options, out);
	buf_printf(out,
	    "\" ;;\n\tesac\n"
	    "\tmapfile -t COMPREPLY < <(compgen -o default -W \"$list\" -- \"$cur\")\n"
	    "}\ncomplete -F _%s %s\n",
	    g->program, g->program);
}
