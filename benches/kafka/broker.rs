//! A broker for the bench, and its topic.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tidewaiter::simulate::Simulated;

pub const TOPIC: &str = "events";
const PARTITIONS: i32 = 4;
const START: Duration = Duration::from_secs(60);

pub struct Broker {
    pub address: String,
    pub folder: PathBuf,
    process: Child,
}

impl Broker {
    pub fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("tidewaiter-kafka-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let free =
            || TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let port = (0..100)
            .map(|_| free().port())
            .find(|port| TcpListener::bind(("127.0.0.1", port + 1)).is_ok())
            .expect("two ports beside one another");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broker/run");
        let process = Command::new(script)
            .arg(port.to_string())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/broker/run");
        let broker = Self { address: format!("127.0.0.1:{port}"), folder, process };
        let started = Instant::now();
        let asked: BaseConsumer = broker.client().create().expect("a consumer");
        while asked.fetch_metadata(None, Duration::from_secs(1)).is_err() {
            assert!(started.elapsed() < START, "the broker does not serve");
        }
        broker
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn client(&self) -> ClientConfig {
        client(&self.address)
    }

    /// Writes the events and says how many there are.
    pub fn fill(&self, events: impl Iterator<Item = Simulated>) -> u64 {
        self.make_topic();
        let producer: BaseProducer = self
            .client()
            .set("compression.type", "lz4")
            .set("batch.size", "100000")
            .set("linger.ms", "100")
            .set("queue.buffering.max.messages", "200000")
            .create()
            .expect("a producer");
        let (mut count, mut line) = (0, Vec::new());
        for event in events {
            line.clear();
            event.write_json(&mut line);
            let mut record = BaseRecord::to(TOPIC).key(&event.key).payload(&line);
            while let Err((_, back)) = producer.send(record) {
                producer.poll(Duration::from_millis(20));
                record = back;
            }
            count += 1;
        }
        producer.flush(START).expect("everything acknowledged");
        count
    }

    fn make_topic(&self) {
        use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
        let admin: AdminClient<_> = self.client().create().expect("an admin client");
        let topic = NewTopic::new(TOPIC, PARTITIONS, TopicReplication::Fixed(1));
        let made = admin.create_topics([&topic], &AdminOptions::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(made).expect("a topic");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // The script ends the broker when it is told to end.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn client(address: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", address);
    client
}

/// All partitions, from their beginning.
pub fn everything() -> TopicPartitionList {
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(TOPIC, partition, Offset::Beginning).expect("an offset");
    }
    all
}
