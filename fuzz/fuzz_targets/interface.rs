#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| numars::fuzzing::interface(data));
