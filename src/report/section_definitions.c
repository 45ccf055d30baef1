#include "report/sections.h"

#include "report/escape.h"

static const struct {
    const char *term, *text;
} terms[] = {
    {"Head",
     "An attention head, named by layer and head from 0: L2H26. With granularity kv_group a \"head\" is a group of "
     "query heads that share a key head. Heads are switched off in memory, one at a time; no weight is changed."},
    {"Ships",
     "The divergence KL(clean || ablated) of the next-token distributions after the prompt's last token, over the "
     "whole vocabulary, in nats. The mean over the harmful prompts ranks the heads."},
    {"Specificity",
     "Mean Ships over the harmful prompts minus that over the harmless ones. A head that scores high on both is merely "
     "important; one with a high difference matters for refusals."},
    {"Generalized Ships (angle)",
     "How far the ablation turns the space spanned by the last tokens' states of all prompts: the sum of the first r "
     "principal angles between the clean and the ablated states' first r left singular vectors, in degrees."},
    {"Sahara",
     "A greedy search for a group of heads: each step switches off, together with the group so far, the head that "
     "gives the greatest angle against the clean model."},
    {"ASR, coherent ASR",
     "The share of answers that the judge does not call a refusal; coherent: and that are language too. On harmless "
     "prompts it is the share that is helped. Judges are lists of phrases, and err (docs/judges.md)."},
    {"Accuracy",
     "The share of multiple-choice questions whose right choice has the greatest log-likelihood; by length: over the "
     "choices' lengths. Differences are against the clean model on the same questions."},
    {"Intervals",
     "95 % intervals: of scores and ranks by a bootstrap over the prompts, of shares by Wilson's method, of "
     "differences in accuracy by Newcombe's for paired proportions. They tell of the prompts' choice, nothing else."},
    {"In top 10", "The share of the bootstrap's resamples in which the head is among the first ten."},
    {"Parameters",
     "The parameters of the matrix that the ablation acts on, for this head, as a share of all of the model's."},
    {"Overlap",
     "Heads among the first k of two rankings, with the number that chance would give and the exact probability of so "
     "many or more; rank-biased overlap weighs the first ranks most, Kendall's tau all alike."},
};

void cv_section_definitions(cv_page *page, const cv_source *source)
{
    (void)source;
    cv_page_heading(page, 2, "definitions", "Definitions");
    cv_buffer_puts(&page->html, "<dl>\n");
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        cv_buffer_puts(&page->html, "<dt>");
        cv_put_html(&page->html, terms[i].term);
        cv_buffer_puts(&page->html, "</dt><dd>");
        cv_put_html(&page->html, terms[i].text);
        cv_buffer_puts(&page->html, "</dd>\n");
    }
    cv_buffer_puts(&page->html, "</dl>\n");
}
