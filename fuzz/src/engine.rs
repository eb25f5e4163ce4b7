//! The engine as far as decoding needs it.

#[path = "../../src/engine/decode/mod.rs"]
pub mod decode;
#[path = "../../src/engine/model/mod.rs"]
pub mod model;
