//! The real binary as a process, and waiting for what it does.
//!
//! Nothing here waits a fixed time: a condition is looked at until it holds or its deadline is
//! over. A monitor that goes out of scope is killed.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub const BINARY: &str = env!("CARGO_BIN_EXE_tidewaiter");

/// Usually a second or two; a loaded machine may need many times that.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until `condition` gives something; fails with `what` and the last complaint when the
/// deadline is over.
#[track_caller]
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match condition() {
            Ok(value) => return value,
            Err(complaint) if Instant::now() >= deadline => {
                panic!("{what}: not within {} s: {complaint}", DEADLINE.as_secs())
            }
            Err(_) => thread::park_timeout(LOOK_EVERY),
        }
    }
}

/// Runs a command of the binary to its end.
pub fn tidewaiter<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    Command::new(BINARY).args(arguments).output().expect("the binary starts")
}

/// As [`tidewaiter`], and it must end well; its stdout.
#[track_caller]
pub fn succeed<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> String {
    let output = tidewaiter(arguments);
    assert!(
        output.status.success(),
        "ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("stdout is UTF-8")
}

/// A running `tidewaiter run`.
pub struct Monitor {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    follower: Option<JoinHandle<()>>,
}

impl Monitor {
    pub fn start(config: &Path) -> Self {
        Self::start_with(config, &[])
    }

    /// The correlator and the console in a process of their own, once it works.
    #[track_caller]
    pub fn start_server(config: &Path) -> Self {
        let mut server = Self::start_with(config, &["--roles", "correlate,serve"]);
        server.says("correlator started");
        server
    }

    /// A detector in a process of its own, once it has partitions.
    #[track_caller]
    pub fn start_detector(config: &Path) -> Self {
        let mut detector = Self::start_with(config, &["--roles", "detect"]);
        detector.says("partitions assigned");
        detector
    }

    /// With further arguments.
    pub fn start_with(config: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(BINARY)
            .args(["run", "-c"])
            .arg(config)
            .args(arguments)
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        let follower = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { child, log, follower: Some(follower) }
    }

    /// Everything said so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a log line that holds `words`, and returns it. The process must live meanwhile.
    #[track_caller]
    pub fn says(&mut self, words: &str) -> String {
        self.says_after(0, words)
    }

    /// The same, passing over the first `lines` of the log.
    #[track_caller]
    pub fn says_after(&mut self, lines: usize, words: &str) -> String {
        until(&format!("a log line with `{words}`"), || {
            let log = self.log();
            if let Some(line) = log.iter().skip(lines).find(|line| line.contains(words)) {
                return Ok(line.clone());
            }
            self.assert_alive();
            Err(log.join("\n"))
        })
    }

    /// Asks its HTTP server; status and body.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> (u16, String) {
        self.ask("GET", path, "")
    }

    /// Sends JSON to its HTTP server; status and body.
    #[track_caller]
    pub fn post(&mut self, path: &str, body: &serde_json::Value) -> (u16, String) {
        self.ask("POST", path, &body.to_string())
    }

    /// The same with another method.
    #[track_caller]
    pub fn put(&mut self, path: &str, body: &serde_json::Value) -> (u16, String) {
        self.ask("PUT", path, &body.to_string())
    }

    #[track_caller]
    fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let line = self.says("console at http://");
        let (_, address) = line.split_once("console at http://").unwrap();
        let address = &address[..address.find('/').unwrap()];
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        // HTTP/1.0: the answer comes whole, and its end is the end of the connection.
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        write!(
            connection,
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    #[track_caller]
    pub fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().expect("the process can be asked") {
            panic!("the monitor ended with {status}:\n{}", self.log().join("\n"));
        }
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub fn stop(self) -> (ExitStatus, Vec<String>) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status();
        assert!(sent.expect("sh runs").success(), "no process {pid}");
        self.ended()
    }

    /// As [`Self::stop`], and it must end well.
    #[track_caller]
    pub fn stop_well(self) -> Vec<String> {
        let (status, log) = self.stop();
        assert!(status.success(), "ended with {status}:\n{}", log.join("\n"));
        for line in &log {
            assert!(!line.contains("panicked"), "{line}");
        }
        log
    }

    /// Stops the process where it stands, as if it were cut off, or lets it go on.
    pub fn freeze(&self, yes: bool) {
        let signal = if yes { "STOP" } else { "CONT" };
        let pid = self.child.id().to_string();
        let script = format!("kill -{signal} \"$0\"");
        let sent = Command::new("sh").args(["-c", &script, &pid]).status();
        assert!(sent.expect("sh runs").success(), "no process {pid}");
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process can be waited for");
    }

    /// Waits for it to end by itself.
    #[track_caller]
    pub fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let status = until("the end of the process", || {
            let status = self.child.try_wait().map_err(|e| e.to_string())?;
            status.ok_or_else(|| self.log().join("\n"))
        });
        if let Some(follower) = self.follower.take() {
            follower.join().expect("the log was read");
        }
        (status, self.log())
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
