//! Free ports on 127.0.0.1 for a cluster.
//!
//! Taken from below the range the system hands out by itself, so that a broker that is down for a
//! moment does not lose its port to some client's outgoing connection.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where one node listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub client: u16,
    /// Between brokers, and for the transaction coordinator's own use: never secured.
    pub internal: u16,
    pub controller: u16,
}

/// Three free ports a node, not handed out twice by this process.
pub fn free(nodes: usize) -> Result<Vec<Ports>, String> {
    (0..nodes).map(|_| Ok(Ports { client: one()?, internal: one()?, controller: one()? })).collect()
}

/// One free port, not handed out twice by this process.
pub fn one() -> Result<u16, String> {
    // Test processes start at different places, so that they seldom look at the same port.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).map_err(|e| e.to_string())?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(format!("no free port on 127.0.0.1 in {FIRST}..{}", FIRST + COUNT))
}
