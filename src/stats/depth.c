#include <caravan/stats.h>

#include <math.h>

void cv_depth_profile(const double *scores, size_t layers, size_t heads, double *profile)
{
    double sum = 0;
    for (size_t layer = 0; layer < layers; layer++) {
        profile[layer] = 0;
        for (size_t head = 0; head < heads; head++) {
            double score = scores[layer * heads + head];
            profile[layer] += score >= 0 ? score : NAN;
        }
        sum += profile[layer];
    }
    for (size_t layer = 0; layer < layers; layer++) profile[layer] = sum > 0 ? profile[layer] / sum : NAN;
}

double cv_depth_distance(const double *a, size_t layers_a, const double *b, size_t layers_b)
{
    if (layers_a == 0 || layers_b == 0) return NAN;
    /* The area between the distribution functions of both, which step at the middles of the layers:
     * (2 i + 1) / (2 layers). Positions are compared as whole numbers, over the product of both. */
    double distance = 0, difference = 0, at = 0;
    for (size_t i = 0, j = 0; i < layers_a || j < layers_b;) {
        size_t of_a = (2 * i + 1) * layers_b, of_b = (2 * j + 1) * layers_a;
        bool take_a = i < layers_a && (j == layers_b || of_a <= of_b);
        bool take_b = j < layers_b && (i == layers_a || of_b <= of_a);
        double next = (double)(take_a ? of_a : of_b) / (2 * (double)layers_a * (double)layers_b);
        distance += fabs(difference) * (next - at);
        at = next;
        if (take_a) difference += a[i++];
        if (take_b) difference -= b[j++];
    }
    return distance;
}
