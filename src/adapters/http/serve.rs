//! The server, from its first connection to its last.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::connections::Capped;
use super::guard::Hosts;
use super::routes::{own_router, router};
use super::state::{App, HttpState};
use super::stream;

/// Connections at once; more than the live stream's clients, so that those never shut out a
/// health check.
const CONNECTIONS_MAX: usize = 1_024;
const _: () = assert!(CONNECTIONS_MAX > super::state::STREAMS_MAX);
/// Answers still under way at the end get so long.
const ENDING_WITHIN: Duration = Duration::from_secs(10);

/// Serves until `shutdown`, then lets answers under way finish, for 10 s at most. Live streams
/// end at once. On a loopback address, only requests by a loopback host name are answered.
pub async fn serve(
    listener: TcpListener,
    state: HttpState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let loopback = listener.local_addr()?.ip().is_loopback();
    let hosts = if loopback { Hosts::Loopback } else { Hosts::Any };
    let (stop, stopping) = watch::channel(false);
    let HttpState { store, telemetry, settings } = state;
    let (router, watching) = match store {
        Some(store) => {
            let app = App::new(store, telemetry, settings, stopping.clone());
            (router(app.clone(), hosts), Some(tokio::spawn(stream::watch(app))))
        }
        None => (own_router(telemetry, hosts), None),
    };
    let mut ending = stopping.clone();
    let mut overdue = stopping;
    tokio::spawn(async move {
        shutdown.await;
        // An error says that the server has ended before.
        let _ = stop.send(true);
    });
    let serving = axum::serve(Capped::new(listener, CONNECTIONS_MAX), router)
        .with_graceful_shutdown(async move {
            let _ = ending.wait_for(|stopping| *stopping).await;
        })
        .into_future();
    let result = tokio::select! {
        result = serving => result,
        () = async {
            let _ = overdue.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(ENDING_WITHIN).await;
        } => {
            tracing::warn!("connections were still open at the end; they are cut");
            Ok(())
        }
    };
    if let Some(watching) = watching {
        watching.abort();
    }
    result
}
