//! The broker of `demo`: librdkafka's mock cluster, in process, spoken to over its socket.

use rdkafka::error::KafkaResult;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

/// Keeps records in memory, some megabytes a partition, the oldest dropped first. For
/// demonstration: it has no disk and no access control.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    pub fn start() -> KafkaResult<Self> {
        Ok(Self { cluster: MockCluster::new(1)? })
    }

    pub fn create_topic(&self, name: &str, partitions: i32) -> KafkaResult<()> {
        self.cluster.create_topic(name, partitions, 1)
    }

    pub fn address(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}
