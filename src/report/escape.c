#include "report/escape.h"

#include "text/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Of a valid character: what XML 1.0 does not allow, and what would turn the text around it. */
static bool is_unwanted(uint32_t code)
{
    bool control = (code < 0x20 && code != '\t' && code != '\n') || (code >= 0x7f && code < 0xa0);
    bool turns = code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
                 (code >= 0x2066 && code <= 0x2069) || code == 0x061c;
    return control || turns || code == 0xfffe || code == 0xffff;
}

/* The text as valid UTF-8 without unwanted characters; to be freed by the caller. */
static char *cleaned(const char *text)
{
    cv_buffer valid = {0}, out = {0};
    cv_buffer_puts(&valid, "");
    cv_utf8_append_lossy(&valid, text, strlen(text));
    for (size_t i = 0; i < valid.length;) {
        uint32_t code;
        size_t bytes = cv_utf8_decode(valid.data + i, &code);
        if (is_unwanted(code))
            cv_buffer_puts(&out, REPLACEMENT);
        else
            cv_buffer_append(&out, valid.data + i, bytes);
        i += bytes;
    }
    cv_buffer_free(&valid);
    return cv_buffer_steal(&out);
}

void cv_put_html(cv_buffer *out, const char *text)
{
    char *clean = cleaned(text);
    for (const char *c = clean; *c; c++) switch (*c) {
        case '&':
            cv_buffer_puts(out, "&amp;");
            break;
        case '<':
            cv_buffer_puts(out, "&lt;");
            break;
        case '>':
            cv_buffer_puts(out, "&gt;");
            break;
        case '"':
            cv_buffer_puts(out, "&quot;");
            break;
        case '\'':
            cv_buffer_puts(out, "&#39;");
            break;
        default:
            cv_buffer_append(out, c, 1);
        }
    free(clean);
}

void cv_put_markdown(cv_buffer *out, const char *text)
{
    static const char marks[] = "\\`*_{}[]<>#|~$&@";
    char *clean = cleaned(text);
    for (const char *c = clean; *c; c++) {
        if (*c == '\n' || *c == '\t') {
            cv_buffer_puts(out, " ");
            continue;
        }
        /* Addresses become links by themselves. */
        bool links = strncmp(c, "://", 3) == 0 || (*c == '.' && c - clean >= 3 && strncasecmp(c - 3, "www", 3) == 0);
        if (strchr(marks, *c) || links) cv_buffer_puts(out, "\\");
        cv_buffer_append(out, c, 1);
    }
    free(clean);
}

/* In the same order. Two dashes would become a long one, and ?` or !` a Spanish mark. */
static const char latex_marks[] = "\\~^{}$&#%_<>|\"`'-?!\n\t";
static const char *const latex_words[] = {"\\textbackslash{}",
                                          "\\textasciitilde{}",
                                          "\\textasciicircum{}",
                                          "\\{",
                                          "\\}",
                                          "\\$",
                                          "\\&",
                                          "\\#",
                                          "\\%",
                                          "\\_",
                                          "\\textless{}",
                                          "\\textgreater{}",
                                          "\\textbar{}",
                                          "{''}",
                                          "\\textasciigrave{}",
                                          "{'}",
                                          "{-}",
                                          "{?}",
                                          "{!}",
                                          " ",
                                          " "};

void cv_put_latex(cv_buffer *out, const char *text)
{
    char *clean = cleaned(text);
    for (const char *c = clean; *c; c++) {
        const char *mark = strchr(latex_marks, *c);
        if (strncmp(c, REPLACEMENT, 3) == 0) {
            cv_buffer_puts(out, "{?}"); /* no font of LaTeX has it */
            c += 2;
        } else if (mark)
            cv_buffer_puts(out, latex_words[mark - latex_marks]);
        else
            cv_buffer_append(out, c, 1);
    }
    free(clean);
}

void cv_put_slug(cv_buffer *out, const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    for (const char *c = text; *c; c++) cv_buffer_puts(out, strchr(allowed, *c) ? (char[]){*c, 0} : "_");
}
