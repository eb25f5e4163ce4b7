//! Which path is answered by whom.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::guard::{self, BODY_BYTES_MAX, Hosts};
use super::state::App;
use super::{
    acts, budget, clocks, console, detectors, exceptions, findings, health, incidents, me, metrics,
    openapi, past, report, rules, silences, stats, stream, timeline,
};
use crate::adapters::telemetry::Telemetry;

/// The routes with their descriptions: there is no other way to add one.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::one))
        .routes(routes!(timeline::timeline))
        .routes(routes!(past::timeline))
        .routes(routes!(acts::list, acts::act))
        .routes(routes!(acts::bulk))
        .routes(routes!(acts::audit))
        .routes(routes!(exceptions::proposal))
        .routes(routes!(exceptions::list, exceptions::add))
        .routes(routes!(exceptions::revoke))
        .routes(routes!(budget::budget, budget::set))
        .routes(routes!(silences::proposal))
        .routes(routes!(silences::list, silences::add))
        .routes(routes!(silences::end))
        .routes(routes!(silences::resume))
        .routes(routes!(clocks::clocks))
        .routes(routes!(clocks::notification))
        .routes(routes!(clocks::regimes))
        .routes(routes!(me::me))
        .routes(routes!(report::report))
        .routes(routes!(detectors::list))
        .routes(routes!(findings::list))
        .routes(routes!(stats::stats))
        .routes(routes!(rules::list))
        .routes(routes!(stream::stream))
        .routes(routes!(openapi::openapi))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
}

/// Everything the server answers.
pub fn router(app: App, hosts: Hosts) -> Router {
    let (router, _) = routes().split_for_parts();
    guarded(router.fallback(console::console).with_state(app), hosts)
}

/// What a process answers that serves no console: how it is, and its figures.
pub fn own_router(telemetry: Arc<Telemetry>, hosts: Hosts) -> Router {
    let (router, _) = OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .split_for_parts();
    guarded(router.fallback(async || ApiError::not_served()).with_state(telemetry), hosts)
}

/// The default of the compression leaves event streams alone.
fn guarded(router: Router, hosts: Hosts) -> Router {
    router
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(from_fn(guard::in_time))
        .layer(CompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .layer(from_fn_with_state(hosts, guard::admit))
        .layer(from_fn(guard::headers))
}
