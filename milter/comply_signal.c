/* comply_signal - rules S: what mail says about itself to those who receive it. Knows no lists. */
#include "comply_rules.h"
#include "field.h"

#define FEEDBACK_FIELDS 4

static enum err put_word(struct comply *c, const char *name, struct span word)
{
	struct span value;
	struct field f;
	enum err e;

	field_begin(&f, name);
	field_word(&f, word);
	e = field_end(&f, c->draft.arena, &value);
	return e == ERR_OK ? draft_replace(&c->draft, name, value) : e;
}

static const struct provider *provider(const struct comply *c)
{
	return snapshot_provider(c->facts.snapshot);
}

/* ---- S01, S02 ---- */

struct found s01_find(const struct comply *c)
{
	const struct header *h = comply_first(c, "Precedence");

	if (c->facts.class == CLASS_BULK)
		return h == NULL ? BECAUSE(REPAIRABLE, "no Precedence: bulk") : FINE;
	return h != NULL ? BECAUSE(REPAIRABLE, "Precedence on transactional mail") : FINE;
}

enum err s01_fix(struct comply *c)
{
	if (c->facts.class == CLASS_BULK)
		return draft_add(&c->draft, "Precedence", SPAN(" bulk"));
	draft_drop_all(&c->draft, SPAN("Precedence"));
	return ERR_OK;
}

/* "no", or a word with parameters behind it. */
static bool says_automatic(const struct header *h)
{
	struct span word = span_trim(h->value);

	word = span_trim(span_head(word, span_find(word, ';', 0)));
	return !span_eq_nocase(word, SPAN("no"));
}

struct found s02_find(const struct comply *c)
{
	const struct header *h = comply_first(c, "Auto-Submitted");

	if (c->facts.class != CLASS_BULK)
		return h == NULL ? BECAUSE(REPAIRABLE, "no Auto-Submitted") : FINE;
	return h != NULL && says_automatic(h) ? BECAUSE(FLAW, "Auto-Submitted on bulk mail")
					      : FINE;
}

enum err s02_fix(struct comply *c)
{
	return draft_add(&c->draft, "Auto-Submitted", SPAN(" auto-generated"));
}

/* ---- S03: Feedback-ID ---- */

/* "a:b:c:SenderId", read from the right; a field that is there twice would count twice. */
static const char *judge_feedback_id(struct span id)
{
	struct span at[FEEDBACK_FIELDS], field;
	size_t n = 0;

	while (span_next(&id, ':', &field)) {
		if (n == FEEDBACK_FIELDS)
			return "Feedback-ID with more than four fields";
		for (size_t i = 0; i < n; i++)
			if (field.n > 0 && span_eq(at[i], field))
				return "Feedback-ID that names something twice";
		at[n++] = field;
	}
	if (n == 0 || at[n - 1].n < 5 || at[n - 1].n > 15)
		return "Feedback-ID without a sender id of 5 to 15 characters";
	return NULL;
}

struct found s03_find(const struct comply *c)
{
	const struct header *h = comply_first(c, "Feedback-ID");
	const char *why;

	if (h == NULL)
		return provider(c)->compliance.sender_id[0] != '\0'
			   ? BECAUSE(REPAIRABLE, "no Feedback-ID header field")
			   : FINE;
	why = judge_feedback_id(span_trim(h->value));
	return why != NULL ? BECAUSE(FLAW, why) : FINE;
}

/* stream.tenant:tenant:class:sender id. The first names the stream of one tenant, as each field is
 * counted by itself; one that would say the same as another stays empty. */
enum err s03_fix(struct comply *c)
{
	const char *sender_id = provider(c)->compliance.sender_id;
	const char *tenant = snapshot_tenant(c->facts.snapshot, c->facts.tenant)->name;
	const char *class = stream_class_text(c->facts.class);
	struct buf id = BUF_INIT(512);
	enum err e;

	if (strcmp(class, sender_id) == 0)
		class = "";
	buf_printf(&id, "%s.%s:%s:%s:%s", c->facts.stream->name, tenant,
	    strcmp(tenant, class) == 0 || strcmp(tenant, sender_id) == 0 ? "" : tenant, class,
	    sender_id);
	e = put_word(c, "Feedback-ID", buf_span(&id));
	buf_free(&id);
	return e;
}

/* ---- S04, S05: complaints by mail ---- */

static const char *complaint_address(const struct comply *c)
{
	return c->facts.signer != NULL ? c->facts.signer->complaint_address : NULL;
}

static struct span complaint_words(const struct comply *c)
{
	struct buf text = BUF_INIT(1024);
	struct span s;

	buf_printf(&text, "%s;", complaint_address(c));
	s = span_make(arena_dup(c->draft.arena, buf_span(&text)), text.n);
	buf_free(&text);
	return s.p != NULL ? s : SPAN("");
}

