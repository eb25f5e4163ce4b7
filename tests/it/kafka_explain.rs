//! `explain` over what Kafka retains: every finding of a simulated hour, and of history that is gone.

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::monitor::{Monitor, tidewaiter, until};
use crate::setup::Setup;
use crate::simulated::Simulated;
use crate::stream::SharedBroker;

pub fn explain(setup: &Setup, id: &str) -> (Option<i32>, String, String) {
    let config = setup.config();
    let words = ["explain", id, "--json", "-c"].map(AsRef::as_ref);
    let output = tidewaiter(words.into_iter().chain([config.as_os_str()]));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The finding with its place, from one that a partition's reads gave rise to.
fn place(finding: &Value) -> (&str, i64, i64) {
    let source = &finding["source"];
    let number = |name: &str| source[name].as_i64().unwrap();
    (source["topic"].as_str().unwrap(), number("partition"), number("offset"))
}

#[test]
fn findings_come_out_of_what_the_topics_retain() {
    let broker = SharedBroker::get();
    let setup =
        Setup::new(&broker.lock(), "explain", &[("access", 3), ("auth", 3), ("network", 3)]);
    let simulated = Simulated::hour_with(&setup.folder, 7, 400, "all");
    setup.configure(broker.lock().bootstrap(), "", &simulated.data_section());
    let monitor = Monitor::start(&setup.config());
    simulated.produce(&setup);
    setup.settled();
    let findings = until("a chain among the findings", || {
        let findings = setup.findings();
        let chain = findings.values().any(|finding| finding["detector"] == "read_then_outflow");
        if chain { Ok(findings) } else { Err(format!("{} findings", findings.len())) }
    });
    setup.settled();
    monitor.stop_well();

    // One of each detector: each reads its partition from the beginning.
    let mut told = std::collections::BTreeMap::new();
    for finding in findings.values() {
        told.entry(finding["detector"].to_string()).or_insert(finding);
    }
    assert!(told.len() >= 4, "{:?}", told.keys());
    for (detector, finding) in &told {
        let (code, out, error) = explain(&setup, finding["id"].as_str().unwrap());
        assert_eq!(code, Some(0), "{detector}: {out}{error}");
        let said: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(&said["again"], *finding, "{detector}");
        assert!(said["incident"]["score_terms"].is_array(), "{detector}: {said}");
        for event in said["events"].as_array().unwrap() {
            assert!(event["source"]["offset"].is_u64(), "{detector}: {event}");
        }
    }

    let reads = told.values().find(|finding| finding["detector"] != "read_then_outflow").unwrap();
    let (topic, partition, offset) = place(reads);
    let mut gone = TopicPartitionList::new();
    gone.add_partition_offset(topic, partition as i32, Offset::Offset(offset + 1)).unwrap();
    let admin: AdminClient<DefaultClientContext> = broker.lock().client_config().create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(admin.delete_records(&gone, &AdminOptions::new())).unwrap();
    let (code, out, error) = explain(&setup, reads["id"].as_str().unwrap());
    assert_eq!(code, Some(4), "{out}");
    let words = format!("the history is gone: the finding rests on {topic}/{partition}@{offset}");
    assert!(error.contains(&words), "{error}");
}
