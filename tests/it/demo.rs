//! The demonstration's folder: private while it runs, gone when it ends, however early that is.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::monitor::until;

fn start(temporary: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tidewaiter"))
        .args(["demo", "--listen", "127.0.0.1:0", "--speed", "1"])
        .env("TMPDIR", temporary)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn folders(temporary: &Path) -> Vec<PathBuf> {
    fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Ends it, and holds that it ends well and leaves nothing.
fn end(mut demo: Child, temporary: &Path) {
    let sent = Command::new("kill").args(["-TERM", &demo.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let status = until("the end", || demo.try_wait().unwrap().ok_or("it still runs".into()));
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(folders(temporary), Vec::<PathBuf>::new());
}

#[test]
fn ended_as_soon_as_there_is_a_folder_it_leaves_none() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = start(temporary.path());
    while folders(temporary.path()).is_empty() {
        std::hint::spin_loop();
    }
    end(demo, temporary.path());
}

#[test]
fn its_folder_is_for_nobody_else() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = start(temporary.path());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files = until("the store's files", || {
        let folder = folders(temporary.path()).pop().ok_or("no folder")?;
        assert_eq!(mode(&folder), 0o700);
        let files = folders(&folder);
        let of_store = files.iter().any(|path| path.to_string_lossy().ends_with(".db-wal"));
        if of_store { Ok(files) } else { Err(format!("{files:?}")) }
    });
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    end(demo, temporary.path());
}

/// Longer than a group waits for one it does not hear of, as after Ctrl-Z or with a sleeping computer.
const SUSPENDED: Duration = Duration::from_secs(9);

#[test]
fn it_goes_on_where_it_was_after_a_suspension() {
    let temporary = tempfile::tempdir().unwrap();
    let said = temporary.path().join("said");
    let log = fs::File::create(&said).unwrap();
    let folder = temporary.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let demo = Command::new(env!("CARGO_BIN_EXE_tidewaiter"))
        .args(["demo", "--listen", "127.0.0.1:0", "--speed", "120"])
        .env("TMPDIR", &folder)
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let address = until("the address", || {
        let text = fs::read_to_string(&said).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("metrics   http://"));
        let address = line.and_then(|line| line.strip_suffix("/metrics")).ok_or(text.clone())?;
        Ok(address.to_owned())
    });
    let scored = || -> Result<f64, String> {
        let text = get_metrics(&address).map_err(|error| error.to_string())?;
        let name = r#"tidewaiter_records_total{topic="access",outcome="scored"} "#;
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.and_then(|value| value.parse().ok()).ok_or("no such figure".into())
    };
    let more_than = |least: f64| match scored()? {
        scored if scored > least => Ok(scored),
        scored => Err(format!("{scored} records")),
    };
    let before = until("records", || more_than(0.0));
    let signal = |name: &str| {
        Command::new("kill").args([name, &demo.id().to_string()]).status().unwrap();
    };
    signal("-STOP");
    std::thread::sleep(SUSPENDED);
    signal("-CONT");
    until("it goes on", || more_than(before + 500.0));
    end(demo, &folder);
    let text = fs::read_to_string(&said).unwrap();
    assert!(!text.contains("partitions were lost"), "{text}");
}

fn get_metrics(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nhost: localhost\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
