//! Opening, and the small questions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlitePool};

use crate::engine::model::{Finding, Incident};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot make {}: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("cannot open the store {}: {source}", path.display())]
    Open { path: PathBuf, source: sqlx::Error },
    #[error("the store {} was written by another version: {source}", path.display())]
    Migrate { path: PathBuf, source: sqlx::migrate::MigrateError },
    #[error("another correlator has taken over")]
    Superseded,
    #[error("the store: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("the store holds a body that does not read back: {0}")]
    Body(#[from] serde_json::Error),
}

/// Connections that read while the correlator writes.
const READERS_MAX: u32 = 4;

/// A handle; clones share the connections.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) pool: SqlitePool,
}

/// What has changed since a revision, for the live stream.
#[derive(Debug, Default)]
pub struct Changes {
    /// The newest revision told.
    pub revision: i64,
    pub incidents: Vec<Incident>,
    pub findings: Vec<Finding>,
}

/// Revisions told at once, each one batch of the correlator; the rest follow at the next look.
const REVISIONS_MAX: i64 = 50;

impl Store {
    /// Opens or makes the file, and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        }
        // Who read what and when is nobody else's business on this machine.
        let made = |path: &Path| {
            use std::os::unix::fs::OpenOptionsExt;
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create(true).truncate(false).mode(0o600).open(path);
            file.map_err(|source| StoreError::Folder { path: path.to_owned(), source })
        };
        made(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With WAL, a crash of the process loses nothing; a power cut may lose the last
            // transaction, positions included, which is then done again.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS_MAX + 1)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        // SQLite has no lock of its own for this, and several processes may start at once.
        let beside = lock_path(path);
        let lock = made(&beside)?;
        lock.lock().map_err(|source| StoreError::Folder { path: beside, source })?;
        sqlx::migrate!("src/adapters/store/migrations")
            .run(&pool)
            .await
            .map_err(|source| StoreError::Migrate { path: path.to_owned(), source })?;
        drop(lock);
        Ok(Self { pool })
    }

    /// The newest revision.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        let row = sqlx::query(
            "SELECT MAX(COALESCE((SELECT MAX(revision) FROM incidents), 0),
                        COALESCE((SELECT MAX(revision) FROM findings), 0)) AS revision",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get("revision")?)
    }

    /// Incidents and findings stored after `revision`, oldest first.
    pub async fn changes(&self, revision: i64) -> Result<Changes, StoreError> {
        let newest = self.revision().await?.min(revision.saturating_add(REVISIONS_MAX));
        let mut changes = Changes { revision: newest, ..Changes::default() };
        if newest <= revision {
            return Ok(changes);
        }
        for (sql, findings) in [
            (
                "SELECT body, revision FROM incidents WHERE revision > $1 AND revision <= $2 ORDER BY revision",
                false,
            ),
            (
                "SELECT body, revision FROM findings WHERE revision > $1 AND revision <= $2 ORDER BY revision",
                true,
            ),
        ] {
            let rows = sqlx::query(sql).bind(revision).bind(newest).fetch_all(&self.pool).await?;
            for row in rows {
                let body: &str = row.try_get("body")?;
                if findings {
                    changes.findings.push(serde_json::from_str(body)?);
                } else {
                    changes.incidents.push(serde_json::from_str(body)?);
                }
            }
        }
        Ok(changes)
    }

    /// Incidents at hand by severity (medium, high, critical) and signals:
    /// `[signals, medium, high, critical]`.
    pub async fn open_counts(&self) -> Result<[u64; 4], StoreError> {
        let rows = sqlx::query(
            "SELECT status, severity, COUNT(*) AS n FROM incidents
             WHERE status IN ('open', 'signal') GROUP BY status, severity",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut counts = [0; 4];
        for row in rows {
            let (status, severity): (&str, i64) =
                (row.try_get("status")?, row.try_get("severity")?);
            let n: i64 = row.try_get("n")?;
            let place = match (status, severity) {
                ("signal", _) => 0,
                (_, 4..) => 3,
                (_, 3) => 2,
                _ => 1,
            };
            counts[place] += n as u64;
        }
        Ok(counts)
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Held while the schema is brought up to date.
fn lock_path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}
