#![no_main]

use libfuzzer_sys::fuzz_target;
use tidewaiter_fuzz::run_rules;

// The grammar of conditions, over selections that are there.
fuzz_target!(|text: &str| {
    let quoted = serde_json::Value::from(text).to_string();
    run_rules(&format!(
        "title: t\nlogsource: {{product: p}}\ndetection:\n  a: {{x: 1}}\n  b: {{y|contains: z}}\n  \
         sel_c: [k1, k2]\n  _d: {{w: null}}\n  condition: {quoted}\n"
    ));
});
