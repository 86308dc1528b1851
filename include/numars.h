#ifndef NUMARS_H
#define NUMARS_H

/* Made from src/abi/numars.rs by `make headers`: change it there. */


#include "numa.h"
#include "numaif.h"

/**
 * The version of the numars headers that a program is compiled with: major * 10000 + minor * 100 + patch.
 */
#define NUMARS_VERSION 100

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library that is loaded.
 *
 * @return a string such as "0.1.0", valid for ever
 */
const char *numars_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NUMARS_H */
