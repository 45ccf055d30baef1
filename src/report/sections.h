/* The parts of the report, each a function that puts its pictures and tables on the page. Parts for which the
 * results have nothing put nothing. */
#ifndef CV_SECTIONS_H
#define CV_SECTIONS_H

#include "report/page.h"
#include "report/source.h"

#include <stddef.h>

enum { CV_REPORT_TOP = 10 }; /* heads that are marked, named and printed */

/* What a run is called: its model, and its ablation where the report has more than one. Free with free(). */
char *cv_run_label(const cv_source *source, const cv_source_run *run);

/* The runs at a glance. */
void cv_section_summary(cv_page *page, const cv_source *source);

/* Heads of one run: maps, distributions, the table of at most most_rows heads. */
void cv_section_heads(cv_page *page, const cv_source_run *run, size_t most_rows);
/* The search for a group of heads. */
void cv_section_sahara(cv_page *page, const cv_source_run *run);
/* Answers, and what the model can still do, with groups of heads switched off. judge is the name of the one that
 * asr.csv goes by, or NULL. */
void cv_section_answers(cv_page *page, const cv_source_run *run, const char *judge);
void cv_section_utility(cv_page *page, const cv_source_run *run);

/* Which heads several runs share, and what their comparison says, if there is one. */
void cv_section_models(cv_page *page, const cv_source *source);
void cv_section_overlap(cv_page *page, const cv_source *source);

void cv_section_definitions(cv_page *page, const cv_source *source);
void cv_section_provenance(cv_page *page, const cv_source *source);

#endif
