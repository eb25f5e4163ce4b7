//! Saves under way: a thread beside the worker, which goes on judging meanwhile.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;

use super::sender::{Lot, SendError, Sender};
use super::transaction::{Change, TransactionError, Transactions};

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
        Ok(Self { jobs: Some(jobs), ended, busy: false, thread: Some(thread) })
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
    pub fn end(&mut self, wait: bool) -> Result<Option<Ended<S>>, RecvError> {
        if !self.busy {
            return Ok(None);
        }
        let ended = match wait {
            true => self.ended.recv()?,
            false => match self.ended.try_recv() {
                Ok(ended) => ended,
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(RecvError),
            },
        };
        self.busy = false;
        Ok(Some(ended))
    }
}

impl<S> Drop for Saver<S> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // What it did, or a panic of its own, has been told by `end`.
            let _ = thread.join();
        }
    }
}
