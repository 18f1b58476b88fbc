/*
 * complycost - what it costs in process to hold a bulk message of 2 KB to all rules, to make its
 * unsubscribe fields, its List-Id and the like, and to turn that into edits.
 *
 *   complycost -f penguinmails.conf -k DIRECTORY [-T seconds] [-l label]
 *
 *   with a tenant that has acme.example with a tracking_host; keys of tokens in DIRECTORY
 */
#include "lab.h"

#include "comply.h"
#include "draft.h"
#include "text_time.h"
#include "token_payload.h"

#define HOST "click.acme.example"

static const struct {
	const char *name, *value;
} fields[] = {
	{ "Received",
	    " from app.acme.example (app.acme.example [192.0.2.7])\n\tby mx.host.example "
	    "with ESMTPSA id 4QID; Wed, 25 Nov 2026 16:00:00 +0000" },
	{ "From", " Acme News <news@acme.example>" },
	{ "To", " Jo Reader <jo@dest.example>" },
	{ "Subject", " =?utf-8?q?Offers_of_the_week=2C_f=C3=BCr_Sie?=" },
	{ "Reply-To", " Acme <service@acme.example>" },
	{ "MIME-Version", " 1.0" },
	{ "Content-Type", " text/plain; charset=utf-8" },
	{ "Content-Transfer-Encoding", " 8bit" },
	{ "X-Mailer", " Acme Mailer 7.2" },
	{ "X-Campaign", " week-48" },
};

static struct snapshot *snapshot;
static struct token_key *key;
static enum rule_mode modes[RULE_COUNT];

static void put_uri(struct buf *out, struct span recipient)
{
	const struct token_unsubscribe t = {
		.message = 7, .stream = SPAN("default"), .address = recipient
	};
	struct buf payload = BUF_INIT(1024);

	token_put_unsubscribe(&payload, &t);
	buf_add_cstr(out, "https://" HOST "/u/");
	if (token_seal(key, SPAN(HOST), buf_span(&payload), out) != ERR_OK)
		die("token");
	buf_free(&payload);
}

/* The message as the milter has it when the rules begin. */
static struct message *compose(const char *date)
{
	struct message *m =
	    message_new(SPAN("bounce@acme.example"), SPAN("acme"), SPAN("192.0.2.7"));

	if (m == NULL)
		die("out of memory");
	message_set_queue_id(m, SPAN("4QID"));
	message_add_recipient(m, SPAN("jo@dest.example"));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		message_add_header(m, span_cstr(fields[i].name), span_cstr(fields[i].value));
	message_add_header(m, SPAN("Date"), span_cstr(date));
	message_add_header(m, SPAN("Message-ID"), SPAN(" <1.week-48@acme.example>"));
	return m;
}

/* The milter knows author, stream and signer before, and has looked at the body. */
static void judge(struct message *m, const struct author *author, int64_t now_s)
{
	const struct tenant *t = snapshot_tenant(snapshot, 0);
	struct buf uri = BUF_INIT(4096);
	struct list_facts list = { .snapshot = snapshot,
		.host = SPAN(HOST),
		.key = key,
		.stream = SPAN("default"),
		.recipient = m->recipients[0],
		.mailto = SPAN("") };
	struct comply_facts facts = { .snapshot = snapshot,
		.stream = &t->streams[0],
		.class = CLASS_BULK,
		.now_s = now_s,
		.host = SPAN("mx.host.example"),
		.author = author,
		.signer = &t->domains[0],
		.list = &list,
		.complaint_id = SPAN("") };
	struct comply c;

	put_uri(&uri, m->recipients[0]);
	list.own_uri = buf_span(&uri);
	rules_settle(CLASS_BULK, NULL, NULL, modes);
	if (comply_open(&c, m, &facts, modes) != ERR_OK || comply_fields(&c) != ERR_OK)
		die("rules");
	comply_body(&c);
	if (comply_is_refused(&c) || comply_must_wait(&c) ||
	    c.outcomes[RULE_L01] != OUTCOME_FIXED || c.outcomes[RULE_L02] != OUTCOME_FIXED)
		die("not what was expected of the rules");
	if (draft_adopt(m, &c.draft) != ERR_OK)
		die("edits");
	buf_free(&uri);
}

static void load(const char *file, const char *directory)
{
	struct config_report report = { .text = BUF_INIT(65536) };
	struct token_ring *ring = NULL;
	char error[512];

	if (snapshot_load(file, NULL, &report, &snapshot) != ERR_OK)
		die("%s", buf_cstr(&report.text));
	if (token_ring_read(directory, TOKEN_UNSUBSCRIBE, &ring, error, sizeof error) != ERR_OK)
		die("%s", error);
	key = token_key_new(ring, SPAN("acme"));
	token_ring_free(&ring);
	buf_free(&report.text);
	if (key == NULL)
		die("out of memory");
}

int main(int argc, char **argv)
{
	const char *label = "-", *file = NULL, *directory = NULL;
	int64_t now_s = (int64_t)time(NULL);
	char date[TEXT_TIME_MAIL_MAX + 1] = " ";
	double limit = 1, secs;
	struct author author;
	struct message *m;
	struct meter meter = { 0 };
	long ops = 0;
	uint64_t end;
	int opt;

	while ((opt = getopt(argc, argv, "f:k:T:l:")) != -1)
		switch (opt) {
		case 'f': file = optarg; break;
		case 'k': directory = optarg; break;
		case 'T': limit = strtod(optarg, NULL); break;
		case 'l': label = optarg; break;
		default: return 2;
		}
	if (file == NULL || directory == NULL)
		die("usage: complycost -f penguinmails.conf -k DIRECTORY [options]");
	load(file, directory);
	text_time_put_mail(now_s, date + 1);
	m = compose(date);
	author_check(snapshot, 0, &snapshot_tenant(snapshot, 0)->streams[0], m, &author);
	message_free(&m);
	meter_start(&meter);
	for (end = now_ns() + (uint64_t)(limit * 1e9); now_ns() < end; ops++) {
		m = compose(date);
		judge(m, &author, now_s);
		message_free(&m);
	}
	printf("RESULT label=%s", label);
	secs = meter_print(&meter, (double)ops);
	printf(" ops=%.0f failed=0 unfinished=0\n", (double)ops / secs);
	token_key_free(&key);
	snapshot_unref(&snapshot);
	return 0;
}
