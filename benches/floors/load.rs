//! The load generator: its own process, keep-alive connections, requests that were written out before
//! the clock starts. Each connection has one request under way. An answer counts only with status 200
//! and a whole body that is no shorter than it may be; everything else is an error.

use crate::connection::Connection;
use crate::data::{
    OUR_NUMBER, Sender, TWILIO_TOKEN, WEBHOOK_PATH, customer, form, message_sid, sender, text,
};
use crate::dice::Dice;
use crate::process::answer;
use anyhow::ensure;
use serde::{Deserialize, Serialize};
use smslite::carriers::twilio::sign;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Barrier;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub address: SocketAddr,
    pub connections: usize,
    pub seconds: f64,
    pub requests: Requests,
    /// No body is shorter.
    pub least_bytes: usize,
    /// So many requests are due each second, whether those before were answered or not: how long one takes
    /// counts from when it was due. None: as many as there can be.
    pub per_second: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Requests {
    /// These paths, round and round.
    Reads {
        key: String,
        paths: Vec<String>,
    },
    Webhooks(Messages),
}

/// Inbound messages, each sent once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Messages {
    /// How many customers the data has; 0: all are new.
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
    pub max_micros: u32,
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
            max_micros: at(100),
        }
    }
}

/// Carries out one plan a line.
pub(crate) fn generate() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    answer(|plan: Plan| runtime.block_on(run(plan)))
}

async fn run(plan: Plan) -> anyhow::Result<Measured> {
    let requests: Arc<Vec<_>> = Arc::new(plan.requests.written_out(plan.address));
    ensure!(!requests.is_empty(), "nothing to ask for");
    let start = Arc::new(Barrier::new(plan.connections + 1));
    let mut running = Vec::new();
    for place in 0..plan.connections {
        let client = Client {
            connection: Connection::open(plan.address).await?,
            seconds: Duration::from_secs_f64(plan.seconds),
            least_bytes: plan.least_bytes,
            every: plan.per_second.map(|rate| Duration::from_secs_f64(plan.connections as f64 / rate)),
            place: place as f64 / plan.connections as f64,
        };
        let (requests, start) = (requests.clone(), start.clone());
        let round_and_round = matches!(plan.requests, Requests::Reads { .. });
        running.push(tokio::spawn(async move {
            start.wait().await;
            // Its own share of what is sent once; all of what is read again and again.
            let all = requests.iter();
            if round_and_round {
                let first = place * requests.len() / plan.connections;
                client.run(all.cycle().skip(first)).await
            } else {
                client.run(all.skip(place).step_by(plan.connections)).await
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

struct Client {
    connection: Connection,
    seconds: Duration,
    least_bytes: usize,
    every: Option<Duration>,
    /// Which part of `every` it begins with, so that not all ask at once.
    place: f64,
}

impl Client {
    /// One request after the other. Returns how long each took, in microseconds, and why it ended early.
    async fn run<'r>(mut self, requests: impl Iterator<Item = &'r Vec<u8>>) -> (Vec<u32>, Option<String>) {
        let (began, mut micros) = (Instant::now(), Vec::new());
        let mut due = self.every.map(|every| began + every.mul_f64(self.place));
        for request in requests {
            if began.elapsed() >= self.seconds {
                break;
            }
            if let Some(due) = due {
                tokio::time::sleep_until(due.into()).await;
            }
            let asked = due.unwrap_or_else(Instant::now);
            match self.connection.roundtrip(request).await {
                Ok(bytes) if bytes < self.least_bytes => {
                    return (micros, Some(format!("an answer of {bytes} bytes")));
                }
                Ok(_) => {}
                Err(error) => return (micros, Some(error.to_string())),
            }
            micros.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
            due = due.zip(self.every).map(|(due, every)| due + every);
        }
        (micros, None)
    }
}

impl Requests {
    fn written_out(&self, address: SocketAddr) -> Vec<Vec<u8>> {
        match self {
            Requests::Reads { key, paths } => paths.iter().map(|path| read(address, key, path)).collect(),
            Requests::Webhooks(messages) => {
                let (mut dice, mut next_new) = (Dice::new(messages.seed), messages.first_new);
                let mut message = |number| {
                    let sid = message_sid(&mut dice);
                    let (Sender::Existing(place) | Sender::New(place)) = match messages.existing {
                        0 => Sender::New(messages.first_new + number),
                        existing => sender(&mut dice, existing, &mut next_new),
                    };
                    webhook(address, &form(&sid, &customer(place), OUR_NUMBER, &text(number)))
                };
                (0..messages.most).map(&mut message).collect()
            }
        }
    }
}

fn read(address: SocketAddr, key: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\naccept: */*\r\n\r\n")
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

/// An answer, taken outside any measurement: its headers and its body.
pub(crate) struct Answer {
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// How long it took.
    pub micros: u32,
}

pub(crate) fn fetch(address: SocketAddr, key: &str, path: &str) -> anyhow::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(address).await?;
        let asked = Instant::now();
        connection.roundtrip(&read(address, key, path)).await?;
        let micros = u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX);
        let (headers, body) = connection.last();
        Ok(Answer { headers, body, micros })
    })
}
