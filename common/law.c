/* law - the table of demands, and which law is a recipient's. Knows no message. */
#include <assert.h>

#include "law.h"

#define ALL (LAW_ADDRESS | LAW_WAY_OUT | LAW_NAME | LAW_CONTACT | LAW_ADVERTISING | LAW_IMPRINT)

static const struct law_row rows[] = {
	[LAW_STRICT] = { "strict", ALL, "all of the following" },
	[LAW_RECIPIENT] = { "recipient", ALL, "the recipient's" },
	[LAW_CAN_SPAM] = { "can-spam", LAW_ADDRESS | LAW_WAY_OUT | LAW_ADVERTISING,
	    "US: 15 USC 7704(a)(5), 16 CFR 316.2(p)" },
	[LAW_CASL] = { "casl", LAW_ADDRESS | LAW_WAY_OUT | LAW_NAME | LAW_CONTACT,
	    "Canada: S.C. 2010 c. 23 s. 6(2), SOR/2012-36 s. 2" },
	[LAW_EU] = { "eu", LAW_WAY_OUT | LAW_NAME | LAW_ADVERTISING | LAW_IMPRINT,
	    "EU: 2002/58/EC art. 13(2) and (4), 2000/31/EC art. 5 and 6(a)" },
	[LAW_PECR] = { "pecr", LAW_WAY_OUT | LAW_NAME | LAW_CONTACT,
	    "UK: SI 2003/2426 reg. 22 and 23" },
	[LAW_SPAM_ACT] = { "spam-act", LAW_WAY_OUT | LAW_NAME | LAW_CONTACT,
	    "Australia: Spam Act 2003 s. 17 and 18" },
};
static_assert(ARRAY_SIZE(rows) == LAW_COUNT, "a row for every law");

const struct law_row *law_row(enum law law)
{
	return &rows[(unsigned)law < LAW_COUNT ? law : LAW_STRICT];
}

/* Only country domains say where a recipient is, and only these have a law here. */
static enum law law_of_country(struct span country)
{
	/* The union and the economic area; "eu" and "uk" are no ISO codes but domains. */
	static const char eu[] =
	    "at be bg cy cz de dk ee es eu fi fr gr hr hu ie is it li lt lu "
	    "lv mt nl no pl pt ro se si sk";
	static const struct {
		struct span country;
		enum law law;
	} others[] = {
		{ SPAN("au"), LAW_SPAM_ACT },
		{ SPAN("ca"), LAW_CASL },
		{ SPAN("uk"), LAW_PECR },
		{ SPAN("us"), LAW_CAN_SPAM },
	};
	struct span rest = SPAN(eu), code;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (span_eq_nocase(others[i].country, country))
			return others[i].law;
	while (span_next(&rest, ' ', &code))
		if (span_eq_nocase(code, country))
			return LAW_EU;
	return LAW_STRICT;
}

unsigned law_demands(enum law law, struct span domain)
{
	size_t dot;

	if (law == LAW_RECIPIENT) {
		if (domain.n > 0 && domain.p[domain.n - 1] == '.')
			domain.n--;
		for (dot = domain.n; dot > 0 && domain.p[dot - 1] != '.';)
			dot--;
		/* A name without a dot is no mail domain of the Internet. */
		law = dot > 0 ? law_of_country(span_from(domain, dot)) : LAW_STRICT;
	}
	return law_row(law)->demands;
}
