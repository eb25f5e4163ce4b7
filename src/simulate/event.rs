//! One simulated event, and how it is written on the wire.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::engine::model::{EventTime, Kind, Outcome};

use super::agency::{Agency, Host, Place};
use super::dataset::{About, Dataset};
use super::json::Json;
use super::population::prefix;
use super::sites::SITES;

/// What an access event says beyond its time.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub actor: Option<u32>,
    pub session: Option<u64>,
    pub place: Place,
    pub dataset: Dataset,
    pub action: &'static str,
    pub outcome: Outcome,
    /// Absent for searches and lists.
    pub record: Option<u64>,
    pub subjects: SmallVec<[u32; 2]>,
    pub records: u32,
    pub bytes: u64,
    pub case: Option<u32>,
    pub purpose: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct Auth {
    pub actor: u32,
    pub session: Option<u64>,
    pub place: Place,
    pub action: &'static str,
    pub outcome: Outcome,
    pub mfa: Option<bool>,
}

/// The far end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Far {
    pub ip: u32,
    pub port: u16,
    pub host: &'static str,
    pub application: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub actor: Option<u32>,
    pub place: Place,
    pub port: u16,
    pub far: Far,
    pub duration_ms: u32,
    pub bytes_out: u64,
    pub bytes_in: u64,
    pub verdict: Outcome,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Access(Box<Access>),
    Auth(Auth),
    Network(Flow),
}

/// An event that is planned but not yet emitted.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub at_ms: i64,
    pub breach: Option<u16>,
    pub body: Body,
}

impl Draft {
    pub(super) const fn kind(&self) -> Kind {
        match self.body {
            Body::Access(_) => Kind::Access,
            Body::Auth(_) => Kind::Auth,
            Body::Network(_) => Kind::Network,
        }
    }
}

/// One event of the agency's day.
#[derive(Clone, Debug)]
pub struct Simulated {
    pub time: EventTime,
    pub kind: Kind,
    /// The Kafka key: the actor's id; the source address for flows and for reads by nobody.
    pub key: String,
    /// Index into [`super::Simulation::truth`] of the breach this event belongs to. It is not on
    /// the wire.
    pub breach: Option<u16>,
    id: u64,
    agency: Arc<Agency>,
    body: Body,
}

impl Simulated {
    pub(super) fn new(agency: &Arc<Agency>, id: u64, draft: Draft) -> Self {
        let (actor, place) = match &draft.body {
            Body::Access(access) => (access.actor, access.place),
            Body::Auth(auth) => (Some(auth.actor), auth.place),
            Body::Network(flow) => (None, flow.place),
        };
        let mut key = Vec::with_capacity(24);
        match actor {
            Some(actor) => Json::new(&mut key).bare_actor(agency, actor),
            None => Json::new(&mut key).bare_ip(place.ip),
        }
        Self {
            time: EventTime::MIN.plus_ms(draft.at_ms - EventTime::MIN.millis()),
            kind: draft.kind(),
            key: String::from_utf8(key).unwrap_or_default(),
            breach: draft.breach,
            id,
            agency: Arc::clone(agency),
            body: draft.body,
        }
    }

