/* caravan tokens: the ids that a text becomes. */
#include "cli/verb.h"

#include "base/buffer.h"

#include <caravan/text.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: caravan tokens MODEL_DIR [--no-special] [--json] TEXT\n"
    "\n"
    "Prints the token ids of TEXT with their spelling, one a line, as Hugging Face's tokenizers give them.\n"
    "TEXT \"-\" reads all of standard input as one text, its last newline included.\n"
    "\n"
    "  --no-special  without the tokens that the tokenizer adds (BOS)\n"
    "  --json        the ids alone, as a JSON array\n";

static bool read_stdin(cv_buffer *out, cv_error *err)
{
    char part[65536];
    size_t got;
    while ((got = fread(part, 1, sizeof part, stdin)) > 0) cv_buffer_append(out, part, got);
    return !ferror(stdin) || cv_failed(err, "standard input cannot be read: %s", strerror(errno));
}

static void print_tokens(const cv_tokenizer *tokenizer, const cv_tokens *tokens, bool as_json)
{
    if (as_json) putchar('[');
    for (size_t i = 0; i < tokens->count; i++) {
        if (as_json) {
            printf("%s%d", i ? ", " : "", (int)tokens->ids[i]);
            continue;
        }
        printf("%d\t", (int)tokens->ids[i]);
        cv_spelling_print(cv_tokenizer_token(tokenizer, tokens->ids[i]));
        putchar('\n');
    }
    if (as_json) puts("]");
}

static bool run(int argc, char **argv, cv_error *err)
{
    const char *directory = NULL, *text = NULL;
    bool no_special = false, as_json = false;
    const cv_option known[] = {{.name = "--no-special", .flag = &no_special},
                               {.name = "--json", .flag = &as_json},
                               {0}};
    const cv_argument arguments[] = {{"MODEL_DIR", &directory}, {"TEXT", &text}, {0}};
    if (!cv_options_read("tokens", argc, argv, known, arguments, err)) return false;
    cv_tokenizer *tokenizer = cv_tokenizer_open(directory, err);
    if (!tokenizer) return false;
    cv_buffer input = {0};
    cv_tokens tokens = {0};
    bool ok = true;
    if (strcmp(text, "-") == 0)
        ok = read_stdin(&input, err);
    else
        cv_buffer_puts(&input, text);
    ok = ok && cv_tokenizer_encode(tokenizer, input.data ? input.data : "", input.length, !no_special, &tokens, err);
    if (ok) {
        print_tokens(tokenizer, &tokens, as_json);
        ok = cv_stdout_check(err);
    }
    cv_tokens_free(&tokens);
    cv_buffer_free(&input);
    cv_tokenizer_close(tokenizer);
    return ok;
}

const cv_verb cv_tokens_verb = {"tokens", help, run};
