/* journal - entries to bytes and back. Knows neither LMDB nor what the numbers mean.
 *
 * record : version u8, 3 zero octets, length u32, seq u64, checksum u64, length octets, padding
 * entry  : kind u8, then by kind the fields of struct journal_entry, strings as u16 + octets
 * booking: flags u8 (bit 0 rate, bits 4-7 alerted), bucket u32, length_s u32, value i64, amount u64
 * The checksum is XXH3-64 over seq and entries. */
#include <endian.h>

#include "journal.h"

#define HEADER_OCTETS  24u
#define BOOKING_OCTETS 25u
#define STRING_MAX     UINT16_MAX

/* ---- writing ---- */

static void put_u8(struct buf *b, uint8_t v)
{
	buf_add(b, &v, sizeof v);
}

static void put_u16(struct buf *b, uint16_t v)
{
	v = htole16(v);
	buf_add(b, &v, sizeof v);
}

static void put_u32(struct buf *b, uint32_t v)
{
	v = htole32(v);
	buf_add(b, &v, sizeof v);
}

static void put_u64(struct buf *b, uint64_t v)
{
	v = htole64(v);
	buf_add(b, &v, sizeof v);
}

static void put_string(struct buf *b, struct span s)
{
	if (s.n > STRING_MAX)
		s.n = STRING_MAX;
	put_u16(b, (uint16_t)s.n);
	buf_add_span(b, s);
}

static void put_bookings(struct buf *b, const struct booking *k, size_t count)
{
	put_u8(b, (uint8_t)count);
	for (size_t i = 0; i < count; i++) {
		struct {
			uint8_t flags;
			uint32_t bucket, length_s;
			uint64_t value, amount;
		} __attribute__((packed)) w = {
			(uint8_t)((k[i].is_rate ? 1 : 0) | k[i].alerted << 4),
			htole32(k[i].bucket),
			htole32(k[i].length_s),
			htole64((uint64_t)k[i].value),
			htole64(k[i].amount),
		};

		_Static_assert(sizeof w == BOOKING_OCTETS, "layout");
		buf_add(b, &w, sizeof w);
	}
}

static void put_id(struct buf *b, struct hash128 id)
{
	put_u64(b, id.low);
	put_u64(b, id.high);
}

void journal_write(struct buf *b, const struct journal_entry *e)
{
	put_u8(b, (uint8_t)e->kind);
	switch (e->kind) {
	case ENTRY_BUCKET:
		put_u32(b, e->bucket);
		put_string(b, e->name);
		break;
	case ENTRY_OPEN:
		put_id(b, e->transaction);
		put_u64(b, (uint64_t)e->time_ns);
		put_u8(b, e->facts.class);
		put_string(b, e->facts.tenant);
		put_string(b, e->facts.stream);
		put_string(b, e->facts.login);
		put_string(b, e->facts.sender);
		break;
	case ENTRY_RECIPIENT:
		put_id(b, e->transaction);
		put_u64(b, e->recipient);
		put_bookings(b, e->bookings, e->booking_count);
		break;
	case ENTRY_SPEND:
		put_id(b, e->transaction);
		put_u64(b, (uint64_t)e->time_ns);
		put_string(b, e->name);
		put_bookings(b, e->bookings, e->booking_count);
		break;
	case ENTRY_REFUND:
		put_id(b, e->transaction);
		put_u64(b, e->recipient);
		put_bookings(b, e->bookings, e->booking_count);
		break;
	case ENTRY_DROP: put_id(b, e->transaction); break;
	case ENTRY_RESET: put_u32(b, e->bucket); break;
	case ENTRY_BIND:
		put_id(b, e->transaction);
		put_string(b, e->name);
		break;
	}
}

