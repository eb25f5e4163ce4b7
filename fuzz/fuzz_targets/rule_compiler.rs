#![no_main]

use libfuzzer_sys::fuzz_target;
use tidewaiter_fuzz::run_rules;

// Modifiers and values: the first line is the key of a selection, the others its values.
fuzz_target!(|text: &str| {
    let mut lines = text.lines().map(|line| serde_json::Value::from(line).to_string());
    let key = lines.next().unwrap_or_default();
    let values: Vec<String> = lines.collect();
    run_rules(&format!(
        "title: t\nlogsource: {{product: p}}\ndetection:\n  s:\n    ? {key}\n    : [{}]\n  condition: s\n",
        values.join(", ")
    ));
});
