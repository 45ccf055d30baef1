#include "report/overlap.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "report/table.h"

#include <caravan/version.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED_HEADS = 10, MOST_PRINTED = 30 };

static const char columns[] = "model_a,ablation_a,model_b,ablation_b,score,k,shared,expected,jaccard,p_value,rbo,"
                              "kendall_tau,tau_low,tau_high\n";

static bool is_control(int score)
{
    return score != CV_OVERLAP_SHIPS && score != CV_OVERLAP_ANGLE;
}

static void put_value(cv_buffer *out, double value)
{
    cv_buffer_puts(out, ",");
    cv_put_number(out, value);
}

static void put_text(cv_buffer *out, const char *text)
{
    cv_buffer_puts(out, ",");
    cv_put_field(out, text);
}

static void put_member(cv_buffer *out, const cv_study *study, size_t m)
{
    cv_put_field(out, study->labels[m].model);
    put_text(out, study->labels[m].ablation);
}

static void put_pair(cv_buffer *out, const cv_study *study, cv_overlap_pair pair)
{
    put_member(out, study, pair.a);
    cv_buffer_puts(out, ",");
    put_member(out, study, pair.b);
}

static bool write_table(const cv_folder *folder, const char *name, cv_buffer *table, cv_error *err)
{
    char *path = cv_folder_path(folder, name);
    bool ok = cv_write_file(path, table->data, table->length, err);
    free(path);
    cv_buffer_free(table);
    return ok;
}

/* ---- pairs ---- */

static void put_overlap(cv_buffer *out, const cv_study *study, int score, size_t pair, size_t k)
{
    const cv_overlap *overlap = study->overlap;
    const cv_overlap_comparison *c = &overlap->comparisons[score][pair];
    const cv_overlap_top *top = &c->tops[k];
    put_pair(out, study, overlap->pairs[pair]);
    cv_buffer_printf(out, ",%s,%zu,%.0f", cv_overlap_score_name((cv_overlap_score)score), overlap->top_k[k],
                     top->shared.value);
    put_value(out, top->nulls[CV_NULL_UNIFORM].expected);
    put_value(out, top->jaccard);
    put_value(out, top->nulls[CV_NULL_UNIFORM].p);
    put_value(out, c->rbo.value);
    cv_put_estimate(out, c->tau);
    cv_buffer_puts(out, "\n");
}

/* overlap.csv, or overlap_control.csv. */
static bool write_overlap(const cv_study *study, const cv_folder *folder, bool control, cv_error *err)
{
    const cv_overlap *overlap = study->overlap;
    cv_buffer table = {0};
    cv_buffer_puts(&table, columns);
    for (size_t pair = 0; pair < overlap->num_pairs; pair++)
        for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++) {
            if (is_control(score) != control || !overlap->comparisons[score][pair].head_by_head) continue;
            for (size_t k = 0; k < overlap->num_top_k; k++) put_overlap(&table, study, score, pair, k);
        }
    return write_table(folder, control ? "overlap_control.csv" : "overlap.csv", &table, err);
}

static void put_nulls(cv_buffer *out, const cv_study *study, int score, size_t pair, size_t k)
{
    const cv_overlap *overlap = study->overlap;
    const cv_overlap_comparison *c = &overlap->comparisons[score][pair];
    const cv_overlap_top *top = &c->tops[k];
    put_pair(out, study, overlap->pairs[pair]);
    cv_buffer_printf(out, ",%s,%s,%zu,%.0f", cv_study_bases(study, overlap->pairs[pair]),
                     cv_overlap_score_name((cv_overlap_score)score), overlap->top_k[k], top->shared.value);
    cv_put_interval(out, top->shared);
    for (int null = 0; null < CV_NUM_OVERLAP_NULLS; null++) {
        put_value(out, top->nulls[null].expected);
        put_value(out, top->nulls[null].p);
        put_value(out, top->nulls[null].q);
    }
    cv_put_estimate(out, c->rbo);
    cv_put_estimate(out, c->tau);
    put_value(out, c->tau_p);
    put_value(out, c->tau_q);
    cv_buffer_puts(out, "\n");
}

