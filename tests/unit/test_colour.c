#include "report/colour.h"

#include "suite.h"

#include <math.h>
#include <string.h>

static const struct {
    cv_colour (*of)(double);
    double t;
    const char *text;
} cases[] = {
    {cv_colour_amount, 0, "#440154"},       {cv_colour_amount, 1, "#fde725"},
    {cv_colour_amount, -5, "#440154"},      {cv_colour_amount, INFINITY, "#fde725"},
    {cv_colour_amount, 1.0 / 9, "#482878"}, {cv_colour_amount, 0.5 / 9, "#461566"},
    {cv_colour_amount, NAN, "#999999"},     {cv_colour_signed, -1, "#084594"},
    {cv_colour_signed, 0, "#f4f4f4"},       {cv_colour_signed, 1, "#a63603"},
    {cv_colour_signed, 7, "#a63603"},       {cv_colour_signed, NAN, "#999999"},
};

START_TEST(a_value_has_its_colour)
{
    char text[8];
    ck_assert_str_eq(cv_colour_text(cases[_i].of(cases[_i].t), text), cases[_i].text);
}
END_TEST

/* Of two amounts the greater one is lighter: so they are told apart without colours, and in print. */
static double lightness(cv_colour c)
{
    return 0.2126 * pow(c.red / 255.0, 2.2) + 0.7152 * pow(c.green / 255.0, 2.2) + 0.0722 * pow(c.blue / 255.0, 2.2);
}

START_TEST(greater_amounts_are_lighter)
{
    for (int i = 0; i < 100; i++)
        ck_assert_double_lt(lightness(cv_colour_amount(i / 100.0)), lightness(cv_colour_amount((i + 1) / 100.0)));
    for (int i = 0; i < 20; i++) {
        ck_assert_double_gt(lightness(cv_colour_signed(i / 20.0)), lightness(cv_colour_signed((i + 1) / 20.0)));
        ck_assert_double_gt(lightness(cv_colour_signed(-i / 20.0)), lightness(cv_colour_signed(-(i + 1) / 20.0)));
    }
}
END_TEST

START_TEST(letters_are_readable_on_every_colour)
{
    for (int i = 0; i <= 100; i++) {
        cv_colour c = cv_colour_amount(i / 100.0);
        double l = lightness(c), contrast = cv_colour_is_dark(c) ? 1.05 / (l + 0.05) : (l + 0.05) / 0.05;
        ck_assert_double_gt(contrast, 4.4);
    }
    ck_assert(cv_colour_is_dark((cv_colour){0, 0, 0}));
    ck_assert(!cv_colour_is_dark((cv_colour){255, 255, 255}));
}
END_TEST

START_TEST(seven_things_have_seven_colours)
{
    char a[8], b[8];
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(cv_colour_text(cv_colour_named(i), a), cv_colour_text(cv_colour_named(j), b));
    ck_assert_str_eq(cv_colour_text(cv_colour_named(0), a), cv_colour_text(cv_colour_named(7), b));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("colour");
    tcase_add_loop_test(tests, a_value_has_its_colour, 0, ROWS(cases));
    tcase_add_test(tests, greater_amounts_are_lighter);
    tcase_add_test(tests, letters_are_readable_on_every_colour);
    tcase_add_test(tests, seven_things_have_seven_colours);
    return run_suite(tests);
}
