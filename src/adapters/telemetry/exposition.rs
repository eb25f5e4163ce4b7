//! Families of numbers in Prometheus' text format.

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

/// A family's metrics could not be written as text.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the metrics: {0}")]
pub struct ExpositionError(#[from] prometheus::Error);

/// Labels with their values.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// What one scrape gets. A family begins with its name; its metrics follow.
#[derive(Default)]
pub struct Exposition(Vec<MetricFamily>);

impl Exposition {
    pub fn counters(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::COUNTER)
    }

    pub fn gauges(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::GAUGE)
    }

    pub fn histograms(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::HISTOGRAM)
    }

    /// Families that came to nothing are left out.
    pub fn text(self) -> Result<String, ExpositionError> {
        let families: Vec<MetricFamily> =
            self.0.into_iter().filter(|family| !family.get_metric().is_empty()).collect();
        Ok(TextEncoder::new().encode_to_string(&families)?)
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        let place = self.0.len();
        self.0.push(family);
        Family { family: &mut self.0[place], kind }
    }
}

pub struct Family<'e> {
    family: &'e mut MetricFamily,
    kind: MetricType,
}

impl Family<'_> {
    /// A counter or a gauge.
    pub fn put(&mut self, labels: Labels<'_>, value: f64) -> &mut Self {
        let mut metric = labelled(labels);
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.family.mut_metric().push(metric);
        self
    }

    /// A histogram of `counts` between `bounds`, the last count being above them all.
    pub fn put_histogram(&mut self, labels: Labels<'_>, bounds: &[f64], counts: &[u64], sum: f64) {
        let mut so_far = 0;
        let buckets: Vec<Bucket> = bounds
            .iter()
            .zip(counts)
            .map(|(bound, count)| {
                so_far += count;
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(so_far);
                bucket
            })
            .collect();
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum);
        let mut metric = labelled(labels);
        metric.set_histogram(histogram);
        self.family.mut_metric().push(metric);
    }
}

fn labelled(labels: Labels<'_>) -> Metric {
    let pairs = labels
        .iter()
        .map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        })
        .collect();
    Metric::from_label(pairs)
}
