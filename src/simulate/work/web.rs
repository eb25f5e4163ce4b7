//! What leaves a workstation for the world on an ordinary day. All far ends lie in the address
//! ranges reserved for documentation (RFC 5737).

use super::super::agency::{Actor, ip};
use super::super::chance::{around, below, between, happens, pick};
use super::super::desk::Desk;
use super::super::event::Far;
use super::super::roles::Role;

const fn far(last: u8, host: &'static str) -> Far {
    Far { ip: ip(203, 0, 113, last), port: 443, host, application: "tls" }
}

const SITES: [Far; 7] = [
    far(20, "www.news.example.com"),
    far(21, "maps.example.org"),
    far(22, "weather.example.org"),
    far(23, "cdn.example.com"),
    far(24, "schedules.airline.example"),
    far(25, "search.example.com"),
    Far { ip: ip(198, 51, 100, 10), port: 443, host: "portal.port.example", application: "tls" },
];
const MAIL: Far =
    Far { ip: ip(203, 0, 113, 40), port: 587, host: "relay.example.net", application: "smtp" };
const UPDATES: Far = far(50, "updates.example.org");
const MEETING: Far = far(60, "meet.example.org");
const EXCHANGE: Far = far(70, "exchange.partner.example");

/// Private mail, through which reports leave.
pub(in super::super) const WEBMAIL: Far = far(41, "webmail.example.com");
/// A file-sharing service nobody has business with.
pub(in super::super) const FILE_SHARING: Far = far(9, "files.example.net");

/// A few minutes of the ordinary: pages, mail, updates, rarely a meeting or a file for a partner.
pub(in super::super) fn browse(desk: &mut Desk<'_>, me: &Actor) {
    let start = desk.now_ms;
    let office = !matches!(me.role, Role::BorderOfficer | Role::CustomsOfficer);
    let luck = below(desk.rng, 1_000);
    match luck {
        0..5 if office => {
            // A video meeting sends some 0.7 Mbit/s for up to forty minutes.
            let duration_ms = between(desk.rng, 8 * 60_000, 40 * 60_000);
            let rate = between(desk.rng, 60, 105);
            desk.flow(
                MEETING,
                duration_ms,
                (duration_ms * rate) as u64,
                (duration_ms * rate * 2) as u64,
            );
        }
        5..8 if office => {
            let size = around(desk.rng, 2.5e6, 1.1).min(6e7) as u64;
            desk.flow(EXCHANGE, 2_000 + size as i64 / 4_000, size, 9_000);
        }
        8..30 => {
            let size = around(desk.rng, 6e6, 1.0).min(4e8) as u64;
            desk.flow(UPDATES, 3_000 + size as i64 / 8_000, 4_000 + size / 400, size);
        }
        30..180 => {
            let size = around(desk.rng, 2.6e4, 1.7).min(2e7) as u64;
            desk.flow(MAIL, 900 + size as i64 / 2_000, 1_500 + size, 2_400);
        }
        _ => {
            let site = pick(desk.rng, &SITES, SITES[0]);
            for n in 0..1 + below(desk.rng, 3) {
                let size = around(desk.rng, 7e4, 1.5).min(2e8) as u64;
                let sent = 900 + size / 60;
                let duration_ms = around(desk.rng, 2_500.0, 0.9) as i64;
                let to = if n == 0 || happens(desk.rng, 0.5) { site } else { SITES[3] };
                desk.flow(to, duration_ms, sent, size);
                let pause = between(desk.rng, 20, 3_000);
                desk.wait_ms(pause);
            }
        }
    }
    desk.now_ms = start;
}
