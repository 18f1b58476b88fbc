/* message - what one message consists of, and what shall be changed in it. Knows neither the milter
 * protocol nor tenants nor keys. */
#include <stdlib.h>

#include "field.h"
#include "message.h"

struct message *message_new(struct span sender, struct span login, struct span client)
{
	struct message *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->arena = arena_new(MESSAGE_ARENA_MAX);
	if (m->arena == NULL)
		goto fail;
	m->sender = span_make(arena_dup(m->arena, sender), sender.n);
	m->login = span_make(arena_dup(m->arena, login), login.n);
	m->client = span_make(arena_dup(m->arena, client), client.n);
	if (m->sender.p == NULL || m->login.p == NULL || m->client.p == NULL)
		goto fail;
	m->queue_id = SPAN("");
	buf_init(&m->kept, MESSAGE_BODY_KEPT_MAX);
	return m;
fail:
	message_free(&m);
	return NULL;
}

void message_free(struct message **m)
{
	if (*m == NULL)
		return;
	buf_free(&(*m)->replaced);
	buf_free(&(*m)->kept);
	arena_free(&(*m)->arena);
	free(*m);
	*m = NULL;
}

static void set_fault(struct message *m, enum message_fault fault)
{
	if (m->fault == MESSAGE_FINE)
		m->fault = fault;
}

static struct span copy(struct message *m, struct span s)
{
	char *p = arena_dup(m->arena, s);

	if (p == NULL) {
		set_fault(m, MESSAGE_NO_MEMORY);
		return SPAN("");
	}
	return span_make(p, s.n);
}

/* Room for one more item in an array of the arena; the old array is left behind there. */
static bool grow(struct message *m, void **array_io, size_t count, size_t *room_io, size_t size)
{
	size_t room = *room_io == 0 ? 16 : *room_io * 2;
	void *bigger;

	if (count < *room_io)
		return true;
	bigger = arena_array(m->arena, room, size);
	if (bigger == NULL) {
		set_fault(m, MESSAGE_NO_MEMORY);
		return false;
	}
	if (count > 0)
		memcpy(bigger, *array_io, count * size);
	*array_io = bigger;
	*room_io = room;
	return true;
}

void message_set_queue_id(struct message *m, struct span queue_id)
{
	if (!span_eq(m->queue_id, queue_id))
		m->queue_id = copy(m, queue_id);
}

void message_add_recipient(struct message *m, struct span address)
{
	void *array = m->recipients;

	if (m->recipient_count == MESSAGE_RECIPIENTS_MAX) {
		set_fault(m, MESSAGE_TOO_MANY_RECIPIENTS);
		return;
	}
	if (!grow(m, &array, m->recipient_count, &m->recipient_room, sizeof *m->recipients))
		return;
	m->recipients = array;
	m->recipients[m->recipient_count++] = copy(m, address);
}

/* ftext of RFC 5322 section 3.6.8. */
static bool is_header_name(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || name.p[i] == ':')
			return false;
	return name.n > 0;
}

/* Octets that readers and signers take for different things: NUL and CR, an LF that folds nothing,
 * and VT and FF (blanks for some, text for others). Other control octets carry no structure: old
 * charsets such as ISO-2022-JP consist of them. */
static bool is_header_value(struct span value)
{
	for (size_t i = 0; i < value.n; i++) {
		switch (value.p[i]) {
		case '\0':
		case '\r':
		case '\v':
		case '\f': return false;
		case '\n':
			if (i + 1 == value.n ||
			    (value.p[i + 1] != ' ' && value.p[i + 1] != '\t'))
				return false;
			break;
		default: break;
		}
	}
	return true;
}

static unsigned count_same(const struct message *m, struct span name)
{
	unsigned n = 1;

	for (size_t i = m->header_count; i > 0; i--)
		if (span_eq_nocase(m->headers[i - 1].name, name))
			return m->headers[i - 1].nth + 1;
	return n;
}

