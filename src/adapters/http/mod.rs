pub struct HttpState { pub store: crate::adapters::store::Store, pub telemetry: std::sync::Arc<crate::adapters::telemetry::Telemetry> }
pub async fn serve(_l: tokio::net::TcpListener, s: HttpState, shutdown: impl Future<Output=()> + Send + 'static) -> std::io::Result<()> { let _ = (s.store, s.telemetry); shutdown.await; Ok(()) }
