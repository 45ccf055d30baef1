#include "report/table.h"

#include "base/file.h"
#include "store/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cv_put_number(cv_buffer *out, double value)
{
    char text[32] = "";
    for (int digits = 6; !isnan(value) && digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    cv_buffer_puts(out, text);
}

void cv_put_interval(cv_buffer *out, cv_estimate estimate)
{
    cv_buffer_puts(out, ",");
    cv_put_number(out, estimate.low);
    cv_buffer_puts(out, ",");
    cv_put_number(out, estimate.high);
}

void cv_put_estimate(cv_buffer *out, cv_estimate estimate)
{
    cv_buffer_puts(out, ",");
    cv_put_number(out, estimate.value);
    cv_put_interval(out, estimate);
}

void cv_put_field(cv_buffer *out, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        cv_buffer_puts(out, text);
        return;
    }
    cv_buffer_puts(out, "\"");
    for (const char *c = text; *c; c++) cv_buffer_printf(out, *c == '"' ? "\"\"" : "%c", *c);
    cv_buffer_puts(out, "\"");
}

bool cv_table_write(const cv_folder *folder, const cv_job *job, int model, int ablation, const char *file,
                    cv_buffer *table, cv_error *err)
{
    char *name = cv_results_name(job, model, ablation, file), *path = cv_folder_path(folder, name);
    bool ok = cv_write_file(path, table->data, table->length, err);
    free(path);
    free(name);
    cv_buffer_free(table);
    return ok;
}
