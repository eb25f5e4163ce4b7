//! An incident's entries in the story's order, however many there are.

use std::io;

use sqlx::Row;
use tokio::sync::mpsc;

use super::sql::Sql;
use super::{Store, StoreError};
use crate::engine::model::{Entry, EventTime};
use crate::engine::timeline::sort;

/// Entries read at once.
const PAGE: i64 = 2_000;
/// Pages read ahead of whoever takes them.
const AHEAD: usize = 4;

/// Which entries: from the first instant on, and before the second.
pub type Span = (Option<EventTime>, Option<EventTime>);

/// Entries on their way to a thread that may wait for them. Whoever drops it ends the reading.
pub struct Story {
    pages: mpsc::Receiver<Result<Vec<Entry>, StoreError>>,
    page: std::vec::IntoIter<Entry>,
}

impl Iterator for Story {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.page.next() {
                return Some(Ok(entry));
            }
            match self.pages.blocking_recv()? {
                Ok(page) => self.page = page.into_iter(),
                Err(error) => return Some(Err(io::Error::other(error))),
            }
        }
    }
}

impl Store {
    /// The incident's stored entries within `span`, and `more` among them, in the story's order.
    /// Read page by page by a task of the runtime this is called on.
    pub fn story(&self, incident: &str, more: Vec<Entry>, span: Span) -> Story {
        let (to, pages) = mpsc::channel(AHEAD);
        let (store, incident) = (self.clone(), incident.to_owned());
        tokio::spawn(async move {
            if let Err(error) = store.send_story(&incident, more, span, &to).await {
                // Nobody takes it any more.
                let _ = to.send(Err(error)).await;
            }
        });
        Story { pages, page: Vec::new().into_iter() }
    }

    /// How many entries of the incident are stored.
    pub async fn entry_count(&self, incident: &str) -> Result<u64, StoreError> {
        let mut query = Sql::new("SELECT COUNT(*) FROM entries WHERE incident = ");
        query.bind(incident.to_owned());
        let rows = query.rows(&self.pool).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn send_story(
        &self,
        incident: &str,
        more: Vec<Entry>,
        span: Span,
        to: &mpsc::Sender<Result<Vec<Entry>, StoreError>>,
    ) -> Result<(), StoreError> {
        let (from, before) = span;
        let inside = |entry: &Entry| {
            from.is_none_or(|from| entry.time >= from) && before.is_none_or(|to| entry.time < to)
        };
        let mut held: Vec<Entry> = more.into_iter().filter(inside).collect();
        let mut after = (from.map_or(i64::MIN, EventTime::millis), i64::MIN);
        loop {
            let rows = self.entries_after(incident, after, before).await?;
            let full = rows.len() as i64 == PAGE;
            for (number, entry) in rows {
                after = (entry.time.millis(), number);
                held.push(entry);
            }
            // Of the last millisecond there may be more.
            let rest = match full {
                true => held.extract_if(.., |entry| entry.time.millis() >= after.0).collect(),
                false => Vec::new(),
            };
            let mut page = std::mem::replace(&mut held, rest);
            sort(&mut page);
            if to.send(Ok(page)).await.is_err() || !full {
                return Ok(());
            }
        }
    }

    async fn entries_after(
        &self,
        incident: &str,
        (time, number): (i64, i64),
        before: Option<EventTime>,
    ) -> Result<Vec<(i64, Entry)>, StoreError> {
        let mut query = Sql::new("SELECT number, body FROM entries WHERE incident = ");
        query.bind(incident.to_owned()).push(" AND (time, number) > (");
        query.bind(time).push(", ").bind(number).push(")");
        if let Some(before) = before {
            query.push(" AND time < ").bind(before.millis());
        }
        query.push(" ORDER BY time, number LIMIT ").bind(PAGE);
        let rows = query.rows(&self.pool).await?;
        let read = rows
            .iter()
            .map(|row| Ok((row.try_get("number")?, serde_json::from_str(row.try_get("body")?)?)));
        read.collect()
    }
}
