/* mail_split.h - a message in one piece, cut into what the milter is given: fields whose folds are
 * LF and blank, and a body with CRLF line ends. For tests. */
#ifndef MAIL_SPLIT_H
#define MAIL_SPLIT_H

#include "message.h"

#define MAIL_SPLIT_FIELDS 1000

struct mail_split {
	char *text; /* owned */
	struct header headers[MAIL_SPLIT_FIELDS];
	size_t header_count;
	struct span body;
};

static inline void mail_split_free(struct mail_split *m)
{
	free(m->text);
	m->text = NULL;
}

/* crlf: each bare LF becomes CRLF. Lines of the header that are none are left out. */
static inline bool mail_split(struct span mail, bool crlf, struct mail_split *m)
{
	size_t n = 0, at = 0;

	m->header_count = 0;
	m->text = malloc(mail.n * 2 + 1);
	if (m->text == NULL)
		return false;
	/* The header loses its CRs. */
	while (at < mail.n) {
		size_t end = span_find(mail, '\n', at), length = end - at;
		char *line = m->text + n;
		size_t colon;

		if (length > 0 && mail.p[end - 1] == '\r')
			length--;
		if (length == 0) {
			at = end + 1;
			break;
		}
		memcpy(line, mail.p + at, length);
		at = end < mail.n ? end + 1 : mail.n;
		colon = span_find(span_make(line, length), ':', 0);
		if ((line[0] == ' ' || line[0] == '\t') && m->header_count > 0) {
			struct header *h = &m->headers[m->header_count - 1];

			h->value.n = (size_t)(line + length - h->value.p);
		} else if (colon < length && m->header_count < MAIL_SPLIT_FIELDS) {
			m->headers[m->header_count++] =
			    (struct header){ .name = span_make(line, colon),
				    .value = span_make(line + colon + 1, length - colon - 1) };
		}
		n += length;
		m->text[n++] = '\n';
	}
	m->body = span_make(m->text + n, 0);
	for (; at < mail.n; at++) {
		if (crlf && mail.p[at] == '\n' && (at == 0 || mail.p[at - 1] != '\r'))
			m->text[n++] = '\r';
		m->text[n++] = mail.p[at];
	}
	m->body.n = (size_t)(m->text + n - m->body.p);
	return true;
}

#endif
