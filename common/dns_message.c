/* dns_message - DNS answers from octets to records. Knows no socket and no meaning of records. */
#include "dns_message.h"

#define HEADER_OCTETS 12
#define CLASS_IN      1
#define POINTERS_MAX  64 /* jumps within one name; an honest one needs a few */
#define LABEL_MAX     63

/* What is left of a message, and where we are in it. */
struct reader {
	struct span all;
	size_t at;
	bool bad;
};

static unsigned read_u8(struct reader *r)
{
	if (r->at >= r->all.n) {
		r->bad = true;
		return 0;
	}
	return (unsigned char)r->all.p[r->at++];
}

static unsigned read_u16(struct reader *r)
{
	unsigned high = read_u8(r);

	return high << 8 | read_u8(r);
}

static uint32_t read_u32(struct reader *r)
{
	uint32_t high = read_u16(r);

	return high << 16 | read_u16(r);
}

/* A label's octet as text. False when out has no room. */
static bool put_octet(char *out, size_t *n, unsigned char c)
{
	bool plain = ascii_alpha((char)c) || ascii_digit((char)c) || c == '-' || c == '_';
	size_t need = plain ? 1 : 4;

	if (*n + need >= DNS_NAME_MAX)
		return false;
	if (plain)
		out[*n] = ascii_lower((char)c);
	else
		(void)snprintf(out + *n, 5, "\\%03u", (unsigned)c);
	*n += need;
	return true;
}

/* A name with its pointers (RFC 1035 section 4.1.4) into out[DNS_NAME_MAX]. The reader moves
 * behind it. */
static struct span read_name(struct reader *r, char *out)
{
	struct reader from = *r;
	size_t n = 0, jumps = 0, octets = 0;

	for (;;) {
		unsigned length = read_u8(&from);

		if (from.bad || length == 0)
			break;
		if ((length & 0xC0) == 0xC0) {
			size_t to = (length & 0x3FU) << 8 | read_u8(&from);

			if (jumps == 0)
				r->at = from.at;
			from.bad = from.bad || ++jumps > POINTERS_MAX;
			from.at = to;
			continue;
		}
		octets += length + 1;
		if (length > LABEL_MAX || octets > 254 || (n > 0 && n + 1 >= DNS_NAME_MAX))
			from.bad = true;
		if (n > 0 && !from.bad)
			out[n++] = '.';
		for (unsigned i = 0; i < length && !from.bad; i++)
			if (!put_octet(out, &n, (unsigned char)read_u8(&from)))
				from.bad = true;
	}
	if (jumps == 0)
		r->at = from.at;
	r->bad = r->bad || from.bad;
	return span_make(out, n);
}

static struct span keep(struct arena *arena, struct span text, bool *full)
{
	const char *p = arena_dup(arena, text);

	if (p == NULL)
		*full = true;
	return span_make(p != NULL ? p : "", p != NULL ? text.n : 0);
}

/* The strings of a TXT record without their lengths. */
static struct span join(struct arena *arena, struct reader *r, size_t end, bool *full)
{
	char *out = arena_alloc(arena, end - r->at + 1);
	size_t n = 0;

	if (out == NULL) {
		*full = true;
		return SPAN("");
	}
	while (!r->bad && r->at < end) {
		size_t length = read_u8(r);

		if (length > end - r->at) {
			r->bad = true;
			break;
		}
		memcpy(out + n, r->all.p + r->at, length);
		n += length;
		r->at += length;
	}
	return span_make(out, n);
}

static void read_caa(
    struct reader *r, size_t end, struct arena *arena, struct dns_record *record, bool *full)
{
	char tag[16];
	size_t length;

	record->number = (uint16_t)read_u8(r);
	length = read_u8(r);
	if (r->bad || length > end - r->at || length == 0 ||
	    !span_lower(span_make(r->all.p + r->at, length), tag, sizeof tag)) {
		r->bad = true;
		return;
	}
	r->at += length;
	record->tag = keep(arena, span_cstr(tag), full);
	record->text = keep(arena, span_make(r->all.p + r->at, end - r->at), full);
	r->at = end;
}

static void read_address(struct reader *r, size_t octets, struct dns_record *record)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(record->address, mapped, sizeof mapped);
	for (size_t i = 16 - octets; i < 16; i++)
		record->address[i] = (uint8_t)read_u8(r);
}

static void read_data(
    struct reader *r, size_t end, struct arena *arena, struct dns_record *record, bool *full)
{
	char name[DNS_NAME_MAX];

	switch (record->type) {
	case DNS_A: read_address(r, 4, record); break;
	case DNS_AAAA: read_address(r, 16, record); break;
	case DNS_MX:
		record->number = (uint16_t)read_u16(r);
		record->text = keep(arena, read_name(r, name), full);
		break;
	case DNS_SOA:
		record->text = keep(arena, read_name(r, name), full);
		r->at = end; /* the mailbox and five numbers */
		break;
	case DNS_TXT: record->text = join(arena, r, end, full); break;
	case DNS_CAA: read_caa(r, end, arena, record, full); break;
	default: record->text = keep(arena, read_name(r, name), full); break;
	}
	if (r->at != end)
		r->bad = true;
}

