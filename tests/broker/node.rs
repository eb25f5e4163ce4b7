//! One node's process: format, launch, await, kill.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, PipeReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::Jars;

/// From launch to serving. Usually one to two seconds; a loaded machine may need many times that.
const START_DEADLINE: Duration = Duration::from_secs(90);
/// Log lines told when a start fails.
const LOG_LINES_MAX: usize = 40;
/// What Kafka logs when its listeners are open and the controller has let it in.
const STARTED: &str = "Kafka Server started";
/// Every cluster lives alone in its folder, so one identity serves them all.
const CLUSTER_ID: &str = "dGlkZXdhaXRlci10ZXN0cw";
/// Becomes java, and leaves a watcher that kills java when our end of its stdin closes without a
/// word: that is, when the test process died and could not do it.
const GUARDED: &str = r#"exec 3<&0
(read -r word; [ "$word" = done ] || kill -9 $$) <&3 >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-"#;

pub(super) enum StartError {
    /// Another process took a port between our look and Kafka's: try others.
    PortTaken(String),
    Failed(String),
}

impl StartError {
    pub fn into_message(self) -> String {
        match self {
            Self::PortTaken(message) | Self::Failed(message) => message,
        }
    }
}

impl From<String> for StartError {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

/// A node's settings and, while it runs, its process.
pub(super) struct Node {
    java: Vec<String>,
    properties: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    started: Receiver<()>,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Node {
    pub fn new(jars: &Jars, properties: PathBuf) -> Self {
        let mut java: Vec<String> =
            ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
                .map(str::to_owned)
                .to_vec();
        java.push(format!("-Dlog4j2.configurationFile={}", jars.log_config.display()));
        if let Some(archive) = &jars.archive {
            // Where it does not fit (another Java, other jars) Java goes on without it.
            java.push(format!("-XX:SharedArchiveFile={}", archive.display()));
            java.push("-Xshare:auto".to_owned());
        }
        java.extend(["-cp".to_owned(), jars.class_path.clone()]);
        Self { java, properties, running: None }
    }

    /// Makes the data folder a KRaft node's.
    pub fn format(&self, arguments: &[String]) -> Result<(), String> {
        let output = Command::new(&self.java[0])
            .args(&self.java[1..])
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
            .arg(&self.properties)
            .args(arguments)
            .output()
            .map_err(|e| java_missing(&e))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(format!("Kafka's storage tool failed: {}", String::from_utf8_lossy(&said).trim()))
    }

    /// Starts the process; [`Self::await_started`] waits for it.
    pub fn launch(&mut self) -> Result<(), StartError> {
        let (output, ours) = std::io::pipe().map_err(|e| format!("cannot make a pipe: {e}"))?;
        let theirs = ours.try_clone().map_err(|e| format!("cannot share a pipe: {e}"))?;
        let child = Command::new("sh")
            .args(["-c", GUARDED, "broker"])
            .args(&self.java)
            .arg("kafka.Kafka")
            .arg(&self.properties)
            .stdin(Stdio::piped())
            .stdout(theirs)
            .stderr(ours)
            .spawn()
            .map_err(|e| java_missing(&e))?;
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let (tell, started) = mpsc::channel();
        let kept = Arc::clone(&log);
        thread::spawn(move || follow(output, &kept, &tell));
        self.running = Some(Running { child, started, log });
        Ok(())
    }

    /// Returns when the node serves.
    pub fn await_started(&mut self) -> Result<(), StartError> {
        let Some(running) = &self.running else {
            return Err(StartError::Failed("the broker was not launched".to_owned()));
        };
        let what = match running.started.recv_timeout(START_DEADLINE) {
            Ok(()) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => "ended before it served".to_owned(),
            Err(RecvTimeoutError::Timeout) => {
                format!("did not serve within {} s", START_DEADLINE.as_secs())
            }
        };
        let log: Vec<String> = {
            let lines = running.log.lock().unwrap_or_else(PoisonError::into_inner);
            lines.iter().cloned().collect()
        };
        self.kill();
        let log = log.join("\n");
        let message = format!("Apache Kafka {what}; its last lines:\n{log}");
        if log.contains("Address already in use") {
            return Err(StartError::PortTaken(message));
        }
        Err(StartError::Failed(message))
    }

    /// Stops the process where it stands, or lets it go on; its connections stay open.
    pub fn freeze(&self, yes: bool) {
        let Some(running) = &self.running else { return };
        let signal = if yes { "-STOP" } else { "-CONT" };
        let pid = running.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill \"$0\" \"$1\"", signal, &pid]).status();
        assert!(sent.is_ok_and(|sent| sent.success()), "no process {pid}");
    }

    /// SIGKILL, if it runs.
    pub fn kill(&mut self) {
        let Some(Running { mut child, .. }) = self.running.take() else {
            return;
        };
        // It may have ended by itself. Either way it is gone after `wait`, and until then its
        // process id is nobody else's.
        let _ = child.kill();
        if let Some(mut watcher) = child.stdin.take() {
            let _ = watcher.write_all(b"done\n");
        }
        let _ = child.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Keeps the last lines, and tells when the node serves. Ends, and hangs up, when the process does.
fn follow(output: PipeReader, log: &Mutex<VecDeque<String>>, tell: &Sender<()>) {
    for line in BufReader::new(output).lines() {
        let Ok(line) = line else { break };
        if line.contains(STARTED) {
            let _ = tell.send(());
        }
        let mut lines = log.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LOG_LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

fn java_missing(error: &std::io::Error) -> String {
    format!("cannot start Apache Kafka with java: {error}; `make test` installs what it needs")
}
