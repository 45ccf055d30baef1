#include "score/subspace.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "suite.h"
#include "tiny_model.h"

#include <omp.h>
#include <string.h>

enum { RANKS = CV_SUBSPACE_RANKS };

/* A fixture's path. Free with free(). */
static char *fixture(const char *name)
{
    return cv_path_join(CARAVAN_SOURCE_DIR "/tests/fixtures/subspace", name);
}

static json_t *load(const char *name)
{
    cv_error err;
    char *path = fixture(name);
    json_t *object = cv_json_load(path, 0, &err);
    ck_assert_msg(object != NULL, "%s", err.text);
    free(path);
    return object;
}

static double number(const json_t *value)
{
    ck_assert(json_is_number(value));
    return json_number_value(value);
}

/* The sums of angles between matrices [rows, columns], both destroyed. */
static void sums_of(size_t rows, size_t columns, double *clean, double *ablated, double *sums)
{
    double *vectors = cv_alloc(2 * rows * RANKS, sizeof *vectors);
    cv_basis a = {.rows = rows, .vectors = vectors}, b = {.rows = rows, .vectors = vectors + rows * RANKS};
    ck_assert(cv_left_singular_vectors(columns, clean, &a));
    ck_assert(cv_left_singular_vectors(columns, ablated, &b));
    cv_angle_sums(&a, &b, sums);
    free(vectors);
}

/* Relative error at most 1e-4 down to angles of 1e-8 degrees; 1e-7 where 1e-4 is all that is asked for, from
 * 1e-4 degrees on; and from one degree on much less, which near 90 degrees a sine would not reach. Below all is
 * rounding. */
static void compare(const char *name, size_t r, double sum, double expected)
{
    double allowed = expected >= 1 ? 1e-11 : expected >= 1e-4 ? 1e-7 : expected >= 1e-8 ? 1e-4 : 0;
    allowed = allowed * expected + 1e-12;
    ck_assert_msg(fabs(sum - expected) <= allowed, "%s, r = %zu: %.12g degrees, expected %.12g", name, r, sum,
                  expected);
}

/* JSON's rows of numbers as a matrix. Free with free(). */
static double *matrix_of(const json_t *rows, size_t *num_rows, size_t *num_columns)
{
    *num_rows = json_array_size(rows), *num_columns = json_array_size(json_array_get(rows, 0));
    ck_assert(*num_rows > 0 && *num_columns > 0);
    double *matrix = cv_alloc(*num_rows * *num_columns, sizeof *matrix);
    for (size_t i = 0; i < *num_rows * *num_columns; i++)
        matrix[i] = number(json_array_get(json_array_get(rows, i / *num_columns), i % *num_columns));
    return matrix;
}

START_TEST(pairs_of_matrices_as_by_exact_arithmetic)
{
    json_t *file = load("pairs.json"), *pair;
    size_t index, rows, columns;
    const json_t *pairs = json_object_get(file, "pairs");
    ck_assert_uint_ge(json_array_size(pairs), 11);
    json_array_foreach (pairs, index, pair) {
        const char *name = json_string_value(json_object_get(pair, "name"));
        double *clean = matrix_of(json_object_get(pair, "clean"), &rows, &columns), sums[RANKS];
        double *ablated = matrix_of(json_object_get(pair, "ablated"), &rows, &columns);
        sums_of(rows, columns, clean, ablated, sums);
        for (size_t r = 1; r <= RANKS; r++) {
            const json_t *expected = json_array_get(json_object_get(pair, "angles"), r - 1);
            if (json_is_null(expected))
                ck_assert_msg(isnan(sums[r - 1]), "%s, r = %zu: %g degrees, expected none", name, r, sums[r - 1]);
            else
                compare(name, r, sums[r - 1], number(expected));
        }
        free(clean);
        free(ablated);
    }
    json_decref(file);
}
END_TEST

/* x [rows, columns] = (1 - 2 v v^T) x, or x (1 - 2 v v^T): the same for two matrices, it keeps angles. */
static void reflect(size_t rows, size_t columns, double *x, bool left, uint64_t seed)
{
    size_t n = left ? rows : columns;
    double *v = cv_alloc(n, sizeof *v), length = 0;
    for (size_t i = 0; i < n; i++) {
        v[i] = (double)tiny_uniform(&seed);
        length += v[i] * v[i];
    }
    for (size_t line = 0; line < (left ? columns : rows); line++) {
        double *first = left ? x + line : x + line * columns, product = 0;
        size_t stride = left ? columns : 1;
        for (size_t i = 0; i < n; i++) product += v[i] * first[i * stride];
        for (size_t i = 0; i < n; i++) first[i * stride] -= 2 * product / length * v[i];
    }
    free(v);
}

