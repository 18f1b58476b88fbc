/* findings - collects what checks found and turns it into a table and an exit status. Knows no
 * check. */
#include <sysexits.h>

#include "buf.h"
#include "findings.h"

#define FINDINGS_OCTETS_MAX ((size_t)64 << 20)
#define FINDINGS_MAX        2000 /* kept; more are counted */

bool findings_init(struct findings *f)
{
	*f = (struct findings){ .arena = arena_new(FINDINGS_OCTETS_MAX) };
	f->last = &f->first;
	return f->arena != NULL;
}

void findings_deinit(struct findings *f)
{
	arena_free(&f->arena);
}

static struct span keep(struct findings *f, struct span text)
{
	const char *p = arena_dup(f->arena, text);

	return p != NULL ? span_make(p, text.n) : SPAN("");
}

void findings_add(struct findings *f, enum severity severity, struct span subject,
    const char *fix, const char *format, ...)
{
	struct buf text = BUF_INIT(8192);
	struct finding *one;
	va_list ap;

	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	for (one = f->first; one != NULL; one = one->next)
		if (span_eq(one->subject, subject) && span_eq(one->fact, buf_span(&text)))
			goto out;
	f->errors += severity == SEVERITY_ERROR;
	f->warnings += severity == SEVERITY_WARNING;
	one =
	    f->errors + f->warnings <= FINDINGS_MAX ? arena_alloc(f->arena, sizeof *one) : NULL;
	if (one == NULL)
		goto out;
	*one = (struct finding){ severity, keep(f, subject), keep(f, buf_span(&text)),
		keep(f, span_cstr(fix)), NULL };
	*f->last = one;
	f->last = &one->next;
out:
	buf_free(&text);
}

void findings_report(const struct findings *f, bool all, struct report *report)
{
	static const char *const words[] = {
		[SEVERITY_OK] = "ok",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_ERROR] = "error",
	};
	static const char *const columns[] = { "severity", "subject", "fact", "fix" };
	struct report_table *t = report_table(report, "findings");

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		report_column(t, span_cstr(columns[i]), report_kind(span_cstr(columns[i])));
	for (const struct finding *one = f->first; one != NULL; one = one->next) {
		struct span row[] = { span_cstr(words[one->severity]), one->subject, one->fact,
			one->fix };

		if (all || one->severity != SEVERITY_OK)
			report_row(t, row, ARRAY_SIZE(row));
	}
}

int findings_status(const struct findings *f)
{
	return f->errors > 0 ? EX_CONFIG : f->warnings > 0 ? 1 : EX_OK;
}
