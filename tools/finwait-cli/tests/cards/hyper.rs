//! A server made of hyper, with its defaults.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::kinds::{LARGE, SMALL};

/// What an answer takes, as those of most handlers do. While hyper waits for one it looks for the
/// client's FIN; with no wait at all it would be luck whether it sees it.
const WORK: Duration = Duration::from_millis(5);

/// Serves `/`, `/large` and `/slow` in this process, as long as it runs.
pub(crate) fn serve(slow: Duration) -> SocketAddr {
    let (told, address) = mpsc::channel();
    thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        runtime.block_on(accept(slow, &told))
    });
    address.recv().expect("it listens")
}

async fn accept(slow: Duration, told: &mpsc::Sender<SocketAddr>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let _ = told.send(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service_fn(move |request| answer(request, slow));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        // An error is an end of the connection like others, and is seen at its client.
        tokio::spawn(connection);
    }
}

/// Takes bodies whole, and answers 400 to one that was cut.
async fn answer(
    request: Request<Incoming>,
    slow: Duration,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let size = match request.uri().path() {
        "/" => {
            tokio::time::sleep(WORK).await;
            SMALL
        }
        "/large" => LARGE,
        "/slow" => {
            tokio::time::sleep(slow).await;
            5
        }
        _ => return Ok(status(StatusCode::NOT_FOUND)),
    };
    if request.method() == Method::POST && request.into_body().collect().await.is_err() {
        return Ok(status(StatusCode::BAD_REQUEST));
    }
    let body = vec![b'x'; usize::try_from(size).unwrap_or_default()];
    Ok(Response::new(Full::new(Bytes::from(body))))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}
