/* hooks - between a message and the plug-ins. Knows no plug-in and no file.
 *
 * What a call did before it turned out to be no good is undone: a message has all fields of a
 * plug-in's call, or none. */
#include "hooks.h"
#include "clock.h"
#include "log.h"
#include "plugin.h"

enum hook { HOOK_HEADERS, HOOK_BODY, HOOK_BEFORE_SIGN, HOOK_VERDICT };

/* One call of one plug-in. */
struct penguin_message {
	struct mail *mail;
	struct plugin *plugin;
	size_t index; /* of the plug-in */
	enum hook hook;
	char reply[256];
};

/* ---- what plug-ins call ---- */

static struct penguin_text text_of(struct span s)
{
	return (struct penguin_text){ s.p, s.n };
}

static struct span span_of(struct penguin_text t)
{
	return t.p != NULL ? span_make(t.p, t.n) : SPAN("");
}

static void host_log(const struct penguin_self *self, struct penguin_text text)
{
	const struct plugin *p = (const struct plugin *)self;

	log_record(LOG_LEVEL_INFO, SPAN(""), "plugin", LOG_CSTR("plugin", p->name),
	    LOG_SPAN("text", span_head(span_of(text), 1024)));
}

static int64_t host_wall_seconds(void)
{
	return clock_wall_ns() / NS_PER_S;
}

static struct penguin_text host_fact(const struct penguin_message *m, enum penguin_fact which)
{
	const struct mail *mail = m->mail;

	switch (which) {
	case PENGUIN_QUEUE_ID: return text_of(mail->message->queue_id);
	case PENGUIN_TENANT: return text_of(span_cstr(mail_tenant_name(mail)));
	case PENGUIN_STREAM:
		return text_of(span_cstr(mail->stream != NULL ? mail->stream->name : ""));
	case PENGUIN_CLASS:
		return text_of(
		    mail->class == CLASS_BULK ? SPAN("bulk") : SPAN("transactional"));
	case PENGUIN_LOGIN: return text_of(mail->message->login);
	case PENGUIN_CLIENT: return text_of(mail->message->client);
	case PENGUIN_SENDER: return text_of(mail->message->sender);
	}
	return text_of(SPAN(""));
}

static bool host_recipient(
    const struct penguin_message *m, size_t index, struct penguin_text *address_r)
{
	const struct message *message = m->mail->message;

	if (index >= message->recipient_count)
		return false;
	*address_r = text_of(message->recipients[index]);
	return true;
}

static bool host_field(const struct penguin_message *m, size_t index,
    struct penguin_text *name_r, struct penguin_text *value_r)
{
	const struct message *message = m->mail->message;

	if (index >= message->header_count)
		return false;
	*name_r = text_of(message->headers[index].name);
	*value_r = text_of(message->headers[index].value);
	return true;
}

/* Fields with a meaning of their own are for the rules and the signature to judge; they have done
 * so already. */
static bool host_add_field(
    struct penguin_message *m, struct penguin_text name, struct penguin_text value)
{
	struct message *message = m->mail->message;
	struct span field = span_of(name);
	struct buf text = BUF_INIT(MESSAGE_HEADER_MAX);
	char name_text[80];
	bool ok;

	if (m->hook != HOOK_BEFORE_SIGN || (m->plugin->calls.does & PENGUIN_ADDS_FIELDS) == 0 ||
	    field.n < 3 || !span_starts_nocase(field, SPAN("X-")) ||
	    !span_copy(field, name_text, sizeof name_text))
		return false;
	for (size_t i = 0; i < field.n; i++)
		if (!ascii_alpha(field.p[i]) && !ascii_digit(field.p[i]) && field.p[i] != '-')
			return false;
	buf_add_char(&text, ' ');
	buf_add_span(&text, span_of(value));
	ok = buf_ok(&text) &&
	     message_insert_header(message, 1, arena_dup(message->arena, span_cstr(name_text)),
		 buf_span(&text)) == ERR_OK;
	buf_free(&text);
	return ok;
}

static void host_reply(struct penguin_message *m, struct penguin_text text)
{
	if (!span_copy(
		span_head(span_of(text), sizeof m->reply - 1), m->reply, sizeof m->reply))
		m->reply[0] = '\0';
}

static void *host_keep(struct penguin_message *m, size_t octets)
{
	struct mail *mail = m->mail;

	if (octets > 65536)
		return NULL;
	if (mail->plugin_kept == NULL)
		mail->plugin_kept =
		    arena_array(mail->message->arena, PLUGINS_MAX, sizeof(void *));
	if (mail->plugin_kept == NULL)
		return NULL;
	if (mail->plugin_kept[m->index] == NULL)
		mail->plugin_kept[m->index] = arena_alloc(mail->message->arena, octets);
	return mail->plugin_kept[m->index];
}

