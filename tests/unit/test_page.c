#include "report/page.h"

#include "picture.h"
#include "report/assets.h"
#include "suite.h"

START_TEST(no_two_names_are_alike)
{
    cv_page page = {0};
    char a[] = "a", ab[] = "a.b", c[] = "c", bc[] = "b.c";
    const cv_source_run one = {.model = a, .ablation = bc}, two = {.model = ab, .ablation = c};
    ck_assert_str_eq(cv_page_name(&page, "x", &one), "x.a.b.c");
    ck_assert_str_eq(cv_page_name(&page, "x", &two), "x.a.b.c-2");
    ck_assert_str_eq(cv_page_name(&page, "x", &two), "x.a.b.c-3");
    ck_assert_str_eq(cv_page_name(&page, "x", NULL), "x");
    cv_page_free(&page);
}
END_TEST

START_TEST(what_is_on_the_page_is_a_file_too)
{
    cv_page page = {0};
    cv_buffer svg = {0};
    cv_buffer_puts(&svg, "<svg></svg>");
    cv_page_figure(&page, "picture", &svg);
    cv_sheet sheet = cv_sheet_make("caption"), alone = cv_sheet_make("alone");
    cv_sheet_add_column(&sheet, "x", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&alone, "x", CV_CELL_TEXT, NULL);
    cv_page_table(&page, "table", &sheet, 3);
    cv_page_table_alone(&page, "other", &alone);
    ck_assert_uint_eq(page.num_files, 3);
    ck_assert_str_eq(page.files[0].name, "figures/picture.svg");
    ck_assert_str_eq(page.files[0].text.data, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg></svg>");
    ck_assert_str_eq(page.files[1].name, "tables/table.md");
    ck_assert_str_eq(page.files[2].name, "tables/table.tex");
    ck_assert_uint_eq(count_of(page.html.data, "<svg></svg>"), 1);
    ck_assert_uint_eq(count_of(page.html.data, "<table id=\""), 2);
    cv_page_free(&page);
}
END_TEST

/* The hashes by openssl dgst -sha256 -binary | base64 of the files are looked at in the browser; here, that there
 * is a policy, and that nothing ends style or script early. */
START_TEST(a_page_is_whole)
{
    cv_page page = {0};
    cv_buffer out = {0};
    cv_page_heading(&page, 2, "here", "a <heading>");
    cv_page_heading(&page, 3, NULL, "b");
    cv_page_paragraph(&page, "<p>");
    cv_page_compose(&out, &page, "</title><script>", "<ul></ul>");
    ck_assert_uint_eq(count_of(out.data, "<script>"), 1);
    ck_assert_uint_eq(count_of(out.data, "</script>"), 1);
    ck_assert_uint_eq(count_of(out.data, "</style>"), 1);
    ck_assert_uint_eq(count_of(out.data, "</title>"), 1);
    ck_assert_uint_eq(count_of(out.data, "default-src 'none'; style-src 'sha256-"), 1);
    ck_assert_uint_eq(count_of(out.data, "<h2 id=\"here\">a &lt;heading&gt;</h2>"), 1);
    ck_assert_uint_eq(count_of(out.data, "<h3>b</h3>"), 1);
    ck_assert_uint_eq(count_of(out.data, "<p>&lt;p&gt;</p>"), 1);
    ck_assert_uint_eq(count_of(out.data, cv_report_css), 1);
    ck_assert_uint_eq(count_of(out.data, cv_report_js), 1);
    cv_buffer_free(&out);
    cv_page_free(&page);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("page");
    tcase_add_test(tests, no_two_names_are_alike);
    tcase_add_test(tests, what_is_on_the_page_is_a_file_too);
    tcase_add_test(tests, a_page_is_whole);
    return run_suite(tests);
}
