/* Latencies in buckets: 1 us wide up to 1 ms, then 1 % wide. */
#pragma once
#include <math.h>
#include <stdint.h>

enum { FINE = 1000, BUCKETS = 3000 };

typedef struct {
    uint64_t count[BUCKETS], all, longest;
} Histogram;

static void note(Histogram *h, uint64_t ns) {
    int bucket = ns < 1000000 ? (int)(ns / 1000) : FINE + (int)(log(ns / 1e6) / log(1.01));
    h->count[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    h->all++;
    if (ns > h->longest) h->longest = ns;
}

static double percentile_ms(const Histogram *h, double part) {
    uint64_t seen = 0;
    for (int i = 0; i < BUCKETS && h->all; i++) {
        seen += h->count[i];
        if (seen >= h->all * part) return i < FINE ? (i + 1) / 1000.0 : pow(1.01, i - FINE + 1);
    }
    return 0;
}
