#include "text/tokenizer.h"

#include "base/file.h"
#include "base/memory.h"
#include "text/tokens.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of one text: positions in it are 32-bit integers while pairs are merged. */
enum { TEXT_LIMIT = 1 << 30 };

/* object[key] where it is an object, NULL where it is null or absent. */
static bool component(const json_t *top, const char *file, const char *key, json_t **object, cv_error *err)
{
    *object = NULL;
    return cv_json_object(top, (cv_json_place){file, ""}, key, CV_OPTIONAL, object, err);
}

/* Truncation and padding would change what a prompt's last token is. */
static bool check_top(const json_t *top, const char *file, cv_error *err)
{
    static const char *const keys[] = {"version",       "truncation",     "padding", "added_tokens", "normalizer",
                                       "pre_tokenizer", "post_processor", "decoder", "model",        NULL};
    const char *version = "1.0";
    cv_json_place at = {file, ""};
    if (!cv_json_only_keys(top, at, keys, err) || !cv_json_string(top, at, "version", CV_OPTIONAL, &version, err))
        return false;
    if (strcmp(version, "1.0") != 0)
        return cv_bad_input(err, "%s: version \"%s\" is not supported; it must be 1.0", file, version);
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_object_get(top, i ? "padding" : "truncation");
        if (value && !json_is_null(value))
            return cv_bad_input(err, "%s: %s must be null, as Caravan neither cuts nor pads prompts", file,
                                i ? "padding" : "truncation");
    }
    return true;
}

static bool read_components(cv_tokenizer *t, const json_t *top, cv_error *err)
{
    const char *file = t->path;
    json_t *model = NULL, *added = NULL, *normalizer, *pretokenizer, *postprocessor, *decoder;
    if (!check_top(top, file, err) ||
        !cv_json_object(top, (cv_json_place){file, ""}, "model", CV_REQUIRED, &model, err) ||
        !cv_json_array(top, (cv_json_place){file, ""}, "added_tokens", CV_OPTIONAL, &added, err) ||
        !component(top, file, "normalizer", &normalizer, err) ||
        !component(top, file, "pre_tokenizer", &pretokenizer, err) ||
        !component(top, file, "post_processor", &postprocessor, err) || !component(top, file, "decoder", &decoder, err))
        return false;
    if (!cv_bpe_parse(&t->model, model, (cv_json_place){file, "model"}, err)) return false;
    t->normalizer = cv_normalizer_parse(normalizer, (cv_json_place){file, "normalizer"}, err);
    if (!t->normalizer) return false;
    if (!cv_added_tokens_parse(&t->added, added, &t->model.vocabulary, t->normalizer,
                               (cv_json_place){file, "added_tokens"}, err))
        return false;
    t->size = t->model.vocabulary.size;
    if (t->added.count && t->added.tokens[t->added.count - 1].id >= t->size)
        t->size = t->added.tokens[t->added.count - 1].id + 1;
    t->pretokenizer = cv_pretokenizer_parse(pretokenizer, (cv_json_place){file, "pre_tokenizer"}, err);
    if (!t->pretokenizer) return false;
    if (!cv_postprocessor_parse(&t->postprocessor, postprocessor, t->size, (cv_json_place){file, "post_processor"},
                                err))
        return false;
    t->decoder = cv_decoder_parse(decoder, (cv_json_place){file, "decoder"}, err);
    return t->decoder != NULL;
}

cv_tokenizer *cv_tokenizer_open(const char *model_directory, cv_error *err)
{
    cv_tokenizer *t = cv_calloc(1, sizeof *t);
    t->path = cv_path_join(model_directory, "tokenizer.json");
    json_t *top = cv_json_load(t->path, 0, err);
    bool fine = top && read_components(t, top, err);
    json_decref(top);
    if (fine && cv_chat_load(&t->chat, model_directory, err)) return t;
    cv_tokenizer_close(t);
    return NULL;
}

void cv_tokenizer_close(cv_tokenizer *t)
{
    if (!t) return;
    cv_chat_free(&t->chat);
    cv_decoder_free(t->decoder);
    cv_postprocessor_free(&t->postprocessor);
    cv_pretokenizer_free(t->pretokenizer);
    cv_normalizer_free(t->normalizer);
    cv_added_tokens_free(&t->added);
    cv_bpe_free(&t->model);
    free(t->path);
    free(t);
}

