#include "report/report.h"

#include "picture.h"
#include "results_folder.h"
#include "suite.h"

static char *read_text(const char *name)
{
    cv_error err;
    size_t length;
    char *path = scratch_path(name), *text = cv_read_file(path, &length, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    free(path);
    return text;
}

static char *make_report(void)
{
    cv_error err;
    ck_assert_msg(cv_report_write(scratch, NULL, &err), "%s", err.text);
    return read_text("report.html");
}

/* The sections' own words, each with what is to be seen of the results. */
static const char *const words[] = {
    "<title>Caravan: &lt;small&gt;</title>",
    "7 harmful prompts (harmful.csv); format direct.",
    "<svg xmlns=\"http://www.w3.org/2000/svg\"",
    "<title>L1H2, rank 1; Ships 0.5 (0.25 to 0.75); harmless 0.125; specificity 0.375 (0.3 to 0.4); angle 4</title>",
    "<td class=\"n\">0.375 (0.3 to 0.4)</td>",
    "<td>L1H2 L0H0</td><td class=\"n\">5.5</td>",                              /* Sahara */
    "<title>&lt;g&gt;, harmful, no refusal: 0.571 (0.25 to 0.84)</title>",     /* asr.csv */
    "<title>&lt;g&gt;, harmful, no refusal and coherent: 0.43 (0.16 to 0.75)", /* judges.csv */
    "<td>&lt;task&gt;</td><td class=\"n\">10</td><td class=\"n\">0.5 (0.2 to 0.8)</td>",
    "<title>L1H2 in b: rank 1, 0.5</title>", /* what both models share */
    "<dt>Sahara</dt>",
    "&lt;host&gt;",
    "<th scope=\"row\">evaluate.groups</th><td class=\"wide\">none, &lt;g&gt;</td>",
};

START_TEST(the_page_has_what_the_results_have)
{
    make_results();
    char *page = make_report();
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        ck_assert_msg(strstr(page, words[i]) != NULL, "%s", words[i]);
    ck_assert_uint_eq(count_of(page, "<g>") + count_of(page, "<small>") + count_of(page, "<host>"), 0);
    free(page);
}
END_TEST

START_TEST(pictures_and_tables_are_files)
{
    static const char *const files[] = {"ships.a.uniform_attention", "specificity.b.uniform_attention",
                                        "angles.a.uniform_attention", "asr.b.uniform_attention", "shared"};
    make_results();
    free(make_report());
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[80];
        snprintf(name, sizeof name, "figures/%s.svg", files[i]);
        char *svg = read_text(name);
        ck_assert(is_balanced(svg));
        free(svg);
    }
    char *markdown = read_text("tables/heads.a.uniform_attention.md"), *latex = read_text("tables/runs.tex");
    ck_assert_uint_eq(count_of(markdown, "| L1H2 | 1 | 1 to 2 | 0.5 (0.25 to 0.75) | 0.125 | 0.375 (0.3 to 0.4) | 4 |"),
                      1);
    ck_assert_uint_eq(count_of(latex, "a & base & uniform\\_attention & 2 x 3 & L1H2 & 0.5 (0.25 to 0.75) & L1H2 &"),
                      1);
    ck_assert_uint_eq(count_of(latex, "& 0.43 & \\textless{}g\\textgreater{} \\\\"), 2);
    free(markdown);
    free(latex);
}
END_TEST

START_TEST(the_same_results_give_the_same_bytes)
{
    cv_error err;
    make_results();
    char *first = make_report(), *second = make_report(), *path = scratch_path("other.html");
    ck_assert_str_eq(first, second);
    ck_assert_msg(cv_report_write(scratch, path, &err), "%s", err.text);
    char *other = read_text("other.html");
    ck_assert_str_eq(first, other);
    free(first);
    free(second);
    free(other);
    free(path);
}
END_TEST

START_TEST(a_page_elsewhere_comes_alone)
{
    cv_error err;
    make_results();
    char *page = scratch_path("page.html"), *figures = scratch_path("figures"), *report = scratch_path("report.html");
    ck_assert_msg(cv_report_write(scratch, page, &err), "%s", err.text);
    ck_assert(cv_file_exists(page) && !cv_file_exists(figures) && !cv_file_exists(report));
    free(page);
    free(figures);
    free(report);
}
END_TEST

START_TEST(overlap_is_drawn_where_it_was_measured)
{
    make_results();
    put_file("overlap.json", "{\"permutations\": 10000, \"members\": []}");
    put_file("overlap.csv", "model_a,ablation_a,model_b,ablation_b,score,k,shared,expected,jaccard,p_value,rbo,"
                            "kendall_tau,tau_low,tau_high\n"
                            "a,uniform_attention,b,uniform_attention,ships,10,8,1.5,0.7,0.001,0.9,0.8,0.7,0.85\n"
                            "a,uniform_attention,b,uniform_attention,specificity,10,,,,,,,,\n"
                            "a,uniform_attention,<other>,uniform_attention,ships,10,4,1,1,1,1,1,1,1\n");
    char *page = make_report(), *svg = read_text("figures/overlap.svg");
    ck_assert_uint_eq(count_of(svg, "<title>a and b: shared 8; by chance 1.5, p 0.001; Kendall&#39;s tau 0.8</title>"),
                      2);
    ck_assert_uint_eq(count_of(page, "<td class=\"n\">0.8 (0.7 to 0.85)</td>"), 1);
    ck_assert_uint_eq(count_of(page, "<td>&lt;other&gt;</td>"), 1);
    free(page);
    free(svg);
}
END_TEST

