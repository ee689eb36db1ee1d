//! `--metrics ADDR`: one page in the Prometheus text format.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tidegate_core::{Error, Result};
use tokio::net::TcpListener;

/// Produces the page when asked.
pub type Page = Arc<dyn Fn() -> String + Send + Sync>;

/// Listens and serves `/metrics` until the process ends.
///
/// # Errors
/// Where the address cannot be bound.
pub async fn serve(address: SocketAddr, page: Page) -> Result<()> {
    let listener = TcpListener::bind(address).await.map_err(|e| {
        Error::user(format!("cannot serve metrics on {address}: {e}"))
            .help("choose a free port with --metrics ADDR:PORT")
    })?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let page = page.clone();
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request| answer(request, page.clone()));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A scraper that hangs up early is its own affair.
                let _ = connection.await;
            });
        }
    });
    Ok(())
}

async fn answer(request: Request<hyper::body::Incoming>, page: Page) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match request.uri().path() {
        "/metrics" | "/" => (StatusCode::OK, page()),
        _ => (StatusCode::NOT_FOUND, "the page is /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("text/plain; version=0.0.4"));
    Ok(response)
}
