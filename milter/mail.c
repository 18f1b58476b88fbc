/* mail - what all stages of a message share. Knows no stage. */
#include "mail.h"
#include "clock.h"
#include "log.h"

bool mail_fail(struct mail *mail, enum trouble trouble, struct span subject)
{
	if (mail->kind == MAIL_NOTICE) {
		log_record(LOG_LEVEL_WARNING, mail->message->queue_id, "notice_unsigned",
		    LOG_CSTR("reason", verdict_word(trouble)), LOG_SPAN("about", subject));
		mail->untouched = true;
	} else {
		verdict_decide(trouble, subject, &mail->verdict);
	}
	return false;
}

const char *mail_tenant_name(const struct mail *mail)
{
	if (mail->tenant == TENANT_NONE)
		return "";
	return snapshot_tenant(mail->generation->snapshot, mail->tenant)->name;
}

void mail_complain(struct mail *mail, const char *event, const char *about, const char *text)
{
	if (!shared_may_complain(mail->shared, span_cstr(about), clock_mono_ns()))
		return;
	log_record(LOG_LEVEL_ERROR, mail->message->queue_id, event,
	    LOG_CSTR("tenant", mail_tenant_name(mail)), LOG_CSTR("domain", about),
	    LOG_CSTR("text", text));
}

void mail_forget_question(struct mail *mail)
{
	if (mail->asked != NULL)
		policy_client_forget(mail->generation->policy, &mail->asked);
}

void mail_deinit(struct mail *mail)
{
	mail_forget_question(mail);
	signing_free(&mail->signing);
	for (size_t i = 0; i < mail->key_count; i++)
		key_unref(&mail->keys[i].key);
	mail->key_count = 0;
	content_deinit(&mail->content);
	message_free(&mail->message);
	generation_unref(&mail->generation);
}
