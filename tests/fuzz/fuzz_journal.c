/* fuzz_journal - any octets as entries and as records. Oracles: an entry that is read is written
 * back the same, octet by octet; so is a record, but for padding. */
#include <stdlib.h>

#include "journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static void check_entries(struct span all)
{
	struct journal_reader r = { .rest = all };
	struct buf b = BUF_INIT(1 << 22);
	struct journal_entry e;
	enum err result;

	while ((result = journal_read(&r, &e)) == ERR_OK) {
		MUST(e.booking_count <= CHARGES_MAX);
		journal_write(&b, &e);
	}
	MUST(result == ERR_NOTFOUND || result == ERR_CORRUPT);
	MUST(result == ERR_CORRUPT || r.rest.n == 0);
	MUST(buf_ok(&b) && span_eq(buf_span(&b), span_head(all, all.n - r.rest.n)));
	buf_free(&b);
}

static void check_record(struct span record)
{
	struct buf b = BUF_INIT(1 << 22);
	struct bucket_record bucket;
	struct span entries;
	uint64_t seq;

	if (journal_unseal(record, &seq, &entries) == ERR_OK) {
		journal_seal(&b, seq, entries);
		MUST(buf_ok(&b) && b.n >= record.n && span_starts(buf_span(&b), record));
	}
	buf_reset(&b);
	if (journal_unseal_bucket(record, &seq, &bucket) == ERR_OK) {
		journal_seal_bucket(&b, seq, &bucket);
		MUST(!buf_ok(&b) || span_starts(buf_span(&b), record));
	}
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = { (const char *)data, size };
	struct buf sealed = BUF_INIT(1 << 22);

	check_entries(all);
	check_record(all);
	/* The checksum keeps a fuzzer out: give it records whose checksum is right, too. */
	journal_seal(&sealed, size, all);
	check_record(buf_span(&sealed));
	buf_free(&sealed);
	return 0;
}
