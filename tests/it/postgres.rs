//! PostgreSQL for the tests: the real server, one for the test process, a database for each test.
//!
//! It listens on a socket in a temporary folder only, asks for its password, and ends with the
//! test process, however that ends: a shell that holds the other end of a pipe sees to it.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tidewaiter::adapters::secrets::Secret;
use tidewaiter::adapters::store::Store;

use crate::monitor::until;

pub const PASSWORD: &str = "high-tide-4711";

struct Server {
    folder: PathBuf,
    /// Its end of the pipe keeps the server going.
    _shell: Child,
}

/// A database of its own.
pub struct Database {
    pub url: String,
    name: String,
    folder: &'static Path,
}

impl Database {
    pub fn new() -> Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = &SERVER.get_or_init(Server::start).folder;
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let made = client("createdb", folder).arg(&name).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let url = format!("postgres://tidewaiter@localhost/{name}?host={}", folder.display());
        Self { url, name, folder }
    }

    /// Ends every connection to the database, and lets none in until it is `back`.
    pub fn goes_away(&self) {
        self.ask("ALTER DATABASE {} ALLOW_CONNECTIONS false");
        self.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'");
    }

    pub fn back(&self) {
        self.ask("ALTER DATABASE {} ALLOW_CONNECTIONS true");
    }

    fn ask(&self, sql: &str) {
        let sql = sql.replace("{}", &self.name);
        let asked = client("psql", self.folder).args(["-c", &sql, "postgres"]).output().unwrap();
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    }

    /// What goes below `[store]`.
    pub fn section(&self) -> String {
        let password = self.folder.join("password");
        format!("url = \"{}\"\npassword = {{ file = \"{}\" }}", self.url, password.display())
    }

    pub async fn open(&self) -> Store {
        Store::connect(&self.url, Some(&Secret::new(PASSWORD.into()))).await.unwrap()
    }
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap().keep();
        let password = folder.join("password");
        fs::write(&password, PASSWORD).unwrap();
        // `initdb` refuses root.
        let root = fs::metadata("/proc/self").unwrap().uid() == 0;
        if root {
            const NOBODY: u32 = 65_534;
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
            chown(&password, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let command = |program: &Path| match root {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        let made = command(&program("initdb"))
            .args(["-U", "tidewaiter", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync", "-D"])
            .arg(folder.join("data"))
            .arg(format!("--pwfile={}", password.display()))
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let script = r#"
            "$2" -D "$1/data" -k "$1" -c listen_addresses= -c fsync=off >"$1/log" 2>&1 &
            server=$!
            read -r _
            kill -QUIT $server
            wait $server
            cd / && rm -rf "$1""#;
        let shell = command(Path::new("sh"))
            .args(["-c", script, "sh"])
            .arg(&folder)
            .arg(program("postgres"))
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        until("PostgreSQL", || {
            let asked = client("psql", &folder).args(["-c", "SELECT 1", "postgres"]).output();
            let asked = asked.map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&asked.stderr).into_owned();
            if asked.status.success() { Ok(()) } else { Err(said) }
        });
        Self { folder, _shell: shell }
    }
}

fn client(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(program(name));
    command.arg("-h").arg(folder).args(["-U", "tidewaiter"]).env("PGPASSWORD", PASSWORD);
    command
}

/// Debian keeps the server's programs apart, by version.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name));
    found.filter(|path| path.exists()).max().unwrap_or_else(|| PathBuf::from(name))
}