START_TEST(a_comparison_alone_has_a_page_too)
{
    put_file("overlap.json", "{\"members\": [{\"model\": \"a\", \"ablation\": \"x\", \"layers\": 2, \"heads\": 3},\n"
                             " {\"model\": \"b\", \"ablation\": \"y\", \"layers\": 2, \"heads\": 3},\n"
                             " {\"model\": \"c\", \"ablation\": \"x\", \"layers\": 9, \"heads\": 3}, 7, {}]}");
    put_file("overlap_nulls.csv", "model_a,ablation_a,model_b,ablation_b,bases,score,k,shared,shared_low,shared_high,"
                                  "p_uniform,q_uniform\na,x,b,y,same,ships,10,1,0,2,0.25,0.75\n");
    put_file("overlap_heads.csv", "model,ablation,score,rank,layer,head,value,shared_by\n"
                                  "a,x,ships,1,1,2,0.5,2\na,x,ships,2,0,0,0.25,1\na,x,angle,1,1,1,9,1\n"
                                  "b,y,ships,1,0,1,0.5,1\nb,y,ships,2,1,2,0.125,2\nc,x,ships,1,0,0,1,1\n");
    put_file("depth.csv",
             "model,ablation,score,layer,relative_depth,share\na,x,ships,0,0.25,0.75\na,x,ships,1,0.75,0.25\n"
             "b,y,ships,0,0.25,0.5\nb,y,ships,1,0.75,0.5\na,x,angle,0,0.25,1\n");
    put_file("concentration.csv", "model,ablation,score,gini,gini_low,gini_high\na,x,ships,0.5,0.25,0.75\n");
    char *page = make_report(), *svg = read_text("figures/shared.svg"), *depth = read_text("figures/depth.svg");
    ck_assert_uint_eq(count_of(page, "<title>Caravan: comparison of models</title>"), 1);
    ck_assert_uint_eq(count_of(page, "<td>same</td><td>ships</td><td class=\"n\">10</td><td class=\"n\">1 (0 to 2)</td>"
                                     "<td class=\"n\">0.25</td><td class=\"n\">0.75</td>"),
                      1);
    ck_assert_uint_eq(count_of(page, "<td class=\"n\">0.5 (0.25 to 0.75)</td>"), 1);
    ck_assert_uint_eq(count_of(page, "How concentrated the scores are under x.</caption>"), 1);
    ck_assert_uint_eq(count_of(svg, "<title>L1H2 in a, x: rank 1, 0.5</title>"), 1);
    ck_assert_uint_eq(count_of(svg, "<title>L1H2 in b, y: rank 2, 0.125</title>"), 1);
    ck_assert_uint_eq(count_of(svg, "</title></rect>"), 4); /* c is of another shape */
    ck_assert_uint_eq(count_of(depth, "<title>a, x at 0.25: 0.75</title>"), 1);
    ck_assert_uint_eq(count_of(depth, "</title></path>"), 2 + 4); /* two curves, four points */
    ck_assert(is_balanced(svg) && is_balanced(depth));
    free(page);
    free(svg);
    free(depth);
}
END_TEST

/* The least that a run may leave: heads alone, of one model. */
START_TEST(little_results_give_a_little_page)
{
    put_file("manifest.json",
             "{\"models\": [{\"name\": \"m\"}], \"definitions\": {\"ablations\": [{\"name\": \"x\"}]}}");
    put_file("m/x/heads.csv", "layer,head,rank,ships_mean\n0,0,1,0\n");
    char *page = make_report();
    ck_assert_uint_eq(count_of(page, "<title>Caravan: results</title>"), 1);
    ck_assert_uint_eq(count_of(page, "id=\"models\""), 0);
    ck_assert_uint_eq(count_of(page, "Sahara</h3>"), 0);
    free(page);
}
END_TEST

START_TEST(answers_alone_have_a_page_too)
{
    put_file("manifest.json",
             "{\"models\": [{\"name\": \"m\"}], \"definitions\": {\"ablations\": [{\"name\": \"x\"}]}}");
    put_file("m/x/asr.csv", "group,heads,prompts,decode,n,refused,incoherent,asr,asr_low,asr_high,coherent_asr\n"
                            "none,,harmful,greedy,7,7,0,0,0,0.35,0\n");
    char *page = make_report();
    ck_assert_uint_eq(count_of(page, "<title>none, harmful, no refusal: 0 (0 to 0.35)</title>"), 1);
    ck_assert_uint_eq(count_of(page, "L0H0"), 0);
    free(page);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("report");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, the_page_has_what_the_results_have);
    tcase_add_test(tests, pictures_and_tables_are_files);
    tcase_add_test(tests, the_same_results_give_the_same_bytes);
    tcase_add_test(tests, a_page_elsewhere_comes_alone);
    tcase_add_test(tests, overlap_is_drawn_where_it_was_measured);
    tcase_add_test(tests, a_comparison_alone_has_a_page_too);
    tcase_add_test(tests, answers_alone_have_a_page_too);
    tcase_add_test(tests, little_results_give_a_little_page);
    return run_suite(tests);
}
