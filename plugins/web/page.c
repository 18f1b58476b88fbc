/* page - our HTML pages. Knows no HTTP and no tokens. */
#include "page.h"
#include "template.h"

static const char head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"{{language}}\" dir=\"{{direction}}\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"robots\" content=\"noindex\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>{{title}}</title>\n"
    "<style nonce=\"{{nonce}}\">\n"
    ":root{--back:#f4f5f7;--card:#fff;--text:#1c2430;--soft:#56606f;--line:#d5dae1;"
    "--button:#1f5fbf;--on:#fff}\n"
    "@media (prefers-color-scheme:dark){:root{--back:#14181f;--card:#1e242d;--text:#e8ebf0;"
    "--soft:#a4adba;--line:#3a4350;--button:#7fb0ff;--on:#0d1420}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--back);color:var(--text);"
    "font:1.0625rem/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}\n"
    "main{max-width:30rem;margin:0 auto;padding:1.5rem 1.25rem;background:var(--card);"
    "min-height:100vh;overflow-wrap:anywhere}\n"
    ".who{margin:0 0 1.5rem;color:var(--soft);font-weight:600}\n"
    "h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25}\n"
    "p{margin:0 0 1.25rem}\n"
    "button{display:block;width:100%;min-height:3.25rem;padding:.75rem 1rem;border:0;"
    "border-radius:.6rem;background:var(--button);color:var(--on);font:inherit;"
    "font-weight:600;cursor:pointer}\n"
    "button.plain{background:none;border:1px solid var(--line);color:var(--text)}\n"
    "button:focus-visible,a:focus-visible,input:focus-visible{outline:3px solid "
    "var(--button);outline-offset:2px}\n"
    "label{display:flex;gap:.9rem;align-items:center;min-height:3.25rem;padding:.5rem 0;"
    "border-bottom:1px solid var(--line)}\n"
    "input{flex:none;width:1.4rem;height:1.4rem;margin:0;accent-color:var(--button)}\n"
    "form{margin:0 0 1.5rem}\n"
    "form button{margin-top:1.5rem}\n"
    ".more{padding-top:1.25rem;border-top:1px solid var(--line)}\n"
    "a{display:inline-block;padding:.6rem 0;color:var(--button)}\n"
    "@media (min-width:40rem){main{min-height:0;margin:12vh auto;padding:2.5rem;"
    "border-radius:1rem;box-shadow:0 1px 3px #0002,0 8px 30px #0001}}\n"
    "</style>\n"
    "</head>\n"
    "<body>\n"
    "<main>\n";
static const char who[] = "<p class=\"who\">{{tenant}}</p>\n";
static const char says[] = "<h1>{{title}}</h1>\n"
			   "<p>{{text}}</p>\n";
static const char ask[] = "<form method=\"post\">\n"
			  "<button name=\"act\" value=\"stream\">{{button}}</button>\n"
			  "</form>\n"
			  "<p><a href=\"/u/{{token}}/choose\">{{link}}</a></p>\n";
static const char choose_start[] = "<form method=\"post\">\n";
static const char choose_row[] =
    "<label><input type=\"checkbox\" name=\"s\" value=\"{{row_name}}\">"
    "<span>{{row_title}}</span></label>\n";
static const char choose_row_ticked[] =
    "<label><input type=\"checkbox\" name=\"s\" value=\"{{row_name}}\" checked>"
    "<span>{{row_title}}</span></label>\n";
static const char choose_end[] =
    "<button name=\"act\" value=\"streams\">{{button}}</button>\n"
    "</form>\n"
    "<form method=\"post\" class=\"more\">\n"
    "<p>{{all}}</p>\n"
    "<button class=\"plain\" name=\"act\" value=\"all\">{{all_button}}</button>\n"
    "</form>\n";
static const char foot[] = "</main>\n"
			   "</body>\n"
			   "</html>\n";

static const struct {
	enum text_id title, text;
} words[PAGE_KINDS] = {
	[PAGE_ASK] = { TEXT_ASK_TITLE, TEXT_ASK },
	[PAGE_CHOOSE] = { TEXT_CHOOSE_TITLE, TEXT_CHOOSE },
	[PAGE_DONE] = { TEXT_DONE_TITLE, TEXT_DONE },
	[PAGE_NOTHING] = { TEXT_NOTHING_TITLE, TEXT_NOTHING },
	[PAGE_GONE] = { TEXT_GONE_TITLE, TEXT_GONE },
	[PAGE_LATER] = { TEXT_LATER_TITLE, TEXT_LATER },
	[PAGE_BLOCKED] = { TEXT_BLOCKED_TITLE, TEXT_BLOCKED },
};

static void put_rows(struct buf *out, const struct page_facts *f)
{
	for (size_t i = 0; i < f->stream_count; i++) {
		const struct template_value row[] = {
			{ "row_name", f->streams[i].name, false },
			{ "row_title", f->streams[i].title, false },
		};
		bool ticked = span_eq(f->streams[i].name, f->stream_name);

		template_put(out, span_cstr(ticked ? choose_row_ticked : choose_row), row,
		    ARRAY_SIZE(row));
	}
}

void page_put(struct buf *out, const struct page_facts *f)
{
	const struct span *t = phrases_of(f->texts, f->language);
	enum text_id button = f->kind == PAGE_CHOOSE ? TEXT_CHOOSE_BUTTON : TEXT_ASK_BUTTON;
	const struct template_value values[] = {
		{ "language", f->texts->tags[f->language], false },
		{ "direction", t[TEXT_DIRECTION], false },
		{ "nonce", f->nonce, false },
		{ "token", f->token, false },
		{ "tenant", f->tenant, false },
		{ "stream", f->stream, false },
		{ "title", t[words[f->kind].title], true },
		{ "text", t[words[f->kind].text], true },
		{ "button", t[button], true },
		{ "link", t[TEXT_CHOOSE_LINK], true },
		{ "all", t[TEXT_ALL], true },
		{ "all_button", t[TEXT_ALL_BUTTON], true },
	};
	const size_t n = ARRAY_SIZE(values);

	template_put(out, span_cstr(head), values, n);
	if (f->tenant.n > 0)
		template_put(out, span_cstr(who), values, n);
	template_put(out, span_cstr(says), values, n);
	if (f->kind == PAGE_ASK)
		template_put(out, span_cstr(ask), values, n);
	if (f->kind == PAGE_CHOOSE) {
		template_put(out, span_cstr(choose_start), values, n);
		put_rows(out, f);
		template_put(out, span_cstr(choose_end), values, n);
	}
	template_put(out, span_cstr(foot), values, n);
}
