//! PostgreSQL for the tests: the real server, one for the test process, a database for each test.
//!
//! It listens on a socket in a temporary folder only, asks for its password, and ends with the
//! test process, however that ends: a shell that holds the other end of a pipe sees to it. Another,
//! for the test that wants it, is reached over TCP and TLS alone.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tidewaiter::adapters::secrets::Secret;
use tidewaiter::adapters::store::Store;

use crate::broker::TlsFiles;
use crate::monitor::until;

pub const PASSWORD: &str = "high-tide-4711";

/// The port of the socket's name, where nothing listens on TCP.
const PORT: u16 = 5_432;
const NOBODY: u32 = 65_534;

struct Server {
    folder: PathBuf,
    port: u16,
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
        let folder = &SERVER.get_or_init(|| Server::start(PORT, None)).folder;
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let made = client("createdb", folder, PORT).arg(&name).output().unwrap();
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
        let asked =
            client("psql", self.folder, PORT).args(["-c", &sql, "postgres"]).output().unwrap();
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

/// A server that is reached over TCP, and there over TLS alone.
pub struct TlsServer {
    server: Server,
    pub ca: PathBuf,
    pub stranger_ca: PathBuf,
}

impl TlsServer {
    pub fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::Builder::new().prefix("pg-tls").tempdir().unwrap().keep();
        let files = TlsFiles::generate(&folder).unwrap();
        let server = Server::start(free, Some(&folder));
        Self { server, ca: files.ca, stranger_ca: files.stranger_ca }
    }

    /// The URL of its one database.
    pub fn url(&self, tls: &str) -> String {
        format!("postgres://tidewaiter@127.0.0.1:{}/postgres?{tls}", self.server.port)
    }
}

impl Server {
    /// `tls` is a folder with `node.key` and `node.pem`.
    fn start(port: u16, tls: Option<&Path>) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap().keep();
        let password = folder.join("password");
        fs::write(&password, PASSWORD).unwrap();
        // `initdb` refuses root.
        let root = fs::metadata("/proc/self").unwrap().uid() == 0;
        if root {
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
        let mut options = vec!["listen_addresses=".to_owned()];
        if let Some(tls) = tls {
            let (key, certificate) = (folder.join("node.key"), folder.join("node.pem"));
            fs::copy(tls.join("node.key"), &key).unwrap();
            fs::copy(tls.join("node.pem"), &certificate).unwrap();
            fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
            if root {
                chown(&key, Some(NOBODY), Some(NOBODY)).unwrap();
                chown(&certificate, Some(NOBODY), Some(NOBODY)).unwrap();
            }
            let who = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
            fs::write(folder.join("data/pg_hba.conf"), who).unwrap();
            options = vec![
                "listen_addresses=127.0.0.1".to_owned(),
                "ssl=on".to_owned(),
                format!("ssl_key_file={}", key.display()),
                format!("ssl_cert_file={}", certificate.display()),
            ];
        }
        let options = options.iter().flat_map(|option| ["-c", option.as_str()]);
        let script = r#"
            folder=$1 postgres=$2 port=$3
            shift 3
            "$postgres" -D "$folder/data" -k "$folder" -p "$port" -c fsync=off "$@" >"$folder/log" 2>&1 &
            server=$!
            read -r _
            kill -QUIT $server
            wait $server
            cd / && rm -rf "$folder""#;
        let shell = command(Path::new("sh"))
            .args(["-c", script, "sh"])
            .arg(&folder)
            .arg(program("postgres"))
            .arg(port.to_string())
            .args(options)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        until("PostgreSQL", || {
            let asked = client("psql", &folder, port).args(["-c", "SELECT 1", "postgres"]).output();
            let asked = asked.map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&asked.stderr).into_owned();
            if asked.status.success() { Ok(()) } else { Err(said) }
        });
        Self { folder, port, _shell: shell }
    }
}

fn client(name: &str, folder: &Path, port: u16) -> Command {
    let mut command = Command::new(program(name));
    command.arg("-h").arg(folder).args(["-U", "tidewaiter"]).env("PGPASSWORD", PASSWORD);
    command.env("PGPORT", port.to_string());
    command
}

/// Debian keeps the server's programs apart, by version.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name));
    found.filter(|path| path.exists()).max().unwrap_or_else(|| PathBuf::from(name))
}
