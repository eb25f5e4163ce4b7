//! Who writes: the one correlator that took office last.

use sqlx::{Any, Row, Transaction};

use super::{Store, StoreError};

/// A correlator's right to write. Whoever takes office later ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Office(i64);

impl Store {
    /// From now on whoever held office before can write no more.
    pub async fn take_office(&self) -> Result<Office, StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE office SET number = number + 1").execute(&mut *tx).await?;
        let number = number(&mut tx).await?;
        tx.commit().await?;
        Ok(Office(number))
    }

    /// A transaction that writes by this right; fails where another correlator has taken office since.
    pub(super) async fn begin_in(
        &self,
        office: Office,
    ) -> Result<Transaction<'static, Any>, StoreError> {
        let mut tx = self.begin().await?;
        if number(&mut tx).await? == office.0 { Ok(tx) } else { Err(StoreError::Superseded) }
    }
}

async fn number(tx: &mut Transaction<'_, Any>) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT number FROM office").fetch_one(&mut **tx).await?;
    Ok(row.try_get("number")?)
}
