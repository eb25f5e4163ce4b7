//! One access, network or authentication record, normalised, borrowed from the bytes it came in.

use std::borrow::Cow;

use super::EventTime;

/// Text of an event: borrowed from the record where it could be, owned where it had to be unescaped.
pub type Str<'a> = Cow<'a, str>;

/// Subjects of one event that are looked at; the rest are only counted.
pub const SUBJECTS_MAX: usize = 1_000;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    #[default]
    Access,
    Auth,
    Network,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Access, Self::Auth, Self::Network];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Auth => "auth",
            Self::Network => "network",
        }
    }
}

/// The wire format an event was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    #[default]
    Native,
    Ocsf,
    CloudTrail,
    Zeek,
}

impl Format {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Ocsf => "ocsf",
            Self::CloudTrail => "cloudtrail",
            Self::Zeek => "zeek",
        }
    }
}

/// Where a record was read: a stream (topic partition or file) the shard knows, and its place in it
/// (offset, or line from 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    pub stream: u16,
    pub position: u64,
}

/// Who acts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor<'a> {
    /// `None`: nobody was authenticated. Legal, and suspicious in itself.
    pub id: Option<Str<'a>>,
    pub role: Option<Str<'a>>,
    pub unit: Option<Str<'a>>,
    pub kind: ActorType,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ActorType {
    #[default]
    Person,
    Service,
    Partner,
}

impl ActorType {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
            Self::Partner => "partner",
        }
    }
}

/// One end of a connection or a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// As written: logs carry addresses that do not parse.
    pub ip: Option<Str<'a>>,
    pub host: Option<Str<'a>>,
    pub site: Option<Str<'a>>,
    pub port: Option<u16>,
}

/// Raw subject identifiers, the first without an allocation.
///
/// `SmallVec` would do the same but is invariant in its item, which would tie every borrow of an
/// event to the record it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects<'a> {
    first: Option<Str<'a>>,
    rest: Vec<Str<'a>>,
}

impl<'a> Subjects<'a> {
    pub fn push(&mut self, subject: Str<'a>) {
        match self.first {
            None => self.first = Some(subject),
            Some(_) => self.rest.push(subject),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Str<'a>> {
        self.first.iter().chain(&self.rest)
    }

    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl<'a> FromIterator<Str<'a>> for Subjects<'a> {
    fn from_iter<I: IntoIterator<Item = Str<'a>>>(subjects: I) -> Self {
        let mut subjects = subjects.into_iter();
        Self { first: subjects.next(), rest: subjects.collect() }
    }
}

/// What was done. Words outside the contract are kept in `Other`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action<'a> {
    #[default]
    Read,
    Search,
    List,
    Export,
    Print,
    Unmask,
    Share,
    Update,
    Delete,
    Login,
    Logout,
    MfaChallenge,
    MfaRemoved,
    RoleGranted,
    RoleRevoked,
    AccountDisabled,
    /// A network flow.
    Flow,
    Other(Str<'a>),
}

impl<'a> Action<'a> {
    /// The contract's words map to their variants; any other word is kept.
    pub fn from_word(word: Str<'a>) -> Self {
        match word.as_ref() {
            "read" => Self::Read,
            "search" => Self::Search,
            "list" => Self::List,
            "export" => Self::Export,
            "print" => Self::Print,
            "unmask" => Self::Unmask,
            "share" => Self::Share,
            "update" => Self::Update,
            "delete" => Self::Delete,
            "login" => Self::Login,
            "logout" => Self::Logout,
            "mfa_challenge" => Self::MfaChallenge,
            "mfa_removed" => Self::MfaRemoved,
            "role_granted" => Self::RoleGranted,
            "role_revoked" => Self::RoleRevoked,
            "account_disabled" => Self::AccountDisabled,
            "flow" => Self::Flow,
            _ => Self::Other(word),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::List => "list",
            Self::Export => "export",
            Self::Print => "print",
            Self::Unmask => "unmask",
            Self::Share => "share",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::MfaChallenge => "mfa_challenge",
            Self::MfaRemoved => "mfa_removed",
            Self::RoleGranted => "role_granted",
            Self::RoleRevoked => "role_revoked",
            Self::AccountDisabled => "account_disabled",
            Self::Flow => "flow",
            Self::Other(word) => word,
        }
    }

    /// True where the action shows data to somebody.
    pub fn discloses(&self) -> bool {
        matches!(
            self,
            Self::Read
                | Self::Search
                | Self::List
                | Self::Export
                | Self::Print
                | Self::Unmask
                | Self::Share
        )
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    #[default]
    Allowed,
    Denied,
    Error,
}

impl Outcome {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Error => "error",
        }
    }
}

/// What an access was about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource<'a> {
    pub dataset: Option<Str<'a>>,
    pub category: Option<Str<'a>>,
    pub record: Option<Str<'a>>,
    /// Raw identifiers, at most [`SUBJECTS_MAX`]. Enrichment turns them into tokens; nothing else
    /// may read them.
    pub subjects: Subjects<'a>,
    /// How many the record named, kept or not.
    pub subjects_total: u32,
}

/// What a network event adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow<'a> {
    pub duration_ms: u64,
    pub destination: Endpoint<'a>,
    pub protocol: Option<Str<'a>>,
    pub application: Option<Str<'a>>,
    /// Payload bytes, bounded by what the IP layer carried where that is known.
    pub bytes_out: u64,
    pub bytes_in: u64,
    pub packets_out: u64,
    pub packets_in: u64,
    /// Bytes of whole IP packets, headers included; none where the sensor does not count them.
    pub ip_bytes_out: Option<u64>,
    pub ip_bytes_in: Option<u64>,
}

/// What stands where a free text could, where none is read from it. Rules tell these apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Blank {
    /// Nothing, or a text that was read.
    #[default]
    Absent,
    Null,
    /// A text without a letter.
    Empty,
    /// A number, a truth, a list or an object.
    Other,
}

/// The same of each free text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Blanks {
    pub query: Blank,
    pub note: Blank,
    pub user_agent: Blank,
}

/// One normalised record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event<'a> {
    pub kind: Kind,
    pub format: Format,
    pub time: EventTime,
    /// The producer's own id; where it has none, its place in the stream serves.
    pub id: Option<Str<'a>>,
    pub actor: Actor<'a>,
    pub session: Option<Str<'a>>,
    pub source: Endpoint<'a>,
    pub system: Option<Str<'a>>,
    pub action: Action<'a>,
    /// A network event's `verdict`.
    pub outcome: Outcome,
    pub resource: Resource<'a>,
    /// Rows returned.
    pub records: u64,
    pub bytes: u64,
    pub case: Option<Str<'a>>,
    pub purpose: Option<Str<'a>>,
    /// The text of a search, as a person or a program wrote it.
    pub query: Option<Str<'a>>,
    /// What somebody wrote beside it.
    pub note: Option<Str<'a>>,
    pub user_agent: Option<Str<'a>>,
    /// Of the three before, told of native records alone.
    pub blanks: Blanks,
    pub mfa: Option<bool>,
    /// Present on network events only.
    pub flow: Option<Flow<'a>>,
    /// Numbers that were negative or absurd and were brought into range.
    pub saturated: u32,
}

impl Event<'_> {
    pub fn actor_id(&self) -> Option<&str> {
        self.actor.id.as_deref()
    }

    pub fn source_ip(&self) -> Option<&str> {
        self.source.ip.as_deref()
    }
}