static bool write_nulls(const cv_study *study, const cv_folder *folder, cv_error *err)
{
    const cv_overlap *overlap = study->overlap;
    cv_buffer table = {0};
    cv_buffer_puts(&table, "model_a,ablation_a,model_b,ablation_b,bases,score,k,shared,shared_low,shared_high");
    for (int null = 0; null < CV_NUM_OVERLAP_NULLS; null++) {
        const char *name = cv_overlap_null_name((cv_overlap_null)null);
        cv_buffer_printf(&table, ",expected_%s,p_%s,q_%s", name, name, name);
    }
    cv_buffer_puts(&table, ",rbo,rbo_low,rbo_high,kendall_tau,tau_low,tau_high,tau_p_layers,tau_q_layers\n");
    for (size_t pair = 0; pair < overlap->num_pairs; pair++)
        for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++)
            for (size_t k = 0; overlap->comparisons[score][pair].head_by_head && k < overlap->num_top_k; k++)
                put_nulls(&table, study, score, pair, k);
    return write_table(folder, "overlap_nulls.csv", &table, err);
}

static bool write_distances(const cv_study *study, const cv_folder *folder, cv_error *err)
{
    const cv_overlap *overlap = study->overlap;
    cv_buffer table = {0};
    cv_buffer_puts(&table, "model_a,ablation_a,model_b,ablation_b,bases,same_shape,score,distance,distance_low,"
                           "distance_high\n");
    for (size_t pair = 0; pair < overlap->num_pairs; pair++)
        for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++) {
            const cv_overlap_comparison *c = &overlap->comparisons[score][pair];
            if (!c->both || isnan(c->depth_distance.value)) continue;
            put_pair(&table, study, overlap->pairs[pair]);
            cv_buffer_printf(&table, ",%s,%d,%s", cv_study_bases(study, overlap->pairs[pair]), c->head_by_head,
                             cv_overlap_score_name((cv_overlap_score)score));
            cv_put_estimate(&table, c->depth_distance);
            cv_buffer_puts(&table, "\n");
        }
    return write_table(folder, "depth_distance.csv", &table, err);
}

/* ---- members ---- */

static bool write_depth(const cv_study *study, const cv_folder *folder, cv_error *err)
{
    cv_buffer table = {0};
    cv_buffer_puts(&table, "model,ablation,score,layer,relative_depth,share\n");
    for (size_t m = 0; m < study->count; m++)
        for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++) {
            const cv_overlap_spread *spread = &study->overlap->spreads[score][m];
            size_t layers = study->members[m].layers;
            for (size_t l = 0; spread->exists && !isnan(spread->profile[0]) && l < layers; l++) {
                put_member(&table, study, m);
                cv_buffer_printf(&table, ",%s,%zu", cv_overlap_score_name((cv_overlap_score)score), l);
                put_value(&table, ((double)l + 0.5) / (double)layers);
                put_value(&table, spread->profile[l]);
                cv_buffer_puts(&table, "\n");
            }
        }
    return write_table(folder, "depth.csv", &table, err);
}

static bool write_concentration(const cv_study *study, const cv_folder *folder, cv_error *err)
{
    const cv_overlap *overlap = study->overlap;
    cv_buffer table = {0};
    cv_buffer_puts(&table, "model,ablation,score,heads,gini,gini_low,gini_high,k,top_share,top_share_low,"
                           "top_share_high\n");
    for (size_t m = 0; m < study->count; m++)
        for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++) {
            const cv_overlap_spread *spread = &overlap->spreads[score][m];
            if (!spread->exists || isnan(spread->gini.value)) continue;
            for (size_t k = 0; k < overlap->num_top_k; k++) {
                put_member(&table, study, m);
                cv_buffer_printf(&table, ",%s,%zu", cv_overlap_score_name((cv_overlap_score)score),
                                 study->members[m].layers * study->members[m].heads);
                cv_put_estimate(&table, spread->gini);
                cv_buffer_printf(&table, ",%zu", overlap->top_k[k]);
                cv_put_estimate(&table, spread->top_shares[k]);
                cv_buffer_puts(&table, "\n");
            }
        }
    return write_table(folder, "concentration.csv", &table, err);
}

static size_t listed(const cv_study *study, size_t m)
{
    size_t heads = study->members[m].layers * study->members[m].heads;
    return heads < LISTED_HEADS ? heads : LISTED_HEADS;
}

/* How many members of the same shape have the head among their first ten by this score. */
static size_t holders(const cv_study *study, int score, size_t m, uint32_t head)
{
    const cv_overlap_member *member = &study->members[m];
    size_t count = 0;
    for (size_t i = 0; i < study->count; i++) {
        const cv_overlap_member *other = &study->members[i];
        const cv_overlap_spread *spread = &study->overlap->spreads[score][i];
        if (!spread->exists || other->layers != member->layers || other->heads != member->heads ||
            other->kind != member->kind)
            continue;
        for (size_t rank = 0; rank < listed(study, i); rank++) count += spread->order[rank] == head;
    }
    return count;
}

