//! Reads by category and hour, and what is usual for such an hour.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::acts::Tx;
use super::sql::{Sql, text};
use super::{Store, StoreError};
use crate::engine::model::EventTime;
use crate::engine::shard;

const HOUR_MS: i64 = 3_600_000;
const DAY_H: i64 = 24;
const WEEK_H: i64 = 168;
/// Weeks of which the same hour tells what is usual; and days, where too few weeks are known.
const WEEKS: i64 = 4;
const WEEKS_MIN: usize = 2;
const DAYS: i64 = 14;
/// Hours kept.
const KEPT_H: i64 = (WEEKS + 1) * WEEK_H;

/// Reads of one category in one hour, told when event time had got to `upto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadsTold {
    pub upto: EventTime,
    pub reads: shard::HourReads,
}

/// The hour of event time that goes on, beside such hours before it.
#[derive(Clone, Debug, PartialEq)]
pub struct HourReads {
    pub start: EventTime,
    /// How much of it has passed, 0 to 1.
    pub elapsed: f64,
    /// What `usual` is the median of: hours of the same hour of the `week`, or of the `day`.
    pub basis: &'static str,
    /// How many such hours are known; 0 while there is nothing to compare with.
    pub known: u64,
    pub categories: Vec<CategoryHour>,
}

/// By how much is read, the most first.
#[derive(Clone, Debug, PartialEq)]
pub struct CategoryHour {
    pub category: String,
    /// In this hour so far.
    pub reads: u64,
    /// In such an hour as a whole; null where none is known.
    pub usual: Option<f64>,
}

/// Reads by hour, then category.
type Hours = BTreeMap<i64, BTreeMap<String, u64>>;

