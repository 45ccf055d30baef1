#include "report/matrix.h"

#include "picture.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>

static cv_matrix_cells filled(size_t count, const double *values, const char *const *texts)
{
    cv_matrix_cells cells = cv_matrix_cells_make(count);
    for (size_t i = 0; i < count; i++) {
        cv_buffer text = {0}, tip = {0};
        if (isnan(values[i])) continue;
        cv_buffer_puts(&text, texts[i]);
        cv_buffer_puts(&tip, "a \"tip\"");
        cv_matrix_cells_set(&cells, i, values[i], &text, &tip);
    }
    return cells;
}

START_TEST(each_value_has_a_cell)
{
    cv_buffer out = {0};
    const char *rows[] = {"r<1>", "r2"}, *columns[] = {"c1", "c2", "c3"}, *texts[] = {"3", NULL, "10", NULL, "", "<"};
    const double values[] = {3, NAN, 10, NAN, 0, 5};
    cv_matrix_cells cells = filled(6, values, texts);
    const cv_matrix matrix = {"id", "title", "label", rows, columns, 2, 3, &cells, 10};
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
    cv_matrix_cells_free(&cells);
}
END_TEST

/* Four rows of three, of which two of two are in use. */
START_TEST(a_matrix_is_narrowed)
{
    const double values[] = {1, 2, NAN, 3, 4, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    const char *texts[12] = {"1", "2", NULL, "3", "4"};
    cv_matrix_cells cells = filled(12, values, texts);
    cv_matrix_cells_narrow(&cells, 3, 2, 2);
    for (int i = 0; i < 4; i++) {
        ck_assert_double_eq(cells.values[i], i + 1);
        ck_assert_int_eq(cells.texts[i][0], '1' + i);
    }
    cv_matrix_cells_free(&cells);
}
END_TEST

START_TEST(an_empty_matrix_is_a_picture_too)
{
    cv_buffer out = {0};
    cv_matrix_cells cells = cv_matrix_cells_make(0);
    const cv_matrix matrix = {"id", "title", "label", NULL, NULL, 0, 0, &cells, 10};
    cv_matrix_draw(&out, &matrix);
    ck_assert(is_balanced(out.data));
    cv_buffer_free(&out);
    cv_matrix_cells_free(&cells);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("matrix");
    tcase_add_test(tests, each_value_has_a_cell);
    tcase_add_test(tests, a_matrix_is_narrowed);
    tcase_add_test(tests, an_empty_matrix_is_a_picture_too);
    return run_suite(tests);
}