void journal_write_transaction(struct buf *entries, const struct transaction *t)
{
	journal_write(entries, &(struct journal_entry){ .kind = ENTRY_OPEN,
				   .transaction = t->id,
				   .time_ns = t->touched_ns,
				   .facts = ledger_facts(t) });
	if (ledger_facts(t).source.n > 0)
		journal_write(entries, &(struct journal_entry){ .kind = ENTRY_BIND,
					   .transaction = t->id,
					   .name = ledger_facts(t).source });
	for (uint32_t i = 0; i < t->recipient_count; i++) {
		const struct recipient_entry *r = &t->recipients[i];

		journal_write(entries, &(struct journal_entry){ .kind = ENTRY_RECIPIENT,
					   .transaction = t->id,
					   .recipient = r->hash,
					   .bookings = t->bookings + r->first,
					   .booking_count = r->refunded ? 0 : r->count });
		if (r->refunded)
			journal_write(entries, &(struct journal_entry){ .kind = ENTRY_REFUND,
						   .transaction = t->id,
						   .recipient = r->hash });
	}
	if (t->state == TRANSACTION_SPENT)
		journal_write(entries, &(struct journal_entry){ .kind = ENTRY_SPEND,
					   .transaction = t->id,
					   .time_ns = t->touched_ns,
					   .name = span_cstr(t->queue_id),
					   .bookings = t->bookings + t->message_first,
					   .booking_count = t->message_count });
}

/* ---- reading ---- */

static bool take(struct span *s, void *out, size_t n)
{
	if (s->n < n)
		return false;
	memcpy(out, s->p, n);
	*s = span_from(*s, n);
	return true;
}

static bool take_u8(struct span *s, uint8_t *v)
{
	return take(s, v, sizeof *v);
}

static bool take_u32(struct span *s, uint32_t *v)
{
	bool ok = take(s, v, sizeof *v);

	*v = ok ? le32toh(*v) : 0;
	return ok;
}

static bool take_u64(struct span *s, uint64_t *v)
{
	bool ok = take(s, v, sizeof *v);

	*v = ok ? le64toh(*v) : 0;
	return ok;
}

static bool take_i64(struct span *s, int64_t *v)
{
	uint64_t u;
	bool ok = take_u64(s, &u);

	*v = (int64_t)u;
	return ok;
}

static bool take_id(struct span *s, struct hash128 *id)
{
	return take_u64(s, &id->low) && take_u64(s, &id->high);
}

static bool take_string(struct span *s, struct span *out)
{
	uint16_t n;

	if (!take(s, &n, sizeof n) || le16toh(n) > s->n)
		return false;
	*out = span_head(*s, le16toh(n));
	*s = span_from(*s, out->n);
	return out->n == 0 || memchr(out->p, '\0', out->n) == NULL;
}

static bool take_bookings(struct span *s, struct journal_reader *r, struct journal_entry *e)
{
	uint8_t count;

	if (!take_u8(s, &count) || count > CHARGES_MAX)
		return false;
	for (uint8_t i = 0; i < count; i++) {
		struct booking *b = &r->bookings[i];
		uint8_t flags;

		*b = (struct booking){ 0 };
		if (!take_u8(s, &flags) || !take_u32(s, &b->bucket) ||
		    !take_u32(s, &b->length_s) || !take_i64(s, &b->value) ||
		    !take_u64(s, &b->amount))
			return false;
		if ((flags & 0x0e) != 0)
			return false;
		b->is_rate = flags & 1;
		b->alerted = flags >> 4;
	}
	e->bookings = r->bookings;
	e->booking_count = count;
	return true;
}

static bool read_fields(struct span *s, struct journal_reader *r, struct journal_entry *e)
{
	switch (e->kind) {
	case ENTRY_BUCKET: return take_u32(s, &e->bucket) && take_string(s, &e->name);
	case ENTRY_OPEN:
		return take_id(s, &e->transaction) && take_i64(s, &e->time_ns) &&
		       take_u8(s, &e->facts.class) && take_string(s, &e->facts.tenant) &&
		       take_string(s, &e->facts.stream) && take_string(s, &e->facts.login) &&
		       take_string(s, &e->facts.sender);
	case ENTRY_RECIPIENT:
	case ENTRY_REFUND:
		return take_id(s, &e->transaction) && take_u64(s, &e->recipient) &&
		       take_bookings(s, r, e);
	case ENTRY_SPEND:
		return take_id(s, &e->transaction) && take_i64(s, &e->time_ns) &&
		       take_string(s, &e->name) && take_bookings(s, r, e);
	case ENTRY_DROP: return take_id(s, &e->transaction);
	case ENTRY_RESET: return take_u32(s, &e->bucket);
	case ENTRY_BIND: return take_id(s, &e->transaction) && take_string(s, &e->name);
	}
	return false;
}

enum err journal_read(struct journal_reader *r, struct journal_entry *entry_r)
{
	struct span s = r->rest;
	uint8_t kind;

