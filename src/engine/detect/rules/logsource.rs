//! Which records a rule speaks of.

use smallvec::{SmallVec, smallvec};

use crate::engine::model::{Format, Kind};

/// What a rule asks of a record's source. What it does not name may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogSourceFilter {
    pub product: Option<Box<str>>,
    pub service: Option<Box<str>>,
    pub category: Option<Box<str>>,
}

/// Where a record comes from. Words are lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogSource<'a> {
    pub product: Option<&'a str>,
    pub service: Option<&'a str>,
    pub categories: SmallVec<[&'a str; 2]>,
}

impl LogSourceFilter {
    pub fn takes(&self, source: &LogSource<'_>) -> bool {
        let is = |wanted: &Option<Box<str>>, word: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| word == Some(wanted))
        };
        is(&self.product, source.product)
            && is(&self.service, source.service)
            && self.category.as_deref().is_none_or(|wanted| source.categories.contains(&wanted))
    }

    /// Whether rules of this source go by the normalised names.
    pub(super) fn is_ours(&self) -> bool {
        self.product.as_deref() == Some("tidewaiter")
    }

    /// True where every record that `other` takes is one that `self` takes.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let is =
            |mine: &Option<Box<str>>, theirs: &Option<Box<str>>| mine.is_none() || mine == theirs;
        is(&self.product, &other.product)
            && is(&self.service, &other.service)
            && is(&self.category, &other.category)
    }
}

impl LogSource<'static> {
    /// The sources a normalised event counts as: our own names for what is an agency's own or is
    /// a flow whoever logged it, and the producer's names where rules off the shelf use them.
    pub fn of_event(format: Format, kind: Kind) -> SmallVec<[Self; 2]> {
        let own =
            Self { product: Some("tidewaiter"), service: None, categories: smallvec![kind.name()] };
        match format {
            Format::Native | Format::Ocsf => smallvec![own],
            Format::CloudTrail => smallvec![Self {
                product: Some("aws"),
                service: Some("cloudtrail"),
                categories: smallvec![],
            }],
            Format::Zeek => smallvec![
                own,
                Self {
                    product: Some("zeek"),
                    service: Some("conn"),
                    categories: smallvec!["network", "network_connection"],
                }
            ],
        }
    }
}