static bool write_heads(const cv_study *study, const cv_folder *folder, cv_error *err)
{
    cv_buffer table = {0};
    cv_buffer_puts(&table, "model,ablation,score,rank,layer,head,value,shared_by\n");
    for (size_t m = 0; m < study->count; m++)
        for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++) {
            const cv_overlap_spread *spread = &study->overlap->spreads[score][m];
            for (size_t rank = 0; spread->exists && rank < listed(study, m); rank++) {
                uint32_t head = spread->order[rank];
                put_member(&table, study, m);
                cv_buffer_printf(&table, ",%s,%zu,%zu,%zu", cv_overlap_score_name((cv_overlap_score)score), rank + 1,
                                 head / study->members[m].heads, head % study->members[m].heads);
                put_value(&table, spread->values[head]);
                cv_buffer_printf(&table, ",%zu\n", holders(study, score, m, head));
            }
        }
    return write_table(folder, "overlap_heads.csv", &table, err);
}

/* ---- overlap.json ---- */

/* null for NULL, and for what is not UTF-8. */
static void set_text(json_t *object, const char *key, const char *text)
{
    json_t *value = text ? json_string(text) : NULL;
    json_object_set_new(object, key, value ? value : json_null());
}

static void set_number(json_t *object, const char *key, size_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *member_json(const cv_study *study, size_t m)
{
    static const char *const prompts[] = {"harmful_prompts", "harmless_prompts"};
    static const char *const hashes[] = {"harmful_sha256", "harmless_sha256"};
    const cv_study_label *label = &study->labels[m];
    const cv_overlap_member *member = &study->members[m];
    json_t *object = json_object();
    set_text(object, "model", label->model);
    set_text(object, "ablation", label->ablation);
    set_text(object, "base", label->base);
    set_text(object, "job", label->run);
    set_text(object, "folder", label->folder);
    set_number(object, "layers", member->layers);
    set_number(object, "heads", member->heads);
    set_text(object, "granularity", label->granularity);
    set_number(object, "angle_rank", (size_t)label->angle_rank);
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        set_number(object, prompts[set], member->prompts[set]);
        set_text(object, hashes[set], label->sha256[set]);
    }
    return object;
}

static bool write_json(const cv_study *study, const cv_folder *folder, cv_error *err)
{
    json_t *top = json_object(), *list = json_array(), *members = json_array();
    set_text(top, "caravan", CARAVAN_VERSION);
    set_text(top, "caravan_git", CARAVAN_GIT);
    for (size_t k = 0; k < study->overlap->num_top_k; k++)
        json_array_append_new(list, json_integer((json_int_t)study->overlap->top_k[k]));
    json_object_set_new(top, "top_k", list);
    set_number(top, "permutations", study->options.permutations);
    set_number(top, "resamples", CV_RESAMPLES);
    set_number(top, "seed", study->options.seed);
    for (size_t m = 0; m < study->count; m++) json_array_append_new(members, member_json(study, m));
    json_object_set_new(top, "members", members);
    return cv_folder_write_json(folder, "overlap.json", top, err);
}

void cv_study_remove(cv_folder *folder)
{
    static const char *const files[] = {"overlap.json",      "overlap.csv", "overlap_nulls.csv",  "overlap_control.csv",
                                        "overlap_heads.csv", "depth.csv",   "depth_distance.csv", "concentration.csv"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) cv_folder_remove(folder, files[i]);
}

/* overlap.json comes last: where it is, all of the comparison is. */
bool cv_study_write(const cv_study *study, cv_folder *folder, cv_error *err)
{
    cv_study_remove(folder);
    return write_nulls(study, folder, err) && write_overlap(study, folder, true, err) &&
           write_heads(study, folder, err) && write_depth(study, folder, err) && write_distances(study, folder, err) &&
           write_concentration(study, folder, err) && write_overlap(study, folder, false, err) &&
           write_json(study, folder, err);
}

/* ---- for people ---- */

/* The k that is printed: ten, or the next one there is. */
static size_t printed_k(const cv_overlap *overlap)
{
    size_t k = 0;
    while (k + 1 < overlap->num_top_k && overlap->top_k[k] < LISTED_HEADS) k++;
    return k;
}

static bool one_ablation(const cv_study *study)
{
    for (size_t m = 1; m < study->count; m++)
        if (strcmp(study->labels[m].ablation, study->labels[0].ablation) != 0) return false;
    return true;
}

/* Free with free(). */
static char *name_of(const cv_study *study, size_t m)
{
    cv_buffer name = {0};
    cv_buffer_puts(&name, study->labels[m].model);
    if (!one_ablation(study)) cv_buffer_printf(&name, "/%s", study->labels[m].ablation);
    return cv_buffer_steal(&name);
}