typedef struct made {
    size_t rows, columns;
    double smallest; /* of the angles, in degrees; each next one is thrice as large */
} made;

static const made made_cases[] = {{100, 300, 1e-4}, {40, 128, 1e-7}, {64, 30, 1e-4}, {30, 30, 0.01}, {18, 500, 0.005}};

/* Column i of the clean matrix lies along axis i, of the ablated one at a known angle to it, in a plane of its
 * own: so long as nothing is reflected, all is exact but the cosine's and the sine's last bit. */
START_TEST(angles_that_are_known_by_construction)
{
    made c = made_cases[_i];
    size_t cells = c.rows * c.columns;
    double *clean = cv_calloc(cells, sizeof *clean), *ablated = cv_calloc(cells, sizeof *ablated);
    double sums[RANKS], expected = 0, angle = c.smallest;
    for (size_t i = 0; i < RANKS + 1; i++, angle *= 3) {
        double sigma = 1 / (double)(1 + i), radians = angle * M_PI / 180;
        clean[i * c.columns + i] = sigma;
        ablated[i * c.columns + i] = sigma * cos(radians);
        ablated[(c.rows - 1 - i) * c.columns + i] = sigma * sin(radians);
    }
    for (uint64_t seed = 0; seed < 3; seed++) {
        reflect(c.rows, c.columns, clean, true, seed);
        reflect(c.rows, c.columns, ablated, true, seed);
        reflect(c.rows, c.columns, clean, false, seed + 10);
        reflect(c.rows, c.columns, ablated, false, seed + 20);
    }
    sums_of(c.rows, c.columns, clean, ablated, sums);
    angle = c.smallest;
    for (size_t r = 1; r <= RANKS; r++, angle *= 3) compare("made", r, sums[r - 1], expected += angle);
    free(clean);
    free(ablated);
}
END_TEST

/* Two equal singular values share a plane, in which any vector is as good as the other: the plane is
 * determined, the first vector is not. */
START_TEST(a_tie_determines_no_span)
{
    double clean[] = {2, 0, 0, 0, 2, 0, 0, 0, 1}, ablated[] = {2, 0, 0, 0, 2, 0, 0, 0.5, 1}, sums[RANKS];
    sums_of(3, 3, clean, ablated, sums);
    ck_assert(isnan(sums[0]));
    ck_assert(sums[1] > 1);
    ck_assert_double_eq(sums[2], 0);
    for (size_t r = 4; r <= RANKS; r++) ck_assert(isnan(sums[r - 1]));
}
END_TEST

/* States in single precision, with an engine whose model has nothing but the final norm's weight. */
typedef struct states {
    size_t prompts, states, d;
    float *clean, *ablated;
    cv_model *model;
    cv_engine *engine;
    double *angles; /* [states, RANKS] */
} states;

static states open_states(size_t prompts, size_t count, size_t d, double eps)
{
    cv_config config = tiny_config();
    config.hidden_size = (int)d;
    config.rms_norm_eps = eps;
    states s = {prompts, count, d, .model = tiny_model(config, 3)};
    s.clean = cv_alloc_floats(prompts * d);
    s.ablated = cv_alloc_floats(count * prompts * d);
    s.angles = cv_calloc(count * RANKS, sizeof *s.angles);
    s.engine = cv_engine_open(s.model, 8);
    return s;
}

/* Random ones; state i lies the farther from the clean one, the larger i is. */
static states random_states(size_t prompts, size_t count, size_t d)
{
    states s = open_states(prompts, count, d, 1e-5);
    uint64_t seed = prompts + d;
    for (size_t i = 0; i < prompts * d; i++) s.clean[i] = 1 + tiny_uniform(&seed);
    for (size_t i = 0; i < count * prompts * d; i++)
        s.ablated[i] = s.clean[i % (prompts * d)] + 1e-3f * (float)(i / (prompts * d)) * tiny_uniform(&seed);
    return s;
}

static void close_states(states *s)
{
    free(s->clean);
    free(s->ablated);
    free(s->angles);
    cv_engine_close(s->engine);
    tiny_model_free(s->model);
}

static void run(states *s, cv_subspace_state state)
{
    cv_error err;
    uint64_t before = cv_engine_work(s->engine).operations;
    ck_assert_msg(cv_subspace_angles(s->engine, s->prompts, s->states, state, s->clean, s->ablated, s->angles, &err),
                  "%s", err.text);
    cv_wavefront_cost cost = cv_subspace_estimate(s->model, s->prompts, s->states);
    ck_assert_uint_eq(cv_engine_work(s->engine).operations - before, cost.work.operations);
    ck_assert(cost.work.operations > 0 && cost.memory_bytes > 0 && cost.thread_bytes > 0);
}