/* Does the field consist of these words, folded in whatever way? */
static bool says(
    const struct comply *c, const char *name, const struct span *words, size_t count)
{
	const struct header *h = comply_first(c, name);
	struct span rest;

	if (h == NULL || comply_has_two(c, name))
		return false;
	rest = h->value;
	for (size_t i = 0; i < count; i++) {
		rest = span_trim(rest);
		if (!span_starts(rest, words[i]))
			return false;
		rest = span_from(rest, words[i].n);
	}
	return span_trim(rest).n == 0;
}

struct found s04_find(const struct comply *c)
{
	struct span words[] = { SPAN(""), SPAN("report=arf") };

	if (complaint_address(c) == NULL)
		return FINE;
	words[0] = complaint_words(c);
	return says(c, "CFBL-Address", words, 2)
		   ? FINE
		   : BECAUSE(REPAIRABLE, "no CFBL-Address of ours");
}

enum err s04_fix(struct comply *c)
{
	struct span value;
	struct field f;
	enum err e;

	field_begin(&f, "CFBL-Address");
	field_word(&f, complaint_words(c));
	field_word(&f, SPAN("report=arf"));
	e = field_end(&f, c->draft.arena, &value);
	return e == ERR_OK ? draft_replace(&c->draft, "CFBL-Address", value) : e;
}

struct found s05_find(const struct comply *c)
{
	bool wanted = complaint_address(c) != NULL && c->facts.complaint_id.n > 0;

	if (complaint_address(c) == NULL)
		return FINE;
	if (!wanted)
		return comply_first(c, "CFBL-Feedback-ID") != NULL
			   ? BECAUSE(REPAIRABLE, "a CFBL-Feedback-ID that is not ours")
			   : FINE;
	return says(c, "CFBL-Feedback-ID", &c->facts.complaint_id, 1)
		   ? FINE
		   : BECAUSE(REPAIRABLE, "no CFBL-Feedback-ID of ours");
}

enum err s05_fix(struct comply *c)
{
	if (c->facts.complaint_id.n > 0)
		return put_word(c, "CFBL-Feedback-ID", c->facts.complaint_id);
	draft_drop_all(&c->draft, SPAN("CFBL-Feedback-ID"));
	return ERR_OK;
}

/* ---- S06, S07 ---- */

struct found s06_find(const struct comply *c)
{
	return comply_first(c, "TLS-Required") != NULL
		   ? BECAUSE(REPAIRABLE, "TLS-Required is not a client's to set")
		   : FINE;
}

enum err s06_fix(struct comply *c)
{
	draft_drop_all(&c->draft, SPAN("TLS-Required"));
	return ERR_OK;
}

struct found s07_find(const struct comply *c)
{
	struct span wanted = span_cstr(provider(c)->compliance.csa_complaints);

	if (wanted.n == 0)
		return comply_first(c, "X-CSA-Complaints") != NULL
			   ? BECAUSE(REPAIRABLE, "X-CSA-Complaints where no membership is set")
			   : FINE;
	return says(c, "X-CSA-Complaints", &wanted, 1)
		   ? FINE
		   : BECAUSE(REPAIRABLE, "no X-CSA-Complaints as configured");
}

enum err s07_fix(struct comply *c)
{
	struct span wanted = span_cstr(provider(c)->compliance.csa_complaints);

	if (wanted.n > 0)
		return put_word(c, "X-CSA-Complaints", wanted);
	draft_drop_all(&c->draft, SPAN("X-CSA-Complaints"));
	return ERR_OK;
}

/* ---- S08: honesty, as far as it can be read off ---- */

static bool plays_answer(struct span subject)
{
	static const char *const prefixes[] = { "re:", "fwd:", "fw:", "aw:", "wg:" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (span_eq_nocase(
			span_head(subject, strlen(prefixes[i])), span_cstr(prefixes[i])))
			return true;
	return false;
}

/* An '@' in what stands before the address, and it is not the address itself. */
static bool names_another(const struct header *from)
{
	struct mailbox_list list;
	struct span name, address;
	size_t at, start;

	if (mailbox_parse_list(from->value, &list) != ERR_OK || list.count != 1)
		return false;
	address = list.at[0].domain;
	name = span_head(from->value, (size_t)(list.at[0].local.p - from->value.p));
	for (at = span_find(name, '@', 0); at < name.n; at = span_find(name, '@', at + 1)) {
		start = at + 1;
		if (!span_eq_nocase(span_head(span_from(name, start), address.n), address))
			return true;
	}
	return false;
}

struct found s08_find(const struct comply *c)
{
	const struct header *subject = comply_first(c, "Subject");
	const struct header *from = comply_first(c, "From");

	if (subject != NULL && plays_answer(span_trim(subject->value)) &&
	    comply_first(c, "In-Reply-To") == NULL && comply_first(c, "References") == NULL)
		return BECAUSE(FLAW, "Subject plays an answer to nothing");
	if (from != NULL && names_another(from))
		return BECAUSE(FLAW, "the display name of From has another address");
	return FINE;
}
