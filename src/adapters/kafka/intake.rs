//! Records in, many at a time.
//!
//! The safe interface hands out one record a call, each through an event of its own, which costs
//! more than what is then read. Here the partitions' queues are led into one queue of ours, which
//! gives up to five hundred records a call, their bytes where the client has put them. What else the
//! consumer has to say (who has which partition, statistics, errors) stays on its own queue and is
//! polled there.

#![allow(unsafe_code, reason = "reading in batches is not in the safe interface")]

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::link::appended_ms;

/// Records of one batch.
const BATCH_MAX: usize = 500;

/// One record, its bytes where the client holds them.
#[derive(Clone, Copy, Debug)]
pub struct Record<'b> {
    pub topic: &'b str,
    pub partition: i32,
    pub offset: i64,
    pub payload: &'b [u8],
    /// The broker's time, milliseconds since the epoch.
    pub time_ms: Option<i64>,
}

/// The queue into which a consumer's partitions are led.
pub struct Intake<C: ConsumerContext + 'static> {
    queue: NonNull<bindings::rd_kafka_queue_t>,
    room: Vec<*mut bindings::rd_kafka_message_t>,
    /// The queue is of this client, and ends before it.
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: the client's queues may be used from every thread, and `room` holds nothing between two
// calls.
unsafe impl<C: ConsumerContext + 'static> Send for Intake<C> {}

impl<C: ConsumerContext + 'static> Drop for Intake<C> {
    fn drop(&mut self) {
        // SAFETY: ours, made in `new`, and destroyed nowhere else.
        unsafe { bindings::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

impl<C: ConsumerContext + 'static> Intake<C> {
    /// None where the client makes no queue.
    pub fn new(consumer: Arc<BaseConsumer<C>>) -> Option<Self> {
        // SAFETY: the client lives as long as the consumer, which is held.
        let queue = unsafe { bindings::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let queue = NonNull::new(queue)?;
        Some(Self { queue, room: vec![std::ptr::null_mut(); BATCH_MAX], consumer })
    }

    /// Leads a partition's records here. To be called before the partition is assigned.
    pub fn lead_in(&self, topic: &str, partition: i32) {
        let Ok(topic) = CString::new(topic) else { return };
        let client = self.consumer.client().native_ptr();
        // SAFETY: client and queue live; the partition's queue is released again, what leads it
        // here stays.
        unsafe {
            let of = bindings::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition);
            if !of.is_null() {
                bindings::rd_kafka_queue_forward(of, self.queue.as_ptr());
                bindings::rd_kafka_queue_destroy(of);
            }
        }
    }

    /// Where a partition ended when records were last fetched; none before that.
    pub fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        let topic = CString::new(topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the client lives, and so do both numbers.
        let known = unsafe {
            let client = self.consumer.client().native_ptr();
            let (low, high) = (&raw mut low, &raw mut high);
            bindings::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition, low, high)
        };
        (known == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
    }

    /// What has come; where nothing has, the first record is waited for.
    pub fn take(&mut self, wait: Duration) -> Batch<'_> {
        let mut count = self.fill(0, BATCH_MAX, Duration::ZERO);
        if count == 0 {
            // The client waits until it has as many as were asked for.
            count = self.fill(0, 1, wait);
            if count > 0 {
                count += self.fill(count, BATCH_MAX - count, Duration::ZERO);
            }
        }
        Batch { messages: &self.room[..count], of: PhantomData }
    }

    fn fill(&mut self, from: usize, most: usize, wait: Duration) -> usize {
        let room = &mut self.room[from..from + most];
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: there is room for as many pointers as are asked for.
        let count = unsafe {
            bindings::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                wait,
                room.as_mut_ptr(),
                room.len(),
            )
        };
        usize::try_from(count).unwrap_or(0)
    }
}

/// Records that belong to us until this is dropped.
pub struct Batch<'q> {
    messages: &'q [*mut bindings::rd_kafka_message_t],
    of: PhantomData<&'q bindings::rd_kafka_message_t>,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for &message in self.messages {
            // SAFETY: each was handed over to us, and is destroyed once.
            unsafe { bindings::rd_kafka_message_destroy(message) }
        }
    }
}

impl Batch<'_> {
    /// There may be more where this came from.
    pub fn is_full(&self) -> bool {
        self.messages.len() == BATCH_MAX
    }

    /// The batch's records, those of one partition that came one after the other together.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let runs = self.messages.chunk_by(|a, b| place_of(*a) == place_of(*b));
        runs.map(|messages| Run {
            topic: messages.first().map_or("", |&message| topic_of(message)),
            partition: messages.first().map_or(-1, |&message| place_of(message).1),
            messages,
        })
    }
}

/// Records of one partition.
pub struct Run<'b> {
    topic: &'b str,
    partition: i32,
    messages: &'b [*mut bindings::rd_kafka_message_t],
}

impl<'b> Run<'b> {
    pub fn topic(&self) -> &'b str {
        self.topic
    }

    pub fn partition(&self) -> i32 {
        self.partition
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Each record, or what the client has to say in place of one.
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'b>, RDKafkaErrorCode>> {
        let topic = self.topic;
        self.messages.iter().map(move |&message| record_of(topic, message))
    }
}

fn place_of(message: *mut bindings::rd_kafka_message_t) -> (*mut bindings::rd_kafka_topic_t, i32) {
    // SAFETY: valid until its batch is dropped.
    let message = unsafe { &*message };
    (message.rkt, message.partition)
}

fn topic_of<'b>(message: *mut bindings::rd_kafka_message_t) -> &'b str {
    // SAFETY: the topic's name is as long there as the message, and the caller's lifetime is the
    // batch's.
    unsafe {
        let topic = (*message).rkt;
        if topic.is_null() {
            return "";
        }
        CStr::from_ptr(bindings::rd_kafka_topic_name(topic)).to_str().unwrap_or("")
    }
}

fn record_of<'b>(
    topic: &'b str,
    message: *mut bindings::rd_kafka_message_t,
) -> Result<Record<'b>, RDKafkaErrorCode> {
    // SAFETY: valid until the batch is dropped, which outlives `'b`.
    let native = unsafe { &*message };
    if native.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Err(native.err.into());
    }
    let payload = if native.payload.is_null() {
        &[]
    } else {
        // SAFETY: the client says how long the payload is.
        unsafe { std::slice::from_raw_parts(native.payload.cast::<u8>(), native.len) }
    };
    let mut kind = bindings::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: the message is valid, and so is where the kind is written to.
    let time_ms = unsafe { bindings::rd_kafka_message_timestamp(message, &mut kind) };
    Ok(Record {
        topic,
        partition: native.partition,
        offset: native.offset,
        payload,
        time_ms: appended_ms(Some(time_ms)),
    })
}
