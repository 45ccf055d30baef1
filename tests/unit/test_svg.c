#include "report/svg.h"

#include "picture.h"
#include "suite.h"

#include <math.h>

START_TEST(a_picture_has_title_and_description)
{
    cv_buffer out = {0};
    cv_svg_open(&out, "one", 100.2, 50, "a < b", "what \"it\" is");
    cv_svg_close(&out);
    ck_assert_uint_eq(count_of(out.data, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"101\" height=\"50\" "
                                         "viewBox=\"0 0 101 50\" role=\"img\" aria-labelledby=\"one-title one-text\""),
                      1);
    ck_assert_uint_eq(count_of(out.data, "<title id=\"one-title\">a &lt; b</title>"), 1);
    ck_assert_uint_eq(count_of(out.data, "<desc id=\"one-text\">what &quot;it&quot; is</desc>"), 1);
    ck_assert(is_balanced(out.data));
    cv_buffer_free(&out);
}
END_TEST

START_TEST(coordinates_are_short_and_finite)
{
    cv_buffer out = {0};
    cv_svg_rect(&out, 1.0 / 3, -0.001, 10, 2.5, (cv_colour){1, 2, 255}, NULL);
    ck_assert_str_eq(out.data, "<rect x=\"0.33\" y=\"0\" width=\"10\" height=\"2.5\" fill=\"#0102ff\"/>\n");
    cv_buffer_free(&out);
    cv_svg_circle(&out, NAN, INFINITY, 3, (cv_colour){0, 0, 0}, "<tip>");
    ck_assert_str_eq(out.data,
                     "<circle cx=\"0\" cy=\"0\" r=\"3\" fill=\"#000000\"><title>&lt;tip&gt;</title></circle>\n");
    cv_buffer_free(&out);
}
END_TEST

START_TEST(texts_are_escaped)
{
    cv_buffer out = {0};
    cv_svg_text(&out, 1, 2, CV_ANCHOR_END, CV_SVG_SMALL, "</text><script>");
    cv_svg_heading(&out, 1, 2, "</text><script>");
    cv_svg_text_upwards(&out, 1, 2, CV_SVG_SMALL, "</text><script>");
    cv_svg_text_on(&out, 1, 2, CV_SVG_SMALL, (cv_colour){0, 0, 0}, "</text><script>");
    cv_svg_text_upon(&out, 1, 2, CV_ANCHOR_START, "</text><script>");
    const char *names[] = {"</text><script>", "x"};
    cv_svg_legend(&out, 0, 0, 100, names, 2);
    ck_assert_uint_eq(count_of(out.data, "<script>"), 0);
    ck_assert_uint_eq(count_of(out.data, "&lt;/text&gt;&lt;script&gt;"), 6);
    ck_assert(is_balanced(out.data));
    cv_buffer_free(&out);
}
END_TEST

START_TEST(axes_have_ticks_with_values)
{
    cv_buffer out = {0};
    const cv_scale scale = {CV_SCALE_LINEAR, 0, 1, 100, 400};
    cv_svg_axis_below(&out, &scale, 300, 20, "share");
    for (int i = 0; i <= 5; i++) {
        char text[32], tick[64];
        snprintf(tick, sizeof tick, ">%s</text>", cv_number_text(i / 5.0, text));
        ck_assert_uint_eq(count_of(out.data, tick), 1);
    }
    ck_assert_uint_eq(count_of(out.data, ">share</text>"), 1);
    cv_buffer_free(&out);
}
END_TEST

START_TEST(a_legend_breaks_its_lines)
{
    cv_buffer out = {0};
    const char *names[] = {"a long name", "another long name", "b"};
    ck_assert_double_eq(cv_svg_legend(&out, 0, 0, 1000, names, 3), 18);
    ck_assert_double_eq(cv_svg_legend(&out, 0, 0, 200, names, 3), 36);
    ck_assert_double_eq(cv_svg_legend(&out, 0, 0, 10, names, 3), 54);
    ck_assert_double_eq(cv_svg_legend(&out, 0, 0, 10, names, 0), 0);
    cv_buffer_free(&out);
}
END_TEST

START_TEST(width_counts_characters)
{
    ck_assert_double_eq(cv_svg_text_width("k\xc3\xa4se", 10), cv_svg_text_width("kase", 10));
    ck_assert_double_gt(cv_svg_text_width("kases", 10), cv_svg_text_width("kase", 10));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("svg");
    tcase_add_test(tests, a_picture_has_title_and_description);
    tcase_add_test(tests, coordinates_are_short_and_finite);
    tcase_add_test(tests, texts_are_escaped);
    tcase_add_test(tests, axes_have_ticks_with_values);
    tcase_add_test(tests, a_legend_breaks_its_lines);
    tcase_add_test(tests, width_counts_characters);
    return run_suite(tests);
}
