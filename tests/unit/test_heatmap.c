#include "report/heatmap.h"

#include "base/memory.h"
#include "picture.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>

/* The map of values i = 0, 1, ... with the tips "tip <i>"; mark is that of the last cell. */
static char *draw(int layers, int heads, const double *values, bool is_signed, int mark)
{
    cv_buffer out = {0};
    int count = layers * heads;
    double *own = cv_alloc((size_t)count, sizeof *own);
    char **tips = cv_alloc((size_t)count, sizeof *tips);
    int *marks = cv_calloc((size_t)count, sizeof *marks);
    for (int i = 0; i < count; i++) {
        own[i] = values ? values[i] : i;
        cv_buffer tip = {0};
        cv_buffer_printf(&tip, "tip <%d>", i);
        tips[i] = cv_buffer_steal(&tip);
    }
    marks[count - 1] = mark;
    const cv_heatmap map = {"id", "title", "label", layers, heads, own, marks, tips, is_signed};
    cv_heatmap_draw(&out, &map);
    for (int i = 0; i < count; i++) free(tips[i]);
    free(tips);
    free(own);
    free(marks);
    return cv_buffer_steal(&out);
}

static const int shapes[][2] = {{1, 1}, {2, 3}, {32, 32}, {4, 300}, {200, 2}};

START_TEST(each_head_has_a_cell_with_its_tip)
{
    int layers = shapes[_i][0], heads = shapes[_i][1];
    char *svg = draw(layers, heads, NULL, false, 1), tip[64];
    ck_assert_uint_eq(count_of(svg, "<title>tip "), (size_t)(layers * heads));
    snprintf(tip, sizeof tip, "<title>tip &lt;%d&gt;</title></rect>", layers * heads - 1);
    ck_assert_uint_eq(count_of(svg, tip), 1);
    ck_assert(is_balanced(svg));
    free(svg);
}
END_TEST

START_TEST(the_greatest_value_has_the_last_colour)
{
    const double values[] = {0, 1, 0.25, NAN};
    char *svg = draw(2, 2, values, false, 0);
    ck_assert_uint_eq(count_of(svg, "fill=\"#fde725\"><title>tip &lt;1&gt;"), 1); /* the last of viridis */
    ck_assert_uint_eq(count_of(svg, "fill=\"#440154\"><title>tip &lt;0&gt;"), 1);
    ck_assert_uint_eq(count_of(svg, "fill=\"#999999\"><title>tip &lt;3&gt;"), 1);
    free(svg);
}
END_TEST

START_TEST(signed_values_have_two_sides)
{
    const double values[] = {-1, 1, 0, 0.2};
    char *svg = draw(2, 2, values, true, 0);
    ck_assert_uint_eq(count_of(svg, "fill=\"#084594\"><title>tip &lt;0&gt;"), 1);
    ck_assert_uint_eq(count_of(svg, "fill=\"#a63603\"><title>tip &lt;1&gt;"), 1);
    ck_assert_uint_eq(count_of(svg, "fill=\"#f4f4f4\"><title>tip &lt;2&gt;"), 1);
    free(svg);
}
END_TEST

START_TEST(ranks_are_written_where_there_is_room)
{
    char *large = draw(4, 4, NULL, false, 7), *small = draw(4, 300, NULL, false, 7);
    ck_assert_uint_eq(count_of(large, "pointer-events=\"none\">7</text>"), 1);
    ck_assert_uint_eq(count_of(small, "pointer-events=\"none\""), 0);
    ck_assert_uint_eq(count_of(small, "<rect fill=\"none\" stroke=\"currentColor\""), 1);
    free(large);
    free(small);
}
END_TEST

START_TEST(a_model_without_scores_is_grey)
{
    const double values[] = {NAN, NAN, NAN, NAN};
    char *svg = draw(2, 2, values, true, 0);
    ck_assert_uint_eq(count_of(svg, "fill=\"#999999\"><title>"), 4);
    ck_assert(is_balanced(svg));
    free(svg);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("heatmap");
    tcase_add_loop_test(tests, each_head_has_a_cell_with_its_tip, 0, ROWS(shapes));
    tcase_add_test(tests, the_greatest_value_has_the_last_colour);
    tcase_add_test(tests, signed_values_have_two_sides);
    tcase_add_test(tests, ranks_are_written_where_there_is_room);
    tcase_add_test(tests, a_model_without_scores_is_grey);
    return run_suite(tests);
}
