//! A source that falls silent is told of though others keep the worker busy.

use std::time::SystemTime;

use crate::monitor::{Monitor, until};
use crate::setup::Setup;
use crate::stream::SharedBroker;

/// Records that the busy topic holds more than are judged, at least.
const BEHIND_MIN: i64 = 20_000;
const BURST: usize = 20_000;

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn read(at_ms: i64) -> Vec<u8> {
    format!(
        r#"{{"kind":"access","time":{at_ms},"actor":{{"id":"off-1"}},"source":{{"ip":"10.9.0.1"}},"system":"gateway","action":"read","resource":{{"dataset":"pnr","record":"R1","subject":"T-1"}},"case":"C-7"}}"#
    )
    .into_bytes()
}

#[test]
fn a_silent_topic_is_told_while_another_is_far_behind() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "silent", &[("quiet", 1), ("busy", 1)]);
    let feed = setup.stream.feed();
    // Regular for forty minutes, until ten minutes ago.
    let end = now_ms() - 600_000;
    for second in (0..2_400).rev().step_by(2) {
        let at = end - second * 1_000;
        feed.send_of(&setup.input("quiet"), &(None, Some(read(at))), Some(at));
    }
    let burst = || {
        let record = (None, Some(read(now_ms())));
        (0..BURST).for_each(|_| feed.send(&setup.input("busy"), &record));
        feed.flush();
    };
    burst();
    let monitor = Monitor::start(&setup.config());
    let behind = || setup.stream.lag(&setup.name, &[setup.input("busy")]);
    until("the silence is told", || {
        // So that the worker is never done.
        while behind()? < 2 * BEHIND_MIN {
            burst();
        }
        let told = setup.findings();
        let silent = told.values().find(|finding| finding["detector"] == "silent_source");
        let why = silent.map(|finding| finding["why"].as_str().unwrap().to_owned());
        let why = why.ok_or("nothing is told")?;
        assert!(why.contains("topic silent-quiet"), "{why}");
        let behind = behind()?;
        assert!(behind >= BEHIND_MIN, "only {behind} behind: the worker may have been done");
        Ok(())
    });
    monitor.kill();
}