	if (s.n == 0)
		return ERR_NOTFOUND;
	if (!take_u8(&s, &kind))
		return ERR_CORRUPT;
	*entry_r = (struct journal_entry){ .kind = (enum entry_kind)kind };
	if (!read_fields(&s, r, entry_r))
		return ERR_CORRUPT;
	r->rest = s;
	return ERR_OK;
}

/* ---- records ---- */

/* LMDB gives a value over about half a page whole pages of its own, behind a 16-octet header.
 * Sizes in powers of two let freed runs of pages fit the next record. */
static size_t padded(size_t n)
{
	size_t size = 2048;

	if (n <= 1024)
		return n;
	while (size - 16 < n)
		size *= 2;
	return size - 16;
}

/* What stands behind total octets: nothing, or all of the padding. */
static bool padding_ok(struct span padding, size_t total)
{
	if (padding.n != 0 && padding.n != padded(total) - total)
		return false;
	for (size_t i = 0; i < padding.n; i++)
		if (padding.p[i] != '\0')
			return false;
	return true;
}

void journal_seal(struct buf *out, uint64_t seq, struct span entries)
{
	size_t start = out->n, total = HEADER_OCTETS + entries.n;
	static const char zeros[3];

	put_u8(out, JOURNAL_VERSION);
	buf_add(out, zeros, sizeof zeros);
	put_u32(out, (uint32_t)entries.n);
	put_u64(out, seq);
	put_u64(out, hash64(entries, seq));
	buf_add_span(out, entries);
	if (start == 0 && padded(total) > total && buf_reserve(out, padded(total) - total)) {
		memset(out->p + out->n, 0, padded(total) - total);
		out->n += padded(total) - total;
	}
}

enum err journal_unseal(struct span record, uint64_t *seq_r, struct span *entries_r)
{
	uint64_t checksum;
	uint32_t length;
	uint8_t head[4];

	if (!take(&record, head, sizeof head) || !take_u32(&record, &length) ||
	    !take_u64(&record, seq_r) || !take_u64(&record, &checksum))
		return ERR_CORRUPT;
	if (length > record.n || head[1] != 0 || head[2] != 0 || head[3] != 0)
		return ERR_CORRUPT;
	*entries_r = span_head(record, length);
	if (hash64(*entries_r, *seq_r) != checksum ||
	    !padding_ok(span_from(record, length), HEADER_OCTETS + length))
		return ERR_CORRUPT;
	return head[0] == JOURNAL_VERSION ? ERR_OK : ERR_VERSION;
}

void journal_seal_bucket(struct buf *out, uint64_t seq, const struct bucket_record *record)
{
	char space[512 + 64];
	struct buf b = { .p = space, .size = sizeof space, .max = sizeof space };

	put_u32(&b, record->number);
	put_u8(&b, (uint8_t)((record->is_rate ? 1 : 0) | record->alerted << 4));
	put_u64(&b, (uint64_t)record->window.start_s);
	put_u64(&b, (uint64_t)record->window.end_s);
	put_u64(&b, record->is_rate ? (uint64_t)record->rate.tat_ns : record->window.used);
	put_string(&b, record->name);
	if (!buf_ok(&b))
		out->failed = true;
	else
		journal_seal(out, seq, buf_span(&b));
}

enum err journal_unseal_bucket(
    struct span bytes, uint64_t *seq_r, struct bucket_record *record_r)
{
	enum err e = journal_unseal(bytes, seq_r, &bytes);
	uint64_t value;
	uint8_t flags;

	if (e != ERR_OK)
		return e;
	*record_r = (struct bucket_record){ 0 };
	if (!take_u32(&bytes, &record_r->number) || !take_u8(&bytes, &flags) ||
	    !take_i64(&bytes, &record_r->window.start_s) ||
	    !take_i64(&bytes, &record_r->window.end_s) || !take_u64(&bytes, &value) ||
	    !take_string(&bytes, &record_r->name) || bytes.n != 0 || (flags & 0x0e) != 0)
		return ERR_CORRUPT;
	record_r->is_rate = flags & 1;
	record_r->alerted = flags >> 4;
	if (record_r->is_rate)
		record_r->rate.tat_ns = (int64_t)value;
	else
		record_r->window.used = value;
	return ERR_OK;
}
