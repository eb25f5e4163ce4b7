//! Saves under way: a thread beside the worker, which goes on judging meanwhile.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;

use super::sender::{Lot, SendError, Sender};
use super::transaction::{Change, Pulse, TransactionError, Transactions};

/// One save: written as a whole or not at all, once what was found has arrived.
pub trait Save: Send + 'static {
    fn changes(&self) -> impl Iterator<Item = Change<'_>>;
    fn offsets(&self) -> Result<TopicPartitionList, TransactionError>;
}

/// A save that has ended.
pub struct Ended<S> {
    pub save: S,
    pub outcome: Result<(), SaveError>,
    pub took: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Transaction(#[from] TransactionError),
}

/// The thread ends no more save.
#[derive(Debug, thiserror::Error)]
pub enum SaverError {
    #[error("the thread that saves has ended")]
    Ended,
    #[error("the Kafka client has not come back from saving")]
    Lost,
}

/// Between two looks at whether the thread will come back.
const LOOK: Duration = Duration::from_millis(20);

struct Job<S> {
    save: S,
    found: Lot,
    group: ConsumerGroupMetadata,
    began: Instant,
}

/// Does one save at a time.
pub struct Saver<S> {
    jobs: Option<SyncSender<Job<S>>>,
    ended: Receiver<Ended<S>>,
    busy: bool,
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
}

impl<S: Save> Saver<S> {
    pub fn start(
        name: String,
        transactions: Transactions,
        sender: Arc<Sender>,
    ) -> std::io::Result<Self> {
        let (jobs, taken) = sync_channel::<Job<S>>(1);
        let (told, ended) = sync_channel(1);
        let pulse = transactions.pulse();
        let work = move || {
            for Job { save, found, group, began } in taken {
                let outcome = sender.wait_for(found).map_err(SaveError::from).and_then(|()| {
                    let offsets = save.offsets()?;
                    Ok(transactions.commit(save.changes(), &offsets, &group)?)
                });
                if told.send(Ended { save, outcome, took: began.elapsed() }).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        Ok(Self { jobs: Some(jobs), ended, busy: false, pulse, thread: Some(thread) })
    }

    pub const fn is_busy(&self) -> bool {
        self.busy
    }

    /// Begins a save; the one before must have ended. Gives it back where the thread is gone.
    pub fn begin(&mut self, save: S, found: Lot, group: ConsumerGroupMetadata) -> Result<(), S> {
        let job = Job { save, found, group, began: Instant::now() };
        let Some(jobs) = &self.jobs else { return Err(job.save) };
        self.busy = true;
        jobs.send(job).map_err(|refused| refused.0.save)
    }

    /// The save under way, if it has ended; with `wait`, once it has.
    pub fn end(&mut self, wait: bool) -> Result<Option<Ended<S>>, SaverError> {
        while self.busy {
            match self.ended.recv_timeout(if wait { LOOK } else { Duration::ZERO }) {
                Ok(ended) => {
                    self.busy = false;
                    return Ok(Some(ended));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(SaverError::Ended),
                Err(RecvTimeoutError::Timeout) if self.pulse.is_lost() => {
                    return Err(SaverError::Lost);
                }
                Err(RecvTimeoutError::Timeout) if !wait => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(None)
    }
}

impl<S> Drop for Saver<S> {
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        while !thread.is_finished() {
            if self.pulse.is_lost() {
                // It is left behind. Should it ever come back, its producer has been fenced by the
                // one that took over the name, and it ends.
                return;
            }
            std::thread::park_timeout(LOOK);
        }
        // What it did, or a panic of its own, has been told by `end`.
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::mocking::{MockCluster, MockCoordinator};
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::{ClientConfig, Offset};

    use super::*;
    use crate::adapters::kafka::Link;
    use crate::adapters::telemetry::Telemetry;

    struct Offsets;

    impl Save for Offsets {
        fn changes(&self) -> impl Iterator<Item = Change<'_>> {
            std::iter::empty()
        }

        fn offsets(&self) -> Result<TopicPartitionList, TransactionError> {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset("access", 0, Offset::Offset(7))
                .map_err(TransactionError::Undone)?;
            Ok(list)
        }
    }

    /// The group's coordinator is gone in the middle of a transaction.
    #[test]
    fn a_client_that_never_comes_back_is_left_behind() {
        let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(2).unwrap();
        cluster.create_topic("access", 1, 2).unwrap();
        cluster.coordinator(MockCoordinator::Transaction("save".into()), 1).unwrap();
        cluster.coordinator(MockCoordinator::Group("workers".into()), 2).unwrap();
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", cluster.bootstrap_servers());
        let consumer: BaseConsumer = client.clone().set("group.id", "workers").create().unwrap();
        let group = consumer.group_metadata().unwrap();
        let (link, stop) =
            (Arc::new(Link::new(Telemetry::new(&[], []))), Arc::new(AtomicBool::new(false)));
        let sender = Sender::new(client.clone(), Arc::clone(&link), Arc::clone(&stop)).unwrap();
        let transactions = Transactions::open(client, "save", link, stop).unwrap();
        let sender = Arc::new(sender);
        let mut saver: Saver<Offsets> =
            Saver::start("save".into(), transactions, Arc::clone(&sender)).unwrap();
        cluster.broker_down(2).unwrap();
        assert!(saver.begin(Offsets, sender.close_lot(), group).is_ok());
        assert!(matches!(saver.end(true), Err(SaverError::Lost)));
        // Nor does it hold up whoever gives the saver up.
        drop(saver);
    }
}