static states open_chat(const json_t *file)
{
    size_t prompts = (size_t)number(json_object_get(file, "num_prompts"));
    size_t d = (size_t)number(json_object_get(file, "hidden_size")), length;
    states s = open_states(prompts, (size_t)number(json_object_get(file, "states")), d,
                           number(json_object_get(file, "rms_norm_eps")));
    cv_error err;
    char *path = fixture("chat-a.f32"), *bytes = cv_read_file(path, &length, &err);
    ck_assert_msg(bytes != NULL, "%s", err.text);
    ck_assert_uint_eq(length, (s.states + 1) * prompts * d * sizeof(float));
    memcpy(s.clean, bytes, prompts * d * sizeof(float));
    memcpy(s.ablated, bytes + prompts * d * sizeof(float), s.states * prompts * d * sizeof(float));
    const json_t *norm = json_object_get(file, "norm");
    ck_assert_uint_eq(json_array_size(norm), d);
    cv_engine_close(s.engine);
    for (size_t i = 0; i < d; i++) ((float *)s.model->norm.data)[i] = (float)number(json_array_get(norm, i));
    s.engine = cv_engine_open(s.model, 8); /* it has read the norm's weight when it was opened */
    free(bytes);
    free(path);
    return s;
}

/* States of a demo model, by PyTorch; angles by NumPy in double precision. */
START_TEST(states_of_a_model_as_by_numpy)
{
    json_t *file = load("chat-a.json");
    states s = open_chat(file);
    for (int state = 0; state < 2; state++) {
        const char *name = cv_subspace_state_name((cv_subspace_state)state);
        const json_t *expected = json_object_get(file, name);
        ck_assert_uint_eq(json_array_size(expected), s.states);
        run(&s, (cv_subspace_state)state);
        for (size_t i = 0; i < s.states * RANKS; i++)
            compare(name, i % RANKS + 1, s.angles[i],
                    number(json_array_get(json_array_get(expected, i / RANKS), i % RANKS)));
    }
    close_states(&s);
    json_decref(file);
}
END_TEST

/* Small rows of different sizes and a large epsilon: the norm by plain loops. */
START_TEST(the_final_norm_has_its_weight_and_epsilon)
{
    enum { P = 12, d = 24 };
    states s = open_states(P, 1, d, 0.25);
    static double matrix[2][P * d];
    const float *norm = s.model->norm.data;
    double expected[RANKS];
    uint64_t seed = 6;
    for (size_t p = 0; p < 2 * P; p++) {
        float *row = p < P ? s.clean + p * d : s.ablated + (p - P) * d, size = 0.2f + 0.1f * (float)p;
        double squares = 0;
        for (size_t c = 0; c < d; c++) {
            row[c] = size * tiny_uniform(&seed);
            squares += (double)row[c] * (double)row[c];
        }
        for (size_t c = 0; c < d; c++)
            matrix[p / P][p % P * d + c] = (double)row[c] / sqrt(squares / d + 0.25) * (double)norm[c];
    }
    sums_of(P, d, matrix[0], matrix[1], expected);
    run(&s, CV_FINAL_NORM);
    for (size_t r = 1; r <= RANKS; r++) compare("normed", r, s.angles[r - 1], expected[r - 1]);
    close_states(&s);
}
END_TEST

static const size_t shapes[][3] = {{20, 7, 48}, {20, 1, 12}, {9, 5, 9}, {3, 4, 30}, {70, 3, 150}}; /* P, states, d */

START_TEST(threads_do_not_change_the_bits)
{
    states s = random_states(shapes[_i][0], shapes[_i][1], shapes[_i][2]);
    size_t bytes = s.states * RANKS * sizeof *s.angles;
    int threads = omp_get_max_threads();
    double *first = cv_alloc(bytes, 1);
    for (int state = 0; state < 2; state++)
        for (int t = 1; t <= 4; t++) {
            omp_set_num_threads(t);
            run(&s, (cv_subspace_state)state);
            if (t == 1) memcpy(first, s.angles, bytes);
            ck_assert_msg(memcmp(first, s.angles, bytes) == 0, "%d threads: other bits than one", t);
        }
    omp_set_num_threads(threads);
    free(first);
    close_states(&s);
}
END_TEST

/* Twice as large, or of the other sign, a state has the same span; the first state is the clean one itself. */
START_TEST(what_does_not_turn_has_no_angle)
{
    states s = random_states(12, 3, 40);
    for (size_t i = 0; i < 12 * 40; i++) {
        s.ablated[12 * 40 + i] = 2 * s.clean[i];
        s.ablated[2 * 12 * 40 + i] = -s.clean[i];
    }
    run(&s, CV_RESID_POST);
    for (size_t i = 0; i < s.states * RANKS; i++) ck_assert(s.angles[i] >= 0 && s.angles[i] <= 1e-12);
    run(&s, CV_FINAL_NORM); /* here epsilon sees the size */
    for (size_t i = 0; i < RANKS; i++) {
        ck_assert(s.angles[i] >= 0 && s.angles[i] <= 1e-12);
        ck_assert(s.angles[2 * RANKS + i] >= 0 && s.angles[2 * RANKS + i] <= 1e-12);
    }
    close_states(&s);
}
END_TEST

