//! Random rules over random events, ours and the peer's: the same matches, the same firings.

use serde_json::{Value as Json, json};
use tidewaiter_oracle::{Ours, peer_correlations, peer_engine, peer_fired, peer_matched};

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn of<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.below(list.len() as u64) as usize]
    }
}

const FIELDS: [&str; 5] = ["a", "b", "c.d", "n", "ip"];
const WORDS: [&str; 9] =
    ["alpha", "Alpha", "bet*", "g?mma", "lph", "'a\\*b'", "ΣΑΣ", "''", "delta-9"];

fn value(random: &mut Random, modifier: &str) -> String {
    match modifier {
        "lt" | "lte" | "gt" | "gte" => random.below(20).to_string(),
        "cidr" => random.of(&["10.0.0.0/8", "192.168.1.0/24", "'fe80::/10'"]).to_owned(),
        "re" => random.of(&["'^al.*a$'", "'[0-9]+'", "'(?i)ALPHA'", "'b.t'"]).to_owned(),
        "exists" => random.of(&["true", "false"]).to_owned(),
        "" if random.below(6) == 0 => random.below(20).to_string(),
        "contains" | "startswith" | "endswith" => random.of(&WORDS[..5]).to_owned(),
        _ => random.of(&WORDS).to_owned(),
    }
}

fn rule(random: &mut Random, index: u64) -> String {
    let modifiers = [
        "",
        "",
        "contains",
        "startswith",
        "endswith",
        "cased",
        "re",
        "lt",
        "gte",
        "exists",
        "cidr",
        "contains|all",
    ];
    let mut selections = String::new();
    for name in ["one", "two", "three"] {
        selections += &format!("  {name}:\n");
        let mut used = Vec::new();
        for _ in 0..1 + random.below(2) {
            let modifier = random.of(&modifiers);
            let field = random.of(if modifier == "cidr" { &["ip"] } else { &FIELDS });
            let key =
                if modifier.is_empty() { field.to_owned() } else { format!("{field}|{modifier}") };
            if used.contains(&key) {
                continue;
            }
            // The peer refuses `all` over one value.
            let count = match modifier {
                "exists" => 1,
                "contains|all" => 2,
                _ => 1 + random.below(3),
            };
            let values: Vec<String> = (0..count).map(|_| value(random, modifier)).collect();
            selections += &format!("    {key}: [{}]\n", values.join(", "))
                .replace("|exists: [", "|exists: [");
            used.push(key);
        }
    }
    let selections = selections
        .replace("exists: [true]", "exists: true")
        .replace("exists: [false]", "exists: false");
    let condition = random.of(&[
        "one and two",
        "one or two and not three",
        "not one",
        "1 of t*",
        "all of t*",
        "all of them",
        "1 of them and not one",
        "(one or two) and three",
    ]);
    format!(
        "title: r{index}\nid: 00000000-0000-4000-8000-{index:012}\nlogsource: {{product: p, category: c}}\ndetection:\n{selections}  condition: {condition}\n"
    )
}

fn event(random: &mut Random) -> Json {
    let words = ["alpha", "ALPHA", "beta", "gamma", "xlphx", "a*b", "σας", "", "delta-9", "12"];
    let mut event = json!({});
    if random.below(5) > 0 {
        event["a"] = json!(random.of(&words));
    }
    if random.below(3) > 0 {
        event["b"] = json!(random.of(&words));
    }
    if random.below(3) > 0 {
        event["c"] = json!({ "d": random.of(&words) });
    }
    match random.below(4) {
        0 => event["n"] = json!(random.below(20)),
        1 => event["n"] = json!(random.below(20).to_string()),
        2 => event["n"] = json!(random.below(40) as f64 / 2.0),
        _ => {}
    }
    if random.below(2) == 0 {
        event["ip"] = json!(random.of(&["10.1.2.3", "192.168.1.77", "8.8.8.8", "fe80::1", "none"]));
    }
    event
}

#[test]
fn detection_rules_match_as_the_peers_do() {
    let mut random = Random(11);
    let (mut compared, mut matches) = (0, 0);
    for round in 0..300 {
        let text =
            (0..4).map(|i| rule(&mut random, round * 4 + i)).collect::<Vec<_>>().join("---\n");
        let mut ours = Ours::new(&text, "p", "c").unwrap_or_else(|error| panic!("{error}\n{text}"));
        let peer = peer_engine(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        for _ in 0..200 {
            let event = event(&mut random);
            ours.take(&event, 0);
            let (mine, theirs) = (ours.matched(), peer_matched(&peer, &event));
            assert_eq!(mine, theirs, "\n{event}\n{text}");
            compared += 1;
            matches += mine.len();
        }
    }
    println!("{compared} events, {matches} matches");
    assert!(matches > 1_000);
}

#[test]
fn correlations_fire_as_the_peers_do() {
    let base = "title: A\nid: a0000000-0000-4000-8000-000000000001\nname: a\nlogsource: {product: p, category: c}\ndetection: {s: {k: a}, condition: s}\n---\ntitle: B\nid: a0000000-0000-4000-8000-000000000002\nname: b\nlogsource: {product: p, category: c}\ndetection: {s: {k: b}, condition: s}\n";
    // Not value_percentile: the peer fires whatever its condition says.
    let kinds = [
        "type: event_count\n  condition: {gte: 6}",
        "type: event_count\n  condition: {gt: 4, lte: 9}",
        "type: value_count\n  condition: {field: v, gte: 4}",
        "type: value_sum\n  condition: {field: v, gt: 40}",
        "type: value_avg\n  condition: {field: v, gte: 9}",
        "type: temporal\n  condition: {gte: 2}",
        "type: temporal_ordered",
    ];
    let mut random = Random(5);
    for (kind, round) in (0..40).flat_map(|round| kinds.map(|kind| (kind, round))) {
        let text = format!(
            "{base}---\ntitle: C\nid: c0000000-0000-4000-8000-00000000000c\ncorrelation:\n  {kind}\n  rules: [a, b]\n  group-by: [who, where]\n  timespan: 60s\n"
        );
        let mut ours = Ours::new(&text, "p", "c").unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut peer =
            peer_correlations(&text, 60).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let (mut second, mut fired) = (1_800_000_000_i64, 0);
        for step in 0..400 {
            second += [0, 1, 1, 3, 7, 15, 61][random.below(7) as usize];
            let mut event = json!({"k": random.of(&["a", "a", "b"]), "who": random.of(&["x", "y"]), "v": random.below(16)});
            if random.below(9) > 0 {
                event["where"] = json!(random.of(&["here", "there"]));
            }
            // The value is always there: the peer counts null as one, and judges a window again on
            // an event that adds nothing to it.
            ours.take(&event, second * 1_000);
            let (mine, theirs) = (ours.fired(), peer_fired(&mut peer, &event, second));
            let same = mine.len() == theirs.len()
                && mine.iter().zip(&theirs).all(|(m, t)| {
                    (&m.0, &m.1, m.2) == (&t.0, &t.1, t.2) && (m.3 - t.3).abs() < 1e-9
                });
            assert!(same, "round {round} step {step}: {mine:?} is not {theirs:?}\n{event}\n{text}");
            fired += mine.len();
        }
        assert!(fired > 0 || round > 0, "{kind} never fired");
    }
}
