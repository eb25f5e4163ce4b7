//! Merely consuming: nothing is done with what comes.

#![allow(unsafe_code, reason = "reading in batches is not in the safe interface")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Message as _, bindings};

use super::broker::{client, everything};

const BATCH: usize = 1_000;

/// All partitions from their beginning, with the settings Tidewaiter reads with.
pub fn consumer(address: &str) -> BaseConsumer {
    let consumer: BaseConsumer = client(address)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "5")
        .set("queued.max.messages.kbytes", "16384")
        .create()
        .expect("a consumer");
    consumer.assign(&everything()).expect("all partitions");
    consumer
}

pub fn one_by_one(address: &str, events: u64) -> Duration {
    let consumer = consumer(address);
    let (mut first, mut count) = (None, 0);
    while count < events {
        if let Some(message) = consumer.poll(Duration::from_secs(1)) {
            let message = message.expect("a record");
            black_box(message.payload());
            first.get_or_insert_with(Instant::now);
            count += 1;
        }
    }
    first.expect("a first record").elapsed()
}

pub fn in_batches(address: &str, events: u64) -> Duration {
    let consumer = consumer(address);
    let (mut first, mut count) = (None, 0);
    let mut messages = vec![std::ptr::null_mut(); BATCH];
    // SAFETY: the queue lives as long as the consumer; each message is destroyed once.
    unsafe {
        let queue = bindings::rd_kafka_queue_get_consumer(consumer.client().native_ptr());
        while count < events {
            let taken =
                bindings::rd_kafka_consume_batch_queue(queue, 1_000, messages.as_mut_ptr(), BATCH);
            for &message in &messages[..taken.max(0) as usize] {
                black_box((*message).payload);
                count += u64::from((*message).err as i32 == 0);
                bindings::rd_kafka_message_destroy(message);
            }
            if count > 0 {
                first.get_or_insert_with(Instant::now);
            }
        }
        bindings::rd_kafka_queue_destroy(queue);
    }
    first.expect("a first record").elapsed()
}
