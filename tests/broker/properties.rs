//! The `server.properties` of one node.

use std::fmt::Write as _;
use std::path::Path;

use super::BrokerOptions;
use super::ports::Ports;
use super::security::TlsFiles;

/// Records up to this size are taken, so that a test can send what the pipeline must refuse.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Settings for node `index` of the cluster that listens on `ports`.
pub fn text(
    options: &BrokerOptions,
    ports: &[Ports],
    index: usize,
    folder: &Path,
    tls: Option<&TlsFiles>,
) -> String {
    let own = ports[index];
    let voters = ports
        .iter()
        .enumerate()
        .map(|(node, ports)| format!("{}@127.0.0.1:{}", node + 1, ports.controller))
        .collect::<Vec<_>>()
        .join(",");
    let replicas = ports.len();
    let in_sync_min = if replicas > 1 { 2 } else { 1 };
    let mut text = format!(
        "process.roles=broker,controller\n\
         node.id={id}\n\
         controller.quorum.voters={voters}\n\
         listeners=CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal},\
         CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal}\n\
         inter.broker.listener.name=INTERNAL\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CLIENT:{protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={logs}\n\
         auto.create.topics.enable={auto_create}\n\
         log.message.timestamp.type={timestamps}\n\
         message.max.bytes={MESSAGE_BYTES_MAX}\n\
         default.replication.factor={replicas}\n",
        id = index + 1,
        client = own.client,
        internal = own.internal,
        controller = own.controller,
        protocol = options.security.protocol(),
        logs = folder.join(format!("node-{index}")).display(),
        auto_create = options.auto_create_topics,
        timestamps = if options.log_append_time { "LogAppendTime" } else { "CreateTime" },
    );
    for topic in ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"] {
        let _ = writeln!(text, "{topic}.num.partitions=4\n{topic}.replication.factor={replicas}");
        if topic != "offsets.topic" {
            let _ = writeln!(text, "{topic}.min.isr={in_sync_min}");
        }
    }
    // A small machine, a short life: few threads, groups that form at once, and a broker that was
    // killed may come back after three seconds, when its old session has run out.
    text.push_str(
        "group.initial.rebalance.delay.ms=0\n\
         num.network.threads=2\n\
         num.io.threads=4\n\
         background.threads=2\n\
         broker.heartbeat.interval.ms=500\n\
         broker.session.timeout.ms=3000\n\
         log.cleaner.dedupe.buffer.size=8388608\n",
    );
    text.push_str(&options.security.broker_properties(tls));
    text
}
