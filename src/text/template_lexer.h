/* The words of a Jinja template, with the white space around its tags already taken away as Hugging
 * Face's settings (trim_blocks, lstrip_blocks) ask for. */
#ifndef CV_TEMPLATE_LEXER_H
#define CV_TEMPLATE_LEXER_H

#include "base/buffer.h"

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

typedef enum cv_word_kind {
    CV_WORD_TEXT,   /* outside of tags */
    CV_WORD_PRINT,  /* {{ */
    CV_WORD_TAG,    /* {% */
    CV_WORD_CLOSE,  /* }} or %} */
    CV_WORD_NAME,   /* also for if, not, in, ... */
    CV_WORD_STRING, /* its value, escapes resolved */
    CV_WORD_INTEGER,
    CV_WORD_OPERATOR, /* text is one of + - * / // % ~ == != < <= > >= = ( ) [ ] { } , . : | */
    CV_WORD_END
} cv_word_kind;

typedef struct cv_word {
    cv_word_kind kind;
    const char *text; /* [length], in cv_template_words.store, with a NUL behind it; may hold NULs */
    size_t length;
    int64_t integer;
} cv_word;

/* Start with {0}. */
typedef struct cv_template_words {
    cv_word *items; /* [count], the last is CV_WORD_END */
    size_t count, capacity;
    char *store;
} cv_template_words;

bool cv_template_words_read(const char *source, size_t length, cv_template_words *words, cv_error *err);
void cv_template_words_free(cv_template_words *words);

#endif
