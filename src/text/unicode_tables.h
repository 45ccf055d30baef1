/* Where the Unicode tables of Hugging Face's tokenizers, which Caravan's ids must equal, differ
 * from those of PCRE2 and utf8proc: its patterns know Unicode 16, while the oldest PCRE2 built with
 * knows 14, and its normal forms know about 9. Without these tables a letter of a newly encoded
 * script would be cut off its word. */
#ifndef CV_UNICODE_TABLES_H
#define CV_UNICODE_TABLES_H

#include <stddef.h>
#include <stdint.h>

/* Ranges are closed, in rising order. */
typedef struct cv_code_range {
    uint32_t first, last;
} cv_code_range;

typedef struct cv_recent_range {
    uint32_t first, last;
    char category[3]; /* Unicode's general category, e.g. "Lo" */
} cv_recent_range;

/* Assigned after Unicode 14. */
extern const cv_recent_range cv_unicode_recent[];
extern const size_t cv_unicode_recent_count;

/* Known to Unicode 14 as decomposing or combining, but unknown to the reference's normal forms. */
extern const cv_code_range cv_unicode_unnormalized[];
extern const size_t cv_unicode_unnormalized_count;

#endif
