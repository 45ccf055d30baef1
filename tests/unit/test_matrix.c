#include "report/matrix.h"

#include "picture.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>

START_TEST(each_value_has_a_cell)
{
    cv_buffer out = {0};
    const char *rows[] = {"r<1>", "r2"}, *columns[] = {"c1", "c2", "c3"}, *texts[] = {"3", NULL, "10", NULL, "", "<"};
    const double values[] = {3, NAN, 10, NAN, 0, 5};
    static char tip[] = "a \"tip\"", *tips[] = {tip, NULL, tip, NULL, tip, tip};
    const cv_matrix matrix = {"id", "title", "label", rows, columns, 2, 3, values, texts, tips, 10};
    cv_matrix_draw(&out, &matrix);
    ck_assert_uint_eq(count_of(out.data, "<title>a &quot;tip&quot;</title></rect>"), 4);
    ck_assert_uint_eq(count_of(out.data, "fill=\"#fde725\"><title>"), 1); /* 10 of 10 */
    ck_assert_uint_eq(count_of(out.data, "fill=\"#440154\"><title>"), 1); /* 0 */
    ck_assert_uint_eq(count_of(out.data, ">10</text>"), 1);
    ck_assert_uint_eq(count_of(out.data, ">&lt;</text>"), 1);
    ck_assert_uint_eq(count_of(out.data, ">r&lt;1&gt;</text>"), 1);
    ck_assert_uint_eq(count_of(out.data, ">c3</text>"), 1);
    ck_assert(is_balanced(out.data));
    cv_buffer_free(&out);
}
END_TEST

START_TEST(an_empty_matrix_is_a_picture_too)
{
    cv_buffer out = {0};
    const cv_matrix matrix = {"id", "title", "label", NULL, NULL, 0, 0, NULL, NULL, NULL, 10};
    cv_matrix_draw(&out, &matrix);
    ck_assert(is_balanced(out.data));
    cv_buffer_free(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("matrix");
    tcase_add_test(tests, each_value_has_a_cell);
    tcase_add_test(tests, an_empty_matrix_is_a_picture_too);
    return run_suite(tests);
}