const struct penguin_host hooks_host = {
	.abi = PENGUIN_PLUGIN_ABI,
	.size = sizeof hooks_host,
	.log = host_log,
	.wall_seconds = host_wall_seconds,
	.fact = host_fact,
	.recipient = host_recipient,
	.field = host_field,
	.add_field = host_add_field,
	.reply = host_reply,
	.keep = host_keep,
};

/* ---- calls ---- */

static bool has_hook(const struct plugin *p, enum hook hook)
{
	switch (hook) {
	case HOOK_HEADERS: return p->calls.headers != NULL;
	case HOOK_BODY: return p->calls.body != NULL;
	case HOOK_BEFORE_SIGN: return p->calls.before_sign != NULL;
	case HOOK_VERDICT: break;
	}
	return p->calls.verdict != NULL;
}

static enum penguin_answer call(struct penguin_message *m, struct span octets)
{
	struct plugin *p = m->plugin;
	int64_t begin = clock_mono_ns();
	enum penguin_answer answer = PENGUIN_GO_ON;

	switch (m->hook) {
	case HOOK_HEADERS: answer = p->calls.headers(p->context, m); break;
	case HOOK_BODY: answer = p->calls.body(p->context, m, text_of(octets)); break;
	case HOOK_BEFORE_SIGN: answer = p->calls.before_sign(p->context, m); break;
	case HOOK_VERDICT: p->calls.verdict(p->context, m, text_of(octets)); break;
	}
	/* What a late answer says is done all the same: it is an answer. */
	(void)plugin_in_time(p, begin, clock_mono_ns());
	return answer;
}

static bool end_with(
    const struct penguin_message *m, enum trouble trouble, struct span code, struct span dsn)
{
	struct verdict *v = &m->mail->verdict;

	if (m->reply[0] == '\0')
		return mail_fail(m->mail, trouble, SPAN(""));
	verdict_foreign(trouble, code, dsn, span_cstr(m->reply), v);
	return false;
}

static bool may_refuse(const struct plugin *p)
{
	return (p->calls.does & PENGUIN_REFUSES) != 0;
}

/* A plug-in that cannot be relied on. */
static bool without(const struct penguin_message *m)
{
	return !m->plugin->must || mail_fail(m->mail, TROUBLE_PLUGIN_AWAY, SPAN(""));
}

static bool run_one(struct penguin_message *m, struct span octets)
{
	struct message *message = m->mail->message;
	size_t edits = message->edit_count;
	struct plugin *p = m->plugin;
	enum penguin_answer answer;

	if (atomic_load_explicit(&p->disabled, memory_order_relaxed))
		return m->hook == HOOK_VERDICT || without(m);
	if (!has_hook(p, m->hook))
		return true;
	if (!plugin_enter(p))
		return m->hook == HOOK_VERDICT || without(m);
	answer = call(m, octets);
	plugin_leave(p);
	if (answer == PENGUIN_GO_ON || m->hook == HOOK_VERDICT)
		return true;
	if (may_refuse(p) && answer == PENGUIN_REFUSE)
		return end_with(m, TROUBLE_PLUGIN, SPAN("550"), SPAN("5.7.1"));
	if (may_refuse(p) && answer == PENGUIN_LATER)
		return end_with(m, TROUBLE_PLUGIN_LATER, SPAN("451"), SPAN("4.7.1"));
	message->edit_count = edits;
	plugin_fault(
	    p, may_refuse(p) ? "an answer that is none" : "it does not declare to refuse");
	return without(m);
}

static bool run(struct mail *mail, enum hook hook, struct span octets)
{
	struct plugins *all = mail->shared->plugins;
	bool on = true;

	for (size_t i = 0; all != NULL && on && i < all->count; i++) {
		struct penguin_message m = {
			.mail = mail, .plugin = &all->at[i], .index = i, .hook = hook
		};

		on = run_one(&m, octets);
	}
	return on;
}

bool hooks_headers(struct mail *mail)
{
	return run(mail, HOOK_HEADERS, SPAN(""));
}

bool hooks_body(struct mail *mail, struct span octets)
{
	const unsigned kinds = MAIL_SMTP | MAIL_LOCAL | MAIL_ORIGINAL | MAIL_TRIAL;

	if (mail->refused || (mail->kind & kinds) == 0)
		return true;
	return run(mail, HOOK_BODY, octets);
}

bool hooks_end_body(struct mail *mail)
{
	return hooks_body(mail, SPAN(""));
}

bool hooks_before_sign(struct mail *mail)
{
	return run(mail, HOOK_BEFORE_SIGN, SPAN(""));
}

void hooks_verdict(struct mail *mail, const char *word)
{
	(void)run(mail, HOOK_VERDICT, span_cstr(word));
}