/* Memory of one call of cv_tokenizer_encode. */
typedef struct scratch {
    cv_segments raw, normalized;
    cv_buffer text; /* a segment of the user's text, normalized */
    cv_pieces pieces;
    cv_bpe_scratch bpe;
} scratch;

static void free_scratch(scratch *s)
{
    cv_segments_free(&s->raw);
    cv_segments_free(&s->normalized);
    cv_buffer_free(&s->text);
    cv_pieces_free(&s->pieces);
    cv_bpe_scratch_free(&s->bpe);
}

/* Normalized text without added tokens. */
static bool encode_plain(const cv_tokenizer *t, const char *text, size_t length, bool at_start, scratch *s,
                         cv_tokens *out, cv_error *err)
{
    if (!cv_pretokenizer_apply(t->pretokenizer, text, length, at_start, &s->pieces, err)) return false;
    for (size_t i = 0; i < s->pieces.count; i++) {
        size_t size;
        const char *piece = cv_pieces_at(&s->pieces, i, &size);
        cv_bpe_encode(&t->model, piece, size, &s->bpe, out);
    }
    return true;
}

/* Text between the added tokens that stand in the raw text. */
static bool encode_between(const cv_tokenizer *t, const char *text, cv_segment between, scratch *s, cv_tokens *out,
                           cv_error *err)
{
    s->text.length = 0;
    cv_buffer_append(&s->text, text + between.start, between.end - between.start);
    if (!cv_normalizer_apply(t->normalizer, &s->text, err)) return false;
    cv_added_tokens_split(&t->added, true, s->text.data, s->text.length, &s->normalized);
    for (size_t i = 0; i < s->normalized.count; i++) {
        cv_segment part = s->normalized.items[i];
        bool at_start = between.start == 0 && part.start == 0;
        if (part.id >= 0)
            cv_tokens_append(out, part.id);
        else if (!encode_plain(t, s->text.data + part.start, part.end - part.start, at_start, s, out, err))
            return false;
    }
    return true;
}

static bool check_text(const char *text, size_t length, cv_error *err)
{
    size_t valid = cv_utf8_valid_prefix(text, length);
    if (valid < length) return cv_bad_input(err, "the text is not valid UTF-8 at byte %zu", valid);
    if (length > TEXT_LIMIT) return cv_bad_input(err, "the text is longer than %d bytes", TEXT_LIMIT);
    return true;
}

static void append_all(const cv_tokens *tokens, cv_tokens *out)
{
    for (size_t i = 0; i < tokens->count; i++) cv_tokens_append(out, tokens->ids[i]);
}

bool cv_tokenizer_encode(const cv_tokenizer *t, const char *text, size_t length, bool add_special, cv_tokens *out,
                         cv_error *err)
{
    if (!check_text(text, length, err)) return false;
    scratch s = {0};
    bool fine = true;
    if (add_special) append_all(&t->postprocessor.before, out);
    cv_added_tokens_split(&t->added, false, text, length, &s.raw);
    for (size_t i = 0; fine && i < s.raw.count; i++) {
        if (s.raw.items[i].id >= 0)
            cv_tokens_append(out, s.raw.items[i].id);
        else
            fine = encode_between(t, text, s.raw.items[i], &s, out, err);
    }
    if (add_special) append_all(&t->postprocessor.after, out);
    free_scratch(&s);
    return fine;
}

char *cv_tokenizer_decode(const cv_tokenizer *t, const int32_t *ids, size_t count, bool skip_special, size_t *length)
{
    cv_pieces tokens = {0};
    for (size_t i = 0; i < count; i++) {
        const cv_added_token *added = cv_added_tokens_find(&t->added, ids[i]);
        const char *spelling = added ? added->searched : cv_vocabulary_spelling(&t->model.vocabulary, ids[i]);
        if (!spelling || (added && skip_special && added->skipped)) continue;
        cv_pieces_add(&tokens, spelling, strlen(spelling));
    }
    cv_buffer text = {0};
    cv_decoder_apply(t->decoder, &tokens, &text);
    cv_pieces_free(&tokens);
    *length = text.length;
    return cv_buffer_steal(&text);
}

const char *cv_tokenizer_token(const cv_tokenizer *t, int32_t id)
{
    const cv_added_token *added = cv_added_tokens_find(&t->added, id);
    return added ? added->content : cv_vocabulary_spelling(&t->model.vocabulary, id);
}

int32_t cv_tokenizer_size(const cv_tokenizer *t)
{
    return t->size;
}
