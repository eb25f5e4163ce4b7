//! The engine as far as decoding and rules need it.

#[path = "../../src/engine/decode/mod.rs"]
pub mod decode;
#[path = "detect.rs"]
pub mod detect;
#[path = "../../src/engine/model/mod.rs"]
pub mod model;
