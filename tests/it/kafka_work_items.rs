//! Work items come from a compacted topic while the monitor runs, and decide which reads a case
//! explains.

use std::fs;

use serde_json::Value;

use crate::monitor::{Monitor, until};
use crate::setup::Setup;
use crate::stream::SharedBroker;

const CATALOGUE: &str =
    "[[dataset]]\nname = \"pnr\"\ncategory = \"travel\"\ntier = 2\ncase_required = true\n";

struct World {
    setup: Setup,
    events: u32,
}

impl World {
    /// A read by somebody new for the case; the sentence `no_case` says of it, none where it is
    /// silent.
    fn read(&mut self, case: &str) -> Option<String> {
        self.events += 1;
        let actor = format!("off-{}", self.events);
        let event = format!(
            r#"{{"kind":"access","id":"e{}","time":"2026-03-02T09:{:02}:00Z","actor":{{"id":"{actor}","unit":"AMS"}},"source":{{"ip":"10.0.0.1"}},"action":"read","resource":{{"dataset":"pnr","record":"R-1","subject":"T-1"}},"case":"{case}"}}"#,
            self.events, self.events
        );
        let topic = self.setup.input("access");
        self.setup.stream.produce(&topic, [(Some(actor.clone()), Some(event.into_bytes()))]);
        until("the event is judged", || match self.setup.lag()? {
            0 => Ok(()),
            behind => Err(format!("{behind} records behind")),
        });
        let own = |f: &Value| f["detector"] == "no_case" && f["actor"] == actor.as_str();
        let found = self.setup.findings().into_values().find(own);
        found.map(|finding| finding["why"].as_str().unwrap().to_owned())
    }

    /// Tells of a case, or withdraws it, and waits until the monitor has it.
    fn tell(&self, monitor: &mut Monitor, case: &str, item: Option<&str>) {
        let said = monitor.log().len();
        let item = item.map(|rest| {
            format!(r#"{{"case":"{case}","from":"2026-03-02T08:00:00Z",{rest}}}"#).into_bytes()
        });
        self.setup.stream.produce("work-items-feed", [(Some(case.to_owned()), item)]);
        monitor.says_after(said, "work items changed");
    }
}

#[test]
fn a_read_is_explained_by_what_the_topic_says_of_its_case() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "work-items", &[("access", 1)]);
    broker
        .lock()
        .create_topic_with("work-items-feed", 2, &[("cleanup.policy", "compact")])
        .unwrap();
    fs::write(setup.path("catalogue.toml"), CATALOGUE).unwrap();
    let data = "[data]\ncatalogue = \"catalogue.toml\"\nwork_items_topic = \"work-items-feed\"\n\
                [detect.no_case]\nmode = \"on\"\n";
    setup.configure(broker.lock().bootstrap(), "", data);
    let config = setup.config();
    let mut monitor = Monitor::start(&config);
    monitor.says("partitions assigned");
    let mut world = World { setup, events: 0 };

    // While no item is known at all, a case that is cited is taken as given.
    assert_eq!(world.read("C-1"), None);
    world.tell(&mut monitor, "C-1", Some(r#""units":["AMS"],"subjects":["T-1"]"#));
    assert_eq!(world.read("C-1"), None);
    let why = world.read("C-2").expect("there is no such case");
    assert!(why.contains("the case cited last does not exist"), "{why}");
    world.tell(&mut monitor, "C-2", Some(r#""units":["RTM"],"subjects":["T-1"]"#));
    let why = world.read("C-2").expect("it is another unit's");
    assert!(why.contains("neither this officer's nor the unit's"), "{why}");
    world.tell(&mut monitor, "C-2", Some(r#""units":["AMS"],"to":"2026-03-02T09:00:00Z""#));
    let why = world.read("C-2").expect("it is closed");
    assert!(why.contains("is not open then"), "{why}");
    world.tell(&mut monitor, "C-2", Some(r#""units":["AMS"],"subjects":["T-2"]"#));
    let why = world.read("C-2").expect("it is about somebody else");
    assert!(why.contains("does not concern whom they read"), "{why}");

    // One that starts anew reads the topic before it judges anything.
    monitor.stop_well();
    let mut monitor = Monitor::start(&config);
    monitor.says("partitions assigned");
    let why = world.read("C-9").expect("there is no such case");
    assert!(why.contains("does not exist"), "{why}");
    assert_eq!(world.read("C-1"), None);
    world.tell(&mut monitor, "C-1", None);
    assert!(world.read("C-1").expect("it was withdrawn").contains("does not exist"));
    monitor.stop_well();
}
