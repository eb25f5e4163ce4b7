//! The alert budget as people set it, and the acts that did.

use sqlx::Row;

use super::acts::{next_number, put_act};
use super::{Store, StoreError};
use crate::engine::cases::{Act, Recorded};
use crate::engine::model::EventTime;

/// Name of the row.
const BUDGET: &str = "budget";

/// The budget as last set through the API.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptBudget {
    /// None where the configuration's value counts again.
    pub budget: Option<f64>,
    pub changed: EventTime,
    pub by: String,
    /// Whether the detectors' topic has it as it is.
    pub published: bool,
}

impl Store {
    /// Sets the budget, with the act that says who did and why. `before` is what it was.
    pub async fn set_budget(
        &self,
        budget: Option<f64>,
        (before, reason): (f64, &str),
        by: &str,
        now: EventTime,
    ) -> Result<KeptBudget, StoreError> {
        let mut tx = self.begin().await?;
        let number = next_number(&mut tx).await?;
        sqlx::query(
            "INSERT INTO settings (name, value, changed, who, published)
             VALUES ($1, $2, $3, $4, 0)
             ON CONFLICT (name) DO UPDATE SET
                value = excluded.value, changed = excluded.changed,
                who = excluded.who, published = 0",
        )
        .bind(BUDGET)
        .bind(serde_json::to_string(&budget)?)
        .bind(now.millis())
        .bind(by)
        .execute(&mut *tx)
        .await?;
        let reason = reason.to_owned();
        let act = Act::SetBudget { before, budget, reason };
        let (by, time) = (by.to_owned(), now);
        let said = Recorded { number, incident: None, origin: None, time, by: by.clone(), act };
        put_act(&mut tx, &said).await?;
        tx.commit().await?;
        Ok(KeptBudget { budget, changed: now, by, published: false })
    }

    /// None where it was never set.
    pub async fn budget(&self) -> Result<Option<KeptBudget>, StoreError> {
        let row =
            sqlx::query("SELECT value, changed, who, published FROM settings WHERE name = $1")
                .bind(BUDGET)
                .fetch_optional(&self.pool)
                .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(KeptBudget {
            budget: serde_json::from_str(row.try_get("value")?)?,
            changed: EventTime::from_millis(row.try_get("changed")?).unwrap_or_default(),
            by: row.try_get("who")?,
            published: row.try_get::<i64, _>("published")? != 0,
        }))
    }

    /// The broker has this one; one set since then is told again.
    pub async fn budget_published(&self, told: &KeptBudget) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE settings SET published = 1 WHERE name = $1 AND value = $2 AND changed = $3",
        )
        .bind(BUDGET)
        .bind(serde_json::to_string(&told.budget)?)
        .bind(told.changed.millis())
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
