//! A title and a body from templates.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde_json::{Map, json};

use super::clocks::{Deadline, RAN_OUT, SOON};
use super::facts::{Brief, Facts, Scope};
use crate::engine::model::{EventTime, Severity};
use crate::engine::timeline::{visible, visible_lines};

/// What a template may name.
const FIELDS: [&str; 22] = [
    "kind",
    "what",
    "incident",
    "title",
    "severity",
    "score",
    "time",
    "scope",
    "link",
    "opened",
    "first_event",
    "last_event",
    "detectors",
    "categories",
    "datasets",
    "records",
    "subjects",
    "count",
    "severities",
    "worst",
    "clock",
    "key",
];
const SOURCE_MAX: usize = 20_000;
const TITLE_MAX: usize = 200;
const BODY_MAX: usize = 8_000;
/// Steps of one rendering.
const STEPS_MAX: u64 = 1_000_000;

const TITLE: &str = "\
[{{ severity|upper }}] {{ what }}{% if clock %} ({{ clock.regime_name }}, {{ clock.phase_name }}: \
{{ clock.time_left }}){% endif %}: {{ title }}";
const BODY: &str = "\
{{ what }}: {{ title }}
{% if clock %}{{ clock.regime_name }}, {{ clock.phase_name }}: due {{ clock.due }}, {{ clock.time_left }} at {{ time }}.
{{ clock.recipient }} is to be told ({{ clock.law }}).
{% endif %}\
Severity {{ severity }}, score {{ score }} of 100, at {{ time }}.
{% for part in scope %}{{ part.category }}: {{ part.records }} records, \
{{ part.subjects }} people and consignments
{% endfor %}{% if count > 1 %}{% for severity, n in severities|items %}{{ severity }}: {{ n }}
{% endfor %}{% endif %}{% for one in worst %}- {{ one.severity }}: {{ one.title }}{% if one.link %} {{ one.link }}{% endif %}
{% endfor %}{% if link %}{{ link }}
{% endif %}";

/// Compiled; cheap to share, not to make.
pub(super) struct Templates {
    own: Environment<'static>,
}

/// What is put before people. The title is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub title: String,
    pub body: String,
}

/// How a sink keeps text from the logs from being taken for markup.
pub(super) type Escape = fn(&str) -> String;

impl Templates {
    /// Templates that passed [`Templates::check`]; none for the sink's own.
    pub fn new(title: Option<&str>, body: Option<&str>) -> Self {
        let mut own = environment();
        for (name, given) in [("title", title), ("body", body)] {
            let source = given.unwrap_or(if name == "title" { TITLE } else { BODY });
            if let Err(error) = own.add_template_owned(name, source.to_owned()) {
                tracing::error!(name, %error, "a template does not compile");
            }
        }
        Self { own }
    }

    /// What is wrong with a template, and what is allowed: tried on every kind of notice.
    pub fn check(source: &str) -> Result<(), String> {
        if source.len() > SOURCE_MAX {
            return Err(format!("must be at most {SOURCE_MAX} bytes, got {}", source.len()));
        }
        if source.trim().is_empty() {
            return Err("must not be empty; without it the sink has its own".into());
        }
        let own = environment();
        let template = own.template_from_str(source).map_err(|error| format!("{error}"))?;
        let mut unknown: Vec<String> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !FIELDS.contains(&name.as_str()) && !is_function(name))
            .collect();
        unknown.sort();
        if !unknown.is_empty() {
            let unknown = unknown.join("`, `");
            return Err(format!("`{unknown}` is no field; there are {}", FIELDS.join(", ")));
        }
        for facts in samples() {
            template.render(context(&facts, "0123", str::to_owned)).map_err(|error| {
                let of = if facts.kind.is_empty() {
                    "that has no more than it must have".to_owned()
                } else {
                    format!("of kind `{}`", facts.kind)
                };
                format!(
                    "{error}, with a notice {of}; a part of `scope` has category, records, subjects"
                )
            })?;
        }
        Ok(())
    }

    /// A notice whose template fails is told in our own words rather than lost.
    pub fn render(&self, facts: &Facts, key: &str, escape: Escape) -> Text {
        let context = context(facts, key, escape);
        let part = |name: &str, ours: &str| {
            let rendered = self.own.get_template(name).and_then(|t| t.render(&context));
            rendered.or_else(|error| {
                tracing::error!(name, %error, "a template fails; our own is used");
                self.own.render_str(ours, &context)
            })
        };
        let title = part("title", TITLE).unwrap_or_else(|_| escape(&facts.title));
        let body = part("body", BODY).unwrap_or_else(|_| escape(&facts.title));
        let line = title.split_whitespace().collect::<Vec<_>>().join(" ");
        Text { title: cut(&visible(&line), TITLE_MAX), body: cut(&visible_lines(&body), BODY_MAX) }
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(STEPS_MAX));
    environment
}

fn is_function(name: &str) -> bool {
    matches!(name, "range" | "dict" | "namespace" | "debug")
}

fn context(facts: &Facts, key: &str, escape: Escape) -> Value {
    let mut fields = match serde_json::to_value(facts) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    fields.insert("what".into(), json!(facts.what()));
    fields.insert("key".into(), json!(key));
    for value in fields.values_mut() {
        escape_within(value, escape);
    }
    Value::from(Serde(fields))
}

fn escape_within(value: &mut serde_json::Value, escape: Escape) {
    match value {
        serde_json::Value::String(text) => *text = escape(text),
        serde_json::Value::Array(list) => list.iter_mut().for_each(|v| escape_within(v, escape)),
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(|v| escape_within(v, escape));
        }
        _ => {}
    }
}

fn samples() -> Vec<Facts> {
    let time = EventTime::default();
    let kinds = [
        "opened",
        "severity_raised",
        "quiet",
        "still_open",
        "backlog",
        "flood",
        "test",
        SOON,
        RAN_OUT,
    ];
    let sample = |kind: &str| Facts {
        kind: kind.to_owned(),
        incident: "0123".into(),
        title: "A title".into(),
        severity: Severity::High,
        scope: vec![Scope { category: "passenger".into(), records: 2, subjects: 1 }],
        link: Some("https://console.example/".into()),
        opened: Some(time),
        detectors: vec!["bulk_read".into()],
        count: 2,
        severities: [("high".to_owned(), 2)].into(),
        worst: vec![Brief {
            incident: "0123".into(),
            severity: Severity::High,
            title: "A title".into(),
            link: Some("https://console.example/incidents/0123".into()),
        }],
        clock: [SOON, RAN_OUT].contains(&kind).then(Deadline::default),
        ..Facts::default()
    };
    kinds.into_iter().map(sample).chain([Facts::default()]).collect()
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
