/* caravan report: the page of a results folder, made again from its files. */
#include "cli/verb.h"

#include "base/file.h"
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: caravan report RESULT_DIR [--output FILE.html]\n"
    "\n"
    "Writes the report of a run that is done, as the run itself does at its end: RESULT_DIR/report.html, one\n"
    "page that needs no network and can be printed; its pictures as SVG in RESULT_DIR/figures, its tables as\n"
    "Markdown and LaTeX in RESULT_DIR/tables. It is made from the results' files alone.\n"
    "\n"
    "  --output FILE.html  only the page, there\n";

static bool run(int argc, char **argv, cv_error *err)
{
    const char *folder = NULL, *output = NULL;
    const cv_option known[] = {{.name = "--output", .text = &output}, {0}};
    const cv_argument arguments[] = {{"RESULT_DIR", &folder}, {0}};
    if (!cv_options_read("report", argc, argv, known, arguments, err) || (output && !cv_output_check(output, err)))
        return false;
    if (!cv_report_write(folder, output, err)) return false;
    if (output) {
        printf("report: %s\n", output);
    } else {
        char *path = cv_path_join(folder, "report.html");
        printf("report: %s\n", path);
        free(path);
    }
    return cv_stdout_check(err);
}

const cv_verb cv_report_verb = {"report", help, run};
