/* fuzz_csv - any octets as CSV: the scanner moves on, stays within bounds, and what it read
 * survives being written and read again. */
#include "csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct csv_record record, again;
	struct span rest = span_make((const char *)data, size);
	size_t used;

	while (rest.n > 0) {
		enum csv_result r = csv_scan(rest, true, &record, &used);

		if (r == CSV_MORE || used == 0 || used > rest.n)
			__builtin_trap();
		if (r == CSV_RECORD) {
			struct buf out = BUF_INIT(3 * CSV_RECORD_MAX);

			for (size_t i = 0; i < record.count; i++)
				csv_put(&out, record.field[i], i == 0);
			csv_end(&out);
			r = csv_scan(buf_span(&out), false, &again, &used);
			if (out.n <= CSV_RECORD_MAX &&
			    (r != CSV_RECORD || again.count != record.count))
				__builtin_trap();
			for (size_t i = 0; r == CSV_RECORD && i < record.count; i++)
				if (!span_eq(record.field[i], again.field[i]))
					__builtin_trap();
			buf_free(&out);
			(void)!csv_scan(rest, true, &record, &used);
		}
		rest = span_from(rest, used);
	}
	return 0;
}
