//! The score of an incident, in terms a person can take apart.

use std::collections::BTreeMap;

use super::reached::Stage;
use super::scope::Scope;
use crate::engine::detect::severity_of;
use crate::engine::model::{EventTime, Finding, ScoreTerm, Severity};

/// How much of a further detector's score counts beside the strongest.
const FURTHER_WEIGHT: f64 = 0.3;

const STAGE: &str = "stage";
const SURE: &str = "how sure";
/// Points for detectors that agree.
const SURE_MAX: f64 = 2.0;
/// Detectors named that agree.
const LISTED_MAX: usize = 5;

/// So long after it was told, a finding counts in full; from then on half as much each `HALF_MS`, as
/// long as the incident goes on with less than that.
const FULL_MS: i64 = 6 * 3_600_000;
const HALF_MS: i64 = 6 * 3_600_000;

/// A detector's strongest finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    score: u8,
    time: EventTime,
}

impl Best {
    pub fn of(finding: &Finding) -> Self {
        Self { score: finding.score, time: finding.time }
    }

    /// The one that counts for more at the later's time, whichever was taken first.
    pub fn or(self, other: Self) -> Self {
        let (earlier, later) = if (self.time, self.score) <= (other.time, other.score) {
            (self, other)
        } else {
            (other, self)
        };
        if earlier.at(later.time) > later.score { earlier } else { later }
    }

    pub fn is_after(self, time: EventTime) -> bool {
        self.time > time
    }

    /// Its score as of `time`.
    fn at(self, time: EventTime) -> u8 {
        let faded_ms = time.since(self.time) - FULL_MS;
        if faded_ms <= 0 {
            return self.score;
        }
        let left = 0.5_f64.powf(faded_ms as f64 / HALF_MS as f64);
        (f64::from(self.score) * left).round() as u8
    }
}

/// Score 0 to 100, its severity, and the terms that add up to it.
///
/// *Found*: the strongest finding as it stands. *Also found*: what each further detector adds,
/// combined as independent evidence: `100 (1 - ∏ (1 - w s/100))` with `w` 1 for the strongest and
/// 0.3 for the others. *Sensitive*: 4 points for T3, 2 for T2. *How much*: 2 points a decade of
/// subjects, at most 8. *Stage*: 4 points for exfiltration, 2 for staging, none for what comes
/// before, nor where nothing is known to have been read. *How sure*: a point for each further detector that says at least low, at most 2. The
/// last four count only where a finding of at least low stands behind them: much honest work is
/// sensitive and plenty. All as of `time`, the last finding's: what was told long before it counts
/// for less (see [`Best`]), and then makes nobody surer. A term without points is left out, unless
/// it says how far it got or how sure that is.
pub fn score(
    best: &BTreeMap<String, Best>,
    time: EventTime,
    scope: &Scope,
    stage: Option<Stage>,
) -> (u8, Severity, Vec<ScoreTerm>) {
    let mut ranked: Vec<(&str, u8)> =
        best.iter().map(|(name, best)| (name.as_str(), best.at(time))).collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let Some(&(strongest, strongest_score)) = ranked.first() else {
        return (0, Severity::Informational, Vec::new());
    };
    let told = |name: &str, score: u8| match best.get(name) {
        Some(best) if best.score > score => {
            let hours = time.since(best.time) / 3_600_000;
            format!("{name}, {} when it was told {hours} h before the last finding", best.score)
        }
        _ => name.to_owned(),
    };
    let found = f64::from(strongest_score);
    let mut terms = vec![term("found", found, told(strongest, strongest_score))];
    let mut doubt = 1.0 - f64::from(strongest_score) / 100.0;
    for (name, further) in &ranked[1..] {
        let before = doubt;
        doubt *= 1.0 - FURTHER_WEIGHT * f64::from(*further) / 100.0;
        terms.push(term("also found", (before - doubt) * 100.0, told(name, *further)));
    }
    if severity_of(strongest_score) >= Severity::Low {
        let tier = scope.tier_max();
        let sensitive = [0.0, 0.0, 2.0, 4.0][usize::from(tier.min(3))];
        terms.push(term("sensitive", sensitive, format!("most sensitive data touched is T{tier}")));
        let subjects = scope.subjects();
        let much = (2.0 * (subjects as f64 + 1.0).log10()).min(8.0);
        terms.push(term("how much", much, format!("{subjects} distinct subjects")));
        terms.push(stage_term(stage, tier > 0));
        let agreeing = ranked.iter().filter(|(_, score)| severity_of(*score) >= Severity::Low);
        let names: Vec<&str> = agreeing.map(|(name, _)| *name).collect();
        let sure = (names.len() as f64 - 1.0).min(SURE_MAX);
        let why = match names[..] {
            [one] => format!("{one} alone says at least low"),
            _ => format!("{} detectors say at least low: {}", names.len(), listed(&names)),
        };
        terms.push(term(SURE, sure, why));
    }
    terms.retain(|t| t.points >= 0.05 || [STAGE, SURE].contains(&t.term.as_str()));
    // The terms add up to the score: what would lead past 100 is cut off, and says so.
    let mut room = 100.0;
    for term in &mut terms {
        let whole = term.points;
        term.points = tenths(whole.min(room));
        room = tenths(room - term.points);
        if term.points < whole {
            term.why += &format!("; {whole} by itself, but a score ends at 100");
        }
    }
    let total = (100.0 - room).round() as u8;
    (total, severity_of(total), terms)
}

