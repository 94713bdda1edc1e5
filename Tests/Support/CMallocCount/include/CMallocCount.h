// Counts heap allocations per thread, for tests that assert that a loop makes none: the test executable's malloc family
// stands in front of glibc's.
#ifndef CULVERT_CMALLOCCOUNT_H
#define CULVERT_CMALLOCCOUNT_H

#include <stdint.h>

// Allocations (malloc, calloc, realloc, aligned ones) that the calling thread has made so far.
uint64_t culvert_malloc_count(void);

#endif
