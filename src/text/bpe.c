#include "text/bpe.h"

#include "base/memory.h"
#include "text/tokens.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

/* A token while its piece is being merged: a node of a doubly linked list. */
typedef struct cv_bpe_symbol {
    int32_t id;
    int32_t previous, next; /* indices, -1 at the ends */
    bool gone;              /* merged into the symbol before it */
} symbol;

/* A pair that could be merged: the symbol at position with the one behind it. */
typedef struct cv_bpe_candidate {
    uint32_t rank;
    int32_t position;
    int32_t merged; /* the id that the pair becomes */
} candidate;

/* A learned pair; merged is -1 in an empty slot. */
typedef struct cv_merge {
    int32_t left, right, merged;
    uint32_t rank; /* the order of learning */
} merge;

static size_t hash_pair(int32_t left, int32_t right)
{
    uint64_t value = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    return (size_t)(value ^ value >> 32);
}

static merge *merge_slot(const cv_bpe *bpe, int32_t left, int32_t right)
{
    size_t mask = bpe->merge_slots - 1, slot = hash_pair(left, right) & mask;
    for (;; slot = (slot + 1) & mask) {
        merge *m = &bpe->merges[slot];
        if (m->merged < 0 || (m->left == left && m->right == right)) return m;
    }
}

/* The two spellings of one merge, "a b" or ["a", "b"]. */
typedef struct pair_text {
    const char *left, *right;
    size_t left_length, right_length;
} pair_text;

static bool read_pair(const json_t *entry, pair_text *pair)
{
    if (json_is_string(entry)) {
        size_t length = json_string_length(entry);
        const char *text = json_string_value(entry), *blank = memchr(text, ' ', length);
        if (!blank) return false;
        *pair = (pair_text){text, blank + 1, (size_t)(blank - text), length - (size_t)(blank - text) - 1};
        return !memchr(pair->right, ' ', pair->right_length);
    }
    const json_t *left = json_array_get(entry, 0), *right = json_array_get(entry, 1);
    if (json_array_size(entry) != 2 || !json_is_string(left) || !json_is_string(right)) return false;
    *pair = (pair_text){json_string_value(left), json_string_value(right), json_string_length(left),
                        json_string_length(right)};
    return true;
}

static bool add_merge(cv_bpe *bpe, const pair_text *pair, uint32_t rank, char *joined)
{
    int32_t left = cv_vocabulary_find(&bpe->vocabulary, pair->left, pair->left_length);
    int32_t right = cv_vocabulary_find(&bpe->vocabulary, pair->right, pair->right_length);
    memcpy(joined, pair->left, pair->left_length);
    memcpy(joined + pair->left_length, pair->right, pair->right_length);
    int32_t merged = cv_vocabulary_find(&bpe->vocabulary, joined, pair->left_length + pair->right_length);
    if (left < 0 || right < 0 || merged < 0) return false;
    /* a pair learned twice counts where it stands last, as in the reference */
    *merge_slot(bpe, left, right) = (merge){left, right, merged, rank};
    return true;
}

/* How much of a token a message quotes. */
static int shown(size_t length)
{
    return length < 40 ? (int)length : 40;
}

static bool parse_merges(cv_bpe *bpe, const json_t *merges, cv_json_place at, cv_error *err)
{
    size_t count = json_array_size(merges);
    if (count > INT32_MAX) return cv_bad_input(err, "%s: %s.merges holds too many merges", at.file, at.field);
    bpe->merge_slots = 4;
    while (bpe->merge_slots < 2 * count + 1) bpe->merge_slots *= 2;
    bpe->merges = cv_alloc(bpe->merge_slots, sizeof *bpe->merges);
    for (size_t i = 0; i < bpe->merge_slots; i++) bpe->merges[i].merged = -1;

    cv_buffer joined = {0};
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++) {
        const json_t *entry = json_array_get(merges, i);
        pair_text pair;
        if (json_typeof(entry) != json_typeof(json_array_get(merges, 0)) || !read_pair(entry, &pair)) {
            fine = cv_bad_input(err, "%s: %s.merges[%zu] must be a pair of tokens, \"a b\" or [\"a\", \"b\"]", at.file,
                                at.field, i);
            break;
        }
        cv_reserve(&joined.data, &joined.capacity, pair.left_length + pair.right_length + 1, 1);
        if (!add_merge(bpe, &pair, (uint32_t)i, joined.data))
            fine =
                cv_bad_input(err, "%s: %s.merges[%zu]: \"%.*s\" + \"%.*s\" names a token that is not in the vocabulary",
                             at.file, at.field, i, shown(pair.left_length), pair.left, shown(pair.right_length),
                             pair.right);
    }
    cv_buffer_free(&joined);
    return fine;
}

