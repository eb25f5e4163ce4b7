//! Whether probabilities are true: how often honest windows were as improbable as they say.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::detect::baseline::WindowP;

/// Probabilities at which it is looked.
pub const NOMINAL: [f64; 4] = [1e-2, 1e-3, 1e-4, 1e-5];
/// Of all roles, all windows, all reads.
pub const ANY: &str = "any";

/// Windows, and those at or below each of [`NOMINAL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exceedances {
    pub windows: u64,
    pub at_most: [u64; NOMINAL.len()],
}

impl Exceedances {
    pub fn add(&mut self, ln_p: f64) {
        self.windows += 1;
        for (count, nominal) in self.at_most.iter_mut().zip(NOMINAL) {
            *count += u64::from(ln_p <= nominal.ln());
        }
    }

    fn join(&mut self, more: &Self) {
        self.windows += more.windows;
        self.at_most.iter_mut().zip(more.at_most).for_each(|(count, more)| *count += more);
    }
}

/// By role, window and reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByRole(BTreeMap<(String, &'static str, &'static str), Exceedances>);

impl ByRole {
    pub fn add(&mut self, role: &str, window: &WindowP) {
        let key = (role.to_owned(), window.window, window.reads);
        self.0.entry(key).or_default().add(window.ln_p);
    }

    pub fn join(&mut self, more: &Self) {
        for (key, more) in &more.0 {
            self.0.entry(key.clone()).or_default().join(more);
        }
    }

    /// A row for everything, one a role, and one a role, window and kind of reads.
    pub fn rows(&self) -> Vec<Calibration> {
        let mut sums = BTreeMap::<(u8, &str, &str, &str), Exceedances>::new();
        for ((role, window, reads), counts) in &self.0 {
            let keys = [(0, ANY, ANY, ANY), (1, role.as_str(), ANY, ANY), (2, role, window, reads)];
            keys.into_iter().for_each(|key| sums.entry(key).or_default().join(counts));
        }
        let row = |((_, role, window, reads), counts): ((u8, &str, &str, &str), Exceedances)| {
            let ratio = |(count, nominal): (u64, f64)| {
                count as f64 / counts.windows.max(1) as f64 / nominal
            };
            let of = |n: usize| ratio((counts.at_most[n], NOMINAL[n]));
            Calibration {
                role: role.to_owned(),
                window: window.to_owned(),
                reads: reads.to_owned(),
                windows: counts.windows,
                actual_over_nominal: Ratios {
                    p_1e_2: of(0),
                    p_1e_3: of(1),
                    p_1e_4: of(2),
                    p_1e_5: of(3),
                },
            }
        };
        sums.into_iter().map(row).collect()
    }
}

/// How often honest windows were as improbable as nominal or more, over nominal: 1 is true, 2
/// says that the improbable is twice as frequent as was said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// `any` for all of them; so with window and reads.
    pub role: String,
    pub window: String,
    pub reads: String,
    pub windows: u64,
    pub actual_over_nominal: Ratios,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratios {
    #[serde(rename = "1e-2")]
    pub p_1e_2: f64,
    #[serde(rename = "1e-3")]
    pub p_1e_3: f64,
    #[serde(rename = "1e-4")]
    pub p_1e_4: f64,
    #[serde(rename = "1e-5")]
    pub p_1e_5: f64,
}

impl Ratios {
    pub const fn all(self) -> [f64; NOMINAL.len()] {
        [self.p_1e_2, self.p_1e_3, self.p_1e_4, self.p_1e_5]
    }
}

impl Calibration {
    /// Of a role as a whole, or of all.
    pub fn is_sum(&self) -> bool {
        self.window == ANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(window: &'static str, ln_p: f64) -> WindowP {
        WindowP { minute: 0, window, reads: "all", ln_p }
    }

    #[test]
    fn uniform_probabilities_are_true_and_others_show_by_how_much_not() {
        let mut by_role = ByRole::default();
        for n in 0..200_000 {
            let p = (f64::from(n) + 0.5) / 200_000.0;
            by_role.add("clerk", &window("10 min", p.ln()));
            // Said to be twice as improbable as it is.
            by_role.add("officer", &window("1 h", (p / 2.0).ln()));
        }
        let rows = by_role.rows();
        let of = |role: &str| {
            let row = rows.iter().find(|row| row.role == role && row.is_sum()).expect("a row");
            (
                row.windows,
                row.actual_over_nominal.all().map(|ratio| (ratio * 100.0).round() / 100.0),
            )
        };
        assert_eq!(of("clerk"), (200_000, [1.0; 4]));
        assert_eq!(of("officer"), (200_000, [2.0; 4]));
        assert_eq!(of(ANY), (400_000, [1.5; 4]));
        assert_eq!(rows.len(), 5, "everything, two roles, and a window of each");
        let mut twice = by_role.clone();
        twice.join(&by_role);
        assert_eq!(twice.rows()[0].windows, 800_000);
        assert_eq!(twice.rows()[0].actual_over_nominal, rows[0].actual_over_nominal);
    }

    #[test]
    fn without_windows_there_are_no_rows() {
        assert!(ByRole::default().rows().is_empty());
    }
}
