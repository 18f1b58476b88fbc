/* diff - compares two texts line by line (longest common subsequence) and writes hunks with three
 * lines around them. Knows nothing of what the texts mean. */
#include "diff.h"

#define CONTEXT   3
#define CELLS_MAX ((size_t)16 << 20) /* of the table; larger changes become one hunk */

struct lines {
	struct span *at;
	size_t n;
};

struct edit {
	char sign; /* ' ', '-', '+' */
	struct span line;
};

struct edits {
	struct edit *at;
	size_t n;
};

static bool split(struct span text, struct lines *l)
{
	size_t n = 0, start = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	l->at = calloc(n + 1, sizeof *l->at);
	l->n = 0;
	if (l->at == NULL)
		return false;
	while (start < text.n) {
		size_t end = span_find(text, '\n', start);

		end = end < text.n ? end + 1 : end;
		l->at[l->n++] = span_make(text.p + start, end - start);
		start = end;
	}
	return true;
}

static void push(struct edits *e, char sign, struct span line)
{
	e->at[e->n++] = (struct edit){ sign, line };
}

/* The changed middle of both texts: a[0..n) and b[0..m). */
static void compare(
    struct edits *e, const struct span *a, size_t n, const struct span *b, size_t m)
{
	unsigned *length = NULL; /* [i][j]: common lines of a[i..] and b[j..] */
	size_t i = 0, j = 0, w = m + 1;

	if (n > 0 && m > 0 && (n + 1) * w <= CELLS_MAX)
		length = calloc((n + 1) * w, sizeof *length);
	if (length != NULL) {
		for (i = n; i-- > 0;)
			for (j = m; j-- > 0;) {
				unsigned down = length[(i + 1) * w + j];
				unsigned right = length[i * w + j + 1];

				length[i * w + j] = span_eq(a[i], b[j])
							? length[(i + 1) * w + j + 1] + 1
						    : down > right ? down
								   : right;
			}
		for (i = j = 0; i < n && j < m;) {
			if (span_eq(a[i], b[j])) {
				push(e, ' ', a[i++]);
				j++;
			} else if (length[(i + 1) * w + j] >= length[i * w + j + 1]) {
				push(e, '-', a[i++]);
			} else {
				push(e, '+', b[j++]);
			}
		}
	}
	while (i < n)
		push(e, '-', a[i++]);
	while (j < m)
		push(e, '+', b[j++]);
	free(length);
}

static void print_hunk(
    struct buf *out, const struct edit *at, size_t n, size_t old_line, size_t new_line)
{
	size_t removed = 0, added = 0;

	for (size_t i = 0; i < n; i++) {
		removed += at[i].sign != '+';
		added += at[i].sign != '-';
	}
	/* An empty range names the line before it. */
	buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", old_line - (removed == 0), removed,
	    new_line - (added == 0), added);
	for (size_t i = 0; i < n; i++) {
		buf_add_char(out, at[i].sign);
		buf_add_span(out, at[i].line);
		if (at[i].line.n == 0 || at[i].line.p[at[i].line.n - 1] != '\n')
			buf_add_cstr(out, "\n\\ No newline at end of file\n");
	}
}

static void print_hunks(struct buf *out, const struct edits *e)
{
	size_t old_line = 1, new_line = 1, i = 0;

	while (i < e->n) {
		size_t start, end = i, last = i;

		while (i < e->n && e->at[i].sign == ' ')
			i++;
		if (i == e->n)
			return;
		start = i - end > CONTEXT ? i - CONTEXT : end;
		old_line += start - end;
		new_line += start - end;
		for (last = i; i < e->n && i - last <= 2 * CONTEXT; i++)
			if (e->at[i].sign != ' ')
				last = i;
		end = last + 1 + CONTEXT < e->n ? last + 1 + CONTEXT : e->n;
		print_hunk(out, e->at + start, end - start, old_line, new_line);
		for (i = start; i < end; i++) {
			old_line += e->at[i].sign != '+';
			new_line += e->at[i].sign != '-';
		}
	}
}

void diff_unified(struct buf *out, const char *name, struct span before, struct span after)
{
	struct lines a = { 0 }, b = { 0 };
	struct edits e = { 0 };
	size_t head = 0, tail = 0;

	if (span_eq(before, after))
		return;
	if (!split(before, &a) || !split(after, &b) ||
	    (e.at = calloc(a.n + b.n + 1, sizeof *e.at)) == NULL) {
		out->failed = true;
		goto out;
	}
	while (head < a.n && head < b.n && span_eq(a.at[head], b.at[head]))
		push(&e, ' ', a.at[head++]);
	while (tail < a.n - head && tail < b.n - head &&
	       span_eq(a.at[a.n - 1 - tail], b.at[b.n - 1 - tail]))
		tail++;
	compare(&e, a.at + head, a.n - head - tail, b.at + head, b.n - head - tail);
	for (size_t i = a.n - tail; i < a.n; i++)
		push(&e, ' ', a.at[i]);
	buf_printf(out, "--- %s\n+++ %s\n", name, name);
	print_hunks(out, &e);
out:
	free(e.at);
	free(b.at);
	free(a.at);
}
