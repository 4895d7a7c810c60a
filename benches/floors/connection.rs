//! One keep-alive connection of the load generator. It reads each answer to its end and finds out whether
//! it is one: a status of success, and as long as it says, by its length or chunk by chunk.

use anyhow::{Context, bail, ensure};
use std::net::SocketAddr;
use std::ops::Range;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    /// Where the answer's body begins.
    body: usize,
    /// The pieces of the body.
    pieces: Vec<Range<usize>>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, answer: Vec::with_capacity(256 * 1024), body: 0, pieces: Vec::new() })
    }

    /// Sends a request and takes its whole answer. Returns how long the body is.
    pub(crate) async fn roundtrip(&mut self, request: &[u8]) -> anyhow::Result<usize> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        self.pieces.clear();
        self.body = loop {
            self.read().await?;
            if let Some(end) = find(&self.answer, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let end = match content_length(&self.answer[..self.body]) {
            Some(length) => self.rest(self.body..self.body + length).await?,
            None => self.chunks().await?,
        };
        ensure!(self.answer.len() == end, "the answer is longer than it says");
        if !self.answer.starts_with(b"HTTP/1.1 20") {
            bail!("{}", String::from_utf8_lossy(&self.answer));
        }
        Ok(self.pieces.iter().map(Range::len).sum())
    }

    /// The last answer: its headers, and its body as a whole.
    pub(crate) fn last(&self) -> (Vec<(String, String)>, Vec<u8>) {
        let head = String::from_utf8_lossy(&self.answer[..self.body]);
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        (headers, self.pieces.iter().flat_map(|piece| &self.answer[piece.clone()]).copied().collect())
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the connection was closed");
        Ok(())
    }

    /// Reads on until this is there, and takes it for a piece of the body.
    async fn rest(&mut self, piece: Range<usize>) -> anyhow::Result<usize> {
        let end = piece.end;
        while self.answer.len() < end {
            self.read().await?;
        }
        self.pieces.push(piece);
        Ok(end)
    }

    async fn chunks(&mut self) -> anyhow::Result<usize> {
        let head = &self.answer[..self.body];
        ensure!(find(head, b"\r\ntransfer-encoding: chunked\r\n").is_some(), "an answer of no known length");
        let mut at = self.body;
        loop {
            let line = loop {
                match find(&self.answer[at..], b"\r\n") {
                    Some(line) => break line,
                    None => self.read().await?,
                }
            };
            let length = std::str::from_utf8(&self.answer[at..at + line])?;
            let length = usize::from_str_radix(length, 16).context("a chunk tells its length")?;
            let begins = at + line + 2;
            at = self.rest(begins..begins + length).await? + 2;
            while self.answer.len() < at {
                self.read().await?;
            }
            if length == 0 {
                return Ok(at);
            }
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Both servers write header names in small letters.
fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let at = find(head, NAME)? + NAME.len();
    let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0')))
}
