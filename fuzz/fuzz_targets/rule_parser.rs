#![no_main]

use libfuzzer_sys::fuzz_target;
use tidewaiter_fuzz::run_rules;

// Whole rule files: detections, filters, correlations.
fuzz_target!(|text: &str| run_rules(text));
