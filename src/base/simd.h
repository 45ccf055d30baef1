/* One binary, several instruction sets: functions marked CV_SIMD are compiled once for each and
 * the right one is bound when the program starts. Sanitizers cannot run the binding so early. */
#ifndef CV_SIMD_H
#define CV_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define CV_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CV_SIMD
#endif

#endif
