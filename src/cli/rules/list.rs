//! `tidewaiter rules list`.

use clap::Args;
use serde_json::json;

use super::{Exit, Failure, Source, whole_set};
use crate::engine::detect::rules::{Correlation, Rule};

/// List rules, sorted as they are loaded.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// One JSON object a rule, a line each.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (files, dialect) = arguments.source.read()?;
    let set = whole_set(&files, &dialect)?;
    let rules = set.rules().iter().map(|rule| (rule, None));
    let correlations = set.correlations().iter().map(|c| (&c.rule, Some(c)));
    let all: Vec<(&Rule, Option<&Correlation>)> = rules.chain(correlations).collect();
    if !arguments.json {
        println!("{:36}  {:13}  {:16}  {:28}  TITLE", "ID", "LEVEL", "TYPE", "LOG SOURCE");
    }
    for (rule, correlation) in all {
        let kind = correlation.map_or("detection", |correlation| correlation.kind.name());
        let source = [&rule.logsource.product, &rule.logsource.service, &rule.logsource.category];
        let source = source.into_iter().flatten().map(|word| &**word).collect::<Vec<_>>().join("/");
        if arguments.json {
            let line = json!({
                "id": rule.id, "title": rule.title, "type": kind, "level": rule.level.name(),
                "status": rule.status.map(|status| status.name()), "logsource": source,
                "attack": rule.attack, "tags": rule.tags, "response": rule.response,
                "rules": correlation.map(|c| &c.references),
                "file": &*rule.file, "line": rule.line,
            });
            println!("{line}");
        } else {
            let level = rule.level.name();
            println!("{:36}  {level:13}  {kind:16}  {source:28}  {}", rule.id, rule.title);
        }
    }
    Ok(Exit::Fine)
}
