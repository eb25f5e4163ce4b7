//! The released program on the topic, everything on: rules, detectors, state, incidents, store.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::broker::{Broker, TOPIC};
use super::cpu;

/// Seldom: to answer costs the monitor more than many records do.
const LOOK: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(300);

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program of this build.
pub const OURS: &str = env!("CARGO_BIN_EXE_tidewaiter");

/// From the first records it has judged to the last, for the whole topic.
pub fn run(
    program: &str,
    broker: &Broker,
    events: u64,
    name: &str,
    round: usize,
    workers: usize,
    save_ms: u64,
) -> Duration {
    let port =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let name = format!("{name}-{round}");
    let file = broker.folder.join(format!("{name}.toml"));
    let config = format!(
        "[kafka]\nbrokers = \"{}\"\ngroup = \"{name}\"\nprefix = \"{name}\"\nworkers = {workers}\n\
         commit_interval_ms = {save_ms}\n[[input]]\ntopic = \"{TOPIC}\"\n[store]\npath = \"{name}.db\"\n\
         [http]\nlisten = \"127.0.0.1:{port}\"\n[data]\ncatalogue = \"catalogue.toml\"\n\
         directory = \"directory.toml\"\n",
        broker.address
    );
    std::fs::write(&file, config).expect("a file");
    let log = std::fs::File::create(broker.folder.join(format!("{name}.log"))).expect("a file");
    let running = Running(
        Command::new(program)
            .args(["run", "-c"])
            .arg(file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program"),
    );
    let started = Instant::now();
    let mut first = None;
    loop {
        assert!(started.elapsed() < PATIENCE, "{name} does not get on");
        let now = Instant::now();
        match judged(port) {
            Some(judged) if judged >= events => {
                let (began, before) = first.unwrap_or((started, 0));
                let process = running.0.id().to_string();
                println!("    {}", cpu::by_thread(&process, judged));
                let share = (judged - before) as f64 / events as f64;
                return (now - began).div_f64(share.max(f64::MIN_POSITIVE));
            }
            // By then the workers have shared the partitions out.
            Some(judged) if judged > events / 10 => drop(first.get_or_insert((now, judged))),
            _ => {}
        }
        sleep(LOOK);
    }
}

/// How many records it has judged; none while it does not answer.
fn judged(port: u16) -> Option<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let ask = "GET /api/v1/stats HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let body = answer.split_once("\r\n\r\n")?.1;
    let stats: Value = serde_json::from_str(body).ok()?;
    stats["records"]["in"].as_u64()
}
