//! Opening, and the small questions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::MigrateError;
use sqlx::{Any, AnyPool, Executor, Row, Transaction};

use crate::adapters::secrets::Secret;
use crate::engine::model::{Finding, Incident};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot make {}: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("cannot open the store {place}: {source}")]
    Open { place: String, source: sqlx::Error },
    #[error("the store {place} was written by another version: {source}")]
    Migrate { place: String, source: MigrateError },
    #[error("another correlator has taken over")]
    Superseded,
    #[error("the store: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("the store holds a body that does not read back: {0}")]
    Body(#[from] serde_json::Error),
}

impl StoreError {
    /// Whether SQLite's one writer had its turn for longer than anybody waits for it.
    pub fn is_busy(&self) -> bool {
        // SQLITE_BUSY, and extended: 5 in the lower byte.
        let is_busy = |code: &str| code.parse::<u32>().is_ok_and(|code| code & 0xFF == 5);
        match self {
            Self::Sql(sqlx::Error::Database(error)) => {
                error.message().contains("locked")
                    && error.code().is_some_and(|code| is_busy(&code))
            }
            _ => false,
        }
    }

    /// Whether the database is away, rather than wrong: it may be back at the next attempt.
    pub fn is_away(&self) -> bool {
        let source = match self {
            Self::Open { source, .. } | Self::Sql(source) => source,
            Self::Migrate { source: MigrateError::Execute(source), .. } => source,
            _ => return false,
        };
        match source {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
            // Classes 08 (connection), 53 (resources) and 57 (shut down, starting up).
            sqlx::Error::Database(error) => error
                .code()
                .is_some_and(|code| ["08", "53", "57"].iter().any(|c| code.starts_with(c))),
            _ => false,
        }
    }
}

/// Connections that read while the correlator writes.
const READERS_MAX: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A handle; clones share the connections.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) pool: AnyPool,
    pub(super) kind: Kind,
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
        sqlx::any::install_default_drivers();
        let place = path.display().to_string();
        let whole = path
            .canonicalize()
            .map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
        let options = options(&format!("sqlite://{}?mode=rwc", escaped(&whole)), &place)?;
        let pool = AnyPoolOptions::new()
            .max_connections(READERS_MAX + 1)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // With WAL, a crash of the process loses nothing; a power cut may lose the
                    // last transaction, positions included, which is then done again. A page that
                    // changes over and over is copied into the file once in 16 MB.
                    connection
                        .execute(
                            "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL;
                             PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
                             PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4096;",
                        )
                        .await
                        .map(drop)
                })
            })
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open { place: place.clone(), source })?;
        // SQLite has no lock of its own for this, and several processes may start at once.
        let beside = lock_path(path);
        let lock = made(&beside)?;
        lock.lock().map_err(|source| StoreError::Folder { path: beside, source })?;
        sqlx::migrate!("src/adapters/store/migrations")
            .run(&pool)
            .await
            .map_err(|source| StoreError::Migrate { place, source })?;
        drop(lock);
        Ok(Self { pool, kind: Kind::Sqlite })
    }

    /// Connects to PostgreSQL and brings the schema up to date, under the database's own lock.
    /// `url` holds no password, so that it can be told.
    pub async fn connect(url: &str, password: Option<&Secret>) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let mut options = options(url, url)?;
        if let Some(password) = password {
            let refused = || sqlx::Error::Configuration("the URL takes no password".into());
            options
                .database_url
                .set_password(Some(&password.text()))
                .map_err(|()| StoreError::Open { place: url.to_owned(), source: refused() })?;
        }
        let pool = AnyPoolOptions::new()
            .max_connections(READERS_MAX + 1)
            .acquire_timeout(CONNECT_MAX)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open { place: url.to_owned(), source })?;
        sqlx::migrate!("src/adapters/store/migrations_postgres")
            .run(&pool)
            .await
            .map_err(|source| StoreError::Migrate { place: url.to_owned(), source })?;
        Ok(Self { pool, kind: Kind::Postgres })
    }

    /// A transaction that writes. One at a time, whichever process: on SQLite by the file's lock,
    /// on PostgreSQL by the lock of the office's row. So whoever has passed the office's check
    /// stays in office until it commits, and revisions become visible in their order.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        match self.kind {
            Kind::Sqlite => Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?),
            Kind::Postgres => {
                let mut tx = self.pool.begin().await?;
                sqlx::query("SELECT number FROM office FOR UPDATE").fetch_one(&mut *tx).await?;
                Ok(tx)
            }
        }
    }

    /// The newest revision.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        newest_revision(&self.pool).await
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

pub(super) async fn newest_revision<'c>(
    on: impl Executor<'c, Database = Any>,
) -> Result<i64, StoreError> {
    let row = sqlx::query(
        "SELECT COALESCE(MAX(newest), 0) AS revision FROM (
             SELECT MAX(revision) AS newest FROM incidents
             UNION ALL SELECT MAX(revision) FROM findings) AS tables",
    )
    .fetch_one(on)
    .await?;
    Ok(row.try_get("revision")?)
}

fn options(url: &str, place: &str) -> Result<AnyConnectOptions, StoreError> {
    url.parse().map_err(|source| StoreError::Open { place: place.to_owned(), source })
}

/// A path as it stands in a URL.
fn escaped(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes().iter();
    bytes
        .map(|&byte| match byte {
            b'/' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Held while the schema is brought up to date.
fn lock_path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}
