//! Log files: lines out of plain, gzip and zstd files, several merged by event time.
//!
//! Comes in: paths, `-` for standard input. Goes out: lines with the file and line number they
//! stand at. It never decides what a line means beyond reading its time for the merge.

mod learned;
mod lines;
mod merge;

pub use learned::{LearnedFileError, read_learned, write_learned};
pub use lines::{FileError, Lines};
pub use merge::{Merge, Place};
