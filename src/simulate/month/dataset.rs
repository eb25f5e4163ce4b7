//! What there is to read.

/// A dataset of the agency: an index into [`DATASETS`].
pub(super) type Dataset = u8;

#[derive(Debug)]
pub(super) struct DatasetFacts {
    pub name: &'static str,
    pub category: &'static str,
    pub system: &'static str,
    /// Before a record's number.
    pub record: &'static str,
    /// Before a subject's number: travelers, consignments, staff.
    pub subject: &'static str,
    /// How many of them there are.
    pub subjects: u32,
    /// Bytes of an ordinary read, the median.
    pub bytes: f32,
    /// Share of legitimate work here that is done for a case.
    pub for_case: f32,
}

pub(super) const PNR: Dataset = 0;
pub(super) const API: Dataset = 1;
pub(super) const WATCHLIST: Dataset = 2;
pub(super) const VISA: Dataset = 3;
pub(super) const BIOMETRICS: Dataset = 4;
pub(super) const DECLARATIONS: Dataset = 5;
pub(super) const MANIFESTS: Dataset = 6;
pub(super) const RISK: Dataset = 7;
pub(super) const CASE_FILES: Dataset = 8;
pub(super) const DUTIES: Dataset = 9;
pub(super) const RELEASE_PINS: Dataset = 10;
pub(super) const STAFF: Dataset = 11;

const TRAVELER: &str = "T-";
const CONSIGNMENT: &str = "K-";

pub(super) static DATASETS: [DatasetFacts; 12] = [
    dataset("pnr", "travel", "pnr-gateway", "PNR-", TRAVELER, 1_834.0, 0.98),
    dataset("api", "travel", "entry-exit", "API-", TRAVELER, 920.0, 0.97),
    dataset("watchlist", "law_enforcement", "watch-desk", "WL-", TRAVELER, 2_400.0, 0.98),
    dataset("visa", "travel", "visa-portal", "VIS-", TRAVELER, 5_200.0, 0.99),
    dataset("biometrics", "biometric", "bio-match", "BIO-", TRAVELER, 48_000.0, 0.98),
    dataset("declarations", "cargo", "customs-desk", "DEC-", CONSIGNMENT, 3_100.0, 0.98),
    dataset("manifests", "cargo", "cargo-hub", "MAN-", CONSIGNMENT, 6_400.0, 0.95),
    dataset("risk_scores", "risk", "targeting", "RSK-", CONSIGNMENT, 1_200.0, 0.97),
    dataset("case_files", "law_enforcement", "case-desk", "CF-", TRAVELER, 14_000.0, 1.0),
    dataset("duties", "financial", "duty-ledger", "DTY-", CONSIGNMENT, 1_500.0, 0.97),
    dataset("release_pins", "cargo", "terminal-link", "PIN-", CONSIGNMENT, 310.0, 0.97),
    dataset("staff", "personnel", "hr-desk", "HR-", "H-", 2_100.0, 0.95),
];

const fn dataset(
    name: &'static str,
    category: &'static str,
    system: &'static str,
    record: &'static str,
    subject: &'static str,
    bytes: f32,
    for_case: f32,
) -> DatasetFacts {
    let subjects = match subject.as_bytes()[0] {
        b'T' => 6_000_000,
        b'K' => 9_000_000,
        _ => 20_000,
    };
    DatasetFacts { name, category, system, record, subject, subjects, bytes, for_case }
}

pub(super) fn facts(dataset: Dataset) -> &'static DatasetFacts {
    &DATASETS[usize::from(dataset) % DATASETS.len()]
}
