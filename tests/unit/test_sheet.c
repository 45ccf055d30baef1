#include "report/sheet.h"

#include "suite.h"

#include <math.h>
#include <string.h>

static cv_sheet small_sheet(void)
{
    cv_sheet sheet = cv_sheet_make("A <caption> & $more$");
    cv_sheet_add_column(&sheet, "name", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "rate_1", CV_CELL_NUMBER, "a \"hint\"");
    cv_sheet_add_column(&sheet, "note", CV_CELL_WIDE, NULL);
    cv_sheet_add_text(&sheet, "<b>");
    cv_sheet_add_interval(&sheet, 0.64, 0.5432, 0.73);
    cv_sheet_add_text(&sheet, "a|b");
    cv_sheet_add_text(&sheet, "50%");
    cv_sheet_add_interval(&sheet, 0.5, NAN, NAN);
    cv_sheet_add_percent(&sheet, 0.000078);
    return sheet;
}

START_TEST(html)
{
    cv_buffer out = {0};
    cv_sheet sheet = small_sheet();
    ck_assert_uint_eq(cv_sheet_rows(&sheet), 2);
    cv_sheet_put_html(&out, &sheet, "t<1", 1);
    ck_assert_str_eq(
        out.data,
        "<div class=\"table\" tabindex=\"0\"><table id=\"t&lt;1\"><caption>A &lt;caption&gt; &amp; $more$"
        "<span class=\"print\"> The first 1 of 2 rows.</span></caption>\n"
        "<thead><tr><th scope=\"col\">name</th><th scope=\"col\" class=\"n\" title=\"a &quot;hint&quot;\">rate_1</th>"
        "<th scope=\"col\">note</th></tr></thead>\n<tbody>\n"
        "<tr><th scope=\"row\">&lt;b&gt;</th><td class=\"n\">0.64 (0.543 to 0.73)</td><td "
        "class=\"wide\">a|b</td></tr>\n"
        "<tr class=\"more\"><th scope=\"row\">50%</th><td class=\"n\">0.5</td><td class=\"wide\">0.0078 %</td></tr>\n"
        "</tbody></table></div>\n");
    cv_buffer_free(&out);
    cv_sheet_free(&sheet);
}
END_TEST

START_TEST(markdown)
{
    cv_buffer out = {0};
    cv_sheet sheet = small_sheet();
    cv_sheet_put_markdown(&out, &sheet, 1);
    ck_assert_str_eq(out.data, "A \\<caption\\> \\& \\$more\\$\n\n| name | rate\\_1 | note |\n|---|---:|---|\n"
                               "| \\<b\\> | 0.64 (0.543 to 0.73) | a\\|b |\n");
    cv_buffer_free(&out);
    cv_sheet_free(&sheet);
}
END_TEST

START_TEST(latex)
{
    cv_buffer out = {0};
    cv_sheet sheet = small_sheet();
    cv_sheet_put_latex(&out, &sheet, "my table", 9);
    ck_assert_str_eq(out.data,
                     "% Needs \\usepackage{booktabs} and \\usepackage{textcomp}.\n\\begin{table}\n\\centering\n"
                     "\\caption{A \\textless{}caption\\textgreater{} \\& \\$more\\$}\n\\label{tab:my_table}\n"
                     "\\begin{tabular}{lrp{0.5\\linewidth}}\n\\toprule\nname & rate\\_1 & note \\\\\n\\midrule\n"
                     "\\textless{}b\\textgreater{} & 0.64 (0.543 to 0.73) & a\\textbar{}b \\\\\n"
                     "50\\% & 0.5 & 0.0078 \\% \\\\\n"
                     "\\bottomrule\n\\end{tabular}\n\\end{table}\n");
    cv_buffer_free(&out);
    cv_sheet_free(&sheet);
}
END_TEST

static const struct {
    double value;
    const char *cell;
} numbers[] = {{0, "0"},       {0.123456, "0.123"}, {-2.5, "-2.5"}, {1e-7, "1e-07"},
               {1024, "1024"}, {123456, "123456"},  {NAN, ""},      {999.4, "999"}};

START_TEST(numbers_are_short)
{
    cv_sheet sheet = cv_sheet_make("");
    cv_sheet_add_column(&sheet, "x", CV_CELL_NUMBER, NULL);
    cv_sheet_add_number(&sheet, numbers[_i].value);
    ck_assert_str_eq(sheet.cells[0], numbers[_i].cell);
    cv_sheet_free(&sheet);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sheet");
    tcase_add_test(tests, html);
    tcase_add_test(tests, markdown);
    tcase_add_test(tests, latex);
    tcase_add_loop_test(tests, numbers_are_short, 0, ROWS(numbers));
    return run_suite(tests);
}
