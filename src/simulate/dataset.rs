//! The agency's datasets: what each is about, how sensitive, and where it is kept.

/// Whom or what a record of a dataset is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Travelers,
    Consignments,
    Traders,
    Staff,
    /// Aggregates: about nobody.
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Dataset {
    Pnr,
    Api,
    Visa,
    EntryExit,
    PassportImages,
    Biometrics,
    Watchlist,
    Declarations,
    Manifests,
    ReleasePins,
    Traders,
    Statistics,
    Staff,
}

/// What the catalogue and the wire say of a dataset.
#[derive(Debug)]
pub(super) struct Facts {
    pub name: &'static str,
    pub category: &'static str,
    pub tier: u8,
    pub case_required: bool,
    pub about: About,
    /// The application that serves it, and the last byte of its address in 10.1.0.0/24.
    pub system: &'static str,
    pub host: u8,
    /// Prefix of its record numbers.
    pub record: &'static str,
    /// Median size of one record, in bytes.
    pub bytes: u32,
}

impl Dataset {
    pub(super) const ALL: [Self; 13] = [
        Self::Pnr,
        Self::Api,
        Self::Visa,
        Self::EntryExit,
        Self::PassportImages,
        Self::Biometrics,
        Self::Watchlist,
        Self::Declarations,
        Self::Manifests,
        Self::ReleasePins,
        Self::Traders,
        Self::Statistics,
        Self::Staff,
    ];

    pub(super) const fn facts(self) -> &'static Facts {
        &FACTS[self as usize]
    }
}

/// In the order of [`Dataset::ALL`]; a test holds the two together.
static FACTS: [Facts; 13] = [
    facts("pnr", "travel", 2, false, About::Travelers, "pnr-gateway", 11, "PNR-", 1_800),
    facts("api", "travel", 2, false, About::Travelers, "api-gateway", 12, "API-", 900),
    facts("visa", "immigration", 2, false, About::Travelers, "visa-system", 13, "VIS-", 5_200),
    facts("entry_exit", "travel", 2, false, About::Travelers, "entry-exit", 14, "EES-", 700),
    facts(
        "passport_images",
        "biometric",
        3,
        false,
        About::Travelers,
        "image-store",
        15,
        "IMG-",
        48_000,
    ),
    facts("biometrics", "biometric", 3, true, About::Travelers, "abis", 16, "BIO-", 90_000),
    facts("watchlist", "security", 3, true, About::Travelers, "watchlist", 17, "WL-", 2_400),
    facts(
        "declarations",
        "cargo",
        1,
        false,
        About::Consignments,
        "declaration-system",
        21,
        "DEC-",
        3_600,
    ),
    facts("manifests", "cargo", 1, false, About::Consignments, "manifest-hub", 22, "MAN-", 9_000),
    facts(
        "release_pins",
        "cargo",
        3,
        true,
        About::Consignments,
        "terminal-release",
        23,
        "PIN-",
        240,
    ),
    facts("traders", "cargo", 1, false, About::Traders, "trader-register", 24, "TRA-", 1_500),
    facts("statistics", "aggregate", 0, false, About::Nobody, "warehouse", 31, "STA-", 20_000),
    facts("staff", "personnel", 1, false, About::Staff, "personnel", 32, "STF-", 1_100),
];

#[expect(clippy::too_many_arguments, reason = "a table row, read by column")]
const fn facts(
    name: &'static str,
    category: &'static str,
    tier: u8,
    case_required: bool,
    about: About,
    system: &'static str,
    host: u8,
    record: &'static str,
    bytes: u32,
) -> Facts {
    Facts { name, category, tier, case_required, about, system, host, record, bytes }
}

/// `catalogue.toml` for the agency.
pub(super) fn catalogue_toml() -> String {
    let mut text = String::from(
        "# What the agency keeps: category, tier (0 to 3), and whether a read needs a case.\n",
    );
    for dataset in Dataset::ALL {
        let f = dataset.facts();
        text.push_str(&format!(
            "\n[[dataset]]\nname = \"{}\"\ncategory = \"{}\"\ntier = {}\ncase_required = {}\n",
            f.name, f.category, f.tier, f.case_required
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for dataset in Dataset::ALL {
            let squeezed = dataset.facts().name.replace('_', "");
            assert_eq!(format!("{dataset:?}").to_lowercase(), squeezed);
        }
    }

    #[test]
    fn the_catalogue_is_toml_and_asks_for_cases_where_it_should() {
        let parsed: toml::Table = catalogue_toml().parse().expect("toml");
        let required: Vec<_> = parsed["dataset"]
            .as_array()
            .expect("array")
            .iter()
            .filter(|d| d["case_required"].as_bool() == Some(true))
            .filter_map(|d| d["name"].as_str())
            .collect();
        assert_eq!(required, ["biometrics", "watchlist", "release_pins"]);
    }
}