/// An outflow where nothing was read is told by its finding alone: it is the end of no road.
fn stage_term(stage: Option<Stage>, is_read: bool) -> ScoreTerm {
    let points = match stage {
        Some(Stage::Exfiltration) => 4.0,
        Some(Stage::Staging) => 2.0,
        Some(Stage::Collection | Stage::Reconnaissance) | None => 0.0,
    };
    match stage.map(Stage::name) {
        None => term(STAGE, 0.0, "no technique named".into()),
        Some(name) if points > 0.0 && !is_read => {
            term(STAGE, 0.0, format!("reached {name}, and nothing is known to have been read"))
        }
        Some(name) => term(STAGE, points, format!("reached {name}")),
    }
}

fn listed(names: &[&str]) -> String {
    let shown = &names[..names.len().min(LISTED_MAX)];
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn term(name: &str, points: f64, why: String) -> ScoreTerm {
    ScoreTerm { term: name.to_owned(), points: tenths(points), why }
}

fn tenths(points: f64) -> f64 {
    (points * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::model::{Entry, EntryKind, Source};

    /// Detectors as `name score@hour`; the score as of an hour.
    fn check(found: &str, hour: i64, expected: u8) {
        let at = |hour: i64| EventTime::default().plus_ms(hour * 3_600_000);
        let mut best: BTreeMap<String, Best> = BTreeMap::new();
        for finding in found.split("; ") {
            let (name, rest) = finding.split_once(' ').expect("a name");
            let (score, hour) = rest.split_once('@').expect("a score and an hour");
            let found = Best {
                score: score.parse().expect("a score"),
                time: at(hour.parse().expect("an hour")),
            };
            let new = best.get(name).map_or(found, |known| known.or(found));
            assert_eq!(new, best.get(name).map_or(found, |known| found.or(*known)), "{found:?}");
            best.insert(name.to_owned(), new);
        }
        let (score, severity, terms) = score(&best, at(hour), &Scope::new(10), None);
        assert_eq!(score, expected, "{found} at {hour}: {terms:?}");
        assert_eq!(severity, severity_of(score));
        let sum: f64 = terms.iter().map(|term| term.points).sum();
        assert!((sum - f64::from(score)).abs() <= 0.5, "{terms:?}");
    }

    #[test]
    fn what_was_found_counts_in_full_for_six_hours_and_half_each_six_after() {
        check("canary 80@0", 0, 80);
        check("canary 80@0", 6, 80);
        check("canary 80@0", 12, 40);
        check("canary 80@0", 18, 20);
    }

    #[test]
    fn a_weaker_finding_takes_over_once_it_counts_for_more() {
        check("bulk_read 80@0; bulk_read 50@5", 6, 80);
        check("bulk_read 80@0; bulk_read 50@12", 12, 50);
        check("bulk_read 50@12; bulk_read 80@0", 12, 50);
    }

    #[test]
    fn it_rises_again_with_what_is_found_anew() {
        check("canary 80@0; no_case 20@24", 24, 22);
        check("canary 80@0; no_case 20@24; canary 80@25", 25, 82);
    }

    /// One read of a record of T1.
    fn one_read() -> Scope {
        let mut scope = Scope::new(10);
        scope.take(&Entry {
            kind: EntryKind::Access,
            action: "read".into(),
            outcome: "allowed".into(),
            tier: 1,
            records: 1,
            ..Entry::at(Source::Monitor { monitor: "test".into() })
        });
        scope
    }

    /// Points of a term, and why. Detectors as name, score and hour.
    fn check_term(
        name: &str,
        found: &[(&str, u8, i64)],
        stage: Option<Stage>,
        scope: &Scope,
        told: (f64, &str),
    ) {
        let at = |hour: i64| EventTime::default().plus_ms(hour * 3_600_000);
        let best = |&(name, score, hour): &(&str, u8, i64)| {
            (name.to_owned(), Best { score, time: at(hour) })
        };
        let best: BTreeMap<String, Best> = found.iter().map(best).collect();
        let last = found.iter().map(|(_, _, hour)| *hour).max().unwrap_or(0);
        let (_, _, terms) = score(&best, at(last), scope, stage);
        let term = terms.iter().find(|term| term.term == name);
        let said = term.map_or((0.0, "(no such term)"), |term| (term.points, term.why.as_str()));
        assert_eq!(said, told, "{terms:?}");
    }

    #[test]
    fn the_stage_counts_from_staging_on_and_is_shown_before() {
        let check = |stage, told| {
            check_term("stage", &[("bulk_read", 50, 0)], stage, &one_read(), told);
        };
        check(Some(Stage::Exfiltration), (4.0, "reached exfiltration"));
        check(Some(Stage::Staging), (2.0, "reached staging"));
        check(Some(Stage::Collection), (0.0, "reached collection"));
        check(Some(Stage::Reconnaissance), (0.0, "reached reconnaissance"));
        check(None, (0.0, "no technique named"));
    }

    #[test]
    fn the_stage_counts_only_with_what_was_read_and_beside_a_finding_of_at_least_low() {
        let out = Some(Stage::Exfiltration);
        let why = "reached exfiltration, and nothing is known to have been read";
        check_term("stage", &[("egress", 78, 0)], out, &Scope::new(10), (0.0, why));
        check_term("stage", &[("egress", 19, 0)], out, &one_read(), (0.0, "(no such term)"));
    }

    #[test]
    fn it_is_surer_by_each_detector_that_agrees_until_that_fades() {
        let check = |found: &[_], told| {
            check_term("how sure", found, None, &Scope::new(10), told);
        };
        let (a, b, c, d) = (("a", 50, 0), ("b", 20, 0), ("c", 19, 0), ("d", 90, 0));
        check(&[a, c], (0.0, "a alone says at least low"));
        check(&[a, b, c], (1.0, "2 detectors say at least low: a, b"));
        check(&[a, b, d], (2.0, "3 detectors say at least low: d, a, b"));
        check(&[a, b, d, ("e", 40, 0)], (2.0, "4 detectors say at least low: d, a, e, b"));
        check(&[b, ("a", 50, 12)], (0.0, "a alone says at least low"));
    }
}