/* Of the names' column. */
static int name_width(const cv_study *study)
{
    size_t most = strlen("model");
    for (size_t m = 0; m < study->count; m++) {
        char *name = name_of(study, m);
        if (strlen(name) > most) most = strlen(name);
        free(name);
    }
    return (int)most;
}

static void print_number(FILE *out, int width, double value)
{
    if (isnan(value))
        fprintf(out, "  %*s", width, "-");
    else
        fprintf(out, "  %*.2g", width, value);
}

static void print_pair(FILE *out, const cv_study *study, int score, size_t pair, const char *bases, int width)
{
    const cv_overlap_comparison *c = &study->overlap->comparisons[score][pair];
    const cv_overlap_top *top = &c->tops[printed_k(study->overlap)];
    char *a = name_of(study, study->overlap->pairs[pair].a), *b = name_of(study, study->overlap->pairs[pair].b);
    fprintf(out, "  %-7s  %-*s  %-*s  %6.0f  %8.2f", bases, width, a, width, b, top->shared.value,
            top->nulls[CV_NULL_UNIFORM].expected);
    for (int null = 0; null < CV_NUM_OVERLAP_NULLS; null++) print_number(out, 8, top->nulls[null].p);
    fprintf(out, "  %5.3f  %6.3f", c->rbo.value, c->tau.value);
    if (!isnan(c->tau.low)) fprintf(out, "  (%.3f to %.3f)", c->tau.low, c->tau.high);
    fputc('\n', out);
    free(a);
    free(b);
}

/* The rows of one kind of bases; how many there are, printed or not, is added to *rows. */
static void print_bases(FILE *out, const cv_study *study, int score, const char *bases, int width, size_t *rows)
{
    for (size_t pair = 0; pair < study->overlap->num_pairs; pair++) {
        if (!study->overlap->comparisons[score][pair].head_by_head) continue;
        if (strcmp(cv_study_bases(study, study->overlap->pairs[pair]), bases) != 0) continue;
        if ((*rows)++ < MOST_PRINTED) print_pair(out, study, score, pair, bases, width);
    }
}

static bool any_pair(const cv_overlap *overlap, int score)
{
    for (size_t pair = 0; pair < overlap->num_pairs; pair++)
        if (overlap->comparisons[score][pair].head_by_head) return true;
    return false;
}

void cv_study_print(FILE *out, const cv_study *study)
{
    const cv_overlap *overlap = study->overlap;
    int width = name_width(study);
    for (int score = 0; score < CV_NUM_OVERLAP_SCORES && overlap->num_top_k > 0; score++) {
        size_t rows = 0;
        if (is_control(score) || !any_pair(overlap, score)) continue;
        fprintf(out, "overlap of the top %zu heads by %s\n", overlap->top_k[printed_k(overlap)],
                cv_overlap_score_name((cv_overlap_score)score));
        fprintf(out, "  %-7s  %-*s  %-*s  %6s  %8s  %8s  %8s  %8s  %8s  %5s  %6s\n", "bases", width, "model", width,
                "model", "shared", "expected", "p", "p layer", "p genrl", "p g+lay", "RBO", "tau");
        print_bases(out, study, score, "same", width, &rows);
        print_bases(out, study, score, "other", width, &rows);
        print_bases(out, study, score, "unknown", width, &rows);
        if (rows > MOST_PRINTED) fprintf(out, "  and %zu pairs more in overlap.csv\n", rows - MOST_PRINTED);
        fputc('\n', out);
    }
}

void cv_study_tell_left_out(const cv_study *study)
{
    size_t left_out = 0, first = 0;
    for (size_t pair = study->overlap->num_pairs; pair-- > 0;) {
        bool compared = false, both = false;
        for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++) {
            compared = compared || study->overlap->comparisons[score][pair].head_by_head;
            both = both || study->overlap->comparisons[score][pair].both;
        }
        if (compared || !both) continue;
        left_out++;
        first = pair;
    }
    if (left_out == 0) return;
    cv_overlap_pair pair = study->overlap->pairs[first];
    const cv_overlap_member *a = &study->members[pair.a], *b = &study->members[pair.b];
    char *name_a = name_of(study, pair.a), *name_b = name_of(study, pair.b);
    cv_info("%zu of %zu pairs are not of one shape and are not compared head by head, such as %s and %s: %zu layers of "
            "%zu (%s) against %zu of %zu (%s); depth_distance.csv and concentration.csv compare where their scores lie",
            left_out, study->overlap->num_pairs, name_a, name_b, a->layers, a->heads, study->labels[pair.a].granularity,
            b->layers, b->heads, study->labels[pair.b].granularity);
    free(name_a);
    free(name_b);
}
