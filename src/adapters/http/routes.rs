//! Which path is answered by whom.

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
use super::{console, findings, health, incidents, metrics, openapi, stats, stream, timeline};

/// The routes with their descriptions: there is no other way to add one.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::one))
        .routes(routes!(timeline::timeline))
        .routes(routes!(findings::list))
        .routes(routes!(stats::stats))
        .routes(routes!(stream::stream))
        .routes(routes!(openapi::openapi))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
}

/// Everything the server answers. The default of the compression leaves event streams alone.
pub fn router(app: App, hosts: Hosts) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(console::console)
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .with_state(app)
        .layer(from_fn(guard::in_time))
        .layer(CompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .layer(from_fn_with_state(hosts, guard::admit))
        .layer(from_fn(guard::headers))
}
