//! A carrier on a port of its own: it keeps what it was asked and answers what it was told, else that it took it.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};

/// A request that it got.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The fields of a form, or of a JSON object, in no order.
    pub fn fields(&self) -> Value {
        if let Ok(json) = serde_json::from_slice(&self.body) {
            return json;
        }
        let mut fields = serde_json::Map::new();
        for (name, value) in form_urlencoded::parse(&self.body) {
            let more = fields.entry(name.into_owned()).or_insert_with(|| json!([]));
            more.as_array_mut().unwrap().push(value.into_owned().into());
        }
        fields
            .into_iter()
            .map(|(name, mut all)| {
                let only = all.as_array().unwrap().len() == 1;
                (name, if only { all[0].take() } else { all })
            })
            .collect()
    }
}

/// What it is told to answer.
#[derive(Clone, Debug)]
pub enum Told {
    Status(u16, &'static [(&'static str, &'static str)], String),
    /// Takes the message, and answers nothing until the test is over.
    TakeAndHang,
    /// Takes the message, and says so once it is told to.
    Later(Arc<Mutex<Option<oneshot::Receiver<()>>>>),
    /// Takes the message, and breaks off in the middle of the answer.
    TakeAndCut,
}

impl Told {
    pub fn json(status: u16, body: &Value) -> Told {
        Told::Status(status, &[], body.to_string())
    }

    /// An error in Twilio's words.
    pub fn twilio(status: u16, code: u32) -> Told {
        Told::json(
            status,
            &json!({"code": code, "message": format!("error {code}"), "more_info": "", "status": status}),
        )
    }
}

#[derive(Default)]
struct Inner {
    asked: Mutex<Vec<Asked>>,
    told: Mutex<VecDeque<Told>>,
    came: Notify,
}

#[derive(Clone)]
pub struct FakeCarrier {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

impl FakeCarrier {
    pub async fn start() -> FakeCarrier {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::<Inner>::default();
        let router = axum::Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum_serve(listener, router).await });
        FakeCarrier { address, inner }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next answers, one each.
    pub fn tell(&self, told: impl IntoIterator<Item = Told>) {
        self.inner.told.lock().unwrap().extend(told);
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.inner.asked.lock().unwrap().clone()
    }

    /// The requests, once there are so many.
    pub async fn asked_for(&self, count: usize) -> Vec<Asked> {
        loop {
            let came = self.inner.came.notified();
            let asked = self.asked();
            if asked.len() >= count {
                return asked;
            }
            came.await;
        }
    }
}

/// As `axum::serve`, which needs a feature that the product does not.
async fn axum_serve(listener: TcpListener, router: axum::Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = hyper::service::service_fn({
            let router = router.clone();
            move |request: hyper::Request<hyper::body::Incoming>| {
                tower::ServiceExt::oneshot(router.clone(), request)
            }
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let number = {
        let mut asked = inner.asked.lock().unwrap();
        asked.push(Asked { method: parts.method, path: path.clone(), headers: parts.headers, body });
        asked.len()
    };
    let told = inner.told.lock().unwrap().pop_front();
    inner.came.notify_waiters();
    match told {
        None => taken(&path, number),
        Some(Told::Status(status, headers, body)) => {
            let mut response = Response::builder().status(status).header("content-type", "application/json");
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Some(Told::TakeAndHang) => std::future::pending().await,
        Some(Told::Later(told)) => {
            let told = told.lock().unwrap().take().unwrap();
            told.await.unwrap();
            taken(&path, number)
        }
        Some(Told::TakeAndCut) => {
            let half = futures_util::stream::iter([Ok(Bytes::from("{\"sid\": \"S"))]);
            let cut = futures_util::stream::once(async { Err(std::io::Error::other("cut")) });
            Response::builder().status(StatusCode::CREATED).body(Body::from_stream(half.chain(cut))).unwrap()
        }
    }
}

/// That it took the message, in the words of the carrier whose API that is.
fn taken(path: &str, number: usize) -> Response {
    let (status, body) = match path {
        "/v2/messages" => {
            let to = json!([{"phone_number": "", "status": "queued"}]);
            (
                200,
                json!({"data": {"record_type": "message", "id": format!("telnyx-{number}"), "to": to, "parts": 1}}),
            )
        }
        "/sms/json" => {
            let part = json!({"to": "", "message-id": format!("vonage-{number}"), "status": "0"});
            (200, json!({"message-count": "1", "messages": [part]}))
        }
        "/v1/messages" => (202, json!({"message_uuid": format!("vonage-{number}")})),
        _ => (
            201,
            json!({"sid": format!("SM{number:032}"), "status": "queued", "num_segments": "1", "error_code": null, "error_message": null}),
        ),
    };
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Body::from(body.to_string())).unwrap()
}
