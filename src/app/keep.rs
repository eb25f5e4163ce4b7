//! Keeps a role at work: starts it again when it fails, and says so.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::adapters::telemetry::Telemetry;

/// A part of the process that is started again when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Detector,
    Correlator,
    Election,
    WatchReader,
    ExceptionsReader,
    PeersReader,
}

impl Role {
    const ALL: [Self; 6] = [
        Self::Detector,
        Self::Correlator,
        Self::Election,
        Self::WatchReader,
        Self::ExceptionsReader,
        Self::PeersReader,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Correlator => "correlator",
            Self::Election => "election",
            Self::WatchReader => "watch reader",
            Self::ExceptionsReader => "exceptions reader",
            Self::PeersReader => "peers reader",
        }
    }
}

/// How long a role that failed waits before it starts again.
const RESTART_FIRST: Duration = Duration::from_millis(500);
const RESTART_MAX: Duration = Duration::from_secs(15);
/// A role that has failed counts as well again once it has worked for so long.
const RECOVERED: Duration = Duration::from_secs(5);
const SLICE: Duration = Duration::from_millis(50);

/// Which roles have failed lately: the process is not ready while one has.
pub struct Health {
    telemetry: Arc<Telemetry>,
    roles: Mutex<[State; 6]>,
}

#[derive(Clone, Copy, Default)]
struct State {
    failed: bool,
    working_since: Option<Instant>,
}

impl Health {
    pub fn new(telemetry: Arc<Telemetry>) -> Self {
        Role::ALL.into_iter().for_each(|role| telemetry.role(role.name()));
        Self { telemetry, roles: Mutex::default() }
    }

    /// Names of the roles that are down, or were until a moment ago.
    pub fn failing(&self) -> Vec<&'static str> {
        let roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        let is_failing = |state: &State| {
            state.failed && state.working_since.is_none_or(|since| since.elapsed() < RECOVERED)
        };
        let failing = Role::ALL.into_iter().zip(roles.iter()).filter(|(_, s)| is_failing(s));
        failing.map(|(role, _)| role.name()).collect()
    }

    fn started(&self, role: Role) {
        self.at(role, |state| state.working_since = Some(Instant::now()));
    }

    fn failed(&self, role: Role) {
        self.at(role, |state| *state = State { failed: true, working_since: None });
        self.telemetry.role_failed(role.name());
    }

    fn at(&self, role: Role, change: impl FnOnce(&mut State)) {
        change(&mut self.roles.lock().unwrap_or_else(PoisonError::into_inner)[role as usize]);
    }
}

/// Runs a role again and again, waiting longer each time it fails, until told to stop.
pub fn keep<E: Display>(
    role: Role,
    health: &Health,
    stop: &AtomicBool,
    run: impl FnMut() -> Result<(), E>,
) {
    keep_waiting(role, health, stop, RESTART_FIRST, run);
}

fn keep_waiting<E: Display>(
    role: Role,
    health: &Health,
    stop: &AtomicBool,
    first: Duration,
    mut run: impl FnMut() -> Result<(), E>,
) {
    let mut wait = first;
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        health.started(role);
        let ended = catch_unwind(AssertUnwindSafe(&mut run));
        let ended = ended.map_or_else(
            |_| Err("it panicked".to_owned()),
            |ended| ended.map_err(|error| error.to_string()),
        );
        let Err(error) = ended else { continue };
        if stop.load(Ordering::Relaxed) {
            tracing::warn!(
                role = role.name(),
                error,
                "stopped with work unfinished; it is done at the next start"
            );
            return;
        }
        health.failed(role);
        if started.elapsed() > RESTART_MAX * 2 {
            wait = first;
        }
        let wait_ms = wait.as_millis() as u64;
        tracing::error!(role = role.name(), error, wait_ms, "failed; starting it again");
        let until = Instant::now() + wait;
        while Instant::now() < until && !stop.load(Ordering::Relaxed) {
            thread::sleep(SLICE);
        }
        wait = (wait * 2).min(RESTART_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_fails_or_panics_is_told_of_and_started_again() {
        let telemetry = Telemetry::new(&[], []);
        let health = Health::new(Arc::clone(&telemetry));
        let stop = AtomicBool::new(false);
        assert!(health.failing().is_empty());
        let mut runs = 0;
        keep_waiting(Role::Correlator, &health, &stop, Duration::ZERO, || {
            runs += 1;
            match runs {
                1 => Err("no store"),
                2 => panic!("a fault of ours"),
                _ => {
                    assert_eq!(health.failing(), ["correlator"]);
                    stop.store(true, Ordering::Relaxed);
                    Ok(())
                }
            }
        });
        assert_eq!(runs, 3);
        let said = telemetry.render().unwrap();
        assert!(said.contains("tidewaiter_role_failures_total{role=\"correlator\"} 2"), "{said}");
    }
}
