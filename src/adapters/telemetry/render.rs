//! All figures as Prometheus text.

use super::exposition::{Exposition, ExpositionError};
use super::figures::{Figures, PAUSE_BOUNDS_S, ReloadedFile};
use super::latency::BOUNDS_MS;
use super::{BatchCounts, Telemetry, locked, process};
use crate::engine::model::Severity;

/// A topic's name, counts, and refusals by reason, as of one moment.
type Ledger<'a> = (&'a str, BatchCounts, Vec<(&'static str, u64)>);

impl Telemetry {
    /// What `/metrics` serves.
    pub fn render(&self) -> Result<String, ExpositionError> {
        let mut to = Exposition::default();
        to.gauges("tidewaiter_build_info", "Always 1; the label tells the version.")
            .put(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        self.records(&mut to);
        self.latency(&mut to);
        self.reads(&mut to);
        let figures = self.figures();
        condition(&figures, &mut to);
        let mut family = to.gauges(
            "tidewaiter_input_missing",
            "1 where a configured input topic does not exist: nothing of it is judged.",
        );
        for topic in self.topics.keys() {
            let missing = figures.inputs_missing.contains(topic);
            family.put(&[("topic", topic)], f64::from(u8::from(missing)));
        }
        partitions(&figures, &mut to);
        incidents(&figures, &mut to);
        silence(&figures, &mut to);
        state(&figures, &mut to);
        saves(&figures, &mut to);
        figures.cases.render(&mut to);
        figures.notices.render(&mut to);
        figures.budget.render(&mut to);
        drop(figures);
        own_process(&mut to);
        to.text()
    }

    fn records(&self, to: &mut Exposition) {
        let topics: Vec<Ledger<'_>> = self
            .accounts()
            .map(|topic| {
                let totals = locked(&topic.totals);
                let refused = totals.refused.iter().map(|(reason, n)| (*reason, *n)).collect();
                (topic.name.as_str(), totals.counts, refused)
            })
            .collect();
        let mut family = to.counters("tidewaiter_records_in_total", "Records consumed.");
        for (topic, counts, _) in &topics {
            family.put(&[("topic", topic)], counts.records_in as f64);
        }
        let mut family =
            to.counters("tidewaiter_records_total", "Records by what became of them, exactly one.");
        for (topic, counts, _) in &topics {
            for (outcome, n) in [
                ("scored", counts.scored),
                ("late", counts.late),
                ("duplicate", counts.duplicate),
                ("dead_lettered", counts.dead_lettered),
            ] {
                family.put(&[("topic", topic), ("outcome", outcome)], n as f64);
            }
        }
        let mut family = to.gauges(
            "tidewaiter_ledger_imbalance",
            "Records in minus records with an outcome; anything but 0 is a defect.",
        );
        for (topic, counts, _) in &topics {
            family.put(&[("topic", topic)], counts.imbalance() as f64);
        }
        let mut family =
            to.counters("tidewaiter_dead_letters_total", "Records refused, by reason.");
        for (topic, _, refused) in &topics {
            for (reason, n) in refused {
                family.put(&[("topic", topic), ("reason", reason)], *n as f64);
            }
        }
        let mut family = to.counters(
            "tidewaiter_saturated_numbers_total",
            "Numbers that were negative or absurd and were brought into range.",
        );
        for (topic, counts, _) in &topics {
            family.put(&[("topic", topic)], counts.saturated as f64);
        }
    }

    fn latency(&self, to: &mut Exposition) {
        let bounds = BOUNDS_MS.map(|ms| ms as f64 / 1e3);
        let mut family = to.histograms(
            "tidewaiter_verdict_latency_seconds",
            "Broker append to verdict; includes queueing, excludes publishing; above 60 s counts as 60 s.",
        );
        for topic in self.every_topic() {
            let totals = locked(&topic.totals);
            let sum = totals.latency.sum_ms as f64 / 1e3;
            family.put_histogram(&[("topic", &topic.name)], &bounds, &totals.latency.buckets, sum);
        }
    }

    fn reads(&self, to: &mut Exposition) {
        let all = self.categories.all();
        let mut family =
            to.counters("tidewaiter_reads_total", "Reads of data, by the data's category.");
        for (category, events, _) in &all {
            family.put(&[("category", category)], *events as f64);
        }
        let mut family = to.counters(
            "tidewaiter_read_records_total",
            "Records those reads returned, by the data's category.",
        );
        for (category, _, records) in &all {
            family.put(&[("category", category)], *records as f64);
        }
    }
}

fn condition(figures: &Figures, to: &mut Exposition) {
    to.gauges("tidewaiter_ready", "1 when ready.")
        .put(&[], f64::from(u8::from(figures.unready.is_empty())));
    to.gauges("tidewaiter_kafka_connected", "1 when the broker answers.")
        .put(&[], f64::from(u8::from(figures.connected)));
    to.gauges("tidewaiter_correlating", "1 where this process correlates and does not stand by.")
        .put(&[], f64::from(u8::from(figures.correlating)));
    to.counters("tidewaiter_kafka_errors_total", "Errors the Kafka client told of.")
        .put(&[], figures.kafka_errors as f64);
    let mut family = to.counters(
        "tidewaiter_role_failures_total",
        "How often a part of the process failed and was started again.",
    );
    for (role, n) in &figures.role_failures {
        family.put(&[("role", role)], *n as f64);
    }
    to.gauges("tidewaiter_rules_loaded", "Sigma rules in use.")
        .put(&[], figures.rules_loaded as f64);
    let mut family =
        to.counters("tidewaiter_reloads_total", "Files read again, by whether they were taken.");
    for (file, [applied, refused]) in ReloadedFile::ALL.into_iter().zip(figures.reloads) {
        for (outcome, n) in [("applied", applied), ("refused", refused)] {
            family.put(&[("file", file.name()), ("outcome", outcome)], n as f64);
        }
    }
}

fn partitions(figures: &Figures, to: &mut Exposition) {
    let mut family = to.gauges(
        "tidewaiter_consumer_lag_records",
        "Records between the last one judged and the partition's end.",
    );
    for (topic, partition, place) in figures.partitions.iter() {
        if let Some(lag) = place.lag {
            let partition = partition.to_string();
            family.put(&[("topic", topic), ("partition", &partition)], lag as f64);
        }
    }
    let mut family = to.gauges(
        "tidewaiter_watermark_timestamp_seconds",
        "How far event time has got, in seconds since 1970.",
    );
    for (topic, partition, place) in figures.partitions.iter() {
        if let Some(watermark) = place.watermark {
            let partition = partition.to_string();
            let seconds = watermark.millis() as f64 / 1e3;
            family.put(&[("topic", topic), ("partition", &partition)], seconds);
        }
    }
}

fn silence(figures: &Figures, to: &mut Exposition) {
    let mut family = to.gauges(
        "tidewaiter_partition_silent",
        "1 where a partition that was regular has been silent for longer than usual.",
    );
    for (topic, partition, place) in figures.partitions.iter() {
        let (partition, silent) = (partition.to_string(), f64::from(u8::from(place.silent)));
        family.put(&[("topic", topic), ("partition", &partition)], silent);
    }
}

fn incidents(figures: &Figures, to: &mut Exposition) {
    let mut family = to.counters("tidewaiter_findings_total", "Findings, by detector.");
    for (detector, counts) in figures.findings() {
        for (severity, n) in Severity::ALL.into_iter().zip(counts) {
            family.put(&[("detector", detector), ("severity", severity.name())], n as f64);
        }
    }
    let mut family = to.gauges(
        "tidewaiter_incidents_open",
        "Incidents still being added to; a signal is below medium.",
    );
    for (severity, n) in ["signal", "medium", "high", "critical"].iter().zip(figures.incidents_open)
    {
        family.put(&[("severity", severity)], n as f64);
    }
    let mut family = to.gauges(
        "tidewaiter_incidents_to_do",
        "Incidents nobody has resolved, going on or quiet: new, or taken up by somebody.",
    );
    let by_state = figures.incidents_to_do.iter().zip(figures.incidents_new);
    for (severity, (&all, new)) in ["medium", "high", "critical"].iter().zip(by_state) {
        family.put(&[("severity", severity), ("state", "new")], new as f64);
        let taken = all.saturating_sub(new);
        family.put(&[("severity", severity), ("state", "taken")], taken as f64);
    }
    let mut family = to
        .counters("tidewaiter_incidents_opened_total", "Incidents opened, by their severity then.");
    for severity in [Severity::Medium, Severity::High, Severity::Critical] {
        let n = figures.incidents_opened[severity as usize];
        family.put(&[("severity", severity.name())], n as f64);
    }
    to.counters("tidewaiter_alerts_published_total", "Records published from the outbox.")
        .put(&[("outcome", "delivered")], figures.delivered as f64)
        .put(&[("outcome", "failed")], figures.failed as f64);
    to.gauges("tidewaiter_outbox_pending", "Records that wait to be published.")
        .put(&[], figures.outbox as f64);
}

fn state(figures: &Figures, to: &mut Exposition) {
    let size = &figures.state;
    to.gauges(
        "tidewaiter_state_entries",
        "Actors, source addresses and groups of correlation rules remembered, and events that wait to be counted.",
    )
    .put(&[("kind", "actor")], size.actors as f64)
    .put(&[("kind", "source")], size.sources as f64)
    .put(&[("kind", "group")], size.groups as f64)
    .put(&[("kind", "held")], size.held as f64);
    to.gauges("tidewaiter_state_bytes", "Memory of the state; the recorder's is fixed.")
        .put(&[("kind", "actor")], size.actor_bytes as f64)
        .put(&[("kind", "source")], size.source_bytes as f64)
        .put(&[("kind", "group")], size.group_bytes as f64)
        .put(&[("kind", "recorder")], size.recorder_bytes as f64);
    to.counters(
        "tidewaiter_evictions_total",
        "Entries forgotten, incidents no longer followed, or events counted before their turn, to make room.",
    )
    .put(&[("kind", "actor")], figures.evicted.actors.total as f64)
    .put(&[("kind", "source")], figures.evicted.sources.total as f64)
    .put(&[("kind", "group")], figures.evicted.groups.total as f64)
    .put(&[("kind", "held")], figures.evicted.held.total as f64)
    .put(&[("kind", "incident")], figures.evicted.incidents.total as f64);
    figures.rules.render(to);
}

fn saves(figures: &Figures, to: &mut Exposition) {
    let saves = &figures.saves;
    to.counters(
        "tidewaiter_checkpoints_total",
        "Transactions that wrote state to the changelogs, or came to nothing and were tried again.",
    )
    .put(&[("outcome", "saved")], saves.arrived as f64)
    .put(&[("outcome", "undone")], saves.undone as f64);
    to.counters("tidewaiter_checkpoint_records_total", "Records written to the changelogs.")
        .put(&[], saves.records as f64);
    to.counters("tidewaiter_checkpoint_bytes_total", "Bytes of those records, uncompressed.")
        .put(&[], saves.bytes as f64);
    to.gauges("tidewaiter_checkpoint_last_seconds", "How long the last one took.")
        .put(&[], saves.last_s);
    let pauses = &saves.pauses;
    to.histograms(
        "tidewaiter_checkpoint_pause_seconds",
        "How long workers stood still to take their state down.",
    )
    .put_histogram(&[], &PAUSE_BOUNDS_S, &pauses.counts, pauses.sum_s);
    to.counters("tidewaiter_restored_entries_total", "Entries of state taken back.")
        .put(&[], figures.restored_entries as f64);
    to.gauges(
        "tidewaiter_restore_last_seconds",
        "How long the last taking over of partitions took.",
    )
    .put(&[], figures.restore_last_s);
}

/// Figures the kernel does not tell are left out.
fn own_process(to: &mut Exposition) {
    let mut family = to.gauges("process_resident_memory_bytes", "Resident memory.");
    if let Some(bytes) = process::rss_bytes() {
        family.put(&[], bytes as f64);
    }
    let mut family =
        to.gauges("process_start_time_seconds", "When the process started, since 1970.");
    if let Some(seconds) = process::start_time_s() {
        family.put(&[], seconds);
    }
    let mut family =
        to.counters("process_cpu_seconds_total", "Processor time used, user and system.");
    if let Some(seconds) = process::cpu_s() {
        family.put(&[], seconds);
    }
}