    /// Appends one native event, without a line end.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut json = Json::new(out);
        json.raw("{\"kind\":\"");
        json.raw(self.kind.name());
        json.raw("\",\"id\":\"");
        json.bare_id(self.id);
        json.raw("\",\"time\":\"");
        json.bare_time(self.time);
        json.raw("\"");
        match &self.body {
            Body::Access(access) => self.write_access(&mut json, access),
            Body::Auth(auth) => self.write_auth(&mut json, auth),
            Body::Network(flow) => self.write_flow(&mut json, flow),
        }
        json.raw("}");
    }

    fn write_access(&self, json: &mut Json<'_>, access: &Access) {
        let facts = access.dataset.facts();
        match access.actor {
            Some(n) => {
                let actor = self.agency.actor(n);
                json.raw(",\"actor\":{\"id\":\"");
                json.bare_actor(&self.agency, n);
                json.raw("\",\"role\":\"");
                json.raw(actor.role.name());
                json.raw("\",\"unit\":\"");
                json.bare_unit(actor);
                json.raw("\",\"type\":\"");
                json.raw(actor.role.actor_type());
                json.raw("\"}");
            }
            None => json.raw(",\"actor\":{\"id\":null}"),
        }
        write_session(json, access.session);
        write_place(json, access.place, None);
        json.raw("},\"system\":\"");
        json.raw(facts.system);
        json.raw("\",\"action\":\"");
        json.raw(access.action);
        json.raw("\",\"outcome\":\"");
        json.raw(access.outcome.name());
        json.raw("\",\"resource\":{\"dataset\":\"");
        json.raw(facts.name);
        json.raw("\",\"category\":\"");
        json.raw(facts.category);
        json.raw("\"");
        if let Some(record) = access.record {
            json.raw(",\"record\":\"");
            json.raw(facts.record);
            json.number(record);
            json.raw("\"");
        }
        match access.subjects.as_slice() {
            [] => {}
            [one] => {
                json.raw(",\"subject\":");
                self.write_subject(json, facts.about, *one);
            }
            many => {
                json.raw(",\"subjects\":[");
                for (n, subject) in many.iter().enumerate() {
                    json.raw(if n == 0 { "" } else { "," });
                    self.write_subject(json, facts.about, *subject);
                }
                json.raw("]");
            }
        }
        json.raw("},\"records\":");
        json.number(u64::from(access.records));
        json.raw(",\"bytes\":");
        json.number(access.bytes);
        if let Some(case) = access.case {
            json.raw(",\"case\":\"C-");
            json.number(u64::from(self.agency.year));
            json.raw("-");
            json.padded(u64::from(case), 4);
            json.raw("\"");
        }
        if !access.purpose.is_empty() {
            json.raw(",\"purpose\":\"");
            json.raw(access.purpose);
            json.raw("\"");
        }
    }

    /// Records about staff name the member of staff by account.
    fn write_subject(&self, json: &mut Json<'_>, about: About, subject: u32) {
        json.raw("\"");
        if about == About::Staff {
            json.bare_actor(&self.agency, subject);
        } else {
            json.raw(prefix(about));
            json.number(u64::from(subject));
        }
        json.raw("\"");
    }

    fn write_auth(&self, json: &mut Json<'_>, auth: &Auth) {
        json.raw(",\"actor\":{\"id\":\"");
        json.bare_actor(&self.agency, auth.actor);
        json.raw("\"}");
        write_session(json, auth.session);
        write_place(json, auth.place, None);
        json.raw("},\"system\":\"sso\",\"action\":\"");
        json.raw(auth.action);
        json.raw("\",\"outcome\":\"");
        json.raw(auth.outcome.name());
        json.raw("\"");
        if let Some(mfa) = auth.mfa {
            json.raw(if mfa { ",\"mfa\":true" } else { ",\"mfa\":false" });
        }
    }

    fn write_flow(&self, json: &mut Json<'_>, flow: &Flow) {
        json.raw(",\"duration_ms\":");
        json.number(u64::from(flow.duration_ms));
        write_place(json, flow.place, Some(flow.port));
        json.raw("},\"destination\":{\"ip\":\"");
        json.bare_ip(flow.far.ip);
        json.raw("\",\"port\":");
        json.number(u64::from(flow.far.port));
        json.raw(",\"host\":\"");
        json.raw(flow.far.host);
        json.raw("\"},\"protocol\":\"");
        json.raw(if flow.far.application == "dns" { "udp" } else { "tcp" });
        json.raw("\",\"application\":\"");
        json.raw(flow.far.application);
        json.raw("\",\"bytes_out\":");
        json.number(flow.bytes_out);
        json.raw(",\"bytes_in\":");
        json.number(flow.bytes_in);
        json.raw(",\"packets_out\":");
        json.number(packets(flow.bytes_out, flow.bytes_in));
        json.raw(",\"packets_in\":");
        json.number(packets(flow.bytes_in, flow.bytes_out));
        json.raw(",\"verdict\":\"");
        json.raw(flow.verdict.name());
        json.raw("\"");
        if let Some(actor) = flow.actor {
            json.raw(",\"actor\":{\"id\":\"");
            json.bare_actor(&self.agency, actor);
            json.raw("\"}");
        }
    }
}

/// Full segments one way, and an acknowledgement for every second one the other way.
const fn packets(bytes: u64, bytes_back: u64) -> u64 {
    3 + bytes.div_ceil(1_400) + bytes_back.div_ceil(2_800)
}

fn write_session(json: &mut Json<'_>, session: Option<u64>) {
    if let Some(session) = session {
        json.raw(",\"session\":\"s-");
        json.hex(session, 10);
        json.raw("\"");
    }
}

/// Opens `source` and leaves it open.
fn write_place(json: &mut Json<'_>, place: Place, port: Option<u16>) {
    json.raw(",\"source\":{\"ip\":\"");
    json.bare_ip(place.ip);
    json.raw("\"");
    match place.host {
        Host::Workstation { site, number } => {
            json.raw(",\"host\":\"ws-");
            json.lower(SITES[usize::from(site)].code);
            json.raw("-");
            json.number(u64::from(number));
            json.raw("\"");
        }
        Host::Service { service, number } => {
            json.raw(",\"host\":\"srv-");
            json.raw(service.name());
            json.raw("-");
            json.number(u64::from(number));
            json.raw("\"");
        }
        Host::Gateway { organisation } => {
            json.raw(",\"host\":\"partner-gw-");
            json.number(u64::from(organisation));
            json.raw("\"");
        }
        Host::Unknown => {}
    }
    match (port, place.site) {
        (Some(port), _) => {
            json.raw(",\"port\":");
            json.number(u64::from(port));
        }
        (None, Some(site)) => {
            json.raw(",\"site\":\"");
            json.raw(SITES[usize::from(site)].code);
            json.raw("\"");
        }
        (None, None) => {}
    }
}