/* Switches that would change ids and do not occur in the models that Caravan reads. */
static bool refuse_switches(const json_t *object, cv_json_place at, cv_error *err)
{
    double dropout = 0;
    const char *prefix = "", *suffix = "";
    if (!cv_json_real(object, at, "dropout", CV_OPTIONAL, 0, 1, &dropout, err) ||
        !cv_json_string(object, at, "continuing_subword_prefix", CV_OPTIONAL, &prefix, err) ||
        !cv_json_string(object, at, "end_of_word_suffix", CV_OPTIONAL, &suffix, err))
        return false;
    if (dropout > 0)
        return cv_bad_input(err, "%s: %s.dropout must be null or 0: ids would be random", at.file, at.field);
    if (*prefix)
        return cv_bad_input(err, "%s: %s.continuing_subword_prefix is not supported by Caravan", at.file, at.field);
    if (*suffix) return cv_bad_input(err, "%s: %s.end_of_word_suffix is not supported by Caravan", at.file, at.field);
    return true;
}

static bool parse_unk(cv_bpe *bpe, const json_t *object, cv_json_place at, cv_error *err)
{
    const char *unk = NULL;
    bpe->unk = -1;
    if (!cv_json_string(object, at, "unk_token", CV_OPTIONAL, &unk, err)) return false;
    if (!unk) return true;
    bpe->unk = cv_vocabulary_find(&bpe->vocabulary, unk, strlen(unk));
    if (bpe->unk < 0)
        return cv_bad_input(err, "%s: %s.unk_token: \"%s\" is not in the vocabulary", at.file, at.field, unk);
    return true;
}

static void find_byte_tokens(cv_bpe *bpe, bool byte_fallback)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char spelling[8];
        int length = snprintf(spelling, sizeof spelling, "<0x%02X>", byte);
        bpe->byte_tokens[byte] = byte_fallback ? cv_vocabulary_find(&bpe->vocabulary, spelling, (size_t)length) : -1;
    }
}

bool cv_bpe_parse(cv_bpe *bpe, const json_t *object, cv_json_place at, cv_error *err)
{
    static const char *const keys[] = {"type",
                                       "dropout",
                                       "unk_token",
                                       "continuing_subword_prefix",
                                       "fuse_unk",
                                       "byte_fallback",
                                       "ignore_merges",
                                       "end_of_word_suffix",
                                       "vocab",
                                       "merges",
                                       NULL};
    const char *type = "BPE"; /* older files leave it out */
    json_t *vocabulary = NULL, *merges = NULL;
    bool byte_fallback = false;
    if (!cv_json_string(object, at, "type", CV_OPTIONAL, &type, err)) return false;
    if (strcmp(type, "BPE") != 0)
        return cv_bad_input(err, "%s: %s.type: \"%s\" is not supported by Caravan; it must be BPE", at.file, at.field,
                            type);
    if (!cv_json_only_keys(object, at, keys, err) || !refuse_switches(object, at, err) ||
        !cv_json_bool(object, at, "fuse_unk", CV_OPTIONAL, &bpe->fuse_unk, err) ||
        !cv_json_bool(object, at, "byte_fallback", CV_OPTIONAL, &byte_fallback, err) ||
        !cv_json_bool(object, at, "ignore_merges", CV_OPTIONAL, &bpe->ignore_merges, err) ||
        !cv_json_object(object, at, "vocab", CV_REQUIRED, &vocabulary, err) ||
        !cv_json_array(object, at, "merges", CV_REQUIRED, &merges, err))
        return false;
    if (!cv_vocabulary_parse(&bpe->vocabulary, vocabulary, (cv_json_place){at.file, "model.vocab"}, err)) return false;
    find_byte_tokens(bpe, byte_fallback);
    return parse_unk(bpe, object, at, err) && parse_merges(bpe, merges, at, err);
}

void cv_bpe_free(cv_bpe *bpe)
{
    cv_vocabulary_free(&bpe->vocabulary);
    free(bpe->merges);
    *bpe = (cv_bpe){0};
}

void cv_bpe_scratch_free(cv_bpe_scratch *scratch)
{
    free(scratch->symbols);
    free(scratch->heap);
    *scratch = (cv_bpe_scratch){0};
}

