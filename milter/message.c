/* message - what one message consists of, and what shall be changed in it. Knows neither the milter
 * protocol nor tenants nor keys. */
#include <stdlib.h>

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
	return m;
fail:
	message_free(&m);
	return NULL;
}

void message_free(struct message **m)
{
	if (*m == NULL)
		return;
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

static void end_line(struct message *m)
{
	if (m->body.line > m->body.longest)
		m->body.longest = m->body.line;
	m->body.line = 0;
}

void message_scan_body(struct message *m, struct span chunk)
{
	size_t at = 0;

	if (chunk.n == 0)
		return;
	m->body.octets += chunk.n;
	if (m->body.after_cr) {
		if (chunk.p[0] != '\n')
			goto bad;
		end_line(m);
		m->body.after_cr = false;
		at = 1;
	}
	while (at < chunk.n) {
		size_t cr = span_find(chunk, '\r', at);

		if (memchr(chunk.p + at, '\n', cr - at) != NULL)
			goto bad;
		m->body.line += cr - at;
		if (cr == chunk.n)
			return;
		if (cr + 1 == chunk.n) {
			m->body.after_cr = true;
			return;
		}
		if (chunk.p[cr + 1] != '\n')
			goto bad;
		end_line(m);
		at = cr + 2;
	}
	return;
bad:
	set_fault(m, MESSAGE_BAD_BODY);
}

void message_end_body(struct message *m)
{
	if (m->body.after_cr || m->body.line > 0)
		set_fault(m, MESSAGE_BAD_BODY);
}

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

static enum err add_edit(struct message *m, struct edit edit)
{
	void *array = m->edits;

	if (edit.name == NULL || (edit.kind == EDIT_INSERT_HEADER && edit.value == NULL))
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

enum err message_insert_header(
    struct message *m, unsigned position, const char *name, struct span value)
{
	/* One place for all we write: nothing may start a line of its own (RFC 5322 2.2.3). */
	if (!is_header_name(span_cstr(name)) || !is_header_value(value))
		return ERR_SYNTAX;
	return add_edit(m, (struct edit){ .kind = EDIT_INSERT_HEADER,
			       .name = arena_dup(m->arena, span_cstr(name)),
			       .value = arena_dup(m->arena, value),
			       .index = position });
}
