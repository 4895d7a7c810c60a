//! The load generator: its own process, keep-alive connections, requests that were written out before
//! the clock starts. Each connection has one request under way. An answer counts only with status 200
//! and a whole body; everything else is an error.

use crate::data::{API_KEY, Sender, TWILIO_TOKEN, WEBHOOK_PATH, customer, form, message_sid, sender};
use crate::dice::Dice;
use crate::process::answer;
use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use smslite::carriers::twilio::sign;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub address: SocketAddr,
    pub connections: usize,
    pub seconds: f64,
    pub requests: Requests,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Requests {
    /// These paths, round and round.
    Reads(Vec<String>),
    Webhooks(Messages),
}

/// Inbound messages, each sent once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Messages {
    /// How many customers the data has.
    pub existing: u64,
    /// Where new customers begin: every run has its own.
    pub first_new: u64,
    pub seed: u64,
    /// So many are prepared; more than can be sent.
    pub most: u64,
}

/// What came of a plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub answered: u64,
    pub errors: u64,
    pub first_error: Option<String>,
    pub seconds: f64,
    pub p50_micros: u32,
    pub p99_micros: u32,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.answered as f64 / self.seconds
    }

    pub(crate) fn of(mut micros: Vec<u32>, errors: Vec<String>, seconds: f64) -> Measured {
        micros.sort_unstable();
        let at = |part: usize| micros.get(micros.len().saturating_sub(1) * part / 100).copied().unwrap_or(0);
        Measured {
            answered: micros.len() as u64,
            errors: errors.len() as u64,
            first_error: errors.first().cloned(),
            seconds,
            p50_micros: at(50),
            p99_micros: at(99),
        }
    }
}

/// Carries out one plan a line.
pub(crate) fn generate() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    answer(|plan: Plan| runtime.block_on(run(plan)))
}

async fn run(plan: Plan) -> anyhow::Result<Measured> {
    let requests = Arc::new(plan.requests.written_out(plan.address));
    let round_and_round = matches!(plan.requests, Requests::Reads(_));
    let start = Arc::new(Barrier::new(plan.connections + 1));
    let mut running = Vec::new();
    for place in 0..plan.connections {
        let connection = Connection::open(plan.address).await?;
        let (requests, start) = (requests.clone(), start.clone());
        let seconds = Duration::from_secs_f64(plan.seconds);
        running.push(tokio::spawn(async move {
            start.wait().await;
            // Its own share of what is sent once; all of what is read again and again.
            let all = requests.iter();
            if round_and_round {
                let first = place * requests.len() / plan.connections;
                client(connection, all.cycle().skip(first), seconds).await
            } else {
                client(connection, all.skip(place).step_by(plan.connections), seconds).await
            }
        }));
    }
    start.wait().await;
    let (began, mut micros, mut errors) = (Instant::now(), Vec::new(), Vec::new());
    for running in running {
        let (some, failed) = running.await?;
        micros.extend(some);
        errors.extend(failed);
    }
    Ok(Measured::of(micros, errors, began.elapsed().as_secs_f64()))
}

/// One request after the other. Returns how long each took, in microseconds, and why it ended early.
async fn client(
    mut connection: Connection,
    requests: impl Iterator<Item = &Vec<u8>>,
    seconds: Duration,
) -> (Vec<u32>, Option<String>) {
    let (began, mut micros) = (Instant::now(), Vec::new());
    for request in requests {
        if began.elapsed() >= seconds {
            break;
        }
        let asked = Instant::now();
        if let Err(error) = connection.roundtrip(request).await {
            return (micros, Some(error.to_string()));
        }
        micros.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    (micros, None)
}

impl Requests {
    fn written_out(&self, address: SocketAddr) -> Vec<Vec<u8>> {
        match self {
            Requests::Reads(paths) => paths.iter().map(|path| read(address, path)).collect(),
            Requests::Webhooks(messages) => {
                let (mut dice, mut next_new) = (Dice::new(messages.seed), messages.first_new);
                let mut message = |number| {
                    let sid = message_sid(&mut dice);
                    let (Sender::Existing(place) | Sender::New(place)) =
                        sender(&mut dice, messages.existing, &mut next_new);
                    webhook(address, &form(&sid, &customer(place), number))
                };
                (0..messages.most).map(&mut message).collect()
            }
        }
    }
}

fn read(address: SocketAddr, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {API_KEY}\r\naccept: */*\r\n\r\n"
    )
    .into_bytes()
}

fn webhook(address: SocketAddr, form: &str) -> Vec<u8> {
    let signature = sign(TWILIO_TOKEN, &format!("http://{address}{WEBHOOK_PATH}"), form.as_bytes());
    format!(
        "POST {WEBHOOK_PATH} HTTP/1.1\r\nhost: {address}\r\nuser-agent: TwilioProxy/1.1\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\
         x-twilio-signature: {signature}\r\naccept: */*\r\n\r\n{form}",
        form.len()
    )
    .into_bytes()
}

/// One read, outside any measurement.
pub(crate) async fn fetch(address: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut connection = Connection::open(address).await?;
    Ok(connection.roundtrip(&read(address, path)).await?.to_vec())
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, answer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request and returns the answer's body.
    async fn roundtrip(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        let body = loop {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the connection was closed");
            if let Some(end) = find(&self.answer, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let end = body + content_length(&self.answer[..body])?;
        while self.answer.len() < end {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the connection was closed");
        }
        ensure!(self.answer.len() == end, "the answer is longer than it says");
        if !self.answer.starts_with(b"HTTP/1.1 200 ") {
            bail!("{}", String::from_utf8_lossy(&self.answer));
        }
        Ok(&self.answer[body..])
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Both servers write header names in small letters.
fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let at = find(head, NAME).context("the answer has no content-length")? + NAME.len();
    let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Ok(digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0')))
}
