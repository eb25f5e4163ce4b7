//! How a command ends.

use std::process::{ExitCode, Termination};

use crate::app::SettingsError;

/// Exit codes, as `README.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Fine = 0,
    /// Findings of the severity `--fail-on` asked about.
    Found = 1,
    BadRule = 2,
    /// Also a wrong command line.
    BadConfig = 3,
    /// Nothing in the input could be read.
    BadInput = 4,
    Internal = 5,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// A command that could not do its work.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: anyhow::Error,
}

impl Failure {
    /// The error with its causes, each said once: some errors tell their cause themselves.
    pub fn told(&self) -> String {
        let mut told = String::new();
        for cause in self.error.chain().map(ToString::to_string) {
            if told.is_empty() {
                told = cause;
            } else if !told.contains(&cause) {
                told.push_str(": ");
                told.push_str(&cause);
            }
        }
        told
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let exit = if error.is_of_rules() { Exit::BadRule } else { Exit::BadConfig };
        Self { exit, error: error.into() }
    }
}

/// Says which exit code an error stands for.
pub trait OrExit<T> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure { exit, error: error.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: anyhow::Error, told: &str) {
        assert_eq!(Failure { exit: Exit::Internal, error }.told(), told);
    }

    #[test]
    fn every_cause_is_said_once() {
        let disk = || std::io::Error::other("disk full");
        check(
            anyhow::Error::new(disk()).context("cannot write a.db"),
            "cannot write a.db: disk full",
        );
        check(
            anyhow::Error::new(disk()).context("cannot write a.db: disk full"),
            "cannot write a.db: disk full",
        );
    }
}
