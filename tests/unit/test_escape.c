#include "report/escape.h"

#include "suite.h"

#include <string.h>

typedef void put(cv_buffer *out, const char *text);

static const struct {
    put *put;
    const char *text, *escaped;
} cases[] = {
    {cv_put_html, "", ""},
    {cv_put_html, "a < b & c > \"d\" 'e'", "a &lt; b &amp; c &gt; &quot;d&quot; &#39;e&#39;"},
    {cv_put_html, "k\xc3\xa4se \xe6\xbc\xa2\n\t", "k\xc3\xa4se \xe6\xbc\xa2\n\t"},
    {cv_put_html, "&amp;", "&amp;amp;"},
    {cv_put_html, "</script><!--", "&lt;/script&gt;&lt;!--"},
    {cv_put_html, "bad \xff\xc3 utf-8", "bad \xef\xbf\xbd\xef\xbf\xbd utf-8"},
    {cv_put_html, "bell\a del\x7f", "bell\xef\xbf\xbd del\xef\xbf\xbd"},
    {cv_put_html, "c1 \xc2\x85", "c1 \xef\xbf\xbd"},
    {cv_put_html, "turn \xe2\x80\xae \xe2\x81\xa6", "turn \xef\xbf\xbd \xef\xbf\xbd"}, /* U+202E, U+2066 */
    {cv_put_html, "\xef\xbf\xbe\xef\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd"},             /* no XML */
    {cv_put_markdown, "a|b", "a\\|b"},
    {cv_put_markdown, "[x](y) <b> `c` *d* _e_ #f", "\\[x\\](y) \\<b\\> \\`c\\` \\*d\\* \\_e\\_ \\#f"},
    {cv_put_markdown, "two\nlines\t", "two lines "},
    {cv_put_markdown, "\\| \r", "\\\\\\| \xef\xbf\xbd"},
    {cv_put_markdown, "http://x @y &lt;", "http\\://x \\@y \\&lt;"},
    {cv_put_markdown, "see Www.x.y, sahara:1", "see Www\\.x.y, sahara:1"},
    {cv_put_latex, "\\input{x}", "\\textbackslash{}input\\{x\\}"},
    {cv_put_latex, "50 % of $5 & #1_a^b~", "50 \\% of \\$5 \\& \\#1\\_a\\textasciicircum{}b\\textasciitilde{}"},
    {cv_put_latex, "a--b ?` \"q\"", "a{-}{-}b {?}\\textasciigrave{} {''}q{''}"},
    {cv_put_latex, "line\nend \a\xff it's", "line end {?}{?} it{'}s"},
    {cv_put_slug, "chat-a_2.5", "chat-a_2.5"},
    {cv_put_slug, "../a b\xc3\xa4", ".._a_b__"},
};

START_TEST(text_is_made_harmless)
{
    cv_buffer out = {0};
    cv_buffer_puts(&out, "(");
    cases[_i].put(&out, cases[_i].text);
    ck_assert_str_eq(out.data + 1, cases[_i].escaped);
    cv_buffer_free(&out);
}
END_TEST

/* Each byte by itself, and in a row of all: no mark of the language is left bare. */
START_TEST(no_byte_is_a_mark_of_html)
{
    for (int byte = 1; byte < 256; byte++) {
        cv_buffer out = {0};
        const char text[] = {(char)byte, 'x', 0};
        cv_put_html(&out, text);
        ck_assert_ptr_null(strpbrk(out.data, "<>\"'"));
        const char *amp = strchr(out.data, '&');
        ck_assert(!amp || strchr(amp, ';'));
        cv_buffer_free(&out);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("escape");
    tcase_add_loop_test(tests, text_is_made_harmless, 0, ROWS(cases));
    tcase_add_test(tests, no_byte_is_a_mark_of_html);
    return run_suite(tests);
}