/* All records of the answer section that are of the type or aliases. */
static size_t read_records(struct reader *r, unsigned answers, enum dns_type type,
    struct arena *arena, struct dns_record *out, bool *full)
{
	char name[DNS_NAME_MAX];
	size_t count = 0;

	for (unsigned i = 0; i < answers && !r->bad && !*full; i++) {
		struct span owner = read_name(r, name);
		unsigned kind = read_u16(r), class = read_u16(r);
		struct dns_record record = { .ttl_s = read_u32(r) };
		size_t length = read_u16(r), end = r->at + length;

		if (r->bad || length > r->all.n - r->at) {
			r->bad = true;
			break;
		}
		if (class != CLASS_IN || (kind != type && kind != DNS_CNAME)) {
			r->at = end;
			continue;
		}
		if (count == DNS_RECORDS_MAX) {
			r->bad = true;
			break;
		}
		/* RFC 2181 section 8: the top bit set is zero. */
		record.ttl_s = record.ttl_s > INT32_MAX ? 0 : record.ttl_s;
		record.type = (enum dns_type)kind;
		record.owner = keep(arena, owner, full);
		read_data(r, end, arena, &record, full);
		out[count++] = record;
	}
	return count;
}

/* Puts what belongs to the question into the answer: aliases first. */
static void follow(const struct dns_record *found, size_t n, struct span name,
    enum dns_type type, struct dns_record *out, struct dns_answer *answer)
{
	size_t count = 0;

	while (type != DNS_CNAME && answer->aliases < DNS_ALIASES_MAX) {
		size_t i = 0;

		while (i < n &&
		       !(found[i].type == DNS_CNAME && span_eq_nocase(found[i].owner, name)))
			i++;
		if (i == n)
			break;
		out[answer->aliases++] = found[i];
		name = found[i].text;
	}
	count = answer->aliases;
	for (size_t i = 0; i < n && count < DNS_RECORDS_MAX + DNS_ALIASES_MAX; i++)
		if (found[i].type == type && span_eq_nocase(found[i].owner, name))
			out[count++] = found[i];
	for (size_t i = 0; i < count; i++)
		if (i == 0 || out[i].ttl_s < answer->ttl_s)
			answer->ttl_s = out[i].ttl_s;
	answer->records = out;
	answer->count = count - answer->aliases;
}

static enum dns_status judge(unsigned code, const struct dns_answer *answer)
{
	switch (code) {
	case 0: return answer->count > 0 ? DNS_FOUND : DNS_NO_DATA;
	case 2: return DNS_SERVFAIL;
	case 3: return DNS_NO_NAME;
	case 5: return DNS_REFUSED;
	default: return DNS_BROKEN;
	}
}

enum err dns_message_read(struct span message, const char *name, enum dns_type type,
    struct arena *arena, struct dns_answer *answer_r)
{
	struct reader r = { .all = message, .at = 2 };
	char asked[DNS_NAME_MAX];
	struct dns_record *found = arena_array(arena, DNS_RECORDS_MAX, sizeof *found);
	struct dns_record *out;
	unsigned flags, questions, answers;
	bool full = false;
	size_t n;

	*answer_r = (struct dns_answer){ .status = DNS_BROKEN };
	if (found == NULL)
		return ERR_NOMEM;
	flags = read_u16(&r);
	questions = read_u16(&r);
	answers = read_u16(&r);
	r.at = HEADER_OCTETS;
	if (r.bad || message.n < HEADER_OCTETS || (flags & 0x8000) == 0 || questions != 1)
		return ERR_OK;
	if (!span_eq_nocase(read_name(&r, asked), span_cstr(name)) || read_u16(&r) != type ||
	    read_u16(&r) != CLASS_IN)
		return ERR_OK;
	n = read_records(&r, answers, type, arena, found, &full);
	out = arena_array(arena, n + DNS_ALIASES_MAX, sizeof *out);
	if (full || out == NULL)
		return ERR_NOMEM;
	if (r.bad)
		return ERR_OK;
	answer_r->authoritative = (flags & 0x0400) != 0;
	follow(found, n, span_cstr(name), type, out, answer_r);
	answer_r->status = judge(flags & 0x000F, answer_r);
	return ERR_OK;
}

const char *dns_status_text(enum dns_status status)
{
	static const char *const texts[] = {
		[DNS_FOUND] = "found",
		[DNS_NO_DATA] = "no such record",
		[DNS_NO_NAME] = "no such name",
		[DNS_SERVFAIL] = "server failure",
		[DNS_REFUSED] = "refused",
		[DNS_BROKEN] = "broken answer",
		[DNS_TIMEOUT] = "no answer in time",
	};

	_Static_assert(ARRAY_SIZE(texts) == DNS_STATUS_COUNT, "each status has words");
	return (unsigned)status < ARRAY_SIZE(texts) ? texts[status] : "?";
}

const char *dns_type_text(enum dns_type type)
{
	switch (type) {
	case DNS_A: return "A";
	case DNS_NS: return "NS";
	case DNS_CNAME: return "CNAME";
	case DNS_SOA: return "SOA";
	case DNS_PTR: return "PTR";
	case DNS_MX: return "MX";
	case DNS_TXT: return "TXT";
	case DNS_AAAA: return "AAAA";
	case DNS_CAA: return "CAA";
	}
	return "?";
}
