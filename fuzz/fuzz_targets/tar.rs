#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cryoscope_fuzz::targets::tar::run(data));
