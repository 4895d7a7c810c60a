//! Three benchmarks. The floors: how close smslite comes to what it is built on, measured in the same run:
//! reads against bare axum that answers the same bytes, inbound messages against bare redb that commits the
//! same rows. The scale: whether reads stay as fast when there is much data, how soon it starts, how little
//! memory and disk it takes. The fixture: what worlds and waits cost those who test with it.
//!
//!     cargo bench                                   5 rounds of 2 s a case, 100,000 conversations
//!     cargo bench -- --quick                        2 rounds of 0.7 s
//!     cargo bench -- --only csv                     one case
//!     cargo bench -- fixture                        worlds and waits, with target/release/smslite
//!     cargo bench -- scale                          1,000,000 conversations, with target/release/smslite
//!
//! Servers, floors and the load generator are processes of their own: this program again, in another role.
//! See ../RESULTS.md.

mod arguments;
mod connection;
mod data;
mod dice;
mod fixture;
mod floor_redb;
mod floor_rows;
mod floors;
mod load;
mod process;
mod reads;
mod report;
mod scale;
mod servers;

use arguments::Size;
use std::path::Path;

/// As in the program; the floors get it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What cargo says to every benchmark.
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| *word != "--bench").collect();
    match &words[..] {
        ["smslite", dir] => servers::smslite(Path::new(dir)),
        ["axum", dir] => servers::bare_axum(Path::new(dir)),
        ["redb", file] => floor_redb::bare_redb(Path::new(file)),
        ["load"] => load::generate(),
        ["fixture", words @ ..] => fixture::bench(&Size::of_scale(words)?),
        ["scale", words @ ..] => scale::bench(&Size::of_scale(words)?),
        words => floors::bench(&Size::of_floors(words)?),
    }
}