/* Symbols and candidates of one piece. */
typedef struct word {
    const cv_bpe *bpe;
    cv_bpe_scratch *memory;
    int32_t count;     /* symbols */
    size_t candidates; /* in memory->heap, the lowest rank first, then the lowest position */
} word;

static void add_symbol(word *w, int32_t id)
{
    cv_reserve(&w->memory->symbols, &w->memory->symbol_capacity, (size_t)w->count + 1, sizeof(symbol));
    w->memory->symbols[w->count] = (symbol){id, w->count - 1, w->count + 1, false};
    w->count++;
}

/* The character's bytes as tokens <0x..>; false unless each has one. */
static bool add_bytes(word *w, const char *character, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (w->bpe->byte_tokens[(unsigned char)character[i]] < 0) return false;
    for (size_t i = 0; i < bytes; i++) add_symbol(w, w->bpe->byte_tokens[(unsigned char)character[i]]);
    return true;
}

/* One symbol for each character. An unknown one waits for the next known character, so that those in
 * a row can be fused; byte tokens do not end its wait, and without an unknown token it is left out:
 * both as in the reference. */
static void add_characters(word *w, const char *piece, size_t length)
{
    bool unknown = false;
    for (size_t at = 0; at < length;) {
        uint32_t code;
        const char *character = piece + at;
        size_t bytes = cv_utf8_decode(character, &code);
        int32_t id = cv_vocabulary_find(&w->bpe->vocabulary, character, bytes);
        at += bytes;
        if (id >= 0) {
            if (unknown) add_symbol(w, w->bpe->unk);
            unknown = false;
            add_symbol(w, id);
        } else if (!add_bytes(w, character, bytes) && w->bpe->unk >= 0) {
            if (unknown && !w->bpe->fuse_unk) add_symbol(w, w->bpe->unk);
            unknown = true;
        }
    }
    if (unknown) add_symbol(w, w->bpe->unk);
    if (w->count) w->memory->symbols[w->count - 1].next = -1;
}

static bool comes_before(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->position < b->position;
}

static void push(word *w, candidate c)
{
    cv_reserve(&w->memory->heap, &w->memory->heap_capacity, w->candidates + 1, sizeof(candidate));
    candidate *heap = w->memory->heap;
    size_t i = w->candidates++;
    for (; i > 0 && comes_before(&c, &heap[(i - 1) / 2]); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = c;
}

static candidate pop(word *w)
{
    candidate *heap = w->memory->heap, top = heap[0], last = heap[--w->candidates];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < w->candidates && comes_before(&heap[child + 1], &heap[child])) child++;
        if (child >= w->candidates || !comes_before(&heap[child], &last)) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

/* Makes the symbol at position and the one behind it a candidate, if they are a learned pair. */
static void consider(word *w, int32_t position)
{
    const symbol *symbols = w->memory->symbols;
    if (position < 0 || symbols[position].next < 0) return;
    const merge *m = merge_slot(w->bpe, symbols[position].id, symbols[symbols[position].next].id);
    if (m->merged >= 0) push(w, (candidate){m->rank, position, m->merged});
}

/* Whether the candidate still stands: its symbols may have been merged with others since. */
static bool is_current(const word *w, const candidate *c)
{
    const symbol *left = &w->memory->symbols[c->position];
    if (left->gone || left->next < 0) return false;
    return merge_slot(w->bpe, left->id, w->memory->symbols[left->next].id)->merged == c->merged;
}

static void merge_all(word *w)
{
    for (int32_t i = 0; i < w->count; i++) consider(w, i);
    while (w->candidates) {
        candidate best = pop(w);
        if (!is_current(w, &best)) continue;
        symbol *symbols = w->memory->symbols, *left = &symbols[best.position], *right = &symbols[left->next];
        left->id = best.merged;
        left->next = right->next;
        right->gone = true;
        if (left->next >= 0) symbols[left->next].previous = best.position;
        consider(w, left->previous);
        consider(w, best.position);
    }
}

void cv_bpe_encode(const cv_bpe *bpe, const char *piece, size_t length, cv_bpe_scratch *scratch, cv_tokens *out)
{
    int32_t whole = bpe->ignore_merges ? cv_vocabulary_find(&bpe->vocabulary, piece, length) : -1;
    if (whole >= 0) {
        cv_tokens_append(out, whole);
        return;
    }
    word w = {.bpe = bpe, .memory = scratch};
    add_characters(&w, piece, length);
    merge_all(&w);
    for (int32_t i = w.count ? 0 : -1; i >= 0; i = scratch->symbols[i].next)
        cv_tokens_append(out, scratch->symbols[i].id);
}
