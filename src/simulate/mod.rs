//! An agency as a generator of events. See `simulate::Agency`.
