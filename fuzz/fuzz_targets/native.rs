#![no_main]

use libfuzzer_sys::fuzz_target;
use tidewaiter_fuzz::{decode_lines, engine::model::Format};

fuzz_target!(|input: &[u8]| decode_lines(Format::Native, input));