void message_add_header(struct message *m, struct span name, struct span value)
{
	void *array = m->headers;
	struct header *h;

	/* "Name : value" is obsolete syntax that everybody reads as "Name: value". */
	while (name.n > 0 && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
		name.n--;
	if (name.n > MESSAGE_HEADER_MAX || value.n > MESSAGE_HEADER_MAX - name.n ||
	    m->header_octets + name.n + value.n > MESSAGE_HEADER_BLOCK_MAX ||
	    m->header_count == MESSAGE_HEADERS_MAX) {
		set_fault(m, MESSAGE_HEADERS_TOO_BIG);
		return;
	}
	if (!is_header_name(name) || !is_header_value(value)) {
		set_fault(m, MESSAGE_BAD_HEADER);
		return;
	}
	if (!grow(m, &array, m->header_count, &m->header_room, sizeof *m->headers))
		return;
	m->headers = array;
	h = &m->headers[m->header_count];
	h->name = copy(m, name);
	h->value = copy(m, value);
	h->nth = count_same(m, name);
	m->header_count++;
	m->header_octets += name.n + 1 + value.n + 2;
	for (size_t i = 0; i < value.n; i++)
		m->header_octets += value.p[i] == '\n';
}

/* ---- body ---- */

static void end_line(struct body_facts *b)
{
	if (b->line > b->longest)
		b->longest = b->line;
	b->line = 0;
}

/* False: a bare CR or LF. */
static bool scan(struct body_facts *b, struct span chunk)
{
	size_t at = 0;

	if (chunk.n == 0)
		return true;
	b->octets += chunk.n;
	if (b->after_cr) {
		if (chunk.p[0] != '\n')
			return false;
		end_line(b);
		b->after_cr = false;
		at = 1;
	}
	while (at < chunk.n) {
		size_t cr = span_find(chunk, '\r', at);

		if (memchr(chunk.p + at, '\n', cr - at) != NULL)
			return false;
		b->line += cr - at;
		if (cr == chunk.n)
			return true;
		if (cr + 1 == chunk.n) {
			b->after_cr = true;
			return true;
		}
		if (chunk.p[cr + 1] != '\n')
			return false;
		end_line(b);
		at = cr + 2;
	}
	return true;
}

static bool is_whole(const struct body_facts *b)
{
	return !b->after_cr && b->line == 0;
}

void message_scan_body(struct message *m, struct span chunk)
{
	if (!scan(&m->body, chunk))
		set_fault(m, MESSAGE_BAD_BODY);
}

void message_end_body(struct message *m)
{
	if (!is_whole(&m->body))
		set_fault(m, MESSAGE_BAD_BODY);
}

bool message_keep_body(struct message *m, struct span chunk)
{
	if (!buf_reserve(&m->kept, chunk.n))
		return false;
	buf_add_span(&m->kept, chunk);
	return true;
}

void message_drop_body(struct message *m)
{
	buf_free(&m->kept);
}

/* ---- questions ---- */

uint64_t message_octets(const struct message *m)
{
	return m->header_octets + 2 + m->body.octets;
}

const struct header *message_find_header(
    const struct message *m, struct span name, size_t from, size_t *index_r)
{
	for (size_t i = from; i < m->header_count; i++) {
		if (!span_eq_nocase(m->headers[i].name, name))
			continue;
		if (index_r != NULL)
			*index_r = i;
		return &m->headers[i];
	}
	return NULL;
}

/* ---- edits ---- */

static enum err add_edit(struct message *m, struct edit edit)
{
	void *array = m->edits;

	bool has_value = edit.kind == EDIT_INSERT_HEADER || edit.kind == EDIT_CHANGE_HEADER;

	if (edit.name == NULL || (has_value && edit.value == NULL))
		return ERR_NOMEM;
	if (!grow(m, &array, m->edit_count, &m->edit_room, sizeof *m->edits))
		return ERR_NOMEM;
	m->edits = array;
	m->edits[m->edit_count++] = edit;
	return ERR_OK;
}

enum err message_delete_header(struct message *m, const struct header *h)
{
	return add_edit(m, (struct edit){ .kind = EDIT_DELETE_HEADER,
			       .name = arena_dup(m->arena, h->name),
			       .index = h->nth });
}

enum err message_change_header(struct message *m, const struct header *h, struct span value)
{
	/* An empty value would delete the field. */
	if (value.n == 0 || !field_is_fit(h->name, value, field_has_8bit(h->value)))
		return ERR_SYNTAX;
	return add_edit(m, (struct edit){ .kind = EDIT_CHANGE_HEADER,
			       .name = arena_dup(m->arena, h->name),
			       .value = arena_dup(m->arena, value),
			       .index = h->nth });
}

enum err message_insert_header(
    struct message *m, unsigned position, const char *name, struct span value)
{
	/* The last door for all we write: nothing may start a line of its own. */
	if (!is_header_name(span_cstr(name)) || !field_is_fit(span_cstr(name), value, false))
		return ERR_SYNTAX;
	return add_edit(m, (struct edit){ .kind = EDIT_INSERT_HEADER,
			       .name = arena_dup(m->arena, span_cstr(name)),
			       .value = arena_dup(m->arena, value),
			       .index = position });
}

enum err message_replace_body(struct message *m, struct buf *body)
{
	struct body_facts facts = { 0 };
	enum err e;

	buf_free(&m->replaced);
	m->replaced = *body;
	*body = (struct buf){ .max = body->max };
	if (!buf_ok(&m->replaced))
		return ERR_NOMEM;
	if (!scan(&facts, buf_span(&m->replaced)) || !is_whole(&facts) ||
	    (facts.longest > MESSAGE_LINE_MAX && facts.longest > m->body.longest))
		return ERR_SYNTAX;
	e = add_edit(
	    m, (struct edit){
		   .kind = EDIT_REPLACE_BODY, .name = "", .body = buf_span(&m->replaced) });
	if (e == ERR_OK)
		m->final_body = facts;
	return e;
}

enum err message_change_sender(struct message *m, struct span sender)
{
	char *text = arena_alloc(m->arena, sender.n + 3);

	if (text == NULL)
		return ERR_NOMEM;
	text[0] = '<';
	if (sender.n > 0)
		memcpy(text + 1, sender.p, sender.n);
	text[sender.n + 1] = '>';
	return add_edit(
	    m, (struct edit){ .kind = EDIT_CHANGE_SENDER, .name = "", .value = text });
}

/* ---- as it will leave ---- */

/* As milters do, the nth field of a name counts in the list as it is at that moment. */
static void delete_nth(struct message *final, const struct edit *edit)
{
	unsigned nth = 0;

	for (size_t i = 0; i < final->header_count; i++) {
		if (!span_eq_nocase(final->headers[i].name, span_cstr(edit->name)) ||
		    ++nth != edit->index)
			continue;
		memmove(&final->headers[i], &final->headers[i + 1],
		    (final->header_count - i - 1) * sizeof *final->headers);
		final->header_count--;
		return;
	}
}

static void change_nth(struct message *final, const struct edit *edit)
{
	unsigned nth = 0;

	for (size_t i = 0; i < final->header_count; i++)
		if (span_eq_nocase(final->headers[i].name, span_cstr(edit->name)) &&
		    ++nth == edit->index)
			final->headers[i].value = span_cstr(edit->value);
}

static void insert_at(struct message *final, const struct edit *edit)
{
	/* Position 1 is the first field that we see: Postfix hides its own Received. */
	size_t at = edit->index > 0 ? edit->index - 1 : 0;

	if (at > final->header_count)
		at = final->header_count;
	memmove(&final->headers[at + 1], &final->headers[at],
	    (final->header_count - at) * sizeof *final->headers);
	final->headers[at] =
	    (struct header){ .name = span_cstr(edit->name), .value = span_cstr(edit->value) };
	final->header_count++;
}

enum err message_final(const struct message *m, struct message *final_r)
{
	size_t room = m->header_count + m->edit_count;

	*final_r = *m;
	final_r->kept = final_r->replaced = (struct buf){ 0 };
	final_r->headers = arena_array(m->arena, room, sizeof *m->headers);
	if (final_r->headers == NULL)
		return ERR_NOMEM;
	if (m->header_count > 0)
		memcpy(final_r->headers, m->headers, m->header_count * sizeof *m->headers);
	final_r->header_room = room;
	for (size_t i = 0; i < m->edit_count; i++) {
		switch (m->edits[i].kind) {
		case EDIT_DELETE_HEADER: delete_nth(final_r, &m->edits[i]); break;
		case EDIT_CHANGE_HEADER: change_nth(final_r, &m->edits[i]); break;
		case EDIT_INSERT_HEADER: insert_at(final_r, &m->edits[i]); break;
		case EDIT_REPLACE_BODY: final_r->body = m->final_body; break;
		case EDIT_CHANGE_SENDER:
		case EDIT_KINDS: break;
		}
	}
	return ERR_OK;
}

struct span message_final_body(const struct message *m)
{
	for (size_t i = 0; i < m->edit_count; i++)
		if (m->edits[i].kind == EDIT_REPLACE_BODY)
			return m->edits[i].body;
	return buf_span(&m->kept);
}
