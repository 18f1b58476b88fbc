/* cmd_rules - "rules": what is asked of a message, by whom, and what is done about a failure; for a
 * stream, with the modes that are in force there. */
#include "commands.h"
#include "rules.h"

/* Modes of one stream, or no stream: what the table says. */
struct modes {
	bool known;
	enum rule_mode at[RULE_COUNT];
};

static const struct stream *find_stream(const struct tenant *t, const char *name)
{
	for (size_t i = 0; i < t->stream_count; i++)
		if (name == NULL || strcmp(t->streams[i].name, name) == 0)
			return &t->streams[i];
	return NULL;
}

static int settle(struct ctl *ctl, const char *tenant, const char *stream, struct modes *m)
{
	const struct snapshot *s;
	const struct stream *found;
	const struct plan *plan;
	size_t index;
	int status = ctl_load(ctl);

	if (status != EX_OK)
		return status;
	s = ctl->snapshot;
	index = snapshot_find_tenant(s, span_cstr(tenant));
	if (index == TENANT_NONE) {
		ctl_error("no tenant \"%s\"", tenant);
		return EX_NOINPUT;
	}
	found = find_stream(snapshot_tenant(s, index), stream);
	if (found == NULL) {
		ctl_error("tenant \"%s\" has no stream \"%s\"", tenant, stream);
		return EX_NOINPUT;
	}
	plan = snapshot_plan(s, index);
	rules_settle(found->class,
	    found->class == CLASS_BULK ? plan->bulk_rules : plan->transactional_rules,
	    found->rules, m->at);
	m->known = true;
	return EX_OK;
}

static void put_row(struct report_table *t, enum rule_id id, const struct modes *m)
{
	const struct rule *r = rule_of(id);
	const char *bulk = rule_mode_text(r->bulk);
	const char *transactional = rule_mode_text(r->transactional);

	if (m->known) {
		const struct span cells[] = { span_cstr(r->id),
			span_cstr(rule_mode_text(m->at[id])), span_cstr(r->check) };

		report_row(t, cells, ARRAY_SIZE(cells));
	} else {
		const struct span cells[] = { span_cstr(r->id), span_cstr(bulk),
			span_cstr(transactional), span_cstr(rule_mode_text(r->least)),
			span_cstr(r->check) };

		report_row(t, cells, ARRAY_SIZE(cells));
	}
}

static void put_table(struct report *report, const struct modes *m)
{
	static const char *const general[] = { "rule", "bulk", "transactional", "least",
		"check", NULL };
	static const char *const settled[] = { "rule", "mode", "check", NULL };
	struct report_table *t = report_table(report, "rules");

	for (const char *const *name = m->known ? settled : general; *name != NULL; name++)
		report_column(t, span_cstr(*name), CELL_TEXT);
	for (size_t i = 0; i < RULE_COUNT; i++)
		put_row(t, (enum rule_id)i, m);
}

static void put_fields(struct report *report, enum rule_id id, const struct modes *m)
{
	const struct rule *r = rule_of(id);
	const struct {
		const char *name, *value;
	} fields[] = {
		{ "rule", r->id },
		{ "check", r->check },
		{ "repair", r->repair[0] != '\0' ? r->repair : "none" },
		{ "source", r->source },
		{ "code", r->code },
		{ "dsn", r->dsn },
		{ "failure", rule_severity_text(r->severity) },
		{ "bulk", rule_mode_text(r->bulk) },
		{ "transactional", rule_mode_text(r->transactional) },
		{ "least", rule_mode_text(r->least) },
		{ "mode", m->known ? rule_mode_text(m->at[id]) : NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].value != NULL)
			report_field(
			    report, fields[i].name, CELL_TEXT, span_cstr(fields[i].value));
}

int cmd_rules(struct ctl *ctl, const struct grammar_match *match)
{
	const char *word = grammar_slot(match, 0), *tenant = grammar_value(match, "tenant"),
		   *stream = grammar_value(match, "stream");
	enum rule_id id = word != NULL ? rule_find(span_cstr(word)) : RULE_COUNT;
	struct modes modes = { .known = false };
	struct report *report = NULL;
	int status = EX_OK;

	if (word != NULL && id == RULE_COUNT) {
		ctl_error("no rule \"%s\"", word);
		return EX_USAGE;
	}
	if (stream != NULL && tenant == NULL) {
		ctl_error("--stream needs --tenant");
		return EX_USAGE;
	}
	if (tenant != NULL)
		status = settle(ctl, tenant, stream, &modes);
	if (status != EX_OK)
		return status;
	report = report_new();
	if (report != NULL && word != NULL)
		put_fields(report, id, &modes);
	else if (report != NULL)
		put_table(report, &modes);
	status = ctl_print(ctl, &report);
	report_free(&report);
	return status;
}
