#include "text/format.h"

#include "text/tokenizer.h"
#include "text/tokens.h"

#include <stdlib.h>
#include <string.h>

static const char PROMPT[] = "{prompt}", SYSTEM[] = "{system}";

/* The paper's template, spelled as its code for Ships spells it. */
static const char QUERY_ANSWER[] = "## Query:{prompt} \n## Answer:";

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) count++;
    return count;
}

/* Appends text with {prompt} and {system} replaced; what replaces them is not searched again. */
static void fill_in(const char *text, const char *prompt, const char *system, cv_buffer *out)
{
    while (*text) {
        bool is_prompt = strncmp(text, PROMPT, strlen(PROMPT)) == 0;
        bool is_system = system && strncmp(text, SYSTEM, strlen(SYSTEM)) == 0;
        if (is_prompt || is_system) {
            cv_buffer_puts(out, is_prompt ? prompt : system);
            text += is_prompt ? strlen(PROMPT) : strlen(SYSTEM);
        } else {
            cv_buffer_append(out, text++, 1);
        }
    }
}

static bool custom(const cv_format *format, const char *prompt, cv_buffer *out, cv_error *err)
{
    if (!format->text || occurrences(format->text, PROMPT) != 1)
        return cv_bad_input(err, "format.text must hold {prompt} once where format.kind is custom");
    size_t systems = occurrences(format->text, SYSTEM);
    if (systems > 1) return cv_bad_input(err, "format.text may hold {system} once");
    if (systems == 1 && !format->system)
        return cv_bad_input(err, "format.text holds {system}, but format.system is not given");
    if (systems == 0 && format->system)
        return cv_bad_input(err, "format.system is given, but format.text does not hold {system}");
    fill_in(format->text, prompt, format->system, out);
    return true;
}

bool cv_format_text(const cv_tokenizer *tokenizer, const cv_format *format, const char *prompt, cv_buffer *out,
                    cv_error *err)
{
    if (format->kind == CV_FORMAT_CUSTOM) return custom(format, prompt, out, err);
    if (format->text) return cv_bad_input(err, "format.text is only for format.kind custom");
    if (format->kind == CV_FORMAT_CHAT) return cv_chat_render(&tokenizer->chat, format->system, prompt, out, err);
    if (format->system) return cv_bad_input(err, "format.system is only for the kinds chat and custom of format");
    if (format->kind == CV_FORMAT_QUERY_ANSWER)
        fill_in(QUERY_ANSWER, prompt, NULL, out);
    else
        cv_buffer_puts(out, prompt);
    return true;
}

static bool begins_with(const cv_tokens *tokens, const cv_tokens *start)
{
    return tokens->count >= start->count &&
           (start->count == 0 || memcmp(tokens->ids, start->ids, start->count * sizeof *start->ids) == 0);
}

bool cv_encode_open(const cv_tokenizer *tokenizer, const char *text, size_t length, cv_tokens *out, cv_error *err)
{
    const cv_tokens *before = &tokenizer->postprocessor.before;
    cv_tokens body = {0};
    bool fine = cv_tokenizer_encode(tokenizer, text, length, false, &body, err);
    if (fine) {
        if (!begins_with(&body, before))
            for (size_t i = 0; i < before->count; i++) cv_tokens_append(out, before->ids[i]);
        for (size_t i = 0; i < body.count; i++) cv_tokens_append(out, body.ids[i]);
    }
    cv_tokens_free(&body);
    return fine;
}

/* The ids of a prompt. The tokens that end a text do not stand behind a chat's open answer. */
static bool encode_once(const cv_tokenizer *tokenizer, const cv_buffer *text, bool chat, cv_tokens *out, cv_error *err)
{
    const cv_tokens *after = &tokenizer->postprocessor.after;
    if (!cv_encode_open(tokenizer, text->data ? text->data : "", text->length, out, err)) return false;
    for (size_t i = 0; !chat && i < after->count; i++) cv_tokens_append(out, after->ids[i]);
    return true;
}

bool cv_format_prompt(const cv_tokenizer *tokenizer, const cv_format *format, const char *prompt, cv_tokens *out,
                      char **text_out, cv_error *err)
{
    cv_buffer text = {0};
    bool fine = cv_format_text(tokenizer, format, prompt, &text, err) &&
                encode_once(tokenizer, &text, format->kind == CV_FORMAT_CHAT, out, err);
    if (fine && text_out) *text_out = cv_buffer_steal(&text);
    cv_buffer_free(&text);
    return fine;
}
