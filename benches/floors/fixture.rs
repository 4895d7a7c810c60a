//! The fixture as other people's tests use it: how soon it is ready, what a world costs, and how soon a wait hears of
//! what was answered. The floor beside the worlds is `GET /livez` on the same connection.

use crate::arguments::Size;
use crate::connection::Connection;
use crate::process::target_dir;
use crate::scale::program::{Program, Running};
use anyhow::ensure;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const STARTS: usize = 20;
/// Worlds that are made and dropped one after the other.
const TURNS: usize = 1_000;
const WORLDS: usize = 1_000;
const WAITERS: usize = 200;
const WAITS: usize = 1_000;

pub(crate) fn bench(size: &Size) -> anyhow::Result<()> {
    let program = Program::find(size.binary.as_deref(), &target_dir()?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let server = program.start_fixture()?;
        starts.push(server.started_in);
        server.stop()?;
    }
    println!("| what | median | p99 | most |\n|---|---|---|---|");
    row("exec to the first 200", starts);
    let server = program.start_fixture()?;
    runtime.block_on(turns(server.address))?;
    server.stop()?;
    let server = program.start_fixture()?;
    runtime.block_on(many(&server))?;
    server.stop()?;
    for apart in [true, false] {
        let server = program.start_fixture()?;
        runtime.block_on(waits(server.address, apart))?;
        server.stop()?;
    }
    Ok(())
}

fn row(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let figure = |place: f64| {
        let place = ((took.len() - 1) as f64 * place).round() as usize;
        format!("{:.3} ms", took[place].as_secs_f64() * 1e3)
    };
    println!("| {what} | {} | {} | {} |", figure(0.5), figure(0.99), figure(1.0));
}

fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn timed(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Duration> {
    let began = Instant::now();
    connection.roundtrip(request).await?;
    Ok(began.elapsed())
}

/// Worlds one after the other.
async fn turns(address: SocketAddr) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let (mut floor, mut made, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    let (live, make) =
        (request("GET", "/livez", ""), request("POST", "/_smslite/worlds", "{\"name\":\"turn\"}"));
    let drop = request("DELETE", "/_smslite/worlds/turn", "");
    for turn in 0..TURNS + 50 {
        let all = (
            timed(&mut connection, &live).await?,
            timed(&mut connection, &make).await?,
            timed(&mut connection, &drop).await?,
        );
        // The first ones warm it up.
        if turn >= 50 {
            floor.push(all.0);
            made.push(all.1);
            dropped.push(all.2);
        }
    }
    row("floor: GET /livez on the same connection", floor);
    row("a world made", made);
    row("a world dropped", dropped);
    Ok(())
}

/// Worlds side by side.
async fn many(server: &Running) -> anyhow::Result<()> {
    let mut connection = Connection::open(server.address).await?;
    connection.roundtrip(&request("POST", "/_smslite/worlds", "{}")).await?;
    let before = server.memory()?.resident;
    let (mut made, began) = (Vec::new(), Instant::now());
    for _ in 0..WORLDS {
        made.push(timed(&mut connection, &request("POST", "/_smslite/worlds", "{}")).await?);
    }
    let took = began.elapsed();
    let each = (server.memory()?.resident - before) / WORLDS as f64;
    let last = made.split_off(WORLDS - 100);
    row("a world made, the last 100 of 1,000", last);
    let (millis, kilobytes) = (took.as_millis(), each / 1e3);
    println!("| {WORLDS} worlds held | {millis} ms in all | {kilobytes:.1} kB each | |");
    Ok(())
}

/// From the webhook's answer to the wait's.
async fn waits(address: SocketAddr, apart: bool) -> anyhow::Result<()> {
    let mut control = Connection::open(address).await?;
    let worlds = if apart { WAITERS } else { 1 };
    for world in 0..worlds {
        let body = format!("{{\"name\":\"wait{world}\"}}");
        control.roundtrip(&request("POST", "/_smslite/worlds", &body)).await?;
    }
    let mut took = Vec::new();
    for round in 0..WAITS / WAITERS {
        let (told, mut heard) = mpsc::unbounded_channel();
        for waiter in 0..WAITERS {
            let told = told.clone();
            let mut connection = Connection::open(address).await?;
            tokio::spawn(async move {
                let path = format!(
                    "/w/wait{}/_smslite/wait?matches=^m{round}-{waiter}$&timeout=60",
                    waiter % worlds
                );
                let answered = connection.roundtrip(&request("GET", &path, "")).await.map(|_| Instant::now());
                let _ = told.send((waiter, answered));
            });
        }
        // All of them wait.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut answered = Vec::new();
        for waiter in 0..WAITERS {
            let path = format!("/w/wait{}/_smslite/inbound", waiter % worlds);
            let body = format!(
                "{{\"from\":\"+15559876543\",\"to\":\"+15551230001\",\"body\":\"m{round}-{waiter}\"}}"
            );
            control.roundtrip(&request("POST", &path, &body)).await?;
            answered.push(Instant::now());
        }
        for _ in 0..WAITERS {
            let Some((waiter, at)) = heard.recv().await else { break };
            took.push(at?.saturating_duration_since(answered[waiter]));
        }
    }
    ensure!(took.len() == WAITS, "not every wait was answered");
    let what = if apart { "each in a world of its own" } else { "all in one world" };
    row(&format!("webhook answered to wait answered, {WAITS} waits of {WAITERS} waiters, {what}"), took);
    Ok(())
}
