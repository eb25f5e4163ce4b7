//! Appends the few shapes an event is made of. Nothing it is given needs escaping: all text comes
//! from tables in this folder.

use crate::engine::model::EventTime;

use super::agency::{Actor, Agency};
use super::roles::Role;
use super::sites::SITES;

pub(super) struct Json<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Json<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn bytes(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    pub(super) fn lower(&mut self, text: &str) {
        self.out.extend(text.bytes().map(|b| b.to_ascii_lowercase()));
    }

    pub(super) fn number(&mut self, value: u64) {
        self.padded(value, 1);
    }

    /// Decimal, with leading zeros up to `width` digits.
    pub(super) fn padded(&mut self, mut value: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let mut at = digits.len();
        while value > 0 || digits.len() - at < width.min(20) {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    /// The lowest `width` hexadecimal digits.
    pub(super) fn hex(&mut self, value: u64, width: u32) {
        for n in (0..width).rev() {
            self.out.push(b"0123456789abcdef"[(value >> (4 * n)) as usize & 15]);
        }
    }

    /// Twelve characters of Crockford's base 32: the lower 60 bits.
    pub(super) fn bare_id(&mut self, id: u64) {
        for n in (0..12).rev() {
            let digit = (id >> (5 * n)) as usize & 31;
            self.out.push(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[digit]);
        }
    }

    pub(super) fn bare_ip(&mut self, ip: u32) {
        for (n, byte) in ip.to_be_bytes().into_iter().enumerate() {
            self.raw(if n == 0 { "" } else { "." });
            self.number(u64::from(byte));
        }
    }

    pub(super) fn bare_time(&mut self, time: EventTime) {
        let (year, month, day, hour, minute, second, milli) = time.civil();
        self.padded(year.unsigned_abs(), 4);
        for (mark, part) in [("-", month), ("-", day), ("T", hour), (":", minute), (":", second)] {
            self.raw(mark);
            self.padded(u64::from(part), 2);
        }
        self.raw(".");
        self.padded(u64::from(milli), 3);
        self.raw("Z");
    }

    /// As [`Actor::id`].
    pub(super) fn bare_actor(&mut self, agency: &Agency, n: u32) {
        let actor = agency.actor(n);
        self.raw(actor.role.prefix());
        if actor.role == Role::ServiceAccount {
            self.raw(actor.service.name());
            self.raw("-");
        }
        self.number(u64::from(actor.number));
    }

    /// As [`Actor::unit`], without an allocation for the most frequent roles.
    pub(super) fn bare_unit(&mut self, actor: &Actor) {
        let mark = match actor.role {
            Role::BorderOfficer => "-T",
            Role::CustomsOfficer => "-C",
            Role::ServiceAccount => {
                self.raw(SITES[usize::from(actor.site)].code);
                return self.raw("-SYSTEMS");
            }
            _ => return self.raw(&actor.unit()),
        };
        self.raw(SITES[usize::from(actor.site)].code);
        self.raw(mark);
        self.number(u64::from(actor.terminal));
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::SimulationConfig;
    use super::*;

    fn check(write: impl FnOnce(&mut Json<'_>), expected: &str) {
        let mut out = Vec::new();
        write(&mut Json::new(&mut out));
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn writes_numbers() {
        check(|j| j.number(0), "0");
        check(|j| j.number(u64::MAX), "18446744073709551615");
        check(|j| j.padded(12, 4), "0012");
        check(|j| j.padded(12_345, 4), "12345");
        check(|j| j.hex(0xabc, 10), "0000000abc");
        check(|j| j.bare_id(31 << 5), "0000000000Z0");
        check(|j| j.bare_ip(0xc000_0209), "192.0.2.9");
    }

    #[test]
    fn writes_times_as_the_model_prints_them() {
        for millis in [0, 1_772_409_600_123, 1_999_999_999_999, 951_825_599_001] {
            let time = EventTime::from_millis(millis).expect("in range");
            check(|j| j.bare_time(time), &time.to_string());
        }
    }

    #[test]
    fn writes_accounts_and_units_as_the_roster_names_them() {
        let config = SimulationConfig { actors: 400, ..SimulationConfig::default() };
        let agency = Agency::found(&config);
        for (n, actor) in agency.actors.iter().enumerate() {
            check(|j| j.bare_actor(&agency, n as u32), &actor.id());
            check(|j| j.bare_unit(actor), &actor.unit());
        }
    }
}