pub(super) async fn put(tx: &mut Tx<'_>, told: &[ReadsTold]) -> Result<(), StoreError> {
    for one in told {
        sqlx::query(
            "INSERT INTO reads (hour, category, reads, upto) VALUES ($1, $2, $3, $4)
             ON CONFLICT (hour, category) DO UPDATE SET reads = reads.reads + excluded.reads,
             upto = CASE WHEN excluded.upto > reads.upto THEN excluded.upto ELSE reads.upto END",
        )
        .bind(one.reads.hour)
        .bind(text(&one.reads.category))
        .bind(i64::try_from(one.reads.reads).unwrap_or(i64::MAX))
        .bind(one.upto.millis().min((one.reads.hour + 1).saturating_mul(HOUR_MS)))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

impl Store {
    /// The newest hour in which anything was read; none before the first.
    pub async fn hour_reads(&self) -> Result<Option<HourReads>, StoreError> {
        let newest =
            sqlx::query("SELECT hour, upto FROM reads ORDER BY hour DESC, upto DESC LIMIT 1")
                .fetch_optional(&self.pool)
                .await?;
        let Some(newest) = newest else { return Ok(None) };
        let (hour, upto): (i64, i64) = (newest.try_get("hour")?, newest.try_get("upto")?);
        let mut query = Sql::new("SELECT hour, category, reads FROM reads WHERE hour IN (");
        let weeks = (0..=WEEKS).map(|n| hour - n * WEEK_H);
        query.list(weeks.chain((1..=DAYS).map(|n| hour - n * DAY_H))).push(")");
        let mut hours = Hours::new();
        for row in query.rows(&self.pool).await? {
            let (at, category, reads) = read(&row)?;
            hours.entry(at).or_default().insert(category, reads);
        }
        Ok(Some(beside_usual(hour, upto, &hours)))
    }

    /// Deletes what no hour from now on is compared with.
    pub async fn forget_hours(&self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM reads WHERE hour < (SELECT MAX(hour) FROM reads) - $1")
            .bind(KEPT_H)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn read(row: &AnyRow) -> Result<(i64, String, u64), sqlx::Error> {
    let reads: i64 = row.try_get("reads")?;
    Ok((row.try_get("hour")?, row.try_get("category")?, u64::try_from(reads).unwrap_or(0)))
}

/// An hour of which nothing at all is known was not watched, and counts for nothing; a category
/// that is missing from one that was watched was not read.
fn beside_usual(hour: i64, upto: i64, hours: &Hours) -> HourReads {
    let known = |step: i64, count: i64| -> Vec<&BTreeMap<String, u64>> {
        (1..=count).filter_map(|n| hours.get(&(hour - n * step))).collect()
    };
    let weeks = known(WEEK_H, WEEKS);
    let (basis, like) =
        if weeks.len() >= WEEKS_MIN { ("week", weeks) } else { ("day", known(DAY_H, DAYS)) };
    let nothing = BTreeMap::new();
    let now = hours.get(&hour).unwrap_or(&nothing);
    let mut names: Vec<&String> = now.keys().collect();
    names.extend(like.iter().flat_map(|one| one.keys()));
    names.sort_unstable();
    names.dedup();
    let mut categories: Vec<CategoryHour> = names
        .into_iter()
        .map(|name| {
            let of = |one: &&BTreeMap<String, u64>| one.get(name).copied().unwrap_or(0);
            let usual = median(like.iter().map(of).collect());
            CategoryHour { category: name.clone(), reads: of(&now), usual }
        })
        .collect();
    categories.sort_by_key(|one| std::cmp::Reverse(one.reads));
    let passed = (upto - hour * HOUR_MS) as f64 / HOUR_MS as f64;
    HourReads {
        start: EventTime::from_millis(hour * HOUR_MS).unwrap_or_default(),
        elapsed: passed.clamp(0.0, 1.0),
        basis,
        known: like.len() as u64,
        categories,
    }
}

fn median(mut values: Vec<u64>) -> Option<f64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    let upper = *values.get(middle)? as f64;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some((values[middle - 1] as f64 + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each hour before the one at hand as `hours ago: reads of travel`; then reads of it, what is
    /// usual, of what and of how many.
    fn check(before: &[(i64, u64)], expected: (Option<f64>, &str, u64)) {
        let hour = 500_000;
        let travel = |reads| BTreeMap::from([("travel".to_owned(), reads)]);
        let mut hours: Hours = before.iter().map(|&(ago, n)| (hour - ago, travel(n))).collect();
        hours.insert(hour, travel(7));
        let told = beside_usual(hour, hour * HOUR_MS + HOUR_MS / 4, &hours);
        let CategoryHour { reads, usual, .. } = told.categories[0];
        assert_eq!((reads, told.elapsed), (7, 0.25));
        assert_eq!((usual, told.basis, told.known), expected, "{before:?}");
    }

    #[test]
    fn the_same_hour_of_the_week_tells_what_is_usual_or_else_of_the_day() {
        check(&[], (None, "day", 0));
        check(&[(1, 9), (2, 9)], (None, "day", 0));
        check(&[(24, 10)], (Some(10.0), "day", 1));
        check(&[(24, 10), (48, 20)], (Some(15.0), "day", 2));
        check(&[(24, 10), (168, 90)], (Some(50.0), "day", 2));
        check(&[(24, 10), (168, 90), (336, 70)], (Some(80.0), "week", 2));
        check(&[(168, 90), (336, 70), (504, 1), (672, 75), (840, 9)], (Some(72.5), "week", 4));
    }

    #[test]
    fn what_is_not_read_any_more_is_shown_as_none() {
        let yesterday = BTreeMap::from([("travel".to_owned(), 5), ("security".to_owned(), 3)]);
        let now = BTreeMap::from([("travel".to_owned(), 4)]);
        let told = beside_usual(100, 100 * HOUR_MS, &BTreeMap::from([(76, yesterday), (100, now)]));
        let shown: Vec<_> =
            told.categories.iter().map(|c| (c.category.as_str(), c.reads, c.usual)).collect();
        assert_eq!(shown, [("travel", 4, Some(5.0)), ("security", 0, Some(3.0))]);
    }

    #[tokio::test]
    async fn reads_add_up_by_hour_and_are_forgotten_after_five_weeks() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("test.db")).await.expect("a store");
        assert_eq!(store.hour_reads().await.expect("read"), None);
        let office = store.take_office().await.expect("in office");
        let told = |minutes: i64, before: i64, reads| ReadsTold {
            upto: EventTime::from_millis(500_000 * HOUR_MS + minutes * 60_000).expect("a time"),
            reads: shard::HourReads { hour: 500_000 - before, category: "travel".into(), reads },
        };
        for reads in [
            vec![told(-60, 24 * 40, 99), told(-60, 24, 8)],
            vec![told(10, 0, 3), told(30, 0, 4)],
            vec![told(20, 0, 5)],
        ] {
            let batch = super::super::StoreBatch { reads, ..Default::default() };
            assert!(!batch.is_empty());
            store.apply(&batch, office).await.expect("applied");
        }
        store.forget_hours().await.expect("forgotten");
        let hour = store.hour_reads().await.expect("read").expect("an hour");
        assert_eq!((hour.elapsed, hour.known), (0.5, 1));
        let CategoryHour { reads, usual, .. } = hour.categories[0];
        assert_eq!((reads, usual), (12, Some(8.0)));
        let left =
            sqlx::query("SELECT hour FROM reads").fetch_all(&store.pool).await.expect("rows");
        assert_eq!(left.len(), 2);
    }
}
