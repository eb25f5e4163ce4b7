//! The score of an incident, in terms a person can take apart.

use std::collections::BTreeMap;

use super::scope::Scope;
use crate::engine::detect::severity_of;
use crate::engine::model::{ScoreTerm, Severity};

/// How much of a further detector's score counts beside the strongest.
const FURTHER_WEIGHT: f64 = 0.3;

/// Score 0 to 100, its severity, and the terms that add up to it.
///
/// *Found*: the strongest finding as it stands. *Also found*: what each further detector adds,
/// combined as independent evidence: `100 (1 - ∏ (1 - w s/100))` with `w` 1 for the strongest and
/// 0.3 for the others. *Sensitive*: 4 points for T3, 2 for T2. *How much*: 2 points a decade of
/// subjects, at most 8. The last two count only where a finding of at least low stands behind
/// them: much honest work is sensitive and plenty.
pub fn score(best: &BTreeMap<String, u8>, scope: &Scope) -> (u8, Severity, Vec<ScoreTerm>) {
    let mut ranked: Vec<(&str, u8)> = best.iter().map(|(name, &s)| (name.as_str(), s)).collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let Some(&(strongest, strongest_score)) = ranked.first() else {
        return (0, Severity::Informational, Vec::new());
    };
    let mut terms = vec![term("found", f64::from(strongest_score), strongest.to_owned())];
    let mut doubt = 1.0 - f64::from(strongest_score) / 100.0;
    for (name, further) in &ranked[1..] {
        let before = doubt;
        doubt *= 1.0 - FURTHER_WEIGHT * f64::from(*further) / 100.0;
        terms.push(term("also found", (before - doubt) * 100.0, (*name).to_owned()));
    }
    if severity_of(strongest_score) >= Severity::Low {
        let tier = scope.tier_max();
        let sensitive = [0.0, 0.0, 2.0, 4.0][usize::from(tier.min(3))];
        terms.push(term("sensitive", sensitive, format!("most sensitive data touched is T{tier}")));
        let subjects = scope.subjects();
        let much = (2.0 * (subjects as f64 + 1.0).log10()).min(8.0);
        terms.push(term("how much", much, format!("{subjects} distinct subjects")));
    }
    // The terms add up to the score: what would lead past 100 is cut off.
    let mut room = 100.0;
    for term in &mut terms {
        term.points = term.points.min(room);
        room -= term.points;
    }
    terms.retain(|t| t.points >= 0.05);
    let total = (100.0 - room).round() as u8;
    (total, severity_of(total), terms)
}

fn term(name: &str, points: f64, why: String) -> ScoreTerm {
    ScoreTerm { term: name.to_owned(), points: (points * 10.0).round() / 10.0, why }
}
