//! Backups whose every checksum is right and which nobody ever wrote: what they say is believed no more than that.

use super::backups::{backup_of_a_life, proved};
use serde_json::Value;
use sha2::{Digest, Sha256};
use smslite::store::BackupError;

const MAGIC: usize = 16;
const CHAIN: usize = 16;
const HEAD: u8 = 1;
const ROWS: u8 = 2;
const END: u8 = 3;
const TAIL: u8 = 4;

/// Kinds and contents.
type Frames = Vec<(u8, Vec<u8>)>;

fn taken_apart(backup: &[u8]) -> Frames {
    let (mut rest, mut frames) = (&backup[MAGIC..], Vec::new());
    while let [kind, a, b, c, d, more @ ..] = rest {
        let (payload, more) = more.split_at(u32::from_le_bytes([*a, *b, *c, *d]) as usize);
        frames.push((*kind, zstd::stream::decode_all(payload).unwrap()));
        rest = &more[CHAIN..];
    }
    frames
}

fn put_together(magic: &[u8], frames: &Frames) -> Vec<u8> {
    let (mut backup, mut chain) = (magic.to_vec(), vec![0; CHAIN]);
    for (kind, content) in frames {
        let payload = zstd::bulk::compress(content, 1).unwrap();
        let frame = [&[*kind], (payload.len() as u32).to_le_bytes().as_slice(), &payload].concat();
        chain = Sha256::new().chain_update(&chain).chain_update(&frame).finalize()[..CHAIN].to_vec();
        backup.extend(frame.iter().chain(&chain));
    }
    backup
}

fn change_json(frame: &mut (u8, Vec<u8>), change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&frame.1).unwrap();
    change(&mut value);
    frame.1 = serde_json::to_vec(&value).unwrap();
}

/// Adds a row to the first ones, and to their number.
fn add_row(frames: &mut Frames, row: &[u8]) {
    assert_eq!((frames[1].0, frames[2].0), (ROWS, END));
    frames[1].1.extend_from_slice(row);
    change_json(&mut frames[2], |end| end["rows"] = (end["rows"].as_u64().unwrap() + 1).into());
}

fn table(frames: &Frames, name: &str) -> u8 {
    let head: Value = serde_json::from_slice(&frames[0].1).unwrap();
    head["tables"].as_array().unwrap().iter().position(|table| table == name).unwrap() as u8
}

#[test]
fn what_is_taken_apart_and_put_together_is_the_same_backup() {
    let backup = backup_of_a_life();
    let frames = taken_apart(&backup);
    assert_eq!(frames.iter().map(|frame| frame.0).collect::<Vec<_>>(), [HEAD, ROWS, END]);
    assert!(put_together(&backup[..MAGIC], &frames) == backup);
}

#[test]
fn a_backup_of_a_newer_format_is_refused_with_both_numbers() {
    let backup = backup_of_a_life();
    let mut frames = taken_apart(&backup);
    change_json(&mut frames[0], |head| head["format"] = 7.into());
    let refused = proved(&put_together(&backup[..MAGIC], &frames));
    assert!(matches!(refused, Err(BackupError::Newer { found: 7, known: 6 })), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("upgrade"));
}

#[test]
fn a_backup_that_says_what_cannot_be_is_refused() {
    type Forge = fn(&mut Frames);
    let forgeries: [(&str, Forge); 9] = [
        ("a table that smslite never had", |frames| {
            change_json(&mut frames[0], |head| head["tables"][0] = "recipes".into());
        }),
        ("rows are said to be in it", |frames| {
            change_json(&mut frames[2], |end| end["rows"] = (end["rows"].as_u64().unwrap() + 1).into());
        }),
        ("rows are said to be in it", |frames| drop(frames.remove(1))),
        ("a row of no table", |frames| add_row(frames, &[99, 1, 7, 0])),
        ("a row of another length", |frames| {
            // A key of three bytes.
            let row = [table(frames, "sequences"), 3, 0, 0, 1, 1, 1, 0];
            add_row(frames, &row);
        }),
        ("a row of another length", |frames| {
            // A count of two bytes.
            let row = [&[table(frames, "counts"), 13], [0; 13].as_slice(), &[1, 2, 0, 0]].concat();
            add_row(frames, &row);
        }),
        ("a frame stands where it cannot", |frames| frames.push((ROWS, Vec::new()))),
        ("a frame stands where it cannot", |frames| frames.insert(1, (TAIL, vec![0; 8]))),
        ("a tail without a time", |frames| frames.push((TAIL, vec![0; 7]))),
    ];
    let backup = backup_of_a_life();
    for (place, (wanted, forge)) in forgeries.into_iter().enumerate() {
        let mut frames = taken_apart(&backup);
        forge(&mut frames);
        let refused = proved(&put_together(&backup[..MAGIC], &frames)).map(drop).map_err(|e| e.to_string());
        assert!(refused.as_ref().is_err_and(|told| told.contains(wanted)), "{place}, {wanted}: {refused:?}");
    }
}