static void assert_determined(const states *s, size_t count)
{
    for (size_t i = 0; i < s->states * RANKS; i++) ck_assert(isnan(s->angles[i]) == (i % RANKS >= count));
}

START_TEST(no_angle_beyond_prompts_dimensions_or_rank)
{
    for (int state = 0; state < 2; state++) {
        states one = random_states(1, 2, 16), five = random_states(5, 2, 30), narrow = random_states(11, 2, 6);
        states same = random_states(20, 2, 64);
        run(&one, (cv_subspace_state)state);
        assert_determined(&one, 1);
        ck_assert_double_eq(one.angles[0], 0); /* one prompt: its direction among prompts cannot turn */
        run(&five, (cv_subspace_state)state);
        assert_determined(&five, 5);
        ck_assert(five.angles[3] > 0);
        ck_assert_double_eq(five.angles[4], 0);
        run(&narrow, (cv_subspace_state)state);
        assert_determined(&narrow, 6);
        for (size_t i = 5 * 64; i < 20 * 64; i++) same.clean[i] = same.clean[i % (5 * 64)]; /* five prompts, again */
        run(&same, (cv_subspace_state)state);
        assert_determined(&same, 5);
        close_states(&one);
        close_states(&five);
        close_states(&narrow);
        close_states(&same);
    }
}
END_TEST

START_TEST(a_state_that_is_not_finite_has_no_angles)
{
    static const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        states s = random_states(10, 3, 30);
        s.ablated[10 * 30 + 7] = wrong[i];
        run(&s, (cv_subspace_state)(i % 2));
        for (size_t r = 0; r < RANKS; r++) {
            ck_assert(isfinite(s.angles[r]) && isfinite(s.angles[2 * RANKS + r]));
            ck_assert(isnan(s.angles[RANKS + r]));
        }
        close_states(&s);
    }
}
END_TEST

static void assert_refused(states *s, cv_subspace_state state, const char *what)
{
    cv_error err;
    ck_assert(!cv_subspace_angles(s->engine, s->prompts, s->states, state, s->clean, s->ablated, s->angles, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, what) && strstr(err.text, s->model->path), "%s", err.text);
}

START_TEST(a_clean_state_or_a_norm_that_is_not_finite_is_bad_input)
{
    states s = random_states(10, 3, 30);
    cv_engine_close(s.engine);
    ((float *)s.model->norm.data)[3] = NAN;
    s.engine = cv_engine_open(s.model, 8);
    assert_refused(&s, CV_FINAL_NORM, "norm");
    run(&s, CV_RESID_POST);
    s.clean[4 * 30 + 2] = INFINITY;
    assert_refused(&s, CV_RESID_POST, "prompt 5");
    close_states(&s);
}
END_TEST

START_TEST(no_state_is_no_angle)
{
    states s = random_states(10, 0, 30);
    run(&s, CV_FINAL_NORM);
    close_states(&s);
}
END_TEST

START_TEST(names)
{
    for (int state = 0; state < 2; state++)
        ck_assert_int_eq(cv_subspace_state_of(cv_subspace_state_name((cv_subspace_state)state)), state);
    ck_assert_str_eq(cv_subspace_state_name(CV_FINAL_NORM), "final_norm");
    ck_assert_str_eq(cv_subspace_state_name(CV_RESID_POST), "resid_post");
    ck_assert_int_eq(cv_subspace_state_of("resid_pre"), -1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("subspace");
    tcase_add_test(tests, pairs_of_matrices_as_by_exact_arithmetic);
    tcase_add_loop_test(tests, angles_that_are_known_by_construction, 0, ROWS(made_cases));
    tcase_add_test(tests, a_tie_determines_no_span);
    tcase_add_test(tests, states_of_a_model_as_by_numpy);
    tcase_add_test(tests, the_final_norm_has_its_weight_and_epsilon);
    tcase_add_loop_test(tests, threads_do_not_change_the_bits, 0, ROWS(shapes));
    tcase_add_test(tests, what_does_not_turn_has_no_angle);
    tcase_add_test(tests, no_angle_beyond_prompts_dimensions_or_rank);
    tcase_add_test(tests, a_state_that_is_not_finite_has_no_angles);
    tcase_add_test(tests, a_clean_state_or_a_norm_that_is_not_finite_is_bad_input);
    tcase_add_test(tests, no_state_is_no_angle);
    tcase_add_test(tests, names);
    return run_suite(tests);
}
