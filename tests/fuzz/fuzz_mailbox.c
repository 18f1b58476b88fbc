/* fuzz_mailbox - any bytes as the value of an address field. Oracles: what is found lies inside, in
 * order, and stands next to an '@'; nothing is found after control octets or bad folds; a list of
 * what was found reads as the same list. */
#include <stdlib.h>

#include "buf.h"
#include "mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static void check_places(struct span all, const struct mailbox_list *list)
{
	const char *from = all.p;

	for (size_t i = 0; i < list->count; i++) {
		struct span local = list->at[i].local, domain = list->at[i].domain;

		MUST(local.n > 0 && domain.n > 0 && local.p >= from);
		MUST(local.p + local.n + 1 == domain.p && domain.p[-1] == '@');
		MUST(domain.p + domain.n <= all.p + all.n);
		MUST(memchr(local.p, '@', local.n) == NULL &&
		     memchr(domain.p, '@', domain.n) == NULL);
		from = domain.p + domain.n;
	}
}

static void check_octets(struct span all)
{
	for (size_t i = 0; i < all.n; i++) {
		MUST(all.p[i] != '\r' && all.p[i] != '\0');
		if (all.p[i] == '\n')
			MUST(i + 1 < all.n && (all.p[i + 1] == ' ' || all.p[i + 1] == '\t'));
	}
}

static void check_again(const struct mailbox_list *list)
{
	struct buf text = BUF_INIT(1 << 20);
	struct mailbox_list again;

	for (size_t i = 0; i < list->count; i++) {
		buf_printf(&text, "%s\"x, y\" <", i > 0 ? ",\n\t" : "");
		buf_add(
		    &text, list->at[i].local.p, list->at[i].local.n + 1 + list->at[i].domain.n);
		buf_add_cstr(&text, "> (end)");
	}
	MUST(list->count == 0 || mailbox_parse_list(buf_span(&text), &again) == ERR_OK);
	for (size_t i = 0; i < list->count; i++)
		MUST(span_eq(again.at[i].local, list->at[i].local) &&
		     span_eq(again.at[i].domain, list->at[i].domain));
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = { (const char *)data, size };
	struct mailbox_list list;

	switch (mailbox_parse_list(all, &list)) {
	case ERR_OK:
		check_places(all, &list);
		check_octets(all);
		check_again(&list);
		break;
	case ERR_TOOBIG: MUST(list.count == MAILBOX_MAX); break;
	case ERR_SYNTAX: break;
	default: abort();
	}
	return 0;
}
