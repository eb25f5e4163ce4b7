//! `learn`: what was learned from files makes the first live day judged as the fifteenth would be.

use std::path::Path;
use std::{fs, process::Output};

use serde_json::Value;

use crate::learned::{LEARNED, UNEXPLAINED, honest_days, unexplained_day};
use crate::monitor::{succeed, tidewaiter};
use crate::setup::{is_severe, lines};

/// Lines as a file of that name.
fn file(folder: &Path, name: &str, lines: Vec<(String, String)>) -> String {
    let path = folder.join(name);
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    path.display().to_string()
}

/// Severe findings on the officer, and by a detector that learns on anybody else.
fn told(stdout: &str) -> (Vec<String>, Vec<String>) {
    let actor = format!("o{UNEXPLAINED}");
    let severe: Vec<Value> = lines(stdout).into_iter().filter(is_severe).collect();
    let name = |finding: &Value| finding["detector"].as_str().unwrap().to_owned();
    let (own, others): (Vec<_>, Vec<_>) = severe.iter().partition(|f| f["actor"] == actor.as_str());
    let learned = others.into_iter().map(name).filter(|name| LEARNED.contains(&name.as_str()));
    (own.into_iter().map(name).collect(), learned.collect())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_breach_on_the_first_live_day_is_found_that_is_missed_without() {
    let folder = tempfile::tempdir().unwrap();
    let before = file(folder.path(), "before.ndjson", honest_days(0, 13));
    let day = file(folder.path(), "day.ndjson", unexplained_day());
    let state = folder.path().join("learned").display().to_string();
    let learn = tidewaiter(["learn", "--from", &before, "--output", &state]);
    assert!(learn.status.success(), "{}", said(&learn));
    assert_eq!(String::from_utf8_lossy(&learn.stdout).trim(), state, "the file and nothing else");
    assert!(said(&learn).contains("learned   60 actors"), "{}", said(&learn));
    assert!(!said(&learn).contains("too short"), "{}", said(&learn));

    let (own, others) = told(&succeed(["replay", "--findings", "-", "--learned", &state, &day]));
    assert!(own.contains(&"unusual_unexplained".to_owned()), "{own:?}");
    assert!(others.len() <= 2, "{others:?}");
    let (own, _) = told(&succeed(["replay", "--findings", "-", &day]));
    assert_eq!(own, Vec::<String>::new(), "without what was learned it is missed");
}

#[test]
fn what_was_learned_from_is_not_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let days = file(folder.path(), "days.ndjson", honest_days(0, 13));
    let last = file(folder.path(), "last.ndjson", unexplained_day());
    let state = folder.path().join("learned").display().to_string();
    succeed(["learn", "--from", &days, &last, "--output", &state]);
    let (own, others) = told(&succeed(["replay", "--findings", "-", "--learned", &state, &last]));
    assert_eq!((own, others), (vec![], vec![]));
}

#[test]
fn learning_twice_gives_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let days = file(folder.path(), "days.ndjson", honest_days(0, 3));
    let key = folder.path().join("key");
    fs::write(&key, "0123456789abcdef0123456789abcdef").unwrap();
    let config = folder.path().join("tidewaiter.toml");
    fs::write(&config, "[privacy]\npseudonym_key = { file = \"key\" }\n").unwrap();
    let learn = |name: &str| {
        let to = folder.path().join(name);
        let to = to.to_str().unwrap();
        let said = tidewaiter(["learn", "-c", config.to_str().unwrap(), "--from", &days, "-o", to]);
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("too short for thresholds"), "{said}");
        fs::read(to).unwrap()
    };
    assert_eq!(learn("one"), learn("two"));
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let days = file(folder.path(), "days.ndjson", honest_days(0, 2));
    let refuses = |arguments: &[&str], code: i32, words: &str| {
        let output = tidewaiter(arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    };
    refuses(&["replay", "--learned", &days, &days], 3, "cannot read learned state");
    refuses(&["replay", "--learned", "/no/such", &days], 3, "cannot read learned state");
    let state = folder.path().join("learned").display().to_string();
    succeed(["learn", "--from", &days, "--output", &state]);
    let mut spoilt = fs::read(&state).unwrap();
    let middle = spoilt.len() / 2;
    spoilt[middle] ^= 1;
    fs::write(&state, spoilt).unwrap();
    refuses(&["replay", "--learned", &state, &days], 3, "cannot read learned state");
    refuses(&["learn", "--from", &days], 3, "data.learned");
    refuses(&["learn", "--from", &days, "--output", &days], 3, "is read");
    refuses(&["learn", "--from", &days, "--output", "/no/such/folder/x"], 3, "no folder");
    refuses(&["learn", "--output", &state], 3, "--from");
    refuses(&["learn", "--from", &days, "--since", "30d", "-o", &state], 3, "--kafka");
    let nobody = folder.path().join("nobody.ndjson");
    fs::write(
        &nobody,
        r#"{"kind":"auth","time":1772442000000,"actor":{"id":"a"},"action":"login"}"#,
    )
    .unwrap();
    refuses(
        &["learn", "--from", nobody.to_str().unwrap(), "-o", &state],
        4,
        "nothing to learn from",
    );
}
