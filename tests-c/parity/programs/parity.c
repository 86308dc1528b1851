/* All families. parity [PREFIX] runs the cases whose IDs begin with PREFIX. */
#include "families.h"

int main(int argc, char *argv[])
{
    static family *const families[] = {
        machine_cases, cpu_cases, set_cases, parse_cases, getter_cases, policy_cases, allocation_cases, memory_cases, flag_cases,
        message_cases, running_cases, moving_cases, kernel_call_cases, first_version_cases, data_cases, NULL,
    };
    return run_families(families, argc > 1 ? argv[1] : "");
}
