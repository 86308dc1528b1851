/* The families of cases, one file each, in the order of numa(3). */
#ifndef FAMILIES_H
#define FAMILIES_H

#include "parity.h"

family machine_cases, cpu_cases, set_cases, parse_cases, getter_cases, policy_cases, allocation_cases, memory_cases, flag_cases,
    message_cases, running_cases, moving_cases, kernel_call_cases, first_version_cases, data_cases;

#endif
