/* fuzz_dns_text - any octets as the text of a TXT record: SPF, DMARC and tag lists are read, checked
 * and merged within their bounds, and what is merged reads again. */
#include "dns_dmarc.h"
#include "dns_spf.h"
#include "dns_tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everybody who is asked says the same text. */
static void check_spf(struct span text)
{
	static const struct network ours = { { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 }, 128 };
	struct dns_record record = {
		.type = DNS_TXT, .text = text, .tag = { "", 0 }, .owner = { "", 0 }
	};
	struct dns_book *book = dns_book_new();
	struct dns_question q;
	struct spf_sum sum;

	for (unsigned round = 0; book != NULL && round < 4; round++) {
		spf_check(book, SPAN("x.test"), text, &ours, 1, &sum);
		if (sum.lookups > 2 * 64 ||
		    (sum.result[0] != 0 && strchr("+-~?", sum.result[0]) == NULL))
			__builtin_trap();
		while (dns_book_next(book, &q))
			dns_book_put(book, NULL, span_cstr(q.name), q.type,
			    &(struct dns_answer){
				.status = DNS_FOUND, .records = &record, .count = 1 });
	}
	dns_book_free(&book);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make((const char *)data, size), term, rest, domain;
	struct buf out = BUF_INIT((size_t)1 << 20);
	struct spf_record record;
	struct dmarc_record dmarc;
	struct dns_tags tags;
	const char *error;

	if (size > 4096)
		return 0;
	if (spf_is(text)) {
		if (spf_read(text, &record, &error, &term) != (error == NULL) ||
		    record.count > SPF_TERMS_MAX)
			__builtin_trap();
		check_spf(text);
		spf_merge(&text, 1, SPAN("a"), &out);
		if (!spf_is(buf_span(&out)) ||
		    (error == NULL && record.count < SPF_TERMS_MAX - 1 &&
			!spf_read(buf_span(&out), &record, &error, &term)))
			__builtin_trap();
	}
	if (dns_tags_read(text, &tags) == NULL && tags.count > DNS_TAGS_MAX)
		__builtin_trap();
	if (dmarc_read(text, &dmarc) == NULL) {
		buf_reset(&out);
		dmarc_advise(&dmarc, &out);
		rest = dmarc.rua;
		while (dmarc_next_rua(&rest, &domain))
			if (domain.n > size)
				__builtin_trap();
	}
	buf_free(&out);
	return 0;
}
