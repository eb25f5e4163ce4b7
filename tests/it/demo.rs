//! The demonstration's folder: private while it runs, gone when it ends, however early that is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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
