#include "engine/blas.h"

#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static blasint as_blasint(size_t n)
{
    assert(n <= INT_MAX);
    return (blasint)n;
}

void cv_linear(size_t m, size_t n, size_t k, const float *x, size_t ldx, const float *w, size_t ldw, float beta,
               float *y, size_t ldy)
{
    if (m == 0 || n == 0) return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, as_blasint(m), as_blasint(n), as_blasint(k), 1.0f, x,
                as_blasint(ldx), w, as_blasint(ldw), beta, y, as_blasint(ldy));
}

void cv_linear_double(size_t m, size_t n, size_t k, const double *x, const double *w, double *y)
{
    if (m == 0 || n == 0) return;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, as_blasint(m), as_blasint(n), as_blasint(k), 1.0, x,
                as_blasint(k), w, as_blasint(k), 0.0, y, as_blasint(n));
}

void cv_matmul(size_t m, size_t n, size_t k, float alpha, const float *x, size_t ldx, const float *w, size_t ldw,
               float *y, size_t ldy)
{
    if (m == 0 || n == 0) return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, as_blasint(m), as_blasint(n), as_blasint(k), alpha, x,
                as_blasint(ldx), w, as_blasint(ldw), 0.0f, y, as_blasint(ldy));
}

const char *cv_blas_core(void)
{
    return openblas_get_corename();
}

const char *cv_blas_version(void)
{
    return openblas_get_config();
}

int cv_blas_threads(void)
{
    return openblas_get_num_threads();
}

#if defined(__x86_64__)
/* The kernels that use what the processor offers, or NULL if those in use do. */
static const char *better_core(void)
{
    static const char *const with_avx2[] = {"Haswell",        "Zen", "Excavator", "SkylakeX", "Cooperlake",
                                            "SapphireRapids", NULL};
    for (const char *const *name = with_avx2; *name; name++)
        if (strcasecmp(*name, openblas_get_corename()) == 0) return NULL;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
    return NULL;
}
#else
static const char *better_core(void)
{
    return NULL;
}
#endif

/* With OMP_PROC_BIND, OpenMP has bound this thread to one core before main began, and a program started
 * anew would take that core for all there is. The places are all that this process was given. */
static void unbind(void)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    for (int place = 0; place < omp_get_num_places(); place++) {
        int count = omp_get_place_num_procs(place), *ids = cv_alloc((size_t)count, sizeof *ids);
        omp_get_place_proc_ids(place, ids);
        for (int i = 0; i < count; i++)
            if (ids[i] >= 0 && ids[i] < CPU_SETSIZE) CPU_SET((size_t)ids[i], &cores);
        free(ids);
    }
    if (CPU_COUNT(&cores) > 0) sched_setaffinity(0, sizeof cores, &cores);
}

void cv_blas_ensure_core(char **argv)
{
    if (getenv("OPENBLAS_CORETYPE")) return;
    const char *core = better_core();
    char path[PATH_MAX] = {0}; /* of the file itself, so that ps goes on to show the program's name */
    if (!core || readlink("/proc/self/exe", path, sizeof path - 1) <= 0) return;
    if (setenv("OPENBLAS_CORETYPE", core, 1) == 0) {
        unbind();
        execv(path, argv);
    }
    cv_warn("OpenBLAS fell back to its %s kernels; set OPENBLAS_CORETYPE=%s", openblas_get_corename(), core);
}

/* A reproducible value in [-1, 1) that varies with i. */
static float sample(size_t i)
{
    return (float)((i * 2654435761u >> 7) % 4096) / 2048.0f - 1.0f;
}

static bool product_is_right(size_t m, size_t n, size_t k)
{
    float *x = cv_alloc_floats(m * k), *w = cv_alloc_floats(n * k), *y = cv_alloc_floats(m * n);
    for (size_t i = 0; i < m * k; i++) x[i] = sample(i);
    for (size_t i = 0; i < n * k; i++) w[i] = sample(i + 77777);
    cv_linear(m, n, k, x, k, w, k, 0.0f, y, n);
    bool right = true;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double exact = 0, size = 0;
            for (size_t l = 0; l < k; l++) {
                double term = (double)x[i * k + l] * (double)w[j * k + l];
                exact += term;
                size += fabs(term);
            }
            right = right && fabs((double)y[i * n + j] - exact) <= 1e-5 * size;
        }
    free(x);
    free(w);
    free(y);
    return right;
}

bool cv_blas_check(cv_error *err)
{
    static const size_t shapes[][3] = {{1, 70, 300}, {19, 33, 576}, {67, 130, 129}, {200, 48, 64}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (!product_is_right(shapes[i][0], shapes[i][1], shapes[i][2]))
            return cv_failed(err,
                             "OpenBLAS (%s kernels) computes wrong products on this processor: set "
                             "OPENBLAS_CORETYPE=Haswell or install a newer OpenBLAS",
                             openblas_get_corename());
    return true;
}

double cv_blas_peak(double seconds)
{
    enum { SIZE = 768 };
    double best = 0, begin = omp_get_wtime();
    int threads = omp_get_max_threads();
    size_t area = (size_t)SIZE * SIZE;
    float *memory = cv_alloc_floats(3 * area * (size_t)threads);
    for (size_t i = 0; i < 3 * area * (size_t)threads; i++) memory[i] = sample(i);
    do {
        double start = omp_get_wtime();
#pragma omp parallel num_threads(threads)
        {
            float *x = memory + 3 * area * (size_t)omp_get_thread_num();
            cv_linear(SIZE, SIZE, SIZE, x, SIZE, x + area, SIZE, 0.0f, x + 2 * area, SIZE);
        }
        double rate = threads * 2.0 * SIZE * SIZE * SIZE / (omp_get_wtime() - start);
        if (rate > best) best = rate;
    } while (omp_get_wtime() - begin < seconds);
    free(memory);
    return best;
}
