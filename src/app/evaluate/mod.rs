//! Judges the detectors by months of a simulated agency whose attacks are known.
//!
//! In: which months, which budgets. Out: a [`Report`], the same for the same question. Each month
//! streams through the shard and the correlator as `replay` drives them, once for each budget; what
//! they said is then held against the truth. Knows nothing of what a detector looks for.

mod calibration;
mod observe;
mod plot;
mod plot_calibration;
mod report;
mod run;
mod score;
mod table;

#[cfg(test)]
mod tests;

pub use calibration::{ByRole, Calibration, Exceedances, NOMINAL, Ratios};
pub use observe::{Naming, Observed, Opening};
pub use plot::plot;
pub use report::{BudgetReport, DetectorCount, FalseRate, KindReport, Report};
pub use run::{EvaluateError, Evaluation, Told, evaluate};
pub use score::{MonthScore, Outcome, score};
pub use table::table;
