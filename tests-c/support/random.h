/* Reproducible pseudorandom numbers, one sequence per thread. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>

/* Starts the sequence of the calling thread. */
void seed_random(unsigned long seed);

/* Returns a number from 0 to limit - 1. */
unsigned below(unsigned limit);

/* Returns true once in `chances` times. */
bool one_in(unsigned chances);

#endif
