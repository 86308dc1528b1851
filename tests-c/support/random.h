/* Streams of random numbers that a seed repeats, one for each thread. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>

/* Begins the stream of the calling thread. */
void seed_random(unsigned long seed);

/* A number from 0 to limit - 1. */
unsigned below(unsigned limit);

/* True once in so many times. */
bool one_in(unsigned chances);

#endif
