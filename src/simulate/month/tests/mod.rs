//! The month as a whole.

use super::*;
