/* What the programs with timers in C have in common: see src/program/timers.rs. */
#include "common.h"
#include <stdint.h>

enum { FAR_MS = 10000, NEAR_MS = 500 };

/* A loop that has timers, which are numbered. */
struct loop {
    /* Makes room for so many. */
    void (*open)(int count);
    /* Milliseconds. */
    void (*start)(int timer, double delay);
    void (*cancel)(int timer);
    /* Until all have fired. */
    void (*run)(void);
};

static uint64_t state = 1;

/* Numbers that look random and are the same each time (xorshift). */
static inline uint64_t below(uint64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % limit;
}

/* Takes the argument COUNT. */
static inline void measure(int argc, char **argv, struct loop loop)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s COUNT\n", argv[0]);
        exit(2);
    }
    int count = atoi(argv[1]);
    double *far = allocate(count, sizeof *far), *near = allocate(count, sizeof *near);
    int *order = allocate(count, sizeof *order);
    loop.open(count);
    for (int i = 0; i < count; i++) {
        far[i] = FAR_MS + below(FAR_MS * 1000) / 1000.0;
        near[i] = below(NEAR_MS * 1000) / 1000.0;
        order[i] = i;
    }
    for (int last = count - 1; last > 0; last--) {
        int other = below(last + 1), swapped = order[last];
        order[last] = order[other];
        order[other] = swapped;
    }

    double begin = processor_time();
    for (int i = 0; i < count; i++)
        loop.start(i, far[i]);
    double start = processor_time() - begin;

    begin = processor_time();
    for (int i = 0; i < count; i++)
        loop.cancel(order[i]);
    double cancel = processor_time() - begin;

    for (int i = 0; i < count; i++)
        loop.start(i, near[i]);
    begin = processor_time();
    loop.run();
    double fire = processor_time() - begin;

    printf("ns to start = %f\nns to cancel = %f\nns to fire = %f\nns to do all three = %f\n", start / count,
           cancel / count, fire / count, (start + cancel + fire) / count);
}
